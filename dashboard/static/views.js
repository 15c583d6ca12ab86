import { layerList, legend } from "./catalogue.js";
import { details, devicesOf } from "./details.js";
import { debounce, h } from "./dom.js";
import { eventBody, eventHead } from "./eventpanel.js";
import { listFilters, listHead, listRows } from "./eventlist.js";
import { NO_FILTER, filtered, rowsOf } from "./events.js";
import { buildLayers } from "./layers.js";
import { writeLink } from "./link.js";
import { buildMarks, eventPlace } from "./marks.js";
import { fill, frame, helpDialog } from "./page.js";
import { stepPanel } from "./steps.js";
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
  const parts = [...panels(app, acts), ...listParts(app, acts), ...eventParts(app, acts), ...mapParts(app, acts), ...signs(app)];
  for (const { keys, draw } of parts) app.store.on(keys, draw);
  return { all: () => parts.forEach(({ draw }) => draw(app.state)) };
}

const part = (keys, draw) => ({ keys, draw });

function panels(app, acts) {
  const { page, state, model } = app;
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
    page.details.hidden = !state.chosen || Boolean(state.event);
    page.details.ariaLabel = app.words.t("details.title");
    fill(page.details, details(state, app.words, actions));
  };

  const drawRail = () => {
    const storeys = storeysOf(state.rooms);
    page.rail.hidden = storeys.length === 0;
    fill(page.rail, storeyRail(storeys, state.storey, worstByStorey(state), app.words, acts.showStorey));
    page.rail.querySelector("[aria-pressed=true]")?.scrollIntoView({ block: "nearest" });
  };

  return [
    part(
      ["scene", "alarms", "incidents", "filter", "silent"],
      onScene(() => fill(page.tiles, tiles(state, app.words, filterBy(app)))),
    ),
    part(
      ["scene", "visible", "failed"],
      onScene(() => fill(page.layers, titled(app.words.t("layers.title"), layerList(state, app.words, model.toggle)))),
    ),
    part(
      ["scene", "visible", "packs", "building"],
      onScene(() => fill(page.legend, titled(app.words.t("legend.title"), legend(state, app.words)))),
    ),
    part(["chosen", "chosenState", "chosenData", "event", "silent", "alarms"], drawDetails),
    part(["heard"], () => devicesOf(state.chosenData).some((id) => state.heard.has(id)) && drawDetails()),
    part(["rooms", "storey", "alarms"], drawRail),
    part(["packs"], () => drawPlainList(app, acts)),
  ];
}

/** Narrow the list; what is closed is read when it is asked for. */
const filterBy = (app) => (patch) => {
  app.store.set({ filter: { ...app.state.filter, ...patch } });
  const { desk } = app.model;
  if (app.state.filter.state === "closed")
    desk.readClosed().catch((fault) => app.store.set({ notice: fault.message }));
};

/** The list of events: its head, its filters, its rows. */
function listParts(app, acts) {
  const { page, state, store, model } = app;
  const onFilter = filterBy(app);
  const onFiltering = (filtering) => {
    store.set({ filtering });
    if (filtering) void model.need("grid");
  };

  const inState = () =>
    filtered(rowsOf(state), { ...NO_FILTER, state: state.filter.state }, Date.now(), () => true);

  const drawHead = () => {
    page.events.ariaLabel = app.words.t("events.title");
    fill(page.listHead, listHead({ ...state, rows: inState() }, app.words, { onFilter, onFiltering }));
  };

  const drawFilters = () => {
    page.listFilters.hidden = !state.filtering;
    if (!state.filtering || !state.scene) return;
    const choices = { ...state, classes: classesOf(app), grids: gridsOf(state), building: buildingIn(state) };
    const onReset = () => onFilter({ ...NO_FILTER, kind: state.filter.kind });
    fill(page.listFilters, listFilters({ ...choices, slow: !app.map }, app.words, { onFilter, onReset }));
  };

  const drawRows = () => {
    const focused = page.events.getRootNode().activeElement?.closest?.(".rows .open");
    const actions = { onOpen: acts.goToEvent, onAcknowledge: acts.acknowledge };
    const nameOf = (row) => eventPlace(state, row);
    fill(page.listRows, listRows(acts.eventRows(), { ...state, nameOf }, app.words, actions));
    if (focused) page.focusRow(focused.parentElement.dataset.event);
  };

  page.focusRow = (key) => {
    const row = [...page.listRows.querySelectorAll("[data-event]")].find((each) => each.dataset.event === key);
    row?.querySelector(".open").focus({ preventScroll: true });
    row?.scrollIntoView({ block: "nearest" });
  };

  const changes = ["alarms", "shelved", "incidents", "filter"];
  return [
    part([...changes, "filtering"], drawHead),
    part(["scene", "filter", "filtering", "packs", "building"], drawFilters),
    part([...changes, "packs", "cursor", "armed", "opened", "unlisted"], drawRows),
    part(["camera"], debounce(() => state.filter.space === "map" && drawRows(), MARKS_AFTER_MS)),
  ];
}

