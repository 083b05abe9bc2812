"""The peers of the benchmark are the models that they are compared with."""

import re

import keras
import numpy as np
import pytest
from keras import layers

from tests.benchmarks import throughput
from tests.conftest import require_backend
from training import models
from training.fitting.losses import SegmentationLoss

SIZE = 64
# Where Keras and torch keep what in a kernel: (h, w, in, out), and of others (h, w, out, in).
KINDS = {
    layers.Conv2D: (3, 2, 0, 1),
    layers.DepthwiseConv2D: (2, 3, 0, 1),
    layers.Conv2DTranspose: (3, 2, 0, 1),
    layers.BatchNormalization: (),
}


@pytest.fixture(params=throughput.PEERS)
def job(request):
    require_backend("torch")
    return throughput.Job(request.param, True, False, SIZE, 2, False, False)


def ordered(model):
    """The layers of a model, the encoder's first, in the order in which they were made."""
    parts = [layer for layer in model.layers if isinstance(layer, keras.Model)] or [model]
    return [layer for part in parts for layer in sorted(part.layers, key=made)]


def made(layer):
    return layer.name == "logits", [int(number) for number in re.findall(r"\d+", layer.name)]


def kind_of(module, nn):
    if isinstance(module, nn.Conv2d):
        return layers.Conv2D if module.groups == 1 else layers.DepthwiseConv2D
    return {
        nn.ConvTranspose2d: layers.Conv2DTranspose,
        nn.BatchNorm2d: layers.BatchNormalization,
    }.get(type(module))


def share(model, peer, torch):
    """Gives both the same weights, layer for layer: ours, and drawn ones of the batch norms."""
    rng = np.random.default_rng(0)
    for kind, axes in KINDS.items():
        ours = [layer for layer in ordered(model) if type(layer) is kind]
        theirs = [module for module in peer.modules() if kind_of(module, torch.nn) is kind]
        for layer, module in zip(ours, theirs, strict=True):
            places = [*module.parameters()]
            if axes:
                kernel, *bias = layer.get_weights()
                values = [kernel.transpose(axes), *bias]
            else:
                layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.weights])
                values = layer.get_weights()
                places += [module.running_mean, module.running_var]
            for place, value in zip(places, values, strict=True):
                assert place.shape == value.shape
                place.data = torch.from_numpy(np.ascontiguousarray(value, np.float32))


def test_a_peer_has_our_layers_our_logits_our_loss_and_our_count_of_operations(job):
    import torch

    from tests.benchmarks import torch_peers

    config = throughput.config_of(job)
    ours = models.low_resolution(models.full_model(config, throughput.CLASSES))
    peer = torch_peers.peer(config, throughput.CLASSES)
    assert torch_peers.parameters(peer) == ours.count_params()
    assert torch_peers.operations(peer, SIZE) == throughput.operations(ours, SIZE)
    share(ours, peer, torch)
    images, labels = throughput.images_and_labels(job)
    labels[:, :9] = 255
    logits = ours.predict_on_batch(images)
    with torch.no_grad():
        theirs = peer.eval()(torch.from_numpy(images).permute(0, 3, 1, 2))
        loss = torch_peers.loss(theirs, torch.from_numpy(labels), config.dice_weight)
    scale = np.abs(logits).max()
    np.testing.assert_allclose(theirs.permute(0, 2, 3, 1) / scale, logits / scale, atol=1e-4)
    wanted = SegmentationLoss(config.loss, config.dice_weight)(labels, logits)
    assert float(loss) == pytest.approx(float(wanted), rel=1e-4)
