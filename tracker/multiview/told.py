"""Tells what a camera's observer saw, beside its pipeline."""

from collections.abc import Callable

from tracker.observers.base import Observer, ObserverAround
from tracker.types import Frame, Observation


class TellingObserver(ObserverAround):
    """Sees what another observer sees, and tells it; keeps `Observer`.

    Args:
        observer: That sees.
        tell: Called on the pipeline's thread; must not wait.
    """

    def __init__(self, observer: Observer, tell: Callable[[Observation], None]) -> None:
        super().__init__(observer)
        self._tell = tell

    def observe(self, frame: Frame) -> Observation:
        """Return what the other sees; raises what it raises."""
        seen = self._observer.observe(frame)
        self._tell(seen)
        return seen
