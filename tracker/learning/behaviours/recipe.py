"""All that is needed to train a classifier of behaviours again."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tracker.errors import TrainingError
from tracker.settings import Settings

KIND = "behaviours"
"""`kind` of such a recipe; those of networks have none."""


class Parts(Settings):
    """Sessions of one origin, and which of them choose and judge; the others are learned from."""

    name: str = Field(min_length=1)
    licence: str = Field(min_length=1, description="of tracks and annotations, SPDX name")
    fps: float = Field(gt=0, le=2000, description="frames/s of the tracks")
    validate_on: tuple[str, ...] = Field(
        min_length=1, description="stems that choose the best state and calibrate it"
    )
    hold_out: tuple[str, ...] = Field(
        min_length=1, description="stems that are looked at once, in the end, for the card"
    )

    @model_validator(mode="after")
    def _no_session_is_in_two_parts(self) -> Self:
        both = sorted(set(self.validate_on) & set(self.hold_out))
        if both:
            raise ValueError(f"{', '.join(both)} cannot be in validate_on and in hold_out")
        return self


class Sessions(Parts):
    """Tracks with annotations, one file of each per session."""

    kind: Literal["files"] = "files"
    tracks: str = Field(description="files, from the data folder: my_set/tracks/*.csv")
    truth: str = Field(
        description="their annotations; {stem} is the name of the tracks without its ending"
    )
    subject: str = Field("", description="whose bouts count, or which stream: S1; '': all")
    min_confidence: float | None = Field(
        None, ge=0, le=1, description="from which a keypoint counts; null: as its program does"
    )


class SyntheticSessions(Parts):
    """What a synthetic camera draws, as the experiment sees it; its script is the annotation.

    A stem is a seed of the camera: "7".
    """

    kind: Literal["synthetic"]
    seeds: tuple[str, ...] = Field(min_length=1, description="of the camera, one per session")
    duration_s: float = Field(gt=0, le=3600, description="s, of each session")

    @model_validator(mode="after")
    def _parts_are_seeds(self) -> Self:
        strange = [each for each in (*self.validate_on, *self.hold_out) if each not in self.seeds]
        if strange:
            raise ValueError(
                f"validate_on and hold_out name {', '.join(strange)}, which is no seed"
            )
        return self


def _kind_of_sessions(raw: Any) -> str:
    """Which of the two it is: files need not say so."""
    kind = raw.get("kind", "files") if isinstance(raw, dict) else getattr(raw, "kind", "files")
    return str(kind)


AnySessions = Annotated[
    Annotated[Sessions, Tag("files")] | Annotated[SyntheticSessions, Tag("synthetic")],
    Discriminator(_kind_of_sessions),
]


class GruModel(Settings):
    """Gated recurrent units, whose state is carried from step to step."""

    kind: Literal["gru"]
    units: int = Field(64, ge=4, le=512)
    iterations: int = Field(900, ge=1, le=100_000)
    batch: int = Field(32, ge=1, le=1024, description="stretches in one iteration")
    stretch_s: float = Field(60, gt=0, le=3600, description="s, of one stretch")
    learning_rate: float = Field(3e-3, gt=0, le=1)
    dropout: float = Field(0.2, ge=0, lt=1, description="share of the units left out in training")
    scale: float = Field(
        0.1, ge=0, le=1, description="largest share by which lengths and speeds are changed"
    )


class TreesModel(Settings):
    """Gradient-boosted trees on means and deviations over windows that look back."""

    kind: Literal["trees"]
    windows_s: tuple[float, ...] = Field(
        (0.6, 2.0, 6.0, 15.0), min_length=1, description="s, lengths of the windows"
    )
    iterations: int = Field(150, ge=1, le=5000, description="trees of each class")
    leaves: int = Field(24, ge=2, le=256, description="most leaves of a tree")
    least_in_leaf: int = Field(80, ge=1, description="moments in a leaf, at least")
    learning_rate: float = Field(0.07, gt=0, le=1)
    every: int = Field(3, ge=1, description="every n-th step is learned from")


Model = Annotated[GruModel | TreesModel, Field(discriminator="kind")]


class BehaviourRecipe(Settings):
    """Data, inputs, model and seed."""

    kind: Literal["behaviours"]
    name: str = Field(min_length=1)
    version: str = Field("1", min_length=1)
    licence: str = Field(min_length=1, description="of the classifier, SPDX name")
    description: str = ""
    data: str = Field(".", description="folder of the data sets, from the recipe's")
    experiment: str = Field(
        description="whose arena, features and tracking count: a file, from the recipe's folder, "
        "or a shipped one"
    )
    sessions: tuple[AnySessions, ...] = Field(min_length=1)
    classes: tuple[str, ...] = Field(min_length=2, description="as the annotations name them")
    rest: str | None = Field(
        None, description="class of the frames without a bout; null: they are not learned from"
    )
    inputs: tuple[str, ...] = Field(
        min_length=1, description="features; a is the first animal, b the second"
    )
    symmetric: bool = Field(
        default=False, description="what a and b do counts the same if they change places"
    )
    mirror: bool = Field(default=True, description="left and right are the same")
    step_s: float = Field(0.1, gt=0, le=5, description="s, from one answer to the next")
    warm_up_s: float = Field(2.0, ge=0, le=600, description="s without an answer, at first")
    blind_s: float = Field(5.0, gt=0, le=60, description="s unseen, beyond which it abstains")
    balance: float = Field(
        0.5, ge=0, le=1, description="0: classes count by their frames; 1: each class the same"
    )
    model: Model
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _is_consistent(self) -> "BehaviourRecipe":
        for name in ("classes", "inputs"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ValueError(f"{name} are not all different")
        if self.rest is not None and self.rest not in self.classes:
            raise ValueError(f"rest is {self.rest!r}, which is no class")
        return self


def read_yaml(path: Path) -> Any:
    """Return what a recipe's file holds. Raises `TrainingError`."""
    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"cannot read the recipe {path}: {error.strerror}") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} is no YAML: {error}") from error


def is_behaviour_recipe(path: Path) -> bool:
    """Whether a file is a recipe of a classifier of behaviours. Raises `TrainingError`."""
    raw = read_yaml(path)
    return isinstance(raw, dict) and raw.get("kind") == KIND


def read_behaviour_recipe(path: Path) -> BehaviourRecipe:
    """Return the recipe of a YAML file.

    Raises:
        TrainingError: If the file is missing, is no YAML, or has wrong fields, all named.
    """
    try:
        return BehaviourRecipe.model_validate(read_yaml(path))
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'recipe'}: {item['msg']}"
            for item in error.errors()
        )
        raise TrainingError(f"{path} is no recipe of behaviours: {wrong}") from error
