// The review panel: one suspect at a time, by keyboard.

function timeLeft(minutes) {
  if (Number.isNaN(minutes)) return "";
  if (minutes < 1) return "less than a minute left";
  return minutes < 90 ? `about ${Math.round(minutes)} min left` : `about ${Math.round(minutes / 60)} h left`;
}

function Progress({ queue }) {
  const { at, total, minutes } = queue.progress;
  const { saved, waiting } = queue.decisions;
  const parts = [
    queue.list.length ? `${at} of ${total}` : "",
    `${saved} saved`,
    waiting ? `saving ${waiting}` : "",
    timeLeft(minutes),
    ...queue.held.map(([who, count]) => `${count} with ${who}`),
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

function Status({ queue }) {
  const { tries, waiting } = queue.decisions;
  const trouble = queue.mode === "one" && queue.trouble.get(queue.current);
  let [text, className] = [queue.note?.text, queue.note?.bad ? "bad" : ""];
  if (tries) [text, className] = [`not saved yet, trying again (${waiting} waiting)`, "warning"];
  if (trouble) [text, className] = [trouble, "bad"];
  return h("div", { className: `line status ${className}`, role: "status", title: text }, text);
}

function Why({ queue, suspect }) {
  const { kind, label, suggested, suggested_source: finer, source_label: given } = suspect;
  const { source, split, fold, faults } = suspect;
  const name = (text) => {
    const borderColor = queue.colors.get(text) ?? queue.colors.get(label);
    return h("b", { className: "class", style: { borderColor } }, text);
  };
  const missing = kind === "missing";
  const looks = !missing && (finer || (suggested !== label && suggested));
  const place = [fileOf(suspect), source, split, fold !== null && `fold ${fold}`];
  const about = [...place.filter(Boolean), ...faults.map((fault) => `fault: ${fault}`)].join(" · ");
  return box(
    "why",
    box(
      "line what",
      h("span", { className: "kind" }, `${kind} · ${percent(suspect.score)}`),
      missing ? "Nobody labelled this " : "Labelled ",
      name(label),
      !missing && given && given !== label && ` (${given})`,
      looks && h(R.Fragment, null, ", looks like ", name(looks)),
    ),
    h("div", { className: "reason", title: suspect.reason }, suspect.reason),
    h("div", { className: "line dim", title: about }, about),
  );
}

function titlesOf(suspect, outlines) {
  const { image_id, kind, label, source_label: given } = suspect;
  const suggested = suggestionFor(suspect, outlines);
  const predicted = outlines?.predicted
    ? `the model sees: ${outlines.suggestion_label}`
    : "the model sees nothing here";
  const finer = given && given !== label ? ` (${given})` : "";
  return {
    photo: image_id,
    given: kind === "missing" ? "not labelled" : `labelled ${label}${finer}`,
    right: suggested ? `suggested: ${inWords(suggested, suspect)}` : predicted,
  };
}

function Pictures3({ queue, suspect }) {
  const titles = titlesOf(suspect, queue.pictures.outlines(suspect.id));
  return box(
    "pictures",
    Object.entries(titles).map(([of, title]) =>
      h(
        "figure",
        { key: of, className: of },
        h("figcaption", { className: "line dim", title }, title),
        h(Picture, { queue, suspect, of, onPaint: () => of === "right" && queue.decisions.drawn(suspect.id) }),
      ),
    ),
  );
}

function Acts({ queue, suspect }) {
  const offers = offersFor(suspect, queue.pictures.outlines(suspect.id));
  if (!queue.outlined) offers.outlines.text = "show outlines";
  return box(
    "acts",
    ACTIONS.map((action) => {
      const [hotkey, off] = [queue.keys[action], obstacleTo(action, queue)];
      const onPress = () => perform(action, queue);
      return h(Press, { key: action, action, hotkey, off, onPress }, offers[action].text);
    }),
  );
}

function Back({ queue, to = "back" }) {
  return h(Press, { hotkey: "Escape", onPress: () => queue.turnTo("one") }, to);
}

function Help({ queue }) {
  const rows = ACTIONS.map((action) =>
    h("tr", { key: action }, h("td", null, h("kbd", null, keyName(queue.keys[action]))), h("th", null, action), h("td", null, MEANING[action])),
  );
  return box("page", h("table", null, h("tbody", null, rows)), h(Back, { queue }));
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
  return h(
    "form",
    { className: "page", onSubmit: enter },
    h("label", { htmlFor: "curate-name" }, "Your name, which is written beside each of your decisions"),
    h("input", { id: "curate-name", autoFocus: true, onFocus: (e) => e.target.select(), value: name, onChange: (e) => setName(e.target.value) }),
    h("button", { className: "press", disabled: !name.trim() }, h("kbd", null, "Enter"), "start"),
  );
}

function Nothing({ queue }) {
  const { dataset, counts, run, held } = queue;
  const page = (...lines) => box("page", ...lines.map((line) => (typeof line === "string" ? h("p", { key: line }, line) : line)));
  if (!run) return page(`No suspects yet: run \`curate flag ${dataset} --run RUN\`.`);
  const undo = h(Press, { key: "undo", action: "undo", hotkey: queue.keys.undo, onPress: () => queue.decisions.undo() }, "undo");
  if (isFiltered(queue.filter) && queue.open.length) {
    return page(
      "No suspect is left under this filter.",
      h(Press, { key: "clear", onPress: () => queue.setFilter(CLEARED) }, "clear filters"),
      undo,
    );
  }
  if (queue.open.length) {
    return page(`What is left is on another screen: ${held.map(([who, n]) => `${n} with ${who}`).join(", ")}.`, undo);
  }
  return page(
    `All ${counts.decided} suspects are decided.`,
    `\`curate train ${dataset}\` learns from the decisions, \`curate export ${dataset}\` writes them out.`,
    undo,
  );
}

function Content({ queue }) {
  if (queue.phase === "loading") return box("page", "Reading the suspects …");
  if (queue.phase === "failed") {
    return box("page", "The suspects cannot be read.", h(Press, { onPress: () => queue.reload() }, "try again"));
  }
  if (queue.mode === "name" || !queue.reviewer) return h(NameForm, { queue });
  if (queue.mode === "help") return h(Help, { queue });
  if (queue.mode === "wall") return h(Wall, { queue });
  const { suspect } = queue;
  if (!suspect) return h(Nothing, { queue });
  return h(
    R.Fragment,
    null,
    h(Why, { queue, suspect }),
    h(Pictures3, { queue, suspect }),
    h(queue.mode === "pick" ? Picker : Acts, { queue, suspect }),
  );
}

const KEYS_IN = { one: keyOnOne, pick: keyOnPicker, wall: keyOnWall, help: keyOnHelp };
const queues = new Map(); // by dataset

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
  if (!queues.has(dataset)) queues.set(dataset, new Queue(dataset));
  const queue = queues.get(dataset);
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
    if (document.activeElement === document.body) refocus();
  }, [queue.mode, queue.phase, queue.reviewer, queue.returns]);
  const suspects = R.useDeferredValue(queue.open);
  const of = {
    ref: root,
    className: "curate",
    tabIndex: -1,
    "data-review": queue.suspect ? queue.mode : "nothing",
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
