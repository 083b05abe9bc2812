// The filters as menus, each answer with how many it would leave.

const SCORES = {
  name: "score",
  of: (suspect) => AT_LEAST.filter((n) => suspect.score >= n / 100).map(String),
};

const Menus = R.memo(({ queue, suspects, filter, refocus }) => {
  const set = (change) => {
    queue.setFilter(change);
    refocus();
  };
  const menu = (name, title, options) => {
    const of = {
      key: name,
      "aria-label": title,
      className: filter[name] !== NO_FILTER[name] ? "set" : "",
      value: filter[name],
      onChange: (event) => set({ [name]: event.target.value }),
    };
    const answers = options.map(([value, text]) => h("option", { key: value, value }, text));
    return h("select", of, answers);
  };
  const atLeast = new Map(answersTo(SCORES, suspects, filter));
  const scores = AT_LEAST.map((n) => [n, `at least ${n} %: ${atLeast.get(String(n)) ?? 0}`]);
  const orders = [["label", "label by label"], ["photo", "photo by photo"]];
  const file = {
    "aria-label": "file name",
    placeholder: "file name",
    value: filter.file,
    onChange: (event) => queue.setFilter({ file: event.target.value }),
    onKeyDown: (event) => ["Enter", "Escape"].includes(event.key) && refocus(),
  };
  return h(
    "nav",
    null,
    QUESTIONS.map((question) => {
      const answers = answersTo(question, suspects, filter).map(([a, n]) => [a, `${a}: ${n}`]);
      const { name, title } = question;
      // One without answers under this filter stays: the others keep their places.
      const asked = suspects.some((suspect) => question.of(suspect).some(Boolean));
      return asked && menu(name, title, [["", `any ${title}`], ...answers]);
    }),
    menu("score", "score", [["", "any score"], ...scores]),
    h("input", file),
    menu("order", "order", orders),
    isFiltered(filter) && h(Press, { onPress: () => set(CLEARED) }, "clear filters"),
  );
});
