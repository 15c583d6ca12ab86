import { anchors } from "./pack.js";

const ROOM_ZOOM = 19.3;
const BUILDING_ZOOM = 18.4;
const ROOM_PITCH = 42;
const BUILDING_PITCH = 52;
const SMALLEST_M = 10;
const DEGREE_M = { lon: 85_000, lat: 111_000 }; // near enough to choose a zoom

/** Camera for a place as the API describes it: a building whole, a room with the floor around it. */
export function viewOf(place, ground) {
  const [west, south, east, north] = boundsOf(place.geometry);
  const middle = { longitude: (west + east) / 2, latitude: (south + north) / 2 };
  const rise = (place.z_max_m ?? 0) - (place.z_min_m ?? 0);
  if (place.layer !== "building" && place.z_min_m !== null) {
    return { ...middle, zoom: ROOM_ZOOM, pitch: ROOM_PITCH, position: [0, 0, place.z_min_m - ground] };
  }
  return whole(middle, Math.max((east - west) * DEGREE_M.lon, (north - south) * DEGREE_M.lat, rise), rise);
}

/** Camera for a building on the map. */
export function viewOfBuilding(pack, id) {
  const index = pack.index(id);
  const [longitude, latitude] = anchors(pack).get(index);
  const rise = pack.arrays.z_max[index] - pack.arrays.z_min[index] || 0;
  return whole({ longitude, latitude }, rise, rise);
}

function whole(middle, size, rise) {
  const zoom = Math.min(BUILDING_ZOOM, 24.2 - Math.log2(Math.max(size, SMALLEST_M)));
  return { ...middle, zoom, pitch: BUILDING_PITCH, position: [0, 0, rise / 2.5] };
}

/** Camera for a point on the ground. */
export function viewAt([longitude, latitude]) {
  return { longitude, latitude, zoom: BUILDING_ZOOM, position: [0, 0, 0] };
}

function boundsOf(geometry) {
  const parts = geometry.geometries ?? [geometry];
  const flat = parts.flatMap((part) => [part.coordinates].flat(Infinity));
  const lon = flat.filter((_, index) => index % 2 === 0);
  const lat = flat.filter((_, index) => index % 2 === 1);
  return [Math.min(...lon), Math.min(...lat), Math.max(...lon), Math.max(...lat)];
}
