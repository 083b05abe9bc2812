// The review panel: one suspect at a time, by keyboard.

function timeLeft(minutes) {
  if (minutes === null) return "";
  if (minutes < 1) return "less than a minute left";
  const [count, unit] = minutes < 90 ? [minutes, "min"] : [minutes / 60, "h"];
  return `about ${Math.round(count)} ${unit} left`;
}

function Progress({ queue }) {
  const { at, total, minutes } = queue.progress;
  const { saved, waiting } = queue.decisions;
  const where = total ? `${at} of ${total}` : queue.suspect && noSuspects(queue);
  const parts = [
    where,
    `${saved} saved`,
    waiting ? `saving ${waiting}` : "",
    timeLeft(minutes),
    inTheHandsOf(queue.held),
  ];
  return h(
    "header",
    null,
    h("b", { "data-progress": true }, parts.filter(Boolean).join(" · ")),
    h(Status, { queue }),
    h("span", { className: "unfocused" }, "click here to use the keys"),
    queue.reviewer && h("span", { className: "dim" }, "reviewed by ", h("b", null, queue.reviewer)),
    queue.reviewer && h(Press, { onPress: () => queue.turnTo("name") }, "change"),
  );
}

function noSuspects({ filter }) {
  const under = isFiltered(filter) ? " under this filter" : "";
  return `no suspects left${under}: these are less likely to be wrong`;
}

function Status({ queue }) {
  const { tries, waiting } = queue.decisions;
  const trouble = queue.mode === "one" && queue.trouble.get(queue.current);
  let [text, className] = [queue.note?.text, queue.note?.tone ?? ""];
  if (tries) [text, className] = [`not saved yet, trying again (${waiting} waiting)`, "warning"];
  if (trouble) [text, className] = [trouble, "bad"];
  return h("div", { className: `line status ${className}`, role: "status", title: text }, text);
}

function Back({ queue, to = "back" }) {
  return h(Press, { hotkey: "Escape", onPress: () => queue.turnTo("one") }, to);
}

function Help({ queue }) {
  const rows = ACTIONS.map((action) => {
    const key = h("kbd", null, keyName(queue.keys[action]));
    const name = h("th", null, NAMES[action] ?? action);
    return h("tr", { key: action }, h("td", null, key), name, h("td", null, MEANING[action]));
  });
  const more =
    "The mouse wheel zooms. Other keys can be chosen in review.toml, in curate's folder.";
  return box("page", h("table", null, h("tbody", null, rows)), more, h(Back, { queue }));
}

function keyOnHelp(queue, key) {
  return ["Escape", queue.keys.help].includes(key) && (() => queue.turnTo("one"));
}

function NameForm({ queue }) {
  const [name, setName] = R.useState(queue.reviewer || queue.login);
  const enter = (event) => {
    event.preventDefault();
    if (name.trim()) queue.reviewer = name.trim();
  };
  const input = {
    id: "curate-name",
    value: name,
    autoFocus: true,
    onFocus: (event) => event.target.select(),
    onChange: (event) => setName(event.target.value),
  };
  const label = "Your name, which is written beside each of your decisions";
  return h(
    "form",
    { className: "page", onSubmit: enter },
    h("label", { htmlFor: input.id }, label),
    h("input", input),
    h("button", { className: "press", disabled: !name.trim() }, h("kbd", null, "Enter"), "start"),
  );
}

function Nothing({ queue }) {
  const { dataset, counts, run, held, filter, left, keys } = queue;
  const undo = () => queue.decisions.undo();
  let lines = [
    `Nothing is left to decide: ${counts.decided} decided, suspects and others.`,
    "On the tab Legend, Clean in rounds … learns from it, Export … writes it out;",
    `in a terminal, curate train ${dataset} and curate export ${dataset}.`,
  ];
  if (!run) {
    lines = [
      "No suspects yet: on the tab Legend, Clean in rounds … trains a model and finds them;",
      `in a terminal, curate round ${dataset} start, and curate round ${dataset} run.`,
    ];
  }
  if (left.length) lines = [`What is left is on another screen: ${inTheHandsOf(held)}.`];
  const filtered = left.length > 0 && isFiltered(filter);
  if (filtered) lines = ["No suspect is left under this filter."];
  return box(
    "page",
    lines.map((line) => h("p", { key: line }, line)),
    filtered && h(Press, { onPress: () => queue.setFilter(CLEARED) }, "clear filters"),
    h(Press, { action: "undo", hotkey: keys.undo, onPress: undo }, "undo"),
  );
}

