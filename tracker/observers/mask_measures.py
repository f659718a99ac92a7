"""What is read from the masks of a frame: area, and what changed since the frame before.

Masks are not written down; these numbers are, among the measures of the observation, so that a
replay has them.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tracker.errors import ConfigError
from tracker.observers.base import Observer, ObserverAround
from tracker.types import Frame, Masks, Observation

COVERED = 128
"""From this coverage (0 to 255) a cell belongs to the animal."""

KINDS = ("mask_area_px2", "mask_change_px2", "mask_moving_percent")
"""What can be measured of the mask:

- area: cells of the mask times what a cell covers (px²).
- change: change of coverage since the frame before, summed over cells, times that (px²).
- moving: cells in one of the two masks but not in both, per cell of the present one (%).
"""


class MaskMeasuresObserver(ObserverAround):
    """An observer that also measures the mask; everything else is the other observer's.

    The mask is that of the first class; where a network has those of individuals alone, all of them
    together. A change is NaN if there was no mask in the frame before, or on another grid (a crop
    that moved).

    Args:
        observer: Sees the animals.
        wanted: Names of measures.
        has_masks: Whether the other observer makes masks.

    Raises:
        ConfigError: If the other observer makes no masks.
    """

    def __init__(self, observer: Observer, wanted: Sequence[str], *, has_masks: bool) -> None:
        if not has_masks:
            raise ConfigError(
                f"a rule looks at {', '.join(wanted)}, but the network makes no masks: choose one "
                f"that does (mask_classes in its card), or another feature"
            )
        super().__init__(observer)
        self._wanted = tuple(wanted)
        self._before: tuple[tuple[float, ...], NDArray[np.uint8]] | None = None

    def observe(self, frame: Frame) -> Observation:
        """Return what is seen, masks among the measures; raises as the other observer."""
        seen = self._observer.observe(frame)
        found = self._measure(seen.masks)
        measures = {name: found.get(name, math.nan) for name in self._wanted}
        return replace(seen, measures={**seen.measures, **measures})

    def _measure(self, masks: Masks | None) -> dict[str, float]:
        before, self._before = self._before, None
        if masks is None or not masks.names:
            return {}
        is_own = masks.names[0].startswith("individual ")
        mask: NDArray[np.uint8] = masks.coverage.max(axis=0) if is_own else masks.coverage[0]
        grid = (masks.x0_px, masks.y0_px, masks.step_x_px, masks.step_y_px, *mask.shape)
        self._before = grid, mask
        cell_px2 = masks.step_x_px * masks.step_y_px
        there = mask >= COVERED
        n_there = int(np.count_nonzero(there))
        change = moving = math.nan
        if before is not None and before[0] == grid:
            sums = np.abs(mask.astype(np.int16) - before[1]).sum(dtype=np.int64)
            change = float(sums) / 255 * cell_px2
            if n_there:
                moved = int(np.count_nonzero(there != (before[1] >= COVERED)))
                moving = 100 * moved / n_there
        return dict(zip(KINDS, (n_there * cell_px2, change, moving), strict=True))
