import { viewAt, viewOf, viewOfBuilding } from "./camera.js";
import { INTERIOR } from "./layers.js";
import { actingAs } from "./steps.js";
import { alarmRow, filtered, inSpace, incidentRow, rowsOf } from "./events.js";
import { anchorOf, buildingOf } from "./marks.js";
import { neighbour, storeysOf } from "./storeys.js";

const SURE_MS = 6000;

/** What a user can do, by mouse, key or list; `onSelect(code)` hears which place was chosen. */
export function createActs(app) {
  const { state, store, model, map, onSelect } = app;
  const { desk } = model;
  let cursorAt = 0;
  let disarm = null;
  const layerNamed = (name) => state.scene.layers.find((layer) => layer.name === name);

  function click(picked) {
    if (!picked) return;
    if (picked.layer === "movers") return void goToMover(picked.row);
    const name = picked.layer.replace(/-(polygon|line|point)$/, "");
    if (layerNamed(name)?.access !== "open") return;
    const pack = name === INTERIOR ? state.rooms : state.packs.get(name);
    const parts = pack.arrays[picked.layer.endsWith("-line") ? "line.feature" : "polygon.feature"];
    const feature = picked.row?.feature ?? parts[picked.index];
    const storey = name === INTERIOR ? pack.arrays.storey[feature] : null;
    void desk.choose(null);
    if (model.isPlace(name)) void goToPlace(pack.ids[feature], { keepCamera: name === INTERIOR, storey });
    else void model.chooseRecord(name, pack.ids[feature], picked.coordinate);
  }

  async function goToPlace(code, options) {
    await desk.choose(null);
    return visit(code, options);
  }

  async function visit(code, { keepCamera = false, storey = null, animate = true } = {}) {
    onSelect(code);
    const place = await model.choosePlace(code, { storey });
    if (place?.geometry && !keepCamera) map?.look(viewOf(place, state.ground), { animate });
  }

  const goToAlarm = (alarm) => goToEvent(alarmRow(alarm));

  /** Fly to where it happened, with only its storey shown; beside the map stands what there is to know and to do. */
  async function goToEvent(row, options) {
    store.set({ cursor: row.key });
    if (!row.place) model.clear();
    const looked = desk.choose(row);
    if (row.place) await visit(row.place, { storey: row.storey, ...options });
    else if (row.center) map?.look(viewAt(row.center), options);
    return looked;
  }

  const eventRows = () => {
    const grids = state.packs.get("grid");
    const space = { map, grids, buildingOf: (place) => buildingOf(state, place) };
    return filtered(rowsOf(state), state.filter, Date.now(), (name, row) => inSpace(name, row, space));
  };

  const rowOf = (key) => rowsOf(state).find((row) => row.key === key) ?? null;

  /** The row that keys speak of; when it has left the list, the one that took its place. */
  function current(rows) {
    const at = rows.findIndex((row) => row.key === state.cursor);
    if (at >= 0) cursorAt = at;
    return { at, near: Math.min(cursorAt, rows.length - 1) };
  }

  function stepEvent(step) {
    const rows = eventRows();
    const { at, near } = current(rows);
    const next = state.cursor === null ? 0 : at < 0 ? near : Math.max(0, Math.min(rows.length - 1, at + step));
    if (!rows[next]) return;
    cursorAt = next;
    store.set({ cursor: rows[next].key });
    app.page.focusRow(rows[next].key);
  }

  function openCurrent() {
    const row = rowOf(state.cursor);
    if (row) void goToEvent(row);
  }

  /** Nothing takes an acknowledgement back, so it is asked for twice: the second press within seconds does it. */
  function acknowledge(row = rowOf(state.cursor)) {
    if (!row?.todo) return;
    clearTimeout(disarm);
    if (state.armed !== row.key) {
      current(eventRows());
      store.set({ armed: row.key, cursor: row.key });
      disarm = setTimeout(() => store.set({ armed: null }), SURE_MS);
      return;
    }
    store.set({ armed: null });
    void desk.act(row, row.kind === "incident" ? "accept" : "acknowledge", { by: actingAs(app.words) });
  }

  async function take(step, facts) {
    const { event: row } = state;
    const said = { by: actingAs(app.words), ...facts };
    if (step !== "incident") return desk.act(row, step, said);
    const filed = await desk.file(row.source, said);
    return filed && goToEvent(filed);
  }

  const goToIncident = (no) => state.incidents.has(no) && goToEvent(incidentRow(state.incidents.get(no)));

  /** A link of an event's own: wait until it is known what there is. */
  async function goToKey(key, options) {
    await model.known;
    const row = rowOf(key);
    if (row) await goToEvent(row, options);
  }

  function lookAt({ position }) {
    if (position) map?.look(viewAt(position));
  }

  async function goToMover(mover) {
    await desk.choose(null);
    return model.chooseRecord("device", mover.device, mover.position);
  }

  async function goToResult({ layer, id, place, center }) {
    await desk.choose(null);
    if (model.isPlace(layer)) return goToPlace(id);
    if (place) await goToPlace(place);
    else if (center) map?.look(viewAt(center));
    return model.chooseRecord(layer, id, center);
  }

  function home(options) {
    if (state.scene?.bounds) map?.fit(state.scene.bounds, options);
  }

  function clear() {
    if (state.armed) return store.set({ armed: null });
    const inside = state.building;
    model.clear();
    onSelect("");
    if (inside) home();
    return undefined;
  }

  function showStorey(storey) {
    store.set({ storey });
    const at = storey === null || !state.rooms ? -1 : state.rooms.arrays.storey.indexOf(storey);
    if (storey === null && state.building) map?.look(viewOfBuilding(state.packs.get("building"), state.building));
    else if (at >= 0) map?.look({ position: [0, 0, state.rooms.arrays.z_min[at] - state.ground || 0] });
  }

  function stepStorey(step) {
    const next = neighbour(storeysOf(state.rooms), state.storey, step);
    if (state.rooms && (next !== null || step > 0)) showStorey(next);
  }

  function toggleHeat() {
    const layer = state.scene?.layers.find((each) => each.style.draw === "heat" && each.href);
    if (layer) void model.toggle(layer.name, !state.visible.has(layer.name));
  }

  /** Where a room of the open building, or a building, is seen: pixels from the map's corner. */
  const locate = (id) => map.viewport().project(anchorOf(state, id)).slice(0, 2);

  const tilt = () => map?.look({ pitch: map.camera().pitch > 5 ? 0 : 52 });
  const north = () => map?.look({ bearing: 0 });

  return {
    click,
    goToPlace,
    goToAlarm,
    goToEvent,
    goToIncident,
    goToKey,
    goToMover,
    goToResult,
    eventRows,
    rowOf,
    stepEvent,
    openCurrent,
    acknowledge,
    take,
    lookAt,
    home,
    clear,
    showStorey,
    stepStorey,
    toggleHeat,
    locate,
    tilt,
    north,
  };
}
