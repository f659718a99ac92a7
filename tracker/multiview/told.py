"""Tells what a camera's observer saw, beside its pipeline."""

from collections.abc import Callable, Mapping
from typing import Any

from tracker.observers.base import Observer
from tracker.types import Frame, Observation, Skeleton


class TellingObserver:
    """Sees what another observer sees, and tells it; keeps `Observer`.

    Args:
        observer: That sees.
        tell: Called on the pipeline's thread; must not wait.
    """

    def __init__(self, observer: Observer, tell: Callable[[Observation], None]) -> None:
        self._observer = observer
        self._tell = tell

    @property
    def skeleton(self) -> Skeleton:
        """That of the other."""
        return self._observer.skeleton

    @property
    def facts(self) -> Mapping[str, Any]:
        """Those of the other."""
        return self._observer.facts

    def warm_up(self, shape: tuple[int, ...]) -> None:
        """Make the other ready; raises what it raises."""
        self._observer.warm_up(shape)

    def observe(self, frame: Frame) -> Observation:
        """Return what the other sees; raises what it raises."""
        seen = self._observer.observe(frame)
        self._tell(seen)
        return seen
