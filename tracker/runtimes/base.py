"""What the tracker needs of a network file and of whatever runs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tracker.settings import Settings
from tracker.types import Skeleton

CARD_KEY = "tracker.card"
"""Key of the card (JSON text) among the metadata of an ONNX file."""


class Provider(StrEnum):
    """What a network can run on, fastest first; `auto` takes the first that works."""

    AUTO = "auto"
    TENSORRT = "tensorrt"
    CUDA = "cuda"
    OPENVINO = "openvino"
    CPU = "cpu"


class Precision(StrEnum):
    """What a network computes in."""

    AUTO = "auto"
    """As the provider likes best; on newer NVIDIA cards products are rounded to 10 bits (TF32)."""

    FP32 = "fp32"
    """Single precision, TF32 off where the provider can turn it off."""

    FP16 = "fp16"
    """Half precision where it does no harm to the graph; TensorRT only."""


class RuntimeSettings(Settings):
    """On what, and how, the network runs."""

    provider: Provider = Field(
        Provider.AUTO, description="auto takes the best that works; any other must work"
    )
    threads: int = Field(
        1, ge=1, le=64, description="CPU threads of the network; 1 stays fast on a busy machine"
    )
    precision: Precision = Field(
        Precision.AUTO, description="fp16: only on tensorrt, faster; checked against the CPU"
    )
    cuda_graph: bool = Field(
        default=True, description="on cuda: a call is one launch; never with several cameras"
    )


class CropInput(Settings):
    """How a followed animal is looked at: alone, at one size, in a small input."""

    side: int = Field(128, ge=32, le=1024, description="px, height and width of the input")
    animal_px: float = Field(
        56.0, gt=0, le=1024, description="px of the input, extent that the animal is given"
    )

    @model_validator(mode="after")
    def _the_animal_fits(self) -> "CropInput":
        if self.animal_px > 0.8 * self.side:
            raise ValueError(f"animal_px is {self.animal_px}, at most 0.8 x side ({self.side})")
        return self


class ModelCard(Settings):
    """What a network file says of itself; travels inside the file.

    The graph takes `image`, uint8 (1, channels, height, width), in multiples of
    `multiple_of`, and gives, for the tasks that the card names (px are those of `image`):

    - keypoints: `xy`, float32 (1, max_individuals, keypoints, 2), px; and `confidence`,
      float32 (1, max_individuals, keypoints), 0 to 1, near 0 throughout for an individual
      that is not there;
    - mask_classes: `mask`, uint8 (1, mask_classes, height / mask_stride, width /
      mask_stride), probability times 255; with `individual_masks` also `individual_mask`,
      uint8 (1, max_individuals, ...) on the same grid;
    - classes: `probability`, float32 (1, classes), 0 to 1 each, calibrated;
    - quantities: `quantity` and `quantity_sd`, float32 (1, quantities), in their units;
    - novelty: `novelty`, float32 (1,), 1 at the largest that was met in training.
    """

    schema_version: int = Field(2, ge=1, le=2)
    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    description: str = ""
    precision: Literal["fp32", "fp16", "int8"] = Field(
        "fp32", description="of the layers with weights"
    )
    keypoints: tuple[str, ...] = ()
    edges: tuple[tuple[int, int], ...] = ()
    max_individuals: int = Field(1, ge=1, le=100)
    mask_classes: tuple[str, ...] = ()
    individual_masks: bool = False
    mask_stride: int = Field(4, ge=1, le=32, description="px of the input per cell of a mask")
    classes: tuple[str, ...] = ()
    class_thresholds: Mapping[str, float] = Field(
        default_factory=dict, description="probability from which a class counts as seen"
    )
    quantities: Mapping[str, str] = Field(default_factory=dict, description="name: unit")
    novelty: bool = False
    channels: int = Field(1, description="1: grey, 3: RGB")
    long_side: int = Field(256, ge=32, le=4096, description="px, longer side of the input")
    crop: CropInput | None = Field(None, description="null: always the whole frame")
    multiple_of: int = Field(32, ge=1, le=128, description="px, grain of height and width")
    min_confidence: float = Field(
        0.3, ge=0, le=1, description="below it a keypoint counts as not found"
    )
    label_names: Mapping[str, tuple[tuple[str, ...], ...]] = Field(
        default_factory=dict,
        description="keypoint: names in labelled data whose mean it is, one list per data set",
    )
    trained_on: tuple[str, ...] = Field((), description="data sets, each with its licence")
    licence: str = ""
    scores: Mapping[str, float] = Field(
        default_factory=dict, description="held-out figures, units in the names"
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> "ModelCard":
        for task in ("keypoints", "mask_classes", "classes"):
            names = getattr(self, task)
            if len(set(names)) != len(names):
                raise ValueError(f"{task} are not all different: {list(names)}")
        tasks = (self.keypoints, self.mask_classes, self.classes, self.quantities, self.novelty)
        if not any(tasks):
            raise ValueError("it names no task: keypoints, mask_classes, classes, quantities")
        if self.channels not in (1, 3):
            raise ValueError(f"channels is {self.channels}, expected 1 (grey) or 3 (RGB)")
        for edge in self.edges:
            if not all(0 <= end < len(self.keypoints) for end in edge):
                raise ValueError(f"edge {edge} names no keypoint of {len(self.keypoints)}")
        if self.crop is not None and (self.max_individuals > 1 or not self.keypoints):
            raise ValueError("a crop follows one animal by its keypoints: it needs them, and one")
        if self.crop is not None and self.crop.side % self.multiple_of:
            raise ValueError(f"crop.side is {self.crop.side}, no multiple of {self.multiple_of}")
        return self

    @property
    def skeleton(self) -> Skeleton:
        """Keypoints and edges."""
        return Skeleton(self.keypoints, self.edges)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what the graph gives, in the order of `Answer`."""
        wanted = {
            "xy": self.keypoints,
            "confidence": self.keypoints,
            "mask": self.mask_classes,
            "individual_mask": self.individual_masks,
            "probability": self.classes,
            "quantity": self.quantities,
            "quantity_sd": self.quantities,
            "novelty": self.novelty,
        }
        return tuple(name for name, there in wanted.items() if there)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a network gave for one image; None for a task that it has not. See `ModelCard`.

    Attributes:
        xy: float32 (individuals, keypoints, 2), pixels of the input.
        confidence: float32 (individuals, keypoints), 0 to 1.
        mask: uint8 (mask classes, rows, columns), probability times 255.
        individual_mask: uint8 (individuals, rows, columns), probability times 255.
        probability: float32 (classes,), 0 to 1.
        quantity: float32 (quantities,), in their units.
        quantity_sd: float32 (quantities,), standard deviation in the same units.
        novelty: float32 (), 1 at the largest that was met in training.
    """

    xy: NDArray[np.float32] | None = None
    confidence: NDArray[np.float32] | None = None
    mask: NDArray[np.uint8] | None = None
    individual_mask: NDArray[np.uint8] | None = None
    probability: NDArray[np.float32] | None = None
    quantity: NDArray[np.float32] | None = None
    quantity_sd: NDArray[np.float32] | None = None
    novelty: NDArray[np.float32] | None = None


class Runtime(Protocol):
    """A loaded network, used by one thread."""

    @property
    def card(self) -> ModelCard:
        """What the file says of itself."""

    @property
    def provider(self) -> Provider:
        """What it really runs on; never `AUTO`."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """For the session's provenance: file, sha256, library version, provider, threads."""

    def prepare(self, input_shape: tuple[int, int]) -> None:
        """Do all slow work for images of this height and width (px) before they come.

        Raises:
            ModelError: If the network cannot take such images.
        """

    def run(self, image: NDArray[np.uint8]) -> Answer:
        """Run the network once: the bare call, nothing else.

        Args:
            image: uint8, shape (1, channels, height, width), C-contiguous.

        Raises:
            ModelError: If the network failed.
        """
