import { h } from "./dom.js";
import { SPANS_S, STATES, countBySeverity } from "./events.js";
import { SEVERITIES } from "./palette.js";

const LONGEST_LIST = 200;
const KINDS = ["all", "alarm", "incident"];

/** What stands above the list: alarms, incidents or both, and how many of each severity. */
export function listHead({ rows, filter, filtering }, words, { onFilter, onFiltering }) {
  const tab = (kind) => {
    const wanted = kind === "all" ? null : kind;
    const count = rows.filter((row) => !wanted || row.kind === wanted).length;
    return h(
      "button",
      { role: "tab", ariaSelected: String(filter.kind === wanted), onclick: () => onFilter({ kind: wanted, cls: null }) },
      words.t(`events.kind.${kind}`),
      h("span", { className: "count" }, words.number(count)),
    );
  };
  const more = h(
    "button",
    {
      className: "more",
      ariaExpanded: String(filtering),
      onclick: () => onFiltering(!filtering),
      title: words.t("events.filter"),
    },
    words.t("events.filter"),
    narrowed(filter) > 0 && h("b", {}, String(narrowed(filter))),
  );
  return [
    h("div", { className: "tabs", role: "tablist", ariaLabel: words.t("events.title") }, KINDS.map(tab), more),
    severities(rows.filter((row) => !filter.kind || row.kind === filter.kind), filter, words, onFilter),
  ];
}

const narrowed = (filter) =>
  [filter.since, filter.space, filter.cls, filter.state === "open" ? null : filter.state].filter(Boolean).length;

/** Counts by severity; one click narrows the list to it, another takes that back. */
export function severities(rows, filter, words, onFilter) {
  const counts = countBySeverity(rows);
  const chip = (severity) => {
    const { glyph, color, numeral } = SEVERITIES[severity];
    const label = words.t(`severity.${severity}`);
    const pressed = filter.severity === severity;
    return h(
      "button",
      {
        className: "chip",
        ariaPressed: String(pressed),
        title: label,
        ariaLabel: `${label} ${counts[severity]}`,
        style: { "--color": color },
        disabled: !counts[severity] && !pressed,
        "data-severity": String(severity),
        onclick: () => onFilter({ severity: pressed ? null : severity }),
      },
      h("span", { className: "glyph", ariaHidden: "true" }, glyph),
      h("span", { ariaHidden: "true" }, numeral),
      h("b", {}, words.number(counts[severity])),
    );
  };
  const chips = Object.keys(SEVERITIES).map((key) => chip(Number(key)));
  return h("div", { className: "chips", role: "group", ariaLabel: words.t("events.bySeverity") }, chips);
}

/**
 * The choices that narrow the list by state, time, space and class.
 *
 * `classes` are [value, title] of what there is; `grids` are [code, name]; `building` is {code, name} or null.
 */
export function listFilters({ filter, classes, grids, building, slow }, words, { onFilter, onReset }) {
  const choice = (name, value, options, parse = (text) => text) =>
    h(
      "label",
      {},
      h("span", {}, words.t(`events.by.${name}`)),
      h(
        "select",
        { name, onchange: (event) => onFilter({ [name]: event.target.value === "" ? null : parse(event.target.value) }) },
        options.map(([key, title]) => h("option", { value: key ?? "", selected: key === value }, title)),
      ),
    );
  const any = [null, words.t("events.any")];
  const spaces = [
    any,
    !slow && ["map", words.t("events.space.map")],
    building && [`building:${building.code}`, building.name],
    ...grids.map(([code, name]) => [`grid:${code}`, words.t("events.space.grid", { name })]),
  ].filter(Boolean);
  if (filter.space && !spaces.some(([key]) => key === filter.space)) spaces.push([filter.space, filter.space]);
  return [
    choice(
      "state",
      filter.state,
      STATES.map((state) => [state, words.t(`events.state.${state}`)]),
    ),
    choice("since", filter.since, [any, ...SPANS_S.map((span) => [span, words.t(`events.since.${span}`)])], Number),
    choice("space", filter.space, spaces),
    choice("cls", filter.cls, [any, ...classes]),
    h("button", { className: "link", onclick: onReset }, words.t("events.reset")),
  ];
}

