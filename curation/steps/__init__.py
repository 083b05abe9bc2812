"""One file a verb, to be called from the command line, a notebook or a cluster.

    from curation import steps, store

    dataset = store.open("photos")
    steps.remap(dataset, "supercategories")
    steps.audit(dataset)

Each takes a dataset (or, to train, where runs are kept), gives a typed result, and tells a
callback where it is; see :mod:`curation.core.progress`.
"""

from curation.steps.audit import audit
from curation.steps.clean import clean
from curation.steps.decisions import export_decisions, import_decisions
from curation.steps.diff import diff
from curation.steps.estimate import estimate
from curation.steps.evaluate import evaluate
from curation.steps.export import export
from curation.steps.export_model import export_model
from curation.steps.flag import flag, flag_shard
from curation.steps.freeze import freeze, unfreeze
from curation.steps.ingest import ingest
from curation.steps.parts import deal
from curation.steps.predict import predict, predict_shard
from curation.steps.remap import remap
from curation.steps.report import report
from curation.steps.rewrite import export_patch, rewrite
from curation.steps.round import (
    abandon_round,
    close_round,
    round_at_work,
    round_status,
    run_round,
    start_round,
)
from curation.steps.round_report import round_report
from curation.steps.simulate import simulate
from curation.steps.train import resume, train, train_fold
from curation.steps.verify import verify

__all__ = [
    "abandon_round", "audit", "clean", "close_round", "deal", "diff", "estimate", "evaluate",
    "export", "export_decisions", "export_model", "export_patch", "flag", "flag_shard", "freeze",
    "import_decisions", "ingest", "predict", "predict_shard", "remap", "report", "resume",
    "rewrite", "round_at_work", "round_report", "round_status", "run_round", "simulate",
    "start_round", "train", "train_fold", "unfreeze", "verify",
]  # fmt: skip
