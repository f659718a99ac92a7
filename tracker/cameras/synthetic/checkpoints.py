"""Moments to go back to: a bounded number, evenly spread over all that was reached."""

from typing import Generic, TypeVar

T = TypeVar("T")


class Checkpoints(Generic[T]):
    """Remembers every so many ticks; when full, forgets every second one and goes on.

    Args:
        first: What belongs to tick 0; never forgotten.
        spacing: Ticks between two checkpoints at first; doubled whenever it is full.
        most: Checkpoints that are held, at most.
    """

    def __init__(self, first: T, spacing: int = 600, most: int = 256) -> None:
        self._held = [first]
        self._spacing = spacing
        self._most = most

    def __len__(self) -> int:
        return len(self._held)

    def offer(self, tick: int, moment: T) -> None:
        """Keep the moment if it is due; ticks must come in turn, from 1 without a hole."""
        if tick != len(self._held) * self._spacing:
            return
        self._held.append(moment)
        if len(self._held) > self._most:
            self._held = self._held[::2]
            self._spacing *= 2

    def forget_from(self, tick: int) -> None:
        """Forget what belongs to `tick` (1 or more) and later ones."""
        del self._held[(tick - 1) // self._spacing + 1 :]

    def before(self, tick: int) -> T:
        """The latest moment held that is earlier than `tick` (1 or more)."""
        return self._held[min((tick - 1) // self._spacing, len(self._held) - 1)]
