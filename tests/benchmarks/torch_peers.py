"""Two of our segmenters as a plain PyTorch script would have them: the peers of `throughput`.

Layer for layer those of training/models/unet.py, and of training/models/deeplab.py on a
ResNet50 (arXiv 1512.03385, as `keras.applications` has it: strides in the first 1 x 1, biases
before batch norm): test_throughput.py holds parameters, logits and loss against ours. Layers are
defined in the order in which ours are made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from training.config import TrainConfig
from training.models.deeplab import rates

_MOMENTUM = 0.1  # torch's is 1 - Keras'


def norm(channels: int, epsilon: float = 1e-3) -> nn.Module:
    return nn.BatchNorm2d(channels, epsilon, _MOMENTUM)


def conv(channels: int, width: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, kernel, padding=kernel // 2, bias=False),
        norm(width),
        nn.ReLU(inplace=True),
    )


def separable(channels: int, width: int, rate: int = 1) -> nn.Sequential:
    wide = nn.Conv2d(
        channels, channels, 3, padding=rate, dilation=rate, groups=channels, bias=False
    )
    return nn.Sequential(wide, norm(channels), nn.ReLU(inplace=True), conv(channels, width, 1))


def upsample(x: Tensor, side: int) -> Tensor:
    if x.shape[-1] == side:
        return x
    return F.interpolate(x, size=(side, side), mode="bilinear", align_corners=False)


def to_logits(layer: nn.Module, x: Tensor) -> Tensor:
    """The last layer is float32, as in ours."""
    with torch.autocast(x.device.type, enabled=False):
        return layer(x.float())


class UNet(nn.Module):
    """(B, 3, S, S) uint8, S a multiple of 16, to (B, K, S, S) float32 logits."""

    def __init__(self, classes: int, dropout: float, width: int = 32, depth: int = 4) -> None:
        super().__init__()

        def two(channels: int, width: int) -> nn.Sequential:
            return nn.Sequential(conv(channels, width, 3), conv(width, width, 3))

        widths = [width * 2**level for level in range(depth + 1)]
        ins = [3, *widths]
        self.down = nn.ModuleList(two(*pair) for pair in zip(ins, widths, strict=False))
        self.drop = nn.Dropout2d(dropout)
        self.up, self.after = nn.ModuleList(), nn.ModuleList()
        for level in reversed(range(depth)):
            self.up.append(nn.ConvTranspose2d(widths[level + 1], widths[level], 2, stride=2))
            self.after.append(two(widths[level + 1], widths[level]))
        self.logits = nn.Conv2d(width, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = images.float() / 127.5 - 1.0
        skips: list[Tensor] = []
        for block in self.down:
            x = block(F.max_pool2d(x, 2) if skips else x)
            skips.append(x)
        skips.pop()
        x = self.drop(x)
        for up, block in zip(self.up, self.after, strict=True):
            x = block(torch.cat([skips.pop(), up(x)], 1))
        return to_logits(self.logits, x)


class Bottleneck(nn.Module):
    def __init__(self, channels: int, width: int, stride: int, dilation: int, cut: bool) -> None:
        super().__init__()

        def part(channels: int, width: int, kernel: int, stride: int = 1) -> nn.Sequential:
            rate = dilation if kernel > 1 else 1
            padding = kernel // 2 * rate
            layer = nn.Conv2d(channels, width, kernel, stride, padding, dilation=rate)
            return nn.Sequential(layer, norm(width, 1.001e-5))

        self.short = part(channels, 4 * width, 1, stride) if cut else nn.Identity()
        self.first = part(channels, width, 1, stride)
        self.middle = part(width, width, 3)
        self.last = part(width, 4 * width, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.middle(F.relu(self.first(x), inplace=True)), inplace=True)
        return F.relu(self.last(y) + self.short(x), inplace=True)


class DeepLabV3Plus(nn.Module):
    """(B, 3, S, S) uint8 to (B, K, S / 2, S / 2) float32 logits, at output stride 16.

    Args:
        rates: how far apart the places of the three atrous kernels are
    """

    def __init__(self, classes: int, dropout: float, rates: Sequence[int]) -> None:
        super().__init__()
        means = torch.tensor([103.939, 116.779, 123.68]).reshape(3, 1, 1)
        self.register_buffer("means", means, persistent=False)
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3), norm(64, 1.001e-5))
        self.stages, channels = nn.Sequential(), 64
        for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 1)):
            stage = nn.Sequential()
            for block in range(blocks):
                # Behind the stride that became 1, kernels reach as far as they did.
                rate = 2 if width == 512 else 1
                first = block == 0
                stage.append(Bottleneck(channels, width, stride if first else 1, rate, cut=first))
                channels = 4 * width
            self.stages.append(stage)
        self.views = nn.ModuleList([conv(channels, 256, 1)])
        self.views.extend(separable(channels, 256, rate) for rate in rates)
        self.whole = nn.Sequential(nn.Conv2d(channels, 256, 1), nn.ReLU(inplace=True))
        self.merge = conv(256 * 5, 256, 1)
        self.drop = nn.Dropout2d(dropout)
        self.fine = conv(256, 48, 1)
        self.refine = nn.Sequential(separable(256 + 48, 256), separable(256, 256))
        self.last_drop = nn.Dropout2d(dropout / 3)
        self.logits = nn.Conv2d(256, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = F.relu(self.stem(images.float().flip(1) - self.means), inplace=True)
        x = F.max_pool2d(x, 3, 2, 1)
        fine = self.stages[0](x)
        x = self.stages[1:](fine)
        side = x.shape[-2:]
        whole = self.whole(x.mean((2, 3), keepdim=True)).expand(-1, -1, *side)
        x = self.drop(self.merge(torch.cat([*(view(x) for view in self.views), whole], 1)))
        x = torch.cat([upsample(x, fine.shape[-1]), self.fine(fine)], 1)
        x = to_logits(self.logits, self.last_drop(self.refine(x)))
        return upsample(x, images.shape[-1] // 2)


def loss(logits: Tensor, labels: Tensor, dice_weight: float) -> Tensor:
    """`training.fitting.losses.SegmentationLoss` of (B, K, s, s) logits and (B, S, S) labels."""
    classes = torch.arange(logits.shape[1], device=labels.device).reshape(1, -1, 1, 1)
    shares = F.avg_pool2d((labels[:, None] == classes).float(), labels.shape[1] // logits.shape[2])
    pixels = -(shares * F.log_softmax(logits, 1)).sum() / shares.sum().clamp(min=1e-7)
    probabilities = F.softmax(logits, 1) * shares.sum(1, keepdim=True)
    both = (probabilities * shares).sum((0, 2, 3))[1:]
    either = (probabilities + shares).sum((0, 2, 3))[1:]
    return pixels + dice_weight * (1.0 - ((2.0 * both + 1.0) / (either + 1.0)).mean())


def peer(config: TrainConfig, classes: int) -> nn.Module:
    """The peer of our model of these settings."""
    if config.model == "unet":
        return UNet(classes, config.dropout)
    return DeepLabV3Plus(classes, config.dropout, rates(config.size // config.output_stride))


def parameters(model: nn.Module) -> int:
    """As Keras counts them: with the running means and variances."""
    running = (buffer for name, buffer in model.named_buffers() if "running" in name)
    return sum(values.numel() for values in (*model.parameters(), *running))


def operations(model: nn.Module, size: int) -> int:
    """Of the convolutions for one image, two for each multiplication, as torch counts them."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.zeros((1, 3, size, size), dtype=torch.uint8))
    return counter.get_total_flops()


