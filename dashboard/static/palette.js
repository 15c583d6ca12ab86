/** Colours that mean something. Red, orange, yellow and blue are kept for alarms; what is chosen is white. */
export const SEVERITIES = {
  1: { color: "#ff4d4f", glyph: "✖", numeral: "Ⅰ" },
  2: { color: "#ff9a3d", glyph: "⬢", numeral: "Ⅱ" },
  3: { color: "#f5d547", glyph: "▲", numeral: "Ⅲ" },
  4: { color: "#5aa9ff", glyph: "◆", numeral: "Ⅳ" },
};
export const SILENT = "#8d97a8";
export const CHOSEN = [255, 255, 255];
export const GROUND = [13, 19, 30];

export function rgb(hex) {
  const value = parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** From `a` (share 0) to `b` (share 1). */
export function mix(a, b, share) {
  return a.map((value, index) => Math.round(value + (b[index] - value) * share));
}

export const css = (color) => `rgb(${color.join(" ")})`;

/** One hue from dark to pale: more is lighter, on a dark map. */
export function ramp(hex) {
  const color = rgb(hex);
  return [
    mix(color, GROUND, 0.72),
    mix(color, GROUND, 0.48),
    mix(color, GROUND, 0.2),
    mix(color, CHOSEN, 0.25),
    mix(color, CHOSEN, 0.62),
  ];
}

/** Upper bounds of five classes that hold about equally many of the values. */
export function quantiles(values) {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return sorted.length ? [...new Set([0.2, 0.4, 0.6, 0.8, 1].map(at))] : [];
}

export function classOf(value, bounds, colors) {
  const index = bounds.findIndex((bound) => value <= bound);
  const at = index < 0 ? bounds.length - 1 : index;
  return colors[Math.round((at * (colors.length - 1)) / Math.max(1, bounds.length - 1))];
}

/** The legend line that a feature belongs to, null when the layer has none for it. */
export function legendEntry(layer, pack, index) {
  if (!layer.style.by) return null;
  const value = String(pack.value(layer.style.by, index));
  return layer.style.legend.find((entry) => entry.value === value) ?? null;
}
