"""Features over time, with thresholds that can be dragged; a lane each.

A drag only shows what would be; `TracesPanel.dragged` says so, and the window asks before it is
sent to the rig.
"""

import math
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QMenu, QPushButton, QSizePolicy, QWidget

from tracker.control.description import Facts
from tracker.gui.panel import Panel, small_font
from tracker.gui.rig import Rig
from tracker.gui.theme import DARK, Theme
from tracker.gui.timeline import LEFT_PX, RIGHT_PX, Timeline, paint_ticks

NEAR_PX = 7
"""How near to a line the mouse has to be to take it."""

AXIS_PX = 17

SHORT_PX = 46
"""A lane lower than this has its name on one line."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold that is drawn; `place` is that of its term in the rule of the behaviour."""

    behaviour: str
    place: int
    feature: str
    side: str
    value: float


def thresholds_of(facts: Facts) -> tuple[Threshold, ...]:
    """Return the thresholds that may be moved, in ethogram order."""
    return tuple(
        Threshold(name, place, term.feature, term.side, term.threshold)
        for name, behaviour in facts.behaviours.items()
        for place, term in enumerate(behaviour.terms)
        if term.can_change
    )


class TracesPanel(Panel):
    """Lanes of features.

    Args:
        rig: What is shown.
        timeline: Which span of it.
    """

    dragged = Signal(object, float)
    """A threshold, and where it would be."""

    def __init__(self, rig: Rig, timeline: Timeline) -> None:
        super().__init__("TRACES", "drag a threshold, or ↑ ↓ [ ]")
        self._rig = rig
        self.lanes = Lanes(rig, timeline)
        self.lanes.dragged.connect(self.dragged)
        self._menu = QMenu(self)
        button = QPushButton("choose")
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.setStyleSheet("padding: 1px 8px; font-size: 12px;")
        button.setMenu(self._menu)
        self.head.addWidget(button)
        self.body.addWidget(self.lanes, 1)
        self._session = ""

    def dress(self, theme: Theme) -> None:
        """Take on the colours of a theme."""
        self.lanes.theme = theme
        self.lanes.update()

    def refresh(self) -> None:
        """Draw what is known now."""
        if self._rig.session != self._session:
            self._session = self._rig.session
            self._begin()
        self.lanes.update()

    def _begin(self) -> None:
        """Another session: show what its rules look at."""
        facts = self._rig.facts
        self._menu.clear()
        if facts is None:
            return
        watched = dict.fromkeys(each.feature for each in thresholds_of(facts))
        first = [name for name in facts.features if name in watched] or list(facts.features)[:1]
        self.lanes.show_features(first)
        for name in (*facts.features, *(f"score {each}" for each in facts.behaviours)):
            action = QAction(name, self._menu, checkable=True, checked=name in first)
            action.toggled.connect(self._chosen)
            self._menu.addAction(action)

    def _chosen(self) -> None:
        actions = self._menu.actions()
        self.lanes.show_features([each.text() for each in actions if each.isChecked()])


