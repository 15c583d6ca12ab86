import { h } from "./dom.js";
import { glyph } from "./glyphs.js";

const LABEL_HEIGHT_PX = 18;
const GAP_PX = 3;

/**
 * Names and alarm marks above the map, as ordinary elements: crisp text in the user's own fonts, marks that can be
 * focused and clicked, and a pulse that costs the graphics card nothing.
 *
 * Each item is {key, position: [lon, lat, metres], rank, width, height?, text, kind, glyph?, mark?, title?, color?, state?, onclick?};
 * of two that overlap the lower rank is shown.
 */
export function createOverlay(element, map) {
  const nodes = new Map();
  let items = [];

  function show(next) {
    items = [...next].sort((a, b) => a.rank - b.rank);
    const keys = new Set(items.map((item) => item.key));
    for (const [key, { node }] of nodes) {
      if (keys.has(key)) continue;
      node.remove();
      nodes.delete(key);
    }
    for (const item of items) {
      const drawn = nodes.get(item.key);
      const face = JSON.stringify([item.kind, item.text, item.mark, item.title, item.color, item.state]);
      if (drawn?.face === face) continue;
      drawn?.node.remove();
      const node = makeNode(item);
      nodes.set(item.key, { node, face });
      element.append(node);
    }
    place();
  }

  function place() {
    const viewport = map.viewport();
    if (!viewport) return;
    const taken = [];
    for (const item of items) {
      const [x, y] = viewport.project(item.position);
      const box = [x - item.width / 2, y - (item.height ?? LABEL_HEIGHT_PX), x + item.width / 2, y];
      const inside = x > 0 && y > 0 && x < viewport.width && y < viewport.height;
      const free = inside && !taken.some((other) => overlaps(box, other));
      const { node } = nodes.get(item.key);
      node.hidden = !free;
      if (!free) continue;
      taken.push(box);
      node.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px) translate(-50%, -100%)`;
    }
  }

  return { show, place };
}

function makeNode(item) {
  const style = item.color ? { "--color": item.color } : {};
  if (item.kind !== "alarm")
    return h(
      "span",
      { className: `tag ${item.kind}`, style, ariaHidden: "true" },
      item.glyph ? glyph(item.glyph) : item.text,
    );
  const mark = h("span", { className: "mark" }, item.mark);
  return h(
    "button",
    {
      className: `tag alarm ${item.state}`,
      style,
      title: item.title,
      ariaLabel: item.title,
      onclick: item.onclick,
    },
    mark,
    item.text,
  );
}

function overlaps(a, b) {
  return a[0] < b[2] + GAP_PX && b[0] < a[2] + GAP_PX && a[1] < b[3] + GAP_PX && b[1] < a[3] + GAP_PX;
}
