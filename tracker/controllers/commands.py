"""What controllers have in common: what a session keeps of them, trials, numbered commands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracker.controllers.allocation import Allocation
from tracker.controllers.yoke import YokeSource
from tracker.stimuli import Action, Arm, PulseTrain, StimulusCommand
from tracker.types import FrameResult


@dataclass(frozen=True, slots=True)
class About:
    """What a controller says of itself.

    Attributes:
        name: As in the experiment.
        outputs: Outputs that it may ask something of.
        facts: As in `Controller`.
        sealed: As in `Controller`.
    """

    name: str
    outputs: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    sealed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trial:
    """What is asked for in one trial.

    Attributes:
        arm: What it is allocated to.
        train: What is asked for; None: it is yoked, and the other animal got nothing more. The
            interlocks refuse such a command, so that it leaves a row that says so.
    """

    arm: Arm
    train: PulseTrain | None


class Trials:
    """Deals the trials of one controller, numbered from 1; used by one thread.

    Args:
        allocation: Their schedule; None: all are real.
        yoke: Trains for the yoked ones; None: no trial is yoked.
    """

    def __init__(
        self, allocation: Allocation | None = None, yoke: YokeSource | None = None
    ) -> None:
        self._allocation = allocation
        self._yoke = yoke
        self._n = 0

    def deal(self) -> Arm:
        """Return the arm of the next trial."""
        self._n += 1
        return Arm.REAL if self._allocation is None else self._allocation.arm(self._n)

    def begin(self, train: PulseTrain) -> Trial:
        """Return the next trial, which asks for this train unless it is yoked."""
        arm = self.deal()
        if arm is not Arm.YOKED:
            return Trial(arm, train)
        return Trial(arm, self._yoke.take() if self._yoke is not None else None)


class Commands:
    """Makes the commands of one controller, numbered from 1; used by one thread.

    Args:
        controller: Its name.
    """

    def __init__(self, controller: str) -> None:
        self._controller = controller
        self._n = 0

    def make(
        self,
        result: FrameResult,
        output: str,
        action: Action,
        trial: Trial,
        trigger: str,
        features: Sequence[str] = (),
    ) -> StimulusCommand:
        """Return the next command.

        Args:
            result: The frame that it follows from.
            output: What it is for.
            action: What the output is to do. A stop takes the arm of what it stops, so that a
                sham trial leaves the same rows as a real one.
            trial: Arm and train; the train does not count for a stop.
            trigger: As in `StimulusCommand`.
            features: Those that the rule looked at.
        """
        self._n += 1
        return StimulusCommand(
            stimulus_id=f"{self._controller}/{self._n}",
            controller=self._controller,
            output=output,
            action=action,
            train=None if action is Action.STOP else trial.train,
            arm=trial.arm,
            trigger=trigger,
            values={name: result.features[name] for name in features},
            frame_index=result.observation.frame_index,
            captured_ns=result.observation.captured_ns,
        )
