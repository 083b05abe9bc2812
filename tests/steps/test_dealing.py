"""What keeps photos of a dataset together beside their looks, and the shares of its splits."""

from __future__ import annotations

import csv
from collections import Counter

import pytest
from click.testing import CliRunner

from curation.cli import main
from curation.core.errors import DatasetError
from curation.steps import deal, dealing, export, freeze, parts, unfreeze, working_copy
from curation.steps.dealing import Dealing
from tests.steps.scenes import add, lose

NAME = "test-dealing"
PHOTOS = {f"{product}_{view}": product * 10 + view for product in range(12) for view in range(3)}


@pytest.fixture
def dataset(tmp_path):
    """Twelve products, three photos of each."""
    lose(NAME)
    yield add(NAME, tmp_path, PHOTOS)
    lose(NAME)


def product(image_id):
    return image_id.split("_")[0]


def together(dealt):
    """Whether all photos of each product are in one part."""
    return len({(product(i), part) for i, part in dealt.items()}) == len({*map(product, dealt)})


def test_photos_that_share_a_key_are_in_one_split_and_one_fold_from_then_on(dataset, caplog):
    caplog.set_level("INFO")
    deal(dataset, group_by="^([0-9]+)_")
    assert "36 photos with 12 keys, 3 at most with one; 0 photos without" in caplog.text
    work = working_copy.load(dataset)
    assert together(parts.split(dataset, work))
    assert together(parts.folds(dataset, work, "r1", 3))
    assert set(parts.split(dataset, work).values()) == {"train", "val", "test"}


def test_photos_without_a_match_are_counted_and_stay_by_themselves(dataset, caplog):
    caplog.set_level("INFO")
    deal(dataset, group_by="^[0-4]_")
    assert "15 photos with 5 keys, 3 at most with one; 21 photos without" in caplog.text
    dealt = parts.split(dataset, working_copy.load(dataset))
    assert together({i: part for i, part in dealt.items() if i[0] in "01234" and i[1] == "_"})


def test_a_field_of_the_samples_is_a_key_too(dataset):
    dataset.write_column("shoot", {i: int(product(i)) for i in PHOTOS})
    deal(dataset, group_by="shoot")
    assert together(parts.split(dataset, working_copy.load(dataset)))


def test_what_roboflow_made_of_one_photo_is_in_one_split_and_one_fold(tmp_path, caplog):
    """No two of these look alike: turned and blurred, no hash knows them."""
    caplog.set_level("INFO")
    lose(NAME)
    photos = {f"{i}_jpg.rf.{v}{'0a' * 8}": 3 * i + v for i in range(12) for v in range(3)}
    dataset = add(NAME, tmp_path, photos)
    work = working_copy.load(dataset)
    assert together(parts.split(dataset, work))
    assert together(parts.folds(dataset, work, "r1", 3))
    assert "Roboflow made 36 photos out of fewer" in caplog.text
    lose(NAME)


def test_a_product_of_several_splits_is_dealt_anew_and_what_moves_is_said(dataset):
    before = parts.split(dataset, working_copy.load(dataset))
    torn = {product(i) for i in PHOTOS if len({before[f"{product(i)}_{v}"] for v in range(3)}) > 1}
    assert torn
    moved = deal(dataset, group_by="^([0-9]+)_")
    after = parts.split(dataset, working_copy.load(dataset))
    assert together(after)
    assert moved == Counter((before[i], after[i]) for i in PHOTOS if before[i] != after[i])
    assert all(before[i] == after[i] for i in PHOTOS if product(i) not in torn)
    assert deal(dataset, group_by="^([0-9]+)_") == {}


def test_keys_that_would_take_photos_of_the_training_to_the_frozen_ones_are_refused(dataset):
    before = parts.split(dataset, working_copy.load(dataset))
    freeze(dataset)
    with pytest.raises(DatasetError, match=rf"would go together .* `curate freeze {NAME} --undo`"):
        deal(dataset, group_by="^([0-9]+)_")
    assert parts.split(dataset, working_copy.load(dataset)) == before
    assert dealing.load(dataset.folder) == Dealing()
    unfreeze(dataset)
    deal(dataset, group_by="^([0-9]+)_")
    freeze(dataset)


