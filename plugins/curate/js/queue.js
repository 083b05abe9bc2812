// What is left to decide, in which order, and what is on screen. Nothing of React in here: the
// panel only draws it, and decisions outlive the panel when another tab takes its place.

const AHEAD = 6; // suspects that are fetched in advance
const CLAIMED = 13; // the one on screen and the next
const SURPRISE = 500; // ms in which a suspect that came by itself takes no key meant for another
const ROUND = 10_000; // ms between two looks at what others do
const FEW = 50; // left in the queue, so that the server is asked for more

class Queue {
  constructor(dataset) {
    this.dataset = dataset;
    this.phase = "loading"; // "ready", "failed"
    this.mode = "one"; // "pick", "wall", "help", "name"
    this.suspects = new Map(); // id -> suspect, in order, those decided here included
    this.done = new Map(); // id -> {suspect, seconds}, decided in this session
    this.front = []; // ids that came back
    this.skipped = new Set();
    this.trouble = new Map(); // id -> why its decision was not saved
    this.elsewhere = new Map(); // id -> reviewer who has it on screen
    this.list = []; // suspects to go through
    this.left = []; // those that nobody decided on, under any filter
    this.counted = []; // of those, what the menus count: suspects, while there are any
    this.current = "";
    this.returns = 0;
    this.outlined = true;
    this.zoom = 1;
    this.narrowed = false; // whether FiftyOne's view leaves photos out
    this.deafUntil = 0;
    this.counts = {};
    this.keys = {};
    this.filterKey = `curate-filter-${dataset}`;
    this.filter = { ...NO_FILTER, ...JSON.parse(sessionStorage.getItem(this.filterKey)) };
    this.clock = new Clock();
    this.decisions = new Decisions(this);
    this.pictures = new Pictures(
      async (suspects) => (await this.ask("review_outlines", { suspects })).outlines,
      this.changed,
      () => this.reload(),
    );
    this.version = 0;
    this.listeners = new Set();
  }

  subscribe = (listener) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  changed = () => {
    this.version++;
    for (const listener of this.listeners) listener();
  };

  ask(operator, params) {
    return ask(this.dataset, operator, { reviewer: this.reviewer, ...params });
  }

  get reviewer() {
    return reviewerHere();
  }

  set reviewer(name) {
    signHere(name);
    this.turnTo("one");
    this.claim();
  }

  turnTo(mode) {
    this.mode = mode;
    this.changed();
  }

  // From an open photo: the keys are the panel's again.
  returnTo() {
    this.returns++;
    this.changed();
  }

  zoomBy({ deltaY }) {
    const [least, most] = [1 / 4, 4];
    this.zoom = Math.min(most, Math.max(least, this.zoom * (deltaY < 0 ? 1.25 : 0.8)));
    this.changed();
  }

  hideOutlines() {
    this.outlined = !this.outlined;
    this.changed();
  }

  // tone: "" for what was done, "bad" for what was not, "hint" for what a key does not do.
  say(text, tone = "") {
    this.note = { text, tone };
    this.changed();
  }

  // ------------------------------------------------------------ what is on screen

  get suspect() {
    return (!this.done.has(this.current) && this.suspects.get(this.current)) || null;
  }

  get open() {
    return [...this.suspects.values()].filter((s) => !this.done.has(s.id));
  }

  // Why nothing can be decided just now; "" where it can. Nobody decides on what is not seen.
  get obstacle() {
    if (!this.suspect) return "There is nothing to decide on.";
    if (this.decisions.undoing) return "A decision is being taken back.";
    if (this.suspect.settled) return "Somebody else decided on it: skip goes on.";
    if (!this.pictures.has(this.suspect)) return "It is not drawn yet.";
    return performance.now() < this.deafUntil ? "It has only just come on screen." : "";
  }

  // After any change: keeps what is on screen while it is to be decided, else the next is shown.
  settle(byItself = false) {
    this.left = this.open;
    const doubted = this.left.filter((s) => s.doubted);
    this.counted = doubted.length ? doubted : this.left;
    const open = new Map(this.left.map((s) => [s.id, s]));
    const front = this.front.filter((id) => open.has(id));
    const back = new Set(front);
    const rest = [...open.values()].filter(
      (s) => !back.has(s.id) && !this.elsewhere.has(s.id) && matches(s, this.filter),
    );
    const wanted = new Set(rest.map((s) => s.id));
    const later = [...this.skipped].filter((id) => wanted.has(id)).map((id) => open.get(id));
    const inTurn = [...rest.filter((s) => !this.skipped.has(s.id)), ...later];
    this.list = [
      ...front.map((id) => open.get(id)),
      ...inTurn.filter((s) => s.doubted),
      ...inTurn.filter((s) => !s.doubted),
    ];
    let at = this.list.findIndex((s) => s.id === this.current);
    if (at < 0) {
      at = 0;
      this.show(this.list[0]?.id ?? "", byItself);
    }
    this.pictures.fetch(this.list.slice(at, at + AHEAD));
    if (this.goesOn && this.left.length < FEW) this.reload();
    this.claimSoon();
    this.changed();
  }

  show(id, byItself) {
    if (byItself && this.current) {
      this.deafUntil = performance.now() + SURPRISE;
      setTimeout(this.changed, SURPRISE);
    }
    this.current = id;
    this.outlined = true;
    this.zoom = 1;
    this.clock.restart();
  }

