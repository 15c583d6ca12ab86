import { h } from "./dom.js";

/** The frame of the page: every panel's place, empty. */
export function createPage(words) {
  const part = (tag, className, properties = {}) => h(tag, { className, ...properties });
  const parts = {
    map: part("div", "map"),
    overlay: part("div", "overlay"),
    title: part("h1", "title"),
    status: part("span", "status", { role: "status" }),
    clock: part("time", "clock"),
    language: part("button", "language"),
    help: part("button", "help-button"),
    tiles: part("section", "panel tiles"),
    layers: part("section", "panel layers"),
    legend: part("section", "panel legend"),
    rail: part("section", "panel rail", { hidden: true }),
    details: part("section", "panel details", { hidden: true }),
    event: part("section", "panel event-panel", { hidden: true }),
    eventHead: part("div", "event-head"),
    eventSteps: part("div", "event-steps"),
    eventBody: part("div", "event-body"),
    events: part("section", "panel events"),
    listHead: part("header", "list-head"),
    listFilters: part("div", "list-filters", { hidden: true }),
    listRows: part("div", "list-rows"),
    home: h("button", {}, "\u2302"),
    tilt: h("button"),
    north: h("button", {}, "N"),
    notice: part("div", "notice", { role: "alert", hidden: true }),
    progress: part("div", "progress", { role: "progressbar" }),
    shout: part("div", "visually-hidden", { ariaLive: "assertive" }),
    dialog: part("dialog", "help"),
    list: part("section", "plain-list", { hidden: true }),
    search: part("div", "search-slot"),
  };
  const header = h(
    "header",
    { className: "bar" },
    parts.title,
    parts.search,
    parts.status,
    parts.clock,
    parts.help,
    parts.language,
  );
  const left = h("aside", { className: "left" }, parts.tiles, parts.layers, parts.legend);
  parts.event.append(parts.eventHead, parts.eventSteps, parts.eventBody);
  parts.events.append(parts.listHead, parts.listFilters, parts.listRows);
  const right = h("aside", { className: "right" }, parts.event, parts.details, parts.events);
  const tools = h("div", { className: "tools" }, parts.home, parts.tilt, parts.north);
  const main = h("main", {}, parts.map, parts.overlay, parts.list, left, right, parts.rail, tools, parts.notice);
  parts.root = h(
    "div",
    { className: "cockpit", lang: words.locale },
    header,
    parts.progress,
    main,
    parts.shout,
    parts.dialog,
  );
  return parts;
}

/** Replace what a panel shows, keeping its scroll position and the focus. */
export function fill(panel, children) {
  const scrolled = [...panel.querySelectorAll("[data-scroll], .rows, .rail-list")].map((element) => element.scrollTop);
  const root = panel.getRootNode();
  const focused = panel.contains(root.activeElement) ? path(panel, root.activeElement) : null;
  const top = panel.scrollTop;
  panel.replaceChildren(...[children ?? []].flat().filter(Boolean));
  panel.scrollTop = top;
  [...panel.querySelectorAll("[data-scroll], .rows, .rail-list")].forEach((element, index) => {
    element.scrollTop = scrolled[index] ?? 0;
  });
  if (focused) focused.reduce((element, at) => element?.children[at], panel)?.focus({ preventScroll: true });
}

function path(ancestor, element) {
  const steps = [];
  for (let at = element; at !== ancestor; at = at.parentElement)
    steps.unshift([...at.parentElement.children].indexOf(at));
  return steps;
}

/** The texts of the frame itself: title, buttons. */
export function frame(page, scene, words) {
  const named = scene?.community?.name ? h("small", {}, scene.community.name) : "";
  page.root.lang = words.locale;
  page.title.replaceChildren(scene ? words.of(scene.title) : words.t("loading"), named);
  page.language.replaceChildren(words.t("language.other"));
  page.language.ariaLabel = words.t("language.switch");
  page.help.replaceChildren("?");
  page.help.ariaLabel = words.t("help.title");
  page.tilt.replaceChildren(words.t("tools.tiltSign"));
  for (const name of ["home", "tilt", "north"]) {
    page[name].title = words.t(`tools.${name}`);
    page[name].ariaLabel = words.t(`tools.${name}`);
  }
}

export function helpDialog(dialog, words) {
  const keys = [
    ...["search", "events", "go", "acknowledge", "storeys"],
    ...["heat", "language", "home", "clear", "help"],
  ];
  const rows = keys.flatMap((key) => [
    h("dt", {}, h("kbd", {}, words.t(`help.${key}.key`))),
    h("dd", {}, words.t(`help.${key}`)),
  ]);
  dialog.replaceChildren(
    h("h2", {}, words.t("help.title")),
    h("dl", {}, rows),
    h("p", { className: "note" }, words.t("help.mouse")),
    h("form", { method: "dialog" }, h("button", {}, words.t("help.close"))),
  );
}
