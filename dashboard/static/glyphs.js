/** Small signs, drawn in a box of 16 × 16; the names are those of the layer declarations. */
const PATHS = {
  ball: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zm0 2.2 2.3 1.7-.9 2.7H6.6l-.9-2.7z",
  basket: "M2 6h12l-1.6 7.5H3.6zM4.5 6l2-3.5h3l2 3.5h-1.6L8.7 4H7.3L6.1 6z",
  bin: "M3 4h10v1.6H3zM6.3 2.4h3.4v1H6.3zM4 6.4h8l-.7 7.2H4.7z",
  bolt: "M9.2 1.5 3.5 9h3.7l-1 5.5L12.5 7H8.3z",
  book: "M2 3.5c2.2-.8 4.2-.6 5.5.4v9c-1.4-.9-3.4-1.1-5.5-.4zm12 0c-2.2-.8-4.2-.6-5.5.4v9c1.4-.9 3.4-1.1 5.5-.4z",
  camera: "M1.5 4.5h8.3v7H1.5zm9.2 2.6 3.8-2.2v6.2l-3.8-2.2z",
  car: "M3.2 6.5 4.6 3h6.8l1.4 3.5 1.2.8V12h-1.6v1.4h-2V12H5.6v1.4h-2V12H2V7.3zm1.6 0h6.4l-.9-2.1H5.7z",
  child: "M8 1.8a2.2 2.2 0 1 1 0 4.4 2.2 2.2 0 0 1 0-4.4zM4.5 7.2h7l-1.4 3.6h-.8v3.4H6.7v-3.4h-.8z",
  cross: "M6.2 2h3.6v4.2H14v3.6H9.8V14H6.2V9.8H2V6.2h4.2z",
  diamond: "M8 1.5 14.5 8 8 14.5 1.5 8z",
  door: "M4 1.8h8v12.4H4zm5.4 5.6v1.6h1.2V7.4z",
  elder: "M7 1.6a2 2 0 1 1 0 4 2 2 0 0 1 0-4zM4.6 6.4h4.2l2.4 2.8v5.2H10V9.8L8.6 8.6v5.8H6.9v-3.6h-.6v3.6H4.6z",
  fence: "M2 14V5l1.5-2L5 5v2h1.5V5L8 3l1.5 2v2H11V5l1.5-2L14 5v9h-3v-3H9.5v3h-3v-3H5v3z",
  flame:
    "M8.4 1.3c.4 2.6 4.1 4 4.1 7.8A4.5 4.5 0 0 1 8 14.6a4.5 4.5 0 0 1-4.5-4.7c0-2.1 1.4-3 2-4.6.8.5 1.2 1.2 1.3 2 1.2-1.3 1.9-3.4 1.6-6z",
  flask: "M6 1.8h4v1.4h-.6v3l3.9 6.300a1.2 1.2 0 0 1-1 1.800H3.700a1.2 1.2 0 0 1-1-1.800l3.9-6.300v-3H6z",
  gate: "M2 14V3h2.200v2h7.600V3H14v11h-2.200V7H4.200v7zM7.3 8h1.400v6H7.300z",
  heart: "M8 13.8 2.6 8.400a3.4 3.4 0 0 1 4.8-4.800l.6.6.6-.6a3.4 3.4 0 0 1 4.8 4.800z",
  hexagon: "M4.5 2h7L15 8l-3.5 6h-7L1 8z",
  house: "M8 2 14.5 8h-2v6H9.300v-3.600H6.700V14H3.500V8h-2z",
  leaf: "M13.8 2.200c.6 6.5-2.4 10.3-7.6 9.800L3.4 14.600l-1-1 2.6-2.800C4.2 5.6 7.6 2.5 13.8 2.200z",
  music: "M6 2.5 13 1.500v9a2 2 0 1 1-1.6-2V4.700L7.6 5.300v7a2 2 0 1 1-1.6-2z",
  person: "M8 1.800a2.6 2.6 0 1 1 0 5.2 2.6 2.6 0 0 1 0-5.200zM3 14c0-3.6 2-5.6 5-5.600s5 2 5 5.600z",
  pipe: "M2 4h3v2.200h3.200a3.3 3.3 0 0 1 3.3 3.300V11h2v3h-6.500v-3h1.500V9.800H5V12H2z",
  screen: "M1.8 3h12.400v8H9.200v1.400h2V14H4.800v-1.600h2V11h-5z",
  shield: "M8 1.5 13.5 3.500v4c0 3.6-2.3 6-5.5 7-3.2-1-5.5-3.4-5.5-7v-4z",
  signpost:
    "M7.2 1.500h1.600v1.300h4.400l1.6 1.9-1.6 1.900H8.800v1H11v3.600H8.800v3.300H7.200v-3.300H2.800L1.2 9.400l1.6-1.800h4.400z",
  triangle: "M8 2 15 14H1z",
};

const SVG = "http://www.w3.org/2000/svg";

/** The sign as an element; a single letter or character is its own sign, an unknown name has none. */
export function glyph(name) {
  const path = PATHS[name];
  if (!path) return [...(name ?? "")].length === 1 ? name : "";
  const svg = document.createElementNS(SVG, "svg");
  const shape = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}
