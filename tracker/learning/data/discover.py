"""Find the labelled data in a folder, and how their labels fit a network."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tracker.errors import TrainingError
from tracker.learning.data.formats.coco import CocoFile, open_coco
from tracker.learning.data.formats.deeplabcut import TABLES
from tracker.learning.data.formats.label_tables import labels_in
from tracker.learning.data.formats.labels import same_names
from tracker.learning.data.formats.sleap import labels_in_slp
from tracker.learning.data.formats.table import columns_in
from tracker.learning.recipe import (
    CocoSource,
    DeepLabCutSource,
    FileSource,
    LightningPoseSource,
    SleapSource,
    TableSource,
)
from tracker.runtimes.base import ModelCard

UNKNOWN_LICENCE = "not stated"
"""Licence of sources that were found, not written down."""

_COPIES = {"training-datasets", "dlc-models", "dlc-models-pytorch", "evaluation-results"}
"""Folders of a DeepLabCut project with copies of its tables."""

_IMAGE_FOLDERS = ("", "images", "../images")
"""Where the images of a COCO file are looked for, relative to it."""


@dataclass(frozen=True, slots=True)
class _Found:
    """Labelled data, before they are fitted to a network.

    Attributes:
        kind: Of the source.
        path: File or folder.
        labels: Names of keypoints.
        columns: Names of classes and quantities.
        categories: Names of masks.
        images: Folder of the images of a COCO file, relative to it.
    """

    kind: str
    path: Path
    labels: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    images: str = ""

    @property
    def described(self) -> str:
        """All names, for a person."""
        parts = {
            "keypoints": self.labels,
            "columns": self.columns,
            "categories with masks": self.categories,
        }
        named = [f"{what} {list(names)}" for what, names in parts.items() if names]
        return " and ".join(named) or "no names at all"


def discover(
    folder: Path, card: ModelCard, mapping: Mapping[str, tuple[str, ...]] | None = None
) -> list[FileSource]:
    """Labelled data in or below a folder, as sources relative to it.

    Found are sessions of DeepLabCut (`CollectedData_*`), tables of Lightning Pose, `.slp` of
    SLEAP, JSON of COCO, and tables of images with classes or quantities. A keypoint is the
    mean of the labels that `mapping` names, else of the first list in the card's
    `label_names` that the data have all of, else the label of the same name; labels that
    are left are ignored. `hold_out` stays empty. DeepLabCut sessions get pseudo-masks if the
    network has one class of mask.

    Args:
        folder: Where to look.
        card: What the network sees.
        mapping: For a keypoint of the network, the labels whose mean it is.

    Raises:
        TrainingError: If the folder is missing, holds no labelled data, or data that have
            nothing in common with the network; or if `mapping` names what is not there.
    """
    wanted = dict(mapping or {})
    found = _all_in(folder)
    _check_mapping(wanted, card, found)
    sources = [_source(item, folder, card, wanted) for item in found]
    strangers = [
        f"{_name(item.path, folder)} has {item.described}"
        for item, source in zip(found, sources, strict=True)
        if source is None
    ]
    if strangers:
        raise TrainingError(
            f"{'; '.join(strangers)}; but the network {card.name} knows {_known(card)}: say which "
            f"labels are which keypoint, as in --map {_first(card)}=LABEL or "
            f"--map {_first(card)}=LABEL,LABEL for their mean"
        )
    return [source for source in sources if source is not None]


def survey(folder: Path) -> list[FileSource]:
    """Data with labelled keypoints in or below a folder, every label a keypoint of its own.

    As `discover`, for networks that are still to be made: no label is ignored, and no
    session gets pseudo-masks. Tables without keypoints are left out.

    Raises:
        TrainingError: If the folder is missing, or holds no labelled data.
    """
    return [
        _source_of(item, folder, {label: (label,) for label in item.labels}, ())
        for item in _all_in(folder)
        if item.labels
    ]


def _all_in(folder: Path) -> list[_Found]:
    if not folder.is_dir():
        raise TrainingError(f"{folder} is no folder, expected one with labelled images")
    found = list(_found_in(folder))
    if not found:
        raise TrainingError(
            f"no labelled data in {folder}: expected CollectedData_*.csv or .h5 of DeepLabCut, a "
            f"CSV of Lightning Pose, .slp of SLEAP, a JSON of COCO, or a CSV whose first column "
            f"is 'image'; the images or videos have to be there as well"
        )
    return found


def _check_mapping(
    mapping: Mapping[str, tuple[str, ...]], card: ModelCard, found: Sequence[_Found]
) -> None:
    if unknown := sorted(set(mapping) - set(card.keypoints)):
        raise TrainingError(
            f"--map: {unknown} are none of the keypoints of {card.name}: {list(card.keypoints)}"
        )
    for ours, theirs in mapping.items():
        if not any(set(theirs) <= set(item.labels) for item in found):
            labels = sorted({label for item in found for label in item.labels})
            raise TrainingError(
                f"--map {ours}={','.join(theirs)}: no data set has these labels; there are {labels}"
            )


def _source(
    found: _Found, folder: Path, card: ModelCard, mapping: Mapping[str, tuple[str, ...]]
) -> FileSource | None:
    """How the data fit the network; None if they have nothing in common."""
    keypoints = _keypoints(found.labels, card, mapping)
    columns = same_names((*card.classes, *card.quantities), found.columns)
    masks = same_names(card.mask_classes, found.categories)
    if not (keypoints or columns or masks):
        return None
    used = {label for labels in keypoints.values() for label in labels} | set(columns.values())
    ignored = tuple(name for name in (*found.labels, *found.columns) if name not in used)
    one_class = len(card.mask_classes) == 1
    return _source_of(found, folder, keypoints, ignored, pseudo_masks=one_class)


def _source_of(
    found: _Found,
    folder: Path,
    keypoints: Mapping[str, tuple[str, ...]],
    ignored: tuple[str, ...],
    *,
    pseudo_masks: bool = False,
) -> FileSource:
    fields: dict[str, Any] = {
        "name": _name(found.path, folder),
        "licence": UNKNOWN_LICENCE,
        "path": found.path.relative_to(folder).as_posix(),
        "keypoints": keypoints,
        "ignore": ignored,
    }
    if found.kind == "deeplabcut":
        return DeepLabCutSource(kind="deeplabcut", pseudo_masks=pseudo_masks, **fields)
    if found.kind == "lightning_pose":
        return LightningPoseSource(kind="lightning_pose", **fields)
    if found.kind == "sleap":
        return SleapSource(kind="sleap", **fields)
    if found.kind == "coco":
        return CocoSource(kind="coco", images=found.images, **fields)
    return TableSource(kind="table", **fields)


def _keypoints(
    labels: Sequence[str], card: ModelCard, mapping: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    same = same_names(card.keypoints, labels)
    chosen: dict[str, tuple[str, ...]] = {}
    for name in card.keypoints:
        offers = [mapping[name]] if name in mapping else []
        offers += [*card.label_names.get(name, ()), *([(same[name],)] if name in same else [])]
        fitting = [offer for offer in offers if offer and set(offer) <= set(labels)]
        if fitting:
            chosen[name] = fitting[0]
    return chosen


def _found_in(folder: Path) -> Iterator[_Found]:
    """All labelled data, in the order of their paths; nothing in hidden folders or copies."""
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if not any(part.startswith(".") or part in _COPIES for part in _parts(path, folder))
    ]
    yield from _sessions(folder, paths)
    for path in paths:
        found = None
        if path.suffix == ".csv":
            found = _table(path)
        elif path.suffix == ".slp":
            labels = labels_in_slp(path)
            found = _Found("sleap", path, labels) if labels else None
        elif path.suffix == ".json":
            found = _coco(path)
        if found is not None:
            yield found


def _sessions(folder: Path, paths: Sequence[Path]) -> Iterator[_Found]:
    """Folders of DeepLabCut sessions: one source for those that lie side by side."""
    labels: dict[Path, dict[str, None]] = {}
    for path in paths:
        if path.match(f"{TABLES}.csv") or path.match(f"{TABLES}.h5"):
            twin = path.suffix == ".h5" and path.with_suffix(".csv").is_file()
            inside = None if twin else labels_in(path)
            if inside is not None and not _is_lightning_pose(path, inside[1]):
                above = folder if path.parent == folder else path.parent.parent
                labels.setdefault(above, {}).update(dict.fromkeys(inside[0]))
    for above, names in labels.items():
        yield _Found("deeplabcut", above, tuple(names))


def _table(path: Path) -> _Found | None:
    columns = columns_in(path)
    if columns is not None:
        return _Found("table", path, columns=tuple(columns))
    inside = labels_in(path)
    if inside is None:
        return None
    labels, image = inside
    there = (path.parent / image).is_file()
    is_session = path.match(f"{TABLES}.csv") and not _is_lightning_pose(path, image)
    return _Found("lightning_pose", path, labels) if there and not is_session else None


def _is_lightning_pose(path: Path, image: str) -> bool:
    """Whether the image is where Lightning Pose looks, and not where DeepLabCut does."""
    beside = path.parent / image.rpartition("/")[2]
    return (path.parent / image).is_file() and not beside.is_file()


def _coco(path: Path) -> _Found | None:
    try:
        content = open_coco(path)
    except ValidationError:
        return None
    if content is None or not content.images:
        return None
    return _Found(
        "coco",
        path,
        labels=content.labels,
        categories=content.segmented,
        images=_image_folder(path, content),
    )


def _image_folder(path: Path, content: CocoFile) -> str:
    """Where the first image is; beside the JSON if it is nowhere."""
    first = content.images[0].file_name
    folders = (*_IMAGE_FOLDERS, path.stem, f"../{path.stem}")
    there = [folder for folder in folders if (path.parent / folder / first).is_file()]
    return there[0] if there else ""


def _parts(path: Path, folder: Path) -> tuple[str, ...]:
    return path.relative_to(folder).parts


def _name(path: Path, folder: Path) -> str:
    return "/".join((folder.absolute().name, *_parts(path, folder)))


def _known(card: ModelCard) -> str:
    parts = {
        "keypoints": card.keypoints,
        "classes": card.classes,
        "quantities": tuple(card.quantities),
        "masks": card.mask_classes,
    }
    return " and ".join(f"{what} {list(names)}" for what, names in parts.items() if names)


def _first(card: ModelCard) -> str:
    return card.keypoints[0] if card.keypoints else "KEYPOINT"
