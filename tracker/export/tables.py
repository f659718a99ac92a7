"""What happened in a session as tables: episodes, stimuli, edges, losses, log.

Times are in s since the first frame, as everywhere in `export`. What is not known is None.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracker.export.session_view import SessionView
from tracker.export.slots import Slots
from tracker.session_folder.rows import to_json
from tracker.stimuli import StimulusRow
from tracker.types import Episode, Fate, Onset

SERVED = (str(Fate.PROCESSED), str(Fate.RECORDED), str(Fate.NOT_WANTED), str(Fate.THINNED))
"""What is no loss."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one kind.

    Attributes:
        name: Plural of what a row is.
        description: What a row is.
        about: What stands in each column, by its name, in their order.
        columns: Values by name, as many as there are rows: str, int, float, bool; None.
    """

    name: str
    description: str
    about: Mapping[str, str]
    columns: Mapping[str, Sequence[Any]]

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return len(next(iter(self.columns.values())))


def tables_of(view: SessionView) -> list[Table]:
    """Return all tables of a session, also empty ones.

    Raises:
        RecordingError: If the folder cannot be read.
    """
    recording = view.recording
    events: list[Onset | Episode] = [*recording.episodes, *recording.open_onsets]
    events.sort(key=lambda each: _onset(each).onset_ns)
    return [
        _table(
            "episodes",
            "bouts of a behaviour; the first and the last frame belong to it",
            _EPISODES,
            events,
            view,
        ),
        _table(
            "stimuli",
            "stimulus commands, whatever became of them; timed by the exposure that they follow",
            _STIMULI,
            recording.stimuli if recording.has_stimuli else (),
            view,
        ),
        _table(
            "edges",
            "changes that devices reported of their outputs and inputs",
            _EDGES,
            recording.edges if recording.has_stimuli else (),
            view,
        ),
        _table(
            "losses",
            "runs of frames that the pipeline or the video did not get, and why",
            _LOSSES,
            losses_of(view.every),
            view,
        ),
        _table("log", "messages of the program, and marks of people", _LOG, recording.log, view),
    ]


@dataclass(frozen=True, slots=True)
class Loss:
    """A run of frames with one fate.

    Attributes:
        lost_in: "pipeline" or "video".
        cause: The fate.
        first_index: Camera's count of the first.
        last_index: Camera's count of the last, inclusive.
        first_ns: Time of the first (session clock), estimated if it never came.
        last_ns: Time of the last.
        time_known: Whether every one of them has a time of its own.
    """

    lost_in: str
    cause: str
    first_index: int
    last_index: int
    first_ns: int
    last_ns: int
    time_known: bool


def losses_of(slots: Slots) -> list[Loss]:
    """Return all losses among all slots of a session, in the order of their first frames."""
    found = []
    for lost_in, fates in (("pipeline", slots.fate), ("video", slots.recorded)):
        starts = np.concatenate([[0], np.flatnonzero(fates[1:] != fates[:-1]) + 1])
        ends = np.concatenate([starts[1:], [len(fates)]])
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            if fates[start] not in SERVED:
                found.append(
                    Loss(
                        lost_in,
                        str(fates[start]),
                        int(slots.index[start]),
                        int(slots.index[end - 1]),
                        int(slots.captured_ns[start]),
                        int(slots.captured_ns[end - 1]),
                        bool(slots.time_known[start:end].all()),
                    )
                )
    return sorted(found, key=lambda loss: (loss.first_index, loss.lost_in))


_Cell = Callable[[Any, SessionView], Any]
_Spec = Mapping[str, tuple[str, _Cell]]


def _table(
    name: str, description: str, spec: _Spec, rows: Sequence[Any], view: SessionView
) -> Table:
    return Table(
        name,
        description,
        {column: about for column, (about, _) in spec.items()},
        {column: [cell(row, view) for row in rows] for column, (_, cell) in spec.items()},
    )


def _onset(event: Onset | Episode) -> Onset:
    return event.onset if isinstance(event, Episode) else event


def _s(view: SessionView, at_ns: int | None) -> float | None:
    return None if at_ns is None else view.seconds(at_ns)


def _end(event: Onset | Episode, field: str) -> Any:
    return getattr(event, field) if isinstance(event, Episode) else None


def _duration_s(event: Onset | Episode, view: SessionView) -> float | None:
    end_ns = _end(event, "end_ns")
    if end_ns is None:
        return None
    length_s: float = (end_ns - _onset(event).onset_ns) / 1e9
    return length_s + view.recording.frame_interval_s


_EPISODES: _Spec = {
    "time_s": ("its first frame", lambda e, v: v.seconds(_onset(e).onset_ns)),
    "duration_s": (
        "from its first frame to its last, both included; unknown if the program died in it",
        _duration_s,
    ),
    "behaviour": ("entry of the ethogram", lambda e, _: _onset(e).behaviour),
    "subject": ("who does it", lambda e, _: _onset(e).subject),
    "episode_id": ("unique in the session", lambda e, _: _onset(e).episode_id),
    "confirmed_s": (
        "the frame on which it became certain: nothing can have acted on it before",
        lambda e, v: v.seconds(_onset(e).confirmed_ns),
    ),
    "onset_index": ("camera's count of its first frame", lambda e, _: _onset(e).onset_index),
    "confirmed_index": (
        "camera's count of the frame on which it became certain",
        lambda e, _: _onset(e).confirmed_index,
    ),
    "end_index": ("camera's count of its last frame", lambda e, _: _end(e, "end_index")),
    "ended_by_session": (
        "whether it was still going on when the session ended",
        lambda e, _: _end(e, "ended_by_session"),
    ),
}


def _train(row: StimulusRow, field: str) -> Any:
    return None if row.command.train is None else getattr(row.command.train, field)


def _when(row: StimulusRow, view: SessionView) -> float | None:
    """Exposure of the frame that it follows from, which delivered and sham ones have alike."""
    captured_ns = row.command.captured_ns
    return _s(view, row.commanded_ns if captured_ns is None else captured_ns)


def _length_s(row: StimulusRow, _view: SessionView) -> float | None:
    length_us = _train(row, "length_us")
    return None if length_us is None else length_us / 1e6


def _unless_hidden(field: str) -> _Cell:
    """What a blinded row has lost; its 0 or False would be no fact."""
    return lambda row, _view: None if row.command.arm is None else getattr(row, field)


def _stage(name: str) -> _Cell:
    return lambda row, view: _s(view, getattr(row, name))


_STIMULI: _Spec = {
    "time_s": ("exposure of the frame that it follows from; by hand: the command", _when),
    "duration_s": ("of the pulse train that was asked for", _length_s),
    "controller": ("who asked for it", lambda r, _: r.command.controller),
    "output": ("of what", lambda r, _: r.command.output),
    "action": ("train, level or stop", lambda r, _: str(r.command.action)),
    "arm": (
        "real, sham or yoked; hidden while the session is blinded",
        lambda r, _: "hidden" if r.command.arm is None else str(r.command.arm),
    ),
    "delivery": ("what became of it", lambda r, _: str(r.delivery)),
    "refusal": ("why it was refused", lambda r, _: str(r.refusal) if r.refusal else ""),
    "reason": ("the same in words", lambda r, _: r.reason),
    "trigger": ("episode, state or person behind it", lambda r, _: r.command.trigger),
    "stimulus_id": ("unique in the session", lambda r, _: r.command.stimulus_id),
    "frame_index": ("camera's count of that frame", lambda r, _: r.command.frame_index),
    "received_s": ("the program had the image", _stage("received_ns")),
    "observed_s": ("its observation was finished", _stage("observed_ns")),
    "decided_s": ("its episodes were finished", _stage("decided_ns")),
    "commanded_s": ("the order was handed to the device", _stage("commanded_ns")),
    "acknowledged_s": ("the device carried it out", _stage("acknowledged_ns")),
    "uncertainty_s": (
        "how far acknowledged_s may be off, either way",
        lambda r, _: None if r.uncertainty_ns is None else r.uncertainty_ns / 1e9,
    ),
    "confirmed": ("whether the device itself said so", _unless_hidden("confirmed")),
    "dose_s": ("s on, times level, that were booked", _unless_hidden("dose_s")),
    "width_us": ("length of one pulse", lambda r, _: _train(r, "width_us")),
    "period_us": ("from pulse to pulse", lambda r, _: _train(r, "period_us")),
    "n_pulses": ("how many pulses", lambda r, _: _train(r, "n_pulses")),
    "delay_us": ("from the order to the first pulse", lambda r, _: _train(r, "delay_us")),
    "level": ("0 (off) to 1 (all of it)", lambda r, _: _train(r, "level")),
    "values": (
        "features and scores that were looked at: name=value; name=value",
        lambda r, _: "; ".join(f"{name}={value:g}" for name, value in r.command.values.items()),
    ),
}


def _edge(field: str) -> _Cell:
    return lambda edge, _view: getattr(edge, field)


_EDGES: _Spec = {
    "time_s": ("when, by the device's clock", lambda e, v: v.seconds(e.at_ns)),
    "line": ("name of the output, or input <n>", _edge("line")),
    "rising": ("from low to high", _edge("rising")),
    "uncertainty_s": ("how far time_s may be off", lambda e, _: e.uncertainty_ns / 1e9),
    "device_us": ("the device's own time", _edge("device_us")),
    "stimulus_id": ("stimulus that it belongs to", _edge("stimulus_id")),
}

_LOSSES: _Spec = {
    "time_s": ("the first of them", lambda each, v: v.seconds(each.first_ns)),
    "duration_s": (
        "from the first to the last",
        lambda each, _: (each.last_ns - each.first_ns) / 1e9,
    ),
    "lost_in": ("pipeline or video", lambda each, _: each.lost_in),
    "cause": ("why, in the words of the ledger", lambda each, _: each.cause),
    "n_frames": ("how many", lambda each, _: each.last_index - each.first_index + 1),
    "first_index": ("camera's count of the first", lambda each, _: each.first_index),
    "last_index": ("camera's count of the last", lambda each, _: each.last_index),
    "time_known": (
        "false: they never came, and their times are estimated",
        lambda each, _: each.time_known,
    ),
}

_LOG: _Spec = {
    "time_s": ("when it was written", lambda line, v: v.seconds(line.logged_ns)),
    "level": ("info, warning, error, or mark (by a person)", lambda line, _: line.level),
    "message": ("one sentence", lambda line, _: line.message),
    "facts": ("what it is about, as JSON", lambda line, _: to_json(line.facts).decode()),
}
