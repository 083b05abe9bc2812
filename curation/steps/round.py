"""The verb ``round``: folds, predictions, suspects, and after the review the proof that it helped.

Each step is what the single verb does. A round goes on wherever it stopped, and a step that is
done is not done again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from curation.core import image_io
from curation.core.alone import alone
from curation.core.errors import CurateError
from curation.core.progress import Progress, silent, track
from curation.core.taxonomy import label_map
from curation.review import statistics
from curation.review.journal import Decision
from curation.review.resolve import Review
from curation.rounds import comparison, state
from curation.rounds import proof as proofs
from curation.rounds.comparison import Comparison
from curation.rounds.proof import Proof
from curation.rounds.staleness import Stale, stale
from curation.rounds.state import Basis, Round, State
from curation.steps import parts, working_copy
from curation.steps.dataset_runs import DATA, DatasetRuns
from curation.steps.flag import FlagResult, flag
from curation.steps.predict import predict
from curation.steps.train import resume, train
from curation.steps.working_copy import WorkingCopy
from curation.store import Dataset, frozen, suspects
from training import config as configs
from training.config import TrainConfig
from training.folder import RunFolder

ROUNDS = "rounds"
FOLDS = 3
"""Of a round, where nobody says another number."""


@dataclass(frozen=True)
class Status:
    """How the rounds of a dataset stand.

    Attributes:
        rounds: all of them, oldest first
        stale: products of the last one that are not of the dataset as it is
        decisions: taken in it
        left: suspects that nobody decided on
        next: what to do, as a command where there is one
    """

    rounds: tuple[Round, ...]
    stale: tuple[Stale, ...]
    decisions: int
    left: int
    next: str


def start_round(dataset: Dataset, config: TrainConfig, *, folds: int = FOLDS) -> Round:
    """Begins a round; nothing is trained yet.

    Raises:
        CurateError: the last round is not closed
        DatasetError: there is no taxonomy yet
    """
    with _alone(dataset):
        check_start(dataset)
        working_copy.take_edits(dataset)  # made before the round, they are none of its decisions
        rounds = state.list_rounds(dataset.folder / ROUNDS)
        name, run = _free(dataset)
        round_ = Round(
            name,
            State.STARTED,
            parent=rounds[-1].name if rounds else "",
            run=run,
            after=f"{run}_after",
            folds=folds,
            settings=configs.to_table(config),
            since=_last_decision(dataset),
        )
        _write(dataset, _taken_over(dataset, round_, rounds))
        return state.read(dataset.folder / ROUNDS / name)


def check_start(dataset: Dataset) -> None:
    """Whether a round can begin; for who has settings to find out first.

    Raises:
        CurateError, DatasetError: as :func:`start_round`
    """
    rounds = state.list_rounds(dataset.folder / ROUNDS)
    if rounds and not rounds[-1].state.is_over:
        reason = (
            f"is {rounds[-1].state}, and not closed: go on with it, "
            f"`curate round {dataset.name}` says how, or `curate round {dataset.name} abandon`"
        )
        raise CurateError(rounds[-1].name, reason)
    dataset.taxonomy  # noqa: B018 - where there is none, that is said now


def run_round(
    dataset: Dataset,
    *,
    tell: Callable[[FlagResult], object] = lambda result: None,
    progress: Progress = silent,
) -> Round:
    """Trains, predicts and flags, from wherever the round stopped.

    Args:
        tell: called with what is flagged, once it is

    Raises:
        CurateError: no round is going on, or another process works on it, or as the single verbs
    """

    def flagged(dataset: Dataset, run: str, *, progress: Progress) -> None:
        tell(flag(dataset, run, progress=progress))

    with _alone(dataset):
        round_ = _going_on(dataset)
        working_copy.take_edits(dataset)  # first: each step notes the last decision as it begins
        steps: list[tuple[State, Callable[[], Basis]]] = [
            (State.TRAINED, lambda: _train(dataset, round_, round_.run, progress)),
            (State.PREDICTED, lambda: _now(dataset, predict, round_.run, progress)),
            (State.FLAGGED, lambda: _now(dataset, flagged, round_.run, progress)),
        ]
        for step, act in steps:
            if step not in round_.made_of:
                _check_taxonomy(dataset, round_)
                round_ = _done(dataset, round_, step, act())
        return round_


def close_round(dataset: Dataset, *, progress: Progress = silent) -> Proof:
    """Trains again on the labels as reviewers left them, and compares; then the round is closed.

    Of one that is closed, the proof is given again.

    Raises:
        CurateError: the round is not flagged yet, or nothing was decided in it, or another process
            works on it, or as the single verbs
    """
    with _alone(dataset):
        rounds = state.list_rounds(dataset.folder / ROUNDS)
        is_closed = rounds and rounds[-1].state is State.CLOSED
        if is_closed and (found := read_proof(dataset, rounds[-1].name)):
            return found
        round_ = _going_on(dataset)
        if State.FLAGGED not in round_.made_of:
            reason = f"is {round_.state}: first run `curate round {dataset.name} run`"
            raise CurateError(round_.name, reason)
        _check_taxonomy(dataset, round_)
        if round_.state is State.FLAGGED:
            working_copy.take_edits(dataset)
            if not decided_in(dataset, round_):
                reason = f"nothing was decided in it yet: `curate review {dataset.name}`"
                raise CurateError(round_.name, reason)
            round_ = replace(round_, state=State.REVIEWED, reviewed=_last_decision(dataset))
            _write(dataset, round_)
        if State.RETRAINED not in round_.made_of:
            basis = _train(dataset, round_, round_.after, progress)
            predict(dataset, round_.after, progress=progress)
            round_ = _done(dataset, round_, State.RETRAINED, basis)
        found = _prove(dataset, round_, progress)
        proofs.write(dataset.folder / ROUNDS / round_.name, found)
        _write(dataset, replace(round_, state=State.CLOSED))
        return found


def abandon_round(dataset: Dataset) -> Round:
    """Ends the round that is going on, without a proof; runs and decisions stay.

    Raises:
        CurateError: no round is going on
    """
    with _alone(dataset):
        round_ = replace(_going_on(dataset), state=State.ABANDONED)
        _write(dataset, round_)
        return round_


def round_status(dataset: Dataset) -> Status:
    """How the rounds of a dataset stand; reads no mask."""
    rounds = tuple(state.list_rounds(dataset.folder / ROUNDS))
    left = len(suspects.read(dataset)) if dataset.flagged else 0
    if not rounds:
        return Status((), (), 0, left, f"curate round {dataset.name} start")
    last = rounds[-1]
    found = () if last.state.is_over else tuple(stale(last.made_of, _basis(dataset)))
    decided = len(decided_in(dataset, last))
    return Status(rounds, found, decided, left, _next(dataset, last, decided))


def round_at_work(dataset: Dataset) -> str:
    """What is done to a round just now, and by whom; empty where nothing is."""
    return state.at_work(dataset.folder / ROUNDS)


def read_proof(dataset: Dataset, name: str) -> Proof | None:
    """What a round came to; None where it is not closed."""
    return proofs.read(dataset.folder / ROUNDS / name)


@contextmanager
def _alone(dataset: Dataset) -> Iterator[None]:
    with alone(dataset.folder / ROUNDS / state.LOCK, dataset.name, "has a round that is worked on"):
        yield


def _going_on(dataset: Dataset) -> Round:
    rounds = state.list_rounds(dataset.folder / ROUNDS)
    if not rounds or rounds[-1].state.is_over:
        reason = f"no round is going on: `curate round {dataset.name} start`"
        raise CurateError(dataset.name, reason)
    return rounds[-1]


def _free(dataset: Dataset) -> tuple[str, str]:
    """The name of the next round, and of its run; neither is taken."""
    taken = [p.name for place in (ROUNDS, "runs") for p in (dataset.folder / place).glob("r*")]
    numbers = [int(name[1:4]) for name in taken if name[1:4].isdecimal() and len(name) >= 4]
    name = f"r{max(numbers, default=0) + 1:03d}"
    return name, name


def _taken_over(dataset: Dataset, round_: Round, rounds: list[Round]) -> Round:
    """The round with what the last one was closed with, where labels and settings are the same."""
    last = rounds[-1] if rounds else None
    if last is None or last.state is not State.CLOSED:
        return round_
    made_of = last.made_of[State.RETRAINED]
    same = (last.folds, last.settings) == (round_.folds, round_.settings)
    if not same or made_of != _basis(dataset) or not dataset.run_folder(last.after).is_dir():
        return round_
    if _frozen(dataset) & _learned(dataset, last.after):  # it was frozen since
        return round_
    return replace(
        round_, run=last.after, state=State.PREDICTED,
        made_of={State.TRAINED: made_of, State.PREDICTED: made_of},
    )  # fmt: skip


def _train(dataset: Dataset, round_: Round, run: str, progress: Progress) -> Basis:
    """Trains, or goes on with what was killed, on the labels that it was begun with: those."""
    runs = DatasetRuns(dataset)
    folder = runs.folder(run)
    if (folder / "config.toml").exists():
        if round_.begun and ((folder / "metrics.json").exists() or (folder / DATA).exists()):
            resume(runs, run, progress=progress)
            return round_.begun
        shutil.rmtree(folder)  # killed before its labels were written: nothing is lost
    try:
        config = configs.from_table(dict(round_.settings))
    except (TypeError, ValueError) as error:
        path = dataset.folder / ROUNDS / round_.name / state.FILE
        raise CurateError(path, f"{error}; restore it", where="settings") from None
    basis = _basis(dataset)
    _write(dataset, replace(round_, begun=basis))
    train(runs, run, config, folds=round_.folds, progress=progress)
    return basis


def _now(dataset: Dataset, verb: Callable[..., object], run: str, progress: Progress) -> Basis:
    """Does what is always made of the dataset as it is."""
    basis = _basis(dataset)
    verb(dataset, run, progress=progress)
    return basis


def _done(dataset: Dataset, round_: Round, step: State, basis: Basis) -> Round:
    """Writes down that a step is done, and what it was made of."""
    made_of = {**round_.made_of, step: basis}
    done = replace(round_, state=step, made_of=made_of, begun=None)
    _write(dataset, done)
    return done


def _write(dataset: Dataset, round_: Round) -> None:
    state.write(dataset.folder / ROUNDS / round_.name, round_)


def _check_taxonomy(dataset: Dataset, round_: Round) -> None:
    """Models of other classes have no place in a round: said before hours are spent."""
    of = {basis.taxonomy for basis in (*round_.made_of.values(), round_.begun) if basis}
    if of and of != {_basis(dataset).taxonomy}:
        reason = (
            f"was begun under another taxonomy than {dataset.taxonomy.name}: remap back to it, or "
            f"`curate round {dataset.name} abandon`, and start another one"
        )
        raise CurateError(round_.name, reason)


def _basis(dataset: Dataset) -> Basis:
    """What a step that begins now is made of."""
    image_ids, contents = dataset.samples.values(["image_id", "content_digest"])
    pairs = sorted(zip(image_ids, (c or "" for c in contents), strict=True))
    return Basis(
        taxonomy=_hash([dataset.taxonomy_toml]),
        photos=_hash([image_id for image_id, _ in pairs]),
        sources=_hash([text for pair in pairs for text in pair]),
        decisions=_last_decision(dataset),
    )


def _hash(texts: list[str]) -> str:
    return sha256(json.dumps(texts).encode()).hexdigest()[:32]


def _last_decision(dataset: Dataset) -> str:
    said = dataset.journal.read()
    return said[-1].decision_id if said else ""


def decided_in(dataset: Dataset, round_: Round) -> list[Decision]:
    """The decisions of a round that stand."""
    said = [d.decision_id for d in dataset.journal.read()]
    if lost := {round_.since, round_.reviewed} - {"", *said}:
        reason = f"lacks the decision {lost.pop()}, which {round_.name} counts from: restore it"
        raise CurateError(dataset.journal.path, reason)
    first = said.index(round_.since) + 1 if round_.since else 0
    end = said.index(round_.reviewed) + 1 if round_.reviewed else len(said)
    of_round = set(said[first:end])
    return [d for d in dataset.review().active if d.decision_id in of_round]


def _next(dataset: Dataset, round_: Round, decided: int) -> str:
    verb = f"curate round {dataset.name}"
    if round_.state.is_over:
        return f"{verb} start"
    if State.FLAGGED not in round_.made_of:
        return f"{verb} run"
    if round_.state is State.FLAGGED and not decided:
        return f"curate review {dataset.name}"
    return f"{verb} close, once you have reviewed enough (`curate review {dataset.name}`)"


def _prove(dataset: Dataset, round_: Round, progress: Progress) -> Proof:
    decided = decided_in(dataset, round_)
    review = Review(tuple(decided), dataset.taxonomy)
    by_kind = statistics.compute(review, suspects.kinds(dataset), ()).by_kind
    return Proof(
        _compare(dataset, round_, working_copy.load_labelled(dataset), progress),
        {kind: (tally.wrong, tally.decided) for kind, tally in by_kind.items()},
        proofs.what_changed(decided),
        proofs.minutes(decided),
    )


def _compare(dataset: Dataset, round_: Round, work: WorkingCopy, progress: Progress) -> Comparison:
    """Both runs on the labels of now, each photo as the models saw it that never learned it."""
    ids, names = zip(*((c.id, c.name) for c in work.taxonomy.classes), strict=True)
    folders = [dataset.run_folder(run) / "predictions" for run in (round_.run, round_.after)]
    both, groups, of = [], [], parts.together(dataset, work, progress=progress)
    kept, is_frozen = _held_out(dataset, round_)
    records = [(i, record) for i, record in work.records.items() if work.groups[i] in kept]
    for image_id, record in track(progress, "compare", records, len(records)):
        paths = [folder / f"{work.groups[image_id]}.png" for folder in folders]
        if not all(path.exists() for path in paths):  # it came after the one, or was excluded
            continue
        guesses = [image_io.read_index(path).astype(np.uint8) for path in paths]
        labels = label_map(record, work.taxonomy, guesses[0].shape[0])
        both.append([comparison.counts(labels, guess, ids) for guess in guesses])
        groups.append(of[image_id])
    if not both:
        raise CurateError(round_.name, "no photo was predicted both before and after")
    before, after = np.array(both).transpose(1, 0, 2, 3)
    return comparison.compare(before, after, groups, names, frozen=is_frozen)


def _held_out(dataset: Dataset, round_: Round) -> tuple[frozenset[str], bool]:
    """The photos that say how good both runs are, by their hash; and whether they are frozen.

    Those of the frozen test set, if neither run learned from one of them: all its models predict
    them. Else those that are in the folds of both: one model predicts each. A photo that is in the
    folds of one run alone would have one model against several.
    """
    before, after = (_learned(dataset, run) for run in (round_.run, round_.after))
    held = _frozen(dataset)
    if held and not held & (before | after):
        return held, True
    return before & after, False


def _frozen(dataset: Dataset) -> frozenset[str]:
    """The photos of the frozen test set, by their hash; none where there is no such set."""
    test_set = frozen.read(dataset.folder)
    return frozenset(test_set.photos) if test_set else frozenset()


def _learned(dataset: Dataset, run: str) -> frozenset[str]:
    """The photos in the folds of a run, by their hash."""
    return frozenset(RunFolder(dataset.run_folder(run)).parts().keys)
