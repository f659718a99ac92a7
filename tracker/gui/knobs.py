"""Sliders, boxes and lists for the settings of a method."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

STEPS = 400
"""Places of a slider."""


class Knob(Protocol):
    """A setting that can be turned: `tracker.tuning.Knob`."""

    @property
    def name(self) -> str:
        """Of the setting."""

    @property
    def value(self) -> Any:
        """As it is; None: no limit."""

    @property
    def description(self) -> str:
        """What it does, with its unit."""

    @property
    def lowest(self) -> float:
        """Of a number."""

    @property
    def highest(self) -> float:
        """Of a number, on its slider; more can be typed."""

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole number."""

    @property
    def choices(self) -> tuple[str, ...]:
        """Words to choose from; none: a number or a boolean."""


class Knobs(QWidget):
    """One line for each setting: its name, its value, and a slider where it is a number.

    Args:
        knobs: What can be turned.
        changed: Called after each turn.
    """

    def __init__(self, knobs: Sequence[Knob], changed: Callable[[], None]) -> None:
        super().__init__()
        rows = QVBoxLayout(self)
        rows.setContentsMargins(4, 4, 4, 4)
        self._values: dict[str, Callable[[], Any]] = {}
        self.widgets: dict[str, QWidget] = {}
        """What holds the value of each setting."""
        for knob in knobs:
            rows.addWidget(self._row(knob, changed))
        rows.addStretch(1)

    @property
    def values(self) -> dict[str, Any]:
        """The value of each setting, as it stands."""
        return {name: value() for name, value in self._values.items()}

    def _row(self, knob: Knob, changed: Callable[[], None]) -> QWidget:
        row = QWidget()
        row.setToolTip(knob.description)
        grid = QGridLayout(row)
        grid.setContentsMargins(0, 0, 0, 2)
        grid.setVerticalSpacing(0)
        if knob.choices:
            box = QComboBox()
            box.addItems(knob.choices)
            box.setCurrentText(str(knob.value))
            box.currentTextChanged.connect(lambda _: changed())
            self._add(knob, box, box.currentText)
            grid.addWidget(QLabel(knob.name), 0, 0)
            grid.addWidget(box, 0, 1)
        elif isinstance(knob.value, bool):
            check = QCheckBox(knob.name)
            check.setChecked(knob.value)
            check.toggled.connect(lambda _: changed())
            self._add(knob, check, check.isChecked)
            grid.addWidget(check, 0, 0, 1, 2)
        else:
            self._number(knob, grid, changed)
        return row

    def _number(self, knob: Knob, grid: QGridLayout, changed: Callable[[], None]) -> None:
        box: QSpinBox | QDoubleSpinBox = QSpinBox() if knob.is_whole else QDoubleSpinBox()
        box.setRange(_as(box, knob.lowest), _as(box, max(knob.highest, 1e6)))
        box.setValue(_as(box, knob.highest if knob.value is None else knob.value))
        if isinstance(box, QDoubleSpinBox):
            box.setDecimals(2 if knob.highest <= 20 else 1)
            box.setSingleStep(max((knob.highest - knob.lowest) / 100, 0.01))
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, STEPS)
        span = knob.highest - knob.lowest
        slider.setValue(round((box.value() - knob.lowest) / span * STEPS))
        slider.valueChanged.connect(
            lambda place: box.setValue(_as(box, knob.lowest + place * span / STEPS))
        )
        box.valueChanged.connect(lambda _: changed())
        name: QLabel | QCheckBox = QLabel(knob.name)
        value: Callable[[], Any] = box.value
        if knob.value is None:
            name = _limit(knob.name, (box, slider), changed)
            value = _or_none(name, box)
        self._add(knob, box, value)
        grid.addWidget(name, 0, 0)
        grid.addWidget(box, 0, 1)
        grid.addWidget(slider, 1, 0, 1, 2)

    def _add(self, knob: Knob, widget: QWidget, value: Callable[[], Any]) -> None:
        widget.setAccessibleName(knob.name)
        self.widgets[knob.name] = widget
        self._values[knob.name] = value


def _limit(name: str, what: Sequence[QWidget], changed: Callable[[], None]) -> QCheckBox:
    """Return a box that lets a limit hold, which does not hold yet."""
    check = QCheckBox(f"{name} (none)")
    for each in what:
        each.setEnabled(False)
        check.toggled.connect(each.setEnabled)
    check.toggled.connect(lambda holds: check.setText(name if holds else f"{name} (none)"))
    check.toggled.connect(lambda _: changed())
    return check


def _or_none(check: QCheckBox, box: QSpinBox | QDoubleSpinBox) -> Callable[[], Any]:
    return lambda: box.value() if check.isChecked() else None


def _as(box: QSpinBox | QDoubleSpinBox, value: float) -> Any:
    """Return a number as a box takes it."""
    return round(value) if isinstance(box, QSpinBox) else float(value)
