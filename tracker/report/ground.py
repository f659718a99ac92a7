"""What lies under a map of the arena: the sensor's size, a pale frame, zones with their names."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.patches import Circle, Rectangle
from matplotlib.patches import Polygon as PolygonPatch
from numpy.typing import NDArray

from tracker.arena import ArenaSettings, Polygon
from tracker.arena import Circle as CircleZone
from tracker.arena import Rectangle as RectangleZone
from tracker.report.look import BLACK

_PALE = 0.4
"""How much is left of a frame's contrast to white."""


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """The arena, as maps show it.

    Attributes:
        shape: Height and width of the sensor (px).
        unit: Of the axes: cm where the scale is known, else px.
        px_per_unit: Sensor pixels in one unit.
        zones: By name.
        picture: uint8, all of the sensor, perhaps thinned, grey or RGB; None: none.
    """

    shape: tuple[int, int]
    unit: str
    px_per_unit: float
    zones: dict[str, RectangleZone | CircleZone | Polygon]
    picture: NDArray[np.uint8] | None

    @classmethod
    def of(
        cls, shape: tuple[int, int], arena: ArenaSettings | None, picture: NDArray[np.uint8] | None
    ) -> "Ground":
        """The ground of an arena, in px if nothing is known of it."""
        if arena is None:
            return cls(shape, "px", 1.0, {}, picture)
        px_per_cm = arena.image_px_per_cm
        unit, scale = ("px", 1.0) if px_per_cm is None else ("cm", px_per_cm)
        return cls(shape, unit, scale, arena.zones_px, picture)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top edge of the sensor, in units."""
        height, width = self.shape
        edges = np.array((-0.5, width - 0.5, height - 0.5, -0.5)) / self.px_per_unit
        left, right, bottom, top = edges.tolist()
        return left, right, bottom, top

    def lay(self, axes: Any, title: str) -> None:
        """Draw it, and set limits and labels of the axes."""
        if self.picture is not None:
            grey = self.picture if self.picture.ndim == 2 else self.picture.mean(axis=2)
            pale = 255 - (255 - grey.astype(np.float64)) * _PALE
            axes.imshow(
                pale.astype(np.uint8), cmap="gray", vmin=0, vmax=255, extent=self.extent, zorder=0
            )
        for name, zone in self.zones.items():
            self._draw_zone(axes, name.replace("_", " "), zone)
        axes.set_aspect("equal")
        axes.spines[:].set_visible(True)
        axes.set_xlim(self.extent[:2])
        axes.set_ylim(self.extent[2:])
        axes.set(xlabel=f"x ({self.unit})", ylabel=f"y ({self.unit})", title=title)

    def _draw_zone(self, axes: Any, name: str, zone: RectangleZone | CircleZone | Polygon) -> None:
        one = self.px_per_unit
        look: dict[str, Any] = {
            "fill": False,
            "edgecolor": BLACK,
            "lw": 1.2,
            "ls": "--",
            "zorder": 4,
        }
        if isinstance(zone, RectangleZone):
            corner = zone.x_px / one, zone.y_px / one
            outline: Any = Rectangle(corner, zone.width_px / one, zone.height_px / one, **look)
        elif isinstance(zone, CircleZone):
            corner = zone.x_px / one, (zone.y_px - zone.radius_px) / one
            outline = Circle((zone.x_px / one, zone.y_px / one), zone.radius_px / one, **look)
        else:
            points = np.array(zone.points_px) / one
            corner = tuple(points[points.sum(axis=1).argmin()].tolist())
            outline = PolygonPatch(points, closed=True, **look)
        axes.add_patch(outline)
        axes.annotate(
            name, corner, (4, -4), textcoords="offset points", va="top", fontsize=9, zorder=6
        )
