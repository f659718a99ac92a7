"""The strip below the picture: clock, ethogram with a moving cursor, stimuli, losses."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.drawing import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    WHITE,
    YELLOW,
    Colour,
    Picture,
    confidence_colours,
    text_size,
    write,
)
from tracker.recording import Recording
from tracker.render.plan import Page
from tracker.stimuli import Action, Delivery, StimulusRow

GROUND, DIM = (28, 24, 22), (150, 145, 140)
LANE_COLOURS = (SKY, GREEN, ORANGE, PURPLE, YELLOW, BLUE)
"""Of the behaviours, in ethogram order."""

MARKS: Mapping[Delivery, tuple[Colour, int, bool]] = {
    Delivery.DELIVERED: (SKY, cv2.MARKER_TRIANGLE_DOWN, True),
    Delivery.SHAM: (ORANGE, cv2.MARKER_TRIANGLE_DOWN, False),
    Delivery.BLINDED: (WHITE, cv2.MARKER_DIAMOND, False),
    Delivery.REFUSED: (VERMILION, cv2.MARKER_TILTED_CROSS, False),
    Delivery.LATE: (PURPLE, cv2.MARKER_CROSS, False),
    Delivery.FAILED: (VERMILION, cv2.MARKER_SQUARE, False),
}
"""Colour and shape of each delivery, and whether it is filled: colour and shape both tell it."""

_TICKS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600, 7200, 21600)
_LEGEND = "confidence 0"
_NEVER_NS = 1 << 62


@dataclass(frozen=True, slots=True)
class _Place:
    """Where things are in the strip (px)."""

    left: int
    right: int
    line: int
    text: int


class Strip:
    """Draws the strip of a film.

    Args:
        recording: The session; blinded stimuli look alike.
        width: Of the film (px).
    """

    def __init__(self, recording: Recording, width: int) -> None:
        self._recording = recording
        self._live = bool(recording.session["camera"]["live"])
        self._behaviours: Sequence[str] = recording.session["behaviours"]
        self._spans = {name: _spans_of(recording, name) for name in self._behaviours}
        asked = [row for row in recording.stimuli if row.command.action is not Action.STOP]
        known = [(at, row) for row in asked for at in (row.moment_ns,) if at is not None]
        self._stimuli = sorted(known, key=lambda each: each[0])
        self._outputs = sorted({row.command.output for row in asked})
        self._lanes = [*self._outputs, *map(_spoken, self._behaviours), "not in video"]
        text = min(max(round(width / 58), 10), 20)
        labels = max(text_size(name, text)[0] for name in self._lanes)
        left = min(labels + 2 * text, width // 2)
        self._at = _Place(left, width - text, round(1.75 * text), text)
        self.height = round((len(self._lanes) + 3.1) * self._at.line)
        """Of the strip (px)."""
        self.width = width
        """Of the strip (px)."""

    def page(self, page: Page, lost: NDArray[np.int64]) -> Picture:
        """Return the strip of a page without cursor and clock.

        Args:
            page: Which time it shows.
            lost: Begin and end (ns) of frames that are not in the video, shape (runs, 2).
        """
        strip = np.full((self.height, self.width, 3), GROUND, np.uint8)
        at = self._at
        for lane, name in enumerate(self._lanes):
            y = self._lane_y(lane)
            write(strip, name, (at.text // 2, y + (at.line - at.text) // 4), at.text, DIM)
        for lane, name in enumerate(self._behaviours, start=len(self._outputs)):
            colour = LANE_COLOURS[(lane - len(self._outputs)) % len(LANE_COLOURS)]
            self._bars(strip, page, lane, self._spans[name], colour)
        self._bars(strip, page, len(self._lanes) - 1, lost, VERMILION)
        for at_ns, row in self._between(page.begin_ns, page.end_ns):
            self._mark(strip, page, at_ns, row)
        self._ticks(strip, page)
        self._legend(strip)
        return strip

    def draw_now(self, strip: Picture, page: Page, moment_ns: int) -> None:
        """Draw the clock and the cursor of one moment into a copy of the page's strip."""
        at = self._at
        origin = self._recording.origin
        clock = _clock((moment_ns - origin.start_ns) / 1e9)
        end = write(strip, clock, (at.text // 2, at.text // 2), at.text, WHITE)
        words = _utc(origin.anchor_utc_ns + moment_ns) if self._live else "source not live: no UTC"
        write(strip, words, (end + 2 * at.text, at.text // 2), at.text, DIM)
        x = self._x(page, moment_ns)
        top, bottom = self._lane_y(0) - 2, self._lane_y(len(self._lanes)) + 2
        cv2.line(strip, (x, top), (x, bottom), WHITE, 1)

    def doing(self, moment_ns: int) -> list[tuple[str, Colour]]:
        """Return what is being done at a moment: words and colours, in ethogram order."""
        found = []
        for lane, name in enumerate(self._behaviours):
            spans = self._spans[name]
            last = int(np.searchsorted(spans[:, 0], moment_ns, side="right")) - 1
            if last >= 0 and moment_ns <= spans[last, 1]:
                found.append((_spoken(name), LANE_COLOURS[lane % len(LANE_COLOURS)]))
        return found

    def stimulated(self, moment_ns: int, for_ns: int) -> list[tuple[str, Colour]]:
        """Return the stimuli of the time before a moment: words and colours."""
        return [
            (f"{row.command.output}: {row.delivery}", MARKS[row.delivery][0])
            for _, row in self._between(moment_ns - for_ns + 1, moment_ns)
        ]

    def _between(self, first_ns: int, last_ns: int) -> list[tuple[int, StimulusRow]]:
        """Stimuli whose moments lie between two, both inclusive."""
        begin = bisect_left(self._stimuli, first_ns, key=lambda each: each[0])
        end = bisect_right(self._stimuli, last_ns, key=lambda each: each[0])
        return self._stimuli[begin:end]

    def _lane_y(self, lane: int) -> int:
        return round((lane + 1.7) * self._at.line)

    def _x(self, page: Page, at_ns: float) -> int:
        share = (at_ns - page.begin_ns) / max(page.end_ns - page.begin_ns, 1)
        return round(self._at.left + min(max(share, 0.0), 1.0) * (self._at.right - self._at.left))

    def _bars(
        self, strip: Picture, page: Page, lane: int, spans: NDArray[np.int64], colour: Colour
    ) -> None:
        y = self._lane_y(lane)
        bottom = y + self._at.line - max(3, self._at.line // 4)
        there = (spans[:, 1] >= page.begin_ns) & (spans[:, 0] <= page.end_ns)
        for first_ns, last_ns in spans[there].tolist():
            corners = (self._x(page, first_ns), y), (self._x(page, last_ns), bottom)
            cv2.rectangle(strip, *corners, colour, -1)

    def _mark(self, strip: Picture, page: Page, at_ns: int, row: StimulusRow) -> None:
        colour, shape, filled = MARKS[row.delivery]
        y = self._lane_y(self._outputs.index(row.command.output)) + self._at.line // 3
        size = self._at.text
        for side in range(2, size, 2) if filled else ():
            cv2.drawMarker(strip, (self._x(page, at_ns), y), colour, shape, side, 2, cv2.LINE_AA)
        cv2.drawMarker(strip, (self._x(page, at_ns), y), colour, shape, size, 1, cv2.LINE_AA)

    def _ticks(self, strip: Picture, page: Page) -> None:
        at, origin = self._at, self._recording.origin
        begin_s, end_s = ((t - origin.start_ns) / 1e9 for t in (page.begin_ns, page.end_ns))
        room = (at.right - at.left) / (4.5 * at.text)
        step = next((s for s in _TICKS_S if (end_s - begin_s) / s <= room), _TICKS_S[-1])
        y = self._lane_y(len(self._lanes)) + 3
        cv2.line(strip, (at.left, y), (at.right, y), DIM, 1)
        for number in range(int(np.ceil(begin_s / step - 1e-9)), int(end_s / step + 1e-9) + 1):
            x = self._x(page, origin.start_ns + number * step * 1e9)
            cv2.line(strip, (x, y), (x, y + 4), DIM, 1)
            words = _tick(number * step, step)
            wide = text_size(words, at.text - 1)[0]
            if x + wide // 2 < self.width:
                write(strip, words, (x - wide // 2, y + 7), at.text - 1, DIM)

    def _legend(self, strip: Picture) -> None:
        """The colours of confidence, at the right of the clock's line if there is room."""
        at = self._at
        wide = text_size(_LEGEND, at.text - 1)[0]
        bar = 5 * at.text
        left = self.width - at.text - bar - 2 * at.text - wide
        if left < text_size("0:00:00.000  2026-01-01 00:00:00.000 UTC", at.text)[0] + 4 * at.text:
            return
        x = write(strip, _LEGEND, (left, at.text // 2), at.text - 1, DIM) + 4
        ramp = cv2.resize(confidence_colours()[None], (bar, at.text - 2))
        top = at.text // 2 + 2
        strip[top : top + at.text - 2, x : x + bar] = ramp
        write(strip, "1", (x + bar + 4, at.text // 2), at.text - 1, DIM)


def _spans_of(recording: Recording, name: str) -> NDArray[np.int64]:
    """First and last moment of each bout (ns), shape (bouts, 2); one without an end goes on."""
    whole = [(e.onset.onset_ns, e.end_ns) for e in recording.episodes if e.onset.behaviour == name]
    begun = [(o.onset_ns, _NEVER_NS) for o in recording.open_onsets if o.behaviour == name]
    return np.array(sorted([*whole, *begun]), np.int64).reshape(-1, 2)


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _clock(seconds: float) -> str:
    """Session time as h:mm:ss.mmm, cut off to the millisecond."""
    ms = int(seconds * 1000 + 1e-6)
    return f"{ms // 3_600_000}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def _utc(utc_ns: int) -> str:
    """UTC, cut off to the millisecond; its argument is ns since 1970-01-01."""
    utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=utc_ns // 1000)
    return f"{utc:%Y-%m-%d %H:%M:%S}.{utc.microsecond // 1000:03d} UTC"


def _tick(seconds: float, step: float) -> str:
    """A time on the axis: in seconds where it is short or its steps are, else as a clock."""
    if step < 1:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
