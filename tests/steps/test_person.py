"""The people in a dataset's photos, for `audit` and `flag`: drawn figures, real networks."""

from __future__ import annotations

import shutil
from dataclasses import replace
from hashlib import sha256
from importlib import import_module

import numpy as np
import pytest
from PIL import Image

from curation import steps, store
from curation.core import rle, taxonomy
from curation.core.errors import CurateError
from curation.core.finding import FindingKind
from curation.demo import run as demo
from curation.demo.figures import draw_figure
from curation.issues import pipeline
from curation.issues.feature_table import FeatureTable
from curation.issues.observation import Observation
from curation.steps import person
from curation.steps.dataset_runs import DatasetRuns
from curation.store import database
from curation.store.labels import remap
from curation.store.write import write
from training.config import TrainConfig

flagging = import_module("curation.steps.flag")

NAME = "test-person"
PHOTOS = 12
MIRRORED = "1"


@pytest.fixture
def records(tmp_path):
    """Figures, the labels of one of which are mirrored."""
    made = []
    for number, seed in enumerate(np.random.SeedSequence(5).spawn(PHOTOS)):
        figure = draw_figure(np.random.default_rng(seed))
        path = tmp_path / f"{number}.png"
        Image.fromarray(figure.image).save(path)
        record = demo.as_record(figure, path)
        if record.image_id == MIRRORED:
            turned = [
                replace(x, mask=rle.encode(rle.decode(x.mask)[:, ::-1]), instance_id="")
                for x in record.instances
            ]
            record = replace(record, instances=tuple(turned))
        made.append(record)
    return made


@pytest.fixture
def dataset(records):
    store.delete(NAME)
    write(NAME, records)
    opened = store.open(NAME)
    yield opened
    store.delete(NAME)
    shutil.rmtree(opened.folder, ignore_errors=True)


@pytest.fixture
def set_up(networks):
    """The networks are where `curate person install` puts them."""
    shutil.copytree(networks, database.person_folder())
    yield
    shutil.rmtree(database.person_folder())


def of_person(found):
    return [x for x in found if x.kind is FindingKind.NOT_OF_PERSON]


@pytest.mark.usefixtures("set_up")
def test_an_audit_names_the_photo_whose_labels_are_mirrored(dataset):
    (found,) = of_person(steps.audit(dataset))
    assert found.image_id == MIRRORED
    assert found.instance_id == ""
    assert "mirrored" in found.detail
    sample = dataset.samples.match({"image_id": MIRRORED}).first()
    assert f"{FindingKind.NOT_OF_PERSON}: {found.detail}" in sample["photo_faults"]


def test_without_the_networks_nobody_is_looked_for(dataset):
    assert of_person(steps.audit(dataset)) == []
    assert not (dataset.folder / "features").exists()


@pytest.mark.usefixtures("set_up")
def test_a_damaged_network_is_named_and_not_passed_over(dataset):
    (database.person_folder() / "pose_landmark_full.tflite").write_bytes(b"")
    with pytest.raises(CurateError, match="run `curate person install` again"):
        steps.audit(dataset)


@pytest.mark.usefixtures("set_up")
def test_features_tell_where_labels_lie_on_the_person(dataset, records, tmp_path):
    """From the networks to the tables that the ranking learns from, by way of a shard on disk."""
    people = person.cache(dataset)
    people.add([person.ImageFile(r.image_id, r.image_id, r.path) for r in records])
    names = ("background", *sorted({x.category for r in records for x in r.instances}))
    by_id = {record.image_id: record for record in records}

    def observe(image_ids):
        for image_id in image_ids:
            p = np.full((len(names), 64, 64), 1 / len(names), np.float16)
            seen = people.get(image_id)
            yield Observation.of(by_id[image_id], names, p, person=seen)

    mark = sha256(b"test").hexdigest()
    shards = pipeline.extract(tmp_path / "shards", mark, list(by_id), observe)
    again = pipeline.load_statistics(tmp_path / "shards").person
    assert again.usual.shape == (len(names), 33)
    given = FeatureTable.concat([FeatureTable.load(path) for path in shards]).given
    mirrored = given["image_id"] == MIRRORED
    assert given.loc[~mirrored, "person_inside"].median() > 0.95
    assert given.loc[mirrored, "person_inside"].mean() < 0.8
    assert given["person_confidence"].between(0, 1).all()


@pytest.mark.long
def test_flagging_uses_the_people_and_begins_anew_once_they_are_gone(dataset, set_up, monkeypatch):
    remap(dataset, *taxonomy.read_text("supercategories"))
    steps.train(DatasetRuns(dataset), "r1", TrainConfig(size=32, steps=2, batch=4), folds=2)

    def kill(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(flagging.results, "write_scores", kill)

    def columns():
        with pytest.raises(KeyboardInterrupt):
            flagging.flag(dataset, "r1")
        shards = (dataset.run_folder("r1") / flagging.FLAGGING).glob("features-*.npz")
        table = FeatureTable.concat([FeatureTable.load(path) for path in shards])
        return {name for name in table.given if name.startswith("person_")}

    assert "person_inside" in columns()
    shutil.rmtree(database.person_folder())
    assert columns() == set()
    database.person_folder().mkdir()  # for the fixture's end
