"""BORIS: episodes as tabular events, a START and a STOP row each."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tracker.annotations.boris import COLUMNS, NOT_KNOWN
from tracker.export.session_view import SessionView
from tracker.types import Episode, Onset


def names(view: SessionView) -> list[str]:
    """Return the name of the file that `write` makes."""
    return [f"{view.name}_boris.tsv"]


def write(view: SessionView, folder: Path, _home: Path, _tick: Callable[[int, int], None]) -> None:
    """Write one line for the first and one for the last frame of every episode, by time.

    Time is that of the video (s), so that a cursor there shows the frame; without a video it
    counts from the first slot. An episode in which the program died is stopped at the last slot,
    and its comment says so.
    """
    with (folder / names(view)[0]).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(COLUMNS)
        about = _about(view)
        rows = sorted(_events(view), key=lambda row: (row[0], row[1] != "START"))
        for at_ns, kind, subject, behaviour, comment in rows:
            writer.writerow(
                [
                    *about,
                    subject,
                    behaviour,
                    "",
                    kind,
                    f"{(at_ns - _media_zero_ns(view)) / 1e9:.3f}",
                    *_in_video(view, at_ns),
                    NOT_KNOWN,
                    comment,
                ]
            )


def _about(view: SessionView) -> list[str]:
    """The columns that are the same in every row."""
    there = view.every.captured_ns
    length = f"{(int(there[-1]) - int(there[0])) / 1e9:.3f}"
    has_video = view.recording.has_video
    return [
        view.name,
        f"{view.zero_utc:%Y-%m-%d %H:%M:%S}",
        " ".join(view.notes),
        length,
        "Media file(s)" if has_video else "Live observation",
        f"player #1:{';'.join(path.name for path in view.video_files)}" if has_video else NOT_KNOWN,
        "0.0",
        length if has_video else NOT_KNOWN,
        f"{view.fps:.3f}" if has_video and np.isfinite(view.fps) else NOT_KNOWN,
    ]


def _events(view: SessionView) -> Iterator[tuple[int, str, str, str, str]]:
    """Time (ns), kind, subject, behaviour and comment of every row."""
    recording = view.recording
    events: list[Onset | Episode] = [*recording.episodes, *recording.open_onsets]
    for event in events:
        onset = event.onset if isinstance(event, Episode) else event
        who = onset.subject, onset.behaviour
        yield onset.onset_ns, "START", *who, ""
        if isinstance(event, Episode):
            open_end = "going on when the session ended" if event.ended_by_session else ""
            yield event.end_ns, "STOP", *who, open_end
        else:
            yield (
                int(view.every.captured_ns[-1]),
                "STOP",
                *who,
                "its end is not known: the program died",
            )


def _media_zero_ns(view: SessionView) -> int:
    """Session time at which the video begins."""
    in_video = np.flatnonzero(view.every.video_frame >= 0)
    return int(view.every.captured_ns[in_video[0] if len(in_video) else 0])


def _in_video(view: SessionView, at_ns: int) -> tuple[str, str]:
    """File and number in it of the frame with this time; NA if it is in none."""
    slots = view.every
    place = int(np.searchsorted(slots.captured_ns, at_ns))
    if place == len(slots.index) or slots.segment[place] < 0:
        return NOT_KNOWN, NOT_KNOWN
    return view.video_files[slots.segment[place]].name, str(slots.segment_frame[place])
