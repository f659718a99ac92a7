"""COCO: keypoints and masks of many animals per image, in one JSON."""

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError, model_validator

from tracker.errors import MissingExtra
from tracker.learning.data.formats.gather import Found, Gatherer, key_of
from tracker.learning.data.formats.labels import LabelMap, map_labels, plain
from tracker.learning.recipe import CocoSource
from tracker.learning.samples import Sample, Wanted


class CocoImage(BaseModel):
    """An image of a COCO file."""

    id: int
    file_name: str
    width: int | None = None
    height: int | None = None


class CocoRuns(BaseModel):
    """A mask as run lengths down the columns, in numbers or packed.

    `size` is (height, width) in px.
    """

    size: tuple[int, int]
    counts: str | list[int]

    @model_validator(mode="after")
    def _runs_fill_the_image(self) -> "CocoRuns":
        pixels = self.size[0] * self.size[1]
        if isinstance(self.counts, list) and sum(self.counts) != pixels:
            raise ValueError(f"its runs are of {sum(self.counts)} px, but its size is {pixels} px")
        return self


Polygons = list[Annotated[list[float], Field(min_length=6)]]
"""Outlines x, y, x, y, ... whose insides make a mask."""


class CocoAnnotation(BaseModel):
    """An animal, or a crowd of them, in an image of a COCO file."""

    image_id: int
    category_id: int
    keypoints: tuple[float, ...] | None = None
    segmentation: Polygons | CocoRuns | None = None
    iscrowd: int = 0


class CocoCategory(BaseModel):
    """A kind of animal in a COCO file, and names of its keypoints."""

    id: int
    name: str
    keypoints: tuple[str, ...] = ()


class CocoFile(BaseModel):
    """What is read of a COCO file."""

    images: tuple[CocoImage, ...]
    annotations: tuple[CocoAnnotation, ...]
    categories: tuple[CocoCategory, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of all keypoints."""
        names = [name for category in self.categories for name in category.keypoints]
        return tuple(dict.fromkeys(names))

    @property
    def segmented(self) -> tuple[str, ...]:
        """Names of the categories that have masks."""
        ids = {item.category_id for item in self.annotations if item.segmentation}
        return tuple(category.name for category in self.categories if category.id in ids)


def open_coco(path: Path) -> CocoFile | None:
    """A COCO file; None if a JSON is something else, or its images are nowhere described.

    Raises:
        ValueError: If it has images and annotations, but wrong fields.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError):
        return None
    if not isinstance(raw, dict) or not {"images", "annotations"} <= set(raw):
        return None
    return CocoFile.model_validate({"categories": (), **raw})


def read_coco(source: CocoSource, wanted: Wanted, root: Path, faults: list[str]) -> list[Sample]:
    """Images of a COCO file, each annotation an individual; see `read_source`.

    An image without annotations shows no animal. Keypoints with v = 0 are not known, others
    are, seen or hidden. Their (0, 0) is taken as the centre of the first pixel. A mask has a
    class if the category's name is one; it is known only if all annotations of such a
    category have their outline.
    """
    path = root / source.path
    content = _open(path, source.path, faults)
    if content is None:
        return []
    labels = map_labels(source, wanted, content.labels, source.path, faults)
    if labels is None:
        return []
    gatherer = Gatherer(source, wanted, faults)
    gatherer.expect(len(content.images))
    reader = _Reader(source.path, content, labels, wanted, faults)
    for image in content.images:
        where = f"{source.path} image {image.id}"
        image_path = path.parent / source.images / image.file_name
        pixels = gatherer.image(image_path, where)
        if pixels is not None:
            reader.add(gatherer, image, pixels, where, key_of(image_path))
    return gatherer.samples()


def _open(path: Path, name: str, faults: list[str]) -> CocoFile | None:
    try:
        content = open_coco(path)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5]]
        faults.append(f"{name}: wrong fields of COCO: {'; '.join(wrong)}")
        return None
    if content is None:
        faults.append(f"{name}: no COCO file (expected JSON with images and annotations)")
        return None
    known = {image.id for image in content.images}
    lost = sorted({item.image_id for item in content.annotations} - known)
    if lost:
        faults.append(f"{name}: annotations are of images {lost[:5]}, which it does not have")
    kinds = {category.id for category in content.categories}
    unknown = sorted({item.category_id for item in content.annotations} - kinds)
    if unknown:
        faults.append(f"{name}: annotations are of categories {unknown}, which it does not have")
    return None if lost or unknown else content


@dataclass(frozen=True, slots=True)
class _Outline:
    """Where an annotation is, and of which class.

    Attributes:
        inside: bool, (height, width).
        value: In `Sample.mask`; 0 if its category is no class.
        individual: Index in `Sample.xy`; None for a crowd.
    """

    inside: NDArray[np.bool_]
    value: int
    individual: int | None


