"""A state machine that runs a simple task: waits for episodes and times, and gives trains.

Within one frame, in this order: the time of the state is up; the frame's events, each of which
is taken by one state at most; states that are left at once.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from tracker.controllers.commands import About, Commands, Trial, Trials
from tracker.controllers.task_settings import TaskSettings, TaskState, Transition
from tracker.stimuli import Action, Arm, StimulusCommand
from tracker.types import Episode, FrameResult, Onset


class _State:
    """A state, made ready to be run."""

    def __init__(self, name: str, settings: TaskState) -> None:
        self.trigger = f"state:{name}"
        self.output = settings.output
        self.train = None if settings.train is None else settings.train.pulse_train
        self.allocated = settings.allocated
        self.stop_on_leaving = settings.stop_on_leaving
        self.by_event: dict[tuple[str, str], Transition] = {}
        self.after_ns: int | None = None
        self.then = ""
        for way in settings.next:
            if way.on_episode is not None:
                self.by_event[way.on_episode, way.at] = way
            elif way.after_s is not None:
                self.after_ns, self.then = round(way.after_s * 1e9), way.to


class TaskController:
    """Runs a task; a `Controller`.

    The first frame enters the first state. Times count from the capture time of the frame that
    entered a state, so that a gap in the frames never lets a task rush through its states.

    Args:
        about: What it says of itself.
        settings: States, and the ways between them.
        trials: Deals the trains of the states that are allocated.
        behaviours: Features of the rule of each behaviour.
    """

    def __init__(
        self,
        about: About,
        settings: TaskSettings,
        trials: Trials,
        behaviours: Mapping[str, Sequence[str]],
    ) -> None:
        self.name, self.outputs = about.name, about.outputs
        self.facts, self.sealed = about.facts, about.sealed
        self._states = {name: _State(name, state) for name, state in settings.states.items()}
        self._first = settings.first
        self._trials = trials
        self._features = behaviours
        self._commands = Commands(about.name)
        self._state: _State | None = None
        self._trial: Trial | None = None
        self._counts: Counter[tuple[str, str]] = Counter()
        self._due_ns: int | None = None

    def update(self, result: FrameResult) -> Sequence[StimulusCommand]:
        """Return what follows from this frame."""
        due_ns, now_ns = self._due_ns, result.observation.captured_ns
        is_due = due_ns is not None and now_ns >= due_ns
        if self._state is not None and not is_due and not result.events:
            return ()
        commands: list[StimulusCommand] = []
        if self._state is None:
            self._enter(self._first, result, commands)
        self._let_time_pass(result, commands)
        for event in result.events:
            self._take(event, result, commands)
        self._let_time_pass(result, commands)
        return commands

    def _let_time_pass(self, result: FrameResult, commands: list[StimulusCommand]) -> None:
        now_ns = result.observation.captured_ns
        while self._state is not None and self._due_ns is not None and now_ns >= self._due_ns:
            self._enter(self._state.then, result, commands)

    def _take(
        self, event: Onset | Episode, result: FrameResult, commands: list[StimulusCommand]
    ) -> None:
        """Go where an event leads from here, if it leads anywhere."""
        is_onset = isinstance(event, Onset)
        onset = event if isinstance(event, Onset) else event.onset
        cause = onset.behaviour, "begin" if is_onset else "end"
        way = self._state.by_event.get(cause) if self._state is not None else None
        if way is None:
            return
        self._counts[cause] += 1
        if self._counts[cause] >= way.count:
            self._enter(way.to, result, commands, self._features.get(onset.behaviour, ()))

    def _enter(
        self,
        name: str,
        result: FrameResult,
        commands: list[StimulusCommand],
        features: Sequence[str] = (),
    ) -> None:
        """Leave the state that we are in, if any, and enter another, or the same anew."""
        old, new = self._state, self._states[name]
        if old is not None and old.stop_on_leaving and self._trial is not None:
            commands.append(self._ask(result, old, Action.STOP, self._trial, features))
        self._state, self._trial = new, None
        self._counts.clear()
        now_ns = result.observation.captured_ns
        self._due_ns = None if new.after_ns is None else now_ns + new.after_ns
        if new.train is not None:
            real = Trial(Arm.REAL, new.train)
            self._trial = self._trials.begin(new.train) if new.allocated else real
            commands.append(self._ask(result, new, Action.TRAIN, self._trial, features))

    def _ask(
        self,
        result: FrameResult,
        state: _State,
        action: Action,
        trial: Trial,
        features: Sequence[str],
    ) -> StimulusCommand:
        output = state.output or ""  # a state with a train has one
        return self._commands.make(result, output, action, trial, state.trigger, features)
