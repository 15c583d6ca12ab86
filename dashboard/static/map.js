const PITCH = 52;
const BEARING = -24;
const FLY_MS = 900;
const DRAG_PX = 6;
const MARGINS = { left: 276, right: 352, top: 60, bottom: 8 };
const LIMITS = { minZoom: 12, maxZoom: 22, maxPitch: 80 };

export const stillness = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** A graphics card that is only pretended by the processor: draw less. */
function isSlow(gl) {
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  return /swiftshader|llvmpipe|software/i.test(info ? gl.getParameter(info.UNMASKED_RENDERER_WEBGL) : "");
}

export function hasWebGl2() {
  const gl = document.createElement("canvas").getContext("webgl2");
  const slow = gl ? isSlow(gl) : false;
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return { available: Boolean(gl), slow };
}

/** The map: deck.gl, its camera, and what lies under a click. */
export function createMap(element, { slow, onClick, onFrame, onCamera, onError }) {
  const light = new deck.LightingEffect({
    ambient: new deck.AmbientLight({ color: [255, 255, 255], intensity: 1.0 }),
    sun: new deck.DirectionalLight({ color: [255, 250, 240], intensity: 1.3, direction: [-2, 3, -5] }),
  });
  let camera = { longitude: 0, latitude: 0, zoom: 15, pitch: PITCH, bearing: BEARING, position: [0, 0, 0], ...LIMITS };
  let frames = 0;

  const drawing = new deck.Deck({
    parent: element,
    views: new deck.MapView({ id: "map", repeat: false, padding: MARGINS, nearZMultiplier: 0.05, farZMultiplier: 3 }),
    controller: { keyboard: false, doubleClickZoom: true, touchRotate: true, inertia: !stillness() && 200 },
    initialViewState: camera,
    layers: [],
    effects: [light],
    useDevicePixels: slow ? 1 : Math.min(devicePixelRatio, 2),
    getCursor: ({ isDragging }) => (isDragging ? "grabbing" : "default"),
    onViewStateChange: ({ viewState }) => {
      camera = { ...viewState, ...LIMITS };
      drawing.setProps({ initialViewState: undefined, viewState: camera });
      onCamera(camera);
    },
    onAfterRender: () => {
      frames += 1;
      onFrame();
    },
    onError,
  });

  listenForClicks(element, (x, y) => onClick(pick(x, y)));

  function pick(x, y) {
    const found = drawing.pickObject({ x, y, radius: 5, unproject3D: false });
    if (!found || found.index < 0) return null;
    return { layer: found.layer.id, index: found.index, row: found.object, coordinate: found.coordinate };
  }

  function look(target, { animate = true } = {}) {
    const moving = animate && !stillness();
    camera = {
      ...camera,
      ...target,
      ...(moving ? { transitionDuration: FLY_MS, transitionInterpolator: interpolator() } : { transitionDuration: 0 }),
    };
    drawing.setProps({ viewState: camera });
    onCamera(camera);
  }

  const interpolator = () =>
    new deck.LinearInterpolator({ transitionProps: ["longitude", "latitude", "zoom", "pitch", "bearing", "position"] });

  return {
    look,
    pick,
    camera: () => camera,
    frames: () => frames,
    setLayers: (layers) => drawing.setProps({ layers }),
    /** Longitude, latitude and metres above the ground → pixels from the map's upper left corner. */
    project: (position) => drawing.getViewports()[0]?.project(position) ?? null,
    viewport: () => drawing.getViewports()[0],
    /** Whether a point on the ground is seen between the panels. */
    sees([longitude, latitude]) {
      const [x, y] = drawing.getViewports()[0].project([longitude, latitude, 0]);
      const { left, right, bottom } = MARGINS;
      return x > left && x < element.clientWidth - right && y > 0 && y < element.clientHeight - bottom;
    },
    /** Show a box (west, south, east, north) whole, from the south-west and above. */
    fit(bounds, options = {}) {
      look({ ...fitted(element, bounds), position: [0, 0, 0] }, options);
    },
    /** Resolves when every layer has its data on the card and a frame with them is finished. */
    async settled() {
      for (let quiet = 0; quiet < 2;) {
        await new Promise((resume) => requestAnimationFrame(resume));
        quiet =
          drawing.layerManager?.layers.every((layer) => layer.isLoaded) &&
          !drawing.needsRedraw({ clearRedrawFlags: false })
            ? quiet + 1
            : 0;
      }
    },
    destroy: () => drawing.finalize(),
  };
}

function fitted(element, [west, south, east, north]) {
  const size = { width: element.clientWidth, height: element.clientHeight };
  const corners = [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
  ];
  let view = { longitude: (west + east) / 2, latitude: (south + north) / 2, zoom: 15, pitch: PITCH, bearing: BEARING };
  for (let turn = 0; turn < 8; turn += 1) {
    const viewport = new deck.WebMercatorViewport({ ...size, ...view, padding: MARGINS });
    const seen = corners.map((corner) => viewport.project(corner));
    const [left, right] = extent(seen.map(([x]) => x));
    const [top, bottom] = extent(seen.map(([, y]) => y));
    const wide = Math.max(200, size.width - MARGINS.left - MARGINS.right) / (right - left);
    const high = Math.max(200, size.height - MARGINS.top - MARGINS.bottom) / (bottom - top);
    const [longitude, latitude] = viewport.unproject([(left + right) / 2, (top + bottom) / 2]);
    view = { ...view, longitude, latitude, zoom: Math.min(19.5, view.zoom + Math.log2(Math.min(wide, high))) };
  }
  return view;
}

const extent = (values) => [Math.min(...values), Math.max(...values)];

/** A native click: deck.gl's own recogniser loses clicks when frames are slow. */
function listenForClicks(element, action) {
  let start = null;
  element.addEventListener("pointerdown", (event) => {
    start = [event.clientX, event.clientY];
  });
  element.addEventListener("click", (event) => {
    if (!start || event.target.tagName !== "CANVAS") return;
    const moved = Math.hypot(event.clientX - start[0], event.clientY - start[1]);
    const box = element.getBoundingClientRect();
    if (moved < DRAG_PX) action(event.clientX - box.left, event.clientY - box.top);
  });
}
