"""Thresholds that people moved while a session ran, moved again before the same frames."""

from collections import deque
from collections.abc import Callable

from tracker.changes import Change, changes_in
from tracker.config import Experiment
from tracker.recording import Recording
from tracker.replay.own import experiment_of


class ChangesAgain:
    """What was changed live, frame by frame; runs once.

    A change of a rule that the other experiment has otherwise is left out: it was made to
    another rule.

    Args:
        recording: A session.
        experiment: Its own, or another one to try on it.
    """

    def __init__(self, recording: Recording, experiment: Experiment) -> None:
        every = changes_in((line.level, line.facts) for line in recording.log)
        own = experiment_of(recording).behaviours if every else {}
        other = experiment.behaviours
        kept, left_out = list[Change](), set[str]()
        for each in every:
            name = each.behaviour
            if name in other and name in own and other[name].rule == own[name].rule:
                kept.append(each)
            else:
                left_out.add(name)
        self._waiting = deque(kept)
        self.notes = tuple(
            f"a person moved thresholds of {name} while the session ran: that is not done again, "
            f"since its rule is another one here"
            for name in sorted(left_out)
        )
        """What is left out, in sentences."""

    def before(self, frame_index: int, move: Callable[[str, int, float], object]) -> None:
        """Do what was done before this frame.

        Args:
            frame_index: Of the frame that comes next.
            move: As `Pipeline.move_threshold`.
        """
        while self._waiting and self._waiting[0].frame_index <= frame_index:
            each = self._waiting.popleft()
            move(each.behaviour, each.place, each.to)
