// FiftyOne draws a form before it knows how the form may be sent. Its button does nothing until
// then, says nothing, and looks as the one that takes its place (fiftyone 1.22.1: the form says
// submitButtonLoading, and its footer asks for submitOptionsLoading). A press on it is kept.

const FORM = "[data-cy=operators-prompt-modal]";
const READY = ".MuiButtonGroup-root button";
const LONGEST_WAIT = 30_000; // ms

// Whether it is the button that does nothing: the last of two, in a footer without the other one.
function isDeaf(button, form) {
  const footer = form.querySelector(".MuiDialogActions-root");
  const buttons = [...(footer?.querySelectorAll("button") ?? [])];
  return buttons.length > 1 && buttons.at(-1) === button && !footer.querySelector(READY);
}

// Presses what takes its place, unless the form was closed or changed meanwhile.
async function pressOnceReady(form) {
  let changed = false;
  form.addEventListener("input", () => (changed = true), { once: true });
  const until = performance.now() + LONGEST_WAIT;
  while (form.isConnected && !changed && performance.now() < until) {
    const ready = form.querySelector(READY);
    if (ready && !ready.disabled) return ready.click();
    await pause(50);
  }
}

window.addEventListener(
  "click",
  ({ target }) => {
    const [button, form] = [target.closest?.("button"), target.closest?.(FORM)];
    if (!button || !form || button.disabled || !isDeaf(button, form)) return;
    button.disabled = true; // pressed, and seen to be; React draws another one in its place
    pressOnceReady(form);
  },
  true,
);
