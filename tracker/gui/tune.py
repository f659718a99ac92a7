"""The window of `tracker tune`: every step of a method on a real frame, and its settings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMainWindow,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from tracker.errors import ConfigError, TrackerError
from tracker.gui.app import application
from tracker.gui.knobs import Knob, Knobs
from tracker.gui.theme import DARK
from tracker.observers.steps import Step
from tracker.types import Observation

SMALL = QSize(208, 156)
"""Of a step in the list, at most (px)."""

CALM_MS = 120
"""After the last turn of a knob the method is tried."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What is tuned, and how.

    Attributes:
        title: Of the window.
        knobs: What can be turned.
        try_out: Returns each step for values of the settings; raises `TrackerError`.
        write: Writes values into the file, and returns which were others; raises the same.
    """

    title: str
    knobs: Sequence[Knob]
    try_out: Callable[[Mapping[str, Any]], tuple[list[Step], Observation]]
    write: Callable[[Mapping[str, Any]], list[str]]


class TuneWindow(QMainWindow):
    """Steps on the left, the chosen one large, settings on the right.

    Args:
        tuned: What is tuned.
    """

    def __init__(self, tuned: Tuned) -> None:
        super().__init__()
        self.setWindowTitle(tuned.title)
        self.setStyleSheet(DARK.style)
        self._tuned = tuned
        self._steps: list[Step] = []
        self.list = QListWidget()
        self.list.setIconSize(SMALL)
        self.list.setViewMode(QListWidget.ViewMode.IconMode)
        self.list.setFlow(QListWidget.Flow.TopToBottom)
        self.list.setWrapping(False)
        self.list.setMovement(QListWidget.Movement.Static)
        self.list.setGridSize(SMALL + QSize(12, 46))
        self.list.setFixedWidth(SMALL.width() + 34)
        self.list.setWordWrap(True)
        self.list.currentRowChanged.connect(self._show)
        self.said = QLabel()
        self.said.setObjectName("big")
        self.said.setWordWrap(True)
        self.knobs = Knobs(tuned.knobs, self._turned)
        self.button = QPushButton("write into the file")
        self.button.clicked.connect(self._write)
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(CALM_MS)
        self._calm.timeout.connect(self.refresh)
        self._lay_out()
        self.refresh()

    def refresh(self) -> None:
        """Try the settings as they stand."""
        self._calm.stop()
        try:
            steps, seen = self._tuned.try_out(self.knobs.values)
        except TrackerError as error:
            self.said.setText(str(error))
            self.button.setEnabled(False)
            return
        self.button.setEnabled(True)
        n = seen.measures.get("n_animals")
        self.said.setText("nothing can be said of this frame" if n is None else f"{n:.0f} found")
        at = self.list.currentRow() if self._steps else len(steps) - 1
        self._steps = steps
        self.list.blockSignals(True)  # noqa: FBT003 - Qt's way
        self.list.clear()
        for number, step in enumerate(steps, 1):
            icon = QIcon(_pixmap(step).scaled(SMALL, Qt.AspectRatioMode.KeepAspectRatio))
            self.list.addItem(QListWidgetItem(icon, f"{number}. {step.title}"))
        self.list.blockSignals(False)  # noqa: FBT003 - Qt's way
        self.list.setCurrentRow(min(at, len(steps) - 1))

    def _turned(self) -> None:
        self._calm.start()

    def _show(self, row: int) -> None:
        if 0 <= row < len(self._steps):
            step = self._steps[row]
            self._picture.setImage(np.ascontiguousarray(step.picture[..., ::-1]), levels=(0, 255))
            self._title.setText(step.title)

    def _write(self) -> None:
        try:
            written = self._tuned.write(self.knobs.values)
        except ConfigError as error:
            self.said.setText(f"nothing was written: {error}")
            return
        what = ", ".join(written) or "nothing: the file says the same"
        self.said.setText(f"written: {what}")

    def _lay_out(self) -> None:
        canvas = pg.GraphicsLayoutWidget()
        canvas.setBackground(DARK.back)
        box = canvas.addViewBox(lockAspect=True, invertY=True)
        self._picture = pg.ImageItem(axisOrder="row-major")
        box.addItem(self._picture)
        self._title = QLabel()
        self._title.setObjectName("title")
        middle, right, whole = QVBoxLayout(), QVBoxLayout(), QHBoxLayout()
        middle.addWidget(self._title)
        middle.addWidget(canvas, 1)
        middle.addWidget(self.said)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(self.knobs)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFixedWidth(310)
        right.addWidget(scroll, 1)
        right.addWidget(self.button)
        whole.addWidget(self.list)
        whole.addLayout(middle, 1)
        whole.addLayout(right)
        central = QWidget()
        central.setLayout(whole)
        self.setCentralWidget(central)


def run_tuning(tuned: Tuned, screenshot: Path | None = None) -> int:
    """Open the window; return the exit code when it is closed.

    Args:
        tuned: What is tuned.
        screenshot: Save a picture of the window as PNG instead, without a display.

    Raises:
        ConfigError: If the picture cannot be written.
    """
    app = application(offscreen=screenshot is not None)
    window = TuneWindow(tuned)
    window.resize(1280, 800)
    window.show()
    if screenshot is None:
        return app.exec()
    app.processEvents()
    saved = window.grab().save(str(screenshot))
    window.close()
    if not saved:
        raise ConfigError(f"{screenshot} cannot be written: expected the path of a PNG file")
    return 0


def _pixmap(step: Step) -> QPixmap:
    picture = np.ascontiguousarray(step.picture)
    height, width = picture.shape[:2]
    image = QImage(picture.data, width, height, 3 * width, QImage.Format.Format_BGR888)
    return QPixmap.fromImage(image)