/** Types of alarms that stand and classes of incidents there are, as choices. */
function classesOf({ state, words }) {
  const titles = new Map();
  for (const alarm of [...state.alarms.values(), ...state.shelved.values()])
    titles.set(`alarm:${alarm.type}`, words.of(alarm.title));
  const declared = state.scene.layers.find((layer) => layer.name === "incident")?.fields ?? [];
  const values = declared.find((field) => field.name === "class")?.values ?? {};
  for (const { class: name } of state.incidents.values()) titles.set(`incident:${name}`, words.of(values[name]) || name);
  const { kind } = state.filter;
  return [...titles].filter(([key]) => !kind || key.startsWith(kind));
}

function gridsOf(state) {
  const pack = state.packs.get("grid");
  return pack ? pack.ids.map((id, index) => [id, pack.value("name", index) || id]) : [];
}

function buildingIn(state) {
  const pack = state.packs.get("building");
  const index = state.building && pack ? pack.index(state.building) : -1;
  return index < 0 ? null : { code: state.building, name: pack.value("name", index) || state.building };
}

const fieldsOf = (panel) => [...panel.querySelectorAll("form :is(input, select)")];
const valuesIn = (panel) => new Map(fieldsOf(panel).map(({ name, value }) => [name, value]));

/** The chosen event: what it is, what may be done, what surrounds it. What somebody types is left alone. */
function eventParts(app, acts) {
  const { page, state, store } = app;
  const actions = {
    onClose: acts.clear,
    onPlace: () => acts.goToPlace(state.event.place, { storey: state.event.storey, keepCamera: true }),
    onIncident: acts.goToIncident,
    onAlarm: (id) => acts.goToKey(`alarm/${id}`),
    onLook: acts.lookAt,
    onStep: (step) => store.set({ step, stepFault: null }),
    onDo: acts.take,
  };
  let steps = "";
  let shownForm = null;

  const drawHead = () => {
    page.event.hidden = !state.event;
    page.event.ariaLabel = app.words.t("event.title");
    fill(page.eventHead, state.event ? eventHead(state, app.words, actions) : []);
  };

  const drawSteps = () => {
    const { event, step, stepFault, busy, eventData } = state;
    const face = [event?.key, event?.source.next, event?.phase, step, stepFault?.message, busy, Boolean(eventData)];
    const now = JSON.stringify([...face, app.words.language]);
    if (now === steps) return;
    steps = now;
    const form = event && step && `${event.key} ${step}`;
    const written = form === shownForm ? valuesIn(page.eventSteps) : new Map();
    fill(page.eventSteps, event ? stepPanel(state, app.words, actions) : []);
    for (const field of fieldsOf(page.eventSteps)) if (written.get(field.name)) field.value = written.get(field.name);
    if (form && form !== shownForm) fieldsOf(page.eventSteps)[0]?.focus();
    shownForm = form;
  };

  const drawBody = () => {
    fill(page.eventBody, state.event ? eventBody(state, app.words, actions) : []);
  };

  return [
    part(["event", "eventData", "chosenData", "chosenState"], drawHead),
    part(["event", "eventData", "step", "stepFault", "busy"], drawSteps),
    part(["event", "eventData", "eventFault", "opened", "incidents"], drawBody),
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
  const drawMarks = () => state.scene && overlay.show(buildMarks(state, app.words, map.camera().zoom, acts.goToEvent));
  const share = () =>
    writeLink({
      camera: map.camera(),
      code: state.chosen?.id ?? null,
      event: state.event?.key ?? null,
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
    "movers",
  ];
  return [
    part(drawn, drawMap),
    part(["alarms", "incidents"], drawMarks),
    part(["camera"], debounce(drawMarks, MARKS_AFTER_MS)),
    part(["camera", "chosen", "event", "storey"], debounce(share, LINK_AFTER_MS)),
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
