import { h } from "./dom.js";
import { SEVERITIES } from "./palette.js";

/** The numbers at the upper left: quiet while nothing is wrong. */
export function tiles({ scene, alarms, silent }, words) {
  const { totals } = scene;
  const online = totals.devices - silent.size;
  const share = totals.devices ? words.number(Math.round((1000 * online) / totals.devices) / 10) : "—";
  return [
    alarmTile([...alarms.values()], words),
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

function alarmTile(open, words) {
  const levels = Object.entries(SEVERITIES).map(([severity, { glyph, color, numeral }]) => {
    const count = open.filter((alarm) => alarm.severity === Number(severity)).length;
    const label = words.t(`severity.${severity}`);
    return h(
      "li",
      { className: count ? "some" : "none", style: { "--color": color }, title: label },
      h("span", { className: "glyph", ariaHidden: "true" }, glyph),
      h("span", {}, numeral),
      h("b", {}, String(count)),
    );
  });
  const unknown = open.filter((alarm) => !alarm.acknowledged).length;
  return h(
    "div",
    { className: "tile wide" },
    h("span", { className: "label" }, words.t("tiles.alarms")),
    h("strong", {}, words.number(open.length)),
    h(
      "small",
      {},
      unknown ? words.t("tiles.unacknowledged", { count: words.number(unknown) }) : words.t("tiles.quiet"),
    ),
    h("ul", { className: "levels" }, levels),
  );
}
