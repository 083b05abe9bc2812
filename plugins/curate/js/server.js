// Calls of curate's Python operators.
const PLUGIN = "@curate/curate";
const { Operator, OperatorConfig, registerOperator, executeOperator } = window.__foo__;

// Not by executeOperator, which acts on the dataset that is open when its turn comes.
async function ask(dataset, operator, params) {
  const call = { operator_uri: `${PLUGIN}/${operator}`, dataset_name: dataset, params };
  const post = window.__fou__.getFetchFunction();
  const answer = await post("POST", "/operators/execute", call, "json", 0);
  if (answer.error) throw new Error(answer.error_message || "the server failed");
  return answer.result;
}
