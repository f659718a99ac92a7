"""Features frame by frame → what a classifier gets, step by step, live and in training alike."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

MOST_LOST = 10
"""Steps without a frame that are made up for, as unknown; after more it begins anew."""

EARLY = 0.05
"""Share of a step by which a frame may come before its step is due: times are not exact."""


class Steps:
    """Means of features over steps of equal length, by capture time; used by one thread.

    A step ends with the first frame that comes `step_s` or more after the first frame of all, or
    a multiple of it. Its inputs are the means of what was known in its frames.

    Args:
        features: Names, in the order of the inputs.
        step_s: Length of a step (s).
    """

    def __init__(self, features: Sequence[str], step_s: float) -> None:
        self._features = tuple(features)
        self._step_ns = round(step_s * 1e9)
        self._early_ns = round(self._step_ns * EARLY)
        self._blank = np.full(len(self._features), math.nan, np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget all frames. Twice does no harm."""
        self._due_ns: int | None = None
        self._begin()

    def take(self, features: Mapping[str, float], now_ns: int) -> list[NDArray[np.float32]] | None:
        """Take in a frame; return the inputs of each step that ends with it, mostly none.

        None: so many frames were lost that what was before counts no more. The frame then is the
        first of all, and `take` has to be asked again.

        Args:
            features: Value by name; NaN where not known.
            now_ns: Capture time (ns).
        """
        if self._due_ns is None:
            self._due_ns = now_ns
        late = now_ns + self._early_ns - self._due_ns
        n_lost = late // self._step_ns
        if n_lost > MOST_LOST:
            self.reset()
            return None
        sums, counts = self._sums, self._counts
        for place, name in enumerate(self._features):
            value = features[name]
            if value == value:  # noqa: PLR0124 - not NaN, in a tenth of the time of math.isnan
                sums[place] += value
                counts[place] += 1
        if late < 0:
            return []
        self._due_ns += (n_lost + 1) * self._step_ns
        means = [s / n if n else math.nan for s, n in zip(sums, counts, strict=True)]
        self._begin()
        return [*[self._blank] * n_lost, np.array(means, np.float32)]

    def _begin(self) -> None:
        self._sums = [0.0] * len(self._features)
        self._counts = [0] * len(self._features)
