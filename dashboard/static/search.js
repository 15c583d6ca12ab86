import { debounce, h } from "./dom.js";

const WAIT_MS = 180;

/** The search box: code, address, name or device; the list is moved through with the arrow keys. */
export function createSearch(api, words, { layerTitle, onChoose }) {
  let results = [];
  let current = -1;
  let asked = 0;
  const list = h("ul", {
    className: "results",
    id: "lifang-results",
    role: "listbox",
    ariaLabel: words().t("search.results"),
    hidden: true,
  });
  const input = h("input", {
    type: "search",
    role: "combobox",
    ariaExpanded: "false",
    autocomplete: "off",
    spellcheck: false,
    oninput: debounce(ask, WAIT_MS),
    onkeydown: onKey,
    onblur: () => setTimeout(close, 150),
  });
  input.setAttribute("aria-controls", "lifang-results");

  async function ask() {
    const text = input.value.trim();
    const turn = (asked += 1);
    if (!text) return close();
    try {
      const answer = await api.json(`v1/search?q=${encodeURIComponent(text)}&limit=10`);
      if (turn === asked) show(answer.results);
    } catch (fault) {
      if (turn === asked) say(fault.message);
    }
  }

  function show(found) {
    results = found;
    current = found.length ? 0 : -1;
    if (!found.length) return say(words().t("search.none"));
    list.replaceChildren(
      ...found.map((result, index) =>
        h(
          "li",
          { role: "option", onpointerdown: () => choose(index) },
          h("b", {}, result.name || result.id),
          h("span", { className: "kind" }, layerTitle(result.layer)),
          h("small", {}, result.text && result.text !== result.name ? result.text : result.id),
        ),
      ),
    );
    open();
  }

  function say(text) {
    results = [];
    list.replaceChildren(h("li", { className: "empty", role: "status" }, text));
    open();
  }

  function open() {
    list.hidden = false;
    input.ariaExpanded = "true";
    mark();
  }

  function close() {
    list.hidden = true;
    input.ariaExpanded = "false";
  }

  function mark() {
    [...list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === current)));
    list.children[current]?.scrollIntoView({ block: "nearest" });
  }

  function choose(index) {
    if (!results[index]) return;
    onChoose(results[index]);
    input.value = "";
    input.blur();
    close();
  }

  function onKey(event) {
    event.stopPropagation();
    if (event.key === "Escape") input.blur();
    else if (event.key === "Enter") choose(current);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      current = Math.max(0, Math.min(results.length - 1, current + (event.key === "ArrowDown" ? 1 : -1)));
      mark();
    }
  }

  function speak() {
    input.placeholder = words().t("search.hint");
    input.ariaLabel = words().t("search.label");
  }

  speak();
  return { element: h("div", { className: "search", role: "search" }, input, list), focus: () => input.focus(), speak };
}
