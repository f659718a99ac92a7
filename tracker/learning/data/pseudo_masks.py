"""Masks by background subtraction, for want of drawn ones; called pseudo-masks wherever shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.cameras.video_file import count_frames
from tracker.errors import DeviceError, TrainingError
from tracker.learning.data.images import read_frames
from tracker.learning.samples import extent_of, median_of

MIN_IMAGES = 5
"""Fewer images of a session tell nothing about its background."""

FLOOR_GREY = 20.0
"""Grey values (0 to 255); smaller differences from the background are light, shadow or noise."""

HIGHEST_GREY = 60.0
"""Grey values; larger differences are never light, shadow or noise."""

ANIMAL_SHARE = 0.72
"""Share of the way from the background's colour to the animal's that a pixel has to have come:
a reflection is paler than what it reflects."""

PALE_SHARE = 0.35
"""The same within `CORE_SHARE` of the lines between keypoints, where fur may be pale."""

EDGE_SHARE = 0.5
"""The same at the outline, where a pixel is half animal, half background."""

RIM_SHARE = 0.035
"""Share of the animal's extent from what is surely animal to its outline."""

CORE_SHARE = 0.15
"""Share of the animal's extent from the lines between its keypoints to its flank, at least."""

FARTHEST_SHIFT_SHARE = 0.15
"""Share of the image that a camera may move within a session."""

CLOSING_SHARE = 0.06
"""Share of the animal's extent; narrower gaps are pale fur or glints."""

SAFE_SHARE = 0.8
"""Share of the labelled keypoints that has to lie in the mask, or within `NEAR_SHARE` of it."""

NEAR_SHARE = 0.08
"""Share of the animal's extent by which a keypoint may miss the mask (a nose is thin and pale)."""

REACH_SHARE = 0.75
"""Share of the animal's extent from its keypoints to the farthest pixel that can be its own."""

LARGEST_SHARE = 0.3
"""Share of the image above which a mask is no animal."""

AREA_RANGE = (0.45, 1.9)
"""Area over the session's median; outside, something is missing or too much."""

OPENING_SHARE = 0.08
"""Share of the animal's extent that a part must be wide; the thin tail is left out."""

TAIL_SHARE = 0.25
"""The same, of the square root of the animal's area."""

N_BACKGROUND = 60
"""Frames of a video that its background is made of."""

Keypoints = Sequence[NDArray[np.float32]]
"""Keypoints (individuals, keypoints, 2) of each image, px; NaN where there is no label."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One image against the empty background.

    Attributes:
        image: float32, (height, width, channels), grey values.
        background: The same, moved and lit as the image is.
    """

    image: NDArray[np.float32]
    background: NDArray[np.float32]

    @property
    def difference(self) -> NDArray[np.float32]:
        """How much they differ (height, width), grey values of the worst channel."""
        return np.asarray(np.abs(self.image - self.background).max(axis=2), np.float32)

    def likeness(self, colour: NDArray[np.float32]) -> NDArray[np.float32]:
        """Where each pixel (height, width) is on the way from the background, 0, to a colour, 1."""
        way = colour - self.background
        length = np.maximum((way * way).sum(axis=2), FLOOR_GREY**2)
        return np.asarray(((self.image - self.background) * way).sum(axis=2) / length, np.float32)


