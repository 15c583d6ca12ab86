const TYPES = {
  "<f4": Float32Array,
  "<f8": Float64Array,
  "<u4": Uint32Array,
  "<i4": Int32Array,
  "<u2": Uint16Array,
  "<i2": Int16Array,
};

/** Read an LFP1 block; the arrays are views of it, nothing is copied. gis/pack.py describes the format. */
export function unpack(buffer) {
  const magic = String.fromCharCode(...new Uint8Array(buffer, 0, Math.min(4, buffer.byteLength)));
  if (magic !== "LFP1") throw new Error("not an LFP1 block");
  const length = new DataView(buffer).getUint32(4, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const arrays = {};
  for (const [name, { dtype, shape, offset }] of Object.entries(header.arrays)) {
    const size = shape.reduce((a, b) => a * b, 1);
    arrays[name] = new TYPES[dtype](buffer, 8 + length + offset, size);
  }
  return createPack(header, arrays);
}

function createPack({ origin, ids, columns }, arrays) {
  const indexOf = new Map(ids.map((id, index) => [id, index]));
  return {
    origin,
    ids,
    arrays,
    count: ids.length,
    index: (id) => indexOf.get(id) ?? -1,

    /** A feature's attribute, null when it has none. */
    value(name, index) {
      const column = columns[name];
      if (!column) return null;
      const stored = arrays[`column.${name}`][index];
      if (column.values === null) return Number.isNaN(stored) ? null : stored;
      return stored < 0 ? null : column.values[stored];
    },
  };
}

/** Longitude, latitude and height above the pack's origin of the first vertex of every feature's first part. */
export function anchors(pack) {
  const found = new Map();
  for (const kind of ["point", "polygon", "line"]) {
    const features = pack.arrays[`${kind}.feature`];
    if (!features) continue;
    const start = pack.arrays[`${kind}.start`];
    const positions = pack.arrays[`${kind}.positions`];
    features.forEach((feature, part) => {
      if (found.has(feature)) return;
      const [first, end] = start ? [start[part], start[part + 1]] : [part, part + 1];
      found.set(feature, [...middle(positions, first, end, pack.origin), positions[3 * first + 2]]);
    });
  }
  return found;
}

function middle(positions, first, end, [lon, lat]) {
  let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let at = first; at < end; at += 1) {
    west = Math.min(west, positions[3 * at]);
    east = Math.max(east, positions[3 * at]);
    south = Math.min(south, positions[3 * at + 1]);
    north = Math.max(north, positions[3 * at + 1]);
  }
  return [lon + (west + east) / 2, lat + (south + north) / 2];
}

/** Whether a point (longitude, latitude) lies in a feature's polygons; holes do not belong to it. */
export function inside(pack, feature, [lon, lat]) {
  const { "polygon.feature": features, "polygon.start": start, "polygon.wall": wall } = pack.arrays;
  const positions = pack.arrays["polygon.positions"];
  const [x, y] = [lon - pack.origin[0], lat - pack.origin[1]];
  let crossings = 0;
  features?.forEach((owner, part) => {
    for (let at = start[part]; owner === feature && at < start[part + 1]; at += 1) {
      if (wall[at] && crosses(positions, at, x, y)) crossings += 1;
    }
  });
  return crossings % 2 === 1;
}

/** Whether the edge that begins at a vertex is met by the line from a point eastwards. */
function crosses(positions, at, x, y) {
  const [x1, y1, , x2, y2] = positions.subarray(3 * at, 3 * at + 5);
  return y1 > y !== y2 > y && x < x1 + ((y - y1) / (y2 - y1)) * (x2 - x1);
}
