"""Whom a command is about, and how sure it is that the animal in the frame is that one."""

from tracker.interlocks import Situation
from tracker.stimuli import StimulusCommand
from tracker.types import FrameResult, Observation, Onset

MOST_EPISODES = 4096
"""Episodes whose subjects are kept, the newest ones."""


class Subjects:
    """Remembers the subjects of episodes; used by the pipeline's thread."""

    def __init__(self) -> None:
        self._subjects: dict[str, str] = {}

    def note(self, result: FrameResult) -> None:
        """Take in the onsets of a frame, before the commands that follow from it."""
        for event in result.events:
            if isinstance(event, Onset):
                self._subjects[event.episode_id] = event.subject
                if len(self._subjects) > MOST_EPISODES:
                    del self._subjects[next(iter(self._subjects))]

    def situation(self, command: StimulusCommand, seen: Observation) -> Situation:
        """Return what is known of the frame and of the animal that a command is about.

        That is the subject of the episode that the command follows from. If it follows from no
        episode, or from one that is not about one animal alone, the least certain animal counts.
        Where nobody is tracked, the one individual that is seen is the animal.
        """
        sure = dict(zip(seen.identities, seen.identity_confidence, strict=True))
        sure.pop("", None)
        subject = self._subjects.get(command.trigger, "")
        if subject in sure:
            identity = sure[subject]
        elif sure:
            identity = min(sure.values())
        else:
            identity = 1.0 if len(seen.confidence) == 1 else 0.0
        return Situation(usable=not seen.abstained, identity=identity, captured_ns=seen.captured_ns)