class _Reader:
    """Turns the annotations of one image into points and masks."""

    def __init__(
        self, name: str, content: CocoFile, labels: LabelMap, wanted: Wanted, faults: list[str]
    ) -> None:
        self._name = name
        self._labels = labels
        self._faults = faults
        self._categories = {category.id: category for category in content.categories}
        self._annotations: dict[int, list[CocoAnnotation]] = {}
        for item in content.annotations:
            self._annotations.setdefault(item.image_id, []).append(item)
        classes = {plain(name): n + 1 for n, name in enumerate(wanted.mask_classes)}
        self._values = {
            category.id: classes.get(plain(category.name), 0) for category in content.categories
        }
        self._poses = {category.id for category in content.categories if category.keypoints}

    def add(
        self,
        gatherer: Gatherer,
        image: CocoImage,
        pixels: NDArray[np.uint8],
        where: str,
        key: str,
    ) -> None:
        """Add one image to what is gathered."""
        height, width = pixels.shape[:2]
        stated = (image.width or width, image.height or height)
        if stated != (width, height):
            self._faults.append(
                f"{where}: it says that {image.file_name} is {stated[0]} x {stated[1]} px, but it "
                f"is {width} x {height} px"
            )
            return
        items = self._annotations.get(image.id, [])
        # Where no category has keypoints, what has an outline is an individual all the same.
        animals = [
            item
            for item in items
            if not item.iscrowd and (item.category_id in self._poses or not self._poses)
        ]
        points = np.array([self._points(item, where) for item in animals], np.float32)
        outlines = list(self._outlines(items, animals, (height, width), where))
        gatherer.add(
            Found(
                where,
                key,
                pixels,
                self._labels,
                points.reshape(len(animals), len(self._labels.labels), 2),
                mask=self._mask(items, outlines, (height, width)),
                owner=_owner(len(animals), outlines, (height, width)),
            )
        )

    def _points(self, item: CocoAnnotation, where: str) -> NDArray[np.float32]:
        """Points (labels, 2) of one animal."""
        points = np.full((len(self._labels.labels), 2), np.nan, np.float32)
        names = self._categories[item.category_id].keypoints
        if not item.keypoints:
            return points
        if len(item.keypoints) != 3 * len(names):
            self._faults.append(
                f"{where}: an animal has {len(item.keypoints)} numbers as keypoints, expected "
                f"x, y, v of {len(names)}"
            )
            return points
        for name, (x, y, v) in zip(names, np.reshape(item.keypoints, (-1, 3)), strict=True):
            if v > 0:
                points[self._labels.labels.index(name)] = x, y
        return points

    def _outlines(
        self,
        items: Sequence[CocoAnnotation],
        animals: Sequence[CocoAnnotation],
        size: tuple[int, int],
        where: str,
    ) -> Iterator[_Outline]:
        numbers: Mapping[int, int] = {id(item): n for n, item in enumerate(animals)}
        for item in items:
            if item.segmentation:
                inside = _decode(item.segmentation, size, where, self._faults)
                if inside is not None:
                    yield _Outline(inside, self._values[item.category_id], numbers.get(id(item)))

    def _mask(
        self,
        items: Sequence[CocoAnnotation],
        outlines: Sequence[_Outline],
        size: tuple[int, int],
    ) -> NDArray[np.uint8] | None:
        of_a_class = [item for item in items if self._values[item.category_id]]
        if not any(self._values.values()) or not all(item.segmentation for item in of_a_class):
            return None
        mask = np.zeros(size, np.uint8)
        for outline in outlines:
            if outline.value:
                mask[outline.inside] = outline.value
        return mask


def _owner(
    n_animals: int, outlines: Sequence[_Outline], size: tuple[int, int]
) -> NDArray[np.uint8] | None:
    drawn = {outline.individual for outline in outlines if outline.individual is not None}
    if len(drawn) < n_animals or n_animals > np.iinfo(np.uint8).max:
        return None
    owner = np.zeros(size, np.uint8)
    for outline in outlines:
        if outline.individual is not None:
            owner[outline.inside] = outline.individual + 1
    return owner


def _decode(
    outline: Polygons | CocoRuns, size: tuple[int, int], where: str, faults: list[str]
) -> NDArray[np.bool_] | None:
    """Pixels (height, width) of polygons or of a run-length code."""
    try:
        from pycocotools import mask as coco_mask
    except ImportError as error:
        raise MissingExtra("train", "reading masks of COCO") from error
    height, width = size
    if isinstance(outline, CocoRuns) and outline.size != size:
        faults.append(
            f"{where}: a mask is {outline.size[1]} x {outline.size[0]} px, but the image is "
            f"{width} x {height} px"
        )
        return None
    try:
        with warnings.catch_warnings():
            # pycocotools 2.0.11 makes arrays in a way that numpy 2 deprecates.
            warnings.simplefilter("ignore", DeprecationWarning)
            if not isinstance(outline, CocoRuns):
                code = coco_mask.merge(coco_mask.frPyObjects(outline, height, width))
            elif isinstance(outline.counts, str):
                code = {"size": [height, width], "counts": outline.counts}
            else:
                code = coco_mask.frPyObjects(outline.model_dump(mode="json"), height, width)
            return np.asarray(coco_mask.decode(code), np.bool_)
    except ValueError as error:
        faults.append(f"{where}: a run-length code is broken ({error})")
        return None
