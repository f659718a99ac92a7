"""What the tracker needs of a network file and of whatever runs it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol

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


class RuntimeSettings(Settings):
    """On what, and how, the network runs."""

    provider: Provider = Field(
        Provider.AUTO, description="auto takes the best that works; any other must work"
    )
    threads: int = Field(
        1, ge=1, le=64, description="CPU threads of the network; 1 stays fast on a busy machine"
    )


class ModelCard(Settings):
    """What a network file says of itself; travels inside the file.

    The graph takes `image`, uint8 (1, channels, height, width), and gives `xy`, float32
    (1, individuals, keypoints, 2) in pixels of that image, and `confidence`, float32 (1,
    individuals, keypoints) from 0 to 1. Height and width are free, in multiples of
    `multiple_of`; the live loop resizes the frame so that its longer side is `long_side`.
    """

    schema_version: int = Field(1, ge=1, le=1)
    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    description: str = ""
    keypoints: tuple[str, ...] = Field(min_length=1)
    edges: tuple[tuple[int, int], ...] = ()
    channels: int = Field(1, description="1: grey, 3: RGB")
    long_side: int = Field(256, ge=32, le=4096, description="px, longer side of the input")
    multiple_of: int = Field(32, ge=1, le=128, description="px, grain of height and width")
    min_confidence: float = Field(
        0.3, ge=0, le=1, description="below it a keypoint counts as not found"
    )
    trained_on: tuple[str, ...] = Field((), description="data sets, each with its licence")
    licence: str = ""
    scores: Mapping[str, float] = Field(
        default_factory=dict, description="held-out figures, units in the names"
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> "ModelCard":
        if len(set(self.keypoints)) != len(self.keypoints):
            raise ValueError(f"keypoints are not all different: {list(self.keypoints)}")
        if self.channels not in (1, 3):
            raise ValueError(f"channels is {self.channels}, expected 1 (grey) or 3 (RGB)")
        for edge in self.edges:
            if not all(0 <= end < len(self.keypoints) for end in edge):
                raise ValueError(f"edge {edge} names no keypoint of {len(self.keypoints)}")
        return self

    @property
    def skeleton(self) -> Skeleton:
        """Keypoints and edges."""
        return Skeleton(self.keypoints, self.edges)


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

    def run(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run the network once: the bare call, nothing else.

        Args:
            image: uint8, shape (1, channels, height, width), C-contiguous.

        Returns:
            xy, float32 (individuals, keypoints, 2), pixels of `image`; and confidence,
            float32 (individuals, keypoints), from 0 to 1.

        Raises:
            ModelError: If the network failed.
        """