  skip() {
    const { suspect } = this;
    if (!suspect) return;
    if (suspect.settled) this.suspects.delete(suspect.id);
    this.trouble.delete(suspect.id);
    this.front = this.front.filter((id) => id !== suspect.id);
    this.skipped.delete(suspect.id);
    this.skipped.add(suspect.id);
    this.current = "";
    this.say("Skipped: it comes again at the end.");
    this.settle();
  }

  setFilter(change) {
    this.filter = { ...this.filter, ...change };
    sessionStorage.setItem(this.filterKey, JSON.stringify(this.filter));
    this.order([...this.suspects.values()]);
    this.front = [];
    this.current = "";
    this.settle();
  }

  // Of the suspects under the filter {at, total, minutes}; minutes is null until there is something
  // to reckon with. total is 0 where none is left.
  get progress() {
    const done = [...this.done.values()];
    const counts = ({ suspect }) => suspect.doubted && matches(suspect, this.filter);
    const left = this.list.filter((s) => s.doubted);
    const ahead = left.filter((s) => !this.skipped.has(s.id)).length || left.length;
    const total = left.length && done.filter(counts).length + left.length;
    const seconds = done.map((d) => d.seconds).sort((a, b) => a - b);
    const median = seconds[seconds.length >> 1];
    const minutes = seconds.length < 3 || !total ? null : (median * left.length) / 60;
    return { at: total - ahead + 1, total, minutes };
  }

  // Who has how many on screen: [[reviewer, how many], ...]
  get held() {
    const counts = new Map();
    for (const [id, who] of this.elsewhere) {
      if (this.suspects.has(id) && !this.done.has(id)) counts.set(who, (counts.get(who) ?? 0) + 1);
    }
    return [...counts];
  }

  // ------------------------------------------------------------ what the server says

  order(suspects) {
    this.suspects = new Map(inOrder(suspects, this.filter.order).map((s) => [s.id, s]));
  }

  // These are to be decided again: on screen, before all others.
  putFront(ids) {
    for (const id of ids) this.done.delete(id);
    this.front = [...new Set([...ids, ...this.front])];
    if (this.mode !== "name") this.mode = "one";
    this.show(ids[0], true);
  }

  // Replaces suspects by what they are now.
  update(suspects, gone = []) {
    // With the score that it was shown with: a label of a sample has that of one beside it.
    const asShown = (s) => {
      const { score, doubted } = this.suspects.get(s.id) ?? s;
      return { ...s, score, doubted };
    };
    const now = new Map([...this.suspects, ...suspects.map((s) => [s.id, asShown(s)])]);
    for (const id of gone) now.delete(id);
    this.pictures.forget([...gone, ...suspects.map((s) => s.id)]);
    this.order([...now.values()]);
  }

  // In the order of the decisions, so that what it finds is what they left.
  reload() {
    if (this.reloading) return;
    this.reloading = true;
    const failed = (reason) => {
      this.reloading = false;
      if (this.phase === "loading") this.phase = "failed";
      this.say(reason, "bad");
    };
    const send = async () => {
      const answer = await this.ask("review_queue", {});
      // Also what others have on screen, before anything is on this one.
      const { others = {} } = await this.ask("review_claim", { ids: this.claimed });
      return { ...answer, others };
    };
    const done = (answer) => {
      if (answer.refused) return failed(answer.refused);
      this.reloading = false;
      this.take(answer);
      return this.settle(true);
    };
    this.decisions.add({ send, done, failed });
  }

  take({ suspects, others, classes, source_labels: sourceLabels, reviewer: login, ...rest }) {
    Object.assign(this, { classes, sourceLabels, login, phase: "ready" });
    Object.assign(this, { counts: rest.counts, keys: rest.keys, run: rest.run });
    this.goesOn = rest.goes_on;
    this.colors = new Map(classes.map((c) => [c.name, c.color]));
    this.elsewhere = new Map(Object.entries(others));
    const now = new Set(suspects.map((s) => s.id));
    const pending = this.decisions.pending;
    // Somebody took a decision of this session back.
    for (const id of this.done.keys()) if (now.has(id) && !pending.has(id)) this.done.delete(id);
    const changed = suspects.filter((s) => this.suspects.get(s.id)?.seen !== s.seen);
    this.pictures.forget(changed.map((s) => s.id));
    // What was refused stays until its reason was read.
    const refused = this.open.filter((s) => this.trouble.has(s.id) && !now.has(s.id));
    this.order([...suspects, ...refused.map((s) => ({ ...s, settled: true }))]);
  }

  // ------------------------------------------------------------ other reviewers

  start() {
    this.round = setInterval(() => this.claim(), ROUND);
    if (this.phase !== "ready") this.reload();
  }

  stop() {
    clearInterval(this.round);
  }

  claimSoon() {
    const ids = this.claimed.join();
    if (ids === this.claimedLast) return;
    this.claimedLast = ids;
    clearTimeout(this.claimTimer);
    this.claimTimer = setTimeout(() => this.claim(), SURPRISE);
  }

  get claimed() {
    return this.list.slice(0, CLAIMED).map((s) => s.id);
  }

  // Tells others what is on screen here, and learns what is on theirs and what they decided.
  async claim() {
    if (!this.reviewer || this.phase !== "ready" || document.hidden) return;
    const { made } = this.decisions;
    try {
      const { others, counts } = await this.ask("review_claim", { ids: this.claimed });
      this.elsewhere = new Map(Object.entries(others));
      const own = made !== this.decisions.made || this.decisions.waiting;
      if (!own && JSON.stringify(counts) !== JSON.stringify(this.counts)) this.reload();
      this.settle(true);
    } catch {
      // The next comes in ten seconds; a decision that cannot be saved says so itself.
    }
  }
}
