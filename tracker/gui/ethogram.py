"""The ethogram: one row a behaviour, with onsets, confirmations and stimuli."""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from tracker.gui.bouts import SHARE_S, Bouts
from tracker.gui.panel import Panel, label, small_font
from tracker.gui.rig import Rig
from tracker.gui.theme import DARK, Theme
from tracker.gui.timeline import LEFT_PX, RIGHT_PX, Timeline, paint_ticks
from tracker.gui.what_if import Span
from tracker.messages import StimulusMessage
from tracker.stimuli import Delivery

SHARES_FROM_S = 3600.0
"""Spans longer than this show shares of time in place of single episodes."""

GIVEN = (Delivery.DELIVERED, Delivery.SHAM, Delivery.BLINDED)
"""What a stimulus mark is filled for."""


class EthogramPanel(Panel):
    """Episodes over time.

    Args:
        rig: What is shown.
        timeline: Which span of it.
    """

    def __init__(self, rig: Rig, timeline: Timeline) -> None:
        super().__init__("ETHOGRAM", "+ − w: span")
        self._span = label("", "faint")
        self.head.addWidget(self._span)
        self._timeline = timeline
        self.raster = Raster(rig, timeline)
        self.body.addWidget(self.raster, 1)

    def dress(self, theme: Theme) -> None:
        """Take on the colours of a theme."""
        self.raster.theme = theme
        self.raster.update()

    def refresh(self) -> None:
        """Draw what is known now."""
        if self._span.text() != self._timeline.name:
            self._span.setText(self._timeline.name)
        self.raster.update()


