import { inside } from "./pack.js";

/** The steps of an incident that close it. */
const CLOSED = new Set(["assessed", "merged"]);

/** What the list can be narrowed by; `null` narrows nothing, the state `open` leaves out what is shelved or closed. */
export const NO_FILTER = { kind: null, severity: null, state: "open", cls: null, since: null, space: null };
export const STATES = ["open", "todo", "doing", "recovered", "shelved", "closed"];
export const SPANS_S = [3600, 86_400, 604_800];

/**
 * An alarm as a line of the list. Alarms and incidents become rows of one shape:
 * {key, kind, id, severity, title, phase, todo, at, cls, place, storey, center, z_m, source}.
 */
export function alarmRow(alarm) {
  return {
    key: `alarm/${alarm.id}`,
    kind: "alarm",
    id: alarm.id,
    severity: alarm.severity,
    title: alarm.title,
    phase: alarmPhase(alarm),
    todo: !alarm.acknowledged && !alarm.shelved_until,
    at: alarm.raised_at,
    cls: `alarm:${alarm.type}`,
    place: alarm.place,
    place_name: alarm.place_name || alarm.device_name,
    storey: alarm.storey,
    center: alarm.center,
    z_m: alarm.z_m,
    source: alarm,
  };
}

function alarmPhase({ active, acknowledged, shelved_until: shelved }) {
  if (shelved) return "shelved";
  if (!active) return "recovered";
  return acknowledged ? "doing" : "todo";
}

export function incidentRow(incident) {
  return {
    key: `incident/${incident.no}`,
    kind: "incident",
    id: incident.no,
    severity: incident.level,
    title: incident.title,
    phase: CLOSED.has(incident.state) ? "closed" : incident.state === "reported" ? "todo" : "doing",
    todo: incident.state === "reported",
    at: incident.reported_at,
    cls: `incident:${incident.class}`,
    place: incident.place,
    place_name: incident.place_name,
    storey: incident.storey,
    center: incident.center,
    z_m: incident.z_m,
    source: incident,
  };
}

/** Everything that is known, as rows, most urgent first. */
export function rowsOf({ alarms, shelved, incidents }) {
  const rows = [...alarms.values(), ...shelved.values()].map(alarmRow);
  return [...rows, ...[...incidents.values()].map(incidentRow)].sort(byUrgency);
}

/** The worst first; then what nobody has taken note of; then the latest. */
export function byUrgency(a, b) {
  return a.severity - b.severity || Number(b.todo) - Number(a.todo) || Date.parse(b.at) - Date.parse(a.at);
}

const isOpen = (row) => row.phase !== "shelved" && row.phase !== "closed";

/**
 * The rows that a filter lets through.
 *
 * `now` is in milliseconds; `where(space, row)` tells whether a row happened in a space.
 */
export function filtered(rows, filter, now, where) {
  return rows.filter(
    (row) =>
      (filter.state === "open" ? isOpen(row) : row.phase === filter.state) &&
      (!filter.kind || row.kind === filter.kind) &&
      (!filter.severity || row.severity === filter.severity) &&
      (!filter.cls || row.cls === filter.cls) &&
      (!filter.since || now - Date.parse(row.at) <= filter.since * 1000) &&
      (!filter.space || where(filter.space, row)),
  );
}

/** Severity → number of rows, of all severities. */
export function countBySeverity(rows) {
  const counts = { 1: 0, 2: 0, 3: 0, 4: 0 };
  for (const row of rows) counts[row.severity] += 1;
  return counts;
}

/** Whether a row lies in a space: `map` (what is seen), `building:CODE` or `grid:CODE`. */
export function inSpace(space, row, { map, buildingOf, grids }) {
  const [kind, code] = split(space);
  if (kind === "building") return buildingOf(row.place) === code;
  if (!row.center) return false;
  if (kind === "map") return map ? map.sees(row.center) : true;
  const feature = grids ? grids.index(code) : -1;
  return feature >= 0 && inside(grids, feature, row.center);
}

function split(text) {
  const at = text.indexOf(":");
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
}
