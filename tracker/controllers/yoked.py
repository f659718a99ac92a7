"""This animal gets what another animal got, at the same times since the start of its session."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator

from tracker.controllers.allocation import AllocationSettings
from tracker.controllers.commands import About, Commands, Trial, Trials
from tracker.controllers.yoke import Told, YokeSettings, YokeSource
from tracker.settings import Settings
from tracker.stimuli import Action, Arm, StimulusCommand
from tracker.types import FrameResult


class YokedSettings(Settings):
    """This animal gets what another animal got, when it got it."""

    kind: Literal["yoked"] = "yoked"
    output: str = Field(min_length=1, description="name of an output")
    yoke: YokeSettings
    allocation: AllocationSettings | None = Field(
        None, description="of the other animal's trains, to yoked and sham; none: all are yoked"
    )

    @model_validator(mode="after")
    def _has_no_real_trials(self) -> "YokedSettings":
        if self.allocation is not None and self.allocation.arms.get(Arm.REAL):
            raise ValueError("arms: this animal has no real trials of its own, only yoked and sham")
        return self


class YokedController:
    """Repeats what another animal's output was told; a `Controller`.

    Time is counted from the first frame that it is shown. What is due is carried out at the first
    frame at or after its time; after a gap in the frames all that was due comes at once, in order.

    Args:
        about: What it says of itself.
        settings: What is told to which output.
        trials: Deals the other animal's trains to yoked and sham.
        yoke: The other animal.
    """

    def __init__(
        self, about: About, settings: YokedSettings, trials: Trials, yoke: YokeSource
    ) -> None:
        self.name, self.outputs = about.name, about.outputs
        self.facts, self.sealed = about.facts, about.sealed
        self._output = settings.output
        self._is_allocated = settings.allocation is not None
        self._trials = trials
        self._yoke = yoke
        self._commands = Commands(about.name)
        self._first_ns: int | None = None
        self._n_trains = 0
        self._arm = Arm.YOKED

    def update(self, result: FrameResult) -> Sequence[StimulusCommand]:
        """Return what follows from this frame."""
        now_ns = result.observation.captured_ns
        if self._first_ns is None:
            self._first_ns = now_ns
        orders = self._yoke.due(now_ns - self._first_ns)
        return [self._repeat(result, order) for order in orders] if orders else ()

    def _repeat(self, result: FrameResult, order: Told) -> StimulusCommand:
        """Tell our output the same; its trigger is the number of the train over there."""
        if order is not None:
            self._n_trains += 1
            self._arm = self._trials.deal() if self._is_allocated else Arm.YOKED
        action = Action.STOP if order is None else Action.TRAIN
        trigger = f"yoked:{self._n_trains}"
        return self._commands.make(result, self._output, action, Trial(self._arm, order), trigger)
