"""Draws zones and measures the scale on the live picture; written into the experiment file.

A drag is a rectangle, a drag with Ctrl a circle, clicks are the corners of a polygon that Enter
closes. What is written holds from the next session on: the one that runs is not changed.
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from tracker.errors import ConfigError
from tracker.gui.arena_file import Drawn, px_per_cm_of, read_arena, write_arena
from tracker.gui.overlay import draw_zone

if TYPE_CHECKING:
    from tracker.gui.rig_view import RigView

DRAG_PX = 4
"""A press that moves less far is a click."""

HOW = "drag: rectangle, Ctrl and drag: circle, clicks: corners"


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
        self._is_line = False
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

    def ask_scale(self) -> None:
        """Let a line be drawn, then ask how long it is."""
        if self._zones() is not None:
            text = "Draw a line along a length that you know."
            self._begin(text, self._ask_length, is_line=True)

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
        if (event.position() - press).manhattanLength() > DRAG_PX:
            self._finish(zone)
            return
        self._corners.append(self._on_sensor(event.position()))
        if self._is_line and len(self._corners) == 2:
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
        self, text: str, done: Callable[[dict[str, Any]], None], *, is_line: bool = False
    ) -> None:
        doing = "done" if is_line else "close the polygon"
        self._view.bar.ask(text, doing, lambda _: self._finish(self._polygon()), leave=self._stop)
        self._corners, self._press, self._done, self._is_line = [], None, done, is_line
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

    def _add(self, name: str, zone: dict[str, Any]) -> None:
        self._write(lambda zones: {**zones, name: zone}, None, f"{name} is in {self._file}")

    def _remove(self, name: str) -> None:
        def without(zones: Mapping[str, Any]) -> dict[str, Any]:
            if name not in zones:
                raise ConfigError(f"there is no zone {name}: there is {', '.join(zones) or 'none'}")
            return {each: zone for each, zone in zones.items() if each != name}

        self._write(without, None, f"{name} is gone from {self._file}")

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
                self._write(dict, scale, f"{scale:.2f} px in a cm, in {self._file}")

        text = f"The line is {math.hypot(x1 - x0, y1 - y0):.0f} px. How many cm is it long?"
        self._view.bar.ask(text, "write the scale", measure, writes=True)

    def _write(
        self,
        change: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        px_per_cm: float | None,
        said: str,
    ) -> None:
        if self._file is None:
            return
        try:
            arena = read_arena(self._file)
            zones = {
                name: zone.model_dump(mode="json", exclude_unset=True) | {"kind": zone.kind}
                for name, zone in arena.zones.items()
            }
            write_arena(self._file, Drawn(change(zones), px_per_cm))
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
        if self._is_line:
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


class Sketch(QGraphicsItem):
    """What is being drawn."""

    def __init__(self) -> None:
        super().__init__()
        self._zone: dict[str, Any] | None = None
        self.setZValue(20)

    def show_zone(self, zone: dict[str, Any] | None) -> None:
        """Show this; None: nothing."""
        self._zone = zone
        self.update()

    def boundingRect(self) -> QRectF:  # noqa: N802 - Qt's name
        """Return more than any sensor."""
        return QRectF(-1e5, -1e5, 2e5, 2e5)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        """Draw the outline."""
        del option, widget
        if self._zone is None:
            return
        pen = QPen(QColor("#f0e442"), 2.5)
        pen.setCosmetic(True)
        painter.setPen(pen)
        if self._zone["kind"] == "polygon":
            points = [QPointF(*point) for point in self._zone["points_px"]]
            painter.drawPolyline(QPolygonF(points))
            for point in points:
                painter.drawEllipse(point, 2, 2)
        else:
            draw_zone(painter, self._zone)
