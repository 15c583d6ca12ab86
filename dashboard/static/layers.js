import { placeAbove, standsIn } from "./codes.js";
import { isFresh } from "./movers.js";
import { CHOSEN, GROUND, SEVERITIES, SILENT, classOf, legendEntry, mix, quantiles, ramp, rgb } from "./palette.js";

const PLAN_CUT_M = 1.2; // rooms of the shown storey are cut at table height, as on a floor plan
const UNKNOWN_HEIGHT_M = 0.3; // a building nobody measured is drawn as its footprint
const WIDTHS_M = { street: 6, walkway: 1.5 }; // where the source did not say
const FLAT = { depthCompare: "always", depthWriteEnabled: false };
const STACK = ["polygon", "line", "heat", "extruded", "point"]; // what lies flat must not cover what stands
const MATERIAL = { ambient: 0.5, diffuse: 0.5, shininess: 1, specularColor: [0, 0, 0] };

/** The layer that is drawn inside the chosen building only. */
export const INTERIOR = "space";
/** The layer that is drawn as marks above the map; they carry its colours. */
export const MARKED = "alarm";

/**
 * Turn the declared layers and their packs into deck.gl layers, in drawing order.
 *
 * `view` holds what the store knows: scene, packs, rooms, visible, building, storey, chosen, alarmed, silent, people.
 */
export function buildLayers(view) {
  const shown = view.scene.layers.filter((layer) => view.visible.has(layer.name) && layer.name !== MARKED);
  const stacked = [...shown].sort((a, b) => STACK.indexOf(a.style.draw) - STACK.indexOf(b.style.draw));
  const drawn = stacked.flatMap((layer) => {
    const pack = layer.name === INTERIOR ? view.rooms : view.packs.get(layer.name);
    return pack ? drawLayer(layer, pack, view) : [];
  });
  return [...drawn, ...outlines(view), ...(view.visible.has("device") ? movers(view) : [])];
}

function drawLayer(layer, pack, view) {
  const { draw } = layer.style;
  if (layer.name === INTERIOR) return [rooms(layer, pack, view)];
  if (layer.name === "building") return [buildings(layer, pack, view)];
  if (draw === "heat") return [heat(layer, pack)];
  return [
    pack.arrays["polygon.start"] && polygons(layer, pack, draw === "extruded", view),
    pack.arrays["line.start"] && lines(layer, pack, view),
    pack.arrays["point.feature"] && (layer.name === "device" ? devices(layer, pack, view) : points(layer, pack, view)),
  ].filter(Boolean);
}

/** Longitude, latitude and metres above the ground that a pack's positions are offsets from. */
function placed(pack, ground) {
  const [lon, lat, z] = pack.origin;
  return {
    coordinateSystem: deck.COORDINATE_SYSTEM.LNGLAT_OFFSETS,
    coordinateOrigin: [lon ?? 0, lat ?? 0, z === null ? 0 : z - ground],
  };
}

const cache = new WeakMap();

/** deck.gl compares data by identity: one object for each pack and kind, for as long as the pack lives. */
function once(pack, key, make) {
  if (!cache.has(pack)) cache.set(pack, new Map());
  const made = cache.get(pack);
  if (!made.has(key)) made.set(key, make());
  return made.get(key);
}

function polygonData(pack) {
  return once(pack, "polygon", () => ({
    length: pack.arrays["polygon.feature"].length,
    startIndices: pack.arrays["polygon.start"],
    attributes: {
      getPolygon: { value: pack.arrays["polygon.positions"], size: 3 },
      indices: { value: pack.arrays["polygon.triangles"], size: 1 },
      instanceVertexValid: { value: pack.arrays["polygon.wall"], size: 1 },
    },
  }));
}

function solid(id, pack, view, properties) {
  return new deck.SolidPolygonLayer({
    id,
    data: polygonData(pack),
    ...placed(pack, view.ground),
    _normalize: false,
    pickable: true,
    material: MATERIAL,
    ...properties,
  });
}

