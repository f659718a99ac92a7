"""Steadier positions, and where they will be in a moment, out of what was seen up to now.

Everything is driven by capture times, never by a clock, so that uneven frames, lost ones and a
replay come out the same. A keypoint that was not found stays NaN: nothing is made up. What features
see is smoothed; what is recorded and published is what was seen.

- `one_euro`: Casiez, Roussel and Vogel 2012, "1 euro filter: a simple speed-based low-pass filter
  for noisy input in interactive systems": steady at rest, quick in motion.
- `constant_velocity`, `constant_acceleration`: Kalman filters whose velocity (or acceleration) is
  changed by white noise; Bar-Shalom, Li and Kirubarajan 2001, "Estimation with applications to
  tracking and navigation", chapter 6.2.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tracker.settings import Settings
from tracker.types import Observation, Skeleton

Array = NDArray[np.float64]

APPROACH = 1.02
"""Factor by which a running median follows one value."""

LEARNED = 30
"""Lengths after which the median of a segment is believed."""

FAST_PX_S = 1000.0
"""Standard deviation of the velocity of a keypoint that was just found (px/s), and of its
acceleration (px/s²) times ten: more than what animals do, so that the first positions decide."""


class FilterKind(StrEnum):
    """How positions are smoothed."""

    NONE = "none"
    ONE_EURO = "one_euro"
    CONSTANT_VELOCITY = "constant_velocity"
    CONSTANT_ACCELERATION = "constant_acceleration"


class SmoothingSettings(Settings):
    """What features see of positions. Nothing is smoothed unless it is asked for."""

    kind: FilterKind = Field(FilterKind.NONE, description="how positions are smoothed")
    min_cutoff_hz: float = Field(
        1.5, gt=0, le=1000, description="one_euro: Hz, cut-off at rest; lower is steadier"
    )
    beta: float = Field(
        0.02, ge=0, le=100, description="one_euro: Hz per px/s that the cut-off rises in motion"
    )
    speed_cutoff_hz: float = Field(
        2.0, gt=0, le=1000, description="one_euro: Hz, cut-off of the speed that it goes by"
    )
    noise_px: float = Field(
        1.0, gt=0, le=1000, description="Kalman: px, standard deviation of what is seen"
    )
    agility: float = Field(
        1000.0,
        gt=0,
        le=1e9,
        description="Kalman: px/s² (constant_velocity) or px/s³ by which motion changes within a "
        "second, standard deviation; higher follows quicker",
    )
    longest_gap_s: float = Field(
        0.5, gt=0, le=60, description="s without a keypoint after which its filter begins anew"
    )
    predict_ms: float = Field(
        0.0,
        ge=0,
        le=500,
        description="ms from the end of exposure to the moment whose positions features see: the "
        "latency of the loop; needs a kind",
    )
    longest_segment: float | None = Field(
        None,
        gt=1,
        le=100,
        description="times its running median that a segment of the skeleton may be long; beyond, "
        "its worse keypoint counts as not found; null: any length",
    )

    @model_validator(mode="after")
    def _predicts_by_a_filter(self) -> "SmoothingSettings":
        if self.predict_ms and self.kind is FilterKind.NONE:
            raise ValueError(
                "predict_ms needs a kind: without a filter there is no velocity to go on with"
            )
        return self


class Filter(Protocol):
    """Smooths all keypoints of all animals at once."""

    def update(self, xy: Array, found: NDArray[np.bool_], passed_s: float, ahead_s: float) -> Array:
        """Return the positions `ahead_s` after this frame; of what was not found anything.

        Args:
            xy: (animals, keypoints, 2), px; 0 where not found.
            found: (animals, keypoints).
            passed_s: Time since the frame before (s); 0 for the first one.
            ahead_s: How far ahead (s).
        """

    def restart(self, which: NDArray[np.bool_]) -> None:
        """Forget these keypoints, (animals, keypoints): their next position is their first."""


class Smoother:
    """Smooths and predicts the animals' keypoints; used by one thread. State is bounded.

    Args:
        settings: How.
        n_animals: Rows of each observation that are animals; others are passed on as they are.
        skeleton: Its keypoints and segments.
    """

    def __init__(self, settings: SmoothingSettings, n_animals: int, skeleton: Skeleton) -> None:
        shape = n_animals, len(skeleton.keypoints)
        self._settings = settings
        self._n = n_animals
        self._filter = _make(settings, shape)
        self._segments = (
            None
            if settings.longest_segment is None
            else Segments(settings.longest_segment, n_animals, skeleton)
        )
        self._ahead_s = settings.predict_ms / 1000
        self._longest_gap_ns = round(settings.longest_gap_s * 1e9)
        self._seen_ns = np.full(shape, np.iinfo(np.int64).min // 2)
        self._before_ns: int | None = None

    @property
    def group_delay_s(self) -> float:
        """How far positions lag behind an animal in steady motion (s); negative: they lead.

        Of a One-Euro filter the longest: that at rest, 1 / (2π `min_cutoff_hz`). A Kalman filter
        has none, since it knows the velocity.
        """
        at_rest = 0.0
        if self._settings.kind is FilterKind.ONE_EURO:
            at_rest = 1 / (2 * math.pi * self._settings.min_cutoff_hz)
        return at_rest - (self._ahead_s if self._filter is not None else 0.0)

    def delays(
        self, group_delay_s: Mapping[str, float], but: Collection[str] = ()
    ) -> dict[str, float]:
        """Return how far features of smoothed positions lag (s), 0 at least.

        Args:
            group_delay_s: Their own delay, by name.
            but: Those that are not measured from positions.
        """
        mine = self.group_delay_s
        return {
            name: delay_s if name in but else max(delay_s + mine, 0.0)
            for name, delay_s in group_delay_s.items()
        }

    def update(self, observation: Observation) -> Observation:
        """Return the observation with smoothed positions.

        Frames come in the order of their capture times; some may be missing.
        """
        if self._filter is None and self._segments is None:
            return observation
        n = min(self._n, len(observation.confidence))
        shape = self._n, *observation.xy.shape[1:]
        xy = np.full(shape, np.nan)
        xy[:n] = observation.xy[:n]
        if self._segments is not None:
            sure = np.zeros(shape[:2])
            sure[:n] = observation.confidence[:n]
            xy[self._segments.wrong(xy, sure)] = np.nan
        if self._filter is not None:
            xy = self._filtered(self._filter, xy, observation.captured_ns)
        smoothed = observation.xy.copy()
        smoothed[:n] = xy[:n]
        return replace(observation, xy=smoothed)

    def _filtered(self, filtering: Filter, xy: Array, now_ns: int) -> Array:
        found = np.isfinite(xy[..., 0]) & np.isfinite(xy[..., 1])
        passed_s = 0.0 if self._before_ns is None else max(now_ns - self._before_ns, 0) / 1e9
        self._before_ns = now_ns
        filtering.restart(found & (now_ns - self._seen_ns > self._longest_gap_ns))
        self._seen_ns[found] = now_ns
        there = np.where(found[..., None], xy, 0.0)
        smoothed = filtering.update(there, found, passed_s, self._ahead_s)
        return np.where(found[..., None], smoothed, np.nan)


def _make(settings: SmoothingSettings, shape: tuple[int, int]) -> Filter | None:
    match settings.kind:
        case FilterKind.NONE:
            return None
        case FilterKind.ONE_EURO:
            return OneEuro(settings, shape)
        case FilterKind.CONSTANT_VELOCITY:
            return Kalman(2, settings.noise_px, settings.agility, shape)
        case FilterKind.CONSTANT_ACCELERATION:
            return Kalman(3, settings.noise_px, settings.agility, shape)


class OneEuro:
    """A low-pass filter whose cut-off rises with the speed of the keypoint; a `Filter`.

    The speed is that of the positions as they were seen, as in the authors' program: of smoothed
    ones it would be too high by the lag.

    Args:
        settings: Its three numbers.
        shape: Animals and keypoints.
    """

    def __init__(self, settings: SmoothingSettings, shape: tuple[int, int]) -> None:
        self._settings = settings
        self._seen = np.zeros((*shape, 2))
        self._xy = np.zeros((*shape, 2))
        self._velocity = np.zeros((*shape, 2))
        self._age_s = np.full(shape, np.inf)
        """Since the keypoint was found last; infinite: never."""

    def update(self, xy: Array, found: NDArray[np.bool_], passed_s: float, ahead_s: float) -> Array:
        """As `Filter.update`."""
        settings = self._settings
        self._age_s += passed_s
        is_new = ~np.isfinite(self._age_s)
        age_s = np.where(is_new | (self._age_s <= 0), 1.0, self._age_s)
        share = _share(settings.speed_cutoff_hz, age_s)[..., None]
        velocity = self._velocity + share * ((xy - self._seen) / age_s[..., None] - self._velocity)
        speed = np.hypot(velocity[..., 0], velocity[..., 1])
        share = _share(settings.min_cutoff_hz + settings.beta * speed, age_s)[..., None]
        smoothed = self._xy + share * (xy - self._xy)
        first = (is_new & found)[..., None]
        old = (found & ~is_new)[..., None]
        self._seen = np.where(found[..., None], xy, self._seen)
        self._xy = np.where(first, xy, np.where(old, smoothed, self._xy))
        self._velocity = np.where(first, 0.0, np.where(old, velocity, self._velocity))
        self._age_s = np.where(found, 0.0, self._age_s)
        return self._xy + ahead_s * self._velocity

    def restart(self, which: NDArray[np.bool_]) -> None:
        """As `Filter.restart`."""
        self._age_s[which] = np.inf


def _share(cutoff_hz: Array | float, passed_s: Array) -> Array:
    """Return the share of a new value in a low-pass filter of first order."""
    return np.asarray(1 / (1 + 1 / (2 * np.pi * cutoff_hz * passed_s)))


class Kalman:
    """A Kalman filter of each keypoint; x and y have one covariance, so it is kept once.

    Args:
        order: 2: position and velocity; 3: acceleration as well.
        noise_px: Standard deviation of what is seen (px).
        agility: Of the noise that changes the last of them: px/s to the power of `order`, within
            one second.
        shape: Animals and keypoints.
    """

    def __init__(self, order: int, noise_px: float, agility: float, shape: tuple[int, int]) -> None:
        self._order = order
        self._noise2 = noise_px * noise_px
        self._agility2 = agility * agility
        self._state = np.zeros((*shape, order, 2))
        self._covariance = np.zeros((*shape, order, order))
        self._is_new = np.ones(shape, bool)
        self._first = np.diag([self._noise2, FAST_PX_S**2, (10 * FAST_PX_S) ** 2][:order])

    def update(self, xy: Array, found: NDArray[np.bool_], passed_s: float, ahead_s: float) -> Array:
        """As `Filter.update`."""
        move = _move(self._order, passed_s)
        state = move @ self._state
        covariance = move @ self._covariance @ move.T + self._agility2 * _noise(
            self._order, passed_s
        )
        gain = covariance[..., :, 0] / (covariance[..., :1, 0] + self._noise2)
        surprise = xy - state[..., 0, :]
        corrected = state + gain[..., None] * surprise[..., None, :]
        reduced = covariance - gain[..., None] * covariance[..., :1, :]
        old, first = found & ~self._is_new, found & self._is_new
        self._state = np.where(old[..., None, None], corrected, state)
        self._covariance = np.where(old[..., None, None], reduced, covariance)
        self._state[first] = 0.0
        self._state[first, 0] = xy[first]
        self._covariance[first] = self._first
        self._is_new &= ~found
        return np.asarray((_move(self._order, ahead_s) @ self._state)[..., 0, :])

    def restart(self, which: NDArray[np.bool_]) -> None:
        """As `Filter.restart`."""
        self._is_new |= which


def _move(order: int, t: float) -> Array:
    """Return how position, velocity and acceleration go on for a time (s)."""
    return np.array([[1.0, t, t * t / 2], [0.0, 1.0, t], [0.0, 0.0, 1.0]])[:order, :order]


def _noise(order: int, t: float) -> Array:
    """Return the covariance of what white noise of strength 1 does in a time (s)."""
    if order == 2:
        return np.array([[t**3 / 3, t**2 / 2], [t**2 / 2, t]])
    return np.array(
        [
            [t**5 / 20, t**4 / 8, t**3 / 6],
            [t**4 / 8, t**3 / 3, t**2 / 2],
            [t**3 / 6, t**2 / 2, t],
        ]
    )


class Segments:
    """Learns how long each segment of each animal's skeleton is, and finds keypoints that are off.

    A segment longer than `longest` times its running median is odd; a short one is not, since
    animals rear and curl up. Of the keypoints at odd segments the one with the most of them is
    wrong; of several such the one with the least confidence.

    Args:
        longest: Times the median.
        n_animals: Animals.
        skeleton: Its segments are its edges.
    """

    def __init__(self, longest: float, n_animals: int, skeleton: Skeleton) -> None:
        edges = np.array(skeleton.edges, np.intp).reshape(-1, 2)
        self._begin, self._end = edges[:, 0], edges[:, 1]
        self._longest = longest
        self._median = np.zeros((n_animals, len(edges)))
        self._n = np.zeros((n_animals, len(edges)), np.int64)

    def wrong(self, xy: Array, confidence: Array) -> NDArray[np.bool_]:
        """Return which keypoints are wrong, (animals, keypoints), and learn from the others.

        Args:
            xy: (animals, keypoints, 2), px; NaN where not found.
            confidence: (animals, keypoints).
        """
        off = xy[:, self._begin] - xy[:, self._end]
        lengths = np.hypot(off[..., 0], off[..., 1])
        believed = self._n >= LEARNED
        odd = believed & (lengths > self._longest * self._median)
        wrong = np.zeros(xy.shape[:2], bool)
        for animal in np.flatnonzero(odd.any(axis=1)).tolist():
            self._find(odd[animal], confidence[animal], wrong[animal])
        self._learn(lengths, ~(wrong[:, self._begin] | wrong[:, self._end]))
        return wrong

    def _find(self, odd: NDArray[np.bool_], confidence: Array, wrong: NDArray[np.bool_]) -> None:
        odd = odd.copy()
        while odd.any():
            n = np.bincount(
                np.concatenate([self._begin[odd], self._end[odd]]), minlength=len(wrong)
            )
            most = np.flatnonzero(n == n.max())
            worst = most[np.argmin(confidence[most])]
            wrong[worst] = True
            odd &= (self._begin != worst) & (self._end != worst)

    def _learn(self, lengths: Array, right: NDArray[np.bool_]) -> None:
        known = right & np.isfinite(lengths) & (lengths > 0)
        first = known & (self._n == 0)
        self._median[first] = lengths[first]
        low, high = self._median / APPROACH, self._median * APPROACH
        self._median[known] = np.clip(lengths, low, high)[known]
        self._n += known
