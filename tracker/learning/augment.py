"""Draw a training image: another size, place, angle, light and disturbance each time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.learning.recipe import Augmentation, Range
from tracker.learning.samples import Sample

Image = NDArray[np.uint8]
Points = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Target:
    """How large a training image is, and the animal in it.

    Attributes:
        canvas: Height and width of the image (px).
        size_px: Smallest and largest extent of the animal (px), drawn log-uniformly.
        spread: How far the animal may be from the middle, as a share of the canvas: 0.5
            reaches the border.
    """

    canvas: tuple[int, int]
    size_px: Range
    spread: float


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A training image, and what is known of it.

    Attributes:
        image: uint8, (height, width) grey or (height, width, 3) RGB.
        xy: float32 (individuals, keypoints, 2), px of the image; NaN where the keypoint is
            not in the image or has no label.
        unlabelled: bool (individuals, keypoints): nobody knows where it is.
        middle: float32 (individuals, 2), px: middle of each animal, in the image or not.
        size: Extent of an animal (px).
        mask: uint8 (height, width), as in `Sample`; 255 where not known; None if nowhere known.
        owner: The same of individuals.
        usable: False if the image was spoilt.
    """

    image: Image
    xy: Points
    unlabelled: NDArray[np.bool_]
    middle: Points
    size: float
    mask: NDArray[np.uint8] | None
    owner: NDArray[np.uint8] | None
    usable: bool = True


def augment(
    sample: Sample,
    settings: Augmentation,
    target: Target,
    swap: Sequence[int],
    rng: np.random.Generator,
) -> View:
    """Return one training image of a sample.

    Args:
        sample: To draw it from.
        settings: What may change.
        target: How large the image and the animal in it are to be.
        swap: For each keypoint, the one whose place it takes in a mirror image.
        rng: Draws everything that is random here.
    """
    matrix, flipped = _placement(sample, settings, target, rng)
    image = _warp(sample.image, matrix, target.canvas, rng)
    xy = sample.xy @ matrix[:, :2].T + matrix[:, 2]
    middle = np.array([_middle(one) for one in xy]).reshape(-1, 2)
    if flipped and len(swap):
        xy = xy[:, list(swap)]
    unlabelled = np.asarray(np.isnan(xy).any(-1), np.bool_)
    height, width = target.canvas
    outside = (xy < -0.5).any(-1) | (xy[..., 0] > width - 0.5) | (xy[..., 1] > height - 0.5)
    xy[outside] = np.nan
    if rng.random() < settings.occlusion:
        _disturb(image, rng)
    return View(
        image=_relight(image, settings, rng),
        xy=xy.astype(np.float32),
        unlabelled=unlabelled,
        middle=middle.astype(np.float32),
        size=size_of(sample) * float(np.sqrt(abs(np.linalg.det(matrix[:, :2])))),
        mask=_warp_labels(sample.mask, matrix, target.canvas),
        owner=_warp_labels(sample.owner, matrix, target.canvas),
    )


def spoil(view: View, rng: np.random.Generator) -> View:
    """Return the view as an unusable frame, in which nobody could see an animal.

    Covered (one grey), too dark, too bright, out of focus, nothing but noise, or hidden
    behind something large.
    """
    image = view.image.astype(np.float32)
    kind = rng.integers(0, 6)
    if kind == 0:
        image[:] = rng.uniform(0, 255)
    elif kind == 1:
        image *= rng.uniform(0, 0.06)
    elif kind == 2:
        image = 255 - (255 - image) * rng.uniform(0, 0.04)
    elif kind == 3:
        sigma = float(np.nan_to_num(view.size, nan=40.0) * rng.uniform(0.35, 0.8))
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)
    elif kind == 4:
        noise = rng.uniform(80, 160) * rng.standard_normal(image.shape, dtype=np.float32)
        image = 0.1 * image + 110 + noise
    else:
        _hide(image, view, rng)
    image += rng.uniform(0, 8) * rng.standard_normal(image.shape, dtype=np.float32)
    covered = np.clip(image, 0, 255).astype(np.uint8)
    nowhere = None if view.mask is None else np.full_like(view.mask, 255)
    nobody = None if view.owner is None else np.full_like(view.owner, 255)
    return replace(view, image=covered, mask=nowhere, owner=nobody, usable=False)


