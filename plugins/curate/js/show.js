// Redraws samples that an operator changed, in the grid and in the open photo.
// FiftyOne keeps what it has fetched: reload_samples and set_view draw the old
// labels again, reload_dataset leaves the open photo as it was.

class Show extends Operator {
  get config() {
    return new OperatorConfig({ name: "show", label: "Show changed samples", unlisted: true });
  }

  useHooks() {
    return { update: window.__fos__.useUpdateSamples() };
  }

  // params.samples: [[id, sample], ...]
  async execute({ hooks, params }) {
    hooks.update(params.samples);
  }
}

registerOperator(Show, PLUGIN);

// The App keeps the colours that a dataset had when it was opened, and the groups of its sidebar:
// fields and classes that came since would have any colour, and stand among the last ones.
class Renew extends Operator {
  get config() {
    const label = "Take the colours and the sidebar of now";
    return new OperatorConfig({ name: "renew", label, unlisted: true });
  }

  useHooks() {
    return { set: window.__fos__.useSetSessionColorScheme() };
  }

  // params: scheme, as FiftyOne has it in the dataset; groups: [{name, paths}, ...]
  async execute({ hooks, state, params: { scheme, groups } }) {
    const { ensureColorScheme, sidebarGroupsDefinition } = window.__fos__;
    hooks.set(ensureColorScheme(scheme));
    state.set(sidebarGroupsDefinition(false), (before) => {
      const open = new Map(before.map(({ name, expanded }) => [name, expanded]));
      // FiftyOne has the tags on top, wherever they are in the dataset.
      const isTop = ({ name }) => name === before[0]?.name;
      const sorted = [...groups].sort((a, b) => isTop(b) - isTop(a));
      return sorted.map((group) => ({ ...group, expanded: open.get(group.name) ?? true }));
    });
  }
}

registerOperator(Renew, PLUGIN);
