"""Labels and answers drawn into the image."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.learning.judging.judge import Judged, Judgement
from tracker.learning.judging.regions import mask_image, overlap

SIDE_PX = 480
"""Longer side of an overlay (px)."""

MARGIN = 1.0
"""Room around the animals that is shown, in lengths of an animal."""

LEAST_PX = 64.0
"""Least width and height of the part that is shown (image px)."""

WORST, RANDOM = 12, 6
"""Images shown."""

COLOURS = np.array(
    [
        (230, 60, 60), (60, 160, 250), (60, 200, 90), (250, 180, 40), (190, 90, 230),
        (40, 210, 210), (250, 120, 180), (160, 200, 40),
    ]
)  # fmt: skip
"""RGB of the keypoints, in turn."""


def choose(judgement: Judgement) -> tuple[list[int], list[int]]:
    """Return which images to show: the worst, worst first, and some of the others at random.

    By the keypoints' errors if there are any, else by masks, classes and quantities.
    """
    bad = np.array([badness(judgement, image) for image in judgement.images])
    order = np.argsort(-np.nan_to_num(bad, nan=-1), kind="stable")
    worst = [int(n) for n in order[:WORST] if np.isfinite(bad[n])]
    rest = np.setdiff1d(np.arange(len(bad)), worst)
    picked = np.random.default_rng(0).permutation(rest)[:RANDOM]
    return worst, sorted(picked.tolist())


def badness(judgement: Judgement, image: Judged) -> float:
    """Return how far the answer is from the labels, 0 to about 1; NaN without labels."""
    pose = image.pose.badness
    if np.isfinite(pose):
        return pose
    sample, seen, card = image.sample, image.seen, judgement.card
    if sample.mask is not None:
        shape = (sample.mask.shape[0], sample.mask.shape[1])
        dice = [
            overlap(mask_image(seen.masks, name, shape), sample.mask == number + 1)[0]
            for number, name in enumerate(card.mask_classes)
        ]
        return 1 - min((value for value in dice if np.isfinite(value)), default=1.0)
    said = [seen.class_scores.get(name, np.nan) for name in card.classes]
    off = [abs(value - label) for value, label in zip(said, sample.classes.tolist(), strict=False)]
    return max((value for value in off if np.isfinite(value)), default=float("nan"))


def overlay(judgement: Judgement, image: Judged) -> NDArray[np.uint8]:
    """Return the part of the image with the animals, drawn into, RGB (height, width, 3).

    Rings are labels, dots the network's keypoints, lines its skeleton, a thin outline its
    masks, a thick faint one the labelled mask.
    """
    x0, y0, x1, y1 = _part(image)
    scale = SIDE_PX / max(x1 - x0, y1 - y0)
    cut = image.sample.image[y0:y1, x0:x1]
    size = (max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas = np.asarray(cv2.resize(cut, size, interpolation=way), np.uint8)
    if canvas.ndim == 2:
        canvas = np.asarray(cv2.cvtColor(canvas, cv2.COLOR_GRAY2RGB), np.uint8)
    corner = np.array([x0, y0], np.float32)

    def on_canvas(xy: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray((xy - corner + 0.5) * scale - 0.5, np.float32)

    _draw_masks(canvas, judgement, image, (x0, y0, x1, y1))
    for labels in on_canvas(image.sample.xy):
        _draw_rings(canvas, labels)
    for seen in on_canvas(image.seen.xy):
        _draw_skeleton(canvas, seen, judgement.card.edges)
    return canvas


def _part(image: Judged) -> tuple[int, int, int, int]:
    """Left, top, right, bottom (px, the last two exclusive) of what is worth showing."""
    height, width = image.sample.image.shape[:2]
    points = np.concatenate([image.sample.xy.reshape(-1, 2), image.seen.xy.reshape(-1, 2)])
    points = points[np.isfinite(points).all(1)]
    if not len(points):
        return 0, 0, width, height
    sizes = image.pose.extent_px[np.isfinite(image.pose.extent_px)]
    room = MARGIN * float(sizes.max()) if sizes.size else LEAST_PX
    middle = (points.min(0) + points.max(0)) / 2
    half = max(float((points.max(0) - points.min(0)).max()) / 2 + room, LEAST_PX / 2)
    x0, y0 = (max(0, int(value)) for value in middle - half)
    x1 = min(width, int(middle[0] + half) + 1)
    y1 = min(height, int(middle[1] + half) + 1)
    return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)


def _draw_masks(
    canvas: NDArray[np.uint8], judgement: Judgement, image: Judged, part: tuple[int, int, int, int]
) -> None:
    x0, y0, x1, y1 = part
    shape = (image.sample.image.shape[0], image.sample.image.shape[1])
    for number, name in enumerate(judgement.card.mask_classes):
        layers = [(mask_image(image.seen.masks, name, shape), 1, (255, 255, 0))]
        if image.sample.mask is not None:
            layers.insert(0, (image.sample.mask == number + 1, 3, (0, 120, 120)))
        for mask, thickness, colour in layers:
            fine = cv2.resize(
                mask[y0:y1, x0:x1].astype(np.uint8),
                (canvas.shape[1], canvas.shape[0]),
                interpolation=cv2.INTER_NEAREST,
            )
            lines, _ = cv2.findContours(fine, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
            cv2.drawContours(canvas, lines, -1, colour, thickness, cv2.LINE_AA)


def _draw_rings(canvas: NDArray[np.uint8], xy: NDArray[np.float32]) -> None:
    for number, place in enumerate(xy):
        if np.isfinite(place).all():
            cv2.circle(canvas, _pixel(place), 8, colour_of(number), 2, cv2.LINE_AA)


def _draw_skeleton(
    canvas: NDArray[np.uint8], xy: NDArray[np.float32], edges: Sequence[tuple[int, int]]
) -> None:
    for start, end in edges:
        if np.isfinite(xy[[start, end]]).all():
            ends = _pixel(xy[start]), _pixel(xy[end])
            cv2.line(canvas, *ends, (255, 255, 255), 1, cv2.LINE_AA)
    for number, place in enumerate(xy):
        if np.isfinite(place).all():
            cv2.circle(canvas, _pixel(place), 3, colour_of(number), -1, cv2.LINE_AA)


def colour_of(number: int) -> tuple[int, int, int]:
    """Return the RGB colour of a keypoint."""
    red, green, blue = COLOURS[number % len(COLOURS)].tolist()
    return red, green, blue


def _pixel(place: NDArray[np.float32]) -> tuple[int, int]:
    return round(float(place[0])), round(float(place[1]))