def _hide(image: NDArray[np.float32], view: View, rng: np.random.Generator) -> None:
    """Lay a hand or a cage lid over every animal: a large ellipse of one grey.

    If nobody knows of an animal in the image, all of it is covered.
    """
    height, width = image.shape[:2]
    middles = view.middle[np.isfinite(view.middle).all(1)]
    inside = ((middles >= -0.5) & (middles <= np.array([width, height]) - 0.5)).all(1)
    size = float(np.nan_to_num(view.size, nan=40.0))
    grey = (float(rng.uniform(0, 255)),) * 3
    for middle in middles if len(middles) else [(width / 2, height / 2)]:
        x, y = middle + rng.normal(0, 0.1 * size, 2)
        axes = int(size * rng.uniform(0.9, 2)), int(size * rng.uniform(0.9, 2))
        turn = float(rng.uniform(0, 180))
        cv2.ellipse(image, (round(x), round(y)), axes, turn, 0, 360, grey, -1, cv2.LINE_AA)
    if not inside.any():
        image[:] = grey[0]


def _middle(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Middle of the box around one animal's known keypoints; NaN if there are none."""
    known = xy[np.isfinite(xy).all(1)]
    nowhere = np.full(2, np.nan)
    return (known.min(0) + known.max(0)) / 2 if len(known) else nowhere


def size_of(sample: Sample) -> float:
    """Extent of an animal (px); an eighth of the longer side where nobody knows it."""
    height, width = sample.image.shape[:2]
    return sample.size_px if np.isfinite(sample.size_px) else max(height, width) / 8


def _warp_labels(
    labels: NDArray[np.uint8] | None, matrix: NDArray[np.float64], canvas: tuple[int, int]
) -> NDArray[np.uint8] | None:
    """The same placement for a mask; nobody is taken to be beyond its border."""
    if labels is None:
        return None
    warped = cv2.warpAffine(
        labels,
        matrix,
        (canvas[1], canvas[0]),
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(0,),
    )
    return np.asarray(warped, np.uint8)


def _placement(
    sample: Sample,
    settings: Augmentation,
    target: Target,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], bool]:
    """A matrix (2, 3) from the sample's pixels to those of the canvas, and if it mirrors."""
    low, high = np.log(target.size_px)
    height, width = sample.image.shape[:2]
    size = size_of(sample)
    scale = float(np.exp(rng.uniform(low, high))) / size
    angle = np.deg2rad(rng.uniform(-settings.rotation_deg, settings.rotation_deg))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = turn @ _stretch(settings.stretch, rng)
    flipped = bool(settings.flip and rng.random() < 0.5)
    if flipped:
        turn = turn @ np.diag([-1.0, 1.0])
    middle = np.array([width, height]) / 2
    if len(sample.xy):
        chosen = _middle(sample.xy[rng.integers(len(sample.xy))])
        middle = chosen if np.isfinite(chosen).all() else middle
    out_height, out_width = target.canvas
    centre = np.array([out_width, out_height]) / 2
    place = centre + rng.uniform(-target.spread, target.spread, 2) * 2 * centre
    if rng.random() < settings.absent:
        away = rng.uniform(0, 2 * np.pi)
        place = centre + (np.hypot(*centre) + size * scale) * np.array([np.cos(away), np.sin(away)])
    shift = place - turn @ middle
    return np.hstack([turn, shift[:, None]]), flipped