class Lanes(QWidget):
    """The curves themselves; what is painted depends on the width alone."""

    dragged = Signal(object, float)

    def __init__(self, rig: Rig, timeline: Timeline) -> None:
        super().__init__()
        self._rig = rig
        self._timeline = timeline
        self.theme: Theme = DARK
        self.features: list[str] = []
        self._ranges: dict[str, tuple[float, float]] = {}
        self.selected: Threshold | None = None
        self.moved_to = math.nan
        """Where the selected threshold would be; NaN: where it is."""
        self._is_dragging = False
        self.setMouseTracking(True)
        self.setMinimumHeight(90)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return enough for the lanes."""
        return QSize(900, 74 * max(1, len(self.features)) + AXIS_PX)

    def show_features(self, names: list[str]) -> None:
        """Show these, in this order."""
        self.features = list(names)
        self._ranges = {name: self._ranges[name] for name in names if name in self._ranges}
        self.update()

    def select(self, steps: int) -> None:
        """Take the next threshold, or the one before."""
        shown = self._shown()
        if not shown:
            return
        known = self.selected
        here = next((k for k, each in enumerate(shown) if _is_same(each, known)), -1)
        self.selected, self.moved_to = shown[(here + steps) % len(shown)], math.nan
        self.update()

    def nudge(self, steps: int) -> None:
        """Move the selected threshold by hundredths of its lane."""
        if self.selected is None:
            self.select(1)
        chosen = self.selected
        if chosen is None:
            return
        low, high = self._ranges.get(chosen.feature, (0.0, 1.0))
        before = chosen.value if math.isnan(self.moved_to) else self.moved_to
        self._move(before + steps * (high - low) / 100)

    def leave(self) -> None:
        """Put the selected threshold back where it is."""
        self.moved_to, self.selected, self._is_dragging = math.nan, None, False
        self.update()

    def place_of(self, threshold: Threshold) -> QPointF:
        """Return where in this widget the line of a threshold is, in its middle."""
        top, height = self._lane(self.features.index(threshold.feature))
        middle = LEFT_PX + self._timeline.columns(self.width()) / 2
        return QPointF(middle, self._y(threshold.feature, threshold.value, top, height))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the lanes."""
        del event
        painter = QPainter(self)
        theme = self.theme
        painter.fillRect(self.rect(), QColor(theme.panel))
        if not self.features:
            painter.setPen(QColor(theme.faint))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "no traces yet")
            return
        area = QRectF(0, 0, self.width(), self.height() - AXIS_PX)
        paint_ticks(painter, self._timeline, self.width(), area, (theme.line, theme.faint))
        thresholds = self._shown()
        for lane, name in enumerate(self.features):
            top, height = self._lane(lane)
            self._paint_curve(painter, lane, name, thresholds)
            for threshold in thresholds:
                if threshold.feature == name:
                    self._paint_threshold(painter, threshold, top, height)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Take the threshold under the mouse."""
        found = self._under(event.position())
        if found is not None and event.button() is Qt.MouseButton.LeftButton:
            self.selected, self.moved_to, self._is_dragging = found, math.nan, True
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Move what was taken, or show that something can be."""
        if self._is_dragging and self.selected is not None:
            feature = self.selected.feature
            top, height = self._lane(self.features.index(feature))
            low, high = self._ranges.get(feature, (0.0, 1.0))
            part = (event.position().y() - top - 4) / max(1.0, height - 8)
            self._move(high - min(max(part, 0.0), 1.0) * (high - low))
        else:
            over = self._under(event.position()) is not None
            shape = Qt.CursorShape.SizeVerCursor if over else Qt.CursorShape.ArrowCursor
            self.setCursor(shape)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Let go; the threshold stays where it would be until it is applied or left."""
        del event
        self._is_dragging = False

    def _shown(self) -> list[Threshold]:
        facts = self._rig.facts
        known = thresholds_of(facts) if facts else ()
        return [each for each in known if each.feature in self.features]

    def _move(self, value: float) -> None:
        self.moved_to = float(f"{value:.3g}")
        self.update()
        self.dragged.emit(self.selected, self.moved_to)

    def _under(self, at: QPointF) -> Threshold | None:
        if not LEFT_PX <= at.x() <= self.width() - RIGHT_PX:
            return None
        near = [(abs(self.place_of(each).y() - at.y()), each) for each in self._shown()]
        found = min(near, key=lambda pair: pair[0], default=None)
        return found[1] if found is not None and found[0] <= NEAR_PX else None

    def _lane(self, lane: int) -> tuple[float, float]:
        height = (self.height() - AXIS_PX) / len(self.features)
        return lane * height, height

    def _y(self, feature: str, value: float, top: float, height: float) -> float:
        zero, per_unit = self._scale(feature, top, height)
        return zero - per_unit * value

    def _scale(self, feature: str, top: float, height: float) -> tuple[float, float]:
        """Return where 0 lies (px), and how much higher a unit more is (px)."""
        low, high = self._ranges.get(feature, (0.0, 1.0))
        per_unit = (height - 8) / (high - low)
        return top + 4 + high * per_unit, per_unit

    def _paint_curve(
        self, painter: QPainter, lane: int, name: str, thresholds: list[Threshold]
    ) -> None:
        theme, timeline, width = self.theme, self._timeline, self.width()
        top, height = self._lane(lane)
        colour = QColor(theme.ink)
        times, values = self._rig.series.curve(
            name, timeline.from_s, timeline.now_s, timeline.columns(width)
        )
        self._fit(name, values, [each.value for each in thresholds if each.feature == name])
        if len(times) > 1:
            x = timeline.x(0.0, width) + times * (timeline.columns(width) / timeline.span_s)
            zero, per_unit = self._scale(name, top, height)
            y = zero - per_unit * values.astype(np.float64)
            painter.save()
            painter.setClipRect(QRectF(LEFT_PX, top, timeline.columns(width), height))
            painter.setPen(QPen(colour, 1.0))
            painter.drawPath(pg.functions.arrayToQPath(x, y, connect="finite"))
            painter.restore()
        self._paint_words(painter, name, float(values[-1]) if len(values) else math.nan, lane)

    def _paint_words(self, painter: QPainter, name: str, value: float, lane: int) -> None:
        theme = self.theme
        top, height = self._lane(lane)
        if lane:
            painter.setPen(QColor(theme.line))
            painter.drawLine(0, round(top), self.width(), round(top))
        what, unit = split_unit(name)
        painter.setPen(QColor(theme.ink))
        painter.setFont(small_font(12))
        box = QRectF(4, top + 3, LEFT_PX - 40, height - 6)
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextWordWrap
        if height < SHORT_PX:
            text = painter.fontMetrics().elidedText(
                f"{what} {unit}", Qt.TextElideMode.ElideRight, int(box.width())
            )
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, text)
        else:
            painter.drawText(box, flags, f"{what}\n{unit}".strip())
        low, high = self._ranges.get(name, (0.0, 1.0))
        painter.setFont(small_font(10))
        painter.setPen(QColor(theme.faint))
        box = QRectF(LEFT_PX - 44, top + 2, 38, height - 4)
        right = Qt.AlignmentFlag.AlignRight
        painter.drawText(box, right | Qt.AlignmentFlag.AlignTop, f"{high:.3g}")
        painter.drawText(box, right | Qt.AlignmentFlag.AlignBottom, f"{low:.3g}")
        painter.setPen(QColor(theme.ink))
        painter.setFont(small_font(17, bold=True))
        box = QRectF(self.width() - RIGHT_PX + 8, top, RIGHT_PX - 10, height)
        text = "–" if math.isnan(value) else f"{value:.1f}"
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, text)

    def _paint_threshold(
        self, painter: QPainter, threshold: Threshold, top: float, height: float
    ) -> None:
        theme, right = self.theme, self.width() - RIGHT_PX
        place = list(self._rig.bouts).index(threshold.behaviour)
        chosen = _is_same(threshold, self.selected)
        y = self._y(threshold.feature, threshold.value, top, height)
        colour = QColor(theme.colour(place))
        painter.setPen(QPen(colour, 2.5 if chosen else 1.5, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(LEFT_PX, y), QPointF(right, y))
        painter.setFont(small_font(11))
        text = (
            f"{threshold.behaviour.replace('_', ' ')} {_SIDES[threshold.side]} {threshold.value:g}"
        )
        at = QPointF(LEFT_PX + 4, y - 4 if y - top > 16 else y + 13)
        behind = painter.fontMetrics().boundingRect(text).toRectF().translated(at)
        painter.fillRect(behind, QColor(theme.panel))
        painter.drawText(at, text)
        if chosen and not math.isnan(self.moved_to):
            y = self._y(threshold.feature, self.moved_to, top, height)
            painter.setPen(QPen(QColor(theme.accent), 2.5))
            painter.drawLine(QPointF(LEFT_PX, y), QPointF(right, y))
            painter.drawText(QPointF(right - 60, y - 4), f"{self.moved_to:g}")

    def _fit(self, name: str, values: NDArray[np.float32], lines: list[float]) -> None:
        """Let the lane hold all that is in it; widen at once, narrow when half of it is empty."""
        seen = values[np.isfinite(values)]
        ends = [*lines, *((float(seen.min()), float(seen.max())) if len(seen) else ())]
        if not ends:
            return
        low, high = min(ends), max(ends)
        room = (high - low or 1.0) * 0.08
        wanted = (low - room, high + room)
        known = self._ranges.get(name)
        if known is None or wanted[0] < known[0] - 1e-9 or wanted[1] > known[1] + 1e-9:
            wide = wanted if known is None else (min(wanted[0], known[0]), max(wanted[1], known[1]))
            self._ranges[name] = wide
        elif wanted[1] - wanted[0] < 0.5 * (known[1] - known[0]) and not self._is_dragging:
            self._ranges[name] = wanted


_SIDES = {"above": ">", "below": "<"}

_UNITS = {"_cm_s": "cm/s", "_deg_s": "°/s", "_cm": "cm", "_deg": "°", "_px": "px", "_s": "s"}


def split_unit(name: str) -> tuple[str, str]:
    """Return a feature's name in words, and its unit."""
    for ending, unit in _UNITS.items():
        if name.endswith(ending):
            return name.removesuffix(ending).replace("_", " "), unit
    return name.replace("_", " "), ""


def _is_same(a: Threshold, b: Threshold | None) -> bool:
    return b is not None and (a.behaviour, a.place) == (b.behaviour, b.place)