/** An accessor of the part's feature; `target` is reused, as deck.gl likes it. */
function colored(pack, kind, colorOf, alpha = 255) {
  const features = pack.arrays[`${kind}.feature`];
  return (_, { index, target }) => {
    const color = colorOf(features[index]);
    target[0] = color[0];
    target[1] = color[1];
    target[2] = color[2];
    target[3] = color[3] ?? alpha;
    return target;
  };
}

function declaredColor(layer, pack) {
  const plain = rgb(layer.style.color);
  return (index) => {
    const entry = legendEntry(layer, pack, index);
    return entry ? rgb(entry.color) : plain;
  };
}

function height(pack, feature) {
  const metres = pack.arrays.z_max[feature] - pack.arrays.z_min[feature];
  return metres > 0 ? metres : UNKNOWN_HEIGHT_M;
}

function buildings(layer, pack, view) {
  const declared = declaredColor(layer, pack);
  const colorOf = (index) => {
    const id = pack.ids[index];
    if (opened(id, view)) return mix(declared(index), GROUND, 0.7);
    const people = view.people?.groups.get(id);
    const base = view.people
      ? people === undefined
        ? mix(declared(index), GROUND, 0.6)
        : classOf(people, view.people.bounds, ramp(view.people.color))
      : declared(index);
    const severity = view.people ? null : view.alarmed.get(id); // a tint would falsify the scale
    const tinted = severity ? mix(base, rgb(SEVERITIES[severity].color), 0.45) : base;
    return view.building && id !== view.building ? mix(tinted, GROUND, 0.62) : tinted;
  };
  const features = pack.arrays["polygon.feature"];
  return solid("building", pack, view, {
    extruded: true,
    wireframe: true,
    opacity: layer.style.opacity,
    getElevation: (_, { index }) => (opened(pack.ids[features[index]], view) ? 0.05 : height(pack, features[index])),
    getFillColor: colored(pack, "polygon", colorOf),
    getLineColor: colored(pack, "polygon", (index) => mix(colorOf(index), GROUND, 0.35)),
    updateTriggers: {
      getElevation: [view.building, view.rooms, view.visible, view.packs],
      getFillColor: [view.building, view.rooms, view.people, view.alarmed],
      getLineColor: [view.building, view.rooms, view.people, view.alarmed],
    },
  });
}

/** A building whose inside is shown: only its footprint is drawn. */
function opened(id, view) {
  if (id === view.building && view.rooms !== null) return true;
  const storeys = view.visible.has("storey") && view.packs.get("storey");
  if (!storeys) return false;
  const buildings = view.packs.get("building");
  return once(storeys, "buildings", () => new Set(storeys.ids.map((each) => placeAbove(each, buildings)))).has(id);
}

function rooms(layer, pack, view) {
  const declared = declaredColor(layer, pack);
  const features = pack.arrays["polygon.feature"] ?? [];
  const storeys = pack.arrays.storey;
  const colorOf = (index) => {
    const severity = view.alarmed.get(pack.ids[index]);
    const color = severity ? rgb(SEVERITIES[severity].color) : declared(index);
    if (pack.ids[index] === view.chosen?.id) return mix(color, CHOSEN, 0.22);
    return view.storey !== null && storeys[index] !== view.storey ? mix(color, GROUND, 0.72) : color;
  };
  return solid(INTERIOR, pack, view, {
    extruded: true,
    wireframe: true,
    getElevation: (_, { index }) => {
      const metres = height(pack, features[index]);
      return storeys[features[index]] === view.storey ? Math.min(metres, PLAN_CUT_M) : metres;
    },
    getFillColor: colored(pack, "polygon", colorOf),
    getLineColor: colored(pack, "polygon", (index) => mix(colorOf(index), GROUND, 0.45)),
    getFilterValue: (_, { index }) => storeys[features[index]],
    filterRange: [-999, view.storey ?? 999],
    extensions: [once(pack, "filter", () => new deck.DataFilterExtension({ filterSize: 1 }))],
    updateTriggers: {
      getElevation: [view.storey],
      getFillColor: [view.storey, view.chosen, view.alarmed],
      getLineColor: [view.storey, view.chosen, view.alarmed],
    },
  });
}

