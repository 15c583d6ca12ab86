import { alarmList } from "./alarms.js";
import { createApi } from "./api.js";
import { layerList, legend } from "./catalogue.js";
import { details } from "./details.js";
import { debounce, h } from "./dom.js";
import { listenToKeys } from "./keyboard.js";
import { INTERIOR, buildLayers } from "./layers.js";
import { readLink, writeLink } from "./link.js";
import { createMap, hasWebGl2 } from "./map.js";
import { anchorOf, buildMarks } from "./marks.js";
import { createModel, initialState } from "./model.js";
import { createOverlay } from "./overlay.js";
import { createPage, fill, helpDialog } from "./page.js";
import { SEVERITIES } from "./palette.js";
import { createSearch } from "./search.js";
import { createStore } from "./store.js";
import { neighbour, storeyRail, storeysOf } from "./storeys.js";
import { tiles } from "./tiles.js";
import { LANGUAGES, loadWords } from "./words.js";

const ROOM_ZOOM = 19.3;
const BUILDING_ZOOM = 18.4;
const DEVICES_FROM_ZOOM = 17.3;
const NOTICE_MS = 8000;

/**
 * Build the cockpit inside an element (a page's or a Panel component's).
 *
 * Returns a handle on what is shown (also the `cockpit` property of the root element), null when the server is away.
 *
 * `onSelect(code)` hears what the user chose; `watch(fly)` hands over a function that chooses from outside.
 */
