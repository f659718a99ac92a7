"""What comes out of a replay, without a look at what was decided live."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tracker.recording import Recording
from tracker.replay.own import experiment_of
from tracker.replay.rerun import Rerun, Source, controller_facts
from tracker.stimuli import StimulusCommand
from tracker.types import Episode, Onset


@dataclass(frozen=True, slots=True)
class Outcome:
    """Episodes and stimuli of a replay.

    Attributes:
        source: What it began with.
        frames: Frames that were decided again.
        episodes: By onset: `episode_id`, `behaviour`, `onset_s`, `confirmed_s`, `end_s` since the
            first frame, `onset_index`, `end_index`, `ended_by_session`.
        stimuli: `stimulus_id`, `output`, `action`, `arm` (None: hidden), `trigger`,
            `frame_index`, `captured_s`, `values`.
        notes: What had to be done otherwise than live.
    """

    source: Source
    frames: int
    episodes: tuple[Mapping[str, Any], ...]
    stimuli: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the same, JSON-ready but for NaN in `values`."""
        return {
            "source": str(self.source),
            "frames": self.frames,
            "episodes": list(self.episodes),
            "stimuli": list(self.stimuli),
            "notes": list(self.notes),
        }


def outcome_of(
    recording: Recording, source: Source, progress: Callable[[int, int], None]
) -> Outcome:
    """Decide again what a session decided, and return what comes out.

    Arms that are hidden stay hidden. Raises as `verify`.
    """
    rerun = Rerun(recording, experiment_of(recording), source)
    facts = controller_facts(recording)
    hidden = {name for name in facts if facts[name].get("blinded") and recording.is_blinded}
    events: list[Onset | Episode] = []
    commands: list[StimulusCommand] = []
    for done, (result, asked) in enumerate(rerun.steps(), start=1):
        events += result.events
        commands += asked
        if done % 256 == 0:
            progress(done, rerun.n_frames)
    ended = [each for each in [*events, *rerun.finish()] if isinstance(each, Episode)]
    ended.sort(key=lambda each: each.onset.onset_ns)

    def seconds(time_ns: int) -> float:
        return (time_ns - recording.origin.start_ns) / 1e9

    return Outcome(
        source=source,
        frames=rerun.n_frames,
        episodes=tuple(
            {
                "episode_id": each.onset.episode_id,
                "behaviour": each.onset.behaviour,
                "onset_s": seconds(each.onset.onset_ns),
                "confirmed_s": seconds(each.onset.confirmed_ns),
                "end_s": seconds(each.end_ns),
                "onset_index": each.onset.onset_index,
                "end_index": each.end_index,
                "ended_by_session": each.ended_by_session,
            }
            for each in ended
        ),
        stimuli=tuple(
            {
                "stimulus_id": each.stimulus_id,
                "output": each.output,
                "action": str(each.action),
                "arm": None if each.controller in hidden else str(each.arm),
                "trigger": each.trigger,
                "frame_index": each.frame_index,
                "captured_s": seconds(each.captured_ns or 0),
                "values": dict(each.values),
            }
            for each in commands
        ),
        notes=tuple(rerun.notes),
    )
