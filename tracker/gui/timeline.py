"""What ethogram and traces share: which span is shown, and where a moment lies."""

from dataclasses import dataclass

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from tracker.gui.panel import duration, small_font

SPANS_S = (10.0, 30.0, 60.0, 300.0, 1200.0)
"""Spans that can be chosen, beside the whole session."""

LEFT_PX, RIGHT_PX = 128, 76
"""Room for names and for values."""


@dataclass(slots=True)
class Timeline:
    """The span that is shown; ends now. Used by one thread.

    Attributes:
        place: Of the span in `SPANS_S`; one more: the whole session.
        now_s: End of the span (s on the session clock).
        first_s: Beginning of the session.
    """

    place: int = 2
    now_s: float = 0.0
    first_s: float = 0.0

    @property
    def span_s(self) -> float:
        """Length of the span; of the whole session in steps, so that it does not creep."""
        if self.place < len(SPANS_S):
            return SPANS_S[self.place]
        span_s = SPANS_S[2]
        while span_s < self.now_s - self.first_s:
            span_s *= 1.5
        return span_s

    @property
    def from_s(self) -> float:
        """Beginning of the span."""
        return self.now_s - self.span_s

    @property
    def name(self) -> str:
        """The span in words."""
        if self.place == len(SPANS_S):
            return "whole session"
        span_s = SPANS_S[self.place]
        return f"last {span_s:.0f} s" if span_s < 120 else f"last {span_s / 60:.0f} min"

    def longer(self, steps: int) -> None:
        """Show more of the past, or less."""
        self.place = min(max(self.place + steps, 0), len(SPANS_S))

    def x(self, time_s: float, width: float) -> float:
        """Return where a moment lies in a widget of so many pixels."""
        inside = width - LEFT_PX - RIGHT_PX
        return LEFT_PX + (time_s - self.from_s) / self.span_s * inside

    def columns(self, width: float) -> int:
        """Pixels between the margins."""
        return max(1, int(width) - LEFT_PX - RIGHT_PX)


def paint_ticks(
    painter: QPainter, timeline: Timeline, width: float, area: QRectF, colours: tuple[str, str]
) -> None:
    """Draw lines at round ages across an area, and their words below it.

    Args:
        painter: Of the widget.
        timeline: What is shown.
        width: Of the widget.
        area: From the upper to the lower end of the lines.
        colours: Of lines and of words.
    """
    painter.setFont(small_font(11))
    for part in range(7):
        age_s = timeline.span_s * part / 6
        x = timeline.x(timeline.now_s - age_s, width)
        painter.setPen(QColor(colours[0]))
        painter.drawLine(round(x), round(area.top()), round(x), round(area.bottom()))
        painter.setPen(QColor(colours[1]))
        text = "now" if part == 0 else f"−{duration(age_s)}"
        box = QRectF(x - 40, area.bottom() + 1, 80, 15)
        painter.drawText(box, Qt.AlignmentFlag.AlignHCenter, text)
