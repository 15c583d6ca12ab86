import { placeAbove, standsIn } from "./codes.js";
import { MARKED } from "./layers.js";
import { alarmRow, byUrgency, incidentRow } from "./events.js";
import { isFresh } from "./movers.js";
import { SEVERITIES, legendEntry } from "./palette.js";
import { anchors } from "./pack.js";

const NAMES_FROM_ZOOM = 15;
const SIGNS_FROM_ZOOM = 15.5;
const DEVICES_FROM_ZOOM = 17.3;
const ROOMS_FROM_ZOOM = 18.7;
const PLAN_CUT_M = 1.4;

const anchorsOf = (() => {
  const known = new WeakMap();
  return (pack) => {
    if (!known.has(pack)) known.set(pack, anchors(pack));
    return known.get(pack);
  };
})();

/** What is worth drawing at a zoom: devices as dots, facilities with their signs. */
export const levelOfDetail = (zoom) => ({ near: zoom >= DEVICES_FROM_ZOOM, signs: zoom >= SIGNS_FROM_ZOOM });

/** Everything that stands above the map as text: marks of events, names of buildings, facilities and rooms. */
export function buildMarks(view, words, zoom, onEvent) {
  return [
    ...(view.visible.has(MARKED) || !view.scene.layers.some((layer) => layer.name === MARKED)
      ? eventMarks(view, words, onEvent)
      : []),
    ...(view.signs ? moverMarks(view) : []),
    ...(zoom >= NAMES_FROM_ZOOM ? buildingNames(view, words) : []),
    ...(view.signs ? glyphs(view) : []),
    ...(zoom >= ROOMS_FROM_ZOOM && view.storey !== null ? roomNames(view) : []),
  ];
}

function eventMarks(view, words, onEvent) {
  const rows = [
    ...[...view.alarms.values()].map(alarmRow),
    ...[...view.incidents.values()].map(incidentRow).filter((row) => row.phase !== "closed"),
  ];
  const groups = new Map();
  for (const row of rows.filter((each) => each.center).sort(byUrgency)) {
    const building = buildingOf(view, row.place);
    if (view.building && building === view.building && view.storey !== null && row.storey !== view.storey) continue;
    const open = view.building !== null && building === view.building;
    const key = open || building === null ? `${row.place ?? ""}@${row.center}` : building;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups].map(([key, group]) => eventMark(view, words, key, group, onEvent));
}

const isOver = (row) => row.phase === "recovered";

function eventMark(view, words, key, rows, onEvent) {
  const worst = rows.find((row) => !isOver(row)) ?? rows[0];
  const { glyph, color } = SEVERITIES[worst.severity];
  const more = rows.length > 1;
  const known = rows.some((row) => row.kind === "incident") ? "filed" : "";
  const state = isOver(worst) ? "cleared" : rows.some((row) => row.todo && !isOver(row)) ? "active" : "known";
  return {
    key: `alarm/${key}`,
    kind: "alarm",
    position: key.includes("@") ? [...worst.center, lift(view, worst)] : roof(view, key),
    rank: worst.severity - 10,
    width: more ? 44 : 26,
    text: more ? String(rows.length) : "",
    mark: glyph,
    state: `${state} ${known}`.trim(),
    color,
    title: `${words.of(worst.title)} · ${worst.place_name ?? ""}${more ? ` (+${rows.length - 1})` : ""}`,
    onclick: () => onEvent(worst),
  };
}

const lift = (view, row) => (row.z_m === null || row.z_m === undefined ? 0 : row.z_m - view.ground);

/** Signs of what moves, on its dot. */
function moverMarks(view) {
  if (!view.visible.has("device")) return [];
  const layer = view.scene.layers.find((each) => each.name === "device");
  const now = Date.now();
  return [...view.movers.values()].flatMap((mover) => {
    const entry = layer?.style.legend.find((each) => each.value === mover.family);
    if (!entry?.glyph || !isFresh(mover, now)) return [];
    const face = { kind: "glyph", text: "", glyph: entry.glyph, color: entry.color };
    return [{ key: `mover/${mover.device}`, position: [...mover.position, 0], rank: 4, width: 12, height: 14, ...face }];
  });
}

