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
function Press({ action, hotkey, off = "", chosen, onPress, children }) {
  const of = {
    type: "button",
    className: chosen ? "press chosen" : "press",
    "data-action": action,
    disabled: Boolean(off),
    title: off || MEANING[action],
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
  const image = queue.pictures.photo(suspect.path);
  R.useEffect(() => {
    const watch = new ResizeObserver(([{ contentRect: r }]) => setSize(`${r.width} ${r.height}`));
    watch.observe(canvas.current);
    return () => watch.disconnect();
  }, []);
  R.useLayoutEffect(() => {
    if (!outlines || !image.complete) return;
    const whole = of === "photo";
    const part = whole ? wholePhoto(suspect) : closeUp(suspect, outlines.suggestion);
    const layers = layersOf(suspect, outlines, suggestionFor(suspect, outlines), queue.colors)[of];
    paint(canvas.current, image, suspect, part, queue.outlined ? layers : [], whole && suspect.box);
    canvas.current.dataset.painted = suspect.id;
    if (onPaint) onPaint();
  }, [suspect.id, outlines, image.complete, queue.outlined, size]);
  return h("canvas", { ref: canvas, "data-picture": of });
}
