const PROPERTY = "position";
const FRESH_MS = 300_000;
const ASK_AGAIN_MS = 3000;

/** What moves: guards, robots and vehicles that report where they are. Who carries a terminal is not told. */
export function createMovers(store, api) {
  const { state } = store;
  const nobody = new Set(); // devices that report positions and are on no list: people in care
  let asking = null;

  async function read() {
    const { movers } = await api.json("v1/movers?count=10000");
    store.set({ movers: new Map(movers.map((one) => [one.device, one])) });
  }

  /** Take the positions among readings; a device that was not known to move is asked about, once. */
  function observe(items) {
    const reported = items.filter(([device, property]) => property === PROPERTY && !nobody.has(device));
    const moved = reported.filter(([device, , result]) => state.movers.has(device) && result);
    if (moved.length) {
      const movers = new Map(state.movers);
      for (const [device, , result, at] of moved) movers.set(device, placed(movers.get(device), result, at));
      store.set({ movers });
    }
    const unknown = reported.map(([device]) => device).filter((device) => !state.movers.has(device));
    if (unknown.length) askAbout(unknown);
  }

  function askAbout(devices) {
    asking ??= setTimeout(async () => {
      asking = null;
      await read().catch((fault) => store.set({ notice: fault.message }));
      for (const device of devices) if (!state.movers.has(device)) nobody.add(device);
    }, ASK_AGAIN_MS);
  }

  return { read, observe };
}

const placed = (mover, result, at) =>
  mover.at > at
    ? mover
    : {
        ...mover,
        position: [result.lon, result.lat],
        storey: result.storey ?? null,
        heading_deg: result.heading_deg ?? null,
        speed_m_per_s: result.speed_m_per_s ?? null,
        at,
      };

/** Whether a position is still where the mover is. */
export const isFresh = (mover, now) => now - Date.parse(mover.at) < FRESH_MS;
