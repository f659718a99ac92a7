"""Scale, lens, plane and zones of an experiment, and where a point lies among them.

Zones are drawn in sensor pixels, where a person can point at them, or in cm, and measured in cm.
"""

import math
from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tracker.arena.floor import Floor, Plane
from tracker.arena.zones import (
    Circle,
    CircleCm,
    Coordinate,
    Outline,
    Polygon,
    PolygonCm,
    Rectangle,
    Zone,
    ZoneName,
    cut_sides,
)
from tracker.calibration.lens import LensSetting
from tracker.errors import UnknownName
from tracker.settings import Settings

ON_BORDER_PX = 1e-6
"""Closer than this counts as on the border: rounding must not decide about a frame."""

SHORTEST_PX = 1.0
"""A known length that is shorter on the sensor gives no scale."""


class KnownLength(Settings):
    """Two points that can be seen, and how far they are apart."""

    from_px: tuple[Coordinate, Coordinate] = Field(description="px, (x, y) on the sensor")
    to_px: tuple[Coordinate, Coordinate] = Field(description="px, (x, y) on the sensor")
    length_cm: float = Field(gt=0, le=100_000, description="cm between them")


class ArenaSettings(Settings):
    """Scale and zones."""

    px_per_cm: float | None = Field(
        gt=0,
        le=10_000,
        description="px in one cm: measure a known length in the image; null: not known, and "
        "lengths are in px, or known_length or plane says",
    )
    known_length: KnownLength | None = Field(None, description="what px_per_cm is worked out from")
    plane: Plane | None = Field(
        None, description="points measured on the floor, for a camera that does not look down"
    )
    lens: LensSetting | None = Field(
        None, description="what `tracker calibrate` wrote, or its path; null: nothing is bent"
    )
    zones: Mapping[ZoneName, Zone] = Field(
        default_factory=dict, description="places by name, in sensor px or in cm"
    )
    floor: ZoneName | None = Field(
        None, description="zone whose border is the wall; null: distances to it are not known"
    )

    @model_validator(mode="after")
    def _floor_is_a_zone(self) -> "ArenaSettings":
        if self.floor is not None and self.floor not in self.zones:
            raise ValueError(
                f"floor is {self.floor!r}, expected the name of a zone; there is "
                f"{', '.join(self.zones) or 'none'}"
            )
        return self

    @model_validator(mode="after")
    def _can_be(self) -> "ArenaSettings":
        given = [
            name
            for name in ("px_per_cm", "known_length", "plane")
            if getattr(self, name) is not None
        ]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} all say how long a cm is: give one of them")
        if not given:
            for name, zone in self.zones.items():
                if isinstance(zone, CircleCm | PolygonCm) or zone.hysteresis_cm:
                    raise ValueError(
                        f"zone {name} is in cm, and nothing says how long a cm is: give px_per_cm, "
                        f"known_length or plane"
                    )
        Arena(self)  # whatever cannot be worked out is told here
        return self

    @property
    def image_px_per_cm(self) -> float | None:
        """Sensor px in one cm where that is the same everywhere; None: not known, or it is not."""
        return Arena(self).px_per_cm if self.plane is None else None

    @property
    def zones_px(self) -> dict[str, Rectangle | Circle | Polygon]:
        """Zones as they are drawn on the picture (sensor px)."""
        arena = Arena(self)
        return {name: arena.drawn(name) for name in self.zones}


class _Shape(Protocol):
    """A border on the floor (floor px)."""

    def distance_px(self, x: float, y: float) -> float: ...

    def outline(self) -> NDArray[np.float64]: ...


