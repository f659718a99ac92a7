"""What the pipeline needs of a behaviour, and nothing more."""

from collections.abc import Mapping
from typing import Protocol

from tracker.types import Observation


class Behaviour(Protocol):
    """Scores one behaviour of one animal; used by the pipeline's thread alone.

    Causal: a score depends on this frame and on frames before it, on no clock, and on no
    random number, so that a replay gives the same scores bit for bit.
    """

    @property
    def name(self) -> str:
        """Name from the ethogram."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that it looks at; empty if it looks at the observation alone."""

    @property
    def group_delay_s(self) -> float:
        """How far the score lags behind the animal (s), 0 or more: the slowest input's delay."""

    def update(self, observation: Observation, features: Mapping[str, float]) -> float:
        """Return how surely the animal does it in this frame, from 0 to 1.

        NaN if it cannot be known: the animal was not seen, or too little of it for a
        feature. Frames come in the order of their capture times; some may be missing.

        Args:
            observation: What was seen in the frame.
            features: Value by name, of the same frame.
        """

    def reset(self) -> None:
        """Forget all frames, as if new. Twice does no harm."""
