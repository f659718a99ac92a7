"""Behaviours by rules that are text: `speed < 1.0 cm/s and nose in zone.nest`."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from tracker.behaviours.meaning import EPISODE, meaning_of
from tracker.behaviours.memory import Moment
from tracker.behaviours.parts import Measurable
from tracker.errors import ExpressionError
from tracker.expressions.reading import MAX_LENGTH, read
from tracker.types import Observation


def _is_a_rule(text: str) -> str:
    read(text)
    return text


RuleText = Annotated[
    str,
    AfterValidator(_is_a_rule),
    Field(
        min_length=1,
        max_length=MAX_LENGTH,
        description="a rule as text, e.g. speed < 1 cm/s and nose in zone.nest",
    ),
]
"""A rule that is text; units and names are checked with the rest of the experiment."""


class TextRule:
    """A behaviour that a text defines; docs/rules.md says what it may say.

    Args:
        name: Name from the ethogram.
        text: The rule.
        measurable: What there is to measure.
        behaviours: Those above it in the ethogram, whose episodes it may look at.

    Raises:
        ExpressionError: If the text is no rule, or names something that is not there.
    """

    def __init__(
        self, name: str, text: str, measurable: Measurable, behaviours: Sequence[str] = ()
    ) -> None:
        self._name = name
        try:
            self._meaning = meaning_of(read(text), measurable, behaviours)
        except ExpressionError as error:
            raise error.of(f"behaviour {name!r}") from None
        self._moment = Moment()

    @property
    def name(self) -> str:
        """Name from the ethogram."""
        return self._name

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that it looks at, each once."""
        return tuple(self._meaning.features)

    @property
    def episodes(self) -> tuple[str, ...]:
        """Behaviours whose episodes it looks at."""
        return tuple(self._meaning.episodes)

    @property
    def group_delay_s(self) -> float:
        """How far the score lags behind the animal (s)."""
        return self._meaning.delay_s

    def update(self, observation: Observation, features: Mapping[str, float]) -> float:
        """Return the score of this frame, from 0 to 1; NaN if it depends on what is not known.

        Args:
            observation: Its capture time is what durations are counted by.
            features: Value by name, and 1 or 0 for `episode.<name>`.
        """
        moment = self._moment
        moment.values, moment.now_ns = features, observation.captured_ns
        return self._meaning.evaluate(moment)

    def reset(self) -> None:
        """Forget all frames, as if new. Twice does no harm."""
        for memory in self._meaning.memories:
            memory.reset()


__all__ = ["EPISODE", "RuleText", "TextRule"]
