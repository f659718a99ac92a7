"""What the pipeline needs of a behaviour, and nothing more."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

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
    def episodes(self) -> tuple[str, ...]:
        """Behaviours above it in the ethogram whose episodes it looks at; most look at none.

        Of each it finds `episode.<name>` among the features: 1.0 while an episode goes on.
        """

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


@runtime_checkable
class Learned(Protocol):
    """A behaviour that was learned from data, and knows what those were like."""

    @property
    def fps(self) -> tuple[float, float]:
        """Slowest and fastest frames per second that it was trained for."""

    @property
    def why_unknown(self) -> str:
        """Why the last score was NaN, for a person; "" if it was not. Any thread."""


@dataclass(frozen=True, slots=True)
class Term:
    """One condition of a rule, as a person reads it. The score is 0.5 at the threshold.

    Attributes:
        feature: What it looks at.
        is_above: Whether the behaviour is above the threshold, or below.
        threshold: In the feature's unit.
        softness: Distance from the threshold to a score of 0 or 1, in that unit.
        can_change: Whether it may be moved while the session runs: a place in a zone may not.
    """

    feature: str
    is_above: bool
    threshold: float
    softness: float
    can_change: bool


@runtime_checkable
class Adjustable(Protocol):
    """A behaviour that is told by thresholds, which may be moved between two frames."""

    @property
    def terms(self) -> tuple[Term, ...]:
        """Conditions that must all hold, as they are now. Any thread."""

    def move_threshold(self, place: int, to: float) -> float:
        """Move the threshold of the term at `place`, from 0; return where it was.

        Raises:
            ConfigError: If there is no such term, or it cannot be moved.
        """
