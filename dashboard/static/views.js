import { alarmList } from "./alarms.js";
import { layerList, legend } from "./catalogue.js";
import { details, devicesOf } from "./details.js";
import { debounce, h } from "./dom.js";
import { buildLayers } from "./layers.js";
import { writeLink } from "./link.js";
import { buildMarks } from "./marks.js";
import { fill, frame, helpDialog } from "./page.js";
import { storeyRail, storeysOf, worstByStorey } from "./storeys.js";
import { tiles } from "./tiles.js";

const NOTICE_MS = 8000;
const MARKS_AFTER_MS = 120;
const LINK_AFTER_MS = 250;

/**
 * Draw every part of the page, now and whenever what it shows changes.
 *
 * `app` holds store, state, page, map, overlay, search, model and `words`, which changes with the language.
 */
export function createViews(app, acts) {
  const parts = [...panels(app, acts), ...mapParts(app, acts), ...signs(app)];
  for (const { keys, draw } of parts) app.store.on(keys, draw);
  return { all: () => parts.forEach(({ draw }) => draw(app.state)) };
}

const part = (keys, draw) => ({ keys, draw });

function panels(app, acts) {
  const { page, state, store, model } = app;
  const titled = (title, children) => [
    h("h2", {}, title),
    h("div", { className: "scroll", "data-scroll": true }, children),
  ];
  const onScene = (draw) => () => state.scene && draw();

  const drawDetails = () => {
    const actions = {
      onClose: acts.clear,
      onPlace: acts.goToPlace,
      onAlarm: acts.goToAlarm,
      onDevice: (id) => model.chooseRecord("device", id),
    };
    page.details.hidden = !state.chosen;
    page.details.ariaLabel = app.words.t("details.title");
    fill(page.details, details(state, app.words, actions));
  };

  const drawRail = () => {
    const storeys = storeysOf(state.rooms);
    page.rail.hidden = storeys.length === 0;
    fill(page.rail, storeyRail(storeys, state.storey, worstByStorey(state), app.words, acts.showStorey));
    page.rail.querySelector("[aria-pressed=true]")?.scrollIntoView({ block: "nearest" });
  };

  const drawAlarms = () => {
    const onFilter = (severity) => store.set({ severity });
    const onAcknowledge = (alarm) => model.acknowledge(alarm, app.words.t("alarms.operator"));
    fill(
      page.alarms,
      alarmList(state.alarms, app.words, { filter: state.severity, onFilter, onOpen: acts.goToAlarm, onAcknowledge }),
    );
  };

  return [
    part(
      ["scene", "alarms", "silent"],
      onScene(() => fill(page.tiles, tiles(state, app.words))),
    ),
    part(
      ["scene", "visible", "failed"],
      onScene(() => fill(page.layers, titled(app.words.t("layers.title"), layerList(state, app.words, model.toggle)))),
    ),
    part(
      ["scene", "visible", "packs", "building"],
      onScene(() => fill(page.legend, titled(app.words.t("legend.title"), legend(state, app.words)))),
    ),
    part(["alarms", "severity"], drawAlarms),
    part(["chosen", "chosenState", "chosenData", "silent", "alarms"], drawDetails),
    part(["heard"], () => devicesOf(state.chosenData).some((id) => state.heard.has(id)) && drawDetails()),
    part(["rooms", "storey", "alarms"], drawRail),
    part(["packs"], () => drawPlainList(app, acts)),
  ];
}

/** Without WebGL the buildings can still be chosen, from a list. */
function drawPlainList({ page, state, map, words }, acts) {
  const pack = state.packs.get("building");
  page.list.hidden = Boolean(map) || !pack;
  if (page.list.hidden) return;
  const rows = pack.ids.map((id, index) =>
    h("li", {}, h("button", { onclick: () => acts.goToPlace(id) }, pack.value("name", index) || id)),
  );
  fill(page.list, [h("p", { role: "status" }, words.t("map.noWebGl")), h("ul", {}, rows)]);
}

function mapParts(app, acts) {
  const { state, map, overlay } = app;
  if (!map) return [];
  const drawMarks = () => state.scene && overlay.show(buildMarks(state, app.words, map.camera().zoom, acts.goToAlarm));
  const share = () =>
    writeLink({
      camera: map.camera(),
      code: state.chosen?.id ?? null,
      storey: state.storey,
      language: app.words.language,
    });
  const drawMap = () => {
    if (state.scene) map.setLayers(buildLayers(state));
    drawMarks();
  };
  const drawn = [
    "scene",
    "packs",
    "visible",
    "building",
    "rooms",
    "storey",
    "chosen",
    "alarmed",
    "silent",
    "people",
    "near",
    "signs",
  ];
  return [
    part(drawn, drawMap),
    part(["alarms"], drawMarks),
    part(["camera"], debounce(drawMarks, MARKS_AFTER_MS)),
    part(["camera", "chosen", "storey"], debounce(share, LINK_AFTER_MS)),
  ];
}

function signs(app) {
  const { page, state, store } = app;
  let hide;
  let shouted = new Set();

  const drawStatus = () => {
    page.status.className = `status ${state.status}`;
    page.status.replaceChildren(h("i", { ariaHidden: "true" }), app.words.t(`status.${state.status}`));
    page.root.classList.toggle("stale", state.status === "lost");
  };

  const drawProgress = () => {
    const { done, of } = state.loading;
    page.progress.hidden = Boolean(state.scene) && done >= of;
    page.progress.ariaLabel = app.words.t("loading");
    page.progress.style.setProperty("--share", state.scene ? 0.1 + (0.9 * done) / Math.max(1, of) : 0.05);
  };

  const drawNotice = () => {
    page.notice.hidden = !state.notice;
    page.notice.replaceChildren(state.notice ?? "");
    clearTimeout(hide);
    if (state.notice) hide = setTimeout(() => store.set({ notice: null }), NOTICE_MS);
  };

  /** A screen reader interrupts itself for the worst level only. */
  const shout = () => {
    const worst = [...state.alarms.values()].filter((alarm) => alarm.severity === 1 && alarm.active);
    const fresh = worst.find((alarm) => !shouted.has(alarm.id));
    shouted = new Set(worst.map((alarm) => alarm.id));
    if (fresh)
      page.shout.textContent = `${app.words.t("severity.1")} ${app.words.of(fresh.title)} ${fresh.place_name ?? ""}`;
  };

  const drawFrame = () => {
    frame(page, state.scene, app.words);
    helpDialog(page.dialog, app.words);
    app.search.speak();
  };

  return [
    part(["scene"], drawFrame),
    part(["status"], drawStatus),
    part(["scene", "loading"], drawProgress),
    part(["notice"], drawNotice),
    part(["alarms"], shout),
  ];
}