/** Code of the building that a place stands in, null when the map does not show it. */
export function buildingOf(view, place) {
  const pack = view.packs.get("building");
  return pack ? placeAbove(place, pack) : null;
}

/** What the place of an event is called: as the server said, else by its building and room number. */
export function eventPlace(view, { place, place_name: said }) {
  if (said || !place) return said ?? "";
  const pack = view.packs.get("building");
  const building = buildingOf(view, place);
  const room = place.match(/-R([^-]+)$/)?.[1];
  return [building && pack.value("name", pack.index(building)), room].filter(Boolean).join(" ") || place;
}

function roof(view, id) {
  const pack = view.packs.get("building");
  const index = pack.index(id);
  const [lon, lat, z] = anchorsOf(pack).get(index);
  const open = id === view.building && view.rooms && view.storey !== null;
  const rise = open ? 0 : (pack.arrays.z_max[index] || 0) - (pack.arrays.z_min[index] || 0) || 0;
  return [lon, lat, z + (pack.origin[2] ?? view.ground) - view.ground + rise];
}

/** Longitude, latitude and metres above the ground of a building's roof or a room's floor plan. */
export function anchorOf(view, id) {
  const { rooms } = view;
  const index = rooms ? rooms.index(id) : -1;
  if (index < 0) return roof(view, id);
  const [lon, lat, z] = anchorsOf(rooms).get(index);
  return [lon, lat, z + (rooms.origin[2] ?? view.ground) - view.ground + PLAN_CUT_M];
}

function buildingNames(view, words) {
  const pack = view.packs.get("building");
  if (!pack || !view.visible.has("building")) return [];
  return pack.ids.flatMap((id, index) => {
    const name = pack.value("name", index);
    const people = view.people?.groups.get(id);
    const text = view.people ? (people === undefined ? "" : words.number(people)) : name;
    const hidden = view.building === id && view.storey !== null;
    if (!text || hidden || !anchorsOf(pack).has(index)) return [];
    return [
      {
        key: `name/${id}`,
        kind: view.building && view.building !== id ? "name dim" : "name",
        position: roof(view, id),
        rank: view.building === id ? 0 : 10 - pack.arrays.z_max[index] / 1e4 || 10,
        width: 8 + 12 * text.length,
        text,
      },
    ];
  });
}

function glyphs(view) {
  const shown = view.scene.layers.filter(
    (layer) => layer.style.draw === "point" && view.visible.has(layer.name) && view.packs.has(layer.name),
  );
  return shown.flatMap((layer) => {
    const pack = view.packs.get(layer.name);
    return [...anchorsOf(pack)].flatMap(([index, [lon, lat, z]]) => {
      if (layer.name === "device" && !onShownStorey(view, pack, index)) return [];
      const entry = legendEntry(layer, pack, index);
      const height = pack.origin[2] === null ? z : z + pack.origin[2] - view.ground;
      if (!entry?.glyph) return [];
      return [
        {
          key: `glyph/${layer.name}/${pack.ids[index]}`,
          kind: "glyph",
          position: [lon, lat, height],
          rank: 5,
          width: 12,
          height: 14,
          text: "",
          glyph: entry.glyph,
          color: entry.color,
        },
      ];
    });
  });
}

const onShownStorey = (view, pack, index) =>
  view.storey !== null &&
  pack.arrays.storey[index] === view.storey &&
  standsIn(pack.value("place", index), view.building);

function roomNames(view) {
  const pack = view.rooms;
  if (!pack) return [];
  return pack.ids.flatMap((id, index) => {
    const text = pack.value("name", index);
    if (!text || pack.arrays.storey[index] !== view.storey || !anchorsOf(pack).has(index)) return [];
    return [
      {
        key: `room/${id}`,
        kind: "room",
        position: anchorOf(view, id),
        rank: id === view.chosen?.id ? -1 : 30,
        width: 6 + 9 * text.length,
        text,
      },
    ];
  });
}