function polygons(layer, pack, extruded, view) {
  const declared = declaredColor(layer, pack);
  const features = pack.arrays["polygon.feature"];
  return solid(`${layer.name}-polygon`, pack, view, {
    extruded,
    opacity: layer.style.opacity,
    getElevation: (_, { index }) => height(pack, features[index]),
    getFillColor: colored(pack, "polygon", declared),
    parameters: extruded ? {} : FLAT,
  });
}

function heat(layer, pack) {
  const { bounds, colors } = heatClasses(layer, pack);
  return solid(
    layer.name,
    pack,
    { ground: 0 },
    {
      opacity: layer.style.opacity,
      getFillColor: colored(pack, "polygon", (index) => classOf(pack.value("value", index), bounds, colors), 190),
      parameters: FLAT,
    },
  );
}

/** The classes of a heat layer: the same for its cells and its legend. */
export function heatClasses(layer, pack) {
  return once(pack, "classes", () => {
    const values = pack.ids.map((_, index) => pack.value("value", index));
    return { bounds: quantiles(values), colors: ramp(layer.style.color) };
  });
}

function lines(layer, pack, view) {
  const data = once(pack, "line", () => ({
    length: pack.arrays["line.feature"].length,
    startIndices: pack.arrays["line.start"],
    attributes: { getPath: { value: pack.arrays["line.positions"], size: 3 } },
  }));
  return new deck.PathLayer({
    id: `${layer.name}-line`,
    data,
    ...placed(pack, view.ground),
    _pathType: "open",
    pickable: true,
    widthUnits: "meters",
    getWidth: (_, { index }) =>
      pack.value("width_m", pack.arrays["line.feature"][index]) ?? WIDTHS_M[layer.name] ?? 0.6,
    widthMinPixels: 1,
    capRounded: true,
    jointRounded: true,
    opacity: layer.style.opacity,
    getColor: colored(pack, "line", declaredColor(layer, pack)),
    parameters: FLAT,
  });
}

/** Offsets of every point part, as rows that deck.gl can filter. */
function pointRows(pack) {
  return once(pack, "point", () => {
    const positions = pack.arrays["point.positions"];
    return Array.from(pack.arrays["point.feature"], (feature, part) => ({
      feature,
      position: positions.subarray(3 * part, 3 * part + 3),
    }));
  });
}

function points(layer, pack, view) {
  const declared = declaredColor(layer, pack);
  const rows = pointRows(pack);
  const glyphs = layer.style.legend.some((entry) => entry.glyph);
  return new deck.ScatterplotLayer({
    id: `${layer.name}-point`,
    data: rows,
    ...placed(pack, view.ground),
    pickable: true,
    radiusUnits: "pixels",
    getRadius: glyphs && view.signs ? 8 : 4,
    updateTriggers: { getRadius: [view.signs] },
    stroked: true,
    lineWidthUnits: "pixels",
    getLineWidth: 1.5,
    getLineColor: GROUND,
    opacity: layer.style.opacity,
    getPosition: (row) => row.position,
    getFillColor: (row) => declared(row.feature),
    billboard: true,
    parameters: FLAT,
  });
}

