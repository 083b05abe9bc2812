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

function pause(milliseconds) {
  return new Promise((go) => setTimeout(go, milliseconds));
}

const BAR = `position: fixed; z-index: 100000; bottom: 24px; left: 50%; padding: 8px 12px;
  transform: translateX(-50%); color: #1b1b1d; background: #ffb84d; border-radius: 4px;
  font: 14px/1.4 Palanquin, "Segoe UI", Roboto, sans-serif;`;

// Opens a photo in FiftyOne's own window, under a bar that leads back; then() once it is closed.
// mode: "explore" or "annotate". text: what the bar says before its button.
async function openPhoto(queue, sample, mode, text, then) {
  // FiftyOne opens a photo of its view alone, and breaks where it is not there. A view that was
  // just chosen stands in the address before it is there.
  const named = new URLSearchParams(location.search).has("view");
  for (let i = 0; named && !queue.narrowed && i < 60; i++) await pause(50);
  if (queue.narrowed) {
    executeOperator("clear_all_stages");
    for (let i = 0; queue.narrowed && i < 100; i++) await pause(50);
    await pause(500); // until FiftyOne's page, too, knows of it
  }
  executeOperator("open_sample", { id: sample, mode });
  const back = document.createElement("button");
  back.textContent = "done: back to the review (Esc)";
  back.style.cssText = "font: inherit; font-weight: 600; color: inherit; cursor: pointer;";
  back.onclick = () => executeOperator("close_sample");
  const bar = document.createElement("div");
  bar.className = "curate-bar";
  bar.style.cssText = BAR;
  bar.append(`${text} `, back);
  document.body.append(bar);
  window.addEventListener("keydown", closeOnEscape, true);
  whenClosed(() => {
    window.removeEventListener("keydown", closeOnEscape, true);
    bar.remove();
    then();
  });
}

// FiftyOne hears Escape only where the mouse is over the photo, and in its editor means something
// else by it: who came by a key leaves by one. There, the second Escape in a row leaves.
let escaped = 0;
function closeOnEscape(event) {
  if (event.key !== "Escape" || !photoIsOpen()) return;
  const focus = document.activeElement;
  const [now, before] = [performance.now(), escaped];
  escaped = now;
  if (!focus.closest(".curate") && now - before > 1500) return;
  event.stopImmediatePropagation();
  escaped = 0;
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
