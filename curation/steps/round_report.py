"""``curate report --round``: what a round came to, as one page with pictures."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pandas as pd
from PIL import Image

from curation.core import image_io, rle
from curation.core.atomic import replacing
from curation.core.errors import CurateError
from curation.core.progress import Progress, silent
from curation.core.records import ImageRecord
from curation.core.rle import Rle
from curation.core.taxonomy import Taxonomy, label_map
from curation.core.text import count
from curation.issues.issue import SUSPECT
from curation.review import checks, resolve, statistics
from curation.review import estimate as estimates
from curation.review.journal import Decision
from curation.review.resolve import Review
from curation.review.statistics import Statistics
from curation.rounds import page, state
from curation.rounds.page import Page, Picture, Section, Table
from curation.rounds.proof import Proof
from curation.rounds.state import Round, State
from curation.steps.dataset_runs import channels_of
from curation.steps.estimate import EstimateResult, estimate
from curation.steps.report import PANEL, Suspect, draw_suspect, read_issues
from curation.steps.round import ROUNDS, decided_in, read_proof
from curation.store import Dataset, samples, suspects
from curation.store.checks import answers
from curation.store.fields import GROUND_TRUTH, LABELS

FILE = "report.html"
CALLS, CHANGES = 8, 16
"""Pictures of each kind: a page stays under 15 MB."""

_QUALITY = 82
_RIGHT = ("keep", "include")
_ON_PHOTOS = {"include": "keep the photo", "exclude": "exclude the photo"}
"""Decisions on photos, as their buttons call them."""


@dataclass(frozen=True)
class _Call:
    """A suspect that somebody decided on: its row of ``issues.csv``, and what was said last."""

    row: Mapping[str, str]
    decision: Decision

    @property
    def was_right(self) -> bool:
        """Whether something was wrong there."""
        return self.decision.action not in _RIGHT and not statistics.is_dismissal(self.decision)


def round_report(
    dataset: Dataset,
    name: str = "",
    path: Path | None = None,
    *,
    progress: Progress = silent,
) -> Path:
    """Writes the page of a round, which needs no network and no other file.

    Args:
        name: of the round; empty for the last one
        path: the page to write; ``report.html`` in the round's folder where there is none

    Raises:
        CurateError: there is no such round, it is not flagged yet, or of other classes than now
    """
    rounds = state.list_rounds(dataset.folder / ROUNDS)
    found = [r for r in rounds if r.name == (name or rounds[-1].name)] if rounds else []
    if not found:
        known = ", ".join(r.name for r in rounds) or "none"
        reason = f"there is no round {name}; there is {known}" if name else "has no round yet"
        raise CurateError(dataset.name, f"{reason}: `curate round {dataset.name} start`")
    round_ = found[0]
    if State.FLAGGED not in round_.made_of:
        reason = f"is {round_.state}: first run `curate round {dataset.name} run`"
        raise CurateError(round_.name, reason)
    channels_of(dataset.run_folder(round_.run), dataset.taxonomy)  # as in the sheet of a run
    text = page.render(_page(dataset, round_, rounds, progress))
    path = path or dataset.folder / ROUNDS / round_.name / FILE
    with replacing(path) as part:
        part.write_text(text, "utf-8")
    return path


def _page(dataset: Dataset, round_: Round, rounds: Sequence[Round], progress: Progress) -> Page:
    decided = decided_in(dataset, round_)
    until = rounds[: rounds.index(round_) + 1]
    proofs = {r.name: p for r in until if (p := read_proof(dataset, r.name))}
    proof = proofs.get(round_.name)
    review = Review(tuple(decided), dataset.taxonomy)
    left = suspects.read(dataset) if dataset.flagged == round_.run else None
    said = statistics.compute(review, suspects.kinds(dataset), left or ())
    calls = _calls(dataset, round_, decided)
    taxonomy = dataset.taxonomy
    verdict = proof.comparison.verdict if proof else "The round is not closed: nothing is proven."
    return Page(
        dataset.name,
        round_.name,
        _about(dataset, round_, len(decided), None if left is None else len(left)),
        verdict,
        proof.comparison.measured_on if proof else "",
        _tables(dataset, round_, proof, said),
        page.curve(proofs),
        {c.name: c.color for c in taxonomy.classes},
        _sections(dataset, round_, calls, decided, progress),
    )


def _about(dataset: Dataset, round_: Round, decided: int, left: int | None) -> str:
    """The line under the heading; of suspects of another run, which are left now, it says nothing.

    Args:
        decided: decisions of the round
        left: suspects of the round's own run; None where another one was flagged since
    """
    there = "" if left is None else f", {count(left, 'suspect')} left"
    return (
        f"{count(len(dataset), 'photo')} under the taxonomy {dataset.taxonomy.name}; "
        f"{count(decided, 'decision')} in this round{there}; {round_.state}."
    )


def _calls(dataset: Dataset, round_: Round, decided: Sequence[Decision]) -> list[_Call]:
    """The suspects of the round that were decided on, by their score, highest first."""
    last = statistics.last(d for d in statistics.answers(decided) if d.instance_id)
    ids = list(last)

    def keep(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[rows.instance_id.isin(ids) & (rows.error_score >= SUSPECT)]

    table = read_issues(dataset, round_.run, "error_score", keep)
    table = table.sort_values("error_score", ascending=False, kind="stable")
    rows: list[dict] = table.astype(str).to_dict("records")
    return [_Call(row, last[row["instance_id"]]) for row in rows]


def _tables(
    dataset: Dataset, round_: Round, proof: Proof | None, said: Statistics
) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    if proof:
        figures = {"all classes": proof.comparison.miou, **proof.comparison.iou}
        rows = [
            (name, f"{c.before:.3f}", f"{c.after:.3f}",
             f"{c.difference.value:+.3f} ({c.difference.low:+.3f} to {c.difference.high:+.3f})")
            for name, c in figures.items()
        ]  # fmt: skip
        photos = f"IoU on {count(proof.comparison.photos, 'photo')}"
        tables["Before and after"] = Table((photos, "before", "after", "difference (90 %)"), rows)
        tables["What was decided"] = Table(
            ("decision", "labels"), [(_ON_PHOTOS.get(a, a), n) for a, n in proof.changed.items()]
        )
    doubts = {kind: (tally.wrong, tally.decided) for kind, tally in said.by_kind.items()}
    kinds = [
        (kind, wrong, of - wrong, f"{wrong / of:.0%}" if of else "")
        for kind, (wrong, of) in (proof.precision if proof else doubts).items()
    ]
    header = ("suspects", "something was wrong", "nothing was", "share wrong")
    tables["How good the doubts were"] = Table(header, kinds)
    tables["Labels by class"] = _classes(dataset)
    pairs = sorted(said.confusion.items(), key=lambda item: -item[1])
    rows_ = [(f"{given} to {decided}", n) for (given, decided), n in pairs]
    tables["Relabelled"] = Table(("from, to", "labels"), rows_)
    if dataset.flagged == round_.run and samples.read(dataset) is not None:
        tables["How many labels are wrong"] = _estimated(estimate(dataset))
    tables["Reviewers"] = _reviewers(dataset, proof, said)
    return tables


def _estimated(found: EstimateResult) -> Table:
    """What the random sample says, as far as it is decided."""
    of = found.estimate
    rows = [
        ("wrong labels", f"{of.wrong.value:,.0f}", f"{of.wrong.low:,.0f}", f"{of.wrong.high:,.0f}"),
        ("the share that is", *_shares(of.rate)),
        (f"found of them: {of.found:,}", *_shares(of.share_found)),
    ]
    return Table((f"of {of.labels:,} labels", "estimate", "from", "to (90 %)"), rows)


def _shares(interval: estimates.Interval) -> tuple[str, str, str]:
    return f"{interval.value:.1%}", f"{interval.low:.1%}", f"{interval.high:.1%}"


def _reviewers(dataset: Dataset, proof: Proof | None, said: Statistics) -> Table:
    """How much, how fast and how well each reviewer decided."""
    minutes = proof.minutes if proof else {}
    hits = checks.hits(answers(dataset))
    rows = [
        (who, pace.decisions, f"{pace.an_hour:.0f}" if pace.an_hour else "",
         f"{minutes[who]:.0f}" if who in minutes else "",
         f"{hits[who].caught} of {hits[who].planted}" if who in hits else "")
        for who, pace in said.by_reviewer.items()
    ]  # fmt: skip
    return Table(("reviewer", "decisions", "an hour", "minutes", "planted errors caught"), rows)


def _classes(dataset: Dataset) -> Table:
    """Labels of each class as they came, and as they are now."""
    came: Counter[str] = Counter()
    imported = dataset.samples.count_values(f"{GROUND_TRUTH}.detections.label")
    late = dataset.taxonomy.unmapped(imported)  # came after the last remap
    for label in imported.keys() - late:
        came[dataset.taxonomy.target(label) or ""] += imported[label]
    now = dataset.samples.count_values(f"{LABELS}.detections.label")
    rows = [
        (c.name, came[c.name], now.get(c.name, 0), f"{now.get(c.name, 0) - came[c.name]:+d}")
        for c in dataset.taxonomy.classes
    ]
    return Table(("class", "as imported", "now", ""), rows)


def _sections(
    dataset: Dataset,
    round_: Round,
    calls: Sequence[_Call],
    decided: Sequence[Decision],
    progress: Progress,
) -> list[Section]:
    best = list(islice((c for c in calls if c.was_right), CALLS))
    worst = list(islice((c for c in calls if not c.was_right), CALLS))
    shown = {c.decision.instance_id for c in best}
    changed = {
        d.instance_id: d
        for d in decided
        if d.action in ("relabel", "redraw", "add") and d.instance_id not in shown
    }
    changes = [_Call({}, d) for d in list(changed.values())[-CHANGES:]]
    panels = "The photo, a close-up, the labels as they came, the model's prediction."
    wanted = (
        ("The best calls", f"The surest doubts that were right. {panels}", best, False),
        ("The worst calls", f"The surest doubts that were not. {panels}", worst, False),
        ("Other labels that were changed",
         "The photo, a close-up, the labels as they came, the labels of now.", changes, True),
    )  # fmt: skip
    total = sum(len(calls) for *_, calls, _ in wanted)
    drawer = _Drawer(dataset, round_, [c.decision.image_id for *_, of, _ in wanted for c in of])
    sections, done = [], 0
    for title, about, of_kind, now in wanted:
        pictures = []
        for call in of_kind:
            done += 1
            pictures += drawer.pictures(call, now)
            progress("report", done, total)
        sections.append(Section(title, about, pictures))
    return sections


class _Drawer:
    """Draws suspects of some photos, read at once."""

    def __init__(self, dataset: Dataset, round_: Round, image_ids: Sequence[str]) -> None:
        wanted = sorted(set(image_ids))
        self._taxonomy = dataset.taxonomy
        self._folder = dataset.run_folder(round_.run) / "predictions"
        self._hashes = dataset.column("photo_hash")
        source = {r.image_id: r for r in dataset.records(GROUND_TRUTH, wanted)}
        self._came = {i: _as_imported(r, self._taxonomy) for i, r in source.items()}
        self._now = {r.image_id: r for r in dataset.records(LABELS, wanted)}
        self._outlines: dict[str, Rle] = {}
        fields = [f"missing_{round_.run}", GROUND_TRUTH, LABELS]
        for field in (name for name in fields if dataset.has(name)):
            for record in dataset.records(field, wanted):
                self._outlines |= {x.instance_id: x.mask for x in record.instances}

    def pictures(self, call: _Call, now: bool) -> list[Picture]:
        """One picture; none where photo, mask or prediction is gone.

        Args:
            now: whether the last panel has the labels of now, in place of the prediction
        """
        said = call.decision
        outline, came = self._outlines.get(said.instance_id), self._came.get(said.image_id)
        if outline is None or came is None or not rle.area(outline):
            return []
        try:
            photo = image_io.read(came.path)
            predicted = self._folder / f"{self._hashes.get(said.image_id)}.png"
            last = (
                label_map(self._now[said.image_id], self._taxonomy)
                if now
                else image_io.read_index(predicted).astype("uint8")
            )
        except (ValueError, KeyError):
            return []
        suspect = Suspect("", photo, label_map(came, self._taxonomy), last, outline)
        tile = draw_suspect(suspect, self._taxonomy)
        tile = tile.crop((0, 0, tile.width, PANEL + 4))
        reason, score = call.row.get("reason", ""), call.row.get("error_score", "")
        title = f"{said.image_id}: {said.sentence}."
        doubt = f"{reason} ({float(score):.2f})" if score else ""
        return [Picture(page.data_url(_jpeg(tile)), title, doubt)]


def _as_imported(record: ImageRecord, taxonomy: Taxonomy) -> ImageRecord:
    """The labels of a photo under the taxonomy, before anything was decided; what came after the
    last remap, and no class takes, is no label yet."""
    late = taxonomy.unmapped(Counter(x.category for x in record.instances))
    imported = [x for x in record.instances if x.category not in late]
    reviewed = resolve([], taxonomy).labels(record.image_id, imported)
    instances = tuple(item.instance for item in reviewed)
    return ImageRecord(record.image_id, record.path, record.height, record.width, instances)


def _jpeg(tile: Image.Image) -> bytes:
    buffer = io.BytesIO()
    tile.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
