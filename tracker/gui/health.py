"""How the loop is doing: where the time goes, what is lost, how full things are."""

import math
from collections.abc import Mapping

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from tracker.gui.judgement import RING_AMBER, Lamp, in_words
from tracker.gui.panel import Facts, Panel, small_font
from tracker.gui.rig import Rig
from tracker.gui.stages import EDGES_MS, STAGES, Spread
from tracker.gui.theme import DARK, Theme
from tracker.session_status import Status

MOST_CAUSES = 2
"""Causes of losses that are told apart; the folder has all of them."""


class HealthPanel(Panel):
    """Latency by stage, losses, fill, and the computer.

    Args:
        rig: What is shown.
    """

    def __init__(self, rig: Rig) -> None:
        super().__init__("LOOP", "ms from camera to the wire")
        self._rig = rig
        self._theme = DARK
        self.stages = StageBars()
        self.facts = Facts()
        self.body.addWidget(self.stages)
        self.body.addWidget(self.facts)
        self.body.addStretch(1)
        self.setMinimumWidth(270)

    def dress(self, theme: Theme) -> None:
        """Take on the colours of a theme."""
        self._theme = self.stages.theme = self.facts.theme = theme
        self.facts.update()
        self.stages.update()

    def refresh(self) -> None:
        """Show what is known now; a few times a second is enough."""
        rig, theme = self._rig, self._theme
        self.stages.show_spreads(
            rig.stages.spreads(), rig.stages.histogram(), rig.stages.trend(), _frame_ms(rig)
        )
        status = rig.status
        if status is None:
            return
        amber, red = theme.lamps[Lamp.AMBER], theme.lamps[Lamp.RED]
        counts = dict(status.counts)
        captured, processed = counts.pop("captured", 0), counts.pop("processed", 0)
        lost, gone = _causes(counts), _causes(status.not_recorded)
        self.facts.set("frames", f"{processed:,} of {captured:,} processed")
        self.facts.set("lost", lost, amber if lost else "")
        self.facts.set("not in video", gone, red if gone else "")
        self.facts.set("unexplained", f"{status.unexplained}" if status.unexplained else "", red)
        self.facts.set("rate", _rate(rig, status))
        load = f"ring {status.ring_fill:.0%}, recorder {status.recorder_fill:.0%}"
        if not math.isnan(status.cpu_cores):
            load += f", {status.cpu_cores:.1f}/{status.n_cores} cores"
        self.facts.set("load", load, amber if status.ring_fill > RING_AMBER else "")
        self.facts.set("GPU", _gpu(status))
        self.facts.set("disk", _disk(status))
        missed = f"{rig.missed} messages lost on the way" if rig.missed else ""
        self.facts.set("this view", missed, amber)


def _causes(counts: Mapping[str, int]) -> str:
    """Return a line a cause, the largest first; of many the rest in one."""
    found = sorted(((n, cause) for cause, n in counts.items() if n), reverse=True)
    lines = [f"{n:,} {in_words(cause)}" for n, cause in found[:MOST_CAUSES]]
    if len(found) > MOST_CAUSES:
        lines.append(f"{sum(n for n, _ in found[MOST_CAUSES:]):,} for other reasons")
    return "\n".join(lines)


def _frame_ms(rig: Rig) -> float:
    return 1000 / rig.facts.fps if rig.facts and rig.facts.fps > 0 else math.nan


def _rate(rig: Rig, status: Status) -> str:
    of = f" of {rig.facts.fps:.0f}" if rig.facts and not math.isnan(rig.facts.fps) else ""
    rate = "–" if math.isnan(status.fps) else f"{status.fps:.1f}"
    return f"{rate}{of} frames/s on {status.provider or 'nothing'}"


def _gpu(status: Status) -> str:
    if not status.gpu:
        return ""
    known = (status.gpu_busy, "busy"), (status.gpu_memory, "of its memory")
    told = [f"{part:.0%} {what}" for part, what in known if not math.isnan(part)]
    return ", ".join(told) or status.gpu


def _disk(status: Status) -> str:
    if math.isnan(status.disk_free_mb):
        return ""
    free = f"{status.disk_free_mb / 1000:,.0f} GB free"
    if math.isnan(status.disk_left_h):
        return free
    hours = "nothing is written" if math.isinf(status.disk_left_h) else _hours(status.disk_left_h)
    return f"{hours} ({free})"


def _hours(hours: float) -> str:
    return f"full in {hours:.1f} h" if hours < 48 else f"full in {hours / 24:.0f} days"


