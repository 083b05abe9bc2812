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
