"""Where cameras stand: the file that `tracker calibrate-views` writes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tracker.calibration.lens import Lens
from tracker.errors import CalibrationError
from tracker.settings import Settings

_Vector = tuple[float, float, float]

CameraName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Standing(Settings):
    """One camera: its lens, and how the world turns and moves into its own axes."""

    lens: Lens
    rotation: _Vector = Field(description="Rodrigues vector: axis times angle (rad)")
    translation_cm: _Vector = Field(description="cm; a point p of the world is at R p + t")
    error_px: float = Field(ge=0, description="px, root mean square over all corners it saw")

    @property
    def turn(self) -> NDArray[np.float64]:
        """Rotation matrix, (3, 3)."""
        return np.asarray(cv2.Rodrigues(np.array(self.rotation))[0], np.float64)

    @property
    def place_cm(self) -> NDArray[np.float64]:
        """Where the camera is in the world, (3,)."""
        return np.asarray(-self.turn.T @ np.array(self.translation_cm), np.float64)

    def project(self, xyz_cm: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return where points of the world, (..., 3), are on the sensor, (..., 2).

        NaN for NaN, and for a point behind the camera.
        """
        flat = np.asarray(xyz_cm, np.float64).reshape(-1, 3)
        seen = flat @ self.turn.T + np.array(self.translation_cm)
        ahead = seen[:, 2] > 0
        found = np.full((len(flat), 2), np.nan)
        if ahead.any():
            straight = seen[ahead, :2] / seen[ahead, 2:] * self.lens.focal_px + self.lens.centre_px
            found[ahead] = self.lens.bend(straight)
        return found.reshape(*np.shape(xyz_cm)[:-1], 2)


class Stand(Settings):
    """All cameras of a rig, in one world: that of its first camera, unless it was moved."""

    kind: Literal["views"] = "views"
    schema_version: Literal[1] = Field(1, description="of this file")
    cameras: Mapping[CameraName, Standing] = Field(min_length=2)
    reprojection_error_px: float = Field(
        ge=0, description="px, root mean square over all corners of all cameras"
    )
    board: str = Field("", description="with which board they were found")
    moments: int = Field(0, ge=0, description="at how many moments the board was seen by several")


def read_stand(path: Path) -> Stand:
    """Return the cameras of a file.

    Raises:
        CalibrationError: If it cannot be read or says something that cannot be.
    """
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        return Stand.model_validate(content)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise CalibrationError(
            f"{path} cannot be read: {why}; make it with: tracker calibrate-views"
        ) from None
    except YAMLError as error:
        raise CalibrationError(f"{path} is not YAML: {error}") from None
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'it'}: {each['msg']}" for each in error.errors()
        )
        raise CalibrationError(
            f"{path} is not what tracker calibrate-views writes: {problems}"
        ) from None


def write_stand(path: Path, stand: Stand) -> None:
    """Write a file of cameras, as YAML. Raises `CalibrationError` if it is there already."""
    try:
        with path.open("x", encoding="utf-8") as file:
            YAML(typ="safe").dump(stand.model_dump(mode="json"), file)
    except FileExistsError:
        raise CalibrationError(
            f"{path} is there already, and nothing is overwritten: choose another name"
        ) from None
    except OSError as error:
        raise CalibrationError(f"{path} cannot be written: {error.strerror}") from None
