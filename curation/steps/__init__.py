"""One file a verb, to be called from the command line, a notebook or a cluster.

    from curation import steps, store

    dataset = store.open("photos")
    steps.remap(dataset, "supercategories")
    steps.audit(dataset)

Each takes a dataset (or, to train, where runs are kept), gives a typed result, and tells a
callback where it is; see :mod:`curation.core.progress`.
"""

from curation.steps.audit import audit
from curation.steps.decisions import export_decisions, import_decisions
from curation.steps.diff import diff
from curation.steps.estimate import estimate
from curation.steps.evaluate import evaluate
from curation.steps.export import export
from curation.steps.export_model import export_model
from curation.steps.flag import flag
from curation.steps.ingest import ingest
from curation.steps.predict import predict
from curation.steps.remap import remap
from curation.steps.report import report
from curation.steps.train import resume, train

__all__ = [
    "audit", "diff", "estimate", "evaluate", "export", "export_decisions", "export_model", "flag",
    "import_decisions", "ingest", "predict", "remap", "report", "resume", "train",
]  # fmt: skip