def test_keys_that_were_edited_since_do_not_empty_the_training(dataset):
    dataset.write_column("shoot", {i: int(product(i)) for i in PHOTOS})
    deal(dataset, group_by="shoot")
    before = parts.split(dataset, working_copy.load(dataset))
    dataset.write_column("shoot", dict.fromkeys([i for i in PHOTOS if product(i) < "6"], 1))
    with pytest.raises(DatasetError, match=r"photos would change their split, .*by 'shoot'"):
        parts.split(dataset, working_copy.load(dataset))
    assert dataset.column("split") == before
    moved = deal(dataset, group_by="shoot")
    assert moved
    assert parts.split(dataset, working_copy.load(dataset)) == dataset.column("split")


def test_a_photo_that_comes_and_shares_a_key_with_a_frozen_one_is_tested_on(dataset, tmp_path):
    deal(dataset, group_by="^([0-9]+)_")
    before = parts.split(dataset, working_copy.load(dataset))
    tested = {product(i) for i, name in before.items() if name == "test"}
    freeze(dataset)
    add(NAME, tmp_path, {f"{number}_9": 9000 + number for number in range(12)})
    work = working_copy.load(dataset)
    after = parts.split(dataset, work)
    assert {i for i in after if product(i) in tested} == {i for i in after if after[i] == "test"}
    assert {*map(product, parts.folds(dataset, work, "r1", 2))}.isdisjoint(tested)


def test_an_export_has_the_groups_and_no_key(dataset, tmp_path):
    deal(dataset, group_by="^([0-9]+)_")
    manifest = export(dataset, tmp_path / "out", "coco")
    assert manifest["group_by"] == "^([0-9]+)_"
    with (tmp_path / "out" / "splits.csv").open(newline="") as file:
        groups = {row["image_id"]: row["group"] for row in csv.DictReader(file)}
    assert together(groups)
    assert all(len(group) == 32 for group in groups.values())


@pytest.mark.parametrize(
    ("group_by", "reason"),
    [
        ("(a", r"'\(a' is no regular expression: missing \)"),
        ("sku", "there is no field sku; a regular expression has a group"),
        ("^z(.)", r"no photo has what '\^z\(.\)' asks for"),
        ("ground_truth", "the field ground_truth holds no texts or whole numbers"),
        ("(.)" * 100, "has more than 200 characters"),
    ],
)
def test_what_groups_nothing_is_refused_and_changes_nothing(dataset, group_by, reason):
    with pytest.raises(DatasetError, match=rf"{NAME}:--group-by: {reason}"):
        deal(dataset, group_by=group_by)
    assert dealing.load(dataset.folder) == Dealing()


def test_an_expression_that_never_ends_is_stopped(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(dealing, "SECONDS", 1)
    add(NAME, tmp_path, {"a" * 60: 7000})
    with pytest.raises(DatasetError, match=r"is not through the names of 37 photos after 1 second"):
        deal(dataset, group_by="(a+)+$_")


def test_shares_are_those_of_new_splits_and_refused_for_dealt_ones(dataset):
    deal(dataset, shares=(0.5, 0.25, 0.25))
    dealt = parts.split(dataset, working_copy.load(dataset))
    assert Counter(dealt.values()) == {"train": 18, "val": 9, "test": 9}
    assert deal(dataset, shares=(0.5, 0.25, 0.25)) == {}
    with pytest.raises(DatasetError, match=r"--split: its photos were dealt 0.5/0.25/0.25, and"):
        deal(dataset, shares=(0.8, 0.1, 0.1))


@pytest.mark.parametrize("shares", ["1", "0.5,0.5,0.5", "a,b,c", "nan,0,1", "1,0,0"])
def test_shares_that_are_none_are_a_wrong_use(shares):
    result = CliRunner().invoke(main, ["export", NAME, "out", "--split", shares])
    assert result.exit_code == 2
    assert "--split" in result.output


def test_the_command_keeps_the_options_for_later_verbs(dataset, tmp_path):
    words = ["export", NAME, str(tmp_path / "out"), "--format", "coco"]
    options = ["--group-by", "^([0-9]+)_", "--split", "0.6,0.2,0.2"]
    result = CliRunner().invoke(main, [*words, *options])
    assert result.exit_code == 0, result.output
    assert dealing.load(dataset.folder) == Dealing("^([0-9]+)_", (0.6, 0.2, 0.2))
    result = CliRunner().invoke(main, words)
    assert "Grouped by ^([0-9]+)_: 36 photos with 12 keys" in " ".join(result.output.split())


def test_an_exported_folder_has_its_own_groups(tmp_path):
    words = ["train", f"{tmp_path}/", "--run", "a", "--group-by", "x"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert "an export has them in splits.csv" in " ".join(result.output.split())
