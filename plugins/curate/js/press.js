// FiftyOne draws a form before it knows how the form may be sent. Its button does nothing until
// then, says nothing, and looks as the one that takes its place (fiftyone 1.22.1: the form says
// submitButtonLoading, and its footer asks for submitOptionsLoading). A press on it is kept.

const FORM = "[data-cy=operators-prompt-modal]";
const READY = ".MuiButtonGroup-root button";

// Whether it is the button that does nothing: the last of two, in a footer without the other one.
function isDeaf(button, form) {
  const footer = form.querySelector(".MuiDialogActions-root");
  const buttons = [...(footer?.querySelectorAll("button") ?? [])];
  return buttons.length > 1 && buttons.at(-1) === button && !footer.querySelector(READY);
}

// Presses what takes its place, unless the form was closed or changed meanwhile. The form is looked
// for anew each time: FiftyOne may draw another one in its place.
async function pressOnceReady() {
  let changed = false;
  const change = ({ target }) => (changed ||= Boolean(target.closest?.(FORM)));
  window.addEventListener("input", change, true);
  for (let form; !changed && (form = document.querySelector(FORM)); await pause(50)) {
    const ready = form.querySelector(READY);
    if (!ready || ready.disabled) continue;
    ready.click();
    break;
  }
  window.removeEventListener("input", change, true);
}

window.addEventListener(
  "click",
  ({ target }) => {
    const [button, form] = [target.closest?.("button"), target.closest?.(FORM)];
    if (!button || !form || button.disabled || !isDeaf(button, form)) return;
    button.disabled = true; // pressed, and seen to be; React draws another one in its place
    pressOnceReady();
  },
  true,
);
