const KIND_MEANING = {
  "wrong category": "the garment is another one than the label says",
  spurious: "there is no garment where the label is",
  duplicated: "the same garment is labelled twice",
  merged: "one label over two garments",
  shifted: "the outline lies beside the garment",
  "bad boundary": "the outline is too wide, too narrow or too coarse",
  missing: "the model sees a garment that nobody labelled",
  "source label": "the class is right, and the name within it is doubted",
  "labels of another photo": "none of its labels fits what is on it",
  "mirrored labels": "all its labels are drawn left to right",
  "turned labels": "all its labels stand on their heads",
  "moved labels": "all its labels lie beside their garments",
  "scaled labels": "all its labels are drawn for a photo of another size",
  fault: "an audit named it; no model was asked",
  "test set": "it is frozen, and a person checks each of its labels",
};

// One suspect: why it is one, three pictures of it, what can be done.

function Why({ queue, suspect }) {
  const { kind, label, suggested, suggested_source: finer, source_label: given } = suspect;
  const { source, split, fold, faults } = suspect;
  const name = (text) => {
    const borderColor = queue.colors.get(text) ?? queue.colors.get(label);
    return h("b", { className: "class", style: { borderColor } }, text);
  };
  const missing = kind === "missing";
  const whole = suspect.field === "photo";
  const looks = !missing && !whole && (finer || (suggested !== label && suggested));
  const place = [fileOf(suspect), source, split, fold !== null && `fold ${fold}`];
  // Of a photo that nothing else is said of, they stand above.
  const found = whole && kind === "fault" ? [] : faults.map((fault) => `fault: ${fault}`);
  const about = [...place, ...found].filter(Boolean).join(" · ");
  return box(
    "why",
    box(
      "line what",
      h(Doubt, { suspect }),
      whole && h("b", null, "The photo as a whole"),
      whole ? "" : missing ? "Nobody labelled this " : "Labelled ",
      !whole && name(finer ? given : label),
      finer ? ` (${label})` : !missing && given && given !== label && ` (${given})`,
      looks && h(R.Fragment, null, ", looks like ", name(looks)),
    ),
    h("div", { className: "reason", title: suspect.reason }, suspect.reason),
    box("about", h("div", { className: "line dim", title: about }, about), h(Legend, { queue })),
  );
}

function Doubt({ suspect: { kind, score } }) {
  const title = KIND_MEANING[kind];
  if (!score) return h("span", { className: "kind", title }, kind);
  const sure = `${title}: ${percent(score)} sure`;
  return h("span", { className: "kind", title: sure }, `${kind} · ${percent(score)}`);
}

// Which colour is which class.
function Legend({ queue }) {
  const chips = queue.classes.map(({ name, color }) =>
    h("span", { key: name }, h("span", { className: "swatch", style: { background: color } }), name),
  );
  return box("legend dim", chips);
}

function classesOf(labels) {
  return [...new Set(labels?.map(({ label }) => label))].sort().join(", ");
}

function titlesOfPhoto(suspect, outlines) {
  const { image_id, other } = suspect;
  const mend = mendOf(suspect);
  const right = () => {
    if (mend?.action === "exclude") return "what the model sees";
    if (mend) return `suggested: ${inWords(mend, suspect)}`;
    if (!other) return "there is no other photo";
    return `${other}: labelled ${classesOf(outlines?.other?.labels) || "nothing"}`;
  };
  return {
    photo: image_id,
    given: `labelled ${classesOf(outlines?.others) || "nothing"}`,
    right: right(),
  };
}

function titlesOf(suspect, outlines) {
  const { image_id, kind, label, source_label: given } = suspect;
  if (suspect.field === "photo") return titlesOfPhoto(suspect, outlines);
  const suggested = suggestionFor(suspect, outlines);
  const beside = photoBeside(suspect, outlines);
  const predicted = outlines?.predicted
    ? `the model sees: ${outlines.suggestion_label}`
    : `the model sees no ${outlines?.suggestion_label ?? label} here`;
  const finer = given && given !== label ? ` (${given})` : "";
  return {
    photo: image_id,
    given: kind === "missing" ? "not labelled" : `labelled ${label}${finer}`,
    right: beside
      ? `${suspect.other}: labelled ${classesOf(beside.labels) || "nothing"}`
      : suggested
        ? `suggested: ${inWords(suggested, suspect)}`
        : predicted,
  };
}

function Three({ queue, suspect }) {
  const titles = titlesOf(suspect, queue.pictures.outlines(suspect.id));
  const onPaint = () => queue.decisions.drawn(suspect.id);
  const figures = Object.entries(titles).map(([of, title]) => {
    const picture = h(Picture, { queue, suspect, of, onPaint: of === "right" && onPaint });
    const caption = h("figcaption", { className: "line dim", title }, title);
    return h("figure", { key: of, className: of }, caption, picture);
  });
  return box("pictures", figures);
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

function One({ queue, suspect }) {
  const choice = queue.mode === "pick" ? Picker : Acts;
  return h(
    R.Fragment,
    null,
    h(Why, { queue, suspect }),
    h(Three, { queue, suspect }),
    h(choice, { queue, suspect }),
  );
}
