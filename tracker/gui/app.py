"""The program behind `tracker view`: a window, its clock, and pictures of itself."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("PYQTGRAPH_QT_LIB", "PySide6")

from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QStackedWidget

from tracker.errors import WireError
from tracker.gui.display import has_display
from tracker.gui.link import Link
from tracker.gui.rig_view import RigView
from tracker.gui.theme import THEMES
from tracker.gui.wall import Wall
from tracker.keys import ClientKeys
from tracker.messages import Kind

TICK_MS, LONGEST_TICK_MS = 16, 120
"""Time between two drawings, where they take less than two thirds of it; and where they take long:
then the processor is wanted elsewhere, and the experiment may be there."""

KEYS = {
    Qt.Key.Key_Space: "space",
    Qt.Key.Key_Up: "up",
    Qt.Key.Key_Down: "down",
    Qt.Key.Key_Return: "enter",
    Qt.Key.Key_Enter: "enter",
    Qt.Key.Key_Escape: "escape",
}


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """How the view is opened.

    Attributes:
        addresses: Control sockets of the rigs.
        keys: If they use keys.
        theme: `dark` or `light`; None: as last time.
        size: Width and height (px); None: as last time.
        who: The person, for marks and for the arm.
        setup: Experiment file that zones are drawn into; for one rig.
    """

    addresses: Sequence[str]
    keys: ClientKeys | None = None
    theme: str | None = None
    size: tuple[int, int] | None = None
    who: str = ""
    setup: Path | None = None


class Window(QMainWindow):
    """One rig, or a wall of several of which a click opens one.

    Args:
        options: How it is opened.
        settings: Where sizes are remembered.
    """

    def __init__(self, options: ViewOptions, settings: QSettings) -> None:
        super().__init__()
        self.setWindowTitle("tracker view")
        self._settings = settings
        several = len(options.addresses) > 1
        pictures = Kind.THUMBNAIL if several else Kind.FRAME
        self.links = [Link(each, options.keys, pictures) for each in options.addresses]
        self.views = [RigView(link, options.who, options.setup) for link in self.links]
        self._stack = QStackedWidget()
        self.wall = Wall([view.rig for view in self.views]) if several else None
        if self.wall is not None:
            self.wall.opened.connect(self.open_rig)
            self._stack.addWidget(self.wall)
        for view in self.views:
            self._stack.addWidget(view)
        self.setCentralWidget(self._stack)
        self.theme = THEMES[options.theme or str(settings.value("theme", "dark"))]
        self.dress()
        self._restore(options.size)
        self.took_ms = 0.0
        """How long a drawing takes, lately, with the wait for a processor."""
        self._began_s: float | None = None
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.tick)

    def start(self) -> None:
        """Look for the rigs, and draw."""
        for link in self.links:
            link.start()
        self._timer.start(TICK_MS)

    def stop(self) -> None:
        """End all threads."""
        self._timer.stop()
        for link in self.links:
            link.close()

    def tick(self) -> None:
        """Take in what has come, and draw it; less often where that takes long."""
        if self._began_s is None:
            self._began_s = time.perf_counter()
            QTimer.singleShot(0, self._drawn)  # comes after all that is painted now
        for view in self.views:
            view.tick()
        if self.wall is not None and self.wall.isVisible():
            self.wall.refresh()

    def _drawn(self) -> None:
        """Everything that a tick wanted is painted: note how long it took."""
        if self._began_s is None:
            return
        took_ms = (time.perf_counter() - self._began_s) * 1000
        self._began_s = None
        self.took_ms += 0.05 * (min(took_ms, LONGEST_TICK_MS) - self.took_ms)
        wanted = min(max(TICK_MS, round(1.5 * self.took_ms)), LONGEST_TICK_MS)
        if self._timer.isActive() and self._timer.interval() != wanted:
            self._timer.setInterval(wanted)

    def dress(self) -> None:
        """Take on the colours of the theme."""
        self.setStyleSheet(self.theme.style)
        for view in self.views:
            view.dress(self.theme)
        if self.wall is not None:
            self.wall.dress(self.theme)

    def open_rig(self, place: int) -> None:
        """Show one rig of several."""
        self.links[place].pictures = Kind.FRAME
        self._stack.setCurrentWidget(self.views[place])
        self.views[place].setFocus()

    def show_wall(self) -> None:
        """Show all rigs again."""
        if self.wall is not None:
            for link in self.links:
                link.pictures = Kind.THUMBNAIL
            self._stack.setCurrentWidget(self.wall)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Do what a key stands for."""
        key = KEYS.get(Qt.Key(event.key()), event.text())
        shown = self._stack.currentWidget()
        if key == "t":
            self.theme = THEMES["light" if self.theme.name == "dark" else "dark"]
            self.dress()
        elif isinstance(shown, RigView):
            if key == "escape" and not shown.bar.asks:
                self.show_wall()
            elif not shown.press("+" if key == "=" else key):
                super().keyPressEvent(event)
        elif key.isdigit() and 0 < int(key) <= len(self.views):
            self.open_rig(int(key) - 1)
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Remember sizes, and end."""
        self._settings.setValue("theme", self.theme.name)
        self._settings.setValue("geometry", self.saveGeometry())
        for view in self.views[:1]:
            view.save_sizes(self._settings)
        self.stop()
        event.accept()

    def _restore(self, size: tuple[int, int] | None) -> None:
        geometry = self._settings.value("geometry")
        if size is not None:
            self.resize(*size)
        elif geometry is None or not self.restoreGeometry(geometry):
            self.resize(1280, 800)
        for view in self.views:
            view.restore_sizes(self._settings)


def run_view(options: ViewOptions) -> int:
    """Open the window, and return the exit code when it is closed."""
    app = application()
    window = Window(options, QSettings("behaviour-tracker", "view"))
    window.show()
    window.start()
    return app.exec()


def take_screenshot(options: ViewOptions, path: Path, after_s: float, patience_s: float) -> None:
    """Save a picture of the window, without a display if there is none.

    Args:
        options: How it is opened; the size is 1280 × 800 if it is not given.
        path: PNG; overwritten, since it is made to be made again.
        after_s: How long to look at the session first.
        patience_s: How long to wait for one.

    Raises:
        WireError: If no session was found, or the picture cannot be written.
    """
    app = application(offscreen=True)
    settings = QSettings(str(path.with_suffix(".ini")), QSettings.Format.IniFormat)  # never written
    window = Window(options, settings)
    window.resize(*(options.size or (1280, 800)))
    window.show()
    window.start()
    try:
        end_s = time.monotonic() + patience_s
        while not any(view.rig.heard for view in window.views):
            _pass(app, 0.05)
            if time.monotonic() > end_s:
                where = ", ".join(options.addresses)
                raise WireError(f"no session was found at {where} within {patience_s:g} s")
        _pass(app, after_s)
        for view in window.views:
            view.refresh_words()
        if not window.grab().save(str(path)):
            raise WireError(f"{path} cannot be written: expected the path of a PNG file")
    finally:
        window.stop()


def application(*, offscreen: bool = False) -> QApplication:
    """Return the program's one application; offscreen if asked for, or without a display."""
    if offscreen or not has_display():
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    for name in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):
        os.environ.pop(name, None)  # OpenCV sets them to its own
    known = QApplication.instance()
    if isinstance(known, QApplication):
        return known
    app = QApplication(sys.argv[:1])
    app.setStyle("Fusion")
    return app


def _pass(app: QApplication, seconds: float) -> None:
    """Let the program go on for a while."""
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        app.processEvents()
        time.sleep(0.005)
