"""Several rigs at once: one line of health each, a small picture; a click opens one."""

import math
from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from tracker.gui.panel import duration, small_font
from tracker.gui.rig import Rig
from tracker.gui.theme import DARK, SHAPES, Theme


class Wall(QWidget):
    """A tile a rig.

    Args:
        rigs: What is shown.
    """

    opened = Signal(int)
    """Place of the rig that is to be opened."""

    def __init__(self, rigs: list[Rig]) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(10, 10, 10, 10)
        grid.setSpacing(8)
        columns = math.ceil(math.sqrt(len(rigs)))
        self.tiles = [Tile(rig, place, rigs) for place, rig in enumerate(rigs)]
        for place, tile in enumerate(self.tiles):
            tile.clicked.connect(self.opened)
            grid.addWidget(tile, place // columns, place % columns)

    def dress(self, theme: Theme) -> None:
        """Take on the colours of a theme."""
        for tile in self.tiles:
            tile.theme = theme
            tile.update()

    def refresh(self) -> None:
        """Draw what is new."""
        for tile in self.tiles:
            tile.refresh()


class Tile(QWidget):
    """One rig: lamp, reason, subject, time, latency, and its picture.

    Args:
        rig: What is shown.
        place: Its number, from 0.
        all_rigs: On the wall: where several have one subject, the camera tells them apart.
    """

    clicked = Signal(int)

    def __init__(self, rig: Rig, place: int, all_rigs: Sequence[Rig]) -> None:
        super().__init__()
        self._rig = rig
        self._all_rigs = all_rigs
        self._place = place
        self._drawn: tuple[object, ...] = ()
        self.theme: Theme = DARK
        self.setMinimumSize(220, 150)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return enough for a small picture."""
        return QSize(320, 240)

    def refresh(self) -> None:
        """Draw again if something has changed."""
        rig = self._rig
        picture = rig.picture.message.seq if rig.picture else -1
        drawn = (picture, rig.judgement, duration(rig.elapsed_s), rig.armed_by)
        if drawn != self._drawn:
            self._drawn = drawn
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Open this rig."""
        del event
        self.clicked.emit(self._place)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the tile."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme, judged = self.theme, self._rig.judgement
        colour = QColor(theme.lamps[judged.lamp])
        painter.setPen(QColor(theme.line))
        painter.setBrush(QColor(theme.panel))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        self._paint_picture(painter, QRectF(8, 62, self.width() - 16, self.height() - 70))
        painter.setPen(colour)
        painter.setFont(small_font(24))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(10, 4, 30, 30), middle, SHAPES[judged.lamp])
        painter.setFont(small_font(14, bold=True))
        words = painter.fontMetrics().elidedText(
            judged.reasons[0], Qt.TextElideMode.ElideRight, self.width() - 52
        )
        painter.drawText(QRectF(40, 4, self.width() - 48, 30), middle, words)
        painter.setPen(QColor(theme.ink))
        painter.setFont(small_font(13))
        line = QRectF(12, 34, self.width() - 24, 24)
        painter.drawText(line, middle, self._name())
        painter.drawText(line, middle | Qt.AlignmentFlag.AlignRight, self._numbers())

    def _name(self) -> str:
        facts = self._rig.facts
        if facts is None:
            return f"{self._place + 1}  {self._rig.address.removeprefix('tcp://')}"
        subjects = [rig.facts.subject for rig in self._all_rigs if rig.facts]
        of_several = subjects.count(facts.subject) > 1  # several cameras look at one animal
        camera = f"  {facts.camera or self._rig.address}" if of_several else ""
        return f"{self._place + 1}  {facts.subject}{camera}"

    def _numbers(self) -> str:
        rig = self._rig
        if rig.status is None:
            return ""
        p99 = rig.status.latency_p99_ms
        late = "" if math.isnan(p99) else f"p99 {p99:.0f} ms   "
        armed = ("was armed   " if rig.is_lost else "ARMED   ") if rig.armed_by else ""
        return f"{armed}{late}{duration(rig.elapsed_s)}"

    def _paint_picture(self, painter: QPainter, area: QRectF) -> None:
        picture = self._rig.picture
        if area.height() < 20:
            return
        if picture is None:
            painter.setPen(QColor(self.theme.faint))
            painter.setFont(small_font(13))
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, "no picture")
            return
        image = np.ascontiguousarray(picture.image)
        height, width = image.shape[:2]
        is_grey = image.ndim == 2
        kind = QImage.Format.Format_Grayscale8 if is_grey else QImage.Format.Format_RGB888
        drawn = QImage(image.data, width, height, width * (1 if is_grey else 3), kind)
        scale = min(area.width() / width, area.height() / height)
        size = QRectF(0, 0, width * scale, height * scale)
        size.moveCenter(area.center())
        painter.drawImage(size, drawn)
