// A click on a plot of the progress: the queue has only what was clicked on.

class ToQueue extends Operator {
  get config() {
    return new OperatorConfig({ name: "to_queue", label: "Review these", unlisted: true });
  }

  // params: dataset, and of the suspects: kind, or label, or label and suggested
  async execute({ params: { dataset, kind = "", label = "", suggested = "" } }) {
    const queue = queueOf(dataset);
    const wanted = suggested ? { pair: pairOf({ kind, label, suggested }) } : { kind, label };
    queue.setFilter({ ...CLEARED, ...wanted });
    queue.turnTo("one");
    await executeOperator("open_panel", { name: "curate_review", isActive: true });
  }
}

registerOperator(ToQueue, PLUGIN);
