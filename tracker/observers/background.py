"""What is animal by its difference from the empty arena, which is learned as one goes."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal, Protocol, assert_never

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tracker.observers.background_models import Image, Mixture, RunningMedian, SampledMedian
from tracker.observers.shape import Grey
from tracker.observers.silhouettes import Contour, SilhouetteSettings
from tracker.observers.threshold import EVERY_PX, Polarity, is_black

GAINS = 0.4, 2.5
"""Between these, a change of all the light at once is made up for by one factor."""

SHARE_CHANGED = 0.4
"""If more of the place than this has changed, it was the light and no animal."""

MARGIN_PX = 7
"""So far around an animal nothing is learned: its shadow, its fur, its next step (px)."""

DRIFT = 3.0
"""A pixel counts with no more than this in how the arena changed around an animal (grey values)."""

STEADY = 0.01
"""A smaller change of all the light is none: the camera's noise."""

DARK_FLOOR = 16.0
"""Below this median grey value a factor means nothing, and light is not made up for."""


class Estimator(StrEnum):
    """How the empty arena is learned."""

    RUNNING_MEDIAN = "running_median"
    MEDIAN = "median"
    MOG2 = "mog2"


class BackgroundSettings(SilhouetteSettings):
    """Pixels that differ from the empty arena are animal."""

    kind: Literal["background"] = "background"
    estimator: Estimator = Field(
        Estimator.RUNNING_MEDIAN, description="how the empty arena is learned"
    )
    polarity: Polarity = Field(
        Polarity.DARK, description="whether animals are darker or lighter than the floor"
    )
    difference: int = Field(
        30, ge=2, le=254, description="grey values; what differs by more is animal"
    )
    learn_every_s: float = Field(
        0.5, gt=0, le=3600, description="s from one frame that is learned from to the next"
    )


class Model(Protocol):
    """Learns what each pixel is when no animal is there."""

    def learn(self, image: Image, before: Image) -> Image:
        """Return the empty arena after one more frame, in which no animal is."""

    def suspects(self, grey: Grey) -> Grey | None:
        """Return 255 where a frame is nothing usual; None: the difference alone says it."""


class Background:
    """Pixels that are darker (or lighter) than the empty arena by more than `difference`.

    The arena is learned every `learn_every_s`, by capture times, and nowhere near an animal: one
    that sleeps stays an animal. Below it the arena is taken to have changed by the same factor as
    around it. What is lighter than the arena where animals are dark is no animal: one that was
    taken for arena in the first frame has gone. A change of all the light within a factor is made
    up for at once; if 40 % of the place has changed all the same, nothing is said of that frame,
    and it becomes the arena, but for where animals were last seen.
    """

    def __init__(self, settings: BackgroundSettings) -> None:
        self._settings = settings
        self._sign = 1 if settings.polarity is Polarity.DARK else -1
        self._arena: _Arena | None = None

    @property
    def facts(self) -> Mapping[str, Any]:
        """Nothing beyond the settings."""
        return {}

    @property
    def empty(self) -> Grey | None:
        """The arena without animals, as far as it is known; None before any frame."""
        return None if self._arena is None else self._arena.now.copy()

    def start(self, place: Grey) -> None:
        """Forget the arena."""
        inside = np.flatnonzero(place[::EVERY_PX, ::EVERY_PX])
        every = np.arange(place[::EVERY_PX, ::EVERY_PX].size)
        self._inside = inside if len(inside) else every  # a place may lie between them all
        self._arena = None
        self._animals: Sequence[Contour] = ()
        self._learn_ns = 0

    def foreground(self, grey: Grey, captured_ns: int) -> Grey | None:
        """Return what differs; None if the picture is black, or all the light has changed."""
        if is_black(grey):
            return None
        if self._arena is None:
            self._begin(grey.astype(np.float32), captured_ns)
        assert self._arena is not None  # noqa: S101 - `_begin` has made it
        gain = self._arena.gain(grey)
        if not GAINS[0] <= gain <= GAINS[1]:
            self._begin_anew(grey, captured_ns, self._arena, gain)
            return None
        lit = self._arena.lit(gain)
        apart = cv2.subtract(lit, grey) if self._sign > 0 else cv2.subtract(grey, lit)
        mask = _u8(cv2.threshold(apart, self._settings.difference, 255, cv2.THRESH_BINARY)[1])
        changed = _some(mask, self._inside)
        if np.count_nonzero(changed) > SHARE_CHANGED * len(changed):
            self._begin_anew(grey, captured_ns, self._arena, gain)
            return None
        suspects = self._model.suspects(grey)
        return mask if suspects is None else _u8(cv2.bitwise_and(mask, suspects))

    def learn(self, grey: Grey, captured_ns: int, animals: Sequence[Contour]) -> None:
        """Learn the arena around these animals, if it is time to."""
        self._animals = animals
        if self._arena is None or captured_ns < self._learn_ns:
            return
        self._learn_ns = captured_ns + round(self._settings.learn_every_s * 1e9)
        before = self._arena.empty
        hidden = _hidden(animals, grey.shape)
        image = np.where(hidden, before, grey)
        after = self._model.learn(image, before)
        factor = _drift(before, after, hidden)
        self._arena = _Arena(np.where(hidden, before * factor, after), self._inside)

    def _begin(self, empty: Image, captured_ns: int) -> None:
        self._model = _make(self._settings, self._sign)
        self._learn_ns = captured_ns + round(self._settings.learn_every_s * 1e9)
        self._arena = _Arena(self._model.learn(empty, empty), self._inside)

    def _begin_anew(self, grey: Grey, captured_ns: int, arena: "_Arena", gain: float) -> None:
        hidden = _hidden(self._animals, grey.shape)
        below = arena.empty * np.float32(gain)
        self._begin(np.where(hidden, below, grey).astype(np.float32), captured_ns)


