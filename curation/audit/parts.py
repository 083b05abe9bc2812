"""iMaterialist's garment parts: which garments can have which.

The parts are those of Fashionpedia's ontology (Jia et al., 2020): parts,
closures and decorations, which "sit on" a main garment.
"""

from __future__ import annotations

from collections.abc import Mapping

from curation.formats.imaterialist import CATEGORIES

TOPS = frozenset({
    "shirt, blouse", "top, t-shirt, sweatshirt", "sweater", "cardigan", "jacket", "vest", "coat",
    "dress", "jumpsuit", "cape",
})  # fmt: skip
BOTTOMS = frozenset({"pants", "shorts", "skirt"})

_OF_TOPS = ("hood", "collar", "lapel", "epaulette", "sleeve", "neckline")
_OF_ANYTHING = (
    "buckle", "zipper", "applique", "bead", "bow", "flower", "fringe", "ribbon", "rivet",
    "ruffle", "sequin", "tassel",
)  # fmt: skip
_PARTS = frozenset({*_OF_TOPS, "pocket", *_OF_ANYTHING})

GARMENTS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(_OF_TOPS, TOPS),
    "pocket": TOPS | BOTTOMS | {"bag, wallet"},
    **dict.fromkeys(_OF_ANYTHING, frozenset(CATEGORIES) - _PARTS),
}
"""The categories that each part can sit on."""


def is_part(category: str) -> bool:
    return category in GARMENTS


def can_have(category: str, part: str) -> bool:
    """Whether a part can sit on a category; one that iMaterialist does not know has the doubt.

    >>> can_have("dress", "sleeve"), can_have("shoe", "sleeve"), can_have("kimono", "sleeve")
    (True, False, True)
    """
    return category in GARMENTS[part] or category not in CATEGORIES
