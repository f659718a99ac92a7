"""Writes the session folder, so that it can be read whatever happens.

A program that dies loses what it did in the last half second, a power cut a little over
the last second. docs/session_folder.md specifies every file.
"""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tracker.clock import Clock
from tracker.errors import DiskFull, RecordingError
from tracker.session_folder import files as names
from tracker.session_folder.around_episodes import AroundEpisodes
from tracker.session_folder.files import (
    AppendFile,
    failure_of,
    refuse_loss_of,
    replace_file,
    write_error,
    write_new,
)
from tracker.session_folder.lock import WriterLock
from tracker.session_folder.rows import (
    LEDGER_SCHEMA,
    EpisodeLine,
    LogLine,
    ObservationRows,
    ledger_row,
    pretty_json,
    to_json,
)
from tracker.session_folder.settings import RecorderSettings
from tracker.session_folder.stimulus_files import StimulusFiles
from tracker.session_folder.tables import TableWriter
from tracker.session_folder.video_encoder import Codec, EncoderChoice, choose_encoder
from tracker.session_folder.video_track import VideoTrack, refuse_video
from tracker.session_folder.view_files import ViewFiles
from tracker.session_folder.work import Busy, Work
from tracker.stimuli import Edge, StimulusRow
from tracker.types import (
    CameraInfo,
    Episode,
    Frame,
    FrameResult,
    InVideo,
    LedgerRow,
    Onset,
    Skeleton,
)

FLUSH_NS = 400_000_000
"""Rows older than this are handed to the operating system by `Recorder.tick`."""

_RESERVE_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class _Files:
    ledger: TableWriter
    observations: TableWriter
    episodes: AppendFile
    log: AppendFile
    views: ViewFiles
    stimuli: StimulusFiles | None
    video: VideoTrack | None

    def each(self) -> list[TableWriter | AppendFile | ViewFiles | StimulusFiles | VideoTrack]:
        files = (
            self.ledger,
            self.observations,
            self.episodes,
            self.log,
            self.views,
            self.stimuli,
            self.video,
        )
        return [file for file in files if file is not None]


