// All suspects like one, as a wall of crops, decided with one press.

const ON_WALL = 60;
const FETCHED = 12; // crops whose outlines are asked for at once
const ON_WALLS = ["keep", "suggest", "delete"];

function openWall(queue) {
  const { suspect } = queue;
  const like = queue.list.filter((s) => likeness(s) === likeness(suspect));
  const ids = like.map((s) => s.id);
  queue.wall = { ids, from: 0, spared: new Set(), seen: new Set() };
  queue.clock.restart();
  queue.turnTo("wall");
}

// The suspects on screen; some may have been decided elsewhere meanwhile.
function onPage({ wall, suspects, done }) {
  const ids = wall.ids.slice(wall.from, wall.from + ON_WALL);
  return ids.map((id) => suspects.get(id)).filter((s) => s && !s.settled && !done.has(s.id));
}

// Decides on the ticked ones; the others stay in the queue.
function decideWall(queue, action) {
  const { wall, pictures } = queue;
  const ticked = onPage(queue).filter((s) => !wall.spared.has(s.id));
  const offers = new Map(ticked.map((s) => [s, offersFor(s, pictures.outlines(s.id))[action]]));
  const unseen = ticked.filter((s) => !wall.seen.has(s.id));
  const without = ticked.find((s) => offers.get(s).off);
  if (!ticked.length) return queue.say("None is ticked.", "hint");
  if (queue.decisions.undoing) return queue.say(queue.obstacle, "hint");
  if (unseen.length) {
    document.querySelector(`[data-crop="${unseen[0].id}"]`)?.scrollIntoView({ block: "center" });
    const hidden = `${unseen.length} of them have not been on screen yet: look at them first.`;
    return queue.say(hidden, "hint");
  }
  if (without) return queue.say(offers.get(without).off, "hint");
  wall.from += ON_WALL;
  if (wall.from >= wall.ids.length) queue.mode = "one";
  return queue.decisions.make(ticked, (s) => offers.get(s).decision);
}

// What the suspects of a wall have in common, in words.
function inCommon(suspect) {
  const { kind, label, field, faults } = suspect;
  if (field === "photo") return faults.join(", ") || kind;
  return pairOf(suspect) || `labelled ${label}: ${kind}`;
}

function tickAll({ wall, changed }, page, ticked) {
  for (const { id } of page) wall.spared[ticked ? "delete" : "add"](id);
  changed();
}

function keyOnWall(queue, key) {
  if (key === "Escape") return () => queue.turnTo("one");
  const action = ACTIONS.find((name) => queue.keys[name] === key);
  if (ALWAYS.includes(action)) return () => perform(action, queue);
  return ON_WALLS.includes(action) && (() => decideWall(queue, action));
}

function Crop({ queue, suspect, inSight }) {
  const { spared, seen } = queue.wall;
  const { id, image_id, reason, score } = suspect;
  const toggle = () => {
    if (!spared.delete(id)) spared.add(id);
    queue.changed();
  };
  const of = {
    className: spared.has(id) ? "crop spared" : "crop",
    "data-crop": id,
    title: `${image_id}: ${reason}`,
    onClick: toggle,
  };
  const shown = suspect.kind === "missing" ? "right" : "given";
  const picture = { queue, suspect, of: shown, onPaint: () => seen.add(id) };
  const tick = `${spared.has(id) ? "☐" : "☑"} ${score ? percent(score) : ""}`;
  return h("div", of, inSight ? h(Picture, picture) : box("grow"), h("span", null, tick));
}

function OutlinesButton({ queue }) {
  const of = { action: "outlines", hotkey: queue.keys.outlines };
  const onPress = () => perform("outlines", queue);
  return h(Press, { ...of, onPress }, queue.outlined ? "hide outlines" : "show outlines");
}

// Few crops are large: their room is there.
function cropSize(crops) {
  if (crops <= 10) return 300;
  return crops <= 24 ? 220 : 150;
}

function Wall({ queue }) {
  const { wall } = queue;
  const page = onPage(queue);
  const root = R.useRef(null);
  const [inSight, setInSight] = R.useState(new Set());
  R.useEffect(() => {
    root.current.scrollTop = 0;
    const look = (entries) => {
      const came = entries.filter((e) => e.isIntersecting).map((e) => e.target.dataset.crop);
      setInSight((before) => new Set([...before, ...came]));
    };
    const watch = new IntersectionObserver(look, { root: root.current });
    for (const crop of root.current.children) watch.observe(crop);
    return () => watch.disconnect();
  }, [wall, wall.from]);
  R.useEffect(() => {
    const wanted = page.filter((s) => inSight.has(s.id));
    for (let i = 0; i < wanted.length; i += FETCHED) {
      queue.pictures.fetch(wanted.slice(i, i + FETCHED));
    }
  }, [inSight]);
  const ticked = page.filter((s) => !wall.spared.has(s.id)).length;
  const offers = page.length && offersFor(page[0], queue.pictures.outlines(page[0].id));
  const acts = offers && ON_WALLS.map((action) => {
    const { text, off } = offers[action];
    const [hotkey, onPress] = [queue.keys[action], () => decideWall(queue, action)];
    return h(Press, { key: action, action, hotkey, off, onPress }, `${text}: ${ticked} ticked`);
  });
  return h(
    R.Fragment,
    null,
    box(
      "line",
      page.length > 0 && h("b", null, inCommon(page[0])),
      ` · ${page.length} of ${wall.ids.length}: untick what is different. `,
      h(Press, { onPress: () => tickAll(queue, page, !ticked) }, ticked ? "untick all" : "tick all"),
    ),
    h(
      "div",
      { className: "wall", ref: root, style: { "--crop": `${cropSize(page.length)}px` } },
      page.map((s) => h(Crop, { key: s.id, queue, suspect: s, inSight: inSight.has(s.id) })),
    ),
    box(
      "acts few",
      acts || "All of them are decided.",
      h(OutlinesButton, { queue }),
      h(Back, { queue, to: "one at a time" }),
    ),
  );
}
