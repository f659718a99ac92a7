"""What a rule is made of once it is checked, and what it needs of features."""

from dataclasses import dataclass, field
from typing import Protocol

from tracker.behaviours import logic
from tracker.behaviours.memory import Evaluate
from tracker.expressions.nodes import Call, Name
from tracker.units import Unit


class Measured(Protocol):
    """One thing that is measured in every frame."""

    @property
    def name(self) -> str:
        """Name of the feature."""

    @property
    def unit(self) -> str:
        """Unit of its values."""

    @property
    def delay_s(self) -> float:
        """How far it lags behind the animal (s)."""


class Measurable(Protocol):
    """What there is to measure; `tracker.features.catalogue.Catalogue` is one."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of quantities, without what stands in their brackets."""

    def find(self, node: Name | Call) -> Measured:
        """Return what a name means. Raises `ExpressionError`."""


class Forgets(Protocol):
    """A part of a rule that remembers something."""

    def reset(self) -> None:
        """Forget all frames."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a rule, ready to run.

    Attributes:
        evaluate: Gives its value or score.
        unit: Of the value; None: it is a condition, and gives a score.
        delay_s: How far it lags behind the animal (s).
        fixed: Its value, if that is always the same.
    """

    evaluate: Evaluate
    unit: Unit | None
    delay_s: float
    fixed: float | None = None


@dataclass(slots=True)
class Meaning:
    """A rule, ready to run.

    Attributes:
        evaluate: Gives its score.
        delay_s: How far the score lags behind the animal (s).
        features: What it looks at, each once.
        episodes: Behaviours whose episodes it looks at.
        memories: What has to be reset with it.
    """

    evaluate: Evaluate = field(default_factory=lambda: logic.constant(0.0))
    delay_s: float = 0.0
    features: dict[str, Measured] = field(default_factory=dict)
    episodes: list[str] = field(default_factory=list)
    memories: list[Forgets] = field(default_factory=list)
