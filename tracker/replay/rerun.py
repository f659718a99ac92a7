"""Runs the pipeline and the controllers of a session over its record: same frames, same seeds.

What the outputs did is not repeated: decisions do not depend on it (docs/decisions/0011).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import chain
from typing import Any

import numpy as np
import pyarrow.compute as pc

from tracker.build import build_observer, build_pipeline
from tracker.build_loop import build_controllers, recorded_yoke
from tracker.clock import Clock, SystemClock
from tracker.config import Experiment, Stimulation
from tracker.controllers.base import Controller
from tracker.controllers.yoke import RepeatedYoke, YokeSettings, YokeSource
from tracker.errors import RecordingError, TrackerError
from tracker.observers.recorded import RecordedObserver, SecondLook
from tracker.recording import Recording
from tracker.replay.changes_again import ChangesAgain
from tracker.replay.views_again import ViewsAgain
from tracker.stimuli import Action, Arm, StimulusCommand, StimulusRow
from tracker.types import Episode, Fate, Frame, FrameResult, Observation

Compare = Callable[[Observation, Observation], None]
"""Told what is seen now and what was seen live, frame by frame."""

NO_IMAGE = np.zeros((0, 0), np.uint8)
"""The image of a frame that is not in the video."""


class Source(StrEnum):
    """What a replay begins with."""

    OBSERVATIONS = "observations"
    """What was seen live."""

    VIDEO = "video"
    """The recorded images, shown to the network again."""


class Rerun:
    """Decides again, frame by frame; runs once. One thread.

    Args:
        recording: A session.
        experiment: Its own, or another one to try on it.
        source: What to begin with.
        compare: Told of what is seen in each image, with `Source.VIDEO`, or of who it is now;
            None: nobody is.

    Raises:
        RecordingError: If something that is needed is not in the folder.
        ConfigError: If the experiment names something that is not there.
        ModelError: If the network cannot be used.
    """

    def __init__(
        self,
        recording: Recording,
        experiment: Experiment,
        source: Source = Source.OBSERVATIONS,
        compare: Compare | None = None,
    ) -> None:
        if "fate" not in recording.ledger.column_names:
            raise RecordingError(f"{recording.folder} has no ledger of frames")
        self._recording = recording
        self._source = source
        self._changes = ChangesAgain(recording, experiment)
        self._views = ViewsAgain(recording)
        self.notes: list[str] = [*self._changes.notes]
        """What had to be done otherwise than live, in sentences."""
        self._compare = compare or _ignore
        clock = SystemClock()
        self._observer = self._make_observer(experiment, clock)
        self.pipeline = build_pipeline(experiment, clock, self._observer)
        stimulation = experiment.stimulation
        self.controllers = self._make_controllers(stimulation) if stimulation else []

    @property
    def observer_facts(self) -> Mapping[str, Any]:
        """Of the network that looks again, or of the one that looked."""
        return self._observer.facts

    @property
    def n_frames(self) -> int:
        """Frames that are decided again."""
        return int(self._recording.observations.num_rows)

    def steps(self) -> Iterator[tuple[FrameResult, list[StimulusCommand]]]:
        """Decide again; give what follows from each frame."""
        self._observer.warm_up(tuple(self._recording.session["camera"]["shape"]))
        for frame in self._frames():
            self._changes.before(frame.index, self.pipeline.move_threshold)
            self._views.before(frame.index, self.pipeline.see_from)
            result = self.pipeline.step(frame)
            live = self._observer.live
            if live is not None and (live.identities or self._source is Source.VIDEO):
                self._compare(result.observation, live)
            yield result, [each for one in self.controllers for each in one.update(result)]

    def finish(self) -> tuple[Episode, ...]:
        """Close the episodes that are still going on, as the end of a session does."""
        return self.pipeline.finish()

    def _frames(self) -> Iterator[Frame]:
        """The frames that have an observation, with their images if those are wanted."""
        rows = self._recording.whole.observations.select(["index", "captured_ns"])
        images = self._images()
        image = next(images, None)
        for batch in rows.to_batches(max_chunksize=4096):
            columns = (batch[name].to_pylist() for name in ("index", "captured_ns"))
            for index, captured_ns in zip(*columns, strict=True):
                while image is not None and image.index < index:
                    image = next(images, None)
                is_there = image is not None and image.index == index
                pixels = image.image if image is not None and is_there else NO_IMAGE
                yield Frame(index, captured_ns, captured_ns, pixels)

    def _images(self) -> Iterator[Frame]:
        return iter(()) if self._source is Source.OBSERVATIONS else self._recording.frames()

    def _make_observer(self, experiment: Experiment, clock: Clock) -> RecordedObserver | SecondLook:
        recording = self._recording
        recorded = RecordedObserver(
            recording.skeleton,
            recording.whole.each_observation(),
            recording.session["provenance"].get("model", {}),
        )
        if self._source is Source.OBSERVATIONS:
            return recorded
        if not recording.has_video:
            raise RecordingError(
                f"there is no video in {recording.folder}: replay from observations"
            )
        if recording.session["provenance"].get("model", {}).get("observer") == "tracks":
            raise RecordingError(
                f"the positions in {recording.folder} came from a file of tracks, no network saw "
                f"its video: replay from observations"
            )
        if recording.session["recorder"].get("crop") is not None:
            raise RecordingError(
                f"the video in {recording.folder} is a crop, which the network did not see like "
                f"that: replay from observations"
            )
        network = build_observer(experiment, clock)
        return SecondLook(network, recorded)

    def _make_controllers(self, stimulation: Stimulation) -> list[Controller]:
        return build_controllers(
            stimulation,
            self.pipeline.rules,
            self.pipeline.feature_names,
            self._yoke_for,
            seeds_of(self._recording),
        )

    def _yoke_for(self, name: str, yoke: YokeSettings) -> YokeSource:
        """Give the other animal: from its own session if it is there, or from what was taken."""
        if yoke.address is not None:
            self.notes.append(
                f"controller {name} was yoked to a rig that ran at the same time: what came from "
                f"there is taken from what followed from it here"
            )
            return self._repeated(name)
        try:
            source = recorded_yoke(yoke)
        except TrackerError as failure:
            self.notes.append(
                f"the session that controller {name} was yoked to cannot be read ({failure}): its "
                f"trains are taken from what followed from them here"
            )
            return self._repeated(name)
        known = controller_facts(self._recording).get(name, {}).get("yoke", {})
        if source.facts["trains_sha256"] != known.get("trains_sha256"):
            self.notes.append(
                f"the session that controller {name} was yoked to, {yoke.session}, has other "
                f"stimuli than when it was read live"
            )
        return source

    def _repeated(self, name: str) -> RepeatedYoke:
        first_ns = int(self._recording.captured_ns[0]) if len(self._recording.captured_ns) else 0
        rows = [row.command for row in decided_rows(self._recording) if _is_of(row, name)]
        return RepeatedYoke(((each.captured_ns or 0) - first_ns, each.train) for each in rows)


def decided_rows(recording: Recording) -> list[StimulusRow]:
    """Return the rows of commands that the program decided on, in full as far as they are there."""
    sealed = {row.command.stimulus_id: row for row in recording.sealed_rows}
    rows = (sealed.get(row.command.stimulus_id, row) for row in recording.stimuli)
    return [row for row in rows if row.command.frame_index is not None]


def controller_facts(recording: Recording) -> Mapping[str, Any]:
    """Return what the session keeps of its controllers from the start, by name."""
    stimulation = recording.session["provenance"].get("stimulation", {})
    facts: Mapping[str, Any] = stimulation.get("controllers", {})
    return facts


def seeds_of(recording: Recording) -> dict[str, str]:
    """Return the seed of each controller that has one, by name; sealed ones too."""
    seeds = {name: facts.get("seed") for name, facts in controller_facts(recording).items()}
    seeds |= {name: sealed.get("seed") for name, sealed in recording.sealed_seeds.items()}
    return {name: seed for name, seed in seeds.items() if seed}


def not_in_video(recording: Recording) -> Sequence[int]:
    """Return the indices of frames that were processed and are not in the video."""
    ledger = recording.ledger
    processed = pc.equal(ledger["fate"], str(Fate.PROCESSED))
    missing = pc.and_(processed, pc.not_equal(ledger["recording"], str(Fate.RECORDED)))
    indices: list[int] = ledger.filter(missing)["index"].to_pylist()
    return indices


def _is_of(row: StimulusRow, name: str) -> bool:
    """Whether a row used up a train, or a stop, of the animal that a controller was yoked to."""
    command = row.command
    if command.controller != name:
        return False
    if command.trigger.startswith("yoked:"):
        return True
    return command.arm is Arm.YOKED and command.action is Action.TRAIN


def _ignore(_now: Observation, _live: Observation) -> None:
    """Nobody wants to know."""


def all_events(rerun: Rerun) -> Iterator[Any]:
    """Run it to its end; give onsets and episodes in the order in which they became certain."""
    return chain(chain.from_iterable(result.events for result, _ in rerun.steps()), rerun.finish())