class StageBars(QWidget):
    """Median and 99th percentile by stage, all of them as a histogram, and the last minutes."""

    ROW_PX = 18

    def __init__(self) -> None:
        super().__init__()
        self.theme: Theme = DARK
        self._spreads: dict[str, Spread] = {}
        self._histogram = np.zeros(0, np.int64)
        self._trend = np.zeros((0, 3))
        self._frame_ms = math.nan
        self.setFixedHeight(self.ROW_PX * (len(STAGES) + 1) + 74)

    def show_spreads(
        self,
        spreads: dict[str, Spread],
        histogram: "np.ndarray[tuple[int], np.dtype[np.int64]]",
        trend: "np.ndarray[tuple[int, int], np.dtype[np.float64]]",
        frame_ms: float,
    ) -> None:
        """Show these; `frame_ms` is how long a frame lasts, NaN if not known."""
        self._spreads, self._histogram, self._trend = spreads, histogram, trend
        self._frame_ms = frame_ms
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the table and what is below it."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme, width = self.theme, self.width()
        if not self._spreads:
            painter.setPen(QColor(theme.faint))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "no frames yet")
            return
        painter.setFont(small_font(11))
        painter.setPen(QColor(theme.faint))
        right = Qt.AlignmentFlag.AlignRight
        painter.drawText(QRectF(width - 104, 0, 48, 15), right, "median")
        painter.drawText(QRectF(width - 50, 0, 50, 15), right, "p99")
        largest = max(each.p99 for name, each in self._spreads.items() if name != "all")
        for row, name in enumerate((*STAGES, "all")):
            self._paint_stage(painter, 15 + row * self.ROW_PX, name, largest)
        top = 15 + self.ROW_PX * (len(STAGES) + 1) + 4
        self._paint_histogram(painter, QRectF(0, top, width / 2 - 8, 40))
        self._paint_trend(painter, QRectF(width / 2 + 8, top, width / 2 - 8, 40))

    def _paint_stage(self, painter: QPainter, top: float, name: str, largest: float) -> None:
        theme, width, spread = self.theme, self.width(), self._spreads[name]
        is_all = name == "all"
        painter.setFont(small_font(13, bold=is_all))
        painter.setPen(QColor(theme.ink))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(0, top, 76, self.ROW_PX), middle, "together" if is_all else name)
        right = middle | Qt.AlignmentFlag.AlignRight
        painter.drawText(QRectF(width - 104, top, 48, self.ROW_PX), right, _ms(spread.p50))
        painter.drawText(QRectF(width - 50, top, 50, self.ROW_PX), right, _ms(spread.p99))
        if is_all:
            return
        room = max(10.0, width - 104 - 84)
        y = top + self.ROW_PX / 2
        faint = QColor(theme.accent)
        faint.setAlphaF(0.35)
        painter.fillRect(QRectF(80, y - 2.5, room * spread.p99 / largest, 5), faint)
        painter.fillRect(
            QRectF(80, y - 2.5, max(1.0, room * spread.p50 / largest), 5), QColor(theme.accent)
        )

    def _paint_histogram(self, painter: QPainter, area: QRectF) -> None:
        counts = self._histogram
        seen = np.flatnonzero(counts)
        if not len(seen):
            return
        first, last = max(0, int(seen[0]) - 2), min(len(counts), int(seen[-1]) + 3)
        step, highest = area.width() / (last - first), float(counts.max())
        for k in range(first, last):
            high = (area.height() - 2) * (counts[k] / highest) ** 0.5
            x = area.left() + (k - first) * step
            bar = QRectF(x, area.bottom() - high, max(1.0, step - 1), high)
            painter.fillRect(bar, QColor(self.theme.accent))
        low, high_ms = EDGES_MS[first], EDGES_MS[last]
        self._name(painter, area, f"{_ms(low)}", f"{_ms(high_ms)} ms")

    def _paint_trend(self, painter: QPainter, area: QRectF) -> None:
        rows = self._trend
        if len(rows) < 2:
            return
        highest = max(float(np.nanmax(rows[:, 2])), 1e-3) * 1.1
        for column, width in ((2, 1.0), (1, 1.6)):
            colour = QColor(self.theme.accent if column == 1 else self.theme.faint)
            painter.setPen(QPen(colour, width))
            line = QPolygonF()
            for k, value in enumerate(rows[:, column].tolist()):
                x = area.left() + area.width() * k / (len(rows) - 1)
                line.append(QPointF(x, area.bottom() - area.height() * value / highest))
            painter.drawPolyline(line)
        age_s = rows[-1, 0] - rows[0, 0]
        self._name(painter, area, f"−{age_s:.0f} s", f"up to {_ms(highest)} ms")

    def _name(self, painter: QPainter, area: QRectF, left: str, right: str) -> None:
        painter.setFont(small_font(10))
        painter.setPen(QColor(self.theme.faint))
        below = QRectF(area.left(), area.bottom() + 1, area.width(), 14)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, left)
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, right)


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
