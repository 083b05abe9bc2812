// Decisions on their way: one after the other, tried again where the server cannot be reached,
// back on screen where they are not saved.

const WAITS = [500, 1000, 2000, 4000, 8000]; // ms before each further try

// Milliseconds from a key to the next suspect drawn, and to the decision saved.
window.curateReview = { shown: [], saved: [], id: "" };

// By which a decision is known that is sent again, since only the answer was lost.
function newKey() {
  return `${Date.now()}-${Math.random()}`;
}

class Decisions {
  constructor(queue) {
    this.queue = queue;
    this.jobs = []; // {send() -> promise of an answer, done(answer), failed(reason), takes, size}
    this.running = false;
    this.tries = 0;
    this.made = 0;
    this.undoing = false;
    window.addEventListener("beforeunload", (event) => {
      if (this.waiting) event.preventDefault();
    });
  }

  get waiting() {
    return this.jobs.reduce((sum, { size = 0 }) => sum + size, 0);
  }

  // The suspects whose decisions are on their way.
  get pending() {
    return new Set(this.jobs.flatMap(({ takes = [] }) => takes.map((s) => s.id)));
  }

  get saved() {
    return this.queue.done.size - this.pending.size;
  }

  add(job) {
    this.jobs.push(job);
    if (!this.running) this.run();
  }

  async run() {
    this.running = true;
    while (this.jobs.length) {
      let answer;
      try {
        answer = await this.jobs[0].send();
      } catch (error) {
        await this.tryLater(error.message || String(error));
        continue;
      }
      this.tries = 0;
      this.jobs.shift().done(answer);
      this.queue.changed();
    }
    this.running = false;
  }

  async tryLater(reason) {
    if (this.tries < WAITS.length) {
      const wait = WAITS[this.tries++];
      this.queue.changed();
      await new Promise((wake) => setTimeout(wake, wait));
      return;
    }
    // All of them: what stopped the first stops the others. It comes back last, on top.
    this.tries = 0;
    for (const job of this.jobs.splice(0).reverse()) job.failed(reason);
  }

  // Off the screen at once, saved meanwhile; of a wall all or none. decisionOf(suspect) is
  // {action, category, taxonomy, predicted}.
  make(suspects, decisionOf) {
    const { queue } = this;
    const pressed = performance.now();
    const seconds = Math.round((10 * queue.clock.seconds) / suspects.length) / 10;
    const decisions = suspects.map((suspect) => {
      const { action, category = "", taxonomy = "", ...rest } = decisionOf(suspect);
      const { exclude = "", predicted = "" } = rest;
      const { id, image_id, seen, also, also_seen } = suspect;
      let about = { instance_id: id, also, seen, also_seen, predicted };
      if (suspect.field === "photo") about = { seen, exclude };
      else if (action === "exclude") about = {};
      return { action, image_id, category, taxonomy, seconds, ...about };
    });
    const chosen = new Set(suspects.flatMap((s) => [s.id, s.also]));
    const whole = ["exclude", "transform"];
    const ofPhotos = decisions.map((d) => (whole.includes(d.action) ? d.image_id : d.exclude));
    const settled = new Set(ofPhotos.filter(Boolean));
    const takes = queue.open.filter((s) => chosen.has(s.id) || settled.has(s.image_id));
    for (const suspect of takes) queue.done.set(suspect.id, { suspect, seconds });
    this.made++;
    this.pressed = pressed;
    const key = newKey();
    this.add({
      takes,
      size: decisions.length,
      send: () => queue.ask("review_decide", { key, decisions }),
      done: (answer) => {
        if (answer.refused) {
          this.bringBack(takes, [suspects[answer.index]], answer.refused);
          queue.reload();
          return;
        }
        suspects.forEach((s) => queue.trouble.delete(s.id));
        queue.counts = answer.counts;
        queue.pictures.forget(takes.map((s) => s.id));
        queue.say(answer.message);
        window.curateReview.saved.push(performance.now() - pressed);
        // The garment that a deleted label had at its place is a suspect of its own now, and what
        // is missing in a photo whose labels were mirrored is one still.
        const left = (d) => d.action === "transform" || (d.action === "delete" && d.also);
        if (decisions.some(left)) queue.reload();
      },
      failed: (reason) => this.bringBack(takes, suspects, reason),
    });
    queue.note = null;
    queue.settle();
  }

  // The picture of a suspect has been painted.
  drawn(id) {
    const { pressed } = this;
    if (!pressed || window.curateReview.id === id) return;
    this.pressed = 0;
    window.curateReview.id = id;
    const { shown } = window.curateReview;
    const measure = () => shown.push(performance.now() - pressed);
    requestAnimationFrame(() => requestAnimationFrame(measure)); // on screen one frame later
  }

  bringBack(takes, troubled, reason) {
    for (const { id } of troubled) this.queue.trouble.set(id, `NOT SAVED: ${reason}`);
    this.queue.putFront([...troubled, ...takes].map((s) => s.id));
    this.queue.settle();
  }

  undo() {
    if (this.undoing) return;
    const { queue } = this;
    const key = newKey();
    this.undoing = true;
    this.made++;
    this.add({
      send: () => queue.ask("review_undo", { key }),
      done: (answer) => {
        this.undoing = false;
        queue.say(answer.refused ?? answer.message, answer.refused && "bad");
        if (answer.refused) return;
        queue.counts = answer.counts;
        queue.update(answer.suspects);
        for (const { id } of answer.suspects) queue.done.delete(id);
        if (answer.front.length) queue.putFront(answer.front);
        queue.settle();
      },
      failed: (reason) => {
        this.undoing = false;
        queue.say(`NOT TAKEN BACK: ${reason}`, "bad");
      },
    });
    queue.changed();
  }

  // Opens the photo in FiftyOne's own editor; what was changed there is saved when it is closed.
  edit({ sample, image_id, label, source_label: given, kind }) {
    const { queue } = this;
    const what = kind === "missing" ? `the missing ${label}` : `the ${given || label} (${label})`;
    const about = label ? `In doubt is ${what}. ` : "";
    openPhoto(queue, sample, "annotate", `${about}Your changes are saved when you are`, () => {
      queue.returnTo();
      const { seconds } = queue.clock;
      this.made++;
      this.add({
        size: 1,
        send: () => queue.ask("review_edited", { image_id, seconds }),
        done: (answer) => {
          if (answer.refused) {
            queue.say(`NOT SAVED: ${answer.refused}`, "bad");
            return;
          }
          const before = queue.open.filter((s) => s.image_id === image_id);
          const left = new Set(answer.suspects.map((s) => s.id));
          const decided = before.filter((s) => !left.has(s.id));
          for (const suspect of decided) queue.done.set(suspect.id, { suspect, seconds });
          queue.counts = answer.counts;
          queue.update(answer.suspects, decided.map((s) => s.id));
          queue.say(answer.message);
          queue.settle(true);
        },
        failed: (reason) => queue.say(`NOT SAVED: the edits in ${image_id}: ${reason}`, "bad"),
      });
      queue.changed();
    });
  }

  // The photo as FiftyOne shows it, with its buttons: what they decide is seen in the counts.
  open({ sample, image_id }) {
    const { queue } = this;
    openPhoto(queue, sample, "explore", "When you have seen enough, you are", () => {
      queue.note = null;
      const ofPhoto = queue.open.filter((s) => s.image_id === image_id);
      queue.pictures.forget(ofPhoto.map((s) => s.id)); // another label of it may have changed
      queue.returnTo();
      queue.settle();
      queue.claim();
    });
  }
}
