"""A user's own features: plain Python functions, loaded from files that the experiment names.

    from tracker.features.own import Seen, feature

    @feature(unit="cm", window_s=0.5)
    def stretch(seen: Seen, before: Sequence[Seen]) -> float:
        return seen.distance("nose", "tail_base")

The function is called once per frame, with that frame and those of the last `window_s` before
it. It must depend on nothing else: no clock, no random number, no file, no global that changes;
otherwise a replay gives other numbers than the session had.
"""

import hashlib
import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tracker.errors import ConfigError
from tracker.features.references import Names
from tracker.features.scene import Measure, Scene
from tracker.units import unit_of

SLOWEST_MS = 2.0
"""A function that takes longer than this for a frame (ms, the best of several) is refused."""

MOST_FRAMES = 2000
"""A window holds no more frames than this, the newest ones."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Where every animal was in one frame, for a user's function.

    Attributes:
        time_s: Capture time (s), from any zero.
        animals: Positions by animal and keypoint, and "centre": (x, y) in cm (px where the arena
            has no scale), NaN where not found.
        measures: Of the observation, by name.
    """

    time_s: float
    animals: Mapping[str, Mapping[str, tuple[float, float]]]
    measures: Mapping[str, float]

    def at(self, name: str) -> tuple[float, float]:
        """Return the place of "nose" (of the first animal) or "b.nose"."""
        animal, dot, part = name.rpartition(".")
        of = self.animals[animal] if dot else next(iter(self.animals.values()))
        return of[part]

    def distance(self, one: str, other: str) -> float:
        """Return the distance between two such places, NaN if one was not found."""
        return math.dist(self.at(one), self.at(other))


Function = Callable[[Seen, Sequence[Seen]], float]


@dataclass(frozen=True, slots=True)
class OwnFeature:
    """One function of a user, and what it promises.

    Attributes:
        name: Of the function.
        unit: Of what it returns.
        window_s: How far back it looks (s).
        delay_s: How far it lags behind the animal (s).
        animals: How many animals it looks at.
        function: Called with the present frame and those before it, oldest first.
        file: Where it stands.
    """

    name: str
    unit: str
    window_s: float
    delay_s: float
    animals: int
    function: Function
    file: str = ""

    def in_scene(self, scene: Scene, names: Names) -> Measure:
        """Return what measures it in a scene."""
        measure = _Measure(self, scene, names)
        scene.lasts(measure)
        return measure


def feature(
    *, unit: str, window_s: float = 0.0, delay_s: float = 0.0, animals: int = 1
) -> Callable[[Function], Function]:
    """Make a feature of a function; it gets the function's name.

    Args:
        unit: Of what it returns, e.g. "cm/s"; "1" for none.
        window_s: How far back it may look (s), 0 to 60.
        delay_s: How far it lags behind the animal (s).
        animals: How many animals it looks at, the first ones of the observation.

    Raises:
        ValueError: If one of these cannot be.
    """
    unit_of(unit)
    if not (0 <= window_s <= 60 and 0 <= delay_s <= 60 and 1 <= animals <= 100):
        raise ValueError("expected window_s and delay_s from 0 to 60, and animals from 1 to 100")

    def mark(function: Function) -> Function:
        own = OwnFeature(function.__name__, unit, window_s, delay_s, animals, function)
        function.tracker_feature = own  # type: ignore[attr-defined] # a mark on the user's function
        return function

    return mark


class _Measure:
    """Calls a function with the present frame and those of its window."""

    def __init__(self, own: OwnFeature, scene: Scene, names: Names) -> None:
        self._own, self._scene = own, scene
        self._keypoints = names.keypoints or ()
        self._animals = names.animals[: own.animals]
        self._before: deque[Seen] = deque(maxlen=MOST_FRAMES)

    def reset(self) -> None:
        self._before.clear()

    def __call__(self) -> float:
        seen = self._seen()
        oldest_s = seen.time_s - self._own.window_s
        while self._before and self._before[0].time_s < oldest_s:
            self._before.popleft()
        value = _call(self._own, seen, tuple(self._before))
        if self._own.window_s > 0:
            self._before.append(seen)
        return value

    def _seen(self) -> Seen:
        scale, animals = self._scene.scale, {}
        for number, animal in enumerate(self._animals):
            body = self._scene.bodies[number]
            places = {
                name: (x / scale, y / scale)
                for name, x, y in zip(self._keypoints, body.x_px, body.y_px, strict=True)
            }
            places["centre"] = body.centre_x_px / scale, body.centre_y_px / scale
            animals[animal] = places
        return Seen(self._scene.now_ns / 1e9, animals, dict(self._scene.measures))


