"""A frozen test set: what is in it is tested on and never learned from, whatever happens."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from PIL import Image, ImageOps

from curation import store
from curation.cli import main
from curation.core.errors import DatasetError, FormatError, RunError
from curation.steps import evaluate, freeze, parts, resume, train, unfreeze, working_copy
from curation.steps.dataset_runs import DatasetRuns
from curation.store import frozen, queue
from curation.store.write import write
from tests.conftest import decide
from tests.steps.scenes import add, lose, record
from training.config import TrainConfig

NAME = "test-freeze"
CONFIG = TrainConfig(size=32, steps=2, batch=4)


@pytest.fixture
def dataset(tmp_path):
    """Twenty photos, of which no two look alike."""
    lose(NAME)
    yield add(NAME, tmp_path, {f"p{i:02d}": i for i in range(20)})
    lose(NAME)


def split(dataset):
    return parts.split(dataset, working_copy.load(dataset))


def in_test(dataset):
    return sorted(i for i, name in split(dataset).items() if name == "test")


def test_a_frozen_set_says_who_when_and_what_a_person_checked(dataset):
    first, *others = in_test(dataset)
    label = next(dataset.records(image_ids=[first])).instances[0].instance_id
    decide(dataset, "keep", image_id=first, instance_id=label)
    done = freeze(dataset, "anna b.")
    assert frozen.read(dataset.folder) == done
    assert sorted(done.photos.values()) == [first, *others]
    assert done.sentence == f"test set frozen on {done.on[:10]} by anna b."
    said = f"checked by a person: 1 of {1 + len(others)} labels; the rest stand at the end of the"
    assert done.checks.startswith(said)


def test_each_label_of_a_frozen_set_is_asked_about_until_a_person_decided_on_it(dataset):
    assert queue.read(dataset) == []
    first, *others = in_test(dataset)
    freeze(dataset)
    asked = queue.read(dataset)
    assert [(s.image_id, s.kind) for s in asked] == [(i, "test set") for i in (first, *others)]
    decide(dataset, "keep", image_id=first, instance_id=asked[0].id)
    assert [s.image_id for s in queue.read(dataset)] == others
    unfreeze(dataset)
    assert queue.read(dataset) == []


def test_a_photo_of_the_frozen_set_stays_in_it_after_another_import(dataset, tmp_path):
    was = in_test(dataset)
    freeze(dataset)
    (dataset.folder / parts.SPLITS).unlink()
    store.delete(NAME)
    again = add(NAME, tmp_path / "moved", {f"val/p{i:02d}": i for i in range(20)})
    assert {f"val/{i}" for i in was} <= set(in_test(again))


def test_a_copy_that_looks_like_a_frozen_photo_is_tested_on_even_where_that_is_gone(
    dataset, tmp_path
):
    was = in_test(dataset)
    freeze(dataset)
    (dataset.folder / parts.SPLITS).unlink()
    store.delete(NAME)
    again = add(NAME, tmp_path / "again", {f"q{i:02d}": i for i in range(20)}, quality=60)
    assert {f"q{i[1:]}" for i in was} <= set(in_test(again))
    folds = parts.folds(again, working_copy.load(again), "r1", 3)
    assert folds.keys() == {f"q{i:02d}" for i in range(20)} - {f"q{i[1:]}" for i in was}


def test_what_roboflow_makes_anew_of_a_frozen_photo_is_tested_on_though_that_is_gone(tmp_path):
    """Turned and with noise it looks like another photo: the name alone tells."""

    def named(version):
        return {f"look{i:02d}_jpg.rf.{version:032x}": 100 * version + i for i in range(20)}

    lose(NAME)
    first = add(NAME, tmp_path / "1", named(1))
    was = {i.partition(".")[0] for i in in_test(first)}
    freeze(first)
    (first.folder / parts.SPLITS).unlink()
    store.delete(NAME)
    second = add(NAME, tmp_path / "2", named(2))
    assert was <= {i.partition(".")[0] for i in in_test(second)}
    assert len(parts.folds(second, working_copy.load(second), "r1", 2)) == 20 - len(was)
    lose(NAME)


def test_a_mirrored_copy_of_a_frozen_photo_is_tested_on(dataset, tmp_path):
    was = in_test(dataset)
    freeze(dataset)
    for image_id, path in zip(*dataset.samples.values(["image_id", "filepath"]), strict=True):
        if image_id in was:
            ImageOps.mirror(Image.open(path)).save(tmp_path / f"m{image_id}.png")
    copies = [record(tmp_path / f"m{i}.png", f"m{i}", "skirt") for i in was]
    write(NAME, copies)
    assert {f"m{i}" for i in was} <= set(in_test(dataset))


def test_a_frozen_photo_that_a_file_of_splits_puts_into_training_stays(dataset, caplog):
    first, *_ = was = in_test(dataset)
    freeze(dataset)
    path = dataset.folder / parts.SPLITS
    whole = path.read_text()
    group = working_copy.load(dataset).groups[first]
    path.write_text(whole.replace(f"{group},test", f"{group},train"))
    assert in_test(dataset) == was
    assert f"1 photo went to test, where a photo is that goes together with it: {first} was in" in (
        caplog.text
    )
    assert path.read_text() == whole


@pytest.mark.long
def test_folds_leave_the_frozen_photos_out_and_all_models_predict_them(dataset, caplog):
    was = in_test(dataset)
    freeze(dataset)
    caplog.set_level("INFO")
    train(DatasetRuns(dataset), "r1", CONFIG, folds=2)
    assert f"{len(was)} photos are in no fold" in caplog.text
    folds = dataset.column("fold")
    assert folds.keys() == {f"p{i:02d}" for i in range(20)} - set(was)
    assert evaluate(DatasetRuns(dataset), "r1")["photos"] == 20


def test_a_run_that_began_before_the_freeze_does_not_go_on(dataset, monkeypatch):
    was = in_test(dataset)

    def kill(*args, **rest):
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr("training.fitting.fit.fit", kill)
        with pytest.raises(KeyboardInterrupt):
            train(DatasetRuns(dataset), "r1", CONFIG, folds=2)
    freeze(dataset)
    named = ", ".join(was)
    with pytest.raises(RunError, match=f"r1: would train on photos of the frozen .*: {named};"):
        resume(DatasetRuns(dataset), "r1")


def test_freezing_again_takes_in_what_came_and_lets_nothing_go(dataset, tmp_path):
    was = in_test(dataset)
    freeze(dataset)
    decide(dataset, "exclude", image_id=was[0])
    add(NAME, tmp_path, {f"n{i:02d}": 100 + i for i in range(20)})
    now = set(in_test(dataset))
    assert now > set(was[1:])
    assert set(freeze(dataset).photos.values()) == now | {was[0]}


def test_an_undo_frees_the_photos_and_says_so_loudly(dataset):
    was = in_test(dataset)
    freeze(dataset)
    result = CliRunner().invoke(main, ["freeze", NAME, "--undo"])
    assert result.exit_code == 0, result.output
    assert "NOT frozen any more" in result.output
    assert in_test(dataset) == was
    assert len(parts.folds(dataset, working_copy.load(dataset), "r1", 2)) == 20
    with pytest.raises(DatasetError, match="its test set is not frozen"):
        unfreeze(dataset)


def test_a_damaged_file_frees_nothing_until_it_is_undone(dataset):
    freeze(dataset)
    path = dataset.folder / frozen.FILE
    path.write_text(path.read_text().replace("p0", "p1"))
    with pytest.raises(FormatError, match=rf"frozen.json: is not as .*curate freeze {NAME} --undo"):
        split(dataset)
    unfreeze(dataset)
    assert split(dataset)


def test_the_command_says_what_was_frozen(dataset):
    result = CliRunner().invoke(main, ["freeze", NAME, "--reviewer", "anna"])
    assert result.exit_code == 0, result.output
    assert "test set frozen on 20" in result.output
    assert "Checked by a person: 0 of " in result.output
