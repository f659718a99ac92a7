"""A level that follows a feature: light by speed, sound by distance."""

import math
from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator

from tracker.controllers.allocation import AllocationSettings
from tracker.controllers.commands import About, Commands, Trial, Trials
from tracker.settings import Settings
from tracker.stimuli import Action, Arm, PulseTrain, StimulusCommand
from tracker.types import Episode, FrameResult, Onset


class LevelSettings(Settings):
    """A level that is a straight line in a feature, cut off at both ends."""

    kind: Literal["level"] = "level"
    feature: str = Field(min_length=1, description="name of a feature, e.g. speed_cm_s")
    low: float = Field(description="the feature's value, in its unit, for level_low and below it")
    high: float = Field(description="the feature's value for level_high and above it")
    level_low: float = Field(0.0, ge=0, le=1, description="0 (off) to 1")
    level_high: float = Field(1.0, ge=0, le=1, description="0 to 1; may be the smaller one")
    output: str = Field(min_length=1, description="name of an output that knows levels")
    during: str | None = Field(
        None, min_length=1, description="only in episodes of this behaviour; none: always"
    )
    hold_ms: float = Field(
        200, ge=1, le=10_000, description="ms that a level holds unless it is renewed"
    )
    step: float = Field(
        0.02, gt=0, le=1, description="smallest change of the level that is worth a command"
    )
    allocation: AllocationSettings | None = Field(
        None, description="of the episodes of `during`; none: all are real"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> "LevelSettings":
        if self.low >= self.high:
            raise ValueError(
                f"low is {self.low:g} and high {self.high:g}: expected low below high; for a level "
                f"that falls swap level_low and level_high"
            )
        if self.level_low == self.level_high:
            raise ValueError(f"level_low and level_high are both {self.level_low:g}")
        if self.allocation is not None:
            if self.during is None:
                raise ValueError("allocation without during: its trials are episodes of during")
            if self.allocation.arms.get(Arm.YOKED):
                raise ValueError("arms: a level cannot be yoked, only pulse trains can")
        return self


class LevelController:
    """Asks for a level that follows a feature; a `Controller`.

    A command is given when the level has changed by a step, and when half of the time that it
    holds is over. It is stopped by a feature that is not known, by level 0, and by the end of the
    episode.

    Args:
        about: What it says of itself.
        settings: Which feature, and how.
        trials: Deals its trials; one per episode of `during`.
    """

    def __init__(self, about: About, settings: LevelSettings, trials: Trials) -> None:
        self.name, self.outputs = about.name, about.outputs
        self.facts, self.sealed = about.facts, about.sealed
        self._settings = settings
        self._trials = trials
        self._commands = Commands(about.name)
        self._hold_us = round(settings.hold_ms * 1000)
        self._renew_ns = self._hold_us * 1000 // 2
        self._slope = (settings.level_high - settings.level_low) / (settings.high - settings.low)
        self._arm = Arm.REAL
        self._episode_id: str | None = None
        self._level = 0.0
        self._asked_ns = 0

    def update(self, result: FrameResult) -> Sequence[StimulusCommand]:
        """Return what follows from this frame."""
        commands: list[StimulusCommand] = []
        if result.events and self._settings.during is not None:
            for event in result.events:
                self._note(event, result, commands)
        wanted = self._wanted(result)
        now_ns = result.observation.captured_ns
        if wanted == 0:
            self._stop(result, commands)
        elif (
            self._level == 0
            or abs(wanted - self._level) >= self._settings.step
            or now_ns - self._asked_ns >= self._renew_ns
        ):
            self._level, self._asked_ns = wanted, now_ns
            commands.append(self._ask(result, Action.LEVEL, self._held(wanted)))
        return commands

    def _note(
        self, event: Onset | Episode, result: FrameResult, commands: list[StimulusCommand]
    ) -> None:
        """An episode of `during` begins or ends, and its trial with it."""
        onset = event if isinstance(event, Onset) else event.onset
        if onset.behaviour != self._settings.during:
            return
        if isinstance(event, Onset):
            self._stop(result, commands)
            self._episode_id = onset.episode_id
            self._arm = self._trials.deal()
        elif onset.episode_id == self._episode_id:
            self._episode_id = None  # so that the level wanted is 0

    def _wanted(self, result: FrameResult) -> float:
        """Return the level that the feature asks for; 0 if it must be off."""
        settings = self._settings
        value = result.features[settings.feature]
        if math.isnan(value) or (settings.during is not None and self._episode_id is None):
            return 0.0
        if value <= settings.low:
            return settings.level_low
        if value >= settings.high:
            return settings.level_high
        return settings.level_low + (value - settings.low) * self._slope

    def _held(self, level: float) -> PulseTrain:
        return PulseTrain(self._hold_us, self._hold_us, level=level)

    def _stop(self, result: FrameResult, commands: list[StimulusCommand]) -> None:
        """Ask for a stop if the level is on."""
        if self._level > 0:
            self._level = 0.0
            commands.append(self._ask(result, Action.STOP, None))

    def _ask(
        self, result: FrameResult, action: Action, train: PulseTrain | None
    ) -> StimulusCommand:
        settings, trial = self._settings, Trial(self._arm, train)
        trigger = f"feature:{settings.feature}"
        return self._commands.make(
            result, settings.output, action, trial, trigger, (settings.feature,)
        )
