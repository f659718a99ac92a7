"""How often, how long and when each behaviour was done."""

from dataclasses import dataclass

import numpy as np

from tracker.recording import Recording


@dataclass(frozen=True, slots=True)
class Bout:
    """One episode as it is counted here.

    Attributes:
        behaviour: Name from the ethogram.
        onset_index: Camera's count of its first frame.
        onset_ns: Capture time of its first frame (ns).
        length_s: From its first frame to its last, both included (s): a bout of one frame lasts one
            frame, which is the median interval between captured frames.
        ended: Whether its end was seen; if not, the session or the program ended first.
    """

    behaviour: str
    onset_index: int
    onset_ns: int
    length_s: float
    ended: bool


@dataclass(frozen=True, slots=True)
class BoutStatistics:
    """The bouts of one behaviour in numbers; NaN where there is no bout.

    Attributes:
        behaviour: Name from the ethogram.
        n: Number of bouts.
        n_open: How many of them had no end of their own; they count up to the last frame.
        total_s: All lengths together (s).
        share: `total_s` of the session's length, 0 to 1.
        mean_s: Of the lengths (s).
        median_s: Of the lengths (s).
        longest_s: Of the lengths (s).
        latency_s: From the session's first frame to the first onset (s).
        per_minute: Bouts per minute of the session's length.
    """

    behaviour: str
    n: int
    n_open: int
    total_s: float
    share: float
    mean_s: float
    median_s: float
    longest_s: float
    latency_s: float
    per_minute: float


def bouts_of(recording: Recording) -> list[Bout]:
    """Return every bout in the order of onsets.

    One whose end was never written counts up to the last frame that was processed.
    """
    _, _, frame_s = _course(recording)
    found = [
        Bout(
            episode.onset.behaviour,
            episode.onset.onset_index,
            episode.onset.onset_ns,
            (episode.end_ns - episode.onset.onset_ns) / 1e9 + frame_s,
            not episode.ended_by_session,
        )
        for episode in recording.episodes
    ]
    times = recording.captured_ns
    for onset in recording.open_onsets:
        last_ns = int(times[-1]) if len(times) else onset.confirmed_ns
        length_s = max(last_ns - onset.onset_ns, 0) / 1e9 + frame_s
        found.append(
            Bout(onset.behaviour, onset.onset_index, onset.onset_ns, length_s, ended=False)
        )
    return sorted(found, key=lambda bout: (bout.onset_ns, bout.behaviour))


def statistics(recording: Recording) -> list[BoutStatistics]:
    """Return one row per behaviour, in ethogram order.

    The session's length is from the first captured frame to the last, both included.
    """
    begin_ns, session_s, _ = _course(recording)
    bouts = bouts_of(recording)
    return [
        _statistics(name, [each for each in bouts if each.behaviour == name], begin_ns, session_s)
        for name in recording.session["behaviours"]
    ]


def _course(recording: Recording) -> tuple[int, float, float]:
    """First capture time (ns), the session's length, and that of one frame (s)."""
    captured = recording.ledger["captured_ns"].drop_null().to_numpy()
    if len(captured) < 2:
        return (int(captured[0]) if len(captured) else 0), 0.0, 0.0
    frame_s = recording.frame_interval_s
    return int(captured[0]), float(captured[-1] - captured[0]) / 1e9 + frame_s, frame_s


def _statistics(name: str, bouts: list[Bout], begin_ns: int, session_s: float) -> BoutStatistics:
    nan = float("nan")
    lengths = np.array([bout.length_s for bout in bouts])
    total_s = float(lengths.sum())
    return BoutStatistics(
        behaviour=name,
        n=len(bouts),
        n_open=sum(not bout.ended for bout in bouts),
        total_s=total_s,
        share=total_s / session_s if session_s > 0 else nan,
        mean_s=float(lengths.mean()) if bouts else nan,
        median_s=float(np.median(lengths)) if bouts else nan,
        longest_s=float(lengths.max()) if bouts else nan,
        latency_s=(bouts[0].onset_ns - begin_ns) / 1e9 if bouts else nan,
        per_minute=len(bouts) * 60 / session_s if session_s > 0 else nan,
    )
