"""Settings → controllers, and the names in them checked against what there is."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, assert_never

from pydantic import Field

from tracker.controllers.allocation import Allocation, draw_seed
from tracker.controllers.base import Controller
from tracker.controllers.commands import About, Trials
from tracker.controllers.level import LevelController, LevelSettings
from tracker.controllers.pulse import PulseController, PulseSettings
from tracker.controllers.task import TaskController
from tracker.controllers.task_settings import TaskSettings
from tracker.controllers.yoke import RecordedYoke, YokeSettings, YokeSource
from tracker.controllers.yoked import YokedController, YokedSettings
from tracker.errors import ConfigError, UnknownName

AnySettings = PulseSettings | LevelSettings | TaskSettings | YokedSettings

ControllerSettings = Annotated[AnySettings, Field(discriminator="kind")]
"""Any controller, told apart by its `kind`."""


def make_controller(
    name: str,
    settings: AnySettings,
    *,
    behaviours: Mapping[str, Sequence[str]],
    features: Sequence[str],
    outputs: Sequence[str],
    seed: str | None = None,
    yoke: YokeSource | None = None,
) -> Controller:
    """Return the controller that settings describe.

    Args:
        name: As in the experiment.
        settings: Of any kind.
        behaviours: Features that the rule of each behaviour looks at.
        features: Names of all features there are.
        outputs: Names of all outputs there are.
        seed: That of a session to repeat, from its facts or from what was sealed; None: that of
            the settings, and if they have none, one is drawn.
        yoke: The other animal, if `yoke_of` says that one is needed.

    Raises:
        ConfigError: If the name cannot be one, or the other animal is missing.
        UnknownName: If the settings name a behaviour, a feature or an output that is not there.
    """
    where = f"controller {name!r}"
    if not re.fullmatch(r"[\w.-]+", name) or name == "manual":
        raise ConfigError(
            f"{where}: expected a name of letters, digits and . _ - alone, and not 'manual', "
            f"which stands for stimuli by hand"
        )
    _refuse_unknown(where, "output", outputs_of(settings), outputs)
    _refuse_unknown(where, "behaviour", _behaviours_of(settings), behaviours)
    if isinstance(settings, LevelSettings):
        _refuse_unknown(where, "feature", (settings.feature,), features)
    if yoke_of(settings) is not None and yoke is None:
        raise ConfigError(f"{where}: it is yoked, and the other animal's stimuli are not there")
    seed = seed or _seed_of(settings) or draw_seed()
    allocation = None
    if settings.allocation is not None:
        allocation = Allocation(name, settings.allocation, seed)
    about = _about(name, settings, seed, allocation, yoke)
    match settings:
        case PulseSettings():
            looked_at = behaviours[settings.behaviour]
            return PulseController(about, settings, Trials(allocation, yoke), seed, looked_at)
        case LevelSettings():
            return LevelController(about, settings, Trials(allocation))
        case TaskSettings():
            return TaskController(about, settings, Trials(allocation, yoke), behaviours)
        case YokedSettings():
            return YokedController(about, settings, Trials(allocation), yoke or RecordedYoke(()))
        case _:
            assert_never(settings)


def outputs_of(settings: AnySettings) -> tuple[str, ...]:
    """Return the outputs that a controller may ask something of, each once."""
    if isinstance(settings, TaskSettings):
        named = [state.output for state in settings.states.values()]
        return tuple(dict.fromkeys(output for output in named if output is not None))
    return (settings.output,)


def yoke_of(settings: AnySettings) -> YokeSettings | None:
    """Return which other animal a controller needs to know of, if any."""
    return None if isinstance(settings, LevelSettings) else settings.yoke


def _behaviours_of(settings: AnySettings) -> list[str]:
    match settings:
        case PulseSettings():
            return [settings.behaviour]
        case LevelSettings():
            return [] if settings.during is None else [settings.during]
        case TaskSettings():
            ways = [way for state in settings.states.values() for way in state.next]
            return [way.on_episode for way in ways if way.on_episode is not None]
        case YokedSettings():
            return []
        case _:
            assert_never(settings)


def _refuse_unknown(where: str, what: str, names: Iterable[str], known: Iterable[str]) -> None:
    there_is = tuple(known)
    for name in names:
        if name not in there_is:
            raise UnknownName(where, what, name, there_is)


def _seed_of(settings: AnySettings) -> str | None:
    """Return the seed that the file gives, as text."""
    given = settings.seed if isinstance(settings, PulseSettings) else None
    if settings.allocation is not None:
        given = settings.allocation.seed
    return None if given is None else str(given)


def _about(
    name: str,
    settings: AnySettings,
    seed: str,
    allocation: Allocation | None,
    yoke: YokeSource | None,
) -> About:
    """Say what is known from the start, and keep apart what would tell the arms."""
    facts: dict[str, Any] = {"kind": settings.kind}
    draws = isinstance(settings, PulseSettings) and settings.probability < 1
    blinded = settings.allocation is not None and settings.allocation.blinded
    if allocation is not None:
        facts |= allocation.facts
    if yoke is not None and yoke_of(settings) is not None:
        facts["yoke"] = dict(yoke.facts)
    if (allocation is not None or draws) and not blinded:
        facts["seed"] = seed
    return About(name, outputs_of(settings), facts, {"seed": seed} if blinded else {})
