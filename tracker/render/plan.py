"""Which moments of a session a film shows: its rate, its cuts, and the pages of its strip.

A film has a constant rate, a recording has not. Each picture of the film stands for the moment in
the middle of its time on the screen, and shows the newest frame of that moment: so true time is
kept, and a camera that is steady has each of its frames shown once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tracker.errors import RecordingError, UnknownName
from tracker.recording import Recording

FASTEST = 60
"""Pictures per second of a film at most: players and screens show no more."""

PAGE_S = 120.0
"""Session time that the strip below the picture shows at once, at most (s)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the film is to show.

    Attributes:
        from_s: Seconds after the session's first frame; None: from it on.
        to_s: The same of the end; None: to the last frame.
        speed: Session time per film time: 0.5 is slow motion, 4 is four times as fast.
        behaviour: Only the bouts of this behaviour; None: everything.
        before_s: How much before each bout (s).
        after_s: How much after it (s).
        scale: Pixels of the film per pixel of the sensor; None: what fits.
    """

    from_s: float | None = None
    to_s: float | None = None
    speed: float = 1.0
    behaviour: str | None = None
    before_s: float = 2.0
    after_s: float = 2.0
    scale: float | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """A stretch of the session that the film shows without a break.

    Attributes:
        begin_ns: First moment (ns).
        end_ns: The moment after it (ns).
        title: What it is, e.g. "freezing 3 of 12"; empty if nothing was picked out.
    """

    begin_ns: int
    end_ns: int
    title: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """What is shown while the strip below the picture stands still.

    Attributes:
        cut: The cut that it belongs to.
        begin_ns: Left end of the strip (ns).
        end_ns: Right end of the strip (ns).
        moments_ns: Moment of each picture, int64, shape (pictures,).
    """

    cut: Cut
    begin_ns: int
    end_ns: int
    moments_ns: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Course:
    """How the camera ran.

    Attributes:
        first_ns: Capture time of the first frame (ns).
        end_ns: Capture time of the last one, plus a usual step (ns).
        fps: Pictures per second of a film: the camera's own rate, 60 at most.
    """

    first_ns: int
    end_ns: int
    fps: Fraction


def course_of(recording: Recording) -> Course:
    """Return how the camera ran.

    Its rate is that of the usual step (the median, per count of the camera); a whole number if it
    is within a hundredth of one.

    Raises:
        RecordingError: If no frame was captured.
    """
    table = recording.ledger.select(["index", "captured_ns"]).drop_null()
    captured, index = table["captured_ns"].to_numpy(), table["index"].to_numpy()
    if not len(captured):
        raise RecordingError(f"no frame was captured in {recording.folder}: there is no film of it")
    nominal = recording.session["camera"]["fps"] or 25.0
    step_ns = 1e9 / nominal
    if len(captured) > 1:
        step_ns = float(np.median(np.diff(captured) / np.diff(index)))
    fps = 1e9 / step_ns
    whole = round(fps)
    rate = Fraction(fps).limit_denominator(1001)
    if whole >= 1 and abs(fps - whole) < 0.01 * whole:
        rate = Fraction(whole)
    end_ns = int(captured[-1]) + round(step_ns)
    return Course(int(captured[0]), end_ns, min(max(rate, Fraction(1, 10)), Fraction(FASTEST)))


def cuts_of(recording: Recording, wanted: Wanted, course: Course) -> list[Cut]:
    """Return what the film shows, in order; cuts that would overlap are one.

    Raises:
        RecordingError: If there is nothing of it in the session.
        UnknownName: If there is no such behaviour.
    """
    first_ns, end_ns = course.first_ns, course.end_ns
    begin = first_ns if wanted.from_s is None else first_ns + round(wanted.from_s * 1e9)
    end = end_ns if wanted.to_s is None else min(first_ns + round(wanted.to_s * 1e9), end_ns)
    if not first_ns <= begin < end:
        raise RecordingError(
            f"from {(begin - first_ns) / 1e9:g} s to {(end - first_ns) / 1e9:g} s there is nothing "
            f"to show: the session lasts from 0 to {(end_ns - first_ns) / 1e9:.2f} s"
        )
    if wanted.behaviour is None:
        return [Cut(begin, end)]
    return _bouts(recording, wanted, begin, end)


def _bouts(recording: Recording, wanted: Wanted, begin: int, end: int) -> list[Cut]:
    known = recording.session["behaviours"]
    name = wanted.behaviour
    if name not in known:
        raise UnknownName("--behaviour", "behaviour", str(name), known)
    spans = sorted(
        [(e.onset.onset_ns, e.end_ns) for e in recording.episodes if e.onset.behaviour == name]
        + [(o.onset_ns, end) for o in recording.open_onsets if o.behaviour == name]
    )
    spoken, found = str(name).replace("_", " "), list[tuple[int, int, int, int]]()
    for number, (onset_ns, last_ns) in enumerate(spans, start=1):
        first = max(onset_ns - round(wanted.before_s * 1e9), begin)
        last = min(last_ns + round(wanted.after_s * 1e9), end)
        if last_ns < begin or onset_ns >= end or first >= last:
            continue
        if found and first <= found[-1][1]:
            before = found.pop()
            found.append((before[0], max(last, before[1]), before[2], number))
        else:
            found.append((first, last, number, number))
    if not found:
        raise RecordingError(f"there is no bout of {spoken} in what the film was to show")
    return [Cut(first, last, _title(spoken, n, m, len(spans))) for first, last, n, m in found]


def _title(spoken: str, first: int, last: int, of: int) -> str:
    return f"{spoken} {first} of {of}" if first == last else f"{spoken} {first} to {last} of {of}"


def pages_of(cuts: list[Cut], fps: Fraction, speed: float) -> Iterator[Page]:
    """Yield the pages of a film in order; each picture of it is in one of them."""
    step_ns = float(speed * 1e9 / fps)
    page_ns = PAGE_S * 1e9 * max(speed, 1.0)
    for cut in cuts:
        length_ns = cut.end_ns - cut.begin_ns
        n_pages = max(1, round(length_ns / page_ns + 0.25))
        n_pictures = max(1, round(length_ns / step_ns))
        edges = np.linspace(0, n_pictures, n_pages + 1).astype(int).tolist()
        for first, after in pairwise(edges):
            moments = cut.begin_ns + np.rint((np.arange(first, after) + 0.5) * step_ns)
            left = cut.begin_ns + round(first * step_ns)
            right = cut.begin_ns + round(after * step_ns)
            yield Page(cut, left, right, moments.astype(np.int64))
