"""Measures every animal, frame by frame."""

import math
from collections.abc import Iterable, Mapping, Sequence

from tracker.arena import Arena
from tracker.features.body import Body
from tracker.features.catalogue import Catalogue, Quantity
from tracker.features.scene import Scene
from tracker.features.settings import FeatureSettings
from tracker.types import Observation, Skeleton


class FeatureExtractor:
    """Measures what is wanted of the animals, frame by frame; used by one thread.

    Every value is NaN where it cannot be known, never 0. What there is, and what each of it means,
    stands in docs/features.md. A speed needs the animal in the present frame, and at least three
    positions that fill half a window. A skeleton whose rear and front are one keypoint has no
    heading and length.

    Args:
        settings: How to measure, and what to write down.
        skeleton: Keypoints of the observations.
        arena: Scale and zones.
        measures: Names of those measures of every observation that are features as well.
        wanted: What else is needed, by rules and controllers.

    Raises:
        UnknownName: If the settings name a keypoint or a feature that is not there.
        ConfigError: If they name one that is not written as it should be.
    """

    def __init__(
        self,
        settings: FeatureSettings,
        skeleton: Skeleton,
        arena: Arena,
        measures: Sequence[str] = (),
        wanted: Iterable[Quantity] = (),
        catalogue: Catalogue | None = None,
    ) -> None:
        catalogue = catalogue or Catalogue(settings, skeleton, arena, measures)
        chosen = (
            catalogue.standard
            if settings.recorded is None
            else [catalogue.find_text(text, "features.recorded") for text in settings.recorded]
        )
        quantities = {each.name: each for each in (*chosen, *wanted)}
        self._units = {name: each.unit for name, each in quantities.items()}
        self._group_delay_s = {name: each.delay_s for name, each in quantities.items()}
        self._moves = any(each.moves for each in quantities.values())
        self._min_fps = 4 / settings.window_s if self._moves else 0.0
        self._n_keypoints = len(skeleton.keypoints)
        self._nobody = [math.nan] * self._n_keypoints
        moving = {number for each in quantities.values() if each.moves for number in each.animals}
        n_animals = 1 + max((n for each in quantities.values() for n in each.animals), default=0)
        self._bodies = [
            Body(settings, skeleton, arena.scale, moves=number in moving)
            for number in range(n_animals)
        ]
        self._scene = Scene(self._bodies, arena, settings.window_s)
        self._measured = [(name, each.make(self._scene)) for name, each in quantities.items()]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in the order of every update."""
        return tuple(self._units)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit by name; "1" for none."""
        return self._units

    @property
    def group_delay_s(self) -> Mapping[str, float]:
        """How far each feature lags behind the animal (s), apart from half a frame."""
        return self._group_delay_s

    @property
    def min_fps(self) -> float:
        """Frames per second below which the speeds stay NaN: their window holds too few."""
        return self._min_fps

    def update(self, observation: Observation) -> dict[str, float]:
        """Return the features of this frame.

        Frames come in the order of their capture times; some may be missing.

        Raises:
            ValueError: If the observation has other keypoints than the skeleton.
            ConfigError: If a user's own feature failed.
        """
        xy = observation.xy
        if xy.shape[1] != self._n_keypoints:
            raise ValueError(
                f"frame {observation.frame_index}: {xy.shape[1]} keypoints were "
                f"seen, but the skeleton has {self._n_keypoints}"
            )
        scene, n_seen = self._scene, len(xy)
        scene.now_ns = observation.captured_ns
        scene.measures = observation.measures
        for number, body in enumerate(self._bodies):
            if number < n_seen:
                x_px, y_px = xy[number].T.tolist()
            else:
                x_px = y_px = self._nobody
            body.update(x_px, y_px, observation.captured_ns)
        return {name: measure() for name, measure in self._measured}

    def reset(self) -> None:
        """Forget all frames, as if new. Twice does no harm."""
        for body in self._bodies:
            body.reset()
        for memory in self._scene.memories:
            memory.reset()
