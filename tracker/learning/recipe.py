"""All that is needed to train a network again: data, augmentation, size, schedule, seeds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tracker.errors import TrainingError
from tracker.learning.samples import Wanted
from tracker.runtimes.base import CropInput
from tracker.settings import Settings

Range = tuple[float, float]
"""Smallest and largest value of something that is drawn at random, both included."""

GRAIN = 32
"""Height and width of a network's input come in multiples of this (px)."""


class LabelledSource(Settings):
    """What all sources of labelled images share."""

    name: str = Field(min_length=1)
    licence: str = Field(min_length=1, description="of images and labels, SPDX name")
    path: str = Field(description="folder or file, relative to the recipe's data folder")
    keypoints: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict, description="our keypoint: the labels whose mean it is"
    )
    ignore: tuple[str, ...] = Field((), description="labels left out on purpose")
    group: str = Field(
        "^([^/]*)/",
        description="expression whose first group finds animal or session in "
        "'<session>/<image name>' or '<video>/<frame, 6 digits>'",
    )
    hold_out: tuple[str, ...] = Field(
        (), description="groups kept for validation; training needs at least one"
    )
    usable: bool = Field(default=True, description="every image is a usable frame")
    rare_poses: bool = Field(
        default=False, description="images of rare poses are drawn up to six times as often"
    )
    weight: float = Field(1.0, gt=0, description="how often it is drawn, against other sources")

    @property
    def described(self) -> str:
        """Name, licence and split, for the card."""
        return f"{self.name}, {self.licence}; held out: {', '.join(self.hold_out)}"


class DeepLabCutSource(LabelledSource):
    """`path` holds one folder per session, each with a `CollectedData_*.csv` or `.h5`."""

    kind: Literal["deeplabcut"]
    pseudo_masks: bool = Field(
        default=False, description="masks by background subtraction within a session"
    )


class LightningPoseSource(LabelledSource):
    """`path` is a Lightning Pose CSV; its image paths are relative to its folder."""

    kind: Literal["lightning_pose"]


class SleapSource(LabelledSource):
    """`path` is a `.slp` file, or a folder of such; videos are found beside it."""

    kind: Literal["sleap"]
    every: int = Field(1, ge=1, description="every n-th labelled frame")


class CocoSource(LabelledSource):
    """`path` is a COCO JSON; images are beside it or in `images`. Masks are read as well."""

    kind: Literal["coco"]
    images: str = Field("", description="folder of the images, relative to the JSON's")


class TableSource(LabelledSource):
    """`path` is a CSV: column `image`, then one per class (0 or 1) or quantity; empty: unknown."""

    kind: Literal["table"]


class SyntheticSource(Settings):
    """Drawn mice on drawn rigs, from the synthetic camera with `vary_looks`; masks are exact."""

    kind: Literal["synthetic"]
    name: str = Field("synthetic camera", min_length=1)
    rigs: int = Field(40, ge=1, le=10_000, description="appearances drawn, for training")
    hold_out_rigs: int = Field(10, ge=1, le=1_000, description="further ones, for validation")
    frames_per_rig: int = Field(8, ge=1, le=1_000, description="images of each")
    frame_step: int = Field(37, ge=1, description="frames from one image to the next")
    seed: int = Field(1, ge=0, description="seed of the first rig; the others count up from it")
    usable: bool = Field(default=True, description="every image is a usable frame")
    weight: float = Field(1.0, gt=0, description="how often it is drawn, against other sources")

    @property
    def described(self) -> str:
        """Name, licence and split, for the card."""
        return f"{self.name}, made by this package; held out: {self.hold_out_rigs} rigs"


FileSource = DeepLabCutSource | LightningPoseSource | SleapSource | CocoSource | TableSource
"""Sources that are read from files."""

Source = Annotated[FileSource | SyntheticSource, Field(discriminator="kind")]


