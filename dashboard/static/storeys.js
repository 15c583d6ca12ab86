import { h } from "./dom.js";
import { standsIn } from "./codes.js";
import { SEVERITIES } from "./palette.js";

/** Storeys that the rooms of the chosen building lie on, highest first. */
export function storeysOf(rooms) {
  return rooms ? [...new Set(rooms.arrays.storey)].filter(Boolean).sort((a, b) => b - a) : [];
}

/** The storey above (+1) or below (-1) in the list; from "all", up starts at the lowest and down at the highest. */
export function neighbour(storeys, current, step) {
  if (!storeys.length) return null;
  if (current === null) return step < 0 ? storeys[0] : storeys.at(-1);
  const at = storeys.indexOf(current) - step;
  return at < 0 || at >= storeys.length ? null : storeys[at];
}

/** Storey → sign of the worst alarm that is active there, in the open building. */
export function worstByStorey({ alarms, building }) {
  const worst = new Map();
  for (const { active, place, storey, severity } of alarms.values()) {
    if (active && standsIn(place, building)) worst.set(storey, Math.min(severity, worst.get(storey) ?? severity));
  }
  return new Map([...worst].map(([storey, severity]) => [storey, SEVERITIES[severity]]));
}

/** The rail beside the map: one button a storey, worst open alarm marked. */
export function storeyRail(storeys, current, worst, words, onChoose) {
  const button = (storey, text, mark) =>
    h(
      "button",
      { ariaPressed: String(storey === current), onclick: () => onChoose(storey), "data-storey": storey ?? "all" },
      text,
      mark && h("span", { className: "glyph", style: { "--color": mark.color } }, mark.glyph),
    );
  return [
    h("h2", {}, words.t("storeys.title")),
    button(null, words.t("storeys.all"), null),
    h(
      "div",
      { className: "rail-list" },
      storeys.map((storey) => button(storey, words.storey(storey), worst.get(storey))),
    ),
  ];
}
