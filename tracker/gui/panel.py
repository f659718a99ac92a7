"""A frame with a title, and small pieces that several panels are made of."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from tracker.gui.theme import DARK, Theme


class Panel(QFrame):
    """A titled part of the window.

    Args:
        title: In its upper left corner.
        hint: Beside it, fainter: which keys it listens to.
    """

    def __init__(self, title: str, hint: str = "") -> None:
        super().__init__()
        self.setObjectName("panel")
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(10, 6, 10, 8)
        self.body.setSpacing(4)
        self.head = QHBoxLayout()
        self.head.setSpacing(10)
        self.head.addWidget(label(title, "title"))
        if hint:
            self.head.addWidget(label(hint, "faint"))
        self.head.addStretch(1)
        self.body.addLayout(self.head)


class Facts(QWidget):
    """Rows of a name and a value of one line or more; a row whose value is "" is left out."""

    LEFT_PX, ROW_PX = 84, 17

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("clear")
        self.theme: Theme = DARK
        self._rows: dict[str, tuple[str, str]] = {}
        self._height = self.ROW_PX
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return enough for all rows."""
        return QSize(self.LEFT_PX + 150, self._height)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return enough for a few: the window does not grow because something goes wrong."""
        return QSize(self.LEFT_PX + 60, min(self._height, 3 * self.ROW_PX))

    def set(self, name: str, value: str, colour: str = "") -> None:
        """Show a value, in a colour if one is given."""
        if self._rows.get(name) == (value, colour):
            return
        self._rows[name] = value, colour
        height = self.ROW_PX * sum(len(each.split("\n")) for each, _ in self._rows.values() if each)
        if height != self._height:
            self._height = height
            self.updateGeometry()
        self.update()

    def value(self, name: str) -> str:
        """Return what is shown under a name; "" if nothing is."""
        return self._rows.get(name, ("", ""))[0]

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the rows."""
        del event
        painter = QPainter(self)
        top, room = 0, self.width() - self.LEFT_PX
        for name, (value, colour) in self._rows.items():
            if not value:
                continue
            painter.setPen(QColor(self.theme.faint))
            box = QRectF(0, top, self.LEFT_PX - 4, self.ROW_PX)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, name)
            painter.setPen(QColor(colour or self.theme.ink))
            for line in value.split("\n"):
                if top + self.ROW_PX > self.height():
                    return
                box = QRectF(self.LEFT_PX, top, room, self.ROW_PX)
                painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, _elided(painter, line, room))
                top += self.ROW_PX


class Lines(QWidget):
    """Lines of text, as many as there is room for; too long ones are cut at their end."""

    ROW_PX = 17

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("clear")
        self.theme: Theme = DARK
        self._lines: tuple[str, ...] = ()
        self.setMinimumHeight(self.ROW_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def text(self) -> str:
        """All lines."""
        return "\n".join(self._lines)

    def show_lines(self, lines: Sequence[str]) -> None:
        """Show these, the most important one first."""
        if tuple(lines) != self._lines:
            self._lines = tuple(lines)
            self.setToolTip(self.text)
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw them."""
        del event
        painter = QPainter(self)
        painter.setFont(small_font(12))
        painter.setPen(QColor(self.theme.faint))
        for row, line in enumerate(self._lines[: max(1, self.height() // self.ROW_PX)]):
            box = QRectF(0, row * self.ROW_PX, self.width(), self.ROW_PX)
            text = _elided(painter, line, self.width())
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, text)


def small_font(pixels: int = 12, *, bold: bool = False) -> QFont:
    """Return the font of what is painted."""
    font = QFont()
    font.setPixelSize(pixels)
    font.setBold(bold)
    return font


def _elided(painter: QPainter, text: str, width: float) -> str:
    return painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(width))


def label(text: str, name: str = "") -> QLabel:
    """Return a label; `name` is its place in the style sheet."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if name:
        made.setObjectName(name)
    return made


def duration(seconds: float) -> str:
    """Return a time as 1:02:03, or 2:03."""
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
