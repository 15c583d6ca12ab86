import { createActs } from "./acts.js";
import { createApi } from "./api.js";
import { h } from "./dom.js";
import { listenToKeys } from "./keyboard.js";
import { readLink } from "./link.js";
import { createMap, hasWebGl2 } from "./map.js";
import { levelOfDetail } from "./marks.js";
import { createModel, initialState } from "./model.js";
import { createOverlay } from "./overlay.js";
import { createPage } from "./page.js";
import { createSearch } from "./search.js";
import { createStore } from "./store.js";
import { createViews } from "./views.js";
import { LANGUAGES, loadWords } from "./words.js";

/**
 * Build the cockpit inside an element (a page's or a Panel component's).
 *
 * Returns a handle on what is shown (also the `cockpit` property of the root element), null when the server is away.
 * `onSelect(code)` hears what the user chose; `watch(fly)` hands over a function that chooses from outside.
 */
export async function start(container, { onSelect = () => {}, watch = () => {} } = {}) {
  const link = readLink();
  const app = await createApp(container, await loadWords(languageOf(link)), onSelect);
  const acts = createActs(app);
  app.act = acts;
  const views = createViews(app, acts);
  connect(app, acts, views);
  watch((code) => code && code !== app.state.chosen?.id && acts.goToPlace(code));
  if (!(await firstLoad(app))) return null;
  await restore(app, acts, link);
  const handle = { state: app.state, map: app.map, choose: acts.goToPlace, locate: acts.locate, rows: acts.eventRows };
  app.page.root.cockpit = handle;
  app.page.root.dataset.ready = "true";
  return handle;
}

function languageOf(link) {
  const preferred = [link.language, ...LANGUAGES.filter((each) => navigator.language.startsWith(each)), LANGUAGES[0]];
  return preferred.find((each) => LANGUAGES.includes(each));
}

async function createApp(container, words, onSelect) {
  const page = createPage(words);
  await stylesheet(container);
  container.append(page.root);
  const store = createStore(initialState());
  const api = createApi();
  const app = {
    page,
    store,
    state: store.state,
    api,
    model: createModel(store, api),
    words,
    onSelect,
    map: null,
    overlay: null,
  };
  const webgl = hasWebGl2();
  if (webgl.available) await openMap(app, webgl.slow);
  const layerTitle = (name) =>
    app.words.of(app.state.scene?.layers.find((layer) => layer.name === name)?.title) || name;
  app.search = createSearch(api, () => app.words, { layerTitle, onChoose: (result) => app.act.goToResult(result) });
  page.search.append(app.search.element);
  return app;
}

async function openMap(app, slow) {
  await script("deck.gl.js");
  app.map = createMap(app.page.map, {
    slow,
    onClick: (picked) => app.act.click(picked),
    onCamera: (camera) => app.store.set({ camera, ...levelOfDetail(camera.zoom) }),
    onFrame: () => app.overlay?.place(),
    onError: (fault) => app.store.set({ notice: fault.message }),
  });
  app.overlay = createOverlay(app.page.overlay, app.map);
}

/** Wire the buttons, the keys and the clock. */
function connect(app, acts, views) {
  const { page } = app;

  async function nextLanguage() {
    app.words = await loadWords(LANGUAGES[(LANGUAGES.indexOf(app.words.language) + 1) % LANGUAGES.length]);
    views.all();
    tick();
  }

  const tick = () => page.clock.replaceChildren(app.words.clock(new Date()));
  const help = () => page.dialog.showModal();
  page.language.onclick = nextLanguage;
  page.help.onclick = help;
  page.home.onclick = () => acts.home();
  page.tilt.onclick = acts.tilt;
  page.north.onclick = acts.north;
  app.store.on(["packs"], app.model.recount);
  setInterval(tick, 1000);
  tick();
  listenToKeys({
    "/": app.search.focus,
    ArrowUp: () => acts.stepStorey(1),
    ArrowDown: () => acts.stepStorey(-1),
    h: acts.toggleHeat,
    l: nextLanguage,
    0: () => acts.home(),
    j: () => acts.stepEvent(1),
    k: () => acts.stepEvent(-1),
    a: () => acts.acknowledge(),
    Enter: acts.openCurrent,
    Escape: () => (page.dialog.open ? page.dialog.close() : acts.clear()),
    "?": help,
  });
}

async function firstLoad({ model, store, words }) {
  try {
    const loading = model.load();
    model.live();
    await loading;
    return true;
  } catch (fault) {
    store.set({ notice: `${words.t("map.noScene")} ${fault.message}` });
    return false;
  }
}

async function restore({ state, store, map, words }, acts, link) {
  if (!state.scene.bounds) store.set({ notice: words.t("map.empty") });
  acts.home({ animate: false });
  if (link.event) void acts.goToKey(link.event, { keepCamera: Boolean(link.camera), animate: false });
  else if (link.code)
    await acts.goToPlace(link.code, { storey: link.storey, keepCamera: Boolean(link.camera), animate: false });
  if (link.camera) map?.look(link.camera, { animate: false });
}

function stylesheet(container) {
  return new Promise((resolve) => {
    container.append(
      h("link", {
        rel: "stylesheet",
        href: new URL("cockpit.css", import.meta.url).href,
        onload: resolve,
        onerror: resolve,
      }),
    );
  });
}

function script(name) {
  if (globalThis.deck) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const src = new URL(name, import.meta.url).href;
    document.head.append(
      h("script", { src, onload: resolve, onerror: () => reject(new Error(`${name} did not load`)) }),
    );
  });
}
