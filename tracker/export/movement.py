"""movement's datasets of poses, as netCDF, with the real time of each frame."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tracker.errors import MissingExtra
from tracker.export.session_view import SessionView


def names(view: SessionView) -> list[str]:
    """Return the name of the file that `write` makes."""
    return [f"{view.name}_movement.nc"]


def write(view: SessionView, folder: Path, _home: Path, _tick: Callable[[int, int], None]) -> None:
    """Write `position` (time, space, keypoint, individual) and `confidence`.

    Dimensions are named as in movement 0.16 and later; `rename_legacy_dimensions` is its own way
    between old and new names. `time` is the exposure of each row in s, not row / fps.

    Raises:
        MissingExtra: If xarray or h5netcdf is not installed.
    """
    try:
        import h5netcdf  # noqa: F401 - xarray writes netCDF by it
        import xarray as xr
    except ImportError as error:
        raise MissingExtra("export", "writing datasets of movement") from error
    dims = ("time", "space", "keypoint", "individual")
    coordinates = {
        "time": view.time_s,
        "space": ["x", "y"],
        "keypoint": list(view.keypoints),
        "individual": list(view.individuals),
        "frame": ("time", view.slots.index),
    }
    data = {
        "position": (dims, np.moveaxis(view.xy, (3, 2), (1, 2))),
        "confidence": ((dims[0], *dims[2:]), np.swapaxes(view.confidence, 1, 2)),
    }
    attributes = {
        "ds_type": "poses",
        "time_unit": "seconds",
        "source_software": "behaviour-tracker",
        "source_file": view.name,
        "notes": "\n".join(view.notes),
        "time_zero_utc": view.zero_utc.isoformat(),
    }
    if np.isfinite(view.fps):
        attributes["fps"] = view.fps  # type: ignore[assignment] # netCDF takes both
    dataset = xr.Dataset(data, coordinates, attributes)
    dataset.to_netcdf(folder / names(view)[0], engine="h5netcdf")