function inTheHandsOf(held) {
  return held.map(([who, count]) => `${count} with ${who}`).join(" · ");
}

function Content({ queue }) {
  const { phase, mode, reviewer, suspect } = queue;
  if (phase === "loading") return box("page", "Reading the suspects …");
  if (phase === "failed") {
    const again = h(Press, { onPress: () => queue.reload() }, "try again");
    return box("page", "The suspects cannot be read.", again);
  }
  if (mode === "name" || !reviewer) return h(NameForm, { queue });
  if (mode === "help") return h(Help, { queue });
  if (mode === "wall") return h(Wall, { queue });
  return suspect ? h(One, { queue, suspect }) : h(Nothing, { queue });
}

const KEYS_IN = { one: keyOnOne, pick: keyOnPicker, wall: keyOnWall, help: keyOnHelp };
const queues = new Map(); // by dataset

function queueOf(dataset) {
  if (!queues.has(dataset)) queues.set(dataset, new Queue(dataset));
  return queues.get(dataset);
}

// FiftyOne's sidebar is about its grid; where there is none, its room is for the pictures.
function useRoomOfSidebar() {
  const setSidebar = window.recoil.useSetRecoilState(window.__fos__.sidebarVisible(false));
  R.useEffect(() => {
    if (document.querySelector("[data-cy=fo-grid]")) return undefined;
    setSidebar(false);
    return () => setSidebar(true);
  }, []);
}

function ReviewPanel() {
  const dataset = window.recoil.useRecoilValue(window.__fos__.datasetName);
  const queue = queueOf(dataset);
  const { view, filters } = window.__fos__;
  const narrowed = [view, filters].map((state) => window.recoil.useRecoilValue(state));
  queue.narrowed = narrowed.some((of) => Object.keys(of ?? {}).length > 0);
  R.useSyncExternalStore(queue.subscribe, () => queue.version);
  useRoomOfSidebar();
  const root = R.useRef(null);
  const refocus = R.useCallback(() => root.current?.focus({ preventScroll: true }), []);
  R.useEffect(() => {
    const press = (event) => {
      if (!isForPanel(event, root.current)) return;
      const does = KEYS_IN[queue.mode]?.(queue, keyOf(event));
      if (!does) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (!event.repeat) does();
    };
    queue.start();
    window.addEventListener("keydown", press, true);
    return () => {
      queue.stop();
      window.removeEventListener("keydown", press, true);
    };
  }, [queue]);
  R.useEffect(() => {
    if (!document.activeElement.matches("input, textarea, select")) refocus();
  }, [queue.mode, queue.phase, queue.reviewer, queue.returns]);
  const suspects = R.useDeferredValue(queue.counted);
  const of = {
    ref: root,
    className: "curate",
    tabIndex: -1,
    "data-review": queue.reviewer ? (queue.suspect ? queue.mode : "nothing") : "name",
    "data-id": queue.current,
    "data-pending": queue.decisions.waiting,
  };
  return h(
    "div",
    of,
    h("style", null, STYLE),
    h(Progress, { queue }),
    queue.phase === "ready" && h(Menus, { queue, suspects, filter: queue.filter, refocus }),
    h(Content, { queue }),
  );
}

window.__fop__.registerComponent({
  name: "curate_review",
  label: "Review",
  component: ReviewPanel,
  type: window.__fop__.PluginComponentType.Panel,
  activator: () => true,
  panelOptions: { surfaces: "grid" },
});
