"""Files that curate writes and reads again: a damaged one is named, or is read as it was meant.

Where a damage cannot be seen (a figure that is another figure), what is read is another thing; but
nothing that a test set or a fold depends on.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from curation.audit.image_hash import ImageHash
from curation.cli import failures
from curation.core import rle, taxonomy
from curation.core.errors import CurateError
from curation.core.finding import Finding, FindingKind
from curation.formats import export, imaterialist, tfrecord
from curation.formats.mask_folder import class_list
from curation.issues import issue_table, suggestion_pipeline
from curation.issues.feature_table import _KEYS_OF, FeatureTable
from curation.issues.issue import ISSUES, Issue
from curation.issues.pipeline import STATISTICS, load_statistics
from curation.issues.suggestion import Suggestion
from curation.review import Journal, checks, keys
from curation.review.journal import decision
from curation.rounds import comparison, proof, state
from curation.steps import dealing, parts, verify
from curation.steps.dealing import Dealing
from curation.steps.decisions import _requests
from curation.store import frozen, samples
from curation.store.frozen import FrozenSet
from curation.store.import_report import Imported, list_path, skipped
from tests.conftest import picture, record
from tests.mutations import mutated
from tests.training.person.wheels import NAME, meant, members, wheel
from training import recipes, run
from training.config import TrainConfig
from training.data import label_maps, records
from training.data.row_cache import RowCache
from training.folder import ClassList, Parts, RunFolder
from training.metrics import Scores
from training.person import install

report = import_module("curation.steps.report")

MASK = rle.encode(picture("##..", "#..."))
TAXONOMY = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")
HASHES = [f"{number:032x}" for number in range(5)]
DEALT = dict(zip(HASHES, ("train", "train", "val", "test", "train"), strict=True))
CLASSES = ClassList(("background", "top"), ("#000000", "#ff0000"))
OF = Parts("fold", tuple(HASHES), tuple("abcde"), tuple("01010"))
LABELS = "5" * 64


@dataclass(frozen=True)
class SideFile:
    """A file, who writes it, and who reads it again.

    Attributes:
        name: of the file in a folder
        make: writes all that is in the folder
        read: what is made of it
        exact: whether any damage is noticed, so that nothing else is ever read
    """

    name: str
    make: Callable[[Path], object]
    read: Callable[[Path], object]
    exact: bool = False


def journal(folder: Path) -> None:
    Journal(folder / "decisions.csv").append([
        decision("relabel", "odd, \n.jpg", "Ann", instance_id="1", category="top", seconds="2.5"),
        decision("add", "a", instance_id="9", category="coat", mask=rle.to_text(MASK)),
        decision("exclude", "b"),
    ])  # fmt: skip


def rounds(folder: Path) -> None:
    then = state.Basis("1" * 32, "2" * 32, "3" * 32, "4" * 16)
    made_of = {state.State.TRAINED: then, state.State.FLAGGED: then}
    texts = "r001", "r001_after", "r002_after"
    begun = state.Round(
        "r002", state.State.FLAGGED, *texts, 3, {"size": 320}, "5" * 16, "", made_of
    )
    state.write(folder / "r002", begun)
    change = comparison.Change(0.4, 0.5, comparison.Interval(0.1, 0.05, 0.15))
    found = comparison.Comparison(9, change, {"dress": change})
    proof.write(folder / "r002", proof.Proof(found, {"missing": (2, 3)}, {"keep": 4}, {"ann": 1.5}))


def by_hand(folder: Path) -> None:
    (folder / "mine.csv").write_text(
        "action,image_id,instance_id,category,time,seconds\n"
        "relabel,a,1,feet,2026-03-02T10:00:00Z,3\nexclude,b\n"
    )


def imported(folder: Path) -> None:
    skips = [Finding(FindingKind.DIFFERS, f"a.csv:{n}", "odd, one") for n in range(4)]
    Imported(skips=skips).write_list(list_path(folder, Path("/data/train.csv")))


def issues(folder: Path) -> None:
    rows = [Issue(i, i * 24, "t:1", "top", 0.5, "missing", "top", "so", mask=MASK) for i in "abc"]
    issue_table.write(folder / ISSUES, rows)


def begun(folder: Path) -> None:
    run.begin(folder, TrainConfig(size=32), CLASSES, OF, LABELS)


def finished(folder: Path) -> None:
    begun(folder)
    folder = RunFolder(folder)
    figures = Scores(2).figures(CLASSES.names)
    folder.write_metrics(
        {**figures, "measured_on": "out-of-fold", "parameters": 3, "cpu_seconds": 1.5, "seconds": 2}
    )
    row = {"fold": 0, "epoch": 0.5, "step": 3, "loss": 0.4, "val_cross_entropy": 0.2,
           "val_miou_foreground": 0.1, "kept": 1, "learning_rate": 0.01, "cpu_seconds": 1,
           "seconds": 2}  # fmt: skip
    folder.write_history([row, row])
    folder.check_fingerprint(LABELS)


def examples(folder: Path) -> None:
    """An export, and label maps of the same."""
    photos = folder / "photos"
    photos.mkdir()
    made, own = {}, taxonomy.parse(TAXONOMY, "own")
    for name in "abc":
        path = photos / f"{name}.png"
        report.Image.new("RGB", (4, 2), "red").save(path)
        made[name] = record(path, feet=picture("##..", "#..."))
    groups = dict(zip(made, HASHES, strict=False))
    label_maps.write(folder / "maps", made, own, groups, 8)
    tfrecord.write(folder / "export", made, own, dict.fromkeys(made, "train"), groups, 8)


def opened(kind: type, name: str) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        found = kind(folder / name)
        return found.images, [found.labels(n).tolist() for n in range(len(found))]

    return read


def frozen_set(folder: Path) -> None:
    shown = ImageHash("a", HASHES[0], 7, bytes(192))
    photos = dict(zip(HASHES, "abcde", strict=True))
    frozen.write(folder, FrozenSet("2026-03-02T10:00:00Z", "Ann", LABELS, 3, 7, photos, (shown,)))


def tables(folder: Path) -> None:
    FeatureTable.of({name: [] for name in _KEYS_OF}).save(folder / "features-00000.npz")
    np.savez(folder / STATISTICS, thresholds=np.arange(3.0))


def suggestions(folder: Path) -> None:
    found = {"5" * 24: Suggestion(MASK), "6" * 24: Suggestion(MASK, (2, MASK))}
    suggestion_pipeline.save(folder / "suggestions-0.npz", found)


def sample(folder: Path) -> None:
    arrays = {"ids": np.array([b"a" * 24, b"b" * 24]), "image_ids": np.array(["a", "b"])}
    arrays |= {"score": np.array([0.1, 0.9]), "stratum": np.array([0, 5]), "photo": np.arange(2)}
    arrays |= {"drawn": np.array([1]), "taxonomy": np.array(["5" * 16])}
    np.savez_compressed(folder / samples.FILE, **arrays)


def answers(folder: Path) -> None:
    of_label = {"instance_id": "1", "check": checks.Check.KEPT}
    given = [checks.answer(action, "a", "Ann", **of_label) for action in ("keep", "delete")]
    checks.Answers(folder / checks.FILE).append(given)


def flagged(folder: Path) -> SimpleNamespace:
    """A dataset whose flagged run is in a folder."""
    return SimpleNamespace(flagged="r1", run_folder=lambda run: folder)


ROW = np.dtype([("a", "u1", (3,)), ("b", "<f2")])


def rows(folder: Path) -> None:
    with RowCache(folder / "rows-v1", ROW, "its rows").appending() as append:
        append(["one", "two"], np.array([((1, 2, 3), 0.5), ((4, 5, 6), 1)], ROW))


def kept(folder: Path) -> list:
    cache = RowCache(folder / "rows-v1", ROW, "its rows")
    return [cache.row(cache.index(key)).tolist() for key in ("one", "two") if key in cache]


def networks(folder: Path) -> None:
    install.install(folder, wheel(folder, members()))


def unpacked(folder: Path) -> dict:
    install.install(folder / "again", folder / NAME)
    return install.read(folder / "again")


def texts(folder: Path) -> None:
    (folder / "own.toml").write_text(TAXONOMY)
    (folder / "recipe.toml").write_text("size = 64\nlearning_rate = 0.1\nweights = \"none\"\n"
                                        "frozen = false\n")  # fmt: skip
    (folder / keys.FILE).write_text('[keys]\nkeep = "j"\nskip = "ArrowRight"\n')
    (folder / "labels.json").write_text(
        '{"categories": [{"id": 0, "name": "shirt"}, {"id": 1, "name": "top"}],\n'
        '"attributes": [{"id": 3, "name": "striped"}]}\n'
    )
    (folder / "classes.csv").write_text("id,name\n0,background\n1,top\n2,skirt\n")


DATASET = SimpleNamespace(name="photos")
FILES = [
    SideFile("splits.csv", lambda f: parts.write(f / "splits.csv", DEALT),
             lambda f: parts.read(f / "splits.csv")),
    SideFile("decisions.csv", journal, lambda f: Journal(f / "decisions.csv").read()),
    SideFile(checks.FILE, answers, lambda f: checks.Answers(f / checks.FILE).read()),
    SideFile("mine.csv", by_hand, lambda f: list(_requests(f / "mine.csv"))),
    SideFile("imported-data-train.csv", imported, lambda f: list(skipped(f))),
    SideFile(ISSUES, issues,
             lambda f: issue_table.read(f / ISSUES, "error_score", again="again").to_dict()),
    SideFile("config.toml", begun, lambda f: (RunFolder(f).parts(), RunFolder(f).config()), True),
    SideFile("photos.csv", begun, lambda f: RunFolder(f).parts(), True),
    SideFile("metrics.json", finished, lambda f: RunFolder(f).finished()),
    SideFile("history.csv", finished, lambda f: RunFolder(f).history()),
    SideFile("data.sha256", finished, lambda f: RunFolder(f).check_fingerprint(LABELS), True),
    *(SideFile(f"export/{name}", examples, opened(records.Records, "export"))
      for name in ("manifest.json", "splits.csv", "classes.csv")),
    *(SideFile(f"maps/{name}", examples, opened(label_maps.LabelMaps, "maps"))
      for name in ("manifest.json", "photos.csv", "labels.bin")),
    SideFile("export/manifest.json", examples,
             lambda f: export._check_replaceable(f / "export", "tfrecord")),
    *(SideFile(f"export/{name}", examples, lambda f: verify(f / "export"))
      for name in ("manifest.json", "splits.csv")),
    SideFile("frozen.json", frozen_set, frozen.read, True),
    SideFile("splits.toml", lambda f: dealing.save(f, Dealing("^(.+)_", (0.7, 0.2, 0.1))),
             dealing.load),
    SideFile("features-00000.npz", tables,
             lambda f: vars(FeatureTable.load(f / "features-00000.npz"))),
    SideFile(STATISTICS, tables, load_statistics),
    SideFile("suggestions-0.npz", suggestions,
             lambda f: suggestion_pipeline.load(f / "suggestions-0.npz")),
    SideFile("rows-v1/keys.txt", rows, kept),
    SideFile("pose", networks, install.read, True),
    SideFile(NAME, networks, unpacked, True),
    SideFile(samples.FILE, sample, lambda f: samples.read(flagged(f)), True),
    SideFile("own.toml", texts, lambda f: taxonomy.load(str(f / "own.toml"))),
    SideFile("recipe.toml", texts, lambda f: recipes.load(str(f / "recipe.toml"))),
    SideFile(keys.FILE, texts, keys.load),
    SideFile(f"r002/{state.FILE}", rounds, lambda f: state.read(f / "r002")),
    SideFile(f"r002/{proof.FILE}", rounds, lambda f: proof.read(f / "r002")),
    SideFile("labels.json", texts, lambda f: imaterialist.read_labels(f / "labels.json")),
    SideFile("classes.csv", texts, lambda f: class_list.read(str(f / "classes.csv"))),
]  # fmt: skip


def outcome(file: SideFile, folder: Path) -> str | None:
    """What is read, as text; None where the damage is said in a sentence that names the file."""
    try:
        return repr(file.read(folder))
    except CurateError as error:
        said = str(error)
        assert Path(file.name).name in said or folder.name in said, said
    except OSError as error:
        assert failures.sentence(error), error
    return None


@pytest.fixture(autouse=True)
def small_networks():
    with meant():
        yield


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_damaged_file_is_named_or_read_as_it_was_meant(file, tmp_path):
    file.make(tmp_path)
    path, dice = tmp_path / file.name, random.Random(file.name)
    whole, meant = path.read_bytes(), outcome(file, tmp_path)
    assert meant is not None
    for _ in range(60):
        path.write_bytes(content := mutated(whole, dice))
        found = outcome(file, tmp_path)
        if file.exact:
            assert found in (meant, None), content
    path.unlink()
    path.mkdir()
    assert outcome(file, tmp_path) is None


def test_a_file_of_splits_that_breaks_off_anywhere_deals_nothing(tmp_path):
    path = tmp_path / "splits.csv"
    parts.write(path, DEALT)
    whole = path.read_bytes()
    lines = 0
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        try:
            found = parts.read(path)
        except CurateError as error:
            assert f"{path}:" in str(error)
        else:
            # Whole lines alone; of those that are gone, the database knows the splits.
            assert found.items() < DEALT.items()
            lines += 1
    assert lines == len(DEALT)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("val", "vall", "splits.csv:4: '0{31}2,vall' is no photo_hash and split"),
        ("photo_hash", "photo", "splits.csv:1: its first line is not photo_hash,split"),
        (f"{HASHES[2]},val", f"{HASHES[1]},val", "splits.csv:4: this photo is in train above"),
        ("\n", "", "splits.csv:1: "),
    ],
)
def test_a_wrong_line_of_the_splits_is_named_with_the_way_out(tmp_path, old, new, reason):
    path = tmp_path / "splits.csv"
    parts.write(path, DEALT)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(CurateError, match=f"{reason}.*restore it, or delete it"):
        parts.read(path)


def test_a_photo_that_left_its_fold_is_not_predicted_by_a_model_that_learned_from_it(tmp_path):
    begun(tmp_path)
    path = tmp_path / "photos.csv"
    table = pd.read_csv(path, dtype=str)
    for other in (table[1:], table.assign(fold=table["fold"][::-1].to_numpy()[[1, 0, 2, 3, 4]])):
        other.to_csv(path, index=False)
        with pytest.raises(
            CurateError, match=r"photos\.csv: it or config\.toml is not as this run"
        ):
            RunFolder(tmp_path).parts()
