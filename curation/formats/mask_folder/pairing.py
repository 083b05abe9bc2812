"""Which photo a mask belongs to, by their names in the same sub-folder. No file is opened.

    a.png, a_mask.png, seg_a.png      of a.jpg
    seg_0001.png                      of img_0001.png, where no other photo or mask is 0001
    a_gtFine_labelIds.png             of a_leftImg8bit.png
    a_L.png, b_L.png                  of a.png and b.png, where all masks end so and no photo does

Words at both ends of a name say what a file is. In one folder, masks are the files with such a
word; where no file has one, they are a.png beside a.jpg. All others are photos. Where two photos
may be meant, or two masks would mean one photo by their words alone, none is.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unicodedata import normalize

from curation.core import image_io
from curation.formats.messages import quoted

MASK_WORDS = (
    "annotation", "annotations", "groundtruth", "gt", "gtcoarse", "gtfine", "label", "labelids",
    "labels", "labeltrainids", "mask", "masks", "parsing", "seg", "segm", "segmentation",
    "semantic",
)  # fmt: skip
PHOTO_WORDS = (
    "image", "images", "img", "input", "leftimg8bit", "orig", "original", "photo", "picture",
    "raw", "rgb",
)  # fmt: skip

_LOSSLESS = (".png", ".bmp", ".tif", ".tiff")


@dataclass(slots=True)
class Pairing:
    """Masks and the photos that they belong to.

    Attributes:
        masks: the mask files of each photo, the one to read first, by the photo's name without
            suffix, or with it where another photo differs in that alone; those of a mask without
            a photo by its own
        lone: why a mask has no photo, where its name alone does not tell
        inside: the masks that lie in the folder of photos, by their paths in it
    """

    masks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lone: dict[str, str] = field(default_factory=dict)
    inside: frozenset[str] = frozenset()

    def add(self, name: str, mask: str) -> None:
        self.masks[name] = (*self.masks.get(name, ()), mask)


def pair(masks: Path, images: Path) -> Pairing:
    """Finds the masks of a folder, and the photo of each; the two folders may be one.

    What macOS writes beside each file is no mask, and links to folders are not followed. There is
    no mask in the result where the folder has none.
    """
    root, photos = masks.resolve(), images.resolve()
    files = list(_files(masks))
    if root == photos:
        marked = [file for file in files if len(_barer(_stem(file), _pattern(MASK_WORDS))) > 1]
        if not marked:
            return _by_suffix(files)
        files = marked
    elif photos.is_relative_to(root):
        files = [file for file in files if not (root / file).is_relative_to(photos)]
    within = root.relative_to(photos) if root.is_relative_to(photos) else None
    inside = () if within is None else ((within / file).as_posix() for file in files)
    result = Pairing(inside=frozenset(inside))
    words, left = _mask_words(files, photos), []
    for file in sorted(files, key=lambda file: (_stem(file), file)):
        if name := _photo(photos, _barer(_stem(file), words), result.inside):
            result.add(name, file)
        else:
            left.append(file)
    _by_words(result, left, words, images)
    return result


def _by_suffix(files: Sequence[str]) -> Pairing:
    """a.png is the mask of a.jpg, where no third file has that name."""
    alike = defaultdict(list)
    for file in files:
        alike[_stem(file)].append(file)
    result = Pairing()
    for _, group in sorted(alike.items()):
        masks = [file for file in group if file.lower().endswith(_LOSSLESS)]
        if len(group) == 2 and len(masks) == 1:
            result.add(next(file for file in group if file not in masks), masks[0])
    result.inside = frozenset(mask for masks in result.masks.values() for mask in masks)
    return result


def _by_words(result: Pairing, left: Sequence[str], words: re.Pattern[str], images: Path) -> None:
    """Pairs masks with photos that have a word of their own: seg_0001 with img_0001."""
    if not left:
        return
    photos = defaultdict(list)
    for photo in sorted(set(_files(images)) - result.inside):
        photos[_barest(photo, _pattern(PHOTO_WORDS))].append(photo)
    bare = {mask: _barest(mask, words) for mask in left}
    alike = Counter(bare.values())
    taken = set(result.masks)
    for mask in left:
        found = [photo for photo in photos[bare[mask]] if _stem(photo) not in taken]
        name = _stem(mask)
        if len(found) == alike[bare[mask]] == 1:
            name = _stem(found[0])
        elif found and alike[bare[mask]] > 1:
            meant = f"{alike[bare[mask]]} masks may be of {_either(found)}"
            result.lone[name] = f"{meant}: leave one of them in the folder"
        elif found:
            meant = f"it may be of {_either(found)}"
            result.lone[name] = f"no photo {quoted(bare[mask])} in {images} ({meant}: rename one)"
        elif result.inside:  # by its own name, the mask itself would be found
            result.lone[name] = f"no photo {quoted(bare[mask])} in {images}"
        result.add(name, mask)


def _photo(images: Path, names: Sequence[str], inside: Collection[str]) -> str:
    """The first of some names that is a photo's, by which it is found; empty where none is."""
    for name in names:
        try:
            photo = image_io.find(images, name).relative_to(images).as_posix()
        except FileNotFoundError:
            continue
        except ValueError:  # there, and refused: whoever reads it says why
            return name
        if photo not in inside:
            return _short(images, photo)
    return ""


def _short(images: Path, photo: str) -> str:
    """A photo's name without its suffix, where that leads to no other photo."""
    short = image_io.without_suffix(photo)
    try:
        return short if image_io.find(images, short) == images / photo else photo
    except ValueError:  # it may be one of several
        return photo


def _mask_words(masks: Sequence[str], images: Path) -> re.Pattern[str]:
    """Those that are listed, and the one that ends the name of every mask, and of no photo."""
    ends = {re.split(r"[ _.-]", _stem(mask).rpartition("/")[2])[-1] for mask in masks}
    end = ends.pop() if len(ends) == 1 < len(masks) else ""
    common = end and not end.isdecimal()
    if common and not any(_photo(images, [_stem(mask)], ()) for mask in masks):
        return _pattern((*MASK_WORDS, re.escape(end)))
    return _pattern(MASK_WORDS)


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    """One of the words at an end of a name, and what parts it from the rest."""
    any_word = "|".join(words)
    return re.compile(
        rf"^(?:{any_word})(?:[ _.-]+(?=.)|(?=[0-9]))|(?<=.)[ _.-]+(?:{any_word})$", re.IGNORECASE
    )


def _barer(name: str, words: re.Pattern[str]) -> list[str]:
    """The name, and the name without the words at its ends, one less each time."""
    folder, slash, last = name.rpartition("/")
    names = [name]
    while (less := words.sub("", last, count=1)) != last:
        last = less
        names.append(f"{folder}{slash}{last}")
    return names


def _barest(file: str, words: re.Pattern[str]) -> str:
    """The file's name without any of the words; é is spelled in one way."""
    return normalize("NFC", _barer(_stem(file), words)[-1])


def _files(folder: Path) -> Iterator[str]:
    """Images in a folder and those below it, by their paths in it."""
    for path in folder.rglob("*"):
        if (
            path.suffix.lower() in image_io.SUFFIXES
            and not path.name.startswith("._")  # of macOS, beside each file
            and path.is_file()
        ):
            yield path.relative_to(folder).as_posix()


def _stem(file: str) -> str:
    return image_io.without_suffix(file)


def _either(files: Sequence[str]) -> str:
    return " or ".join(map(quoted, files))
