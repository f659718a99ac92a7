"""Images from the synthetic camera, each rig with looks of its own."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.cameras.synthetic import MouseScript, SyntheticCameraSettings
from tracker.cameras.synthetic.drawing import Painter
from tracker.learning.recipe import SyntheticSource
from tracker.learning.samples import Sample, Wanted, extent_of, median_of
from tracker.types import Truth

TAIL_SHARE = 0.14
"""Share of the animal's extent; what is thinner is tail."""


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """One image, its number, keypoints (1, keypoints, 2), and where the mouse is, as 0 or 1."""

    index: int
    image: NDArray[np.uint8]
    xy: NDArray[np.float32]
    mask: NDArray[np.uint8] | None


def draw_rigs(source: SyntheticSource, wanted: Wanted) -> list[Sample]:
    """Images of drawn rigs, each rig a group of its own.

    Keypoints that the drawn mouse does not have are not known. The mask is exact, without the
    tail, where there is one class of it, and not known where there are several, since the mouse
    is all one.
    """
    classes = np.full(len(wanted.classes), np.nan, np.float32)
    if source.usable and "usable" in wanted.classes:
        classes[wanted.classes.index("usable")] = 1
    samples: list[Sample] = []
    for rig in range(source.rigs + source.hold_out_rigs):
        drawn = list(_rig(source, wanted, source.seed + rig))
        size = median_of([extent_of(item.xy[0]) for item in drawn])
        bodies = [_without_tail(item.mask, size) for item in drawn]
        samples += [
            Sample(
                image=item.image,
                xy=item.xy,
                group=f"rig {rig}",
                source=source.name,
                size_px=size,
                where=f"{source.name}, rig {rig}, frame {item.index}",
                key=f"rig {rig}/{item.index:06d}",
                mask=body,
                owner=body,
                classes=classes.copy(),
                quantities=np.full(len(wanted.quantities), np.nan, np.float32),
            )
            for item, body in zip(drawn, bodies, strict=True)
        ]
    return samples


def _rig(source: SyntheticSource, wanted: Wanted, seed: int) -> Iterator[_Drawn]:
    settings = SyntheticCameraSettings(
        kind="synthetic", seed=seed, vary_looks=True, paced=False, colour=wanted.channels == 3
    )
    # The camera's own parts, since it paints every frame on the way to the next wanted one.
    painter, script = Painter(settings), MouseScript(settings)
    shape = (settings.height, settings.width, 3)[: 3 if settings.colour else 2]
    for index in range(0, source.frames_per_rig * source.frame_step, source.frame_step):
        body, image = script.body(index), np.empty(shape, np.uint8)
        painter.paint([body], index, image)
        one_class = len(wanted.mask_classes) == 1
        mask = (painter.mask(body) > 0).astype(np.uint8) if one_class else None
        yield _Drawn(index, image, _keypoints(script.truth(index), wanted), mask)


def _without_tail(mask: NDArray[np.uint8] | None, size_px: float) -> NDArray[np.uint8] | None:
    """Body and head: nothing thinner than `TAIL_SHARE`, as in the pseudo-masks of real mice."""
    if mask is None or not np.isfinite(size_px):
        return mask
    side = max(3, round(TAIL_SHARE * size_px))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, disc), np.uint8)


def _keypoints(truth: Truth, wanted: Wanted) -> NDArray[np.float32]:
    xy = np.full((1, len(wanted.keypoints), 2), np.nan, np.float32)
    for number, name in enumerate(wanted.keypoints):
        if name in truth.keypoints:
            xy[0, number] = truth.xy[truth.keypoints.index(name)]
    return xy