export async function start(container, { onSelect = () => {}, watch = () => {} } = {}) {
  const link = readLink();
  let words = await loadWords(LANGUAGES.includes(link.language) ? link.language : (LANGUAGES.find((each) => navigator.language.startsWith(each)) ?? "zh"));
  const page = createPage(words);
  await stylesheet(container);
  container.append(page.root);

  const store = createStore(initialState);
  const { state } = store;
  const api = createApi();
  const model = createModel(store, api);
  const webgl = hasWebGl2();
  const map = webgl.available ? await openMap() : null;
  const overlay = map && createOverlay(page.overlay, map);
  const search = createSearch(api, () => words, { layerTitle: (name) => words.of(layerNamed(name)?.title) || name, onChoose: goToResult });
  page.search.append(search.element);

  function layerNamed(name) {
    return state.scene?.layers.find((layer) => layer.name === name);
  }

  async function openMap() {
    await script("deck.gl.js");
    return createMap(page.map, { slow: webgl.slow, onClick, onCamera, onFrame: () => overlay?.place(), onError: (fault) => store.set({ notice: fault.message }) });
  }

  // -- what the user does ------------------------------------------------------------------------------------

  function onClick(picked) {
    if (!picked) return;
    const name = picked.layer.replace(/-(polygon|line|point)$/, "");
    const pack = name === INTERIOR ? state.rooms : state.packs.get(name);
    const part = picked.row?.feature ?? pack.arrays[picked.layer.endsWith("-line") ? "line.feature" : "polygon.feature"][picked.index];
    const id = pack.ids[part];
    if (layerNamed(name).access === "aggregate" || layerNamed(name).style.draw === "heat") return;
    if (model.isPlace(name)) goToPlace(id, { keepCamera: name === INTERIOR, storey: name === INTERIOR ? pack.arrays.storey[part] : null });
    else void model.chooseRecord(name, id, picked.coordinate);
  }

  async function goToPlace(code, { keepCamera = false, storey = null, animate = true } = {}) {
    onSelect(code);
    const place = await model.choosePlace(code, { storey });
    if (!place?.geometry || keepCamera || !map) return;
    const [west, south, east, north] = boundsOf(place.geometry);
    const deep = place.layer !== "building" && place.z_min_m !== null;
    const size = Math.max((east - west) * 85_000, (north - south) * 111_000);
    const zoom = place.layer === "building" ? Math.min(BUILDING_ZOOM, 24.2 - Math.log2(Math.max(size, (place.z_max_m ?? 0) - (place.z_min_m ?? 0), 10))) : ROOM_ZOOM;
    map.look({ longitude: (west + east) / 2, latitude: (south + north) / 2, zoom, pitch: deep ? 42 : 52, position: [0, 0, deep ? place.z_min_m - state.ground : ((place.z_max_m ?? 0) - (place.z_min_m ?? 0)) / 2.5] }, { animate });
  }

  function goToAlarm(alarm) {
    if (alarm.place) return goToPlace(alarm.place, { storey: alarm.storey });
    if (alarm.center && map) map.look({ longitude: alarm.center[0], latitude: alarm.center[1], zoom: BUILDING_ZOOM });
    return model.chooseRecord("device", alarm.device, alarm.center);
  }

  function goToResult({ layer, id, place, center }) {
    if (model.isPlace(layer)) return goToPlace(id);
    if (place) return goToPlace(place).then(() => model.chooseRecord(layer, id, center));
    if (center && map) map.look({ longitude: center[0], latitude: center[1], zoom: BUILDING_ZOOM, position: [0, 0, 0] });
    return model.chooseRecord(layer, id, center);
  }

  function home(options) {
    if (map && state.scene?.bounds) map.fit(state.scene.bounds, options);
  }

  function clear() {
    const inside = state.building;
    model.clear();
    onSelect("");
    if (inside) home();
  }

  const stepStorey = (step) => {
    const next = neighbour(storeysOf(state.rooms), state.storey, step);
    if (state.rooms && (next !== null || step > 0)) showStorey(next);
  };

  function showStorey(storey) {
    store.set({ storey });
    const at = storey === null || !state.rooms ? -1 : state.rooms.arrays.storey.indexOf(storey);
    if (map && at >= 0) map.look({ position: [0, 0, state.rooms.arrays.z_min[at] - state.ground || 0] });
  }

  function toggleHeat() {
    const layer = state.scene?.layers.find((each) => each.style.draw === "heat" && each.href);
    if (layer) void model.toggle(layer.name, !state.visible.has(layer.name));
  }

  async function nextLanguage() {
    words = await loadWords(LANGUAGES[(LANGUAGES.indexOf(words.language) + 1) % LANGUAGES.length]);
    drawAll();
    share();
  }

  listenToKeys({
    "/": () => search.focus(),
    ArrowUp: () => stepStorey(1),
    ArrowDown: () => stepStorey(-1),
    h: toggleHeat,
    l: nextLanguage,
    0: () => home(),
    Escape: () => (page.dialog.open ? page.dialog.close() : clear()),
    "?": () => page.dialog.showModal(),
  });

  /** Where on the map a room of the open building, or a building, is seen: pixels from the map's corner. */
  function locate(id) {
    return map.viewport().project(anchorOf(state, id)).slice(0, 2);
  }

  // -- what is drawn when ------------------------------------------------------------------------------------

  const share = debounce(() => map && writeLink({ camera: map.camera(), code: state.chosen?.id ?? null, storey: state.storey, language: words.language }), 250);
  const drawMarks = () => overlay && state.scene && overlay.show(buildMarks(state, words, map.camera().zoom, goToAlarm));
  const settleMarks = debounce(drawMarks, 120);

  function onCamera(camera) {
    store.set({ near: camera.zoom >= DEVICES_FROM_ZOOM });
    settleMarks();
    share();
  }

  function drawMap() {
    if (map && state.scene) map.setLayers(buildLayers(state));
    drawMarks();
  }

  const drawTiles = () => state.scene && fill(page.tiles, tiles(state, words));
  const drawLayers = () => state.scene && fill(page.layers, [h("h2", {}, words.t("layers.title")), h("div", { className: "scroll", "data-scroll": true }, layerList(state, words, model.toggle))]);
  const drawLegend = () => state.scene && fill(page.legend, [h("h2", {}, words.t("legend.title")), h("div", { className: "scroll", "data-scroll": true }, legend(state, words))]);
  const drawAlarms = () => fill(page.alarms, alarmList(state.alarms, words, { filter: state.severity, onFilter: (severity) => store.set({ severity }), onOpen: goToAlarm, onAcknowledge: (alarm) => model.acknowledge(alarm, words.t("alarms.operator")) }));

  function drawDetails() {
    page.details.hidden = !state.chosen;
    page.details.ariaLabel = words.t("details.title");
    fill(page.details, details(state, words, { onClose: clear, onPlace: goToPlace, onDevice: (id) => model.chooseRecord("device", id), onAlarm: goToAlarm }) ?? []);
  }

  function drawRail() {
    const storeys = storeysOf(state.rooms);
    page.rail.hidden = storeys.length === 0;
    fill(page.rail, storeyRail(storeys, state.storey, worstByStorey(), words, showStorey));
    page.rail.querySelector("[aria-pressed=true]")?.scrollIntoView?.({ block: "nearest" });
  }

  function worstByStorey() {
    const inside = [...state.alarms.values()].filter((alarm) => alarm.active && state.building && alarm.place?.startsWith(state.building));
    const worst = new Map();
    for (const { storey, severity } of inside) worst.set(storey, Math.min(severity, worst.get(storey) ?? severity));
    return new Map([...worst].map(([storey, severity]) => [storey, SEVERITIES[severity]]));
  }

  function drawStatus() {
    page.status.className = `status ${state.status}`;
    page.status.replaceChildren(h("i", { ariaHidden: "true" }), words.t(`status.${state.status}`));
    page.root.classList.toggle("stale", state.status === "lost");
  }

  function drawProgress() {
    const { done, of } = state.loading;
    page.progress.hidden = Boolean(state.scene) && done >= of;
    page.progress.ariaLabel = words.t("loading");
    page.progress.style.setProperty("--share", state.scene ? (0.1 + (0.9 * done) / Math.max(1, of)) : 0.05);
  }

  function drawFrame() {
    page.root.lang = words.locale;
    page.title.replaceChildren(state.scene ? words.of(state.scene.title) : words.t("loading"), state.scene?.community?.name ? h("small", {}, state.scene.community.name) : "");
    page.language.replaceChildren(words.t("language.other"));
    page.language.ariaLabel = words.t("language.switch");
    page.help.replaceChildren("?");
    page.help.ariaLabel = words.t("help.title");
    page.tools.replaceChildren(
      h("button", { onclick: () => home(), title: words.t("tools.home"), ariaLabel: words.t("tools.home") }, "⌂"),
      h("button", { onclick: () => map?.look({ pitch: map.camera().pitch > 5 ? 0 : 52 }), title: words.t("tools.tilt"), ariaLabel: words.t("tools.tilt") }, words.t("tools.tiltSign")),
      h("button", { onclick: () => map?.look({ bearing: 0 }), title: words.t("tools.north"), ariaLabel: words.t("tools.north") }, "N"),
    );
    helpDialog(page.dialog, words);
    search.speak();
    drawClock();
  }

  function drawClock() {
    page.clock.replaceChildren(words.clock(new Date()));
  }

  let noticeTimer;
  function drawNotice() {
    page.notice.hidden = !state.notice;
    page.notice.replaceChildren(state.notice ?? "");
    clearTimeout(noticeTimer);
    if (state.notice) noticeTimer = setTimeout(() => store.set({ notice: null }), NOTICE_MS);
  }

  let shouted = new Set();
  function shout() {
    const worst = [...state.alarms.values()].filter((alarm) => alarm.severity === 1 && alarm.active);
    const fresh = worst.find((alarm) => !shouted.has(alarm.id));
    shouted = new Set(worst.map((alarm) => alarm.id));
    if (fresh) page.shout.textContent = `${words.t("severity.1")} ${words.of(fresh.title)} ${fresh.place_name ?? ""}`;
  }

  function drawPlainList() {
    page.list.hidden = webgl.available || !state.packs.has("building");
    if (page.list.hidden) return;
    const pack = state.packs.get("building");
    fill(page.list, [h("p", { role: "status" }, words.t("map.noWebGl")), h("ul", {}, pack.ids.map((id, index) => h("li", {}, h("button", { onclick: () => goToPlace(id) }, pack.value("name", index) || id))))]);
  }

  function drawAll() {
    for (const draw of [drawFrame, drawStatus, drawProgress, drawTiles, drawLayers, drawLegend, drawAlarms, drawDetails, drawRail, drawMap, drawPlainList]) draw();
  }

  page.language.onclick = nextLanguage;
  page.help.onclick = () => page.dialog.showModal();
  store.on(["scene"], drawFrame);
  store.on(["status"], drawStatus);
  store.on(["scene", "loading"], drawProgress);
  store.on(["scene", "alarms", "silent"], drawTiles);
  store.on(["scene", "visible", "failed"], drawLayers);
  store.on(["scene", "visible", "packs", "building", "people"], drawLegend);
  store.on(["alarms", "severity"], drawAlarms);
  store.on(["alarms"], shout);
  store.on(["chosen", "chosenState", "chosenData", "silent", "alarms"], drawDetails);
  store.on(["readings"], ({ heard, chosenData }) => devicesOf(chosenData).some((id) => heard.has(id)) && drawDetails());
  store.on(["rooms", "storey", "alarms"], drawRail);
  store.on(["scene", "packs", "visible", "building", "rooms", "storey", "chosen", "alarmed", "silent", "people", "near"], drawMap);
  store.on(["alarms"], drawMarks);
  store.on(["packs"], drawPlainList);
  store.on(["packs"], model.recount);
  store.on(["notice"], drawNotice);
  store.on(["chosen", "storey"], share);
  setInterval(drawClock, 1000);
  watch((code) => code && code !== state.chosen?.id && goToPlace(code));

  // -- the first moments -------------------------------------------------------------------------------------

  try {
    const loading = model.load();
    model.live();
    await loading;
  } catch (fault) {
    store.set({ notice: `${words.t("map.noScene")} ${fault.message}` });
    return null;
  }
  if (!state.scene.bounds) store.set({ notice: words.t("map.empty") });
  home({ animate: false });
  if (link.code) await goToPlace(link.code, { storey: link.storey, keepCamera: Boolean(link.camera), animate: false });
  if (link.camera) map?.look(link.camera, { animate: false });
  const handle = { state, map, choose: goToPlace, locate };
  page.root.cockpit = handle;
  page.root.dataset.ready = "true";
  return handle;
}

function devicesOf(data) {
  return data?.layer === "device" ? [data.id] : (data?.place?.records?.device ?? []).map((device) => device.id);
}

function boundsOf(geometry) {
  const flat = geometry.type === "GeometryCollection" ? geometry.geometries.flatMap((part) => part.coordinates.flat(Infinity)) : [geometry.coordinates].flat(Infinity);
  const lon = flat.filter((_, index) => index % 2 === 0);
  const lat = flat.filter((_, index) => index % 2 === 1);
  return [Math.min(...lon), Math.min(...lat), Math.max(...lon), Math.max(...lat)];
}

function stylesheet(container) {
  return new Promise((resolve) => {
    const link = h("link", { rel: "stylesheet", onload: resolve, onerror: resolve });
    link.href = new URL("cockpit.css", import.meta.url);
    container.append(link);
  });
}

function script(name) {
  return new Promise((resolve, reject) => {
    if (globalThis.deck) return resolve();
    document.head.append(h("script", { src: new URL(name, import.meta.url).href, onload: resolve, onerror: () => reject(new Error(name)) }));
    return undefined;
  });
}
