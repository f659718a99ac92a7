"""Measures every animal, frame by frame."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tracker.arena import Arena
from tracker.features.body import Body
from tracker.features.catalogue import Catalogue, Quantity
from tracker.features.scene import Scene
from tracker.features.settings import FeatureSettings
from tracker.geometry import mapped
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
        self._arena = arena
        self._to_reference: NDArray[np.float64] | None = None
        self._is_bare = arena.is_bare
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
        xy: NDArray[np.floating] = observation.xy
        if xy.shape[1] != self._n_keypoints:
            raise ValueError(
                f"frame {observation.frame_index}: {xy.shape[1]} keypoints were "
                f"seen, but the skeleton has {self._n_keypoints}"
            )
        if not self._is_bare:
            xy = self._on_floor(xy)
        scene, n_seen = self._scene, len(xy)
        scene.now_ns = observation.captured_ns
        scene.measures = observation.measures
        scene.class_scores = observation.class_scores
        for number, body in enumerate(self._bodies):
            if number < n_seen:
                x_px, y_px = xy[number].T.tolist()
            else:
                x_px = y_px = self._nobody
            body.update(x_px, y_px, observation.captured_ns)
        return {name: measure() for name, measure in self._measured}

    def see_from(self, to_reference: NDArray[np.float64] | None) -> None:
        """Take positions from now on to be seen by a camera that was moved.

        Speeds begin anew: a camera that jumps is no animal that does.

        Args:
            to_reference: Homography (3, 3) from sensor px now to those for which the arena was
                set up; None: the camera is as it was.
        """
        self._to_reference = to_reference
        self._is_bare = to_reference is None and self._arena.is_bare
        for body in self._bodies:
            body.reset()

    def refuse_images(self, shape: tuple[int, ...]) -> None:
        """Refuse images for which the arena was not set up. Raises `CalibrationError`."""
        self._arena.refuse_other(shape)

    def _on_floor(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        at = xy.astype(np.float64)
        if self._to_reference is not None:
            at = mapped(self._to_reference, at)
        return self._arena.to_floor(at)

    def reset(self) -> None:
        """Forget all frames, as if new. Twice does no harm."""
        for body in self._bodies:
            body.reset()
        for memory in self._scene.memories:
            memory.reset()
