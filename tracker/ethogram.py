"""The behaviours that an experiment looks for: their settings, and what their rules mean."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Discriminator, Field, StringConstraints, Tag

from tracker.arena import Arena, ArenaSettings
from tracker.behaviours.base import Behaviour
from tracker.behaviours.learned import ClassScore, ClassScoreRule, LearnedRule
from tracker.behaviours.rule import AllOfRule, InsideRule, ThresholdRule, make_rule
from tracker.behaviours.text_rule import RuleText, TextRule
from tracker.episodes import EpisodeSettings
from tracker.errors import ConfigError, UnknownName
from tracker.features.catalogue import CLASS, Catalogue, Quantity
from tracker.features.own import OwnFeature, load_own, try_own
from tracker.features.settings import FeatureSettings
from tracker.settings import Settings
from tracker.types import Skeleton

RuleOfParts = Annotated[
    ThresholdRule | InsideRule | AllOfRule | LearnedRule | ClassScoreRule,
    Field(discriminator="kind"),
]
"""Any rule that is no text, told apart by its `kind`."""

GroupName = Annotated[str, StringConstraints(pattern=r"^\w+$", max_length=64)]


def _kind_of_rule(rule: Any) -> str:
    return "text" if isinstance(rule, str) else "parts"


class OperatingPoint(Settings):
    """What the thresholds of `episode` were chosen by; written by `tracker operating-point`."""

    wanted_per_hour: float = Field(ge=0, description="false triggers per hour that were allowed")
    false_per_hour: float = Field(ge=0, description="false triggers per hour in these data")
    missed: float = Field(ge=0, le=1, description="share of the bouts that were missed")
    delay_ms: float | None = Field(description="ms, median from a bout's onset to confirmation")
    bouts: int = Field(ge=1, description="how many bouts there were, of all raters")
    hours: float = Field(gt=0, description="h, of video")
    tracks: str = Field(description="file of tracks")
    tracks_sha256: str = Field(description="of its bytes")
    truth: Mapping[str, str] = Field(description="SHA-256 by file of annotations")


class Watched(Settings):
    """One behaviour of the ethogram."""

    rule: Annotated[
        Annotated[RuleText, Tag("text")] | Annotated[RuleOfParts, Tag("parts")],
        Discriminator(_kind_of_rule),
    ] = Field(
        description="a text such as speed < 1 cm/s; or a threshold, zone, or several; or a class "
        "of a classifier or of the network"
    )
    episode: EpisodeSettings = EpisodeSettings()
    exclusive: GroupName | None = Field(
        None,
        description="name of a group of which only one behaviour can go on at a time: the one with "
        "the highest score",
    )
    operating_point: OperatingPoint | None = Field(
        None, description="what the thresholds were chosen by; it decides nothing"
    )
    subject: str | None = Field(
        None,
        min_length=1,
        pattern=r"^[\w.-]+$",
        description="who does it, where there are several animals; null: the session's subject",
    )


def catalogue_of(
    features: FeatureSettings,
    arena: ArenaSettings,
    skeleton: Skeleton | None,
    measures: Sequence[str] = (),
    own: Mapping[str, OwnFeature] | None = None,
    animals: Sequence[str] = (),
) -> Catalogue:
    """Return what there is to measure.

    Args:
        features: How to measure.
        arena: Scale and zones.
        skeleton: Keypoints; None where they are not known: any name may be one then.
        measures: Names of those measures of every observation that are features as well.
        own: A user's features; None: they are loaded from the files that the settings name.
        animals: Their names, by row of the observation; none: a, b, c, ... to j.

    Raises:
        ConfigError: If a user's file cannot be used.
    """
    if own is None:
        own, _ = load_own(features.files)
    catalogue = Catalogue(features, skeleton, Arena(arena), measures, own, animals)
    for each in own.values():
        try_own(each, catalogue.references)
    return catalogue


def make_behaviour(
    name: str,
    watched: Watched,
    catalogue: Catalogue,
    features: Iterable[str],
    group_delay_s: Mapping[str, float],
    above: Sequence[str],
) -> Behaviour:
    """Return a behaviour that is no class of a classifier.

    Args:
        name: From the ethogram.
        watched: Its settings.
        catalogue: What there is to measure.
        features: Names of the features that are measured.
        group_delay_s: How far each of them lags (s).
        above: Behaviours above it in the ethogram.

    Raises:
        ConfigError: If its rule cannot be used, or looks at something that is not measured.
    """
    if isinstance(watched.rule, LearnedRule):
        raise TypeError(f"behaviour {name!r} is a class of a classifier")
    if isinstance(watched.rule, ClassScoreRule):
        return ClassScore(name, CLASS + watched.rule.class_name)
    if not isinstance(watched.rule, str):
        return make_rule(name, watched.rule, features, group_delay_s)
    rule = TextRule(name, watched.rule, catalogue, above)
    known = tuple(features)
    for feature in rule.features:
        if feature not in known:
            raise UnknownName(f"behaviour {name!r}", "feature", feature, known)
    return rule


def wanted_by(behaviours: Mapping[str, Watched], catalogue: Catalogue) -> list[Quantity]:
    """Return what the rules look at, each thing once; classifiers tell for themselves.

    Raises:
        ConfigError: If a rule that is text cannot be used.
    """
    found: dict[str, Quantity] = {}
    names = list(behaviours)
    for place, (name, watched) in enumerate(behaviours.items()):
        if isinstance(watched.rule, str):
            rule = TextRule(name, watched.rule, catalogue, names[:place])
            texts: Iterable[str] = rule.features
        else:
            texts = _looked_at(watched.rule)
        for text in texts:
            try:
                quantity = catalogue.find_text(text, f"behaviour {name!r}")
            except UnknownName:
                continue  # `make_behaviour` says so, with the names that there are
            found[quantity.name] = quantity
    return list(found.values())


def problems_of(
    behaviours: Mapping[str, Watched], catalogue: Catalogue
) -> Mapping[str, ConfigError]:
    """Return what is wrong with rules that are text, by behaviour."""
    found: dict[str, ConfigError] = {}
    names = list(behaviours)
    for place, (name, watched) in enumerate(behaviours.items()):
        if not isinstance(watched.rule, str):
            continue
        try:
            TextRule(name, watched.rule, catalogue, names[:place])
        except ConfigError as error:
            found[name] = error
    return found


def _looked_at(rule: RuleOfParts) -> list[str]:
    if isinstance(rule, LearnedRule):
        return []
    if isinstance(rule, ClassScoreRule):
        return [CLASS + rule.class_name]
    if isinstance(rule, AllOfRule):
        return [text for each in rule.rules for text in _looked_at(each)]
    return [f"in_{rule.zone}" if isinstance(rule, InsideRule) else rule.feature]