/** Devices: quiet dots when all is well, hollow when silent; alarms stand above them as marks of their own. */
function devices(layer, pack, view) {
  const silent = (row) => view.silent.has(pack.ids[row.feature]);
  const normal = declaredColor(layer, pack);
  const chosen = (row) => pack.ids[row.feature] === view.chosen?.id;
  return new deck.ScatterplotLayer({
    id: "device-point",
    data: deviceRows(pack, view, silent),
    ...placed(pack, view.ground),
    pickable: true,
    radiusUnits: "pixels",
    stroked: true,
    lineWidthUnits: "pixels",
    getLineWidth: 1.5,
    getRadius: (row) => (chosen(row) ? 9 : view.storey !== null ? 8 : 3),
    getPosition: (row) => row.position,
    getFillColor: (row) => (silent(row) ? [...GROUND, 160] : normal(row.feature)),
    getLineColor: (row) => (chosen(row) ? CHOSEN : silent(row) ? rgb(SILENT) : [...GROUND, 200]),
    updateTriggers: {
      getRadius: [view.chosen, view.storey],
      getFillColor: [view.silent],
      getLineColor: [view.silent, view.chosen],
    },
    billboard: true,
    parameters: FLAT,
  });
}

/** Of an open building the shown storey's devices, or all that are silent; of the community all, from nearby. */
function deviceRows(pack, view, silent) {
  const none = once(pack, "none", () => []);
  if (!view.building) return view.near ? pointRows(pack) : none;
  const here = once(pack, `in ${view.building}`, () =>
    pointRows(pack).filter((row) => standsIn(pack.value("place", row.feature), view.building)),
  );
  if (view.storey === null) return here.filter((row) => silent(row) || pack.ids[row.feature] === view.chosen?.id);
  return once(pack, `on ${view.building}/${view.storey}`, () =>
    here.filter((row) => pack.arrays.storey[row.feature] === view.storey),
  );
}

/** What moves: a ringed dot where it was last heard, hollow when that is long ago. */
function movers(view) {
  const layer = view.scene.layers.find((each) => each.name === "device");
  const colorOf = ({ family }) => rgb(layer.style.legend.find((entry) => entry.value === family)?.color ?? SILENT);
  const now = Date.now();
  const fresh = (mover) => isFresh(mover, now);
  return [
    new deck.ScatterplotLayer({
      id: "movers",
      data: [...view.movers.values()],
      pickable: true,
      radiusUnits: "pixels",
      stroked: true,
      lineWidthUnits: "pixels",
      getLineWidth: 2,
      getRadius: 8,
      getPosition: (mover) => mover.position,
      getFillColor: (mover) => (fresh(mover) ? colorOf(mover) : [...GROUND, 160]),
      getLineColor: (mover) => (fresh(mover) ? CHOSEN : rgb(SILENT)),
      billboard: true,
      parameters: FLAT,
    }),
  ];
}

/** White lines around the top of what is chosen; around a building's foot too. */
function outlines(view) {
  const layer = view.chosen?.layer;
  const pack = layer === INTERIOR ? view.rooms : view.packs.get(layer);
  const feature = pack ? pack.index(view.chosen.id) : -1;
  const part = pack?.arrays["polygon.feature"]?.indexOf(feature) ?? -1;
  if (feature < 0 || part < 0) return [];
  const tall = layer === INTERIOR || layer === "building";
  const rise = !tall ? 0 : layer === INTERIOR && view.storey !== null ? PLAN_CUT_M : height(pack, feature);
  const rings = ringsOf(pack, part);
  const raised = rings.map((ring) => ring.map(([x, y, z]) => [x, y, z + rise + 0.05]));
  const data = layer === "building" ? [...rings, ...raised] : raised;
  return [
    new deck.PathLayer({
      id: "chosen",
      data,
      ...placed(pack, view.ground),
      getPath: (ring) => ring,
      getColor: CHOSEN,
      getWidth: 2,
      widthUnits: "pixels",
      parameters: FLAT,
    }),
  ];
}

function ringsOf(pack, part) {
  const { "polygon.start": start, "polygon.positions": positions, "polygon.wall": wall } = pack.arrays;
  const rings = [[]];
  for (let vertex = start[part]; vertex < start[part + 1]; vertex += 1) {
    rings.at(-1).push(Array.from(positions.subarray(3 * vertex, 3 * vertex + 3)));
    if (!wall[vertex]) rings.push([]);
  }
  return rings.filter((ring) => ring.length);
}