class Raster(QWidget):
    """The rows themselves; paints only what touches the span."""

    def __init__(self, rig: Rig, timeline: Timeline) -> None:
        super().__init__()
        self._rig = rig
        self._timeline = timeline
        self.theme: Theme = DARK
        self.ghosts: dict[str, Sequence[Span]] = {}
        """Episodes that another threshold would give, by behaviour."""
        self.setMinimumHeight(70)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return enough for the rows."""
        return QSize(900, 24 * (len(self._rig.bouts) + 1) + 20)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the rows."""
        del event
        painter = QPainter(self)
        theme = self.theme
        painter.fillRect(self.rect(), QColor(theme.panel))
        rows = len(self._rig.bouts) + (1 if self._has_stimuli else 0)
        if not rows:
            painter.setPen(QColor(theme.faint))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "no behaviours yet")
            return
        height = (self.height() - 17) / rows
        area = QRectF(0, 0, self.width(), self.height() - 17)
        paint_ticks(painter, self._timeline, self.width(), area, (theme.line, theme.faint))
        for row, (name, bouts) in enumerate(self._rig.bouts.items()):
            self._paint_row(painter, row * height, height, name, bouts)
        if self._has_stimuli:
            self._paint_stimuli(painter, (rows - 1) * height, height)

    @property
    def _has_stimuli(self) -> bool:
        facts = self._rig.facts
        return bool(self._rig.stimuli) or bool(facts and facts.outputs)

    def _paint_row(
        self, painter: QPainter, top: float, height: float, name: str, bouts: Bouts
    ) -> None:
        theme, timeline = self.theme, self._timeline
        colour = QColor(theme.colour(list(self._rig.bouts).index(name)))
        on = bouts.going_on is not None
        painter.setPen(colour if on else QColor(theme.ink))
        painter.setFont(small_font(13, bold=on))
        box = QRectF(4, top, LEFT_PX - 14, height)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(box, middle, name.replace("_", " "))
        facts = self._rig.facts
        if facts is not None and bouts.subject not in ("", facts.subject):
            painter.setPen(QColor(theme.faint))
            painter.setFont(small_font(11))
            painter.drawText(box, middle | Qt.AlignmentFlag.AlignRight, bouts.subject)
        ghosts = self.ghosts.get(name)
        bar = QRectF(0, top + height * 0.18, 0, height * (0.34 if ghosts else 0.64))
        if timeline.span_s > SHARES_FROM_S:
            share = self._paint_shares(painter, bar, bouts, colour)
        else:
            share = self._paint_bouts(painter, bar, bouts, colour)
        painter.setPen(QColor(theme.faint))
        painter.setFont(small_font(12))
        box = QRectF(self.width() - RIGHT_PX + 8, top, RIGHT_PX - 10, height)
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, f"{bouts.n} × {share:.0%}")
        if ghosts:
            lower = QRectF(0, top + height * 0.56, 0, height * 0.3)
            self._paint_ghosts(painter, lower, ghosts)

    def _paint_bouts(self, painter: QPainter, bar: QRectF, bouts: Bouts, colour: QColor) -> float:
        timeline, width, inside_s = self._timeline, self.width(), 0.0
        faint = QColor(colour)
        faint.setAlphaF(0.4)
        for bout in bouts.within(timeline.from_s, timeline.now_s):
            start_s = max(bout.onset_s, timeline.from_s)
            end_s = min(bout.end_s if bout.end_s is not None else timeline.now_s, timeline.now_s)
            inside_s += max(0.0, end_s - start_s)
            x0, x1 = timeline.x(start_s, width), timeline.x(end_s, width)
            certain = min(max(timeline.x(bout.confirmed_s, width), x0), x1)
            painter.fillRect(QRectF(x0, bar.y(), certain - x0, bar.height()), faint)
            solid = QRectF(certain, bar.y(), max(x1 - certain, 1.5), bar.height())
            painter.fillRect(solid, colour)
            if bout.onset_s >= timeline.from_s:
                painter.fillRect(QRectF(x0 - 0.5, bar.y() - 3, 1.5, bar.height() + 6), colour)
        known_s = min(timeline.span_s, timeline.now_s - timeline.first_s)
        return inside_s / known_s if known_s > 0 else 0.0

    def _paint_shares(self, painter: QPainter, bar: QRectF, bouts: Bouts, colour: QColor) -> float:
        timeline, width = self._timeline, self.width()
        shares = bouts.shares()
        columns = timeline.columns(width)
        per_column = max(1, round(timeline.span_s / columns / SHARE_S))
        first = max(0, int(timeline.from_s / SHARE_S)) // per_column * per_column
        total = 0.0
        for place in range(first, len(shares), per_column):
            part = shares[place : place + per_column]
            share = sum(part) / len(part)
            total += sum(part)
            x0 = timeline.x(place * SHARE_S, width)
            x1 = timeline.x((place + len(part)) * SHARE_S, width)
            high = bar.height() * share
            painter.fillRect(QRectF(x0, bar.bottom() - high, max(1.0, x1 - x0), high), colour)
        known_s = min(timeline.span_s, timeline.now_s - timeline.first_s)
        return total * SHARE_S / known_s if known_s > 0 else 0.0

    def _paint_ghosts(self, painter: QPainter, bar: QRectF, spans: Sequence[Span]) -> None:
        timeline, width = self._timeline, self.width()
        painter.setPen(QPen(QColor(self.theme.accent), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for span in spans:
            if span.end_s >= timeline.from_s:
                x0 = timeline.x(max(span.onset_s, timeline.from_s), width)
                x1 = timeline.x(span.end_s, width)
                painter.drawRect(QRectF(x0, bar.y(), max(1.0, x1 - x0), bar.height()))

    def _paint_stimuli(self, painter: QPainter, top: float, height: float) -> None:
        theme, timeline, width = self.theme, self._timeline, self.width()
        painter.setPen(QColor(theme.ink))
        painter.setFont(small_font(13))
        box = QRectF(4, top, LEFT_PX - 14, height)
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, "stimuli")
        for row in reversed(self._rig.stimuli):
            at_s = row.sent_ns / 1e9
            if at_s < timeline.from_s:
                break
            if row.action == "train" or row.delivery not in GIVEN:
                x = timeline.x(at_s, width)
                paint_stimulus(painter, theme, row, x, top + height / 2)
        painter.setPen(QColor(theme.faint))
        painter.setFont(small_font(12))
        box = QRectF(width - RIGHT_PX + 8, top, RIGHT_PX - 10, height)
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, f"{self._rig.n_stimuli} ×")


def paint_stimulus(
    painter: QPainter, theme: Theme, row: StimulusMessage, x: float, y: float
) -> None:
    """Draw the mark of a command; of a blinded one it tells nothing of the arm."""
    given = row.delivery in GIVEN
    if row.delivery is Delivery.SHAM:
        painter.setPen(QPen(QColor(theme.ink), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
    elif given:
        painter.setPen(QPen(QColor(theme.ink), 1.5))
        painter.setBrush(QColor(theme.ink))
    else:
        painter.setPen(QPen(QColor(theme.faint), 1.5))
        painter.drawLine(round(x) - 4, round(y) - 4, round(x) + 4, round(y) + 4)
        painter.drawLine(round(x) - 4, round(y) + 4, round(x) + 4, round(y) - 4)
        return
    painter.drawPolygon(diamond(x, y))


def diamond(x: float, y: float, size: float = 5.0) -> QPolygonF:
    """Return the shape of a stimulus mark."""
    return QPolygonF(
        [QPointF(x, y - size), QPointF(x + size, y), QPointF(x, y + size), QPointF(x - size, y)]
    )
