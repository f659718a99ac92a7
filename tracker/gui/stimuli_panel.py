"""What may be done to the animal, and what was: armed or not, doses against limits, last events."""

from datetime import UTC, datetime

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from tracker.gui.judgement import Lamp
from tracker.gui.panel import Lines, Panel, label, small_font
from tracker.gui.rig import Rig
from tracker.gui.theme import DARK, Theme
from tracker.messages import StimulusMessage
from tracker.session_status import OutputStatus

N_EVENTS = 20

LONG = 40
"""Letters of a reason that need a second line."""
SPANS = ("minute", "session", "day")


class StimuliPanel(Panel):
    """Armed or not, doses, last commands. Of a blinded one it tells nothing of the arm.

    Args:
        rig: What is shown.
    """

    def __init__(self, rig: Rig) -> None:
        super().__init__("STIMULI", "a: arm   d: disarm")
        self._rig = rig
        self._theme = DARK
        self.state = label("", "big")
        self.state.setWordWrap(True)
        self.why = label("", "faint")
        self.why.setWordWrap(True)
        self.why.setFixedHeight(2 * Lines.ROW_PX)
        self.why.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.doses = Doses()
        self.events = Lines()
        for widget in (self.state, self.why, self.doses):
            self.body.addWidget(widget)
        self.body.addWidget(self.events, 1)
        self.setMinimumWidth(240)

    def dress(self, theme: Theme) -> None:
        """Take on the colours of a theme."""
        self._theme = self.doses.theme = self.events.theme = theme
        for widget in (self.doses, self.events):
            widget.update()

    def refresh(self) -> None:
        """Show what is known now."""
        rig, status = self._rig, self._rig.status
        has_outputs = bool(rig.facts and rig.facts.outputs)
        if status is None or not has_outputs:
            self._say("no outputs" if rig.facts else "–", "", "")
            self.doses.show_outputs({})
            return
        if rig.armed_by is not None and rig.is_lost:
            self._say("was armed", f"by {rig.armed_by}; what is so now is not known", "")
        elif rig.armed_by is not None:
            self._say(
                "ARMED", f"by {rig.armed_by}", f"background: {self._theme.armed}; color: white;"
            )
        else:
            self._say("not armed", status.disarmed_why, "")
        self.doses.show_outputs(dict(status.outputs))
        counts = ", ".join(f"{n} {what}" for what, n in status.stimuli.items())
        blinded = bool(rig.facts and "blinded" in status.stimuli)
        lines = [counts or "no stimuli yet"]
        lines += [describe(row, rig) for row in list(rig.stimuli)[: -N_EVENTS - 1 : -1]]
        if blinded:
            lines.insert(1, "arms are hidden until `tracker unblind`")
        self.events.show_lines(lines)

    def _say(self, state: str, why: str, style: str) -> None:
        self.state.setText(state)
        self.state.setStyleSheet(f"{style} padding: 2px 8px; border-radius: 4px;" if style else "")
        self.why.setText(why)
        self.why.setToolTip(why)
        self.why.setVisible(bool(why))
        self.why.setFixedHeight(Lines.ROW_PX * (2 if len(why) > LONG else 1))


def describe(row: StimulusMessage, rig: Rig) -> str:
    """Return one command in words; the same ones for every blinded command."""
    anchor_ns = rig.status.anchor_utc_ns if rig.status else 0
    at = datetime.fromtimestamp((anchor_ns + row.sent_ns) / 1e9, UTC).astimezone()
    why = f": {row.reason}" if row.reason else ""
    return f"{at:%H:%M:%S}  {row.output} {row.action} {row.delivery}{why}"


def _share(output: OutputStatus, span: str) -> float:
    return output.dose_s.get(span, 0.0) / (output.limit_s.get(span) or 1.0)


class Doses(QWidget):
    """A bar for each output: what was given, of what may be."""

    ROW_PX = 17

    def __init__(self) -> None:
        super().__init__()
        self.theme: Theme = DARK
        self._rows: list[tuple[str, str, float, float]] = []

    def show_outputs(self, outputs: dict[str, OutputStatus]) -> None:
        """Show for each output the span that is nearest to its limit."""
        rows = []
        for name, output in outputs.items():
            limited = [span for span in SPANS if output.limit_s.get(span)]
            nearest = max(limited, key=lambda span: _share(output, span), default="session")
            dose, limit = output.dose_s.get(nearest, 0.0), output.limit_s.get(nearest) or 0.0
            rows.append((name, f"this {nearest}", dose, limit))
        if rows != self._rows:
            self._rows = rows
            self.setFixedHeight(self.ROW_PX * len(rows))
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the bars."""
        del event
        painter = QPainter(self)
        theme, width = self.theme, self.width()
        middle = Qt.AlignmentFlag.AlignVCenter
        for row, (name, span, dose, limit) in enumerate(self._rows):
            top = row * self.ROW_PX
            painter.setFont(small_font(12))
            painter.setPen(QColor(theme.ink))
            painter.drawText(QRectF(0, top, 60, self.ROW_PX), middle, name)
            painter.setPen(QColor(theme.faint))
            painter.drawText(QRectF(62, top, 80, self.ROW_PX), middle, span)
            text = f"{dose:.1f} of {limit:g} s" if limit else f"{dose:.1f} s"
            box = QRectF(width - 92, top, 92, self.ROW_PX)
            painter.drawText(box, middle | Qt.AlignmentFlag.AlignRight, text)
            room = width - 92 - 148
            if limit and room > 10:
                share = min(1.0, dose / limit)
                colour = theme.lamps[Lamp.RED if share > 0.95 else Lamp.GREEN]
                colour = theme.lamps[Lamp.AMBER] if 0.8 < share <= 0.95 else colour
                bar = QRectF(144, top + self.ROW_PX / 2 - 3, room, 6)
                painter.fillRect(bar, QColor(theme.line))
                painter.fillRect(QRectF(bar.x(), bar.y(), room * share, 6), QColor(colour))
