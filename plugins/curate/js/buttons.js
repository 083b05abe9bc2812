// The buttons above the open photo and the grid. Who presses one is the reviewer of this browser,
// as in the panel: a server that two of them share cannot tell.

const BUTTONS = {
  keep: "Keep",
  relabel: "Relabel",
  delete: "Delete",
  add: "Add",
  exclude: "Exclude",
  undo: "Undo",
};
const ASKS = ["relabel"];

function pressButton(action, prompt) {
  const [uri, reviewer] = [`${PLUGIN}/${action}`, reviewerHere()];
  if (!reviewer) return prompt(`${PLUGIN}/sign`, { action });
  return ASKS.includes(action) ? prompt(uri, { reviewer }) : executeOperator(uri, { reviewer });
}

for (const [action, label] of Object.entries(BUTTONS)) {
  registerOperator(
    class extends Operator {
      get config() {
        return new OperatorConfig({ name: `press_${action}`, label, unlisted: true });
      }

      useHooks() {
        return { prompt: window.__foo__.usePromptOperatorInput() };
      }

      async resolvePlacement({ currentSample }) {
        const { Places, Placement, Button } = window.__foo__.types;
        const { SAMPLES_VIEWER_ACTIONS, SAMPLES_GRID_SECONDARY_ACTIONS } = Places;
        const place = currentSample ? SAMPLES_VIEWER_ACTIONS : SAMPLES_GRID_SECONDARY_ACTIONS;
        // Without an icon: FiftyOne shows that alone, and nobody knows what it means.
        return new Placement(place, new Button({ label, prompt: false }));
      }

      async execute({ hooks }) {
        return pressButton(action, hooks.prompt);
      }
    },
    PLUGIN,
  );
}

// Somebody said who she is; what she pressed then is done now.
class Signed extends Operator {
  get config() {
    return new OperatorConfig({ name: "signed", label: "Reviewer named", unlisted: true });
  }

  useHooks() {
    return { prompt: window.__foo__.usePromptOperatorInput() };
  }

  async execute({ hooks, params: { reviewer, action } }) {
    signHere(reviewer);
    return pressButton(action, hooks.prompt);
  }
}

registerOperator(Signed, PLUGIN);
