"""See again what was seen: the observations of a recorded session, in place of a network."""

from collections.abc import Iterable, Mapping
from typing import Any

from tracker.errors import RecordingError
from tracker.observers.base import Observer, ObserverAround
from tracker.types import Frame, Observation, Skeleton


class RecordedObserver:
    """Gives recorded observations back, frame by frame, whatever the image shows.

    Masks are not recorded: they are None. All else is as it was, bit for bit.

    Args:
        skeleton: Keypoints of the observations.
        observations: In the order of their frames.
        facts: Of the observer that made them.
    """

    def __init__(
        self, skeleton: Skeleton, observations: Iterable[Observation], facts: Mapping[str, Any]
    ) -> None:
        self._skeleton = skeleton
        self._observations = iter(observations)
        self._facts = facts
        self.live: Observation | None = None
        """What was seen in the last frame."""

    @property
    def skeleton(self) -> Skeleton:
        """Keypoints of every observation."""
        return self._skeleton

    @property
    def facts(self) -> Mapping[str, Any]:
        """Those of the observer that made them."""
        return self._facts

    def warm_up(self, shape: tuple[int, ...]) -> None:
        """Do nothing: there is no slow first-time work."""

    def observe(self, frame: Frame) -> Observation:
        """Return what was seen in this frame.

        Raises:
            RecordingError: If the next observation is not that of this frame.
        """
        seen = next(self._observations, None)
        if seen is None or seen.frame_index != frame.index:
            found = "there is no more" if seen is None else f"the next one is of {seen.frame_index}"
            raise RecordingError(f"no observation of frame {frame.index}: {found}")
        self.live = seen
        return seen


class SecondLook(ObserverAround):
    """Shows a network the recorded images, and keeps beside each what was seen live.

    A frame without an image (of height 0: it is not in the video) is as it was seen live; the
    network is not shown it, and so may follow the animal otherwise from there on.

    Args:
        network: Sees the images.
        recorded: Gives what was seen live.
    """

    def __init__(self, network: Observer, recorded: RecordedObserver) -> None:
        super().__init__(network)
        self._recorded = recorded
        self.live: Observation | None = None
        """What was seen live in the last frame, if it had an image."""

    def observe(self, frame: Frame) -> Observation:
        """Return what the network sees; raises as it and as `RecordedObserver`."""
        live = self._recorded.observe(frame)
        self.live = live if frame.image.shape[0] else None
        return live if self.live is None else self._observer.observe(frame)


class FilledIn(ObserverAround):
    """Shows a network the images there are; what is not in the video is as it was seen live.

    Args:
        network: Sees the images.
        recorded: Gives what was seen live in frames without an image (of height 0), and in no
            others.
    """

    def __init__(self, network: Observer, recorded: RecordedObserver) -> None:
        super().__init__(network)
        self._recorded = recorded

    def observe(self, frame: Frame) -> Observation:
        """Return what is, or was, seen; raises as the network and as `RecordedObserver`."""
        by = self._observer if frame.image.shape[0] else self._recorded
        return by.observe(frame)
