"""Which copies of photos the image hashes find, and which the backbone's features would find.

    python -m tests.benchmarks.near_copies --ccp DIR [--copies 50] [--photos N] [--json FILE]

Of photos of CCP, drawn by a seed, copies are made as other tools make them: saved again, cut,
brightened, mirrored. Hashes find one as the splits do; features are the last maps of the recipe
`quick`, pooled over the photo, and find one whose cosine similarity is at least that of --least.
All pairs of photos as they came are compared, too: what is above it there and no copy would be a
false pair, and so would be what hashes put together.
"""

from __future__ import annotations

import argparse
import io
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from curation.audit.image_hash import ImageHash, hash_pixels
from curation.core import console
from curation.steps import alike
from training import models, recipes

BATCH = 16
LEAST = 0.93


@dataclass(frozen=True)
class Row:
    """Copies of a kind, how many each finds, and the cosine similarity to their photos."""

    kind: str
    copies: int
    by_hash: int
    by_features: int
    lowest: float
    median: float


Make = Callable[[Image.Image, random.Random], Image.Image]


def saved(photo: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def cut(photo: Image.Image, share: float, dice: random.Random) -> Image.Image:
    """So much of each side is gone, at a place that is drawn."""
    width, height = (round(side * (1 - share)) for side in photo.size)
    x, y = dice.randint(0, photo.width - width), dice.randint(0, photo.height - height)
    return photo.crop((x, y, x + width, y + height))


def turned(photo: Image.Image, hue: int) -> Image.Image:
    pixels = np.array(photo.convert("HSV"))
    pixels[..., 0] += np.uint8(hue)  # around the circle
    return Image.fromarray(pixels, "HSV").convert("RGB")


KINDS: dict[str, Make] = {
    "JPEG, quality 15": lambda p, _: saved(p, 15),
    "half the size, quality 50": lambda p, _: saved(p.resize((p.width // 2, p.height // 2)), 50),
    "cut by 5 %": lambda p, dice: cut(p, 0.05, dice),
    "cut by 10 %": lambda p, dice: cut(p, 0.10, dice),
    "cut by 15 %": lambda p, dice: cut(p, 0.15, dice),
    "cut by 20 %": lambda p, dice: cut(p, 0.20, dice),
    "feet cut off, 20 %": lambda p, _: p.crop((0, 0, p.width, round(0.8 * p.height))),
    "1.4 times as bright": lambda p, _: ImageEnhance.Brightness(p).enhance(1.4),
    "1.5 times the contrast": lambda p, _: ImageEnhance.Contrast(p).enhance(1.5),
    "another hue": lambda p, _: turned(p, 12),
    "grey": lambda p, _: p.convert("L").convert("RGB"),
    "mirrored": lambda p, _: ImageOps.mirror(p),
    "mirrored and cut by 10 %": lambda p, dice: ImageOps.mirror(cut(p, 0.10, dice)),
}


class Pooled:
    """Features of photos, (N, channels), each of length 1."""

    def __init__(self) -> None:
        config = recipes.load("quick")
        self.encoder, self.size = models.encoder(config), config.size

    def __call__(self, photos: Sequence[Image.Image]) -> NDArray[np.float32]:
        pooled = []
        for start in range(0, len(photos), BATCH):
            batch = photos[start : start + BATCH]
            small = [np.array(p.resize((self.size, self.size))) for p in batch]
            pooled.append(self.encoder.predict_on_batch(np.stack(small))[-1].mean(axis=(1, 2)))
        found = np.concatenate(pooled).astype(np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def together(hashes: Sequence[ImageHash]) -> dict[str, str]:
    """The group of each photo, by its name, as splits have it."""
    contents = {image.image_id: image.content for image in hashes}
    return alike.groups(contents, hashes, len(hashes))


def hashed(name: str, photo: Image.Image) -> ImageHash:
    return hash_pixels(name, name, np.array(photo))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--ccp", type=Path, required=True, help="folder with images/")
    parser.add_argument("--copies", type=int, default=50, help="of each kind")
    parser.add_argument("--photos", type=int, help="the first N; default: all")
    parser.add_argument("--least", type=float, default=LEAST, help="cosine similarity of a copy")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    paths = sorted((args.ccp / "images").iterdir())[: args.photos]
    pool, features, hashes = Pooled(), [], []
    for start in range(0, len(paths), BATCH):
        photos = [Image.open(path).convert("RGB") for path in paths[start : start + BATCH]]
        features.append(pool(photos))
        hashes += [hashed(str(start + i), photo) for i, photo in enumerate(photos)]
    of_photos = np.concatenate(features)
    chosen = random.Random(5).sample(range(len(paths)), min(args.copies, len(paths)))
    rows = [
        row(kind, make, [paths[i] for i in chosen], of_photos[chosen], pool, args.least)
        for kind, make in KINDS.items()
    ]
    console.out.print(console.table(
        ("copy", "copies", "hashes find", "features find", "lowest similarity", "median"),
        [(r.kind, r.copies, r.by_hash, r.by_features, f"{r.lowest:.3f}", f"{r.median:.3f}")
         for r in rows],
    ))  # fmt: skip
    similar = of_photos @ of_photos.T
    one, other = np.triu_indices(len(paths), 1)
    known = together(hashes)
    pairs = []
    for at in np.argsort(-similar[one, other])[:10]:
        a, b = int(one[at]), int(other[at])
        by_hash = known[str(a)] == known[str(b)]
        pairs.append((paths[a].name, paths[b].name, float(similar[a, b]), by_hash))
    header = ("the most alike as they came", "", "similarity", "hashes find it")
    console.out.print(
        console.table(header, [(a, b, f"{s:.3f}", "yes" if h else "no") for a, b, s, h in pairs])
    )
    same = [[paths[int(i)].name for i in known if known[i] == group]
            for group, size in Counter(known.values()).items() if size > 1]  # fmt: skip
    console.out.print(console.table(("hashes put together",), [(", ".join(its),) for its in same]))
    if args.json:
        found = {"rows": [asdict(r) for r in rows], "pairs": pairs, "together": same}
        args.json.write_text(json.dumps(found, indent=1))


def row(
    kind: str,
    make: Make,
    paths: Sequence[Path],
    features: NDArray[np.float32],
    pool: Pooled,
    least: float,
) -> Row:
    dice = random.Random(kind)
    photos = [Image.open(path).convert("RGB") for path in paths]
    copies = [make(photo, dice) for photo in photos]
    by_hash = sum(
        len(set(together([hashed("photo", p), hashed("copy", c)]).values())) == 1
        for p, c in zip(photos, copies, strict=True)
    )
    similar = (pool(copies) * features).sum(axis=1)
    found = int((similar >= least).sum())
    return Row(kind, len(copies), by_hash, found, float(similar.min()), float(np.median(similar)))


if __name__ == "__main__":
    main()
