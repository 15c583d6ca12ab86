import { h } from "./dom.js";
import { glyph } from "./glyphs.js";
import { INTERIOR, MARKED, heatClasses } from "./layers.js";
import { SEVERITIES, SILENT, css } from "./palette.js";

/** The switchable layers by group, as the server declares them. */
export function layerList({ scene, visible, failed }, words, onToggle) {
  const groups = new Map();
  for (const layer of scene.layers.filter((each) => each.href)) {
    const title = words.of(layer.group);
    groups.set(title, [...(groups.get(title) ?? []), layer]);
  }
  return [...groups].map(([title, layers]) =>
    h(
      "fieldset",
      {},
      h("legend", {}, title),
      layers.map((layer) => choice(layer, visible.has(layer.name), failed.get(layer.name), words, onToggle)),
    ),
  );
}

function choice(layer, on, fault, words, onToggle) {
  return h(
    "label",
    { title: fault ?? "", className: fault ? "failed" : "" },
    h("input", {
      type: "checkbox",
      checked: on,
      onchange: (event) => onToggle(layer.name, event.target.checked),
      "data-layer": layer.name,
    }),
    h("span", { className: `swatch ${layer.style.draw}`, style: { "--color": layer.style.color } }),
    h("span", { className: "name" }, words.of(layer.title)),
    h("span", { className: "count" }, fault ? words.t("layers.failed") : words.number(layer.count)),
  );
}

/** What the colours mean, of the layers that are on only. */
export function legend(view, words) {
  const declared = view.scene.layers.filter(
    (layer) => view.visible.has(layer.name) && view.packs.has(layer.name) && ![INTERIOR, MARKED].includes(layer.name),
  );
  const inside = view.building
    ? view.scene.layers.filter((layer) => layer.name === INTERIOR && view.visible.has(INTERIOR))
    : [];
  const rank = (layer) => (layer.style.draw === "heat" ? 0 : 1);
  declared.sort((a, b) => rank(a) - rank(b));
  return [
    stateLegend(words),
    ...inside.map((layer) => entries(layer, words)),
    ...declared.map((layer) =>
      layer.style.draw === "heat" ? scale(layer, view.packs.get(layer.name), words) : entries(layer, words),
    ),
  ].filter(Boolean);
}

function stateLegend(words) {
  const severities = Object.entries(SEVERITIES).map(([severity, { glyph, color }]) =>
    line(h("span", { className: "badge", style: { "--color": color } }, glyph), words.t(`severity.${severity}`)),
  );
  const silent = line(h("span", { className: "ring", style: { "--color": SILENT } }), words.t("legend.silent"));
  return section(words.t("legend.state"), [...severities, silent]);
}

function entries(layer, words) {
  const { legend: declared, draw } = layer.style;
  if (!declared.length) return null;
  return section(
    words.of(layer.title),
    declared.map((entry) =>
      line(
        h("span", { className: `swatch ${draw}`, style: { "--color": entry.color } }, glyph(entry.glyph)),
        words.of(entry.title),
      ),
    ),
  );
}

function scale(layer, pack, words) {
  const { bounds, colors } = heatClasses(layer, pack);
  const steps = bounds.map((bound, index) => {
    const color = colors[Math.round((index * (colors.length - 1)) / Math.max(1, bounds.length - 1))];
    return line(
      h("span", { className: "swatch", style: { "--color": css(color) } }),
      words.t("legend.upTo", { value: words.number(bound) }),
    );
  });
  return section(
    words.of(layer.title),
    steps.length ? steps : [h("li", { className: "empty" }, words.t("legend.nothing"))],
  );
}

const line = (sign, text) => h("li", {}, sign, text);
const section = (title, lines) => h("section", {}, h("h3", {}, title), h("ul", {}, lines));
