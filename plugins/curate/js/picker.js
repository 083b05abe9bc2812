// Relabel: classes by digit, classes and source labels by letters.

const NONE = "No class and no source label has these letters.";

function openPicker(queue) {
  queue.typed = "";
  queue.turnTo("pick");
}

// [{text, color, now, decision}], those that have what was typed; now: it is that already.
function picksFor({ suspect, classes, sourceLabels, colors, typed }) {
  const missing = suspect.kind === "missing";
  const action = missing ? "add" : "relabel";
  const one = (text, of, now, decision) => ({
    text,
    color: colors.get(of),
    now: !missing && now,
    decision: { action, ...decision },
  });
  const begins = ({ decision }) => decision.category.toLowerCase().startsWith(typed);
  const { label, source_label: given } = suspect;
  return [
    ...classes.map(({ name }) => one(name, name, name === label, { category: name })),
    ...sourceLabels.map(({ name, class: of }) =>
      one(`${of}: ${name}`, of, name === given, { category: name, taxonomy: "source" }),
    ),
  ].filter(({ text }) => text.toLowerCase().includes(typed)).sort((a, b) => begins(b) - begins(a));
}

// What Enter takes: the first that letters leave; before any, what the model suggests.
function firstOf(queue, picks) {
  const allowed = picks.filter((pick) => !pick.now);
  const wanted = queue.suspect.suggested_source || queue.suspect.suggested;
  return queue.typed ? allowed[0] : allowed.find(({ decision }) => decision.category === wanted);
}

function take(queue, { decision, now }) {
  if (now) return queue.say("It is labelled so already.", "hint");
  queue.mode = "one";
  if (queue.obstacle) return queue.say(queue.obstacle, "hint");
  return queue.decisions.make([queue.suspect], () => decision);
}

function keyOnPicker(queue, key) {
  const type = (typed) => () => {
    queue.typed = typed;
    queue.changed();
  };
  if (key === "Escape") return () => queue.turnTo("one");
  if (key === "Backspace") return type(queue.typed.slice(0, -1));
  const picks = picksFor(queue);
  const chosen = key === "Enter" ? firstOf(queue, picks) : picks[Number(key) - 1];
  if (chosen) return () => take(queue, chosen);
  return key.length === 1 && type(queue.typed + key.toLowerCase());
}

function Picker({ queue }) {
  // As high as with all of them, however few the letters leave: the pictures above stay as they are.
  const list = R.useRef(null);
  R.useLayoutEffect(() => {
    list.current.style.minHeight = `${list.current.offsetHeight}px`;
  }, []);
  const picks = picksFor(queue);
  const first = firstOf(queue, picks);
  const presses = picks.map((one, i) => {
    const swatch = h("span", { className: "swatch", style: { background: one.color } });
    const off = one.now && "It is labelled so already.";
    const hotkey = i < 9 && String(i + 1);
    const of = { key: one.text, hotkey, off, chosen: one === first, title: one.text };
    return h(Press, { ...of, onPress: () => take(queue, one) }, swatch, one.text);
  });
  return box(
    "pick",
    box("line", "It is ", h("b", null, queue.typed || "…")),
    h("div", { className: "picks", ref: list }, picks.length ? presses : NONE),
    box(
      "line dim",
      h(Back, { queue }),
      " A digit takes one, letters leave those that have them, Enter takes the framed one.",
    ),
  );
}