class Augmentation(Settings):
    """How an image is changed each time it is drawn. Ranges are [smallest, largest]."""

    size_px: Range = Field(
        (25.0, 75.0), description="px of a whole-frame input, extent of an animal, log-uniform"
    )
    spread: float = Field(
        0.5,
        ge=0,
        le=0.5,
        description="how far an animal is off the middle, as a share of the canvas",
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
    spoilt: float = Field(
        0.15, ge=0, le=0.5, description="share made unusable, for a network with a class `usable`"
    )

    @model_validator(mode="after")
    def _ranges_are_in_order(self) -> "Augmentation":
        for name in ("size_px", "light", "offset", "gamma"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} is [{low}, {high}]: the smaller value comes first")
        if min(self.size_px[0], self.light[0], self.gamma[0]) <= 0:
            raise ValueError("size_px, light and gamma must be above 0")
        return self


class CompactBackbone(Settings):
    """An encoder down to stride 32 and a decoder up to stride 4, made for the live loop."""

    kind: Literal["compact"] = "compact"
    widths: tuple[int, int, int, int, int] = Field(
        (8, 16, 32, 64, 96), description="channels at strides 2, 4, 8, 16, 32"
    )
    depth: int = Field(2, ge=1, le=8, description="convolutions per stride from 8 on")


class UNetBackbone(Settings):
    """The U-Net of Ronneberger et al. 2015 (arXiv:1505.04597), padded, any width and depth."""

    kind: Literal["unet"]
    width: int = Field(16, ge=1, le=256, description="channels at stride 1, doubled per level")
    depth: int = Field(4, ge=2, le=5, description="times that the image is halved")
    stride: Literal[1, 2, 4] = Field(4, description="px per cell at which the decoder ends")


class EfficientNetBackbone(Settings):
    """EfficientNet-Lite0 (Tan and Le 2019, arXiv:1905.11946) and a light decoder to stride 4."""

    kind: Literal["efficientnet_lite0"]
    pretrained: bool = Field(default=True, description="begin with the ImageNet weights")
    deepest_stride: Literal[16, 32] = Field(16, description="16 leaves out the last, large, stages")
    decoder_width: int = Field(48, ge=8, le=256, description="channels of the decoder")


Backbone = Annotated[
    CompactBackbone | UNetBackbone | EfficientNetBackbone, Field(discriminator="kind")
]


class PoseHead(Settings):
    """Where the parts of the animals are."""

    keypoints: tuple[str, ...] = Field(min_length=1)
    edges: tuple[tuple[str, str], ...] = ()
    mirror: tuple[tuple[str, str], ...] = Field(
        (), description="keypoints that change places in a mirror image"
    )
    max_individuals: int = Field(1, ge=1, le=100)
    centre: str | None = Field(
        None, description="keypoint that stands for an individual; null: the middle of all"
    )
    min_confidence: float = Field(0.3, ge=0, le=1, description="below: not found")
    weight: float = Field(1.0, gt=0, description="of its loss")

    @model_validator(mode="after")
    def _names_fit(self) -> "PoseHead":
        used = {name for pair in (*self.edges, *self.mirror) for name in pair}
        used |= {self.centre} if self.centre else set()
        if unknown := sorted(used - set(self.keypoints)):
            raise ValueError(f"{unknown} are none of the keypoints {list(self.keypoints)}")
        return self


class SegmentationHead(Settings):
    """Which pixels are animal."""

    classes: tuple[str, ...] = Field(min_length=1)
    per_individual: bool = Field(
        default=False, description="also one mask per individual; needs a pose head"
    )
    weight: float = Field(1.0, gt=0, description="of its loss")


class ClassificationHead(Settings):
    """What the frame shows; several classes may be true at once.

    The class `usable` needs no labels: spoilt copies of usable images are made for it.
    """

    classes: tuple[str, ...] = Field(min_length=1)
    weight: float = Field(0.3, gt=0, description="of its loss")


class RegressionHead(Settings):
    """Quantities of the frame: a grade, a count, a size; each with its uncertainty."""

    quantities: Mapping[str, str] = Field(min_length=1, description="name: unit")
    weight: float = Field(0.3, gt=0, description="of its loss")


class ReconstructionHead(Settings):
    """An autoencoder, whose error says how unlike the training images a frame is."""

    code: int = Field(8, ge=1, le=256, description="channels that everything has to pass")
    quantile: float = Field(
        0.995, gt=0.5, lt=1, description="of the error on held-out images; novelty is 1 there"
    )
    weight: float = Field(0.3, gt=0, description="of its loss")


class Heads(Settings):
    """What one pass of the network gives; null: not this."""

    pose: PoseHead | None = None
    segmentation: SegmentationHead | None = None
    classification: ClassificationHead | None = None
    regression: RegressionHead | None = None
    reconstruction: ReconstructionHead | None = None

    @model_validator(mode="after")
    def _there_is_something_to_see(self) -> "Heads":
        if not any((self.pose, self.segmentation, self.classification, self.regression)):
            raise ValueError(
                "it names no head that sees: pose, segmentation, classification, regression"
            )
        if self.segmentation and self.segmentation.per_individual and self.pose is None:
            raise ValueError("segmentation.per_individual needs a pose head to find individuals")
        return self


class InputSettings(Settings):
    """What the network is shown in the live loop."""

    channels: Literal[1, 3] = Field(1, description="1: grey, 3: RGB")
    long_side: int = Field(256, ge=32, le=4096, description="px, longer side of a whole frame")
    crop: CropInput | None = Field(
        None, description="how a followed animal is looked at; null: always the whole frame"
    )


class Schedule(Settings):
    """How long, and how fast."""

    steps: int = Field(4000, ge=1, description="batches in all")
    batch: int = Field(16, ge=1, le=1024, description="images per step")
    learning_rate: float = Field(3e-3, gt=0, le=1, description="at its highest")
    weight_decay: float = Field(0.01, ge=0, le=1, description="of AdamW, per step and rate")
    canvas: tuple[int, int] = Field(
        (192, 256), description="px, height and width of a whole-frame image"
    )
    crop_share: float = Field(
        0.6, ge=0, le=1, description="batches of crops, if the input has a crop"
    )
    validate_every: int = Field(250, ge=1, description="steps")
    seed: int = Field(0, ge=0, description="of weights and augmentation")
    threads: int = Field(1, ge=1, le=64, description="CPU threads of PyTorch")
    fraction: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of the training images used, for learning curves",
    )