def _stretch(most: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A matrix (2, 2) that lengthens along a random axis as much as it narrows across it."""
    angle = rng.uniform(0, np.pi)
    axis = np.array([np.cos(angle), np.sin(angle)])
    factor = (1 + most) ** rng.uniform(-1, 1)
    matrix: NDArray[np.float64] = np.eye(2) / factor
    matrix += (factor - 1 / factor) * np.outer(axis, axis)
    return matrix


def _warp(
    image: Image, matrix: NDArray[np.float64], canvas: tuple[int, int], rng: np.random.Generator
) -> Image:
    """Halve as the live loop does, then interpolate; the border repeats the edge or is flat."""
    matrix = matrix.copy()
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    while scale <= 0.5 and min(image.shape[:2]) >= 2:
        height, width = image.shape[0] // 2, image.shape[1] // 2
        whole = image[: 2 * height, : 2 * width]
        half = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
        image = np.asarray(half, np.uint8)
        # x = 2 x' + 1/2: the centre of a pixel made of two lies between theirs.
        matrix[:, 2] += 0.5 * (matrix[:, 0] + matrix[:, 1])
        matrix[:, :2] *= 2
        scale *= 2
    flat = rng.random() < 0.5
    grey = float(rng.integers(0, 256)) if rng.random() < 0.5 else 0.0
    warped = cv2.warpAffine(
        image,
        matrix,
        (canvas[1], canvas[0]),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT if flat else cv2.BORDER_REPLICATE,
        borderValue=(grey,) * 3,
    )
    return np.asarray(warped, np.uint8)


def _disturb(image: Image, rng: np.random.Generator) -> None:
    """Draw lines, bars and blobs of any grey over it: cables, droppings, marks, dirt."""
    height, width = image.shape[:2]
    for _ in range(rng.integers(1, 5)):
        grey = (int(rng.integers(0, 256)),) * 3
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        kind = rng.integers(0, 3)
        if kind == 0:
            end = int(rng.integers(0, width)), int(rng.integers(0, height))
            cv2.line(image, (x, y), end, grey, int(rng.integers(1, 3)), cv2.LINE_AA)
        elif kind == 1:
            axes = int(rng.integers(1, 9)), int(rng.integers(1, 9))
            angle = float(rng.uniform(0, 180))
            cv2.ellipse(image, (x, y), axes, angle, 0, 360, grey, -1, cv2.LINE_AA)
        else:
            end = x + int(rng.integers(4, 60)), y + int(rng.integers(2, 12))
            cv2.rectangle(image, (x, y), end, grey, -1)


def _relight(image: Image, settings: Augmentation, rng: np.random.Generator) -> Image:
    """Second exposure, blur, shading, gamma, contrast, offset and noise."""
    if settings.motion_px and rng.random() < 0.3:
        image = _expose_twice(image, settings.motion_px, rng)
    sigma = rng.uniform(0, settings.blur_px)
    if sigma > 0.3:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
    grey = np.arange(256, dtype=np.float32) / 255
    factor = rng.uniform(*settings.light)
    table = 255 * factor * grey ** rng.uniform(*settings.gamma) + rng.uniform(*settings.offset)
    bright: NDArray[np.float32] = table.astype(np.float32)[image]
    bright *= _shading(image.shape, settings.shading, rng)
    noise = rng.uniform(0, settings.noise)
    bright += noise * rng.standard_normal(image.shape, dtype=np.float32)
    return np.clip(bright, 0, 255).astype(np.uint8)


def _expose_twice(image: Image, most_px: float, rng: np.random.Generator) -> Image:
    """Mix in a faint copy beside it: a moving animal, or two fields of an interlaced video."""
    shift = rng.uniform(-most_px, most_px, 2)
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
    size = image.shape[1], image.shape[0]
    copy = cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    share = rng.uniform(0.1, 0.4)
    return np.asarray(cv2.addWeighted(image, 1 - share, copy, share, 0), np.uint8)


def _shading(
    shape: tuple[int, ...], strength: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A smooth field of factors, from 1 - strength to 1, of an image's shape."""
    coarse = (1 - strength * rng.random((3, 4)) * rng.random()).astype(np.float32)
    field = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return field.reshape(*field.shape, *(1 for _ in shape[2:])).astype(np.float32, copy=False)
