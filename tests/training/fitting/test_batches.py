from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from curation.core.errors import CurateError
from tests.training.data.exported import export
from tests.training.data.test_augment import assert_together
from training.config import TrainConfig
from training.data import sampler
from training.data.records import Records
from training.data.shard import WorkerShard
from training.fitting.batches import ImageBatches, tf_dataset

PLAIN = TrainConfig(size=64, frozen=False, batch=4, cutmix=0.0, flip=False)
ALL = replace(PLAIN, flip=True, rotate=45.0, scale=0.3, color=0.1)
TRAIN = np.array([6, 0, 3, 1, 5])
"""Five of the seven records, in no order."""


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return Records(export(tmp_path_factory.mktemp("batches"), train=7, val=0, side=64))


def made(batches):
    return [(np.asarray(images), np.asarray(labels)) for images, labels in batches]


def assert_same(some, others):
    for (images, labels), (images_too, labels_too) in zip(some, others, strict=True):
        np.testing.assert_array_equal(images, images_too)
        np.testing.assert_array_equal(labels, labels_too)


def test_a_batch_is_the_records_that_the_order_names(records):
    batches = ImageBatches(WorkerShard(records, TRAIN, PLAIN, seed=3), first_step=0, steps=4)
    for step, (images, labels) in enumerate(batches):
        which = TRAIN[sampler.batch_indices(5, 4, step, seed=3)]
        for row, index in enumerate(which):
            image, ids = records.read(index)
            np.testing.assert_array_equal(images[row], image)
            np.testing.assert_array_equal(labels[row], ids)


@pytest.mark.parametrize("config", [PLAIN, ALL, replace(ALL, cutmix=0.5)])
def test_both_pipelines_give_the_same_bits(records, config):
    made_of = (WorkerShard(records, TRAIN, config, seed=1), 5, 6)
    dataset = tf_dataset(*made_of)
    assert [spec.shape.as_list() for spec in dataset.element_spec] == [[4, 64, 64, 3], [4, 64, 64]]
    assert_same(made(ImageBatches(*made_of)), made(dataset))


@pytest.mark.parametrize("pipeline", [ImageBatches, tf_dataset])
def test_image_and_labels_move_together_through_the_pipeline(records, pipeline):
    every = np.array([0, 1, 2, 3, 255])
    for images, labels in made(pipeline(WorkerShard(records, TRAIN, ALL, 0), 0, 5)):
        assert images.dtype == labels.dtype == np.uint8
        for image, ids in zip(images, labels, strict=True):
            assert_together(image, ids, every)


@pytest.mark.parametrize("pipeline", [ImageBatches, tf_dataset])
def test_what_goes_on_at_a_step_is_what_would_have_come(records, pipeline):
    config = replace(ALL, cutmix=0.5)
    whole = made(pipeline(WorkerShard(records, TRAIN, config, 0), 0, 7))
    assert_same(whole[3:], made(pipeline(WorkerShard(records, TRAIN, config, 0), 3, 4)))


@pytest.mark.parametrize("pipeline", [ImageBatches, tf_dataset])
def test_workers_take_turns_in_the_batch(records, pipeline):
    whole = made(pipeline(WorkerShard(records, TRAIN, ALL, 0), 0, 3))
    shards = [
        made(pipeline(WorkerShard(records, TRAIN, ALL, 0, worker, 2), 0, 3)) for worker in (0, 1)
    ]
    for worker, shard in enumerate(shards):
        assert_same([(images[worker::2], labels[worker::2]) for images, labels in whole], shard)


def test_workers_mix_in_different_places(records):
    mixed = replace(PLAIN, cutmix=0.9)
    shards = [made(ImageBatches(WorkerShard(records, TRAIN, mixed, 0, w, 2), 0, 8)) for w in (0, 1)]
    plain = [made(ImageBatches(WorkerShard(records, TRAIN, PLAIN, 0, w, 2), 0, 8)) for w in (0, 1)]
    changed = [
        np.array([(a[1] != b[1]).any(axis=(1, 2)) for a, b in zip(*pair, strict=True)])
        for pair in zip(shards, plain, strict=True)
    ]
    assert changed[0].any() and (changed[0] != changed[1]).any()


def test_batches_can_be_asked_for_in_any_order(records):
    batches = ImageBatches(WorkerShard(records, TRAIN, ALL, 0), 0, 6)
    forward = [batches[i] for i in range(6)]
    assert_same([forward[i] for i in (5, 0, 0, 3)], [batches[i] for i in (5, 0, 0, 3)])
    with pytest.raises(IndexError):
        batches[6]


@pytest.mark.parametrize("pipeline", [ImageBatches, tf_dataset])
def test_fit_gets_every_batch_in_order_over_its_epochs(records, pipeline):
    """Keras' own threads would begin each epoch at the first batch again."""

    def mean_label(labels, outputs):
        return keras.ops.mean(keras.ops.cast(labels, "float32")) + 0 * keras.ops.mean(outputs)

    layers = [keras.Input((64, 64, 3)), keras.layers.GlobalMaxPooling2D(), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile(loss=mean_label)
    batches = pipeline(WorkerShard(records, TRAIN, ALL, 0), 0, 6)
    history = model.fit(batches, epochs=3, steps_per_epoch=2, shuffle=False, verbose=0).history
    means = np.array([labels.mean() for _, labels in made(batches)])
    assert len(set(means)) == 6
    np.testing.assert_allclose(history["loss"], means.reshape(3, 2).mean(1), rtol=1e-5)


def test_a_damaged_record_is_named_in_every_way_of_reading(tmp_path):
    folder = export(tmp_path, train=3, val=0)
    path = next(folder.glob("train-*.tfrecord"))
    data = bytearray(path.read_bytes())
    data[300] ^= 1
    path.write_bytes(data)
    damaged = Records(folder)
    made_of = (WorkerShard(damaged, np.arange(3), PLAIN, seed=0), 0, 2)
    with pytest.raises(CurateError, match=r"train-00000.*checksum"):
        made(ImageBatches(*made_of))
    with pytest.raises(tf.errors.OpError, match=r"train-00000.*checksum"):
        made(tf_dataset(*made_of))
