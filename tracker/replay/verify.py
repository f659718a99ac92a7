"""Does a session decide the same again? From its record, byte for byte."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracker.recording import Recording
from tracker.replay.causes import what_changed, with_causes
from tracker.replay.compare import (
    Found,
    NumberComparison,
    compare_commands,
    compare_episodes,
    compare_observations,
)
from tracker.replay.own import experiment_of
from tracker.replay.rerun import Rerun, Source, decided_rows
from tracker.replay.verdict import Cause, Kind, Verdict, Why
from tracker.session_folder import files as names
from tracker.session_folder.lines import read_lines
from tracker.session_folder.rows import EpisodeLine
from tracker.stimuli import StimulusCommand
from tracker.types import Episode, Fate, Onset

Progress = Callable[[int, int], None]
"""Told how many frames are done, and of how many."""

ENDED_WELL = ("completed", "stopped")
"""End reasons of sessions that have written all that they decided."""


def verify(
    recording: Recording,
    source: Source = Source.OBSERVATIONS,
    progress: Progress = lambda _done, _of: None,
) -> Verdict:
    """Decide again all that a session decided, and compare.

    Args:
        recording: A session, also one that was cut off: then as far as it goes.
        source: What to begin with.
        progress: Told now and then.

    Raises:
        RecordingError: If something that is needed is missing or damaged.
        ConfigError: If the session's experiment cannot be used by this version.
        ModelError: If the network cannot be used; with `Source.VIDEO`.
    """
    experiment, found = experiment_of(recording), Found()
    rerun = Rerun(
        recording, experiment, source, lambda now, live: compare_observations(now, live, found)
    )
    not_compared = list(_compare_frames(recording, found))
    events: list[Onset | Episode] = []
    commands: list[StimulusCommand] = []
    numbers = NumberComparison(recording, found)
    for done, (result, asked) in enumerate(rerun.steps(), start=1):
        numbers.take(result)
        events += result.events
        commands += asked
        if done % 256 == 0:
            progress(done, rerun.n_frames)
    numbers.finish()
    not_compared += _compare_episodes(recording, events, rerun.finish(), found)
    not_compared += _compare_commands(recording, commands, found)
    causes = what_changed(recording, experiment, rerun, source)
    return Verdict(
        source=source,
        compared=dict(found.compared),
        n_different=dict(found.n_different),
        differences=with_causes(found, causes),
        causes=causes,
        not_compared=tuple(not_compared),
    )


def ended_well(recording: Recording) -> bool:
    """Whether a session has written all that it decided."""
    return recording.session.get("end_reason") in ENDED_WELL


def _compare_frames(recording: Recording, found: Found) -> list[Cause]:
    """The frames that the ledger calls processed have to be those that have an observation."""
    ledger = recording.ledger
    processed = ledger.filter(pc.equal(ledger["fate"], str(Fate.PROCESSED)))["index"].to_numpy()
    seen = recording.frame_indices
    found.compared[Kind.FRAME] += len(processed)
    alone = np.setxor1d(processed, seen)
    if not len(alone):
        return []
    if not ended_well(recording) and _is_tail(alone, processed, seen):
        text = f"frames from {alone[0]} on: the session was cut off before all was written of them"
        return [Cause(Why.CUT_OFF, text)]
    for index in alone.tolist():
        file = names.OBSERVATIONS if index in processed else names.LEDGER
        found.add(Kind.FRAME, f"frame {index}", index, f"it was processed, but not by {file}")
    return []


def _is_tail(
    alone: NDArray[np.int64], processed: NDArray[np.int64], seen: NDArray[np.int64]
) -> bool:
    """Whether what one of the two files has alone comes after all that both have."""
    both = np.intersect1d(processed, seen)
    return not len(both) or int(alone[0]) > int(both[-1])


def _compare_episodes(
    recording: Recording,
    events: Sequence[Onset | Episode],
    last: Sequence[Episode],
    found: Found,
) -> list[Cause]:
    """Compare all lines; of a session that was cut off those that follow from its observations."""
    session, hashes = recording.session, recording.session["provenance"]
    live, _ = read_lines(recording.folder / names.EPISODES, EpisodeLine)

    def line(event: Onset | Episode) -> EpisodeLine:
        known = {name: hashes.get(name) for name in ("model_sha256", "config_sha256")}
        return EpisodeLine.of(event, session["session_id"], **known)

    now, ends = [line(event) for event in events], [line(event) for event in last]
    if ended_well(recording):
        compare_episodes(now + ends, live, found)
        return []
    there = set(live)
    now += [each for each in ends if each in there]
    again, still_open = set(now), {each.episode_id for each in ends}
    last_index = int(recording.frame_indices[-1]) if len(recording.frame_indices) else -1

    def is_beyond(line: EpisodeLine) -> bool:
        ends_later = line.state == "end" and line.episode_id in still_open
        return line not in again and (line.confirmed_index > last_index or ends_later)

    beyond = [each for each in live if is_beyond(each)]
    compare_episodes(now, [each for each in live if not is_beyond(each)], found)
    left_out = {*(each.episode_id for each in beyond), *still_open} - {
        each.episode_id for each in now if each.state == "end"
    }
    if not left_out:
        return []
    text = (
        f"how {', '.join(sorted(left_out))} went on: the session was cut off at frame {last_index}"
    )
    return [Cause(Why.CUT_OFF, text)]


def _compare_commands(
    recording: Recording, now: Sequence[StimulusCommand], found: Found
) -> list[Cause]:
    """Compare all commands but those that a person gave, or that follow from nothing recorded."""
    left_out = []
    live = [row.command for row in decided_rows(recording)]
    by_hand = len(recording.stimuli) - len(live)
    if by_hand:
        text = f"{by_hand} stimuli were asked for by hand: the program did not decide on them"
        left_out.append(Cause(Why.MANUAL, text))
    if not ended_well(recording):
        last_index = int(recording.frame_indices[-1]) if len(recording.frame_indices) else -1
        n_before = len(live)
        live = [each for each in live if (each.frame_index or 0) <= last_index]
        if len(live) < n_before:
            text = f"{n_before - len(live)} stimuli after frame {last_index}: it was cut off there"
            left_out.append(Cause(Why.CUT_OFF, text))
    if any(each.arm is None for each in live):
        text = "arms and trains: they are hidden, and what is sealed is not in the folder"
        left_out.append(Cause(Why.SEED, text))
    hidden = {each.controller for each in live} if recording.is_blinded else frozenset[str]()
    compare_commands(now, live, frozenset(hidden), found)
    return left_out
