// What can be done with a suspect: what the buttons say, what they decide, why one is off.

const MEANING = {
  keep: "the label is right, or the photo",
  suggest: "do what the model suggests; the button says what that is",
  relabel: "another class or source label: a digit, or letters and Enter",
  delete: "there is no such garment; a missing one is dismissed and not asked about again",
  add: "accept a garment that nobody labelled",
  redraw: "put the mask that is suggested here in place of this one, with its class",
  exclude: "leave the photo out of training and export",
  edit: "change the mask with FiftyOne's brush and pen; it is saved when you close the photo",
  skip: "not now: it comes again at the end",
  undo: "take back your last decision; those of a wall all at once",
  open: "see the whole photo with all its labels",
  wall: "decide on all suspects like this one at once",
  outlines: "look at the photo without outlines, and back",
  help: "what each key does",
};
// What an action is called where its button, which names the class, is not on screen.
const NAMES = {
  suggest: "take the suggestion",
  redraw: "use the suggested mask",
  exclude: "exclude the photo",
  edit: "edit the mask",
  open: "open the photo",
  wall: "all like this one",
  outlines: "hide the outlines",
};
const ACTIONS = Object.keys(MEANING);
const DECIDES = ["keep", "suggest", "relabel", "delete", "add", "redraw", "exclude"];
const ALWAYS = ["undo", "outlines", "help"];

// The mask that is suggested; where it is of another class, the label becomes of that class with
// it, and of a label over two garments the second gets a label of its own.
function redrawOf(suspect, outlines) {
  if (suspect.kind === "missing" || !outlines?.predicted) return null;
  const { suggestion_label: seen, second, predicted } = outlines;
  const category = seen === suspect.label ? "" : seen;
  return { action: "redraw", category, predicted, second: second?.label };
}

// The decision that the model's suggestion comes to; null where it suggests nothing.
function suggestionFor(suspect, outlines) {
  const { kind, label, suggested, suggested_source: finer } = suspect;
  if (suspect.field === "photo") return mendOf(suspect);
  if (kind === "missing") return { action: "add" };
  if (["spurious", "duplicated"].includes(kind)) return { action: "delete" };
  if (["bad boundary", "shifted", "merged"].includes(kind)) return redrawOf(suspect, outlines);
  if (finer) return { action: "relabel", category: finer, taxonomy: "source" };
  return suggested && suggested !== label ? { action: "relabel", category: suggested } : null;
}

// What would mend all labels of a photo at once.
function mendOf({ kind, suggested }) {
  if (suggested) return { action: "transform" };
  return kind.includes("labels") ? { action: "exclude" } : null;
}

const MENDS = { mirror: "mirror all labels", turn: "turn all labels" };

function inWords(decision, suspect) {
  if (!decision) return "take the suggestion";
  const { action, category, second } = decision;
  if (action === "transform") return MENDS[suspect.suggested] ?? "move all labels";
  if (action === "exclude") return "exclude the photo";
  if (action === "relabel") return `relabel to ${category}`;
  if (second) return `split off ${second}`;
  if (action === "redraw") return category ? `use mask of ${category}` : "use suggested mask";
  return action === "add" ? `add ${category || suspect.label}` : action;
}

// What can be done with a photo as a whole.
function offersForPhoto(suspect) {
  const { other } = suspect;
  const mend = mendOf(suspect);
  const nothing = "Nothing is suggested: keep it, or leave it out.";
  const whole = "It is about the photo: open it, or edit the masks, to change its labels.";
  const alone = !other && "There is no other photo.";
  return {
    keep: { text: "keep the photo", decision: { action: "include" } },
    suggest: { text: inWords(mend, suspect), decision: mend, off: mend ? "" : nothing },
    relabel: { text: "relabel …", off: whole },
    delete: {
      text: "exclude the other",
      decision: { action: "include", exclude: other },
      off: alone,
    },
    add: { text: "add", off: whole },
    redraw: { text: inWords({ action: "redraw" }), off: whole },
    edit: { text: "edit the masks", off: "" },
  };
}

// {action: {text, off, decision}}: off says why the button does nothing, "" where it does.
function offersFor(suspect, outlines) {
  const missing = suspect.kind === "missing";
  const [suggested, redraw] = [suggestionFor(suspect, outlines), redrawOf(suspect, outlines)];
  const offer = (text, decision, off = "") => ({ text, decision, off });
  const unlabelled = missing && "Nobody labelled it: add it, or dismiss it.";
  const nothing = !suggested && "The model suggests nothing that can be taken.";
  const unseen = missing ? "Add takes the suggested mask." : !redraw && "The model sees none here.";
  const offers = {
    keep: offer("keep", { action: "keep" }, unlabelled),
    suggest: offer(inWords(suggested, suspect), suggested, nothing),
    relabel: offer(missing ? "add as …" : "relabel …"),
    delete: offer(missing ? "dismiss" : "delete", { action: "delete" }),
    add: offer("add", { action: "add" }, !missing && "It is labelled already."),
    redraw: offer(inWords(redraw ?? { action: "redraw" }, suspect), redraw, unseen),
    exclude: offer("exclude the photo", { action: "exclude" }),
    edit: offer("edit the mask"),
    skip: offer("skip"),
    undo: offer("undo"),
    open: offer("open the photo"),
    wall: offer("all like this one"),
    outlines: offer("hide outlines"),
    help: offer("keys"),
  };
  return suspect.field === "photo" ? { ...offers, ...offersForPhoto(suspect) } : offers;
}

// Why an action does nothing just now; "" where it does.
function obstacleTo(action, queue) {
  if (ALWAYS.includes(action)) return "";
  const { suspect } = queue;
  if (!suspect || (DECIDES.includes(action) && queue.obstacle)) return queue.obstacle;
  return offersFor(suspect, queue.pictures.outlines(suspect.id))[action].off;
}

function perform(action, queue) {
  const obstacle = obstacleTo(action, queue);
  if (obstacle) return queue.say(obstacle, "hint");
  const { suspect, decisions } = queue;
  const does = {
    undo: () => decisions.undo(),
    help: () => queue.turnTo("help"),
    outlines: () => queue.hideOutlines(),
    skip: () => queue.skip(),
    edit: () => decisions.edit(suspect),
    open: () => decisions.open(suspect),
    wall: () => openWall(queue),
    relabel: () => openPicker(queue),
  }[action];
  if (does) return does();
  const { decision } = offersFor(suspect, queue.pictures.outlines(suspect.id))[action];
  return decisions.make([suspect], () => decision);
}

// What a key does while one suspect is on screen.
function keyOnOne(queue, key) {
  const action = ACTIONS.find((name) => queue.keys[name] === key);
  return action && (() => perform(action, queue));
}
