// Which suspects, and in which order: questions a curator asks of the queue.

function pairOf({ field, kind, label, source_label: given, suggested, suggested_source: finer }) {
  if (field === "photo") return "";
  if (kind === "missing") return `not labelled, looks like ${label}`;
  if (finer) return `labelled ${given}, looks like ${finer}`;
  return suggested && suggested !== label ? `labelled ${label}, looks like ${suggested}` : "";
}

const QUESTIONS = [
  { name: "kind", title: "kind", of: (s) => [s.kind] },
  { name: "label", title: "class", of: (s) => [s.label] },
  { name: "pair", title: "pair", of: (s) => [pairOf(s)] },
  { name: "split", title: "split", of: (s) => [s.split] },
  { name: "fold", title: "fold", of: (s) => [s.fold === null ? "" : String(s.fold)] },
  { name: "fault", title: "fault", of: (s) => s.faults },
];
const AT_LEAST = [50, 75, 90, 95]; // percent
const CLEARED = { file: "", score: "", ...Object.fromEntries(QUESTIONS.map((q) => [q.name, ""])) };
const NO_FILTER = { ...CLEARED, order: "label" };

function isFiltered(filter) {
  return Object.keys(CLEARED).some((name) => filter[name]);
}

function fileOf(suspect) {
  return suspect.path.split(/[\\/]/).pop();
}

// except: a question that is left out, to count what its answers would leave.
function matches(suspect, filter, except = "") {
  if (filter.file) {
    const wanted = filter.file.toLowerCase();
    const names = `${suspect.image_id} ${fileOf(suspect)}`.toLowerCase();
    if (!names.includes(wanted)) return false;
  }
  const least = except === "score" ? 0 : Number(filter.score) / 100;
  if (suspect.score < least) return false;
  return QUESTIONS.every(
    ({ name, of }) => !filter[name] || name === except || of(suspect).includes(filter[name]),
  );
}

// [[answer, how many suspects], ...], the most frequent first.
function answersTo({ name, of }, suspects, filter) {
  const counts = new Map();
  for (const suspect of suspects) {
    if (!matches(suspect, filter, name)) continue;
    for (const answer of of(suspect)) if (answer) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  }
  if (filter[name] && !counts.has(filter[name])) counts.set(filter[name], 0);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

// Whatever its score: what changes no class of a pixel comes after what does.
const LATER = { "source label": 1, fault: 2, "test set": 3 };

// How far behind: those last that are less likely to be wrong than a suspect is.
function rankOf({ doubted, kind }) {
  return doubted ? (LATER[kind] ?? 0) : 4;
}

// "label": worst first; "photo": all of a photo together, the photo with the worst of all first.
function inOrder(suspects, order) {
  const name = ({ image_id, id }) => `${image_id} ${id}`;
  const sorted = [...suspects].sort(
    (a, b) => rankOf(a) - rankOf(b) || b.score - a.score || (name(a) < name(b) ? -1 : 1),
  );
  if (order !== "photo") return sorted;
  const photos = new Map();
  for (const suspect of sorted) {
    const photo = `${suspect.doubted} ${suspect.image_id}`;
    if (!photos.has(photo)) photos.set(photo, []);
    photos.get(photo).push(suspect);
  }
  return [...photos.values()].flat();
}

// Suspects of one likeness can be answered together.
function likeness(suspect) {
  const { kind, field, label, suggested, faults, doubted } = suspect;
  const whole = field === "photo" && faults;
  return JSON.stringify([kind, label, suggested, pairOf(suspect), whole, doubted]);
}
