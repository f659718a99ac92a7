"""What a file that tells behaviours from features says of itself."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from tracker.settings import Settings

CLASSIFIER_KEY = "tracker.classifier"
"""Key of the card (JSON text) among the metadata of an ONNX file."""


class Measured(Settings):
    """How the features were measured that it was trained on; a session's must be the same."""

    window_s: float = Field(gt=0, description="s, of positions behind a speed")
    centre: tuple[str, ...] = Field(description="keypoints whose mean is the body centre")
    rear: str = Field(description="keypoint where heading and length begin")
    front: str = Field(description="keypoint where heading and length end")


class Reliability(Settings):
    """How often a class was right among held-out moments to which it gave a similar probability."""

    said: float = Field(ge=0, le=1, description="mean probability that was given")
    seen: float = Field(ge=0, le=1, description="share of the moments in which the class was right")
    moments: int = Field(ge=1, description="how many there were")


class ClassifierCard(Settings):
    """What a classifier says of itself; travels inside the file.

    The graph makes one step per `step_s`. It takes `features`, float32 (1, inputs), each the mean
    of what was known of a feature since the step before, NaN if nothing was; and `state`, what it
    gave at the step before. It gives `probability`, float32 (1, classes), calibrated, of sum 1;
    `novelty`, float32 (1,), 1 at the largest that was usual in training; and `next_state`.
    Scaling, missing inputs and windows are inside of it.
    """

    schema_version: int = Field(1, ge=1, le=1)
    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    description: str = ""
    kind: Literal["gru", "trees"] = Field(
        description="gru: recurrent units with a carried state; trees: boosted, over windows"
    )
    inputs: Mapping[str, str] = Field(min_length=1, description="feature, by its name: its unit")
    classes: tuple[str, ...] = Field(min_length=2)
    keypoints: tuple[str, ...] = Field(min_length=1, description="of the skeleton, in order")
    animals: tuple[str, ...] = Field((), description="letters by which inputs name them: a, b")
    measured: Measured
    step_s: float = Field(gt=0, le=5, description="s, from one step to the next")
    fps: tuple[float, float] = Field(description="frames/s, slowest and fastest that it may get")
    warm_up_s: float = Field(ge=0, le=3600, description="s from the first frame: not known yet")
    blind_s: float = Field(gt=0, le=60, description="s without any input, beyond which it abstains")
    blank_state: Literal["zero", "nan"] = Field("zero", description="state before the first step")
    temperature: float = Field(1.0, gt=0, description="what the logits were divided by")
    reliability: tuple[Reliability, ...] = ()
    trained_on: tuple[str, ...] = Field((), description="data sets, each with its licence")
    training_sha256: str = Field("", description="of the names and bytes of all files read")
    licence: str = ""
    scores: Mapping[str, float] = Field(
        default_factory=dict, description="on held-out sessions, units in the names"
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> "ClassifierCard":
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"classes are not all different: {list(self.classes)}")
        if not 0 < self.fps[0] <= self.fps[1]:
            raise ValueError(f"fps goes from {self.fps[0]} to {self.fps[1]}")
        return self
