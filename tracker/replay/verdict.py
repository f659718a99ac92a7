"""What a replay says: what came out otherwise, and why that may be."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from tracker.replay.rerun import Source


class Kind(StrEnum):
    """What is compared, in the order in which one follows from the other."""

    FRAME = "frame"
    """Which frames were processed: ledger against observations."""

    OBSERVATION = "observation"
    """What was seen in a frame, from the video; who it was, from both."""

    FEATURE = "feature"
    """Features and scores of a frame."""

    EPISODE = "episode"
    """Lines of episodes.jsonl."""

    STIMULUS = "stimulus"
    """Commands of controllers: what was decided, on which frame, arm, train, values of the rule."""


class Why(StrEnum):
    """Why something came out otherwise, or cannot be compared."""

    CODE = "code"
    CONFIG = "config"
    LIBRARIES = "libraries"
    MODEL = "model"
    PROVIDER = "provider"
    MACHINE = "machine"
    CODEC = "codec"
    NOT_IN_VIDEO = "not_in_video"
    NOT_RECORDED = "not_recorded"
    SEED = "seed"
    YOKE = "yoke"
    MANUAL = "manual"
    CUT_OFF = "cut_off"
    FOLLOWS = "follows"
    FILE_CHANGED = "file_changed"


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that makes a replay differ from what was live, or that keeps it from comparing.

    Attributes:
        why: Which kind of cause.
        text: What was found, for a person.
    """

    why: Why
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that came out otherwise.

    Attributes:
        kind: What was compared.
        where: Frame, episode or stimulus.
        frame: `Frame.index` of the frame that it belongs to; None if there is none.
        text: What was there, and what comes out now.
        causes: Why that may be, the likeliest first.
    """

    kind: Kind
    where: str
    frame: int | None
    text: str
    causes: tuple[Why, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a session decides the same again.

    Attributes:
        source: What the replay began with.
        compared: How much was compared, by kind.
        n_different: How much of it came out otherwise, by kind; kinds without any are left out.
        differences: The first ones of each kind.
        causes: What is known to be otherwise than live.
        not_compared: What was left out, and why.
    """

    source: Source
    compared: Mapping[Kind, int]
    n_different: Mapping[Kind, int]
    differences: tuple[Difference, ...]
    causes: tuple[Cause, ...]
    not_compared: tuple[Cause, ...]

    @property
    def identical(self) -> bool:
        """Whether all that was compared is the same, byte for byte."""
        return not self.n_different

    def as_dict(self) -> dict[str, Any]:
        """Return the same, JSON-ready."""
        return {
            "identical": self.identical,
            "source": str(self.source),
            "compared": {str(kind): n for kind, n in self.compared.items()},
            "different": {str(kind): n for kind, n in self.n_different.items()},
            "differences": [asdict(each) for each in self.differences],
            "causes": [asdict(each) for each in self.causes],
            "not_compared": [asdict(each) for each in self.not_compared],
        }
