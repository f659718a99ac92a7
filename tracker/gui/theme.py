"""Colours and type of the view, dark and light, for every kind of colour vision.

Behaviours have Okabe and Ito's colours (Color Universal Design, 2008); the lamp differs by shape
and by word as well.
"""

from dataclasses import dataclass

from tracker.gui.judgement import Lamp

_SKY, _ORANGE, _GREEN, _YELLOW = "#56b4e9", "#e69f00", "#009e73", "#f0e442"
_BLUE, _VERMILION, _PURPLE = "#0072b2", "#d55e00", "#cc79a7"

SHAPES = {Lamp.GREEN: "●", Lamp.AMBER: "▲", Lamp.RED: "■"}
"""Of the lamp, for who cannot tell its colours."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of one appearance.

    Attributes:
        name: `dark` or `light`.
        back: Of the window.
        panel: Of what lies on it.
        line: Borders and grids.
        ink: Text.
        faint: Text that matters less.
        accent: What a person is doing now: a dragged threshold, a question.
        lamps: Colour of the lamp.
        armed: Behind the word ARMED.
        series: Of behaviours and traces, in order.
    """

    name: str
    back: str
    panel: str
    line: str
    ink: str
    faint: str
    accent: str
    lamps: dict[Lamp, str]
    armed: str
    series: tuple[str, ...]

    def colour(self, place: int) -> str:
        """Return the colour of the behaviour or trace at a place."""
        return self.series[place % len(self.series)]

    @property
    def style(self) -> str:
        """Qt style sheet of the whole window."""
        return _STYLE.format(
            back=self.back,
            panel=self.panel,
            line=self.line,
            ink=self.ink,
            faint=self.faint,
            accent=self.accent,
        )


_STYLE = """
QWidget {{ background: {back}; color: {ink}; font-size: 13px; }}
QFrame#panel {{ background: {panel}; border: 1px solid {line}; border-radius: 6px; }}
QFrame#panel QLabel, QFrame#panel QWidget#clear {{ background: transparent; }}
QLabel#title {{ color: {faint}; font-size: 12px; font-weight: 600; }}
QLabel#big {{ font-size: 20px; font-weight: 600; }}
QLabel#faint {{ color: {faint}; }}
QPushButton {{ background: {panel}; border: 1px solid {line}; border-radius: 5px;
    padding: 5px 10px; }}
QPushButton:hover {{ border-color: {accent}; }}
QPushButton:focus {{ border-color: {accent}; }}
QPushButton:disabled {{ color: {faint}; }}
QPushButton:checked {{ border-color: {accent}; color: {accent}; }}
QLineEdit, QComboBox {{ background: {panel}; border: 1px solid {line}; border-radius: 4px;
    padding: 4px 6px; }}
QSplitter::handle {{ background: {back}; }}
QMenu {{ background: {panel}; border: 1px solid {line}; }}
QMenu::item:selected {{ background: {line}; }}
QToolTip {{ background: {panel}; color: {ink}; border: 1px solid {line}; }}
"""

DARK = Theme(
    name="dark",
    back="#14181c",
    panel="#1c2228",
    line="#333c45",
    ink="#e4e9ee",
    faint="#93a1ae",
    accent=_SKY,
    lamps={Lamp.GREEN: "#1fbf92", Lamp.AMBER: _ORANGE, Lamp.RED: "#ff6b3d"},
    armed="#b5400a",
    series=(_SKY, _ORANGE, _GREEN, _YELLOW, _PURPLE, _VERMILION, "#7f8fd8"),
)

LIGHT = Theme(
    name="light",
    back="#eef1f4",
    panel="#ffffff",
    line="#c9d1d9",
    ink="#1a2026",
    faint="#5a6772",
    accent=_BLUE,
    lamps={Lamp.GREEN: "#00805d", Lamp.AMBER: "#a86f00", Lamp.RED: "#c03c00"},
    armed="#c03c00",
    series=(_BLUE, _VERMILION, "#00805d", _PURPLE, "#a87400", "#3d8fc4", "#555d66"),
)

THEMES = {"dark": DARK, "light": LIGHT}
