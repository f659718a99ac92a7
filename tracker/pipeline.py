"""One frame in, everything that follows from it out.

No thread, no socket, and no clock but the one it is handed: live, replay and tests run the
same object, and the same frames give the same episodes.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tracker.behaviours.base import Adjustable, Learned, Term
from tracker.clock import Clock
from tracker.errors import ConfigError, UnknownName
from tracker.features import FeatureExtractor
from tracker.observers.base import Observer
from tracker.smoothing import Smoother
from tracker.tracking import Tracker
from tracker.types import Episode, Frame, FrameResult, StageTimes
from tracker.watching import Watch, Watching

__all__ = ["Pipeline", "Watch"]


class Pipeline:
    """Observer, tracker, features, behaviours and episodes in a row; used by one thread.

    Args:
        observer: Sees the animal.
        features: Measures what it does.
        watches: Behaviours to look for, in ethogram order.
        clock: Stamps the stages; has no influence on what is decided.
        tracker: Knows the animals apart; None: individuals stay as they are seen.
        smoother: Smooths what features are measured from; None: they see what was seen.
        group_delay_s: How far each feature lags (s), with the smoother's delay; None: as the
            features say.
    """

    def __init__(
        self,
        observer: Observer,
        features: FeatureExtractor,
        watches: Sequence[Watch],
        clock: Clock,
        tracker: Tracker | None = None,
        smoother: Smoother | None = None,
        group_delay_s: Mapping[str, float] | None = None,
    ) -> None:
        self._observer = observer
        self._tracker = tracker
        self._smoother = smoother
        self._features = features
        self._group_delay_s = features.group_delay_s if group_delay_s is None else group_delay_s
        self._watches = tuple(watches)
        self._watching = Watching(watches)
        self._clock = clock
        self.newest: FrameResult | None = None
        """What the last step returned. Any thread may look; none may change it."""

    @property
    def observer(self) -> Observer:
        """What sees the animal."""
        return self._observer

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features of every result."""
        return self._features.names

    @property
    def group_delay_s(self) -> Mapping[str, float]:
        """How far each feature lags behind the animal (s), apart from half a frame."""
        return self._group_delay_s

    @property
    def min_fps(self) -> float:
        """Frames per second below which some features could never be known."""
        return self._features.min_fps

    @property
    def fps_by_behaviour(self) -> dict[str, tuple[float, float]]:
        """Slowest and fastest frames per second for those behaviours that were learned."""
        behaviours = [watch.behaviour for watch in self._watches]
        return {each.name: each.fps for each in behaviours if isinstance(each, Learned)}

    @property
    def why_unknown(self) -> dict[str, str]:
        """Why a behaviour that was learned says nothing of the last frame; "" if it does."""
        behaviours = [watch.behaviour for watch in self._watches]
        return {each.name: each.why_unknown for each in behaviours if isinstance(each, Learned)}

    @property
    def behaviours(self) -> tuple[str, ...]:
        """Names of the behaviours that are looked for."""
        return self._watching.behaviours

    @property
    def rules(self) -> dict[str, tuple[str, ...]]:
        """Features that each behaviour looks at, by behaviour."""
        return self._watching.rules

    @property
    def terms(self) -> dict[str, tuple[Term, ...]]:
        """Conditions of each behaviour, as they are now; none if it is told otherwise."""
        return {
            watch.behaviour.name: watch.behaviour.terms
            if isinstance(watch.behaviour, Adjustable)
            else ()
            for watch in self._watches
        }

    @property
    def units(self) -> Mapping[str, str]:
        """Unit by feature; "1" for none."""
        return self._features.units

    def warm_up(self, shape: tuple[int, ...]) -> None:
        """Do all slow first-time work for images of this shape.

        Raises:
            CalibrationError: If the arena was set up for images of another size.
            ConfigError: If a lamp lies outside of such images.
            ModelError: If the network failed.
        """
        self._features.refuse_images(shape)
        self._observer.warm_up(shape)

    def see_from(self, to_reference: NDArray[np.float64] | None) -> None:
        """Take positions to be seen by a camera that was moved, between two frames.

        Args:
            to_reference: As `FeatureExtractor.see_from` takes it.
        """
        self._features.see_from(to_reference)

    def move_threshold(self, behaviour: str, place: int, to: float) -> tuple[str, float]:
        """Move a threshold between two frames; return its feature, and where it was.

        Raises:
            UnknownName: If there is no such behaviour.
            ConfigError: If it has no such threshold.
        """
        found = {watch.behaviour.name: watch.behaviour for watch in self._watches}
        watched = found.get(behaviour)
        if watched is None:
            raise UnknownName("change", "behaviour", behaviour, found)
        if not isinstance(watched, Adjustable):
            raise ConfigError(f"{behaviour} is not told by thresholds")
        before = watched.move_threshold(place, to)
        return watched.terms[place].feature, before

    @property
    def going_on(self) -> tuple[str, ...]:
        """Names of the behaviours with an open episode. Any thread may ask."""
        return self._watching.going_on

    def step(self, frame: Frame) -> FrameResult:
        """Return all that follows from `frame`.

        Frames come in the order of their capture times; some may be missing.

        Raises:
            ModelError: If the network failed.
        """
        started_ns = self._clock.now_ns()
        observation = self._observer.observe(frame)
        if self._tracker is not None:
            observation = self._tracker.update(observation)
        observed_ns = self._clock.now_ns()
        smoothed = observation if self._smoother is None else self._smoother.update(observation)
        features = self._features.update(smoothed)
        scores, events = self._watching.step(observation, features)
        stages = StageTimes(
            received_ns=frame.received_ns,
            started_ns=started_ns,
            observed_ns=observed_ns,
            decided_ns=self._clock.now_ns(),
            network_ns=observation.network_ns,
        )
        self.newest = FrameResult(observation, features, scores, events, stages)
        return self.newest

    def finish(self) -> tuple[Episode, ...]:
        """Close the episodes that are still going on, at their last certain frame."""
        return self._watching.finish()