class _Arena:
    """The empty arena at one time.

    Args:
        empty: float32, (height, width).
        inside: Which of every eighth pixel, row by row, are where animals can be.
    """

    def __init__(self, empty: Image, inside: NDArray[np.intp]) -> None:
        self.empty = np.clip(empty, 0, 255, dtype=np.float32)
        self.now = _u8(cv2.convertScaleAbs(self.empty))
        self._inside = inside
        known = _some(self.now, inside)
        self._share = np.float32(1) / np.maximum(known, 1)
        self._is_dark = float(np.median(known)) < DARK_FLOOR

    def gain(self, grey: Grey) -> float:
        """Return by which factor a frame is lighter; 1 if by less than can be told."""
        if self._is_dark:
            return 1.0
        ratio = _some(grey, self._inside) * self._share
        middle = len(ratio) // 2
        return float(np.partition(ratio, middle)[middle])

    def lit(self, gain: float) -> Grey:
        """Return the arena in light by a factor stronger."""
        if abs(gain - 1) < STEADY:
            return self.now
        return _u8(cv2.convertScaleAbs(self.now, alpha=gain))


def _make(settings: BackgroundSettings, sign: int) -> Model:
    match settings.estimator:
        case Estimator.RUNNING_MEDIAN:
            return RunningMedian(settings.difference, sign)
        case Estimator.MEDIAN:
            return SampledMedian()
        case Estimator.MOG2:
            return Mixture()
        case _:
            assert_never(settings.estimator)


def _hidden(animals: Sequence[Contour], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return where animals are, and a margin around them."""
    drawn = np.zeros(shape, np.uint8)
    cv2.drawContours(drawn, animals, -1, 255, cv2.FILLED)
    cv2.drawContours(drawn, animals, -1, 255, 2 * MARGIN_PX + 1)
    return drawn > 0


def _drift(before: Image, after: Image, hidden: NDArray[np.bool_]) -> np.float32:
    """Return the factor by which the arena that is not hidden has changed."""
    known = ~hidden[::EVERY_PX, ::EVERY_PX]
    old, new = before[::EVERY_PX, ::EVERY_PX][known], after[::EVERY_PX, ::EVERY_PX][known]
    level = float(old.sum(dtype=np.float64))
    if not level:
        return np.float32(1)
    change = np.clip(new - old, -DRIFT, DRIFT).sum(dtype=np.float64)
    return np.float32(1 + change / level)


def _some(image: Grey, inside: NDArray[np.intp]) -> Grey:
    return _u8(image[::EVERY_PX, ::EVERY_PX].ravel().take(inside))


def _u8(values: Any) -> Grey:
    return np.asarray(values, np.uint8)
