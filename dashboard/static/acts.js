import { viewAt, viewOf, viewOfBuilding } from "./camera.js";
import { INTERIOR } from "./layers.js";
import { anchorOf } from "./marks.js";
import { neighbour, storeysOf } from "./storeys.js";

/** What a user can do, by mouse, key or list; `onSelect(code)` hears which place was chosen. */
export function createActs({ state, store, model, map, onSelect }) {
  const layerNamed = (name) => state.scene.layers.find((layer) => layer.name === name);

  function click(picked) {
    if (!picked) return;
    const name = picked.layer.replace(/-(polygon|line|point)$/, "");
    if (layerNamed(name)?.access !== "open") return;
    const pack = name === INTERIOR ? state.rooms : state.packs.get(name);
    const parts = pack.arrays[picked.layer.endsWith("-line") ? "line.feature" : "polygon.feature"];
    const feature = picked.row?.feature ?? parts[picked.index];
    const storey = name === INTERIOR ? pack.arrays.storey[feature] : null;
    if (model.isPlace(name)) void goToPlace(pack.ids[feature], { keepCamera: name === INTERIOR, storey });
    else void model.chooseRecord(name, pack.ids[feature], picked.coordinate);
  }

  async function goToPlace(code, { keepCamera = false, storey = null, animate = true } = {}) {
    onSelect(code);
    const place = await model.choosePlace(code, { storey });
    if (place?.geometry && !keepCamera) map?.look(viewOf(place, state.ground), { animate });
  }

  async function goToAlarm(alarm) {
    if (alarm.place) return goToPlace(alarm.place, { storey: alarm.storey });
    if (alarm.center) map?.look(viewAt(alarm.center));
    return model.chooseRecord("device", alarm.device, alarm.center);
  }

  async function goToResult({ layer, id, place, center }) {
    if (model.isPlace(layer)) return goToPlace(id);
    if (place) await goToPlace(place);
    else if (center) map?.look(viewAt(center));
    return model.chooseRecord(layer, id, center);
  }

  function home(options) {
    if (state.scene?.bounds) map?.fit(state.scene.bounds, options);
  }

  function clear() {
    const inside = state.building;
    model.clear();
    onSelect("");
    if (inside) home();
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
    goToResult,
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
