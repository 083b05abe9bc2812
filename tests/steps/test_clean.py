"""What a dataset takes on disk, and that nothing goes that would not come again."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from curation.cli import main
from curation.core.errors import CurateError
from curation.steps import clean, predict, train
from curation.steps.dataset_runs import FEATURES, DatasetRuns
from tests.conftest import decide
from tests.steps.scenes import add, lose
from training.config import TrainConfig
from training.data.features import FeatureCache

NAME = "test-clean"
CONFIG = TrainConfig(size=32, steps=2, batch=4)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Twelve photos with a decision, a run and its predictions: each test leaves it so."""
    lose(NAME)
    dataset = add(NAME, tmp_path_factory.mktemp("photos"), {f"p{i:02d}": i for i in range(12)})
    label = next(dataset.records()).instances[0].instance_id
    decide(dataset, "keep", image_id="p00", instance_id=label)
    train(DatasetRuns(dataset), "r1", CONFIG, folds=2)
    predict(dataset, "r1")
    yield dataset
    lose(NAME)


def files(dataset):
    found = (path for path in dataset.folder.rglob("*") if path.is_file())
    return {str(path.relative_to(dataset.folder)): path.read_bytes() for path in found}


def test_features_go_and_come_again_and_all_else_stays(dataset):
    lasting = (
        dataset.folder / FEATURES / "lite0-32-os32-0123456789abcdef-v3",
        dataset.folder / (f"{FEATURES}/person-v2"),
    )
    for folder in lasting:
        folder.mkdir()
        (folder / "rows-0000.bin").write_bytes(b"1")
    before = files(dataset)
    kinds = {kind.name: kind for kind in clean(dataset, dry_run=True)}
    assert files(dataset) == before
    assert sum(kind.bytes for kind in kinds.values()) == sum(map(len, before.values()))
    assert [name for name, kind in kinds.items() if kind.evicted] == ["features"]
    assert kinds["other features"].bytes == 2
    assert {name for name, kind in kinds.items() if not kind.bytes} == {"begun"}

    assert clean(dataset) == list(kinds.values())
    after = files(dataset)
    gone = {name for name in before if name not in after}
    assert gone == {name for name in before if name.startswith(f"{FEATURES}/lite0-32-os32-v")}
    assert sum(len(before[name]) for name in gone) == kinds["features"].bytes
    assert after.items() <= before.items()

    assert predict(dataset, "r1") == 12
    assert gone <= set(files(dataset))


def test_features_that_another_process_adds_to_stay(dataset):
    cache = FeatureCache(dataset.folder / FEATURES, CONFIG)
    with cache._cache.appending(), pytest.raises(CurateError, match="adds to it just now: wait"):
        clean(dataset)
    assert cache.folder.exists()


def test_the_verb_says_what_each_kind_takes(dataset):
    def run(*given):
        result = CliRunner().invoke(main, ["clean", NAME, *given])
        assert result.exit_code == 0, result.output
        return result

    said = run("--dry-run").stdout
    assert all(kind.name in said for kind in clean(dataset, dry_run=True))
    assert "Would delete" in run("--dry-run").stderr
    kinds = json.loads(run("--json").stdout)
    assert kinds[0]["bytes"] > 0
    assert json.loads(run("--json").stdout)[0]["bytes"] == 0
    predict(dataset, "r1")  # they come again