class Recorder:
    """Writes one session folder. Passive: one thread calls it, it makes none.

    Every method but `close` raises `RecordingError` if the recorder is not open.

    Args:
        folder: A folder that does not exist yet. Nothing is ever overwritten.
        settings: Codec and limits.
        session_id: As on the wire.
        camera: What the open camera says of itself.
        skeleton: Keypoints of every observation.
        features: Names of all features, in the order of their columns.
        behaviours: Names of all behaviours, in the order of their columns.
        experiment_yaml: The resolved experiment, as text.
        blinded: Controllers whose arms are hidden; None: the experiment has no outputs.
        sealed: What would tell their arms, by controller: goes into sealed.jsonl at once.
        provenance: Facts that are kept in session.json as they are: JSON values, paths,
            numpy numbers. `model_sha256` and `config_sha256` go into every episode as well;
            without the latter it is the hash of `experiment_yaml`.
        clock: The session clock.
        confirm_s: Longest time from an onset around which video is wanted to its confirmation.
    """

    def __init__(  # noqa: PLR0913 - one place states all that a folder must contain
        self,
        folder: Path,
        settings: RecorderSettings,
        *,
        session_id: str,
        camera: CameraInfo,
        skeleton: Skeleton,
        features: Sequence[str],
        behaviours: Sequence[str],
        experiment_yaml: str,
        provenance: Mapping[str, Any],
        clock: Clock,
        blinded: frozenset[str] | None = None,
        sealed: Mapping[str, Any] | None = None,
        confirm_s: float = 0.0,
    ) -> None:
        self._confirm_s = confirm_s
        self.work = Work()
        """What the thread that calls this is busy with."""
        self.around: AroundEpisodes | None = None
        """Holds frames back, where only those around episodes are wanted; set by `open`."""
        self._blinded, self._sealed = blinded, dict(sealed or {})
        self._folder = folder
        self._settings = settings
        self._session_id = session_id
        self._camera = camera
        self._skeleton = skeleton
        self._rows = ObservationRows(skeleton, features, behaviours)
        head = f"# session: {session_id}, schema: {names.SCHEMA_VERSION}\n"
        self._experiment = (head + experiment_yaml).encode()
        self._provenance = dict(provenance)
        config_sha256 = hashlib.sha256(experiment_yaml.encode()).hexdigest()
        self._provenance.setdefault("config_sha256", config_sha256)
        self._hashes = {
            name: self._provenance.get(name) for name in ("model_sha256", "config_sha256")
        }
        self._clock = clock
        self._opened_ns = self._flushed_ns = self._synced_ns = 0
        self._n_frames = 0
        self._files: _Files | None = None
        self._lock: WriterLock | None = None
        self._encoder: EncoderChoice | None = None

    @property
    def folder(self) -> Path:
        """Where it writes."""
        return self._folder

    def open(self) -> None:
        """Make the folder and begin every file.

        Raises:
            DiskFull: If less than `min_free_mb` is free, or the disk fills up right now.
            RecordingError: If the folder exists, cannot be made, or the codec cannot store
                the camera's frames.
        """
        self._opened_ns = self._flushed_ns = self._synced_ns = self._clock.now_ns()
        settings = self._settings
        stored = refuse_video(self._camera.shape, settings)
        if settings.codec is not Codec.NONE:
            self._encoder = choose_encoder(settings.codec, settings.encoder, stored, settings.crf)
            if (around := settings.around_episodes) is not None:
                self.around = AroundEpisodes(around, self._camera, self._confirm_s)
        session = pretty_json(self._session("running"))
        self._make_folder()
        self._lock = WriterLock(self._folder)
        with ExitStack() as undo:
            undo.callback(self._lock.release)
            write_new(self._folder / names.EXPERIMENT, self._experiment)
            replace_file(self._folder / names.SESSION, session)
            write_new(self._folder / names.RESERVE, b"\xa5" * _RESERVE_BYTES)
            self._files = self._begin_files()
            undo.pop_all()
        if self._encoder is not None and self._encoder.fell_back:
            self.log("warning", self._encoder.fell_back)

    def write_frame(self, frame: Frame) -> InVideo | None:
        """Add one frame to the video, and say where; does nothing with codec `none`.

        Frames come in the order of their capture; the k-th one written to a file is the k-th
        row of the ledger with its `segment`.

        Raises:
            RecordingError: If it is not what the camera promised, or cannot be written.
            DiskFull: If there is no room left.
        """
        video = self._open_files().video
        if video is None:
            return None
        place = video.write(frame)
        self._n_frames += 1
        return place

    def begin_video_file(self) -> None:
        """Have the next frame begin a file of its own; the video has to be segmented."""
        if self._files is not None and self._files.video is not None:
            self._files.video.begin_file()

    def write_result(self, result: FrameResult) -> None:
        """Add a row to observations.arrow, and its events to episodes.jsonl at once.

        Raises:
            RecordingError: If keypoints, features or behaviours are not those announced,
                or it cannot be written.
            DiskFull: If there is no room left.
        """
        files = self._open_files()
        files.observations.append(self._rows.row(result))
        if files.video is not None:
            files.video.follow(result.observation)
        self.write_events(result.events)

    def write_events(self, events: Sequence[Onset | Episode]) -> None:
        """Add lines to episodes.jsonl at once; raises what `write_result` raises."""
        episodes = self._open_files().episodes
        for event in events:
            line = EpisodeLine.of(event, self._session_id, **self._hashes)
            episodes.append(to_json(line) + b"\n")

    def write_stimulus(self, row: StimulusRow) -> None:
        """Add a line to stimuli.jsonl at once; raises what `write_result` raises."""
        self._stimulus_files().write_stimulus(row)

    def write_edge(self, edge: Edge) -> None:
        """Add a line to edges.jsonl at once; raises what `write_result` raises."""
        self._stimulus_files().write_edge(edge)

    @property
    def views(self) -> ViewFiles:
        """Where looks at the camera's view are written; raises what `write_result` raises."""
        return self._open_files().views

    def write_ledger(self, rows: Sequence[LedgerRow]) -> None:
        """Add finished rows to frames.arrow, in the order of the camera's count."""
        ledger = self._open_files().ledger
        for row in rows:
            ledger.append(ledger_row(row))

    def log(self, level: str, message: str, **facts: object) -> None:
        """Add a line to log.jsonl at once. Facts are what `provenance` may hold."""
        line = LogLine(
            schema=names.SCHEMA_VERSION,
            session_id=self._session_id,
            logged_ns=self._clock.now_ns(),
            level=level,
            message=message,
            facts=facts,
        )
        self._open_files().log.append(to_json(line) + b"\n")

    def tick(self) -> None:
        """Call often, at least ten times a second: hands on what has waited long enough.

        Raises:
            RecordingError: If it cannot be written, or the folder is not there any more.
            DiskFull: If there is no room left.
        """
        files, now_ns = self._open_files(), self._clock.now_ns()
        if now_ns - self._flushed_ns < FLUSH_NS:
            return
        with self.work.of(Busy.DISK):
            files.ledger.flush()
            files.observations.flush()
            self._flushed_ns = now_ns
            if now_ns - self._synced_ns >= self._settings.sync_every_s * 1e9:
                for file in files.each():
                    file.sync()
                refuse_loss_of(self._folder)
                self._synced_ns = now_ns

    def free_reserve(self) -> None:
        """Give back the room that was kept for the end; twice does no harm."""
        path = self._folder / names.RESERVE
        try:
            path.unlink(missing_ok=True)
        except OSError as failure:
            raise write_error(path, failure) from failure

    def close(self, end_reason: str, totals: Mapping[str, Any], **more: object) -> None:
        """Finish every file, also after a failure; harmless if it is not open.

        Args:
            end_reason: Why the session ended, e.g. "completed".
            totals: Sums over the ledger, JSON-ready.
            more: Other facts for session.json that only the end knows.

        Raises:
            RecordingError: The first failure, after everything was tried.
        """
        if self._files is None:
            return
        files, self._files = self._files, None
        steps = [self.free_reserve, *(file.close for file in files.each())]
        failures = [failure for step in steps if (failure := failure_of(step)) is not None]
        session = self._session("closed") | {
            "end_reason": end_reason,
            "closed_ns": self._clock.now_ns(),
            "video_frames": self._n_frames,
            "totals": totals,
            **more,
            "recording_errors": [str(failure) for failure in failures],
        }
        last = failure_of(lambda: replace_file(self._folder / names.SESSION, pretty_json(session)))
        freed = failure_of(self._lock.release) if self._lock is not None else None
        failures += [failure for failure in (last, freed) if failure is not None]
        if failures:
            raise failures[0]

    def _open_files(self) -> _Files:
        if self._files is None:
            raise RecordingError(f"the recorder of {self._folder} is not open")
        return self._files

    def _stimulus_files(self) -> StimulusFiles:
        stimuli = self._open_files().stimuli
        if stimuli is None:
            raise RecordingError(f"{self._folder} was begun without stimuli")
        return stimuli

    def _make_folder(self) -> None:
        try:
            existing = next(path for path in self._folder.parents if path.exists())
            free_mb = shutil.disk_usage(existing).free // 1_000_000
            if free_mb < self._settings.min_free_mb:
                raise DiskFull(
                    f"{free_mb} MB are free in {existing}, and the recorder asks for "
                    f"{self._settings.min_free_mb} MB (min_free_mb): free some space, or record "
                    f"to another disk"
                )
            self._folder.mkdir(parents=True)
        except FileExistsError as failure:
            raise RecordingError(
                f"{self._folder} exists already, and nothing is overwritten: choose another name"
            ) from failure
        except OSError as failure:
            raise write_error(self._folder, failure) from failure

    def _begin_files(self) -> _Files:
        folder = self._folder
        about = {"tracker.schema": str(names.SCHEMA_VERSION), "tracker.session": self._session_id}
        with ExitStack() as undo:
            ledger = TableWriter(folder / names.LEDGER, LEDGER_SCHEMA, about)
            undo.callback(ledger.close)
            observations = TableWriter(folder / names.OBSERVATIONS, self._rows.schema, about)
            undo.callback(observations.close)
            episodes = AppendFile(folder / names.EPISODES)
            undo.callback(episodes.close)
            log = AppendFile(folder / names.LOG)
            undo.callback(log.close)
            stimuli = self._begin_stimuli()
            if stimuli is not None:
                undo.callback(stimuli.close)
            video = self._begin_video()
            undo.pop_all()
        views = ViewFiles(folder, self._session_id)
        return _Files(ledger, observations, episodes, log, views, stimuli, video)

    def _begin_stimuli(self) -> StimulusFiles | None:
        if self._blinded is None:
            return None
        about = self._blinded, self._sealed, self._hashes
        return StimulusFiles(self._folder, self._session_id, *about)

    def _begin_video(self) -> VideoTrack | None:
        if self._encoder is None:
            return None
        about = self._camera, self._settings, self._session_id, self._encoder
        return VideoTrack(self._folder, *about, self.work)

    def _session(self, state: str) -> dict[str, Any]:
        started = datetime.fromtimestamp(
            (self._clock.anchor_utc_ns + self._opened_ns) / 1e9, tz=UTC
        )
        return {
            "schema": names.SCHEMA_VERSION,
            "written_by": f"behaviour-tracker {version('behaviour-tracker')}",
            "session_id": self._session_id,
            "state": state,
            "started_utc": started.isoformat(timespec="milliseconds"),
            "anchor_utc_ns": self._clock.anchor_utc_ns,
            "opened_ns": self._opened_ns,
            "camera": self._camera,
            "skeleton": self._skeleton,
            "features": self._rows.features,
            "behaviours": self._rows.behaviours,
            "recorder": self._settings.model_dump(mode="json"),
            "video": self._encoder,
            "experiment_sha256": hashlib.sha256(self._experiment).hexdigest(),
            "provenance": self._provenance,
        }
