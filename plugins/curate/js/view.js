// What the views of the panel are made of.

const R = window.React;
const h = R.createElement;

function box(className, ...children) {
  return h("div", { className }, ...children);
}

function percent(share) {
  return `${Math.round(100 * share)} %`;
}

// A button and its key. It never takes the focus: keys stay with the panel.
function Press({ action, hotkey, off = "", chosen, title, onPress, children }) {
  const of = {
    type: "button",
    className: chosen ? "press chosen" : "press",
    "data-action": action,
    disabled: Boolean(off),
    title: off || title || MEANING[action],
    onMouseDown: (event) => event.preventDefault(),
    onClick: onPress,
  };
  return h("button", of, hotkey && h("kbd", null, keyName(hotkey)), children);
}

// of: "photo", "given" or "right".
function Picture({ queue, suspect, of, onPaint }) {
  const canvas = R.useRef(null);
  const [size, setSize] = R.useState("");
  const outlines = queue.pictures.outlines(suspect.id);
  const shown = (of === "right" && photoBeside(suspect, outlines)) || suspect;
  const image = queue.pictures.photo(shown.path);
  R.useEffect(() => {
    const watch = new ResizeObserver(([{ contentRect: r }]) => setSize(`${r.width} ${r.height}`));
    watch.observe(canvas.current);
    return () => watch.disconnect();
  }, []);
  R.useLayoutEffect(() => {
    if (!outlines || !image.complete) return;
    const ofPhoto = suspect.field === "photo";
    const whole = of === "photo" || ofPhoto;
    // At the same place in the other photo, as far as it is of another size.
    const there = { ...suspect, width: shown.width, height: shown.height };
    const part = whole ? wholePhoto(shown) : closeUp(there, outlines.suggestion, queue.zoom);
    const layers = layersOf(suspect, outlines, suggestionFor(suspect, outlines), queue.colors)[of];
    const frame = of === "photo" && !ofPhoto && suspect.box;
    paint(canvas.current, image, shown, part, queue.outlined ? layers : [], frame);
    canvas.current.dataset.painted = suspect.id;
    if (onPaint) onPaint();
  }, [suspect.id, outlines, image.complete, queue.outlined, queue.zoom, size]);
  return h("canvas", { ref: canvas, "data-picture": of, onWheel: (event) => queue.zoomBy(event) });
}
