"""What is found in annotation files, labels and photos: one record, and the table of its kinds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is, worst first."""

    ERROR = "error"
    """The label is wrong, or no use, as it stands; or it was not read or written at all."""

    WARNING = "warning"
    """Probably wrong, to be looked at."""

    NOTE = "note"
    """Repaired while it was read, and mostly right; or said and nothing more."""

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


class FindingKind(StrEnum):
    """Every kind of finding: its value is what lists, tables and the database call it.

    Attributes:
        severity: how bad it is
        meaning: one line that explains it

    >>> FindingKind("tiny mask").severity
    <Severity.WARNING: 'warning'>
    """

    severity: Severity
    meaning: str

    # With defaults, since a kind is looked up by its value alone.
    def __new__(
        cls, value: str, severity: Severity = Severity.ERROR, meaning: str = ""
    ) -> FindingKind:
        kind = str.__new__(cls, value)
        kind._value_ = value
        kind.severity = severity
        kind.meaning = meaning
        return kind

    # What readers skip.
    IMAGE_WITHOUT_FILE = (
        "photo without a file",
        Severity.ERROR,
        "the annotation file names a photo that is not in the folder",
    )
    IMAGE_REFUSED = (
        "photo refused",
        Severity.ERROR,
        "the photo cannot be opened, or its name leads out of the folder",
    )
    IMAGE_LISTED_TWICE = (
        "photo listed twice",
        Severity.ERROR,
        "another photo or mask of its name stands before it",
    )
    LOST_LABELS = (
        "photo whose labels are lost",
        Severity.ERROR,
        "it has no label, and annotations of the file belong to no photo",
    )
    ONLY_IGNORED = (
        "mask without a class",
        Severity.ERROR,
        "all that is labelled is 255, which the class list does not name",
    )
    SIZE_MISMATCH = (
        "size mismatch",
        Severity.ERROR,
        "the photo does not have the size that the masks were drawn on",
    )
    UNDECODABLE_ROW = (
        "row that cannot be decoded",
        Severity.ERROR,
        "a cell of the row is not what the format has there",
    )
    NO_USABLE_ROW = (
        "photo without a usable row",
        Severity.ERROR,
        "all rows of the photo were skipped",
    )
    ANNOTATION_WITHOUT_IMAGE = (
        "annotation without a photo",
        Severity.ERROR,
        "the file does not list the photo that the annotation names",
    )
    ANNOTATION_WITHOUT_LABEL = (
        "annotation without a label",
        Severity.ERROR,
        "the file has no name for the annotation's category",
    )
    ANNOTATION_WITHOUT_MASK = (
        "annotation without a mask",
        Severity.ERROR,
        "a box, and nothing to draw a mask from",
    )
    UNDRAWABLE_ANNOTATION = (
        "annotation that cannot be drawn",
        Severity.ERROR,
        "its segmentation gives no mask",
    )
    POLYGON_WITHOUT_AREA = (
        "polygon without area",
        Severity.ERROR,
        "one or two points; the annotation's other polygons are read",
    )
    NO_USABLE_ANNOTATION = (
        "photo without a usable annotation",
        Severity.ERROR,
        "all annotations of the photo were skipped",
    )
    REGION_WITHOUT_LABEL = (
        "region without a label",
        Severity.ERROR,
        "the region's label attribute is empty, or has more than one value",
    )
    UNDRAWABLE_REGION = (
        "region that cannot be drawn",
        Severity.ERROR,
        "its shape gives no mask",
    )
    OPEN_LINE = (
        "open line",
        Severity.ERROR,
        "a line whose ends do not meet has no area; with --line-width it is drawn",
    )
    NO_USABLE_REGION = (
        "photo without a usable region",
        Severity.ERROR,
        "all regions of the photo were skipped",
    )
    UNLABELLED = (
        "photo that nobody labelled",
        Severity.ERROR,
        "no annotation of it was submitted; predictions and drafts are none",
    )
    MASK_REFUSED = (
        "mask refused",
        Severity.ERROR,
        "the mask is lossy, coloured, or cannot be opened",
    )
    FILE_REFUSED = (
        "annotation file refused",
        Severity.ERROR,
        "a file of the folder is not what the format has for a photo, or cannot be opened",
    )
    UNLISTED_VALUES = (
        "values not in the class list",
        Severity.ERROR,
        "pixels of the mask have values that no class has",
    )
    TOO_LARGE = (
        "photo with too much to keep",
        Severity.ERROR,
        "its labels are larger than the database keeps of a photo",
    )

    # What readers repair, or find wrong in a polygon as drawn.
    SPELLED_OTHERWISE = (
        "photo spelled otherwise",
        Severity.NOTE,
        "the file spells the photo's name in another way; no other photo can be meant",
    )
    LISTINGS_JOINED = (
        "listings joined",
        Severity.NOTE,
        "the file lists the photo more than once; it has the labels of all listings",
    )
    RUN_PAST_END = (
        "run past the end",
        Severity.ERROR,
        "a run went past the photo's last pixel and was cut off there",
    )
    OVERLAPPING_RUNS = (
        "overlapping runs",
        Severity.NOTE,
        "runs overlapped; the mask is the pixels inside any of them",
    )
    OUT_OF_FRAME = (
        "out-of-frame polygon",
        Severity.WARNING,
        "the polygon left the photo and was cut off at its edge",
    )
    SELF_INTERSECTING = (
        "self-intersecting polygon",
        Severity.NOTE,
        "the outline crosses itself; it was repaired, which changed its area",
    )

    OTHER_FILE = (
        "another file than was labelled",
        Severity.WARNING,
        "the outline leaves the photo, whose file has not the size in bytes that VIA noted",
    )

    OTHER_BOX = (
        "mask unlike its area or box",
        Severity.WARNING,
        "the area or the box in the file is of something else; the mask was taken as it stands",
    )

    # What readers put right where area and box tell, and an audit finds by the shape.
    INVERSE_MASK = (
        "inverse mask",
        Severity.WARNING,
        "inside and outside are swapped; put right where the file's area and box say so",
    )
    ROW_MAJOR = (
        "row-major runs",
        Severity.WARNING,
        "the runs go along the rows, not down the columns; put right where the box says so",
    )
    STRIPES = (
        "stripes",
        Severity.WARNING,
        "the runs are for another size: the garment is stripes all over the photo",
    )

    # What an import takes as it is, and what is to be looked at.
    NUMBERS_FOR_LABELS = (
        "labels that are numbers",
        Severity.WARNING,
        "no export says what options are called: if these are their ids, import VIA's project",
    )

    OTHER_ANNOTATION = (
        "another annotation of the photo",
        Severity.WARNING,
        "several people labelled it: the ground truth was read, else what was changed last",
    )

    # What an import says of photos that were there before, or are not named.
    DIFFERS = (
        "photo that differs from the dataset",
        Severity.NOTE,
        "the file says something else of it by now; it was left as it was",
    )
    NOT_NAMED = (
        "photo of the dataset the file does not name",
        Severity.NOTE,
        "it was kept",
    )
    UNLISTED_IMAGE = (
        "photo the file does not name",
        Severity.NOTE,
        "it is in the folder of photos, and was not imported",
    )
    UPDATED = (
        "photo updated",
        Severity.NOTE,
        "the dataset has what the file says of it by now",
    )
    ORPHANED_DECISION = (
        "decision without its label",
        Severity.WARNING,
        "a corrected file took away the label that was decided on",
    )

    # What exports skip.
    IGNORED_LABEL = (
        "ignored label",
        Severity.NOTE,
        "the taxonomy ignores it, and the format has no way to say so",
    )
    NO_SOURCE_LABEL = (
        "label without a source label",
        Severity.WARNING,
        "a reviewer named its class, which has several: relabel it in the source vocabulary",
    )
    ADDED_ALONE = (
        "label added to a photo without any",
        Severity.WARNING,
        "labels alone say where a photo stands in the file: draw it there",
    )
    WITHOUT_LABEL = (
        "photo without a label",
        Severity.NOTE,
        "the format has a row for each label: only splits.csv says that the photo is there",
    )
    LABEL_WITHOUT_PIXEL = (
        "label without a pixel",
        Severity.ERROR,
        "nothing could be drawn of it",
    )

    # What an import says, and an audit finds.
    UNTURNED = (
        "photo that browsers do not turn",
        Severity.WARNING,
        "a WebP with an EXIF orientation: curate turns it; browsers, so VIA and the App, do not",
    )

    # What an audit finds.
    EMPTY = ("empty mask", Severity.ERROR, "the mask has no pixel")
    TINY = (
        "tiny mask",
        Severity.WARNING,
        "too small to have been drawn on purpose, or to be learnt from",
    )
    DUPLICATE = ("duplicate instance", Severity.ERROR, "the same garment is labelled twice")
    CONTRADICTION = (
        "same pixels, other category",
        Severity.ERROR,
        "two categories for the same pixels: one is wrong",
    )
    LONE_PART = (
        "part without its garment",
        Severity.WARNING,
        "a garment's part, and no garment near it that could have it",
    )
    UNREADABLE = (
        "unreadable photo",
        Severity.ERROR,
        "the photo cannot be opened and decoded to its end",
    )
    EXACT_DUPLICATE = (
        "duplicate photo, other labels",
        Severity.ERROR,
        "the same file under another name is labelled otherwise",
    )
    NEAR_DUPLICATE = (
        "near-duplicate photo, other labels",
        Severity.WARNING,
        "a photo that looks the same has other categories",
    )
    NEAR_DUPLICATE_GARMENT = (
        "same garment, other category",
        Severity.WARNING,
        "a photo that looks the same calls this garment by another category",
    )
    NOT_OF_PERSON = (
        "labels do not fit the person",
        Severity.WARNING,
        "mirrored, turned, or of another photo: the silhouette says so, once it is installed",
    )
    SKIPPED = (
        "skipped at import",
        Severity.ERROR,
        "a row, region or photo of the annotation file was not imported",
    )


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong, skipped, repaired or worth a word: of a label, of a photo, or of a file.

    Attributes:
        kind: what it is, the same for all of its like
        location: file and place in it, e.g. ``train.csv:1042``; for what is found of a photo as
            a whole, that of its first label; of what is in no file, the photo's id
        detail: the rest of the sentence, with figures
        image_id: the photo, where it is one of a dataset
        instance_id: the label; empty for the whole photo
        other: the other instance's id (or photo's, for a photo) where two are at odds
        beside: the other photo, where it is one of two that are at odds
    """

    kind: FindingKind
    location: str
    detail: str = ""
    image_id: str = ""
    instance_id: str = ""
    other: str = ""
    beside: str = ""

    @property
    def severity(self) -> Severity:
        return self.kind.severity

    @property
    def meaning(self) -> str:
        """One line that explains its kind."""
        return self.kind.meaning
