import { createDesk } from "./desk.js";
import { NO_FILTER } from "./events.js";
import { INTERIOR, MARKED } from "./layers.js";
import { listen } from "./live.js";
import { createMovers } from "./movers.js";
import { quantiles } from "./palette.js";

const PLACE_LAYERS = ["building", "unit", "storey", "space", "grid", "community"];
const STATES_EVERY_MS = 30_000;
const NEAR_M = 3;
const KINDS = "observations,alarm,alarm_quiet,incident,device,camera,change,undo";
const SILENT = ["silent", "offline"];

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
  shelved: new Map(),
  unlisted: 0,
  incidents: new Map(),
  opened: new Map(),
  alarmed: new Map(),
  movers: new Map(),
  silent: new Set(),
  readings: new Map(),
  heard: new Set(),
  people: null,
  status: "connecting",
  loading: { done: 0, of: 1 },
  filter: NO_FILTER,
  filtering: false,
  cursor: null,
  armed: null,
  event: null,
  eventData: null,
  eventFault: null,
  step: null,
  stepFault: null,
  busy: false,
  notice: null,
  camera: null,
});

/** What the cockpit knows and how it learns it: every change of the store that needs the server starts here. */
export function createModel(store, api) {
  const { state } = store;
  const desk = createDesk(store, api);
  const movers = createMovers(store, api);
  let pending = null; // events that came while a snapshot was on its way
  let firstRead = null;
  const known = new Promise((resolve) => {
    firstRead = resolve;
  });

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
      () => (layer !== "device" ? recordNear(layer, id, coordinate) : home ? deviceIn(home, id) : deviceAlone(id)),
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

  async function deviceAlone(id) {
    const { name, attributes } = await api.json(`v1/devices/${encodeURIComponent(id)}`);
    return { layer: "device", id, code: id, name, attributes, record: { id, values: {} } };
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
    store.set({
      chosen: null,
      chosenState: null,
      chosenData: null,
      building: null,
      rooms: null,
      storey: null,
      event: null,
      eventData: null,
      step: null,
    });

  /** Read what is open and what is silent now; events that arrive meanwhile are applied after it. */
  async function snapshot() {
    pending ??= [];
    try {
      const [{ devices }] = await Promise.all([api.json("v1/states"), desk.read(), movers.read()]);
      setSilent(devices);
    } catch (fault) {
      store.set({ notice: fault.message });
    }
    firstRead();
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
    if (kind === "alarm" || kind === "alarm_quiet") desk.put(data);
    else if (kind === "incident") desk.putIncident(data);
    else if (kind === "camera") desk.putCameras(data);
    else if (kind === "observations") observe(data.items);
    else if (kind === "device") heardOf(data);
    else if (kind === "change" || kind === "undo") void changed(data.layers);
    return undefined;
  }

  /** A device is silent, or speaks again. */
  function heardOf({ device, status }) {
    const silent = new Set(state.silent);
    if (SILENT.includes(status)) silent.add(device);
    else silent.delete(device);
    if (silent.size !== state.silent.size) store.set({ silent });
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
    movers.observe(items);
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
    desk.setAlarms(state.alarms);
  }

  /** Make sure that a layer's pack is there, shown or not. */
  async function need(name) {
    const layer = state.scene.layers.find((each) => each.name === name);
    if (layer?.href && !state.packs.has(name)) await loadPacks([layer]);
  }

  function live() {
    listen(api.address(`v1/stream?kinds=${KINDS}`), { onEvent, onStatus: (status) => store.set({ status }) });
    setInterval(refreshStates, STATES_EVERY_MS);
  }

  return {
    load,
    toggle,
    choosePlace,
    chooseRecord,
    clear,
    desk,
    known,
    need,
    live,
    recount: () => desk.setAlarms(state.alarms),
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
