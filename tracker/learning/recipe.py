"""All that is needed to train a network again: data, augmentation, size, schedule, seeds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tracker.errors import TrainingError
from tracker.settings import Settings

Range = tuple[float, float]
"""Smallest and largest value of something that is drawn at random, both included."""


class DeepLabCutSource(Settings):
    """Images labelled by hand, one folder per session, each with its CSV table.

    `folder` holds one folder per session, and each of them one `CollectedData_*.csv`.
    """

    kind: Literal["deeplabcut"]
    name: str = Field(min_length=1)
    folder: str = Field(description="relative to the recipe's data folder")
    licence: str = Field(min_length=1, description="of images and labels, SPDX name")
    keypoints: Mapping[str, tuple[str, ...]] = Field(
        description="our keypoint: the labels whose mean it is"
    )
    ignore: tuple[str, ...] = Field((), description="labels left out on purpose")
    animal: str = Field(
        "^(.*)$", description="expression whose first group finds the animal in a session's name"
    )
    hold_out: tuple[str, ...] = Field(min_length=1, description="animals kept for validation")
    weight: float = Field(1.0, gt=0, description="how often it is drawn, against other sources")

    @property
    def described(self) -> str:
        """Name, licence and split, for the card."""
        return f"{self.name}, {self.licence}; held out: animals {', '.join(self.hold_out)}"


class SyntheticSource(Settings):
    """Drawn mice on drawn rigs, from the synthetic camera with `vary_looks`."""

    kind: Literal["synthetic"]
    name: str = Field("synthetic camera", min_length=1)
    rigs: int = Field(40, ge=1, le=10_000, description="appearances drawn, for training")
    hold_out_rigs: int = Field(10, ge=1, le=1_000, description="further ones, for validation")
    frames_per_rig: int = Field(8, ge=1, le=1_000, description="images of each")
    frame_step: int = Field(37, ge=1, description="frames from one image to the next")
    seed: int = Field(1, ge=0, description="seed of the first rig; the others count up from it")
    weight: float = Field(1.0, gt=0, description="how often it is drawn, against other sources")

    @property
    def described(self) -> str:
        """Name, licence and split, for the card."""
        return f"{self.name}, made by this package; held out: {self.hold_out_rigs} rigs"


Source = Annotated[DeepLabCutSource | SyntheticSource, Field(discriminator="kind")]


class Augmentation(Settings):
    """How an image is changed each time it is drawn. Ranges are [smallest, largest]."""

    size_px: Range = Field(
        (25.0, 75.0), description="px of the input, extent of the animal, log-uniform"
    )
    rotation_deg: float = Field(180.0, ge=0, le=180, description="turned by up to this, each way")
    stretch: float = Field(
        0.25, ge=0, le=1, description="longer by up to this share along a random axis, or shorter"
    )
    flip: bool = Field(default=True, description="mirrored every other time")
    absent: float = Field(0.05, ge=0, le=0.5, description="share without the animal")
    light: Range = Field((0.7, 1.8), description="factor on the grey values")
    offset: Range = Field((-30.0, 30.0), description="added to the grey values (0 to 255)")
    gamma: Range = Field((0.6, 2.2), description="exponent on the grey values")
    shading: float = Field(0.5, ge=0, le=1, description="largest fall of light over the image")
    blur_px: float = Field(1.2, ge=0, le=5, description="px of the input, largest sigma")
    motion_px: float = Field(
        4.0, ge=0, le=50, description="px of the input, largest shift of a faint second exposure"
    )
    noise: float = Field(8.0, ge=0, le=64, description="grey values, largest sigma")
    occlusion: float = Field(0.3, ge=0, le=1, description="share with bars, blobs and lines")

    @model_validator(mode="after")
    def _ranges_are_in_order(self) -> "Augmentation":
        for name in ("size_px", "light", "offset", "gamma"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} is [{low}, {high}]: the smaller value comes first")
        if min(self.size_px[0], self.light[0], self.gamma[0]) <= 0:
            raise ValueError("size_px, light and gamma must be above 0")
        return self


class NetworkSettings(Settings):
    """Size of the network: an encoder down to stride 32, a decoder back up to stride 4."""

    channels: Literal[1, 3] = Field(1, description="1: grey, 3: RGB")
    widths: tuple[int, int, int, int, int] = Field(
        (8, 16, 32, 64, 96), description="channels at strides 2, 4, 8, 16, 32"
    )
    depth: int = Field(2, ge=1, le=8, description="convolutions per stride from 8 on")


class Schedule(Settings):
    """How long, and how fast."""

    steps: int = Field(4000, ge=1, description="batches in all")
    batch: int = Field(16, ge=1, le=1024, description="images per step")
    learning_rate: float = Field(3e-3, gt=0, le=1, description="at its highest")
    weight_decay: float = Field(0.01, ge=0, le=1, description="of AdamW, per step and rate")
    canvas: tuple[int, int] = Field((192, 256), description="px, height and width of an image")
    validate_every: int = Field(250, ge=1, description="steps")
    seed: int = Field(0, ge=0, description="of weights and augmentation")
    threads: int = Field(2, ge=1, le=64, description="CPU threads of PyTorch")


class Recipe(Settings):
    """Everything that decides what the network becomes."""

    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    description: str = ""
    licence: str = Field(min_length=1, description="of the network")
    data: str = Field(".", description="folder of the sources, relative to the recipe")
    keypoints: tuple[str, ...] = Field(min_length=1)
    edges: tuple[tuple[str, str], ...] = ()
    mirror: tuple[tuple[str, str], ...] = Field(
        (), description="keypoints that change places in a mirror image"
    )
    sources: tuple[Source, ...] = Field(min_length=1)
    long_side: int = Field(256, ge=32, le=4096, description="px, longer side of the live input")
    min_confidence: float = Field(0.3, ge=0, le=1, description="below: not found")
    augmentation: Augmentation = Augmentation()
    network: NetworkSettings = NetworkSettings()
    schedule: Schedule = Schedule()

    @model_validator(mode="after")
    def _names_fit(self) -> "Recipe":
        known = set(self.keypoints)
        used = {name for pair in (*self.edges, *self.mirror) for name in pair}
        for source in self.sources:
            if isinstance(source, DeepLabCutSource):
                used |= set(source.keypoints)
        if unknown := sorted(used - known):
            raise ValueError(f"{unknown} are none of the keypoints {list(self.keypoints)}")
        if any(side % 32 for side in self.schedule.canvas):
            raise ValueError(f"canvas {list(self.schedule.canvas)} is not in multiples of 32")
        return self


def read_recipe(path: Path) -> Recipe:
    """Return the recipe of a YAML file.

    Raises:
        TrainingError: If the file is missing, is no YAML, or has wrong fields; all wrong
            fields are named.
    """
    try:
        raw = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"cannot read the recipe {path}: {error.strerror}") from error
    except YAMLError as error:
        raise TrainingError(f"{path} is no YAML: {error}") from error
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'recipe'}: {item['msg']}"
            for item in error.errors()
        )
        raise TrainingError(f"{path} is no recipe: {wrong}") from error
