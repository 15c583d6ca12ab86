import { h } from "./dom.js";
import { SEVERITIES } from "./palette.js";

const MOST_DEVICES = 40;
const MOST_ATTRIBUTES = 16;

/** What is known about the chosen place or record. */
export function details(view, words, actions) {
  const { chosen, chosenState, chosenData, chosenFault } = view;
  if (!chosen) return null;
  const close = h(
    "button",
    {
      className: "close",
      onclick: actions.onClose,
      ariaLabel: words.t("details.close"),
      title: words.t("details.close"),
    },
    "✕",
  );
  if (chosenState === "loading") return [h("header", {}, h("h2", {}, words.t("details.loading")), close)];
  if (chosenState === "failed")
    return [
      h("header", {}, h("h2", {}, words.t("details.failed")), close),
      h("p", { className: "fault", role: "alert" }, chosenFault.message, h("br"), chosenFault.cure ?? ""),
    ];
  return [head(view, words, close), ...body(view, chosenData, words, actions)];
}

const declaration = (view, name) => view.scene.layers.find((layer) => layer.name === name);

function head(view, words, close) {
  const { layer, name, id } = view.chosenData;
  const declared = declaration(view, layer);
  return h("header", {}, h("h2", {}, h("small", {}, declared ? words.of(declared.title) : layer), name || id), close);
}

function body(view, data, words, actions) {
  const { place } = data;
  return [
    place?.ancestors?.length > 0 &&
      h(
        "nav",
        { className: "crumbs", ariaLabel: words.t("details.above") },
        place.ancestors.map((above) => link(above.name || above.code, () => actions.onPlace(above.code))),
      ),
    data.code && codeLine(data.code, words),
    h("dl", {}, facts(view, data, words)),
    data.layer === "device" && values(view, data.record, words),
    place?.alarms?.length > 0 && data.layer !== "device" && alarms(place.alarms, words, actions),
    data.layer !== "device" && devices(view, place?.records?.device ?? [], words, actions),
    data.layer !== "device" &&
      Object.entries(place?.records ?? {})
        .filter(([name, list]) => name !== "device" && list.length)
        .map(([name, list]) => records(view, name, list, words)),
  ]
    .flat()
    .filter(Boolean);
}

const link = (text, onclick) => h("button", { className: "link", onclick }, text);

function codeLine(code, words) {
  const copy = h(
    "button",
    { className: "link", onclick: () => navigator.clipboard?.writeText(code), title: words.t("details.copy") },
    words.t("details.copy"),
  );
  return h("p", { className: "code" }, h("code", {}, code), copy);
}

function facts(view, data, words) {
  const rows = [
    ...(data.layer === "device" ? [] : placeFacts(data.place, words)),
    ...attributeFacts(view, data, words),
  ];
  return rows.flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]);
}

function placeFacts(place, words) {
  if (!place) return [];
  const { address, storey, z_min_m: low, z_max_m: high, population } = place;
  const measured = Number.isFinite(low) && Number.isFinite(high);
  return [
    address && [words.t("details.address"), address],
    storey && [words.t("details.storey"), words.storey(storey)],
    measured && [words.t("details.height"), `${words.number(high - low)} m`],
    measured && [words.t("details.level"), `${words.number(low)} – ${words.number(high)} m`],
    population && [words.t("details.people"), people(population, words)],
  ].filter(Boolean);
}

/** The declared attributes that the head and the address do not tell already. */
function attributeFacts(view, { layer, id, name, place, attributes }, words) {
  const told = [undefined, null, id, name, place?.address];
  const fields = declaration(view, layer)?.fields ?? [];
  return fields
    .filter((field) => !told.includes(attributes[field.name]))
    .slice(0, MOST_ATTRIBUTES)
    .map((field) => [words.of(field.title), shown(field, attributes[field.name], words)]);
}

function people({ persons, households, suppressed }, words) {
  if (suppressed || persons === null) return suppressed ? words.t("details.fewPeople") : "—";
  const text = words.t("details.persons", { count: words.number(persons) });
  return households === null || households === undefined
    ? text
    : `${text} · ${words.t("details.households", { count: words.number(households) })}`;
}

const UNITS = { m2: "m²", m3: "m³", Cel: "°C", deg: "°" };

