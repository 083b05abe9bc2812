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

// The App keeps the colours that a dataset had when it was opened: fields and classes that came
// since would have any.
class Recolor extends Operator {
  get config() {
    return new OperatorConfig({ name: "recolor", label: "Take the colours of now", unlisted: true });
  }

  useHooks() {
    return { set: window.__fos__.useSetSessionColorScheme() };
  }

  // params.scheme: as FiftyOne has it in the dataset
  async execute({ hooks, params }) {
    hooks.set(window.__fos__.ensureColorScheme(params.scheme));
  }
}

registerOperator(Recolor, PLUGIN);
