import { alarmRow, incidentRow } from "./events.js";
import { buildingOf } from "./marks.js";

const NEAR_M = 800;
const CAMERAS = 5;
const RESPONDERS = 8;
const MOST_INCIDENTS = 1000;
const OPERATOR = "lifang.operator";

/** Alarms and incidents: what is open now, one of them with all that surrounds it, and what operators decide. */
export function createDesk(store, api) {
  const { state } = store;
  let rules = null;
  let asked = 0;

  /** Read what stands now. */
  async function read() {
    const [standing, summary, open] = await Promise.all([
      api.json("v1/alarms?state=standing&limit=1000"),
      api.json("v1/alarms/summary?by=community"),
      api.json(`v1/incidents?limit=${MOST_INCIDENTS}`),
    ]);
    const shelved = standing.alarms.filter((alarm) => alarm.shelved_until);
    const alarms = standing.alarms.filter((alarm) => !alarm.shelved_until);
    const incidents = new Map(open.incidents.map((one) => [one.no, one]));
    store.set({
      shelved: new Map(shelved.map((alarm) => [alarm.id, alarm])),
      incidents,
      unlisted: standing.next ? Math.max(0, summary.open - alarms.length) : 0,
    });
    setAlarms(new Map(alarms.map((alarm) => [alarm.id, alarm])));
    if (state.filter.state === "closed") await readClosed();
    if (state.event) await refresh();
  }

  /** Closed incidents are read when somebody looks for them. */
  async function readClosed() {
    const since = state.filter.since ? `&since=${new Date(Date.now() - state.filter.since * 1000).toISOString()}` : "";
    const closed = await api.json(`v1/incidents?state=assessed,merged&limit=${MOST_INCIDENTS}${since}`);
    store.set({ incidents: new Map([...closed.incidents.map((one) => [one.no, one]), ...state.incidents]) });
  }

  function put(alarm) {
    const known = state.alarms.get(alarm.id) ?? state.shelved.get(alarm.id);
    if (known && known.changed_at > alarm.changed_at) return;
    const [alarms, shelved] = [new Map(state.alarms), new Map(state.shelved)];
    alarms.delete(alarm.id);
    shelved.delete(alarm.id);
    if (alarm.shelved_until) shelved.set(alarm.id, alarm);
    else if (alarm.active || !alarm.acknowledged) alarms.set(alarm.id, alarm);
    store.set({ shelved });
    setAlarms(alarms);
    if (state.event?.key === `alarm/${alarm.id}`) store.set({ event: alarmRow(alarm) });
  }

  /** Which places show an alarm's colour: the worst active one in each room and building. */
  function setAlarms(alarms) {
    const alarmed = new Map();
    for (const { active, place, severity } of alarms.values()) {
      for (const key of active && place ? [place, buildingOf(state, place)] : []) {
        if (key) alarmed.set(key, Math.min(severity, alarmed.get(key) ?? severity));
      }
    }
    const same =
      alarmed.size === state.alarmed.size && [...alarmed].every(([key, value]) => state.alarmed.get(key) === value);
    store.set({ alarms, alarmed: same ? state.alarmed : alarmed });
  }

  function putIncident(told) {
    const known = state.incidents.get(told.no);
    if (known && known.entries > told.entries) return;
    const incident = { ...told, place_name: told.place_name ?? known?.place_name };
    store.set({ incidents: new Map(state.incidents).set(incident.no, incident) });
    if (state.event?.key !== `incident/${told.no}`) return;
    store.set({ event: incidentRow(incident) });
    void refresh();
  }

  /** A linkage rule opened cameras for the operator to look through. */
  function putCameras({ alarm, cameras }) {
    if (alarm) store.set({ opened: new Map(state.opened).set(alarm, cameras) });
  }

  /** Look closer at an alarm or incident. */
  async function choose(row) {
    store.set({ event: row, eventData: null, eventFault: null, step: null, stepFault: null });
    if (row) await refresh();
  }

  async function refresh() {
    const row = state.event;
    const turn = (asked += 1);
    try {
      const eventData = await (row.kind === "incident" ? incidentPage(row.id) : alarmPage(row.source));
      if (turn === asked && state.event?.key === row.key) store.set({ eventData, eventFault: null });
    } catch (fault) {
      if (turn === asked) store.set({ eventFault: fault });
    }
  }

  const incidentPage = (no) => api.json(`v1/incidents/${encodeURIComponent(no)}?radius_m=${NEAR_M}`);

  /** What the API tells beside an incident, asked for an alarm. */
  async function alarmPage({ center, place, type }) {
    const building = buildingOf(state, place);
    const [cameras, responders, home] = await Promise.all([
      center ? nearest("device", `nearest=${center}&filter=family:video&limit=${CAMERAS}`, center) : [],
      center ? nearest("staff", `near=${center},${NEAR_M}&limit=${RESPONDERS}`, center) : [],
      building ? api.json(`v1/places/${encodeURIComponent(building)}`) : null,
    ]);
    const played = await Promise.all(cameras.map((camera) => withStream(camera)));
    const people = home?.population;
    const affected = people && { within: building, households: people.households, persons: people.persons };
    return { cameras: played, responders, affected, suggested: await classFor(type) };
  }

  async function nearest(layer, question, center) {
    const { features } = await api.json(`v1/query?layers=${layer}&${question}`);
    return features
      .filter((feature) => feature.geometry)
      .map(({ id, geometry, properties }) => {
        const position = geometry.type === "Point" ? geometry.coordinates : [geometry.coordinates].flat(Infinity);
        const at = [position[0], position[1]];
        return { ...properties, device_no: id, force_no: id, position: at, ...away(center, at) };
      })
      .sort((a, b) => a.distance_m - b.distance_m);
  }

  async function withStream(camera) {
    if (!camera.stream) return camera;
    const { stream } = await api.json(`v1/devices/${encodeURIComponent(camera.device_no)}`);
    return { ...camera, stream };
  }

  /** The class of incident that a linkage rule files for such alarms; null when none does. */
  async function classFor(type) {
    rules ??= (await api.json("v1/linkage/rules")).rules.map(({ rule }) => rule);
    const filing = rules.filter((rule) => rule.when.some((trigger) => trigger.alarm?.types?.includes(type)));
    const actions = filing.flatMap((rule) => rule.do).map((action) => action.incident?.incident_class);
    return actions.find(Boolean) ?? null;
  }

  /** Do a step and take what the server answers for the new state; a refusal is shown with its cure. */
  async function act(row, step, facts) {
    store.set({ busy: true, stepFault: null });
    try {
      const address = `v1/${row.kind}s/${encodeURIComponent(row.id)}/${step}`;
      const told = await api.post(address, facts);
      if (row.kind === "alarm") put(told);
      else putIncident(told);
      store.set({ step: null });
      return true;
    } catch (fault) {
      store.set(state.event?.key === row.key ? { stepFault: fault } : { notice: [fault.message, fault.cure].join(" ") });
      return false;
    } finally {
      store.set({ busy: false });
    }
  }

  /** File an incident for an alarm; asked twice for the same raising it is the same incident. Returns its row. */
  async function file(alarm, facts) {
    store.set({ busy: true, stepFault: null });
    try {
      const told = await api.post("v1/incidents", {
        ...facts,
        severity: alarm.severity,
        source: "operator",
        source_no: `${alarm.id}@${alarm.raised_at}`,
        alarm: alarm.id,
        device: alarm.device,
        occurred_at: alarm.raised_at,
      });
      const { follow: _, ...incident } = told; // the reporter's alone
      putIncident(incident);
      return incidentRow(incident);
    } catch (fault) {
      store.set({ stepFault: fault });
      return null;
    } finally {
      store.set({ busy: false });
    }
  }

  return { read, readClosed, put, putIncident, putCameras, setAlarms, choose, act, file };
}

/** Who decides, as the log will name them: remembered in this browser. */
export const operator = {
  get: (otherwise) => localStorage.getItem(OPERATOR) || otherwise,
  set: (name) => localStorage.setItem(OPERATOR, name.trim()),
};

/** Distance in metres and direction in degrees from north; over some hundred metres the earth is flat. */
export function away([lon, lat], [toLon, toLat]) {
  const metre = 111_195;
  const east = (toLon - lon) * metre * Math.cos((lat * Math.PI) / 180);
  const north = (toLat - lat) * metre;
  return {
    distance_m: Math.hypot(east, north),
    bearing_deg: ((Math.atan2(east, north) * 180) / Math.PI + 360) % 360,
  };
}
