"""What it cost to decide live, by cause: frames that were lost, filters that cannot look ahead."""

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracker.build import build_observer, build_pipeline
from tracker.clock import SystemClock
from tracker.config import Experiment
from tracker.errors import RecordingError
from tracker.observers.recorded import FilledIn, RecordedObserver
from tracker.parity.frames import FeatureCollector, FrameFeatures, episodes_from
from tracker.parity.match import Agreement, agreement
from tracker.pipeline import Pipeline
from tracker.recording import Recording
from tracker.replay import Rerun
from tracker.replay.changes_again import ChangesAgain
from tracker.replay.own import experiment_of
from tracker.replay.rerun import NO_IMAGE, not_in_video
from tracker.replay.views_again import ViewsAgain
from tracker.types import Episode, Fate, Frame, Observation

Progress = Callable[[int, int], None]
"""Told how many frames are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one cause changes.

    Attributes:
        cause: In words.
        compared: What is compared with which reference, in words.
        agreements: One per behaviour.
    """

    cause: str
    compared: str
    agreements: tuple[Agreement, ...]


@dataclass(frozen=True, slots=True)
class Price:
    """The price of being online.

    Attributes:
        frames: Frames that the camera delivered.
        processed: Those that were processed live.
        steps: By cause, all together last.
        confirmation_ms: Median and longest time from onset to confirmation, live, by behaviour.
        notes: What limits the comparison.
    """

    frames: int
    processed: int
    steps: tuple[Step, ...]
    confirmation_ms: Mapping[str, tuple[float, float]]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the same, JSON-ready but for NaN."""
        return asdict(self)


def price(
    recording: Recording, *, full: bool, progress: Progress = lambda _done, _of: None
) -> Price:
    """Decide a session again as one could have afterwards, and compare.

    Args:
        recording: A session.
        full: Show the network every recorded frame; otherwise those that were processed live
            are taken as they were seen.
        progress: Told now and then.

    Raises:
        RecordingError: If something that is needed is missing; with `full` also a whole video.
        ConfigError: If the session's experiment cannot be used by this version.
        ModelError: If the network cannot be used.
    """
    experiment = experiment_of(recording)
    notes: list[str] = []
    delays = Rerun(recording, experiment).pipeline.group_delay_s
    live = live_episodes(recording)
    every, seen = list(live), _recorded_features(recording)
    steps = []
    frames = captured_frames(recording)
    if full and _has_more(recording, notes):
        pipeline, seen, every = _with_every_frame(recording, experiment, progress)
        delays = pipeline.group_delay_s

    def step(cause: str, compared: str, one: list[Episode], other: list[Episode]) -> Step:
        each = [agreement(name, one, other, frames) for name in experiment.behaviours]
        return Step(cause, compared, tuple(each))

    again = ChangesAgain(recording, experiment)
    best = episodes_from(seen.centred(delays), experiment, delays, again)
    on_these = "every recorded frame" if full else "the frames that were processed"
    if full:
        text = f"live against {on_these}, with the same filters"
        steps.append(step("missed frames", text, live, every))
    text = f"causal against centred filters on {on_these}"
    steps.append(step("causal filters", text, every, best))
    text = f"live against centred filters on {on_these}"
    steps.append(step("all together", text, live, best))
    return Price(
        frames=len(frames),
        processed=len(recording.frame_indices),
        steps=tuple(steps),
        confirmation_ms=_confirmation(live, list(experiment.behaviours)),
        notes=tuple(notes),
    )


def live_episodes(recording: Recording) -> list[Episode]:
    """Return the episodes as they were live; those that a crash left open end at its last frame."""
    episodes = list(recording.episodes)
    if len(recording.frame_indices):
        last = int(recording.frame_indices[-1]), int(recording.captured_ns[-1])
        open_ones = (each for each in recording.open_onsets if each.confirmed_index <= last[0])
        episodes += [Episode(onset, *last, ended_by_session=True) for onset in open_ones]
    return episodes


def captured_frames(recording: Recording) -> NDArray[np.int64]:
    """Return the camera's count of all frames that arrived."""
    arrived = recording.ledger.filter(pc.is_valid(recording.ledger["captured_ns"]))
    indices: NDArray[np.int64] = arrived["index"].to_numpy()
    return indices


