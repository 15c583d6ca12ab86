import { h } from "./dom.js";
import { byUrgency } from "./marks.js";
import { SEVERITIES } from "./palette.js";

const LONGEST_LIST = 200;

/** The list at the right: what is open, most urgent first. */
export function alarmList(alarms, words, { filter, onFilter, onOpen, onAcknowledge }) {
  const open = [...alarms.values()].sort(byUrgency);
  const shown = filter ? open.filter((alarm) => alarm.severity === filter) : open;
  const rows = shown.slice(0, LONGEST_LIST).map((alarm) => row(alarm, words, onOpen, onAcknowledge));
  const hidden = shown.length - rows.length;
  return [
    h("header", {}, h("h2", {}, words.t("alarms.title")), filters(open, words, filter, onFilter)),
    rows.length ? h("ol", { className: "rows" }, rows) : h("p", { className: "empty" }, words.t("alarms.none")),
    hidden > 0 && h("p", { className: "note" }, words.t("alarms.more", { count: words.number(hidden) })),
  ];
}

function filters(open, words, filter, onFilter) {
  const button = (severity) => {
    const { glyph, color } = SEVERITIES[severity];
    const count = open.filter((alarm) => alarm.severity === severity).length;
    const label = words.t(`severity.${severity}`);
    return h(
      "button",
      {
        className: "chip",
        ariaPressed: String(filter === severity),
        title: label,
        ariaLabel: `${label} ${count}`,
        style: { "--color": color },
        disabled: !count && filter !== severity,
        onclick: () => onFilter(filter === severity ? null : severity),
      },
      h("span", { className: "glyph", ariaHidden: "true" }, glyph),
      String(count),
    );
  };
  return h(
    "div",
    { className: "chips", role: "group", ariaLabel: words.t("alarms.filter") },
    Object.keys(SEVERITIES).map((key) => button(Number(key))),
  );
}

function row(alarm, words, onOpen, onAcknowledge) {
  const { glyph, color, numeral } = SEVERITIES[alarm.severity];
  const state = words.t(alarm.active ? "alarms.active" : "alarms.cleared");
  const where = [alarm.storey && words.storey(alarm.storey), alarm.place_name || alarm.device_name]
    .filter(Boolean)
    .join(" · ");
  return h(
    "li",
    {
      className: `alarm ${alarm.active ? "active" : "cleared"} ${alarm.acknowledged ? "known" : "new"}`,
      style: { "--color": color },
      "data-alarm": alarm.id,
    },
    h(
      "button",
      { className: "open", onclick: () => onOpen(alarm), title: words.t("alarms.show") },
      h("span", { className: "badge", role: "img", ariaLabel: words.t(`severity.${alarm.severity}`) }, glyph),
      h(
        "span",
        { className: "what" },
        h("b", {}, `${numeral} ${words.of(alarm.title)}`),
        alarm.count > 1 && h("i", {}, `×${alarm.count}`),
      ),
      h("time", { dateTime: alarm.raised_at }, words.moment(alarm.raised_at, new Date())),
      h("span", { className: "where" }, where),
      h("span", { className: "state" }, alarm.acknowledged && alarm.active ? words.t("alarms.known") : state),
    ),
    !alarm.acknowledged &&
      h(
        "button",
        { className: "acknowledge", onclick: () => onAcknowledge(alarm), title: words.t("alarms.acknowledge") },
        words.t("alarms.acknowledge"),
      ),
  );
}
