"""What can be read from two metres: lamp and reason, subject, time, armed or not."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout

from tracker.gui.panel import Lines, duration, label
from tracker.gui.rig import Rig
from tracker.gui.theme import DARK, SHAPES, Theme

LARGE_PX = 1600
"""Width of a window from which its words are larger."""


class TopLine(QFrame):
    """The line at the top.

    Args:
        rig: What is shown.
    """

    def __init__(self, rig: Rig) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._rig = rig
        self._theme = DARK
        self.lamp, self.reason = label("●"), label("")
        self.subject, self.time, self.armed = label(""), label(""), label("")
        self.reason.setWordWrap(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 4, 14, 4)
        row.setSpacing(14)
        row.addWidget(self.lamp)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self.reason)
        self.more = Lines()
        self.more.setFixedHeight(Lines.ROW_PX)
        words.addWidget(self.more)
        row.addLayout(words, 1)
        for widget in (self.subject, self.time, self.armed):
            row.addWidget(widget)
            widget.setAlignment(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)
        self.setFixedHeight(64)

    def dress(self, theme: Theme) -> None:
        """Take on the colours of a theme."""
        self._theme = theme
        self.refresh()

    def refresh(self) -> None:
        """Show what is known now."""
        rig, theme = self._rig, self._theme
        judged = rig.judgement
        colour = theme.lamps[judged.lamp]
        _set(self.lamp, SHAPES[judged.lamp], f"color: {colour}; font-size: 34px;")
        text = judged.reasons[0][:1].upper() + judged.reasons[0][1:]
        large = 30 if self.width() >= LARGE_PX else 22
        size = large if len(text) < 60 else large - 6
        _set(self.reason, text, f"color: {colour}; font-size: {size}px; font-weight: 600;")
        self.more.theme = theme
        self.more.show_lines(["; ".join(judged.reasons[1:])])
        self.more.setVisible(len(judged.reasons) > 1)
        self.reason.setToolTip("\n".join(judged.reasons))
        facts = rig.facts
        _set(self.subject, facts.subject if facts else "", f"font-size: {large}px;")
        planned = f" / {duration(facts.duration_s)}" if facts and facts.duration_s else ""
        time = f"{duration(rig.elapsed_s)}{planned}" if facts else ""
        _set(self.time, time, f"font-size: {large}px;")
        self._say_armed(large)

    def _say_armed(self, large: int) -> None:
        facts, theme = self._rig.facts, self._theme
        if facts is None or not facts.outputs:
            _set(self.armed, "", "")
            return
        if self._rig.armed_by is not None and self._rig.is_lost:
            style, text = f"color: {theme.armed}; border: 2px solid {theme.armed};", "was armed"
        elif self._rig.armed_by is not None:
            style = f"background: {theme.armed}; color: white;"
            text = "ARMED"
        else:
            style, text = f"color: {theme.faint}; border: 1px solid {theme.line};", "not armed"
        box = f"border-radius: 5px; padding: 3px 12px; font-size: {large - 2}px; font-weight: 700;"
        _set(self.armed, text, style + box)


def _set(widget: QLabel, text: str, style: str) -> None:
    """Change only what differs: style sheets are slow."""
    if widget.text() != text:
        widget.setText(text)
    if widget.styleSheet() != style:
        widget.setStyleSheet(style)
