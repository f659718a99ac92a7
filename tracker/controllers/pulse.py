"""A pulse train for each bout of a behaviour: at its onset, at its end, or for as long as it lasts.

    freezing      ▁▁▁▁▁▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▁▁▁▁▁▁▁▁▁▁▁
    confirmed           │                 │ known to have ended
    onset               train             │
    end                                   train
    while               train  train  tra │ stop

What an episode's price in time is, its settings say: its onset is known `min_duration_s` after it,
its end `max_gap_s` after it.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pydantic import Field, model_validator

from tracker.controllers.allocation import AllocationSettings, uniform
from tracker.controllers.commands import About, Commands, Trial, Trials
from tracker.controllers.train import TrainSettings
from tracker.controllers.yoke import YokeSettings, refuse_half_a_yoke
from tracker.settings import Settings
from tracker.stimuli import Action, StimulusCommand
from tracker.types import Episode, FrameResult, Onset


class When(StrEnum):
    """Which moment of an episode is the trigger."""

    ONSET = "onset"
    END = "end"
    WHILE = "while"


class PulseSettings(Settings):
    """A pulse train for each bout of a behaviour."""

    kind: Literal["pulse"] = "pulse"
    behaviour: str = Field(min_length=1, description="name from the ethogram")
    when: When = Field(
        When.ONSET,
        description="onset, end, or while: from its onset, again as each train ends, and stopped "
        "as soon as the episode is known to have ended",
    )
    output: str = Field(min_length=1, description="name of an output")
    train: TrainSettings
    after_s: float = Field(
        0,
        ge=0,
        le=3600,
        description="s from the first frame of the episode (end: from its last) in capture time; "
        "carried out at the first frame at or after that",
    )
    pause_s: float = Field(
        0, ge=0, le=3600, description="while: s from the end of a train to the next"
    )
    every: int = Field(1, ge=1, le=10_000, description="only every n-th episode, the n-th first")
    probability: float = Field(1.0, ge=0, le=1, description="that one of those counts")
    cancel_if_ended: bool = Field(
        default=False, description="onset with after_s: not if the episode ends before"
    )
    seed: int | None = Field(
        None,
        ge=0,
        description="of probability; none: drawn at the start of each session. With an allocation "
        "its seed is used",
    )
    allocation: AllocationSettings | None = Field(None, description="none: all trials are real")
    yoke: YokeSettings | None = Field(None, description="where trains of yoked trials come from")

    @model_validator(mode="after")
    def _fits_together(self) -> "PulseSettings":
        if self.cancel_if_ended and (self.when is not When.ONSET or self.after_s == 0):
            raise ValueError(
                f"cancel_if_ended is for when: onset with after_s above 0, found when: {self.when} "
                f"and after_s {self.after_s:g}"
            )
        if self.pause_s > 0 and self.when is not When.WHILE:
            raise ValueError(f"pause_s is for when: while, found when: {self.when}")
        if self.seed is not None and self.allocation is not None:
            raise ValueError("seed and allocation: give the seed as allocation.seed, or none")
        refuse_half_a_yoke(self.allocation, self.yoke)
        if self.yoke is not None and self.when is When.WHILE:
            raise ValueError(
                "when: while has no yoked trials: another animal's train has a length of its own; "
                "use when: onset, or a controller of kind: yoked"
            )
        return self


@dataclass(slots=True)
class _Waiting:
    """A trigger whose time has not come."""

    episode_id: str
    due_ns: int


@dataclass(slots=True)
class _GoingOn:
    """An episode during which trains are given."""

    episode_id: str
    trial: Trial
    next_ns: int


class PulseController:
    """Asks for a pulse train for each bout of a behaviour; a `Controller`.

    Its trials, and its triggers before them, are counted whatever became of them: decisions must
    not depend on what the interlocks let through.

    Args:
        about: What it says of itself.
        settings: When and what.
        trials: Deals its trials; one per episode.
        seed: Of `probability`.
        features: Those that the rule of its behaviour looks at.
    """

    def __init__(
        self,
        about: About,
        settings: PulseSettings,
        trials: Trials,
        seed: str,
        features: Sequence[str],
    ) -> None:
        self.name, self.outputs = about.name, about.outputs
        self.facts, self.sealed = about.facts, about.sealed
        self._settings = settings
        self._trials = trials
        self._seed = seed
        self._features = tuple(features)
        self._commands = Commands(about.name)
        self._train = settings.train.pulse_train
        self._after_ns = round(settings.after_s * 1e9)
        train_us = self._train.delay_us + self._train.length_us
        self._cycle_ns = train_us * 1000 + round(settings.pause_s * 1e9)
        self._n_triggers = self._n_draws = 0
        self._waiting: deque[_Waiting] = deque()
        self._going_on: _GoingOn | None = None

    def update(self, result: FrameResult) -> Sequence[StimulusCommand]:
        """Return what follows from this frame."""
        if not (result.events or self._waiting or self._going_on):
            return ()
        return list(self._follow(result))

    def _follow(self, result: FrameResult) -> Iterator[StimulusCommand]:
        now_ns = result.observation.captured_ns
        for event in result.events:
            if isinstance(event, Onset):
                self._note_onset(event)
            elif event.onset.behaviour == self._settings.behaviour:
                yield from self._note_end(event, result)
        while self._waiting and self._waiting[0].due_ns <= now_ns:
            yield self._begin(self._waiting.popleft(), result)
        going_on = self._going_on
        if going_on is not None and now_ns >= going_on.next_ns:
            going_on.next_ns = now_ns + self._cycle_ns
            yield self._ask(result, Action.TRAIN, going_on.trial, going_on.episode_id)

    def _note_onset(self, onset: Onset) -> None:
        settings = self._settings
        if onset.behaviour == settings.behaviour and settings.when is not When.END:
            self._trigger(onset.episode_id, onset.onset_ns)

    def _note_end(self, episode: Episode, result: FrameResult) -> Iterator[StimulusCommand]:
        settings, episode_id = self._settings, episode.onset.episode_id
        if settings.when is When.END:
            if not episode.ended_by_session:
                self._trigger(episode_id, episode.end_ns)
            return
        if settings.when is When.WHILE or settings.cancel_if_ended:
            kept = [each for each in self._waiting if each.episode_id != episode_id]
            self._waiting = deque(kept)
        going_on = self._going_on
        if going_on is not None and going_on.episode_id == episode_id:
            self._going_on = None
            yield self._ask(result, Action.STOP, going_on.trial, episode_id)

    def _trigger(self, episode_id: str, at_ns: int) -> None:
        """Count a trigger, and let it wait for its time if it is one of those that count."""
        settings = self._settings
        self._n_triggers += 1
        if self._n_triggers % settings.every:
            return
        if settings.probability < 1:
            self._n_draws += 1
            if uniform(self._seed, self.name, self._n_draws) >= settings.probability:
                return
        self._waiting.append(_Waiting(episode_id, at_ns + self._after_ns))

    def _begin(self, waiting: _Waiting, result: FrameResult) -> StimulusCommand:
        trial = self._trials.begin(self._train)
        if self._settings.when is When.WHILE:
            next_ns = result.observation.captured_ns + self._cycle_ns
            self._going_on = _GoingOn(waiting.episode_id, trial, next_ns)
        return self._ask(result, Action.TRAIN, trial, waiting.episode_id)

    def _ask(
        self, result: FrameResult, action: Action, trial: Trial, episode_id: str
    ) -> StimulusCommand:
        output = self._settings.output
        return self._commands.make(result, output, action, trial, episode_id, self._features)
