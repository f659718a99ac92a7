"""What the recorder's thread does over and over; no thread is made here."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

from tracker.errors import DiskFull, RecordingError
from tracker.filming import Filming
from tracker.ledger import Ledger
from tracker.recorder import Recorder
from tracker.registration.lines import ViewPicture, ViewRow
from tracker.ring_buffer import Read, Reader
from tracker.session_folder.around_episodes import Settled
from tracker.stages import PATIENCE_S, Note, Record
from tracker.stimuli import Edge, StimulusRow
from tracker.types import Episode, Fate, Frame, FrameResult, InVideo, LedgerRow

MOST_READS = 64
"""Frames taken from the ring buffer in one step of a recorder that holds them back."""

WRITES_IN_A_STEP = 2
"""Frames written then: an onset sets many free at once, and others come meanwhile."""
ON_PURPOSE = frozenset({Fate.RECORDED, Fate.THINNED, Fate.NOT_WANTED})
"""What may become of a frame in a session in which none may be missing from the video."""


class RecorderStage:
    """Ring buffer and results → session folder; also settles the ledger.

    Args:
        recorder: Open; driven by this stage alone.
        reader: Where video frames come from; None: no video is wanted.
        ledger: Told of each frame recorded or missed, and settled into rows.
        results: Filled by the pipeline.
        report: Called with the rows finished in each step, also when there are none.
        drop_frames: Whether frames may be missing from the video; if not, the first
            missed one is an error.
        live: Whether frames come whether there is room for them or not.
        filming: Whether frames are wanted now; None: they always are.
    """

    def __init__(  # noqa: PLR0913 - what it works on, and how
        self,
        recorder: Recorder,
        reader: Reader | None,
        ledger: Ledger,
        results: "SimpleQueue[Record]",
        report: Callable[[Sequence[LedgerRow]], None],
        *,
        drop_frames: bool,
        live: bool = True,
        filming: Filming | None = None,
    ) -> None:
        self._live = live
        self._filming = filming
        self._recorder = recorder
        self._reader = reader
        self._ledger = ledger
        self._results = results
        self._report = report
        self._drop_frames = drop_frames
        self._wrote = 0
        self._is_held = False
        self._read_at = recorder.work.so_far()
        self.no_more_results = threading.Event()
        self.last_episodes: Sequence[Episode] = ()
        """Those that the session's end closed; set before `no_more_results`."""

    def step(self) -> bool:
        """Write what there is; False once all was written.

        Raises:
            RecordingError: If it cannot be written, or a frame came too late for the video.
        """
        last = self.no_more_results.is_set()  # before looking, so that nothing slips in after
        if self._reader is not None:
            self._take_frames(self._reader, wait=not self._live and not last)
        idle = self._reader is None or self._is_held
        self._write_results(wait_s=PATIENCE_S if idle and not last else 0.0)
        rows = self._ledger.settle()
        self._recorder.write_ledger(rows)
        self._report(rows)
        self._recorder.tick()
        if not last or not (self._reader is None or self._reader.exhausted):
            return True
        around = self._recorder.around
        if around is not None:
            around.end(self.last_episodes)
            if around.n_waiting:
                return True
        self._recorder.write_events(self.last_episodes)
        return False

    def write_rest(self) -> None:
        """Write what a recorder that failed has left behind: what people and outputs did first.

        After its thread has ended. Raises as `step`.
        """
        self._recorder.free_reserve()
        rest: list[Record] = []
        with suppress(Empty):
            while True:
                rest.append(self._results.get_nowait())
        for record in sorted(rest, key=lambda each: isinstance(each, FrameResult)):
            self._write(record)

    def _take_frames(self, reader: Reader, *, wait: bool) -> None:
        """Take what has come; `wait` for the pipeline rather than leave something out."""
        around = self._recorder.around
        if around is None:
            read = reader.read(PATIENCE_S)
            why = self._why(read)
            if read is not None:
                self._settle(Settled(read.frame, read.turn, read.missed, why, None))
            return
        patience_s = 0.0 if self._wrote else PATIENCE_S
        self._is_held = False
        for _ in range(MOST_READS):  # all that has come, so that writing does not overrun the ring
            self._is_held = wait and around.waits_for_pipeline
            if self._is_held:
                break
            read = reader.read(patience_s)
            why = self._why(read)
            if read is None:
                break
            patience_s = 0.0
            pushed_out = around.add(read.frame, read.turn, read.missed, why)
            if pushed_out is not None:
                self._settle(pushed_out)
        self._wrote = 0
        while self._wrote < WRITES_IN_A_STEP and (settled := around.next()) is not None:
            self._settle(settled)
            self._wrote += settled.left_out is None

    def _why(self, read: Read | None) -> Fate:
        """Why it missed frames, if it did; what is done from now on can only miss later ones."""
        missed = read is not None and read.missed
        why = self._cause_or(Fate.RING_OVERRUN) if missed else Fate.RING_OVERRUN
        self._read_at = self._recorder.work.so_far()
        return why

    def _cause_or(self, fate: Fate) -> Fate:
        """What took most of the time since the last read; `fate` if neither encoder nor disk."""
        cause = self._recorder.work.cause(self._read_at)
        return fate if cause is None else cause.fate

    def _settle(self, settled: Settled) -> None:
        """Write a frame, or note why it is left out of the video."""
        fate, place = settled.left_out or Fate.RECORDED, None
        if not self._is_filmed(settled.frame):
            fate = Fate.NOT_WANTED
        elif settled.left_out is None:
            try:
                place = self._recorder.write_frame(settled.frame)
            except DiskFull:
                self._note(settled, Fate.DISK_FULL, None)
                raise
        elif fate is Fate.RECORDER_FULL:
            fate = self._cause_or(fate)
        self._note(settled, fate, place)
        n_missed = len(settled.missed) + (fate not in ON_PURPOSE)
        if n_missed and not self._drop_frames:
            raise RecordingError(
                f"{n_missed} frames before frame {settled.frame.index} are missing from the "
                f"video: the encoder or the disk is too slow. Lower the camera's rate, choose "
                f"another outputs.recording.codec, or allow it with on_overload: drop"
            )

    def _is_filmed(self, frame: Frame) -> bool:
        """Whether people want it in the video; a file of its own for each time they do."""
        if self._filming is None:
            return True
        turned = self._filming.follow(frame.index)
        if turned is not None:
            if turned.on:
                self._recorder.begin_video_file()
            self._recorder.log("info", turned.text, **turned.facts)
        return self._filming.is_on

    def _note(self, settled: Settled, fate: Fate, place: InVideo | None) -> None:
        missed, why = settled.missed, settled.why_missed
        self._ledger.note_recorded(settled.turn, fate, place, missed=missed, why_missed=why)

    def _write_results(self, wait_s: float) -> None:
        try:
            record = self._results.get(timeout=wait_s) if wait_s else self._results.get_nowait()
            while True:
                self._write(record)
                record = self._results.get_nowait()
        except Empty:
            return

    def _write(self, record: Record) -> None:
        match record:
            case FrameResult():
                if self._recorder.around is not None:
                    self._recorder.around.hear(record)
                self._recorder.write_result(record)
            case StimulusRow():
                self._recorder.write_stimulus(record)
            case Edge():
                self._recorder.write_edge(record)
            case ViewRow():
                self._recorder.views.write(record)
            case ViewPicture():
                self._recorder.views.write_picture(record)
            case Note():
                self._recorder.log(record.level, record.text, **record.facts)
