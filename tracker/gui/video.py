"""The picture with what was seen in it; zoom with the wheel, pan with the mouse."""

import math
import time

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import (
    QGraphicsItem,
    QHBoxLayout,
    QPushButton,
    QStyleOptionGraphicsItem,
    QWidget,
)

from tracker.drawing import confidence_colours
from tracker.gui.panel import Panel, label
from tracker.gui.rig import Picture, Rig
from tracker.gui.theme import Theme

LAYERS = ("pose", "names", "trail", "zones", "behaviours")
"""What can be switched."""

TRAIL_S = 5.0

_CONFIDENCE = [QColor(r, g, b) for b, g, r in confidence_colours().tolist()]


class VideoPanel(Panel):
    """The newest picture, with an overlay of the same frame.

    Args:
        rig: What is shown.
    """

    def __init__(self, rig: Rig) -> None:
        super().__init__("VIDEO")
        self._rig = rig
        self._drawn: tuple[object, ...] = ()
        self._age = label("", "faint")
        self._on: dict[str, bool] = dict.fromkeys(LAYERS, True) | {"names": False}
        self._buttons = self._make_buttons()
        self.head.addWidget(self._age)
        self.view = pg.GraphicsView()
        self.box = pg.ViewBox(lockAspect=True, invertY=True, enableMenu=False)
        self.view.setCentralItem(self.box)
        self.image = pg.ImageItem(axisOrder="row-major")
        self.overlay = Overlay(rig, self._on)
        self.box.addItem(self.image)
        self.box.addItem(self.overlay)
        self.body.addWidget(self.view, 1)
        self.setMinimumSize(280, 220)
        self._levels = (0.0, 255.0)
        self._rate: list[float] = []

    def dress(self, theme: Theme) -> None:
        """Take on the colours of a theme."""
        self.view.setBackground(theme.panel)
        self.overlay.theme = theme
        self.overlay.update()

    def refresh(self, picture: Picture | None, now_ns: int) -> None:
        """Show a new picture, if there is one.

        Args:
            picture: None: nothing new.
            now_ns: The session's clock, now.
        """
        if picture is not None:
            self._show(picture)
        self._say_age(now_ns)
        seen = self._rig.observation
        going = tuple(bouts.going_on is not None for bouts in self._rig.bouts.values())
        drawn = (seen.seq if seen else -1, self._rig.session, tuple(self._on.values()), going)
        if drawn != self._drawn:
            self._drawn = drawn
            self.overlay.follow()

    def switch(self, layer: str) -> None:
        """Show or hide a layer of the overlay."""
        self._on[layer] = not self._on[layer]
        self._buttons[layer].setChecked(self._on[layer])
        self.overlay.update()

    def stretch_contrast(self) -> None:
        """Spread the greys that the picture has over all that can be shown, or go back."""
        picture = self._rig.picture
        if self._levels != (0.0, 255.0) or picture is None:
            self._levels = (0.0, 255.0)
        else:
            low, high = np.percentile(picture.image, (1, 99)).tolist()
            self._levels = (low, max(high, low + 1))
        self.image.setLevels(self._levels)

    def whole(self) -> None:
        """Show the whole picture again."""
        shape = self._rig.picture.message.image_shape if self._rig.picture else (480, 640)
        self.box.setRange(QRectF(-0.5, -0.5, shape[1], shape[0]), padding=0)

    def _make_buttons(self) -> dict[str, QPushButton]:
        row = QHBoxLayout()
        row.setSpacing(4)
        made: dict[str, QPushButton] = {}
        for number, layer in enumerate(LAYERS, start=1):
            button = QPushButton(f"{number} {layer}")
            button.setCheckable(True)
            button.setChecked(self._on[layer])
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setStyleSheet("padding: 1px 6px; font-size: 12px;")
            button.clicked.connect(lambda _checked, layer=layer: self.switch(layer))
            row.addWidget(button)
            made[layer] = button
        self.head.insertLayout(1, row)
        return made

    def _show(self, picture: Picture) -> None:
        first = self.image.image is None
        self.image.setImage(picture.image, levels=self._levels, autoLevels=False)
        height, width = picture.message.image_shape[:2]
        where = QRectF(-0.5, -0.5, width, height)
        if first or self.image.boundingRect() != where:
            self.image.setRect(where)
        if first:
            self.whole()
        self._rate.append(time.monotonic())
        del self._rate[:-60]

    def _say_age(self, now_ns: int) -> None:
        picture = self._rig.picture
        if picture is None:
            self._age.setText("no picture yet")
            return
        age_ms = (now_ns - picture.message.captured_ns) / 1e6
        if self._rig.is_lost or self._rig.goodbye is not None or age_ms > 1000:
            text = f"{max(0.0, age_ms) / 1000:.0f} s old"
        else:
            span = self._rate[-1] - self._rate[0] if len(self._rate) > 1 else math.nan
            shown = (len(self._rate) - 1) / span if span > 0 else math.nan
            text = f"{age_ms:.0f} ms old, {shown:.0f}/s"
        if text != self._age.text():
            self._age.setText(text)