def turns(
    model: nn.Module,
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    config: TrainConfig,
    *,
    half: bool,
    channels_last: bool,
    compiled: bool,
) -> dict[str, Callable[[int], None]]:
    """What trains and predicts so many steps, and is done when it returns.

    The batch, (B, S, S, 3) and (B, S, S), stays in the machine's memory, and is brought to
    the GPU in each step; logits are brought back from there.

    Args:
        half: bfloat16, by autocast
        channels_last: the order of the maps in memory
        compiled: by torch.compile
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True  # all batches are of one shape
    order = torch.channels_last if channels_last else torch.contiguous_format
    model = model.to(device, memory_format=order)
    x = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(memory_format=order)
    y = torch.from_numpy(labels)
    if device.type == "cuda":
        x, y = x.pin_memory(), y.pin_memory()
    weights = list(model.parameters())
    groups = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [w for w in weights if w.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, config.learning_rate)
    run = torch.compile(model) if compiled else model

    def logits() -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            return run(x.to(device, non_blocking=True))

    def train(steps: int) -> None:
        model.train()
        for _ in range(steps):
            optimizer.zero_grad()
            loss(logits(), y.to(device, non_blocking=True), config.dice_weight).backward()
            optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    def predict(steps: int) -> None:
        model.eval()
        with torch.inference_mode():
            for _ in range(steps):
                upsample(logits(), x.shape[-1]).cpu().numpy()

    return {"train": train, "predict": predict}