def _call(own: OwnFeature, seen: Seen, before: Sequence[Seen]) -> float:
    """Return what the function says.

    Raises:
        ConfigError: If it failed, or said something that is no number.
    """
    where = f"feature {own.name} of {own.file}"
    try:
        value = own.function(seen, before)
    except Exception as failure:
        raise ConfigError(f"{where} failed: {type(failure).__name__}: {failure}") from failure
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{where} returned {value!r}, expected a number, NaN if it is not known")
    if math.isinf(value):
        raise ConfigError(f"{where} returned {value!r}, expected a finite number or NaN")
    return float(value)


def load_own(files: Sequence[Path]) -> tuple[dict[str, OwnFeature], dict[str, str]]:
    """Return the features of some files by name, and the SHA-256 of each file.

    Raises:
        ConfigError: If a file cannot be loaded or has no feature, or a name is there twice.
    """
    found: dict[str, OwnFeature] = {}
    hashes: dict[str, str] = {}
    for file in files:
        try:
            source = file.read_bytes()
        except OSError as failure:
            raise ConfigError(f"features.files: {file} cannot be read: {failure}") from None
        hashes[str(file)] = hashlib.sha256(source).hexdigest()
        for own in _features_of(file, source):
            if own.name in found:
                raise ConfigError(f"features.files: {own.name} is there twice, last in {file}")
            found[own.name] = own
    return found, hashes


def hashes_of(files: Sequence[Path]) -> dict[str, str]:
    """Return the SHA-256 of each file, for the provenance; "" of one that is not there now."""
    return {
        str(file): hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
        for file in files
    }


def _features_of(file: Path, source: bytes) -> list[OwnFeature]:
    space: dict[str, object] = {"__name__": file.stem, "__file__": str(file)}
    try:
        exec(compile(source, str(file), "exec"), space)  # noqa: S102 - a program of the user's own
    except Exception as failure:
        raise ConfigError(
            f"features.files: {file} cannot be loaded: {type(failure).__name__}: {failure}"
        ) from failure
    marked = [getattr(each, "tracker_feature", None) for each in space.values()]
    found = [each for each in marked if isinstance(each, OwnFeature)]
    if not found:
        raise ConfigError(f"features.files: no function in {file} is marked with @feature(...)")
    return [
        OwnFeature(
            each.name,
            each.unit,
            each.window_s,
            each.delay_s,
            each.animals,
            each.function,
            str(file),
        )
        for each in found
    ]


def try_own(own: OwnFeature, names: Names) -> None:
    """Call a function with animals that are there and with animals that are not.

    Raises:
        ConfigError: If it fails, gives no number, or takes too long for a live loop.
    """
    nan = math.nan
    parts = (*(names.keypoints or ()), "centre")
    for place in ((nan, nan), (1.0, 2.0), (2.0, 1.0)):
        animals = {name: dict.fromkeys(parts, place) for name in names.animals[: own.animals]}
        seen = [Seen(0.01 * i, animals, {}) for i in range(round(own.window_s * 50) + 1)]
        took_ms = math.inf
        for _ in range(5):
            begun = time.perf_counter()
            _call(own, seen[-1], tuple(seen[:-1]))
            took_ms = min(took_ms, (time.perf_counter() - begun) * 1000)
        if took_ms > SLOWEST_MS:
            raise ConfigError(
                f"feature {own.name} of {own.file} takes {took_ms:.1f} ms for one frame, expected "
                f"{SLOWEST_MS:g} ms or less: it would hold up the live loop"
            )