/**
 * The rows themselves.
 *
 * `armed` is the key of the row whose acknowledgement waits for a second press; `nameOf` tells what a row's place is called.
 */
export function listRows(rows, { cursor, armed, opened, unlisted, incidents, nameOf }, words, actions) {
  const filed = new Set([...incidents.values()].map((incident) => incident.alarm).filter(Boolean));
  const shown = rows.slice(0, LONGEST_LIST);
  const hidden = rows.length - shown.length + unlisted;
  const marks = { cursor, armed, opened, filed, nameOf };
  return [
    shown.length
      ? h(
          "ol",
          { className: "rows", "data-scroll": true },
          shown.map((row) => line(row, marks, words, actions)),
        )
      : h("p", { className: "empty" }, words.t("events.none")),
    hidden > 0 && h("p", { className: "note" }, words.t("events.more", { count: words.number(hidden) })),
  ];
}

function line(row, marks, words, { onOpen, onAcknowledge }) {
  const { glyph, color, numeral } = SEVERITIES[row.severity];
  const where = [row.storey && words.storey(row.storey), marks.nameOf(row)].filter(Boolean).join(" · ");
  const armed = marks.armed === row.key;
  return h(
    "li",
    {
      className: `event ${row.kind} ${row.phase} ${row.todo ? "new" : "known"}`,
      style: { "--color": color },
      "data-event": row.key,
      "aria-current": row.key === marks.cursor ? "true" : null,
    },
    h(
      "button",
      { className: "open", onclick: () => onOpen(row), title: words.t("events.show") },
      h("span", { className: "badge", role: "img", ariaLabel: words.t(`severity.${row.severity}`) }, glyph),
      h("span", { className: "what" }, h("b", {}, `${numeral} ${words.of(row.title)}`), signs(row, marks, words)),
      h("time", { dateTime: row.at }, words.moment(row.at, new Date())),
      h("span", { className: "where" }, where || words.t("events.nowhere")),
      h("span", { className: "state" }, phaseText(row, words)),
    ),
    row.todo &&
      h(
        "button",
        { className: `acknowledge ${armed ? "armed" : ""}`, onclick: () => onAcknowledge(row) },
        armed ? words.t("events.sure") : words.t(`events.do.${row.kind}`),
      ),
  );
}

/** Small words behind the title: how often, that it flaps, what is overdue, that somebody works on it, that a camera was opened. */
function signs({ kind, id, source }, { opened, filed }, words) {
  const alarm = kind === "alarm";
  return [
    alarm && source.count > 1 && h("i", {}, `×${source.count}`),
    alarm && source.flapping && h("i", { className: "flapping" }, words.t("events.flapping")),
    alarm && filed.has(id) && h("i", { className: "tied" }, words.t("events.filed")),
    alarm && opened.has(id) && h("i", { className: "tied" }, words.t("events.opened")),
    !alarm && h("i", { className: "tied" }, words.t("events.kind.incident")),
    !alarm && source.overdue && h("i", { className: "overdue" }, overdueText(source, words)),
  ].filter(Boolean);
}

/** Which step of an incident did not come in its time. */
export const overdueText = ({ overdue }, words) => words.t("events.overdue", { step: words.t(`step.${overdue}`) });

/** What state a row is in, in words. */
export function phaseText(row, words) {
  if (row.kind === "incident") return words.t(`incident.${row.source.state}`);
  if (row.phase === "shelved")
    return words.t("events.shelvedUntil", { time: words.moment(row.source.shelved_until, new Date()) });
  return words.t(`alarm.${row.phase}`);
}
