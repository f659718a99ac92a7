"""A task as it is written in the experiment: states, what is done in them, where they lead."""

from collections import Counter
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Literal

from pydantic import Field, model_validator

from tracker.controllers.allocation import AllocationSettings
from tracker.controllers.train import TrainSettings
from tracker.controllers.yoke import YokeSettings, refuse_half_a_yoke
from tracker.settings import Settings


class Transition(Settings):
    """One way out of a state: at an episode, or after a time."""

    to: str = Field(min_length=1, description="name of a state")
    on_episode: str | None = Field(None, min_length=1, description="name of a behaviour")
    at: Literal["begin", "end"] = Field("begin", description="which end of the episode")
    count: int = Field(
        1, ge=1, le=10_000, description="the how-manieth of them since the state was entered"
    )
    after_s: float | None = Field(
        None, ge=0, le=86_400, description="s since the state was entered, in capture time"
    )

    @model_validator(mode="after")
    def _has_one_cause(self) -> "Transition":
        if (self.on_episode is None) == (self.after_s is None):
            found = "neither" if self.after_s is None else "both"
            raise ValueError(f"expected exactly one of on_episode and after_s, found {found}")
        if self.after_s is not None and (self.at != "begin" or self.count != 1):
            raise ValueError("at and count belong to on_episode, not to after_s")
        return self


class TaskState(Settings):
    """One state of a task: what is done when it is entered, and the ways out of it."""

    output: str | None = Field(None, min_length=1, description="output that is told something")
    train: TrainSettings | None = Field(None, description="given once when the state is entered")
    stop_on_leaving: bool = Field(
        default=False, description="stop the output when the state is left"
    )
    allocated: bool = Field(
        default=False, description="its trains are the trials of the task's allocation"
    )
    next: tuple[Transition, ...] = Field((), description="ways out; none: the task ends here")

    @model_validator(mode="after")
    def _fits_together(self) -> "TaskState":
        if (self.output is None) != (self.train is None):
            missing = "output" if self.output is None else "train"
            raise ValueError(f"{missing} is missing: output and train go together")
        if self.output is None and (self.stop_on_leaving or self.allocated):
            raise ValueError("stop_on_leaving and allocated need an output and a train")
        causes = Counter((each.on_episode, each.at) for each in self.next)
        for (behaviour, at), n in causes.items():
            if n > 1:
                cause = f"on_episode {behaviour}, {at}" if behaviour else "after_s"
                raise ValueError(f"{n} ways out by {cause}: only one of them could be taken")
        if len(self.next) > 1 and any(each.after_s == 0 for each in self.next):
            raise ValueError("after_s: 0 leaves at once: no other way out could be taken")
        return self


class TaskSettings(Settings):
    """A state machine: trials of a simple task."""

    kind: Literal["task"] = "task"
    first: str = Field(min_length=1, description="state that the first frame enters")
    states: Mapping[str, TaskState] = Field(min_length=1)
    allocation: AllocationSettings | None = Field(
        None, description="of the trains of states with allocated: true; none: all are real"
    )
    yoke: YokeSettings | None = Field(None, description="where trains of yoked trials come from")

    @model_validator(mode="after")
    def _can_be_run(self) -> "TaskSettings":
        for name, state in self.states.items():
            for way in state.next:
                self._refuse_unknown(f"state {name!r}, to", way.to)
        self._refuse_unknown("first", self.first)
        self._refuse_unreachable()
        self._refuse_endless()
        refuse_half_a_yoke(self.allocation, self.yoke)
        if (self.allocation is None) == any(state.allocated for state in self.states.values()):
            raise ValueError(
                "allocation and allocated go together: give the task an allocation, and say "
                "allocated: true in the states whose trains are its trials"
            )
        return self

    def _refuse_unknown(self, where: str, name: str) -> None:
        if name not in self.states:
            close = get_close_matches(name, self.states, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else "."
            raise ValueError(f"{where}: no state {name!r}{hint} There is: {', '.join(self.states)}")

    def _refuse_unreachable(self) -> None:
        reached, to_visit = {self.first}, [self.first]
        while to_visit:
            ways = {way.to for way in self.states[to_visit.pop()].next}
            to_visit.extend(ways - reached)
            reached |= ways
        left = [name for name in self.states if name not in reached]
        if left:
            raise ValueError(f"no way leads from {self.first!r} to {', '.join(left)}")

    def _refuse_endless(self) -> None:
        """Refuse a circle of states that are all left at once."""
        at_once = {
            name: way.to
            for name, state in self.states.items()
            for way in state.next
            if way.after_s == 0
        }
        for name in at_once:
            here, path = name, [name]
            while here in at_once:
                here = at_once[here]
                path.append(here)
                if here == name:
                    raise ValueError(f"{' -> '.join(path)} takes no time: give one an after_s > 0")
                if len(path) > len(at_once) + 1:
                    break
