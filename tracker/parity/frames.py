"""The features of many frames, and the episodes that follow from them."""

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.behaviours.base import Adjustable
from tracker.build_watches import build_watches
from tracker.config import Experiment
from tracker.replay.changes_again import ChangesAgain
from tracker.types import Episode, FrameResult, Observation
from tracker.watching import Watching

_NOBODY = np.zeros((0, 0, 2), np.float32), np.zeros((0, 0), np.float32)


@dataclass(frozen=True, slots=True)
class FrameFeatures:
    """Features of frames in order.

    Attributes:
        indices: Camera's count, shape (frames,).
        captured_ns: Capture times (ns), shape (frames,).
        values: Values by name, each of shape (frames,); NaN where not known.
    """

    indices: NDArray[np.int64]
    captured_ns: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]

    def centred(self, group_delay_s: Mapping[str, float]) -> "FrameFeatures":
        """Return the same without their delay, as if one had looked ahead.

        A live window ends at its frame; its value is that of its middle, half a window and half a
        frame before (`FeatureExtractor`). So the value of the window around a frame is
        the live one of the frame that comes so much later: of the frame closest to that moment,
        NaN if none lies within a frame of it.

        Args:
            group_delay_s: By feature (s), apart from half a frame; 0 for those without a window.
        """
        times = self.captured_ns
        period_ns = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
        values = dict(self.values)
        for name, delay_s in group_delay_s.items():
            if delay_s > 0:
                values[name] = self._from_later(name, delay_s * 1e9 + period_ns / 2, period_ns)
        return FrameFeatures(self.indices, times, values)

    def _from_later(self, name: str, lag_ns: float, period_ns: float) -> NDArray[np.float64]:
        times, live = self.captured_ns, self.values[name]
        if not len(times):
            return live
        wanted = times + lag_ns
        after = np.minimum(np.searchsorted(times, wanted), len(times) - 1)
        before = np.maximum(after - 1, 0)
        nearest = np.where(wanted - times[before] <= times[after] - wanted, before, after)
        is_there = np.abs(times[nearest] - wanted) <= period_ns
        return np.where(is_there, live[nearest], math.nan)


class FeatureCollector:
    """Keeps the features of results, 8 bytes each.

    Args:
        names: Of the features.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._indices, self._times = array("q"), array("q")
        self._values = {name: array("d") for name in names}

    def take(self, result: FrameResult) -> None:
        """Keep those of one frame."""
        self._indices.append(result.observation.frame_index)
        self._times.append(result.observation.captured_ns)
        for name, value in result.features.items():
            self._values[name].append(value)

    def features(self) -> FrameFeatures:
        """Return all that was kept."""
        return FrameFeatures(
            np.array(self._indices, np.int64),
            np.array(self._times, np.int64),
            {name: np.array(values, np.float64) for name, values in self._values.items()},
        )


def episodes_from(
    features: FrameFeatures,
    experiment: Experiment,
    group_delay_s: Mapping[str, float],
    changes: ChangesAgain,
) -> list[Episode]:
    """Return the episodes that an experiment's rules see in features, in the order of their ends.

    Args:
        features: Of frames in order.
        experiment: Whose rules count.
        group_delay_s: By feature (s).
        changes: Of thresholds, made live.

    Raises:
        ConfigError: If a rule names a feature that is not there.
    """
    names = list(features.values)
    watches = build_watches(experiment, names, group_delay_s)
    watching = Watching(watches)
    behaviours = {watch.behaviour.name: watch.behaviour for watch in watches}

    def move(behaviour: str, place: int, to: float) -> None:
        found = behaviours[behaviour]
        if isinstance(found, Adjustable):
            found.move_threshold(place, to)

    episodes: list[Episode] = []
    columns = [features.values[name].tolist() for name in names]
    moments = zip(features.indices.tolist(), features.captured_ns.tolist(), strict=True)
    for (index, captured_ns), *values in zip(moments, *columns, strict=True):
        changes.before(index, move)
        nothing = Observation(index, captured_ns, *_NOBODY)  # rules look at features alone
        here = dict(zip(names, values, strict=True))
        _, events = watching.step(nothing, here)
        episodes += [each for each in events if isinstance(each, Episode)]
    return [*episodes, *watching.finish()]
