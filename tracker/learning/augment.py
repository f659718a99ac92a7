"""Draw a training image: another size, place, angle, light and disturbance each time."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.learning.recipe import Augmentation
from tracker.learning.samples import Sample

Image = NDArray[np.uint8]
Points = NDArray[np.float32]


def augment(
    sample: Sample,
    settings: Augmentation,
    canvas: tuple[int, int],
    swap: Sequence[int],
    rng: np.random.Generator,
) -> tuple[Image, Points]:
    """Return one image of `canvas` (height, width) and where its keypoints are.

    Args:
        sample: To draw it from.
        settings: What may change.
        canvas: Height and width of the image (px).
        swap: For each keypoint, the one whose place it takes in a mirror image.
        rng: Draws everything that is random here.

    Returns:
        The image, uint8, grey or RGB as in the sample; and xy, float32 (keypoints, 2), NaN
        where the keypoint is not in the image or has no label.
    """
    matrix, flipped = _placement(sample, settings, canvas, rng)
    image = _warp(sample.image, matrix, canvas, rng)
    xy = sample.xy @ matrix[:, :2].T + matrix[:, 2]
    if flipped:
        xy = xy[list(swap)]
    height, width = canvas
    inside = (xy >= -0.5).all(1) & (xy[:, 0] <= width - 0.5) & (xy[:, 1] <= height - 0.5)
    xy[~inside] = np.nan
    if rng.random() < settings.occlusion:
        _disturb(image, rng)
    return _relight(image, settings, rng), xy.astype(np.float32)


def _placement(
    sample: Sample,
    settings: Augmentation,
    canvas: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], bool]:
    """A matrix (2, 3) from the sample's pixels to those of the canvas, and if it mirrors."""
    low, high = np.log(settings.size_px)
    height, width = sample.image.shape[:2]
    size = sample.size_px if np.isfinite(sample.size_px) else max(height, width) / 8
    scale = float(np.exp(rng.uniform(low, high))) / size
    angle = np.deg2rad(rng.uniform(-settings.rotation_deg, settings.rotation_deg))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = turn @ _stretch(settings.stretch, rng)
    flipped = bool(settings.flip and rng.random() < 0.5)
    if flipped:
        turn = turn @ np.diag([-1.0, 1.0])
    known = sample.xy[np.isfinite(sample.xy).all(1)]
    middle = known.mean(0) if len(known) else np.array([width, height]) / 2
    out_height, out_width = canvas
    target = rng.uniform((0, 0), (out_width, out_height))
    if rng.random() < settings.absent:
        away = rng.uniform(0, 2 * np.pi)
        target = np.array([out_width, out_height]) / 2 + (
            np.hypot(out_width, out_height) / 2 + size * scale
        ) * np.array([np.cos(away), np.sin(away)])
    shift = target - turn @ middle
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
