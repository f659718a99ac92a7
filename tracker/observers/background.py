"""What is animal by its difference from the empty arena, which is learned as one goes."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol, assert_never

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tracker.errors import ConfigError
from tracker.observers.background_models import Image, Mixture, RunningMedian, SampledMedian
from tracker.observers.shape import Grey
from tracker.observers.silhouettes import Contour, SilhouetteSettings
from tracker.observers.threshold import BLACK, EVERY_PX, Polarity, is_black

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

N_SAMPLES = 1_200
"""Pixels by which the light of the whole picture is judged, about."""

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
    empty: Path | None = Field(
        None,
        description="picture of the empty arena, as large as the camera's; null: the arena is "
        "learned from the first frame on",
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
        self._picture, self._sha256 = None, None
        if settings.empty is not None:
            self._picture, self._sha256 = read_picture(settings.empty)
        self._arena: _Arena | None = None
        self._is_sure = False

    @property
    def facts(self) -> Mapping[str, Any]:
        """Hash of the picture of the empty arena."""
        return {} if self._sha256 is None else {"empty_sha256": self._sha256}

    @property
    def knows_nobody(self) -> bool:
        """Whether the arena is known to have been empty: by its picture, or as somebody came."""
        return self._is_sure

    @property
    def empty(self) -> Grey | None:
        """The arena without animals, as far as it is known; None before any frame."""
        return None if self._arena is None else self._arena.now.copy()

    def start(self, place: Grey) -> None:
        """Forget the arena; begin with the picture of it, if there is one.

        Raises:
            ConfigError: If the picture has another size.
        """
        self._samples = _Samples(place)
        self._mask = np.empty(place.shape, np.uint8)
        self._arena = None
        self._animals: Sequence[Contour] = ()
        self._learn_ns = 0
        self._is_sure = False
        if self._picture is not None:
            if self._picture.shape != place.shape:
                raise ConfigError(
                    f"observer.empty, {self._settings.empty}, is a picture of "
                    f"{_size(self._picture)} px, but the camera gives "
                    f"{_size(place)}: make one of this camera, `tracker tune CONFIG --empty "
                    f"FILE.png`"
                )
            self._begin(self._picture.astype(np.float32), 0)

    def foreground(self, grey: Grey, captured_ns: int) -> Grey | None:
        """Return what differs; None if the picture is black, or all the light has changed."""
        some = self._samples.of(grey)
        if some.max() < BLACK and is_black(grey):
            return None
        if self._arena is None:
            self._begin(grey.astype(np.float32), captured_ns)
        assert self._arena is not None  # noqa: S101 - `_begin` has made it
        gain = self._arena.gain(some)
        if not GAINS[0] <= gain <= GAINS[1]:
            self._begin_anew(grey, captured_ns, self._arena, gain)
            return None
        if self._picture is not None and not self._is_sure:
            self._is_sure = self._arena.is_like(some, gain)
            if not self._is_sure:
                return None
        limit = self._arena.limit(gain)
        way = cv2.CMP_LT if self._sign > 0 else cv2.CMP_GT
        mask = _u8(cv2.compare(grey, limit, way, dst=self._mask))
        changed = self._samples.of(mask)
        if np.count_nonzero(changed) > SHARE_CHANGED * len(changed):
            self._begin_anew(grey, captured_ns, self._arena, gain)
            return None
        suspects = self._model.suspects(grey)
        return mask if suspects is None else _u8(cv2.bitwise_and(mask, suspects))

    def begin_with(self, picture: Grey) -> None:
        """Take this for the picture of the empty arena, from the next `start` on."""
        self._picture = picture

    def pictures(self, grey: Grey) -> Sequence[tuple[str, Grey]]:
        """Return the empty arena, and by how much the frame differs."""
        if self._arena is None:
            return []
        lit = self._arena.lit(self._arena.gain(self._samples.of(grey)))
        apart = cv2.subtract(lit, grey) if self._sign > 0 else cv2.subtract(grey, lit)
        how = "darker" if self._sign > 0 else "lighter"
        return [
            ("the empty arena, in this frame's light", lit),
            (
                f"{how} than it by (x 2; animal above {self._settings.difference})",
                _u8(cv2.add(apart, apart)),
            ),
        ]

    def learn(self, grey: Grey, captured_ns: int, animals: Sequence[Contour]) -> None:
        """Learn the arena around these animals, if it is time to."""
        self._animals = animals
        self._is_sure |= len(animals) > 0
        if self._arena is None or captured_ns < self._learn_ns:
            return
        self._learn_ns = captured_ns + round(self._settings.learn_every_s * 1e9)
        before = self._arena.empty
        hidden = _hidden(animals, grey.shape)
        image = np.where(hidden, before, grey)
        after = self._model.learn(image, before)
        factor = _drift(before, after, hidden)
        self._arena = self._arena_of(np.where(hidden, before * factor, after))

    def _begin(self, empty: Image, captured_ns: int) -> None:
        self._model = _make(self._settings, self._sign)
        self._learn_ns = captured_ns + round(self._settings.learn_every_s * 1e9)
        self._arena = self._arena_of(self._model.learn(empty, empty))

    def _arena_of(self, empty: Image) -> "_Arena":
        return _Arena(empty, self._samples, self._sign * self._settings.difference)

    def _begin_anew(self, grey: Grey, captured_ns: int, arena: "_Arena", gain: float) -> None:
        """Learn the arena from this frame; not in place of a picture that nothing was like yet."""
        if self._picture is not None and not self._is_sure:
            return
        hidden = _hidden(self._animals, grey.shape)
        below = arena.empty * np.float32(gain)
        self._begin(np.where(hidden, below, grey).astype(np.float32), captured_ns)


class _Samples:
    """Some pixels of where animals can be, evenly spaced, to judge all of it by.

    Args:
        place: 255 where animals can be.
    """

    def __init__(self, place: Grey) -> None:
        self._step = max(1, math.isqrt(place.size // N_SAMPLES))
        inside = np.flatnonzero(place[:: self._step, :: self._step])
        n = place[:: self._step, :: self._step].size
        self._inside = inside if 0 < len(inside) < n else None  # a place may lie between them all

    def of(self, image: Grey) -> Grey:
        """Return their values, row by row."""
        some = image[:: self._step, :: self._step].ravel()
        return some if self._inside is None else some.take(self._inside)


class _Arena:
    """The empty arena at one time.

    Args:
        empty: float32, (height, width).
        samples: Where the light is measured.
        difference: Grey values by which animals are darker at least; below 0: lighter.
    """

    def __init__(self, empty: Image, samples: _Samples, difference: int) -> None:
        self.empty = np.clip(empty, 0, 255, dtype=np.float32)
        self.now = _u8(cv2.convertScaleAbs(self.empty))
        self._difference = difference
        self._limit = self._beyond(self.now)
        self._some = samples.of(self.now)
        self._share = np.float32(1) / np.maximum(self._some, 1)
        self._is_dark = float(np.median(self._some)) < DARK_FLOOR

    def gain(self, some: Grey) -> float:
        """Return by which factor a frame is lighter, by its samples; 1 if that cannot be told."""
        if self._is_dark:
            return 1.0
        ratio = some * self._share
        middle = len(ratio) // 2
        ratio.partition(middle)
        return float(ratio[middle])

    def is_like(self, some: Grey, gain: float) -> bool:
        """Whether most of a frame, by its samples, is neither darker nor lighter than expected."""
        apart = np.abs(some - self._some * np.float32(gain))
        return bool(np.mean(apart > abs(self._difference)) <= SHARE_CHANGED)

    def lit(self, gain: float) -> Grey:
        """Return the arena in light by a factor stronger."""
        return _u8(cv2.convertScaleAbs(self.now, alpha=1.0 if abs(gain - 1) < STEADY else gain))

    def limit(self, gain: float) -> Grey:
        """Return what animals are darker (or lighter) than, in light by a factor stronger."""
        return self._limit if abs(gain - 1) < STEADY else self._beyond(self.lit(gain))

    def _beyond(self, lit: Grey) -> Grey:
        if self._difference > 0:
            return _u8(cv2.subtract(lit, self._difference))  # type: ignore[call-overload]
        return _u8(cv2.add(lit, -self._difference))  # type: ignore[call-overload]


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


def _size(picture: Grey) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"


def _u8(values: Any) -> Grey:
    return np.asarray(values, np.uint8)


def read_picture(path: Path) -> tuple[Grey, str]:
    """Return a picture as grey values, and the hash of its file.

    Raises:
        ConfigError: If it cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"observer.empty, {path}, cannot be read: {error.strerror}; expected a picture of the "
            f"empty arena, which `tracker tune CONFIG --empty FILE.png` makes"
        ) from None
    picture = (
        cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE) if content else None
    )
    if picture is None:
        raise ConfigError(f"observer.empty, {path}, is no picture: expected PNG, TIFF or JPEG")
    return _u8(picture), hashlib.sha256(content).hexdigest()