def background_of(
    images: Sequence[NDArray[np.uint8]], hidden: Sequence[NDArray[np.bool_]] | None = None
) -> NDArray[np.float32]:
    """Median of images of one size, each moved onto the first guess of it.

    Args:
        images: uint8, (height, width) or (height, width, 3).
        hidden: bool (height, width) for each: True where an animal hides the background. What
            is hidden in all images is taken as it is.

    Returns:
        float32, (height, width, channels).
    """
    stack = np.stack([_channels(image) for image in images])
    first = np.asarray(np.median(stack[:: -(-len(stack) // 25)], axis=0), np.float32)
    for number, image in enumerate(stack):
        shift = shift_between(image, first)
        stack[number] = _moved(image, shift)
        if hidden is not None:
            covered = _moved(hidden[number][..., None].astype(np.float32), shift)[..., 0] > 0
            stack[number][covered] = np.inf
    stack.sort(axis=0)
    count = np.isfinite(stack[..., :1]).sum(axis=0)
    middle = np.take_along_axis(stack, np.maximum(count - 1, 0)[None] // 2, axis=0)[0]
    return np.asarray(np.where(count > 0, middle, first), np.float32)


def scene_of(image: NDArray[np.uint8], background: NDArray[np.float32]) -> Scene:
    """An image and the background, after small shifts of the camera and of the light."""
    seen = _channels(image)
    moved = _moved(background, shift_between(background, seen))
    light = np.median((seen - moved)[::4, ::4], axis=(0, 1))
    return Scene(seen, np.asarray(moved + light, np.float32))


def shift_between(image: NDArray[np.float32], other: NDArray[np.float32]) -> tuple[float, float]:
    """By how much (x, y px) the first must be moved to lie on the second.

    Phase correlation (Kuglin and Hines 1975); (0, 0) if moving does not make them more alike.
    """
    one, two = (
        cv2.resize(picture.mean(axis=2), None, fx=0.5, fy=0.5) for picture in (image, other)
    )
    window = cv2.createHanningWindow((one.shape[1], one.shape[0]), cv2.CV_32F)
    # The function writes the window into what it is handed.
    (x, y), _ = cv2.phaseCorrelate(one.copy(), two.copy(), window)
    far = max(abs(x) / one.shape[1], abs(y) / one.shape[0]) > FARTHEST_SHIFT_SHARE
    if far or np.hypot(x, y) < 0.25:
        return 0.0, 0.0
    before = np.abs(one - two).mean()
    after = np.abs(_moved(one[..., None], (x, y))[..., 0] - two).mean()
    return (2 * x, 2 * y) if after < 0.9 * before else (0.0, 0.0)


def pseudo_masks(
    images: Sequence[NDArray[np.uint8]], xy: Keypoints
) -> list[NDArray[np.bool_] | None]:
    """Where the labelled animals are, in images of one session.

    Args:
        images: uint8, (height, width) or (height, width, 3).
        xy: Keypoints of each, (individuals, keypoints, 2), px.

    Returns:
        bool (height, width) per image; None where it did not come out well, or where nothing
        is labelled: then nothing is known.
    """
    masks: list[NDArray[np.bool_] | None] = [None] * len(images)
    by_size: dict[tuple[int, ...], list[int]] = {}
    for number, image in enumerate(images):
        by_size.setdefault(image.shape, []).append(number)
    for numbers in by_size.values():
        if len(numbers) < MIN_IMAGES:
            continue
        size_px = median_of([extent_of(animal) for n in numbers for animal in xy[n]])
        reaches = {n: _reach(images[n].shape, xy[n], size_px) for n in numbers}
        background = background_of([images[n] for n in numbers], list(reaches.values()))
        for n in numbers:
            scene = scene_of(images[n], background)
            masks[n] = _mask(scene, xy[n], reaches[n], size_px)
    return _of_usual_area(masks, [len(animals) for animals in xy])


def pseudo_masks_of_video(
    path: Path, frames: Sequence[int], xy: Keypoints | None = None
) -> list[NDArray[np.bool_] | None]:
    """Where the animal is, in frames of a video.

    Args:
        path: Video of a camera that stands still.
        frames: Numbers of the frames, from 0.
        xy: Keypoints of each; None: the largest thing that moved is the animal.

    Returns:
        As `pseudo_masks`; None also for frames beyond the end.

    Raises:
        TrainingError: If the video cannot be read.
    """
    try:
        n_frames = count_frames(path)
        sampled = np.unique(np.linspace(0, n_frames - 1, N_BACKGROUND).astype(int)).tolist()
        read, _ = read_frames(path, [*sampled, *frames], channels=1)
    except DeviceError as error:
        raise TrainingError(f"no pseudo-masks: {error}") from error
    background = background_of([read[number] for number in sampled if number in read])
    labels = xy or [np.empty((0, 0, 2), np.float32)] * len(frames)
    size_px = median_of([extent_of(animal) for animals in labels for animal in animals])
    masks: list[NDArray[np.bool_] | None] = []
    for number, animals in zip(frames, labels, strict=True):
        if number not in read:
            masks.append(None)
            continue
        scene = scene_of(read[number], background)
        if xy is None:
            masks.append(_largest(scene.difference))
        else:
            reach = _reach(scene.image.shape, animals, size_px)
            masks.append(_mask(scene, animals, reach, size_px))
    return _of_usual_area(masks, [max(1, len(animals)) for animals in labels])


def _reach(shape: tuple[int, ...], xy: NDArray[np.float32], size_px: float) -> NDArray[np.bool_]:
    """Pixels (height, width) that can be of the labelled animals."""
    lines = _lines(shape, xy)
    if not lines.any() or not np.isfinite(size_px):
        return np.zeros(shape[:2], np.bool_)
    return np.asarray(_distance_from(lines) <= REACH_SHARE * size_px)


def _lines(shape: tuple[int, ...], xy: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels (height, width) on the lines from keypoint to keypoint of each animal."""
    drawn = np.zeros(shape[:2], np.uint8)
    for animal in xy:
        known = animal[np.isfinite(animal).all(axis=1)]
        if len(known):
            line = np.round(known).astype(np.int32)[:, None]
            cv2.polylines(drawn, [line], isClosed=False, color=(1,))
    return drawn > 0


def _mask(
    scene: Scene, xy: NDArray[np.float32], reach: NDArray[np.bool_], size_px: float
) -> NDArray[np.bool_] | None:
    """Mask of the labelled animals; None if it is not to be believed."""
    if not reach.any():
        return None
    points = xy[np.isfinite(xy).all(axis=2)]
    difference, lines = scene.difference, _lines(reach.shape, xy)
    likeness = scene.likeness(np.asarray(np.median(scene.image[lines], axis=0), np.float32))
    core = _distance_from(lines) <= CORE_SHARE * size_px
    alike = (likeness > ANIMAL_SHARE) | (core & (likeness > PALE_SHARE))
    threshold = min(max(FLOOR_GREY, _otsu(difference[reach])), HIGHEST_GREY)
    rough = (difference > threshold) & alike & reach
    mask = _opened(_closed(rough, CLOSING_SHARE * size_px), OPENING_SHARE * size_px)
    near = max(2.0, NEAR_SHARE * size_px)
    sure = _components_with(mask, points, near)
    rim = (difference > threshold) & (likeness > EDGE_SHARE) & reach
    kept = _filled(sure | (rim & (_distance_from(sure) <= RIM_SHARE * size_px)))
    if not kept.any() or kept.mean() > LARGEST_SHARE:
        return None
    columns, rows = np.clip(np.round(points).astype(int), 0, np.array(kept.shape[::-1]) - 1).T
    hit = _distance_from(kept)[rows, columns] <= near
    return kept if hit.mean() >= SAFE_SHARE else None


def _largest(difference: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """The largest thing that differs from the background."""
    mask = _largest_part(_opened(difference > max(FLOOR_GREY, _otsu(difference)), 5.0))
    if not mask.any():
        return None
    # The tail goes, as where keypoints say how large the animal is.
    body = _opened(mask, TAIL_SHARE * float(np.sqrt(mask.sum())))
    kept = _filled(_largest_part(body))
    return kept if kept.any() and kept.mean() <= LARGEST_SHARE else None


def _largest_part(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return mask
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])))


def _of_usual_area(
    masks: Sequence[NDArray[np.bool_] | None], n_animals: Sequence[int]
) -> list[NDArray[np.bool_] | None]:
    """Without those whose area per animal is far from the session's median."""
    areas = [
        float("nan") if mask is None else mask.sum() / max(1, n)
        for mask, n in zip(masks, n_animals, strict=True)
    ]
    low, high = (median_of(areas) * share for share in AREA_RANGE)
    return [mask if low <= area <= high else None for mask, area in zip(masks, areas, strict=True)]


def _channels(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """float32 (height, width, channels), without the grain of the sensor."""
    blurred = cv2.GaussianBlur(image, (0, 0), 1.0).astype(np.float32)
    return blurred.reshape(*image.shape[:2], -1)


def _moved(image: NDArray[np.float32], shift: tuple[float, float]) -> NDArray[np.float32]:
    if shift == (0.0, 0.0):
        return image
    height, width = image.shape[:2]
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    moved = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32).reshape(image.shape)


def _otsu(values: NDArray[np.float32]) -> float:
    """Threshold between two kinds of value (Otsu 1979)."""
    grey = np.clip(values, 0, 255).astype(np.uint8).reshape(1, -1)
    return float(cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[0])


def _opened(mask: NDArray[np.bool_], width_px: float) -> NDArray[np.bool_]:
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, _disc(width_px)) > 0


def _closed(mask: NDArray[np.bool_], width_px: float) -> NDArray[np.bool_]:
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, _disc(width_px)) > 0


def _disc(width_px: float) -> NDArray[np.uint8]:
    side = max(3, round(width_px) // 2 * 2 + 1)
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _distance_from(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance (px) of every pixel from the nearest one of the mask; endless if there is none."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    outside = np.asarray(~mask, np.uint8)
    return np.asarray(cv2.distanceTransform(outside, cv2.DIST_L2, 5), np.float32)


def _components_with(
    mask: NDArray[np.bool_], points: NDArray[np.float32], near_px: float
) -> NDArray[np.bool_]:
    """The connected parts that a point lies in, or within `near_px` of."""
    labels = cv2.connectedComponents(mask.astype(np.uint8))[1]
    spots = np.ones(mask.shape, np.uint8)
    for x, y in np.round(points).astype(int):
        cv2.circle(spots, (int(x), int(y)), round(near_px), 0, -1)
    wanted = np.unique(labels[(spots == 0) & mask])
    return np.isin(labels, wanted[wanted > 0])


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without holes."""
    outlines = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    filled = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(filled, outlines, -1, 1, -1)
    return filled > 0
