"""Behaviours by rule: a threshold on a feature, a place in a zone, or several of these at once."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field, model_validator

from tracker.behaviours.base import Term
from tracker.errors import ConfigError, UnknownName
from tracker.settings import Settings
from tracker.types import Observation

ZONE_FEATURE = "in_"
"""The feature that says whether the animal is in a zone is `in_<zone>`: 1, 0 or NaN."""


class ThresholdRule(Settings):
    """A feature lies above, or below, a threshold.

    The score is 0.5 at the threshold and rises (`above`) or falls (`below`) in a straight
    line: clip(0.5 + (value - above) / (2 softness), 0, 1), or the same with the sign of the
    bracket turned. So it is 0 and 1 at one softness from the threshold.
    """

    kind: Literal["threshold"] = "threshold"
    feature: str = Field(min_length=1, description="name of a feature, e.g. speed_cm_s")
    above: float | None = Field(None, description="threshold to exceed, in the feature's unit")
    below: float | None = Field(None, description="threshold to fall below, in that unit")
    softness: float = Field(
        gt=0, description="distance from the threshold to a score of 0 or 1, in that unit"
    )

    @model_validator(mode="after")
    def _has_one_side(self) -> "ThresholdRule":
        if (self.above is None) == (self.below is None):
            found = "neither" if self.above is None else "both"
            raise ValueError(f"expected exactly one of above and below, found {found}")
        return self


class InsideRule(Settings):
    """The body centre is in a zone: score 1 in it (border included), 0 elsewhere."""

    kind: Literal["inside"] = "inside"
    zone: str = Field(min_length=1, description="name of a zone of the arena")


SimpleRule = Annotated[ThresholdRule | InsideRule, Field(discriminator="kind")]
"""A rule that looks at one feature."""


class AllOfRule(Settings):
    """All of several rules hold: the smallest of their scores, NaN if one of them is NaN."""

    kind: Literal["all_of"] = "all_of"
    rules: tuple[SimpleRule, ...] = Field(min_length=1, description="rules that must all hold")


RuleSettings = Annotated[ThresholdRule | InsideRule | AllOfRule, Field(discriminator="kind")]
"""Any rule, told apart by its `kind`."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """A score that is 0.5 where the feature is `centre`, and changes by `slope` per unit of it.

    Attributes:
        feature: Name of the feature.
        centre: Its value at a score of 0.5, in its unit.
        slope: Change of the score per unit, before it is cut off at 0 and 1.
    """

    feature: str
    centre: float
    slope: float

    def score(self, value: float) -> float:
        """Return the score (0 to 1) of a value of the feature; NaN for NaN."""
        score = 0.5 + (value - self.centre) * self.slope
        if score <= 0.0:
            return 0.0
        return 1.0 if score >= 1.0 else score


class Rule:
    """A behaviour that is defined by thresholds and zones; `make_rule` makes one.

    Args:
        name: Name from the ethogram.
        ramps: One or more, which must all hold.
        group_delay_s: Delay of the slowest of their features (s).
    """

    def __init__(self, name: str, ramps: Sequence[Ramp], group_delay_s: float) -> None:
        self._name = name
        self._ramps = tuple(ramps)
        self._group_delay_s = group_delay_s

    @property
    def name(self) -> str:
        """Name from the ethogram."""
        return self._name

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that it looks at, each once."""
        return tuple(dict.fromkeys(ramp.feature for ramp in self._ramps))

    @property
    def episodes(self) -> tuple[str, ...]:
        """It looks at no episodes."""
        return ()

    @property
    def group_delay_s(self) -> float:
        """Delay of the slowest feature that the rule looks at (s); NaN if that is not known."""
        return self._group_delay_s

    def update(self, observation: Observation, features: Mapping[str, float]) -> float:
        """Return the score of this frame, from 0 to 1; NaN if one of its features is NaN."""
        del observation  # all it needs is in the features
        lowest = 1.0
        for ramp in self._ramps:
            score = ramp.score(features[ramp.feature])
            if math.isnan(score):
                return score
            lowest = min(lowest, score)
        return lowest

    @property
    def terms(self) -> tuple[Term, ...]:
        """Conditions that must all hold, as they are now. Any thread."""
        return tuple(
            Term(
                ramp.feature,
                ramp.slope > 0,
                ramp.centre,
                abs(0.5 / ramp.slope),
                not ramp.feature.startswith(ZONE_FEATURE),
            )
            for ramp in self._ramps
        )

    def move_threshold(self, place: int, to: float) -> float:
        """Move the threshold of the term at `place`, from 0; return where it was.

        Raises:
            ConfigError: If there is no such term, or it is a place in a zone.
        """
        if not 0 <= place < len(self._ramps):
            raise ConfigError(
                f"{self._name} has no term {place}: there are {len(self._ramps)}, from 0"
            )
        old = self._ramps[place]
        if not self.terms[place].can_change:
            raise ConfigError(f"{self._name} is told by {old.feature}, which has no threshold")
        moved = replace(old, centre=to)
        self._ramps = (*self._ramps[:place], moved, *self._ramps[place + 1 :])
        return old.centre

    def reset(self) -> None:
        """Do nothing: a rule remembers nothing."""


def make_rule(
    name: str,
    settings: ThresholdRule | InsideRule | AllOfRule,
    features: Iterable[str],
    group_delay_s: Mapping[str, float] | None = None,
) -> Rule:
    """Return the behaviour that a rule describes.

    Args:
        name: Name from the ethogram.
        settings: The rule.
        features: Names of all features there are (`FeatureExtractor.names`).
        group_delay_s: Delay (s) by feature (`FeatureExtractor.group_delay_s`). Without it the
            rule's own delay is NaN.

    Raises:
        UnknownName: If the rule names a feature or a zone that does not exist.
    """
    known = tuple(features)
    rules = settings.rules if isinstance(settings, AllOfRule) else (settings,)
    ramps = [_ramp(rule, f"behaviour {name!r}", known) for rule in rules]
    delays = group_delay_s or {}
    return Rule(name, ramps, max(delays.get(ramp.feature, math.nan) for ramp in ramps))


def _ramp(rule: ThresholdRule | InsideRule, where: str, known: tuple[str, ...]) -> Ramp:
    if isinstance(rule, InsideRule):
        feature = ZONE_FEATURE + rule.zone
        if feature not in known:
            found = [name for name in known if name.startswith(ZONE_FEATURE)]
            zones = [name.removeprefix(ZONE_FEATURE) for name in found]
            raise UnknownName(where, "zone", rule.zone, zones)
        return Ramp(feature, centre=0.5, slope=1.0)
    if rule.feature not in known:
        raise UnknownName(where, "feature", rule.feature, known)
    if rule.above is not None:
        return Ramp(rule.feature, rule.above, 0.5 / rule.softness)
    below = math.nan if rule.below is None else rule.below  # the settings have one of the two
    return Ramp(rule.feature, below, -0.5 / rule.softness)
