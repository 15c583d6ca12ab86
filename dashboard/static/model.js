import { listen } from "./live.js";
import { quantiles } from "./palette.js";
import { INTERIOR, MARKED } from "./layers.js";
import { buildingOf } from "./marks.js";

const PLACE_LAYERS = ["building", "unit", "storey", "space", "grid", "community"];
const STATES_EVERY_MS = 30_000;
const NEAR_M = 3;

/** What is known before anything was asked. */
export const initialState = () => ({
  scene: null,
  packs: new Map(),
  failed: new Map(),
  visible: new Set(),
  ground: 0,
  near: false,
  signs: false,
  building: null,
  rooms: null,
  storey: null,
  chosen: null,
  chosenState: null,
  chosenData: null,
  chosenFault: null,
  alarms: new Map(),
  alarmed: new Map(),
  silent: new Set(),
  readings: new Map(),
  heard: new Set(),
  people: null,
  status: "connecting",
  loading: { done: 0, of: 1 },
  severity: null,
  notice: null,
  camera: null,
});

/** What the cockpit knows and how it learns it: every change of the store that needs the server starts here. */
export function createModel(store, api) {
  const { state } = store;
  let pending = null; // events that came while a snapshot was on its way

  async function load() {
    const scene = await api.json("v1/scene");
    const visible = new Set(
      scene.layers
        .filter((layer) => layer.href && (layer.style.visible || layer.name === INTERIOR))
        .map((layer) => layer.name),
    );
    store.set({ scene, visible });
    await Promise.all([loadPacks(scene.layers.filter((layer) => visible.has(layer.name))), loadPeople()]);
  }

  async function loadPacks(layers) {
    const wanted = layers.filter((layer) => layer.href && ![INTERIOR, MARKED].includes(layer.name));
    store.set({ loading: { done: 0, of: wanted.length } });
    await Promise.all(wanted.map(loadPack));
  }

  async function loadPack(layer) {
    const failed = new Map(state.failed);
    failed.delete(layer.name);
    try {
      const pack = await api.pack(layer.href);
      const packs = new Map(state.packs).set(layer.name, pack);
      store.set({ packs, ...(layer.name === "building" && { ground: groundOf(pack) }) });
    } catch (fault) {
      failed.set(layer.name, fault.message);
    }
    store.set({ failed, loading: { ...state.loading, done: state.loading.done + 1 } });
  }

  async function toggle(name, on) {
    const visible = new Set(state.visible);
    if (on) visible.add(name);
    else visible.delete(name);
    store.set({ visible });
    const layer = state.scene.layers.find((each) => each.name === name);
    if (on && !state.packs.has(name)) await loadPacks([layer]);
    if (layer.style.draw === "heat") await loadPeople();
  }

  /** Sums by building of the heat layer that is on; groups too small to show stay unknown. */
  async function loadPeople() {
    const layer = state.scene.layers.find((each) => each.style.draw === "heat" && state.visible.has(each.name));
    if (!layer) return store.set({ people: null });
    const { layers } = await api.json("v1/layers");
    const counted = layers.find((each) => each.name === layer.name).derived_from ?? layer.name;
    const sum = layer.style.weight ? `&sum=${layer.style.weight}` : "";
    const { groups } = await api.json(`v1/aggregate?layer=${counted}&by=building${sum}`);
    const known = groups
      .filter((group) => group.value !== null || group.count !== null)
      .map((group) => [group.key, layer.style.weight ? group.value : group.count]);
    return store.set({
      people: { groups: new Map(known), bounds: quantiles(known.map(([, value]) => value)), color: layer.style.color },
    });
  }

  /** Choose a place by its code: learn about it, open its building. Returns what the server said, null on a fault. */
  async function choosePlace(code, { storey } = {}) {
    const started = { id: code, layer: null };
    store.set({ chosen: started, chosenState: "loading", chosenData: null });
    const place = await ask(() => api.json(`v1/places/${encodeURIComponent(code)}`), started);
    if (!place) return null;
    const building =
      place.layer === "building"
        ? place.code
        : (place.ancestors.find((above) => above.layer === "building")?.code ?? null);
    store.set({
      chosen: { id: place.code, layer: place.layer },
      chosenState: "known",
      chosenData: {
        layer: place.layer,
        id: place.code,
        code: place.text ?? place.code,
        name: place.name,
        attributes: place.attributes,
        place,
      },
      storey: place.layer === "building" ? (storey ?? null) : (place.storey ?? storey ?? null),
    });
    await enter(building);
    return place;
  }

  async function enter(building) {
    if (building === state.building) return;
    store.set({ building, rooms: null });
    if (!building) return;
    try {
      const rooms = (await interior(INTERIOR, building)) ?? (await interior("storey", building));
      if (state.building === building) store.set({ rooms });
    } catch (fault) {
      store.set({ notice: fault.message });
    }
  }

  /** What lies inside a building: its rooms, or its storeys when nobody drew the rooms; null when there are none. */
  async function interior(name, building) {
    const layer = state.scene.layers.find((each) => each.name === name);
    if (!layer?.href) return null;
    const pack = await api.pack(`${layer.href}?within=${encodeURIComponent(building)}`);
    return pack.arrays["polygon.start"] ? pack : null;
  }

  /** Choose a record that is not a place: a device by the place it stands in, others by where they are. */
  async function chooseRecord(layer, id, coordinate) {
    const pack = state.packs.get(layer);
    const home = pack && pack.index(id) >= 0 ? pack.value("place", pack.index(id)) : null;
    const started = { id, layer };
    store.set({ chosen: started, chosenState: "loading", chosenData: null });
    const found = await ask(
      () => (layer === "device" && home ? deviceIn(home, id) : recordNear(layer, id, coordinate)),
      started,
    );
    if (found) store.set({ chosenState: "known", chosenData: found });
    return found;
  }

  async function deviceIn(home, id) {
    const place = await api.json(`v1/places/${encodeURIComponent(home)}`);
    const record = place.records.device.find((device) => device.id === id) ?? { id, values: {}, attributes: {} };
    const above = [...place.ancestors, { code: place.code, name: place.name, layer: place.layer }];
    return {
      layer: "device",
      id,
      code: id,
      name: record.name,
      attributes: record.attributes,
      record,
      place: { ...place, ancestors: above },
    };
  }

  async function recordNear(layer, id, [lon, lat]) {
    const found = await api.json(`v1/query?layers=${layer}&near=${lon},${lat},${NEAR_M}&limit=100`);
    const feature = found.features.find((each) => each.id === id);
    if (!feature) return { layer, id, name: id, attributes: {} };
    return {
      layer,
      id,
      code: id,
      name: feature.properties.name,
      attributes: feature.properties,
      record: { id, values: {} },
    };
  }

  async function ask(question, started) {
    try {
      const answer = await question();
      return state.chosen === started ? answer : null;
    } catch (fault) {
      if (state.chosen === started) store.set({ chosenState: "failed", chosenFault: fault });
      return null;
    }
  }

  const clear = () =>
    store.set({ chosen: null, chosenState: null, chosenData: null, building: null, rooms: null, storey: null });

  async function acknowledge(alarm, by) {
    try {
      put(await api.post(`v1/alarms/${encodeURIComponent(alarm.id)}/acknowledge`, { by }));
    } catch (fault) {
      store.set({ notice: fault.message });
    }
  }

  /** Read what is open and what is silent now; events that arrive meanwhile are applied after it. */
  async function snapshot() {
    pending ??= [];
    try {
      const [{ alarms }, { devices }] = await Promise.all([api.json("v1/alarms?state=open"), api.json("v1/states")]);
      setAlarms(new Map(alarms.map((alarm) => [alarm.id, alarm])));
      setSilent(devices);
    } catch (fault) {
      store.set({ notice: fault.message });
    }
    const waiting = pending;
    pending = null;
    waiting.forEach(([kind, data]) => onEvent(kind, data));
  }

  const setSilent = (devices) =>
    store.set({ silent: new Set(Object.keys(devices).filter((id) => devices[id] !== "alarm")) });

  async function refreshStates() {
    if (state.status === "live")
      await api.json("v1/states").then(
        ({ devices }) => setSilent(devices),
        (fault) => store.set({ notice: fault.message }),
      );
  }

  function onEvent(kind, data) {
    if (kind === "hello" || kind === "resync") return void snapshot();
    if (pending) return void pending.push([kind, data]);
    if (kind === "alarm") put(data);
    else if (kind === "observations") observe(data.items);
    else if (kind === "change" || kind === "undo") void changed(data.layers);
    return undefined;
  }

  function put(alarm) {
    const known = state.alarms.get(alarm.id);
    if (known && known.changed_at > alarm.changed_at) return;
    const alarms = new Map(state.alarms);
    if (alarm.active || !alarm.acknowledged) alarms.set(alarm.id, alarm);
    else alarms.delete(alarm.id);
    setAlarms(alarms);
  }

  /** Which places show an alarm's colour: the worst active one in each room and building. */
  function setAlarms(alarms) {
    const alarmed = new Map();
    for (const { active, place, severity } of alarms.values()) {
      for (const key of active && place ? [place, buildingOf(state, place)] : []) {
        if (key) alarmed.set(key, Math.min(severity, alarmed.get(key) ?? severity));
      }
    }
    const same =
      alarmed.size === state.alarmed.size && [...alarmed].every(([key, value]) => state.alarmed.get(key) === value);
    store.set({ alarms, alarmed: same ? state.alarmed : alarmed });
  }

  function observe(items) {
    const readings = new Map(state.readings);
    const heard = new Set();
    for (const [device, property, value, time] of items) {
      readings.set(device, { ...readings.get(device), [property]: { value, time } });
      heard.add(device);
    }
    const silent = new Set([...state.silent].filter((id) => !heard.has(id)));
    store.set({ readings, heard, ...(silent.size !== state.silent.size && { silent }) });
  }

  async function changed(layers) {
    const scene = await api.json("v1/scene");
    store.set({ scene });
    await loadPacks(
      scene.layers.filter(
        (layer) => layers.includes(layer.name) && (state.packs.has(layer.name) || state.visible.has(layer.name)),
      ),
    );
    if (layers.includes(INTERIOR) && state.building) {
      const { building } = state;
      store.set({ building: null });
      await enter(building);
    }
    setAlarms(state.alarms);
  }

  function live() {
    listen(api.address("v1/stream"), { onEvent, onStatus: (status) => store.set({ status }) });
    setInterval(refreshStates, STATES_EVERY_MS);
  }

  return {
    load,
    toggle,
    choosePlace,
    chooseRecord,
    clear,
    acknowledge,
    live,
    recount: () => setAlarms(state.alarms),
    isPlace: (layer) => PLACE_LAYERS.includes(layer),
  };
}

/** Height that is drawn as the ground: the middle one of the buildings' feet. */
function groundOf(pack) {
  const feet = Array.from(pack.arrays.z_min)
    .filter((z) => !Number.isNaN(z))
    .sort((a, b) => a - b);
  return feet.length ? feet[feet.length >> 1] : 0;
}
