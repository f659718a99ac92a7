"""What is being drawn on the picture, before it is written."""

from typing import Any

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from tracker.gui.overlay import draw_zone


class Sketch(QGraphicsItem):
    """What is being drawn."""

    def __init__(self) -> None:
        super().__init__()
        self._zone: dict[str, Any] | None = None
        self.setZValue(20)

    def show_zone(self, zone: dict[str, Any] | None) -> None:
        """Show this; None: nothing."""
        self._zone = zone
        self.update()

    def boundingRect(self) -> QRectF:  # noqa: N802 - Qt's name
        """Return more than any sensor."""
        return QRectF(-1e5, -1e5, 2e5, 2e5)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        """Draw the outline."""
        del option, widget
        if self._zone is None:
            return
        pen = QPen(QColor("#f0e442"), 2.5)
        pen.setCosmetic(True)
        painter.setPen(pen)
        if self._zone["kind"] == "polygon":
            points = [QPointF(*point) for point in self._zone["points_px"]]
            painter.drawPolyline(QPolygonF(points))
            for point in points:
                painter.drawEllipse(point, 2, 2)
        else:
            draw_zone(painter, self._zone)
