"""The label that an option of a radio button, dropdown or checkbox gives.

A region holds the ids of its options; an annotator sees and picks their texts, which a
project has beside the ids. VIA 2 calls the text a description, and lets anybody write there
what he likes: a name, nothing, or a sentence on when to pick it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from curation.formats.values import table

MAX_NAME = 50
"""Characters. The longest of iMaterialist's 46 names, "headband, head covering, hair
accessory", has 39."""


def names(options: object) -> dict[str, str]:
    """The texts of options that are names, by the options' ids.

    A text is a name where it is one line of at most MAX_NAME characters and no sentence (words
    up to a full stop), and no other option has it as its text or its id. Of every other option
    the id is the label.

    Args:
        options: VIA's table of id to text

    >>> names({"1": "shirt", "2": "", "3": "Worn over a shirt, open in front."})
    {'1': 'shirt'}
    """
    ids = table(options)
    texts = {id_: text.strip() for id_, text in ids.items() if isinstance(text, str)}
    often = Counter(texts.values())
    return {
        id_: text
        for id_, text in texts.items()
        if _is_name(text) and often[text] == 1 and (text == id_ or text not in ids)
    }


def picked(value: object, texts: Mapping[str, str]) -> object:
    """A region's value, or table of boxes, with the texts of options in place of their ids.

    >>> picked("1", {"1": "shirt"}), picked({"1": True, "2": False}, {"1": "shirt"})
    ('shirt', {'shirt': True, '2': False})
    """
    if isinstance(value, dict):
        return {texts.get(id_, id_): ticked for id_, ticked in value.items()}
    # Ids are texts where they are keys and, in some files, numbers where they are values.
    return texts.get(str(value), value) if isinstance(value, str | int) else value


def _is_name(text: str) -> bool:
    is_sentence = " " in text and text.endswith((".", "!", "?"))
    return 0 < len(text) <= MAX_NAME and text.isprintable() and not is_sentence
