"""The picture with what was seen in it; zoom with the wheel, pan with the mouse."""

import math
import time

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton

from tracker.gui.overlay import LAYERS, OFF, SENT, Overlay
from tracker.gui.panel import Panel, label
from tracker.gui.rig import Picture, Rig
from tracker.gui.theme import Theme


class VideoPanel(Panel):
    """The newest picture, with an overlay of the same frame.

    Args:
        rig: What is shown.
    """

    def __init__(self, rig: Rig) -> None:
        super().__init__("VIDEO")
        self._rig = rig
        self._drawn: tuple[object, ...] = ()
        self._age = label("", "faint")
        self._on: dict[str, bool] = {layer: layer not in OFF for layer in LAYERS}
        self._buttons = self._make_buttons()
        self.head.addWidget(self._age)
        self.view = pg.GraphicsView()
        self.box = pg.ViewBox(lockAspect=True, invertY=True, enableMenu=False)
        self.view.setCentralItem(self.box)
        self.image = pg.ImageItem(axisOrder="row-major")
        self.overlay = Overlay(rig, self._on)
        self.box.addItem(self.image)
        self.box.addItem(self.overlay)
        self.body.addWidget(self.view, 1)
        self.setMinimumSize(280, 220)
        self._levels = (0.0, 255.0)
        self._rate: list[float] = []

    def dress(self, theme: Theme) -> None:
        """Take on the colours of a theme."""
        self.view.setBackground(theme.panel)
        self.overlay.theme = theme
        self.overlay.update()

    def refresh(self, picture: Picture | None, now_ns: int) -> None:
        """Show a new picture, if there is one.

        Args:
            picture: None: nothing new.
            now_ns: The session's clock, now.
        """
        if picture is not None:
            self._show(picture)
        self._say_age(now_ns)
        seen = self._rig.observation
        going = tuple(bouts.going_on is not None for bouts in self._rig.bouts.values())
        overlay = self._rig.overlay
        seqs = seen.seq if seen else -1, overlay.seq if overlay else -1
        drawn = (*seqs, self._rig.session, tuple(self._on.values()), going)
        if drawn != self._drawn:
            self._drawn = drawn
            self.overlay.follow()

    def switch(self, layer: str) -> None:
        """Show or hide a layer of the overlay."""
        self._on[layer] = not self._on[layer]
        self._buttons[layer].setChecked(self._on[layer])
        self.overlay.update()

    @property
    def wants_overlays(self) -> bool:
        """Whether a layer is on for which the rig has to send something."""
        return any(self._on[layer] for layer in SENT)

    def stretch_contrast(self) -> None:
        """Spread the greys that the picture has over all that can be shown, or go back."""
        picture = self._rig.picture
        if self._levels != (0.0, 255.0) or picture is None:
            self._levels = (0.0, 255.0)
        else:
            low, high = np.percentile(picture.image, (1, 99)).tolist()
            self._levels = (low, max(high, low + 1))
        self.image.setLevels(self._levels)

    def whole(self) -> None:
        """Show the whole picture again."""
        shape = self._rig.picture.message.image_shape if self._rig.picture else (480, 640)
        self.box.setRange(QRectF(-0.5, -0.5, shape[1], shape[0]), padding=0)

    def _make_buttons(self) -> dict[str, QPushButton]:
        row = QHBoxLayout()
        row.setSpacing(3)
        made: dict[str, QPushButton] = {}
        for number, layer in enumerate(LAYERS, start=1):
            button = QPushButton(f"{number} {layer}")
            button.setCheckable(True)
            button.setChecked(self._on[layer])
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setStyleSheet("padding: 1px 6px; font-size: 12px;")
            button.clicked.connect(lambda _checked, layer=layer: self.switch(layer))
            row.addWidget(button)
            made[layer] = button
        row.addStretch(1)
        self.body.addLayout(row)
        return made

    def _show(self, picture: Picture) -> None:
        first = self.image.image is None
        self.image.setImage(picture.image, levels=self._levels, autoLevels=False)
        height, width = picture.message.image_shape[:2]
        where = QRectF(-0.5, -0.5, width, height)
        if first or self.image.boundingRect() != where:
            self.image.setRect(where)
        if first:
            self.whole()
        self._rate.append(time.monotonic())
        del self._rate[:-60]

    def _say_age(self, now_ns: int) -> None:
        picture = self._rig.picture
        if picture is None:
            self._age.setText("no picture yet")
            return
        age_ms = (now_ns - picture.message.captured_ns) / 1e6
        if self._rig.is_lost or self._rig.goodbye is not None or age_ms > 1000:
            text = f"{max(0.0, age_ms) / 1000:.0f} s old"
        else:
            span = self._rate[-1] - self._rate[0] if len(self._rate) > 1 else math.nan
            shown = (len(self._rate) - 1) / span if span > 0 else math.nan
            text = f"{age_ms:.0f} ms old, {shown:.0f}/s"
        if text != self._age.text():
            self._age.setText(text)
