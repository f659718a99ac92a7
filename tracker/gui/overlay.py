"""What was seen, drawn over the picture in sensor pixels; each layer can be switched."""

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen, QPolygonF, QTransform
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from tracker.drawing import confidence_colours
from tracker.gui.rig import Rig
from tracker.gui.theme import Theme

LAYERS = ("pose", "names", "trail", "zones", "behaviours", "mask", "identity", "crop")
"""What can be switched."""

OFF = ("names", "crop")
"""Layers that are off at first."""

SENT = ("mask", "crop")
"""Layers that the rig sends only while somebody looks at them."""

TRAIL_S, TRAIL_POINTS = 5.0, 120
"""How long the trail is, and of how many points at most it is drawn."""

INDIVIDUAL = "individual "
"""How the mask of an individual is called; its number follows."""

_CONFIDENCE = [QColor(r, g, b) for b, g, r in confidence_colours().tolist()]


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
        if self._on["mask"]:
            self._paint_masks(painter, theme)
        if self._on["crop"]:
            self._paint_crop(painter, per_px, theme)
        if self._on["trail"]:
            self._paint_trail(painter, theme)
        if self._on["pose"]:
            self._paint_pose(painter, per_px)
        if self._on["identity"]:
            self._paint_identities(painter, per_px, theme)
        if self._on["behaviours"]:
            self._paint_behaviours(painter, per_px, theme)

    def _paint_zones(self, painter: QPainter, per_px: float) -> None:
        assert self._rig.facts is not None  # noqa: S101 - paint has looked
        view = self._rig.status.view if self._rig.status is not None else None
        painter.save()
        if view is not None and len(view.applied) == 9:
            painter.setWorldTransform(_transform(view.applied), combine=True)
        for name, zone in self._rig.facts.zones.items():
            is_wall = name == self._rig.facts.arena
            kind = Qt.PenStyle.SolidLine if is_wall else Qt.PenStyle.DashLine
            pen = QPen(QColor("white"), 1.5, kind)
            pen.setCosmetic(True)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            corner = draw_zone(painter, zone)
            words(painter, per_px, corner, name, "#ffffff", 12)
        painter.restore()

    def _paint_trail(self, painter: QPainter, theme: Theme) -> None:
        seen = self._rig.observation
        if seen is None:
            return
        now_s = seen.captured_ns / 1e9
        recent = [p for p in self._rig.trail if 0 <= now_s - p[0] <= TRAIL_S]
        recent = recent[:: -(-len(recent) // TRAIL_POINTS) or 1]
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

    def _paint_masks(self, painter: QPainter, theme: Theme) -> None:
        overlay = self._rig.overlay
        if overlay is None:
            return
        classes = dict.fromkeys(
            each.name for each in overlay.outlines if not each.name.startswith(INDIVIDUAL)
        )
        for outline in overlay.outlines:
            number = outline.name.removeprefix(INDIVIDUAL)
            is_one = number != outline.name and number.isdigit()
            place = int(number) if is_one else 2 + list(classes).index(outline.name)
            colour = QColor(theme.colour(place))
            pen = QPen(colour, 1.5)
            pen.setCosmetic(True)
            painter.setPen(pen)
            colour.setAlphaF(0.18)
            painter.setBrush(colour)
            piece = QPolygonF([QPointF(*point) for point in outline.points])
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setRenderHint(
                QPainter.RenderHint.Antialiasing, on=False
            )  # it costs a millisecond
            painter.drawPolygon(piece)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPolygon(piece)

    def _paint_crop(self, painter: QPainter, per_px: float, theme: Theme) -> None:
        overlay = self._rig.overlay
        if overlay is None or overlay.crop is None:
            return
        left, top, width, height = overlay.crop
        pen = QPen(QColor(theme.accent), 1.5, Qt.PenStyle.DotLine)
        pen.setCosmetic(True)
        painter.setPen(pen)
        painter.drawRect(QRectF(left - 0.5, top - 0.5, width, height))
        words(painter, per_px, QPointF(left, top), "crop", theme.accent, 12)

    def _paint_identities(self, painter: QPainter, per_px: float, theme: Theme) -> None:
        seen = self._rig.observation
        if seen is None or not seen.identities:
            return
        who = zip(seen.identities, seen.identity_confidence, seen.xy, strict=True)
        for place, (name, sure, points) in enumerate(who):
            there = [point for point in points if not math.isnan(point[0] + point[1])]
            if not name or not there:
                continue
            x = sum(point[0] for point in there) / len(there)
            y = min(point[1] for point in there) - 30.0 / per_px
            text = name if math.isnan(sure) else f"{name}  {sure:.0%}"
            back = theme.colour(place)
            ink = "#000000" if QColor(back).lightnessF() > 0.45 else "#ffffff"
            words(painter, per_px, QPointF(x, y), text, ink, 12, back)

    def _paint_behaviours(self, painter: QPainter, per_px: float, theme: Theme) -> None:
        y = 4.0 / per_px
        for place, (name, bouts) in enumerate(self._rig.bouts.items()):
            if bouts.going_on is not None:
                at = QPointF(6.0 / per_px, y + 14.0 / per_px)
                back = theme.colour(place)
                ink = "#000000" if QColor(back).lightnessF() > 0.45 else "#ffffff"
                words(painter, per_px, at, name.replace("_", " "), ink, 15, back)
                y += 26.0 / per_px


def _transform(matrix: Sequence[float]) -> QTransform:
    """A homography for points (x, y, 1), row after row, as Qt has it: for rows of numbers."""
    a, b, c, d, e, f, g, h, i = matrix
    return QTransform(a, d, g, b, e, h, c, f, i)


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
