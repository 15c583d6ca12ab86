/** What a shared address restores: #map=lon,lat,zoom,pitch,bearing,z&code=…&event=…&storey=…&lang=… */
export function readLink(hash = location.hash) {
  const given = new URLSearchParams(hash.slice(1));
  const numbers = (given.get("map") ?? "").split(",").map(Number);
  const storey = Number.parseInt(given.get("storey"), 10);
  return {
    camera:
      numbers.length === 6 && numbers.every(Number.isFinite)
        ? {
            longitude: numbers[0],
            latitude: numbers[1],
            zoom: numbers[2],
            pitch: numbers[3],
            bearing: numbers[4],
            position: [0, 0, numbers[5]],
          }
        : null,
    code: given.get("code"),
    event: given.get("event"),
    storey: Number.isNaN(storey) ? null : storey,
    language: given.get("lang"),
  };
}

export function writeLink({ camera, code, event, storey, language }) {
  const { longitude, latitude, zoom, pitch, bearing, position } = camera;
  const map = [
    longitude.toFixed(6),
    latitude.toFixed(6),
    zoom.toFixed(2),
    pitch.toFixed(0),
    bearing.toFixed(0),
    position[2].toFixed(1),
  ].join(",");
  const parts = [
    `map=${map}`,
    code && `code=${encodeURIComponent(code)}`,
    event && `event=${encodeURIComponent(event)}`,
    storey !== null && `storey=${storey}`,
    `lang=${language}`,
  ];
  history.replaceState(history.state, "", `#${parts.filter(Boolean).join("&")}`);
}