class Overlay(QGraphicsItem):
    """What was seen, drawn over the picture in sensor pixels.

    Args:
        rig: What is shown.
        on: Which layers are.
    """

    def __init__(self, rig: Rig, on: dict[str, bool]) -> None:
        super().__init__()
        self._rig = rig
        self._on = on
        self._shape: tuple[int, ...] = ()
        self.theme: Theme | None = None
        self.setZValue(10)

    def boundingRect(self) -> QRectF:  # noqa: N802 - Qt's name
        """Return the sensor."""
        height, width = self._shape[:2] if len(self._shape) >= 2 else (1, 1)
        return QRectF(-0.5, -0.5, width, height)

    def follow(self) -> None:
        """Draw what is known now."""
        shape = self._rig.facts.image_shape if self._rig.facts else ()
        if shape != self._shape:
            self.prepareGeometryChange()
            self._shape = shape
        self.update()

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        """Draw the layers that are on."""
        del option, widget
        facts, theme = self._rig.facts, self.theme
        if facts is None or theme is None or self._rig.picture is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        per_px = painter.worldTransform().m11() or 1.0
        if self._on["zones"]:
            self._paint_zones(painter, per_px)
        if self._on["trail"]:
            self._paint_trail(painter, theme)
        if self._on["pose"]:
            self._paint_pose(painter, per_px)
        if self._on["behaviours"]:
            self._paint_behaviours(painter, per_px, theme)

    def _paint_zones(self, painter: QPainter, per_px: float) -> None:
        assert self._rig.facts is not None  # noqa: S101 - paint has looked
        for name, zone in self._rig.facts.zones.items():
            pen = QPen(QColor("white"), 1.5, Qt.PenStyle.DashLine)
            pen.setCosmetic(True)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            corner = draw_zone(painter, zone)
            words(painter, per_px, corner, name, "#ffffff", 12)

    def _paint_trail(self, painter: QPainter, theme: Theme) -> None:
        seen = self._rig.observation
        if seen is None:
            return
        now_s = seen.captured_ns / 1e9
        recent = [p for p in self._rig.trail if 0 <= now_s - p[0] <= TRAIL_S]
        for parts in range(4):
            piece = recent[len(recent) * parts // 4 : len(recent) * (parts + 1) // 4 + 1]
            colour = QColor(theme.series[0] if theme.name == "dark" else "#56b4e9")
            colour.setAlphaF(0.25 * (parts + 1))
            pen = QPen(colour, 2.0)
            pen.setCosmetic(True)
            painter.setPen(pen)
            line = QPolygonF()
            for _, x, y in piece:
                if math.isnan(x):
                    painter.drawPolyline(line)
                    line = QPolygonF()
                else:
                    line.append(QPointF(x, y))
            painter.drawPolyline(line)

    def _paint_pose(self, painter: QPainter, per_px: float) -> None:
        seen, facts = self._rig.observation, self._rig.facts
        if seen is None or facts is None:
            return
        radius = 4.0 / per_px
        for points, sure in zip(seen.xy, seen.confidence, strict=True):
            there = [not math.isnan(x + y) for x, y in points]
            for a, b in facts.edges:
                if there[a] and there[b]:
                    pen = QPen(_confidence(min(sure[a], sure[b])), 2.0)
                    pen.setCosmetic(True)
                    painter.setPen(pen)
                    painter.drawLine(QPointF(*points[a]), QPointF(*points[b]))
            for k, (point, value) in enumerate(zip(points, sure, strict=True)):
                if there[k]:
                    pen = QPen(QColor("black"), 1.0)
                    pen.setCosmetic(True)
                    painter.setPen(pen)
                    painter.setBrush(_confidence(value))
                    painter.drawEllipse(QPointF(*point), radius, radius)
                    if self._on["names"]:
                        at = QPointF(point[0] + radius * 1.6, point[1])
                        words(painter, per_px, at, facts.keypoints[k], "#ffffff", 11)

    def _paint_behaviours(self, painter: QPainter, per_px: float, theme: Theme) -> None:
        y = 4.0 / per_px
        for place, (name, bouts) in enumerate(self._rig.bouts.items()):
            if bouts.going_on is not None:
                at = QPointF(6.0 / per_px, y + 14.0 / per_px)
                back = theme.colour(place)
                ink = "#000000" if QColor(back).lightnessF() > 0.45 else "#ffffff"
                words(painter, per_px, at, name.replace("_", " "), ink, 15, back)
                y += 26.0 / per_px


def draw_zone(painter: QPainter, zone: dict[str, object]) -> QPointF:
    """Draw the outline of a zone as an experiment file has it; return where its name goes."""
    numbers = {key: float(value) for key, value in zone.items() if isinstance(value, int | float)}
    match zone.get("kind"):
        case "circle":
            middle = QPointF(numbers["x_px"], numbers["y_px"])
            painter.drawEllipse(middle, numbers["radius_px"], numbers["radius_px"])
            return middle - QPointF(0, numbers["radius_px"])
        case "polygon":
            corners = zone.get("points_px")
            points = [QPointF(*point) for point in corners] if isinstance(corners, list) else []
            painter.drawPolygon(QPolygonF(points))
            return points[0] if points else QPointF()
        case _:
            corner = QPointF(numbers["x_px"], numbers["y_px"])
            painter.drawRect(
                QRectF(corner.x(), corner.y(), numbers["width_px"], numbers["height_px"])
            )
            return corner


def words(
    painter: QPainter,
    per_px: float,
    at: QPointF,
    text: str,
    colour: str,
    size: int,
    back: str = "",
) -> None:
    """Write words at a place of the scene, as large on the screen at any zoom."""
    painter.save()
    painter.translate(at)
    painter.scale(1 / per_px, 1 / per_px)
    font = QFont()
    font.setPixelSize(size)
    font.setBold(bool(back))
    painter.setFont(font)
    width = painter.fontMetrics().horizontalAdvance(text)
    if back:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(back))
        painter.drawRoundedRect(QRectF(-2, -size + 1, width + 12, size + 7), 4, 4)
    else:
        painter.setPen(QColor(0, 0, 0, 200))
        painter.drawText(QPointF(5, 5), text)
    painter.setPen(QColor(colour))
    painter.drawText(QPointF(4, 4), text)
    painter.restore()


def _confidence(value: float) -> QColor:
    if math.isnan(value):
        return QColor(122, 122, 122)
    return _CONFIDENCE[round(255 * min(max(value, 0.0), 1.0))]
