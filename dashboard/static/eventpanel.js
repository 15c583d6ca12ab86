import { operator } from "./desk.js";
import { h } from "./dom.js";
import { overdueText, phaseText } from "./eventlist.js";
import { SEVERITIES } from "./palette.js";

const OCTANTS = ["n", "ne", "e", "se", "s", "sw", "w", "nw"];
const METRES_A_KM = 1000;

const link = (text, onclick) => h("button", { className: "link", onclick }, text);
const section = (title, children) => h("section", {}, h("h3", {}, title), children);

/** What happened, how bad it is, where and since when. */
export function eventHead({ event: row, chosenData, chosenFault, chosenState, eventData, scene }, words, actions) {
  const { glyph, color } = SEVERITIES[row.severity];
  const place = chosenData?.place;
  const facts = [
    [words.t("event.where"), whereText({ ...row, place_name: row.place_name ?? eventData?.place_name }, place, words)],
    place?.address && [words.t("details.address"), place.address],
    row.place && [
      words.t("event.code"),
      [h("code", {}, place?.text ?? row.place), " ", link(words.t("event.place"), actions.onPlace)],
    ],
    [words.t("event.since"), `${words.moment(row.at, new Date())} · ${words.ago(row.at, new Date())}`],
    ...(row.kind === "alarm" ? alarmFacts(row.source, words) : incidentFacts(row.source, scene, words)),
    eventData?.affected && [words.t("event.affected"), affectedText(eventData.affected, words)],
  ].filter(Boolean);
  return [
    h(
      "header",
      { style: { "--color": color } },
      h("span", { className: "badge", ariaHidden: "true" }, glyph),
      h(
        "h2",
        {},
        h("small", {}, `${words.t(`events.kind.${row.kind}`)} · ${words.t(`severity.${row.severity}`)}`),
        words.of(row.title),
      ),
      h("span", { className: `phase ${row.phase}` }, phaseText(row, words)),
      h("button", { className: "close", onclick: actions.onClose, ariaLabel: words.t("details.close") }, "✕"),
    ),
    h(
      "dl",
      {},
      facts.flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, ...[value].flat())]),
    ),
    chosenState === "failed" && row.place && fault(chosenFault),
  ].filter(Boolean);
}

const fault = ({ message, cure }) =>
  h("p", { className: "fault", role: "alert" }, message, cure && h("br"), cure && cure);

function whereText(row, place, words) {
  const above = place?.ancestors?.map((each) => each.name).filter(Boolean) ?? [];
  const named = row.place_name ?? [...above, place?.name].filter(Boolean).join(" ");
  return [row.storey && words.storey(row.storey), named].filter(Boolean).join(" · ") || words.t("events.nowhere");
}

function alarmFacts(alarm, words) {
  return [
    [words.t("event.device"), alarm.device_name ?? alarm.device],
    alarm.count > 1 && [words.t("event.count"), words.t("event.times", { count: words.number(alarm.count) })],
    alarm.flapping && [words.t("events.flapping"), words.t("event.flaps")],
    alarm.shelved_until && [words.t("events.state.shelved"), `${alarm.shelved_by} · ${alarm.shelf_reason}`],
  ].filter(Boolean);
}

function incidentFacts(incident, scene, words) {
  return [
    [words.t("event.no"), h("code", {}, incident.no)],
    [words.t("event.class"), classAndSource(incident, scene, words)],
    incident.description && [words.t("event.description"), incident.description],
    incident.overdue && [words.t("step.overdue"), `${overdueText(incident, words)} · ${words.moment(incident.overdue_at, new Date())}`],
    incident.handler && [words.t("event.handler"), incident.handler],
    incident.department && [words.t("event.department"), incident.department],
    incident.result && [words.t("event.result"), incident.result],
  ].filter(Boolean);
}

const classAndSource = (incident, scene, words) =>
  [
    valueTitle(scene, "incident", "class", incident.class, words),
    valueTitle(scene, "incident", "channel", incident.source, words),
  ].join(" · ");

/** The title that a layer's declaration gives a value, the value itself when it gives none. */
export function valueTitle(scene, layer, field, value, words) {
  const fields = scene.layers.find((each) => each.name === layer)?.fields ?? [];
  return words.of(fields.find((each) => each.name === field)?.values?.[String(value)]) || String(value);
}

function affectedText({ households, persons }, words) {
  const said = (count, text) => (count === null || count === undefined ? words.t("details.fewPeople") : text);
  return [
    said(households, words.t("details.households", { count: words.number(households) })),
    said(persons, words.t("details.persons", { count: words.number(persons) })),
  ].join(" · ");
}

/** What surrounds it: cameras, responders, the plan, and the log. */
export function eventBody({ event: row, eventData: data, eventFault, opened, incidents, scene }, words, actions) {
  if (eventFault) return [fault(eventFault)];
  if (!data) return [h("p", { className: "empty" }, words.t("details.loading"))];
  const shown = row.kind === "alarm" ? (opened.get(row.id) ?? []) : [];
  const tied = [...incidents.values()].filter((incident) => row.kind === "alarm" && incident.alarm === row.id);
  const alarm = row.kind === "incident" && row.source.alarm;
  return [
    (tied.length > 0 || alarm) &&
      section(
        words.t("event.tied"),
        h(
          "ul",
          { className: "devices" },
          tied.map((one) =>
            h(
              "li",
              {},
              link(words.of(one.title), () => actions.onIncident(one.no)),
              h("span", { className: "reading" }, words.t(`incident.${one.state}`)),
            ),
          ),
          alarm && h("li", {}, link(words.t("event.alarm"), () => actions.onAlarm(alarm)), h("code", {}, alarm)),
        ),
      ),
    section(words.t("event.log"), h("ol", { className: "log" }, logOf(row, data, scene, words))),
    data.plan && planOf(data.plan, words),
    section(words.t("event.cameras"), cameras(data.cameras, shown, words, actions)),
    section(words.t("event.responders"), responders(data.responders, scene, words, actions)),
  ].filter(Boolean);
}

