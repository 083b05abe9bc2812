// What the page around the panel has to say: keys that are not meant for it, time, open photos.

// The reviewer of this browser, who is told of each decision; "" until somebody said a name.
function reviewerHere() {
  return localStorage.getItem("curate-reviewer") ?? "";
}

function signHere(name) {
  localStorage.setItem("curate-reviewer", name);
}

const KEY_NAMES = { " ": "space", Escape: "Esc", Backspace: "⌫" };

function keyName(key) {
  return KEY_NAMES[key] ?? key;
}

// The key as a file of keys names it: caps lock makes no other one of it.
function keyOf({ key, shiftKey }) {
  return key.length === 1 && !shiftKey ? key.toLowerCase() : key;
}

// Whether a key is meant for the panel: it is in sight, and what has the focus is in it and takes
// no text.
function isForPanel(event, root) {
  if (!root?.offsetParent || event.ctrlKey || event.metaKey || event.altKey) return false;
  if (photoIsOpen()) return false;
  const focus = document.activeElement;
  if (!root.contains(focus) || focus.matches("input, textarea, select")) return false;
  return !(focus.matches("button") && ["Enter", " "].includes(event.key));
}

function photoIsOpen() {
  return document.getElementById("modal")?.classList.contains("modalon") ?? false;
}

// FiftyOne hears Escape only where the mouse is over the photo: who came by a key leaves by one.
function closeOnEscape(event) {
  const ours = document.activeElement.closest(".curate");
  if (event.key !== "Escape" || !ours || !photoIsOpen()) return;
  event.stopImmediatePropagation();
  executeOperator("close_sample");
}

// Calls back once an open photo, which may still be on its way, was closed.
function whenClosed(then) {
  let opened = false;
  const watch = new MutationObserver(() => {
    if (opened && !photoIsOpen()) {
      watch.disconnect();
      then();
    }
    opened ||= photoIsOpen();
  });
  watch.observe(document.getElementById("modal"), { attributeFilter: ["class"] });
}

const LONGEST = 600; // seconds for one suspect; beyond, nobody sat there

// Seconds for which the page was in sight.
class Clock {
  constructor() {
    this.restart();
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.before += performance.now() - this.since;
      this.since = performance.now();
    });
  }

  restart() {
    this.before = 0;
    this.since = performance.now();
  }

  get seconds() {
    const running = document.hidden ? 0 : performance.now() - this.since;
    return Math.min(LONGEST, (this.before + running) / 1000);
  }
}
