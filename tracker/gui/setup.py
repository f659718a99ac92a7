"""Draws zones and arena, measures the scale, sets the camera; written into the experiment file.

A drag is a rectangle, a drag with Ctrl a circle, clicks are the corners of a polygon that Enter
closes. What is written holds from the next session on: the one that runs is not changed, since what
it records would no longer mean what its folder says.
"""

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QMenu

from tracker.control.description import CameraOption
from tracker.errors import ConfigError
from tracker.gui.arena_file import Drawn, corners_of, px_per_cm_of, read_arena, write_arena
from tracker.gui.camera_file import range_of, value_of, write_option
from tracker.gui.sketch import Sketch

if TYPE_CHECKING:
    from tracker.gui.rig_view import RigView

DRAG_PX = 4
"""A press that moves less far is a click."""

HOW = "drag: rectangle, Ctrl and drag: circle, clicks: corners"

ARENA = "arena"
"""Name of the zone whose border is the wall."""

LINE, CORNERS = 2, 4
"""Points that are enough for a length, and for a rectangle on the floor."""

_SIZE = re.compile(r"\s*(\d+(?:[.,]\d*)?)\s*[x×*]\s*(\d+(?:[.,]\d*)?)\s*(?:cm)?\s*")


class Setup(QObject):
    """Takes the mouse on the picture while something is drawn.

    Args:
        view: Has the picture and the bar.
        file: The experiment file; None: there is none, and nothing can be drawn.
    """

    def __init__(self, view: "RigView", file: Path | None) -> None:
        super().__init__(view)
        self._view = view
        self._file = file
        self._done: Callable[[dict[str, Any]], None] | None = None
        self._enough: int | None = None
        self.menu = QMenu(view)
        """Settings of the camera, to choose one from."""
        self._corners: list[tuple[float, float]] = []
        self._press: QPointF | None = None
        self._sketch = Sketch()
        view.video.box.addItem(self._sketch, ignoreBounds=True)

    @property
    def draws(self) -> bool:
        """Whether the mouse draws now."""
        return self._done is not None

    def ask_zone(self) -> None:
        """Ask for the name of a zone, then let it be drawn."""
        if self._zones() is not None:
            self._view.bar.ask("Name of the zone:", "draw it", self._draw_zone, writes=True)

    def ask_arena(self) -> None:
        """Let the border of the arena be drawn."""
        if self._zones() is not None:
            text = f"Draw the border of the arena ({HOW})."
            self._begin(text, lambda zone: self._add(ARENA, zone, arena=ARENA))

    def ask_corners(self) -> None:
        """Let the corners of a rectangle on the floor be clicked, then ask how large it is."""
        if self._zones() is not None:
            text = "Click the corners of a rectangle on the floor, clockwise from the upper left."
            self._begin(text, self._ask_size, enough=CORNERS)

    def ask_option(self) -> None:
        """Show the settings that the camera really has; the one that is chosen can be written."""
        if self._zones() is None:
            return
        facts = self._view.rig.facts
        options = facts.camera_options if facts else ()
        if not options:
            self._view.bar.say("the camera does not say which settings it has")
            return
        self.menu.clear()
        for option in options:
            can_be = range_of(option)
            text = f"{option.name}: {_shown(option)}" + (f"   ({can_be})" if can_be else "")
            action = self.menu.addAction(text)
            action.triggered.connect(lambda _checked, option=option: self._ask_value(option))
        self.menu.popup(self._view.video.mapToGlobal(QPoint(12, 60)))

    def _ask_value(self, option: CameraOption) -> None:
        can_be = range_of(option)
        text = f"{option.name}, now {_shown(option)}{f', {can_be}' if can_be else ''}:"
        self._view.bar.ask(
            text, "write it", lambda written: self._write_option(option, written), writes=True
        )

    def _write_option(self, option: CameraOption, written: str) -> None:
        facts = self._view.rig.facts
        if self._file is None or facts is None:
            return
        try:
            write_option(self._file, facts.camera, option, value_of(option, written))
        except ConfigError as error:
            self._view.bar.say(f"nothing was written: {error}")
        else:
            said = f"{option.name}: {written} is in {self._file}"
            self._view.bar.say(f"{said}; it holds from the next session on")

    def ask_scale(self) -> None:
        """Let a line be drawn, then ask how long it is."""
        if self._zones() is not None:
            text = "Draw a line along a length that you know."
            self._begin(text, self._ask_length, enough=LINE)

    def ask_removal(self) -> None:
        """Ask which zone is to be taken away."""
        zones = self._zones()
        if zones is not None:
            text = f"Zone to take away ({', '.join(zones) or 'there is none'}):"
            self._view.bar.ask(text, "take it away", self._remove, writes=True)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Take mouse events of the picture while something is drawn."""
        if not self.draws or not isinstance(event, QMouseEvent):
            return super().eventFilter(watched, event)
        kind = event.type()
        if kind == QEvent.Type.MouseButtonPress and event.button() == Qt.MouseButton.LeftButton:
            self._press = event.position()
        elif self._press is not None and kind == QEvent.Type.MouseMove:
            self._sketch.show_zone(self._dragged(event))
        elif self._press is not None and kind == QEvent.Type.MouseButtonRelease:
            self._release(event, self._press)
        return True

    def _release(self, event: QMouseEvent, press: QPointF) -> None:
        """Take a whole drag, or one more corner."""
        zone = self._dragged(event)
        self._press = None
        is_drag = (event.position() - press).manhattanLength() > DRAG_PX
        if is_drag and self._enough != CORNERS:
            self._finish(zone)
            return
        self._corners.append(self._on_sensor(event.position()))
        if len(self._corners) == self._enough:
            self._finish(self._polygon())
        else:
            self._sketch.show_zone(self._polygon())

    def _zones(self) -> Mapping[str, Any] | None:
        """Return the zones of the file; None, and a sentence, if there is no file."""
        if self._file is None:
            self._view.bar.say("to draw, open: tracker view --setup EXPERIMENT.yaml")
            return None
        try:
            return read_arena(self._file).zones
        except ConfigError as error:
            self._view.bar.say(str(error))
            return None

    def _begin(
        self,
        text: str,
        done: Callable[[dict[str, Any]], None],
        *,
        enough: int | None = None,
    ) -> None:
        doing = "close the polygon" if enough is None else "done"
        self._view.bar.ask(text, doing, lambda _: self._finish(self._polygon()), leave=self._stop)
        self._corners, self._press, self._done, self._enough = [], None, done, enough
        self._view.video.view.viewport().installEventFilter(self)
        self._view.video.view.setCursor(Qt.CursorShape.CrossCursor)

    def _draw_zone(self, name: str) -> None:
        self._begin(f"Draw {name} on the picture ({HOW}).", lambda zone: self._add(name, zone))

    def _polygon(self) -> dict[str, Any]:
        return {"kind": "polygon", "points_px": [*self._corners]}

    def _finish(self, zone: dict[str, Any]) -> None:
        done = self._done
        if self._view.bar.asks:
            self._view.bar.leave()
        self._stop()
        if done is not None:
            done(zone)

    def _stop(self) -> None:
        self._done, self._press = None, None
        self._sketch.show_zone(None)
        self._view.video.view.viewport().removeEventFilter(self)
        self._view.video.view.unsetCursor()

    def _add(self, name: str, zone: dict[str, Any], arena: str | None = None) -> None:
        def change(zones: Mapping[str, Any]) -> Drawn:
            return Drawn({**zones, name: zone}, arena=arena)

        self._write(change, f"{name} is in {self._file}")

    def _remove(self, name: str) -> None:
        def without(zones: Mapping[str, Any]) -> Drawn:
            if name not in zones:
                raise ConfigError(f"there is no zone {name}: there is {', '.join(zones) or 'none'}")
            return Drawn({each: zone for each, zone in zones.items() if each != name})

        self._write(without, f"{name} is gone from {self._file}")

    def _ask_length(self, line: dict[str, Any]) -> None:
        points = line["points_px"] or [(0.0, 0.0)]
        (x0, y0), (x1, y1) = points[0], points[-1]

        def measure(written: str) -> None:
            try:
                scale = px_per_cm_of(x0, y0, x1, y1, float(written.replace(",", ".")))
            except ConfigError as error:
                self._view.bar.say(str(error))
            except ValueError:
                self._view.bar.say(f"{written!r} is no length in cm: nothing was written")
            else:
                self._write(
                    lambda zones: Drawn(zones, scale), f"{scale:.2f} px in a cm, in {self._file}"
                )

        text = f"The line is {math.hypot(x1 - x0, y1 - y0):.0f} px. How many cm is it long?"
        self._view.bar.ask(text, "write the scale", measure, writes=True)

    def _ask_size(self, drawn: dict[str, Any]) -> None:
        def measure(written: str) -> None:
            size = _SIZE.fullmatch(written)
            if size is None:
                said = f"{written!r} is no width and depth in cm, as 40 x 30: nothing was written"
                self._view.bar.say(said)
                return
            try:
                width_cm, depth_cm = (float(each.replace(",", ".")) for each in size.groups())
                corners = corners_of(drawn["points_px"], width_cm, depth_cm)
            except ConfigError as error:
                self._view.bar.say(f"nothing was written: {error}")
            else:
                self._write(
                    lambda zones: Drawn(zones, corners=corners),
                    f"the floor by its corners is in {self._file}",
                )

        text = "How many cm is it wide (first to second corner) and deep? As 40 x 30."
        self._view.bar.ask(text, "write the floor", measure, writes=True)

    def _write(self, change: Callable[[Mapping[str, Any]], Drawn], said: str) -> None:
        if self._file is None:
            return
        try:
            arena = read_arena(self._file)
            zones = {
                name: zone.model_dump(mode="json", exclude_unset=True) | {"kind": zone.kind}
                for name, zone in arena.zones.items()
            }
            write_arena(self._file, change(zones))
        except ConfigError as error:
            self._view.bar.say(f"nothing was written: {error}")
        else:
            self._view.bar.say(f"{said}; it holds from the next session on")

    def _on_sensor(self, at: QPointF) -> tuple[float, float]:
        """Return where on the sensor the mouse is, to a tenth of a pixel."""
        video = self._view.video
        point = video.box.mapSceneToView(video.view.mapToScene(at.toPoint()))
        return round(point.x(), 1), round(point.y(), 1)

    def _dragged(self, event: QMouseEvent) -> dict[str, Any]:
        """Return what a drag from the press to here draws."""
        from_x, from_y = self._on_sensor(self._press or event.position())
        to_x, to_y = self._on_sensor(event.position())
        if self._enough is not None:
            return {"kind": "polygon", "points_px": [(from_x, from_y), (to_x, to_y)]}
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            radius = round(math.hypot(to_x - from_x, to_y - from_y), 1)
            return {"kind": "circle", "x_px": from_x, "y_px": from_y, "radius_px": radius}
        return {
            "kind": "rectangle",
            "x_px": min(from_x, to_x),
            "y_px": min(from_y, to_y),
            "width_px": round(abs(to_x - from_x), 1),
            "height_px": round(abs(to_y - from_y), 1),
        }


def _shown(option: CameraOption) -> str:
    """Return the value of a setting as it is written in a file."""
    value = option.value
    if value is None:
        return "the camera's choice"
    return str(value).lower() if isinstance(value, bool) else f"{value}"