/** The log, latest first: nothing in it is ever changed. An alarm's is what its record remembers. */
function logOf(row, data, scene, words) {
  const lines = row.kind === "incident" ? (data.log ?? []) : alarmLog(row.source);
  return [...lines].reverse().map((entry) =>
    h(
      "li",
      {},
      h("time", { dateTime: entry.at }, words.moment(entry.at, new Date())),
      h("b", {}, words.t(`step.${entry.step}`)),
      h("span", { className: "by" }, entry.by ?? ""),
      h("p", {}, saidIn(entry, scene, words)),
    ),
  );
}

function alarmLog(alarm) {
  return [
    { step: "raised", at: alarm.raised_at, by: alarm.device_name ?? alarm.device },
    alarm.count > 1 && { step: "repeated", at: alarm.last_seen, note: `×${alarm.count}` },
    alarm.acknowledged_at && { step: "acknowledge", at: alarm.acknowledged_at, by: alarm.acknowledged_by },
    alarm.shelved_until && {
      step: "shelve",
      at: alarm.changed_at,
      by: alarm.shelved_by,
      reason: alarm.shelf_reason,
      until: alarm.shelved_until,
    },
    alarm.cleared_at && { step: "cleared", at: alarm.cleared_at, by: alarm.handled_by, result: alarm.result },
  ]
    .filter(Boolean)
    .sort((a, b) => a.at.localeCompare(b.at));
}

function saidIn(entry, scene, words) {
  const { to, result, text, reason, note, score, level, step, source, until, into, no, system, awaits } = entry;
  return [
    awaits && words.t(`step.${awaits}`),
    step === "report" && source && valueTitle(scene, "incident", "channel", source, words),
    step === "escalate" && level && words.t(`severity.${level}`),
    to && words.t("event.to", { to }),
    system,
    result,
    text,
    reason,
    note,
    score && words.t("event.score", { score }),
    until && words.t("events.shelvedUntil", { time: words.moment(until, new Date()) }),
    into,
    no,
  ]
    .filter(Boolean)
    .join(" · ");
}

function planOf({ title, steps, escalation }, words) {
  const escalated = escalation && h("p", { className: "note" }, words.of(escalation));
  return h(
    "details",
    { className: "plan", open: true },
    h("summary", {}, `${words.t("event.plan")} · ${words.of(title)}`),
    h(
      "ol",
      {},
      steps.map((step) => h("li", {}, words.of(step))),
    ),
    escalated,
  );
}

function cameras(list, opened, words, { onLook }) {
  const byLinkage = new Set(opened.map((camera) => camera.device));
  if (!list.length) return h("p", { className: "empty" }, words.t("event.noCameras"));
  return h(
    "ul",
    { className: "near" },
    list.map((camera) =>
      h(
        "li",
        {},
        h("button", { className: "link", title: camera.name, onclick: () => onLook(camera) }, camera.name ?? camera.device_no),
        byLinkage.has(camera.device_no) && h("i", { className: "tied" }, words.t("events.opened")),
        h("span", { className: "away" }, awayText(camera, words)),
        streamOf(camera, words),
      ),
    ),
  );
}

/** Where the picture is played, else what its stream is called, else that nobody has registered one. */
function streamOf({ stream }, words) {
  if (!stream) return h("small", {}, words.t("event.noStream"));
  const { url, reference } = typeof stream === "string" ? { reference: stream } : stream;
  if (!url) return h("small", {}, h("code", {}, reference));
  return h("a", { className: "link", href: url, target: "_blank", rel: "noopener noreferrer" }, words.t("event.play"));
}

function responders(list, scene, words, { onLook }) {
  if (!list.length) return h("p", { className: "empty" }, words.t("event.noResponders"));
  return h(
    "ul",
    { className: "near" },
    list.map((one) =>
      h(
        "li",
        {},
        link(`${roleOf(one, scene, words)} ${one.force_no}`, () => onLook(one)),
        h("span", { className: "away" }, awayText(one, words)),
        one.status && h("small", {}, one.status),
      ),
    ),
  );
}

const roleOf = ({ grid_role: role, force_type: type }, scene, words) =>
  role
    ? valueTitle(scene, "staff", "grid_role", role, words)
    : type
      ? valueTitle(scene, "staff", "force_type", type, words)
      : "";

function awayText({ distance_m: metres, bearing_deg: bearing }, words) {
  if (metres === null || metres === undefined) return "—";
  const far = metres < METRES_A_KM ? `${Math.round(metres)} m` : `${words.number(metres / METRES_A_KM)} km`;
  return `${far} ${words.t(`compass.${OCTANTS[Math.round(bearing / 45) % 8]}`)}`;
}

/** Name for the log, remembered. */
export function operatorField(words) {
  return h(
    "label",
    { className: "operator" },
    h("span", {}, words.t("event.operator")),
    h("input", {
      name: "by",
      value: operator.get(words.t("events.operator")),
      maxLength: 100,
      onchange: (event) => operator.set(event.target.value),
    }),
  );
}