class Recipe(Settings):
    """Everything that decides what the network becomes."""

    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    description: str = ""
    licence: str = Field(min_length=1, description="of the network")
    data: str = Field(".", description="folder of the sources, relative to the recipe")
    sources: tuple[Source, ...] = Field(min_length=1)
    heads: Heads
    input: InputSettings = InputSettings()
    backbone: Backbone = CompactBackbone()
    augmentation: Augmentation = Augmentation()
    schedule: Schedule = Schedule()

    @model_validator(mode="after")
    def _parts_fit(self) -> "Recipe":
        known = set(self.heads.pose.keypoints if self.heads.pose else ())
        for source in self.sources:
            if not isinstance(source, SyntheticSource):
                unknown = sorted(set(source.keypoints) - known)
                if unknown:
                    raise ValueError(f"{source.name}: {unknown} are none of the pose keypoints")
        if any(side % GRAIN for side in self.schedule.canvas):
            raise ValueError(f"canvas {list(self.schedule.canvas)} is not in multiples of {GRAIN}")
        crop = self.input.crop
        if crop is not None and (self.heads.pose is None or self.heads.pose.max_individuals > 1):
            raise ValueError("input.crop follows one animal: it needs a pose head for one")
        return self

    @property
    def wanted(self) -> Wanted:
        """What its heads ask of a data set."""
        heads = self.heads
        return Wanted(
            channels=self.input.channels,
            keypoints=heads.pose.keypoints if heads.pose else (),
            mask_classes=heads.segmentation.classes if heads.segmentation else (),
            classes=heads.classification.classes if heads.classification else (),
            quantities=tuple(heads.regression.quantities) if heads.regression else (),
        )

    @property
    def mirror_order(self) -> list[int]:
        """For each keypoint, the one whose place it takes in a mirror image."""
        pose = self.heads.pose
        if pose is None:
            return []
        pairs = dict(pose.mirror) | {right: left for left, right in pose.mirror}
        return [pose.keypoints.index(pairs.get(name, name)) for name in pose.keypoints]


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
