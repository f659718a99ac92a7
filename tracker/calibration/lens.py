"""What a lens does to a picture, as a file that an experiment names."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tracker.errors import CalibrationError
from tracker.settings import Settings

_Coefficients = tuple[float, float, float, float, float]

LARGEST_TURN_BACK_PX = 0.01
"""A point that comes back further away was outside of what the lens's formula can say."""

_UNDISTORT: Any = getattr(cv2, "undistortPointsIter", cv2.undistortPoints)
"""OpenCV 4 takes criteria under a name of its own, OpenCV 5 under the usual one."""

_PATIENTLY = (3, 100, 1e-10)
"""At most 100 rounds, or until a step is smaller (in focal lengths)."""


class Lens(Settings):
    """A camera's lens: pinhole with the distortion of Brown (1966), as OpenCV has it."""

    kind: Literal["lens"] = "lens"
    schema_version: Literal[1] = Field(1, description="of this file")
    image_width_px: int = Field(ge=16, le=100_000, description="px, of the pictures it is for")
    image_height_px: int = Field(ge=16, le=100_000, description="px, of the pictures it is for")
    focal_px: tuple[
        Annotated[float, Field(gt=0, le=1e6)], Annotated[float, Field(gt=0, le=1e6)]
    ] = Field(description="px, along x and y")
    centre_px: tuple[float, float] = Field(
        description="px, where the optical axis meets the sensor"
    )
    distortion: _Coefficients = Field(description="k1, k2, p1, p2, k3 of OpenCV")
    reprojection_error_px: float = Field(
        ge=0, description="px, root mean square over all corners, as it was calibrated"
    )
    board: str = Field("", description="with which board it was calibrated")
    views: int = Field(0, ge=0, description="from how many pictures")

    @model_validator(mode="after")
    def _axis_meets_sensor(self) -> "Lens":
        x, y = self.centre_px
        if not (0 <= x <= self.image_width_px and 0 <= y <= self.image_height_px):
            raise ValueError(
                f"centre_px {self.centre_px} lies outside of a picture of "
                f"{self.image_width_px}x{self.image_height_px}"
            )
        return self

    @property
    def matrix(self) -> NDArray[np.float64]:
        """OpenCV's camera matrix, (3, 3)."""
        (fx, fy), (cx, cy) = self.focal_px, self.centre_px
        return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])

    def straighten(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return where points would be without distortion, same shape (..., 2), NaN kept.

        In px of a picture with the same focal length and centre. A point so far out that the
        formula has no way back for it is NaN.
        """
        flat = np.asarray(xy, np.float64).reshape(-1, 2)
        known = np.isfinite(flat).all(axis=1)
        straight = np.full(flat.shape, np.nan)
        if known.any():
            matrix, bent = self.matrix, np.array(self.distortion)
            found = _UNDISTORT(
                flat[known][:, None], matrix, bent, R=None, P=matrix, criteria=_PATIENTLY
            ).reshape(-1, 2)
            back = self.bend(found)
            off = np.hypot(*(back - flat[known]).T)
            found[~(off <= LARGEST_TURN_BACK_PX)] = np.nan
            straight[known] = found
        return straight.reshape(np.shape(xy))

    def bend(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return where straight points are on the sensor: the way back, same shape (..., 2)."""
        flat = np.asarray(xy, np.float64).reshape(-1, 2)
        rays = np.column_stack(
            ((flat - self.centre_px) / self.focal_px, np.ones(len(flat)))
        )  # z = 1
        nothing = np.zeros(3)
        bent, _ = cv2.projectPoints(
            rays[:, None], nothing, nothing, self.matrix, np.array(self.distortion)
        )
        return np.asarray(bent, np.float64).reshape(np.shape(xy))

    def refuse_other(self, shape: tuple[int, ...]) -> None:
        """Refuse pictures of another size. Raises `CalibrationError`."""
        height, width = shape[:2]
        if (width, height) != (self.image_width_px, self.image_height_px):
            raise CalibrationError(
                f"the lens was calibrated for pictures of {self.image_width_px}x"
                f"{self.image_height_px}, and the camera gives {width}x{height}: calibrate it as "
                f"it is used"
            )


def read_lens(path: Path) -> Lens:
    """Return the lens of a calibration file, YAML or JSON.

    Raises:
        CalibrationError: If it cannot be read or says something that cannot be.
    """
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise CalibrationError(
            f"{path} cannot be read: {why}; make it with: tracker calibrate"
        ) from None
    except YAMLError as error:
        raise CalibrationError(f"{path} is not YAML: {error}") from None
    try:
        return Lens.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'it'}: {each['msg']}" for each in error.errors()
        )
        raise CalibrationError(
            f"{path} is not a lens as tracker calibrate writes it: {problems}"
        ) from None


def write_lens(path: Path, lens: Lens) -> None:
    """Write a calibration file: JSON where the name ends so, YAML otherwise.

    Raises:
        CalibrationError: If there is a file already, or it cannot be written.
    """
    content = lens.model_dump(mode="json")
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            if path.suffix == ".json":
                json.dump(content, file, indent=2)
                file.write("\n")
            else:
                file.write("# A camera's lens: rig.arena.lens of an experiment names this file.\n")
                YAML().dump(content, file)
    except FileExistsError:
        raise CalibrationError(f"{path} is there already: choose another name with --out") from None
    except OSError as error:
        raise CalibrationError(f"{path} cannot be written: {error.strerror}") from error


def _from_file(value: Any) -> Any:
    """A path becomes what the file says, so that a session keeps it."""
    if not isinstance(value, str | Path):
        return value
    try:
        return read_lens(Path(value))
    except CalibrationError as error:
        raise ValueError(str(error)) from error


LensSetting = Annotated[Lens, BeforeValidator(_from_file, json_schema_input_type=Lens | str)]
"""A lens, or the path of its file; either way the resolved settings have all of it."""