function shown(field, value, words) {
  const label = field.values?.[String(value)];
  if (label) return words.of(label);
  if (typeof value === "boolean") return words.t(value ? "details.yes" : "details.no");
  if (typeof value !== "number") return typeof value === "object" ? JSON.stringify(value) : String(value);
  return field.unit ? `${words.number(value)} ${UNITS[field.unit] ?? field.unit}` : words.number(value);
}

function devices(view, list, words, actions) {
  if (!list.length) return null;
  const rank = { alarm: 0, silent: 1, normal: 2 };
  const state = stateOf(view);
  const sorted = [...list].sort((a, b) => rank[state(a.id)] - rank[state(b.id)]);
  const rows = sorted.slice(0, MOST_DEVICES).map((device) =>
    h(
      "li",
      {},
      h("span", { className: `dot ${state(device.id)}`, role: "img", ariaLabel: words.t(`state.${state(device.id)}`) }),
      link(shortName(device), () => actions.onDevice(device.id)),
      h("span", { className: "reading" }, readings(view, device, words)),
    ),
  );
  return h(
    "section",
    {},
    h("h3", {}, words.t("details.devices", { count: words.number(list.length) })),
    h("ul", { className: "devices" }, rows),
    list.length > MOST_DEVICES &&
      h(
        "p",
        { className: "note" },
        words.t("details.moreDevices", { count: words.number(list.length - MOST_DEVICES) }),
      ),
  );
}

/** Ids of the devices whose readings the panel shows. */
export function devicesOf(data) {
  return data?.layer === "device" ? [data.id] : (data?.place?.records?.device ?? []).map((device) => device.id);
}

/** What the live data say about a device: alarm, silent or normal. */
function stateOf(view) {
  const alarmed = new Set([...view.alarms.values()].filter((alarm) => alarm.active).map((alarm) => alarm.device));
  return (id) => (alarmed.has(id) ? "alarm" : view.silent.has(id) ? "silent" : "normal");
}

/** A device's name without the place, which the panel's head already tells. */
function shortName({ id, name, attributes }) {
  const where = attributes?.install_position;
  return (where && name?.startsWith(where) && name.slice(where.length)) || name || id;
}

/** The latest of what came with the place and what the stream brought since. */
function latest(view, device) {
  const known = device.values ?? {};
  const fresh = Object.entries(view.readings.get(device.id) ?? {});
  return {
    ...known,
    ...Object.fromEntries(fresh.map(([property, each]) => [property, { ...known[property], ...each }])),
  };
}

function reading({ value, unit }, words) {
  if (typeof value === "boolean") return words.t(value ? "details.yes" : "details.no");
  if (typeof value !== "number") return typeof value === "object" ? JSON.stringify(value) : String(value);
  return unit ? `${words.number(value)} ${UNITS[unit] ?? unit}` : words.number(value);
}

function readings(view, device, words) {
  const measured = Object.values(latest(view, device)).filter(
    ({ value }) => typeof value === "number" || typeof value === "string",
  );
  return measured
    .slice(0, 2)
    .map((each) => reading(each, words))
    .join(" / ");
}

function values(view, device, words) {
  const rows = Object.entries(latest(view, device)).flatMap(([property, each]) => [
    h("dt", {}, words.of(each.title) || property),
    h("dd", {}, `${reading(each, words)} `, h("small", {}, words.moment(each.time, new Date()))),
  ]);
  return h(
    "section",
    {},
    h("h3", {}, words.t("details.values")),
    rows.length ? h("dl", {}, rows) : h("p", { className: "empty" }, words.t("details.noValues")),
  );
}

function alarms(list, words, actions) {
  const rows = list.map((alarm) =>
    h(
      "li",
      { style: { "--color": SEVERITIES[alarm.severity].color } },
      h("span", { className: "glyph" }, SEVERITIES[alarm.severity].glyph),
      link(words.of(alarm.title), () => actions.onAlarm(alarm)),
      h("span", { className: "reading" }, words.moment(alarm.raised_at, new Date())),
    ),
  );
  return h("section", {}, h("h3", {}, words.t("details.alarms")), h("ul", { className: "devices" }, rows));
}

function records(view, name, list, words) {
  const declared = declaration(view, name);
  const rows = list.slice(0, MOST_DEVICES).map((record) => h("li", {}, h("span", {}, record.name || record.id)));
  return h(
    "section",
    {},
    h("h3", {}, `${declared ? words.of(declared.title) : name} ${words.number(list.length)}`),
    h("ul", { className: "devices" }, rows),
  );
}
