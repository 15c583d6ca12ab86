import { h } from "./dom.js";
import { severities } from "./eventlist.js";
import { alarmRow, incidentRow } from "./events.js";

/** The numbers at the upper left: quiet while nothing is wrong. */
export function tiles({ scene, alarms, incidents, silent, filter }, words, onFilter) {
  const { totals } = scene;
  const online = totals.devices - silent.size;
  const share = totals.devices ? words.number(Math.round((1000 * online) / totals.devices) / 10) : "—";
  return [
    eventTile([...alarms.values()], [...incidents.values()].filter((one) => one.next.length), filter, words, onFilter),
    tile(words.t("tiles.people"), words.number(totals.population)),
    tile(
      words.t("tiles.online"),
      `${share}%`,
      silent.size
        ? words.t("tiles.silent", { count: words.number(silent.size) })
        : words.t("tiles.devices", { count: words.number(totals.devices) }),
    ),
    tile(words.t("tiles.buildings"), words.number(totals.buildings)),
    tile(words.t("tiles.rooms"), words.number(totals.spaces)),
  ];
}

function tile(label, value, note) {
  return h(
    "div",
    { className: "tile" },
    h("span", { className: "label" }, label),
    h("strong", {}, value),
    note && h("small", {}, note),
  );
}

function eventTile(alarms, incidents, filter, words, onFilter) {
  const rows = [...alarms.map(alarmRow), ...incidents.map(incidentRow)];
  const todo = rows.filter((row) => row.todo).length;
  return h(
    "div",
    { className: "tile wide" },
    h("span", { className: "label" }, words.t("tiles.events")),
    h("strong", {}, words.number(rows.length)),
    h("small", {}, todo ? words.t("tiles.todo", { count: words.number(todo) }) : words.t("tiles.quiet")),
    severities(rows, filter, words, onFilter),
  );
}
