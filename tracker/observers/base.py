"""What the pipeline needs of an observer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

from tracker.types import Frame, Observation, Skeleton


class Observer(Protocol):
    """Turns a frame into an observation; used by the pipeline's thread alone."""

    @property
    def skeleton(self) -> Skeleton:
        """Keypoints of every observation it makes."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """For the session's provenance, e.g. network, hash and provider."""

    def warm_up(self, shape: tuple[int, ...]) -> None:
        """Do all slow first-time work for images of this shape. Raises `ModelError`."""

    def observe(self, frame: Frame) -> Observation:
        """Return what is seen in the frame.

        Raises:
            ModelError: If the network failed or gave values that are not finite.
        """


class ObserverAround(ABC):
    """An observer that passes frames to another one, and adds to it; all else is the other's.

    Args:
        observer: The other.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    @property
    def skeleton(self) -> Skeleton:
        """Keypoints of every observation."""
        return self._observer.skeleton

    @property
    def facts(self) -> Mapping[str, Any]:
        """Those of the other observer."""
        return self._observer.facts

    def warm_up(self, shape: tuple[int, ...]) -> None:
        """Do all slow first-time work; raises as the other observer."""
        self._observer.warm_up(shape)

    @abstractmethod
    def observe(self, frame: Frame) -> Observation:
        """Return what is seen in the frame; raises as the other observer."""