class Arena:
    """Turns pixels into cm, where the scale is known, and answers where a point lies.

    Args:
        settings: Scale and zones.

    Raises:
        ValueError: If the settings contradict themselves; checked settings do not.
    """

    def __init__(self, settings: ArenaSettings) -> None:
        self._settings = settings
        scale = settings.px_per_cm
        if settings.known_length is not None:
            scale = _scale_of(settings.known_length, settings)
        self._floor = Floor(scale, settings.lens, settings.plane)
        self._px_per_cm = scale if settings.plane is None else self._floor.scale
        self._scale = self._floor.scale
        self._zones = dict(settings.zones)
        self._shapes = {name: self._shape(name, zone) for name, zone in self._zones.items()}

    @property
    def px_per_cm(self) -> float | None:
        """Floor pixels in one cm; None if that is not known."""
        return self._px_per_cm

    @property
    def unit(self) -> str:
        """Unit of every length: "cm", or "px" where the scale is not known."""
        return "px" if self._px_per_cm is None else "cm"

    @property
    def scale(self) -> float:
        """Floor pixels in one unit of length."""
        return self._scale

    @property
    def floor(self) -> str | None:
        """Name of the zone whose border is the wall; None if there is none."""
        return self._settings.floor

    @property
    def zones(self) -> tuple[str, ...]:
        """Names of the zones, in the order of the settings."""
        return tuple(self._zones)

    @property
    def is_bare(self) -> bool:
        """Whether there is neither lens nor plane, so that floor px are sensor px."""
        return self._floor.is_bare

    @property
    def residuals_cm(self) -> tuple[float, ...]:
        """By point of the plane: how far it is from where all together have it; empty: no plane."""
        return self._floor.residuals_cm

    def refuse_other(self, shape: tuple[int, ...]) -> None:
        """Refuse images that the lens was not calibrated for. Raises `CalibrationError`."""
        if self._settings.lens is not None:
            self._settings.lens.refuse_other(shape)

    def to_floor(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return floor px of sensor px, same shape (..., 2), NaN kept.

        Without lens and plane they are the same. NaN also beyond the plane's horizon.
        """
        return self._floor.to_floor(xy)

    def to_units(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return positions in `unit`, float64, any shape (..., 2), NaN kept.

        Origin and axes are those of the plane's points; without a plane those of the sensor.

        Args:
            xy: Positions in sensor pixels.
        """
        return self.to_floor(xy) / self._scale

    def to_sensor_px(self, at: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return where places in `unit` are on the sensor (px), same shape (..., 2).

        The way back of `to_units`.
        """
        return self._floor.to_sensor(np.asarray(at, np.float64) * self._scale)

    def hysteresis(self, zone: str) -> float:
        """Return how far outside one still counts as in it, in `unit`. Raises `UnknownName`."""
        return self._find(zone).hysteresis_cm

    def inside(self, zone: str, x: float, y: float) -> bool:
        """Return whether (x, y) in floor px is in the zone, border included, without hysteresis.

        A NaN is in no zone. Raises `UnknownName`.
        """
        return self.distance(zone, x, y) <= 0

    def distance(self, zone: str, x: float, y: float) -> float:
        """Return how far (x, y) in floor px is from the zone's border, in `unit`.

        Positive outside, negative inside, exactly 0 on the border (to a millionth of a pixel);
        NaN if x or y is. Raises `UnknownName`.
        """
        found = self._shapes.get(zone)
        if found is None:
            raise UnknownName("arena", "zone", zone, self._zones)
        if math.isnan(x) or math.isnan(y):
            return math.nan
        distance_px = found.distance_px(x, y)
        return 0.0 if abs(distance_px) < ON_BORDER_PX else distance_px / self._scale

    def drawn(self, zone: str) -> Rectangle | Circle | Polygon:
        """Return the zone as it is drawn on the picture (sensor px). Raises `UnknownName`."""
        found = self._find(zone)
        if isinstance(found, Rectangle | Circle | Polygon):
            return found
        corners = self._shapes[zone].outline()
        if not self._floor.is_bare:
            corners = self._floor.to_sensor(corners)
        points = tuple((round(x, 3), round(y, 3)) for x, y in corners.tolist())
        return Polygon.model_construct(points_px=points)

    def _find(self, zone: str) -> Zone:
        if zone not in self._zones:
            raise UnknownName("arena", "zone", zone, self._zones)
        return self._zones[zone]

    def _shape(self, name: str, zone: Zone) -> _Shape:
        """The zone on the floor."""
        if isinstance(zone, CircleCm | PolygonCm):
            return zone.on_floor(self._scale)
        if self._floor.is_bare:
            return zone
        border = zone.outline()
        bent = self._floor.to_floor(border if self._floor.is_exact else cut_sides(border))
        if not np.isfinite(bent).all():
            raise ValueError(
                f"zone {name} reaches beyond what lens and plane can say: make it smaller"
            )
        return Outline(bent)


def _scale_of(known: KnownLength, settings: ArenaSettings) -> float:
    ends = np.array([known.from_px, known.to_px])
    if settings.lens is not None:
        ends = settings.lens.straighten(ends)
    length_px = float(np.hypot(*(ends[1] - ends[0])))
    if not length_px >= SHORTEST_PX:
        raise ValueError(
            f"known_length is {length_px:.2f} px long on the sensor, expected at least "
            f"{SHORTEST_PX:g}: take two points that are further apart"
        )
    return length_px / known.length_cm
