"""Who and how long, what people and program have noted, and the buttons for what keys do too."""

from datetime import UTC, datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QPushButton

from tracker.gui.judgement import Lamp
from tracker.gui.panel import Facts, Lines, Panel, duration
from tracker.gui.rig import Line, Rig
from tracker.gui.theme import DARK, Theme

N_LINES = 20

BUTTONS = {
    "mark": "space: mark",
    "note": "n: note…",
    "arm": "a: arm…",
    "disarm": "d: disarm",
    "stop": "q: stop…",
    "film": "r: video…",
}
"""What can be done, and with which key."""

HELP = (
    "space mark, n note, a arm, d disarm, r video, q stop, + − w span, ↑ ↓ [ ] threshold, "
    "1–8 overlay, c contrast, f whole picture, t dark or light, ? this line, e set up"
)

SETUP = (
    "z zone, x zone away, b border of the arena, k scale by a length, p floor by four corners, "
    "o settings of the camera"
)


class SessionPanel(Panel):
    """The session itself.

    Args:
        rig: What is shown.
    """

    pressed = Signal(str)
    """Name of the button."""

    def __init__(self, rig: Rig) -> None:
        super().__init__("SESSION", "?: keys")
        self._rig = rig
        self._theme = DARK
        self.facts = Facts()
        self.lines = Lines()
        self.buttons: dict[str, QPushButton] = {}
        grid = QGridLayout()
        grid.setSpacing(5)
        for place, (name, text) in enumerate(BUTTONS.items()):
            button = QPushButton(text)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.clicked.connect(lambda _checked, name=name: self.pressed.emit(name))
            grid.addWidget(button, place // 3, place % 3)
            self.buttons[name] = button
        self.body.addWidget(self.facts)
        self.body.addLayout(grid)
        self.body.addWidget(self.lines, 1)
        self.setMinimumWidth(240)

    def dress(self, theme: Theme) -> None:
        """Take on the colours of a theme."""
        self._theme = self.facts.theme = self.lines.theme = theme
        self.facts.update()
        self.lines.update()

    def refresh(self) -> None:
        """Show what is known now."""
        rig, facts = self._rig, self._rig.facts
        if facts is not None:
            self.facts.set("subject", facts.subject)
            self.facts.set("time", elapsed(rig))
            self.facts.set(
                "by", ", ".join(each for each in (facts.experimenter, facts.protocol) if each)
            )
            self.facts.set("notes", facts.notes)
            self.facts.set("video", *_video(rig, self._theme))
            self.facts.set("folder", facts.folder.replace("\\", "/").rpartition("/")[2])
        runs = facts is not None and rig.goodbye is None and not rig.is_lost
        has_outputs = bool(facts and facts.outputs)
        by_hand = bool(rig.status and rig.status.filming is not None)
        for name, button in self.buttons.items():
            can = by_hand if name == "film" else has_outputs or name not in ("arm", "disarm")
            button.setEnabled(runs and can)
        newest = list(rig.lines)[: -N_LINES - 1 : -1]
        self.lines.show_lines([_said(line, rig) for line in newest])


def _video(rig: Rig, theme: Theme) -> tuple[str, str]:
    """Return whether the video runs, where people start it, and in which colour to say so."""
    filming = rig.status.filming if rig.status and rig.goodbye is None else None
    if filming is None:
        return "", ""
    return ("● runs", "") if filming else ("does not run: r starts it", theme.lamps[Lamp.AMBER])


def elapsed(rig: Rig) -> str:
    """Return how long the session runs, and how long it will."""
    facts = rig.facts
    text = duration(rig.elapsed_s)
    if facts is not None and facts.duration_s is not None:
        left_s = max(0.0, facts.duration_s - rig.elapsed_s)
        text += f" of {duration(facts.duration_s)}, {duration(left_s)} left"
    return text


def _said(line: Line, rig: Rig) -> str:
    anchor_ns = rig.status.anchor_utc_ns if rig.status else 0
    at = datetime.fromtimestamp(anchor_ns / 1e9 + line.time_s, UTC).astimezone()
    level = "" if line.level in ("info", "view") else f"{line.level}: "
    return f"{at:%H:%M:%S}  {level}{line.text}"