def _recorded_features(recording: Recording) -> FrameFeatures:
    return FrameFeatures(recording.frame_indices, recording.captured_ns, recording.features)


def _has_more(recording: Recording, notes: list[str]) -> bool:
    """Whether there are recorded frames that were not processed; note what limits a second look."""
    session, ledger = recording.session, recording.ledger
    if not recording.has_video:
        raise RecordingError(f"there is no video in {recording.folder}: leave --full out")
    if session["recorder"].get("crop") is not None:
        raise RecordingError(
            f"the video in {recording.folder} is a crop, which the network did not see like that: "
            f"leave --full out"
        )
    recorded = pc.equal(ledger["recording"], str(Fate.RECORDED))
    more = pc.and_(recorded, pc.not_equal(ledger["fate"], str(Fate.PROCESSED)))
    n_more = int(pc.sum(more).as_py() or 0)
    if not n_more:
        notes.append("every recorded frame was processed live: the network is not asked again")
        return False
    if session["recorder"]["codec"] != "ffv1":
        codec = session["recorder"]["codec"]
        notes.append(f"the video is {codec}: what the network sees now differs by that as well")
    n_gone = len(not_in_video(recording))
    if n_gone:
        notes.append(
            f"{n_gone} frames were processed live and are not in the video: they are taken as "
            f"they were seen"
        )
    n_lost = ledger.num_rows - len(captured_frames(recording))
    if n_lost:
        notes.append(f"{n_lost} frames never arrived, which nobody can look at again")
    return True


def _with_every_frame(
    recording: Recording, experiment: Experiment, progress: Progress
) -> tuple[Pipeline, FrameFeatures, list[Episode]]:
    """Run the pipeline over every recorded frame."""
    clock = SystemClock()
    gone = frozenset(not_in_video(recording))
    seen = recording.whole.each_observation
    facts = recording.session["provenance"].get("model", {})
    filled = (each for each in seen() if each.frame_index in gone)
    live = RecordedObserver(recording.skeleton, filled, facts)
    observer = FilledIn(build_observer(experiment, clock), live)
    pipeline = build_pipeline(experiment, clock, observer)
    pipeline.observer.warm_up(tuple(recording.session["camera"]["shape"]))
    kept = FeatureCollector(pipeline.feature_names)
    episodes: list[Episode] = []
    n_frames = len(recording.whole.recorded) + len(gone)
    without_image = (_without_image(each) for each in seen() if each.frame_index in gone)
    frames = heapq.merge(recording.frames(), without_image, key=lambda frame: frame.index)
    changes, views = ChangesAgain(recording, experiment), ViewsAgain(recording)
    for done, frame in enumerate(frames, start=1):
        changes.before(frame.index, pipeline.move_threshold)
        views.before(frame.index, pipeline.see_from)
        result = pipeline.step(frame)
        kept.take(result)
        episodes += [each for each in result.events if isinstance(each, Episode)]
        if done % 64 == 0:
            progress(done, n_frames)
    return pipeline, kept.features(), [*episodes, *pipeline.finish()]


def _without_image(seen: Observation) -> Frame:
    return Frame(seen.frame_index, seen.captured_ns, seen.captured_ns, NO_IMAGE)


def _confirmation(
    live: Sequence[Episode], behaviours: Sequence[str]
) -> dict[str, tuple[float, float]]:
    found = {}
    for name in behaviours:
        onsets = [each.onset for each in live if each.onset.behaviour == name]
        waits = np.array([(each.confirmed_ns - each.onset_ns) / 1e6 for each in onsets])
        nothing = math.nan, math.nan
        found[name] = (float(np.median(waits)), float(waits.max())) if len(waits) else nothing
    return found
