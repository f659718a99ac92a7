"""Behaviours that were learned: from tracks by a classifier, or from pixels by a network's head."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tracker.behaviours.steps import Steps
from tracker.settings import Settings
from tracker.types import Observation

WARMS_UP = "the classifier has not seen enough yet"
BLIND = "nothing was seen for too long"
UNLIKE = "unlike the training data"

ALWAYS_KNOWN = ("elapsed", "found", "time_since", "distance_travelled")
"""Quantities that are a number even if no animal is seen."""


class LearnedRule(Settings):
    """A class of a classifier that was trained on tracks: the score is its probability."""

    kind: Literal["learned"]
    model: str = Field(
        min_length=1, description="a shipped classifier's name, or a path to an .onnx"
    )
    class_name: str = Field(min_length=1, description="one of the classes that it tells")
    animals: tuple[str, ...] = Field(
        (),
        description="this session's animals, in the order of the classifier's; none: as they are",
    )


class ClassScoreRule(Settings):
    """A class of the network that sees the animal: the score is what its head gives."""

    kind: Literal["class_score"]
    class_name: str = Field(min_length=1, description="one of the classes of the network")


class Model(Protocol):
    """A classifier with a state; `tracker.runtimes.classifier.Classifier` is one."""

    def step(self, features: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
        """Return the probability of each class, and how unlike the training data it is."""

    def reset(self) -> None:
        """Forget all steps."""


class Told:
    """What a classifier says of the present frame, to all behaviours that ask; one thread.

    It says nothing in the beginning, when nothing was seen for too long, and while what it gets is
    unlike its training data. Between two steps the last answer holds.

    Args:
        model: The classifier.
        features: Names of the features, in the order of its inputs.
        step_s: Length of a step (s).
        warm_up_s: From the first frame, without an answer (s).
        blind_s: Longest time without any input (s).
    """

    def __init__(
        self,
        model: Model,
        features: Sequence[str],
        *,
        step_s: float,
        warm_up_s: float,
        blind_s: float,
    ) -> None:
        self.features = tuple(features)
        self._model = model
        self._steps = Steps(features, step_s)
        self._warm_up = round(warm_up_s / step_s)
        self._most_blind = round(blind_s / step_s)
        self._shows = np.array([not each.startswith(ALWAYS_KNOWN) for each in features])
        self.reset()

    def reset(self) -> None:
        """Forget all frames. Twice does no harm."""
        self._steps.reset()
        self._begin()
        self._frame: int | None = None

    def _begin(self) -> None:
        self._model.reset()
        self._n_steps = self._n_blind = 0
        self._scores: list[float] = []
        self.why = WARMS_UP
        """Why nothing is said; "" if something is."""

    def update(self, observation: Observation, features: Mapping[str, float]) -> list[float]:
        """Return the probability of each class in this frame; none if nothing can be said."""
        if self._frame != observation.frame_index:
            self._frame = observation.frame_index
            steps = self._steps.take(features, observation.captured_ns)
            if steps is None:
                self._begin()
                steps = self._steps.take(features, observation.captured_ns)
            for inputs in steps or ():
                self._step(inputs)
        return [] if self.why else self._scores

    def _step(self, inputs: NDArray[np.float32]) -> None:
        self._n_blind = 0 if (self._shows & ~np.isnan(inputs)).any() else self._n_blind + 1
        probability, novelty = self._model.step(inputs)
        self._n_steps += 1
        self._scores = probability.tolist()
        if self._n_steps <= self._warm_up:
            self.why = WARMS_UP
        elif self._n_blind > self._most_blind:
            self.why = BLIND
        else:
            self.why = "" if novelty <= 1 else UNLIKE


class LearnedBehaviour:
    """A behaviour that is a class of a classifier.

    Args:
        name: Name from the ethogram.
        told: What the classifier says; shared by the behaviours that are classes of it.
        place: Of the class among its classes.
        group_delay_s: Delay of the slowest of its features, and half a step (s).
        fps: Slowest and fastest frames per second that it was trained for.
    """

    def __init__(
        self, name: str, told: Told, place: int, group_delay_s: float, fps: tuple[float, float]
    ) -> None:
        self._name = name
        self._fps = fps
        self._told = told
        self._place = place
        self._group_delay_s = group_delay_s

    @property
    def name(self) -> str:
        """Name from the ethogram."""
        return self._name

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that the classifier gets."""
        return self._told.features

    @property
    def episodes(self) -> tuple[str, ...]:
        """It looks at no episodes."""
        return ()

    @property
    def group_delay_s(self) -> float:
        """How far what it gets lags behind the animal (s); NaN if that is not known."""
        return self._group_delay_s

    @property
    def fps(self) -> tuple[float, float]:
        """Slowest and fastest frames per second that it was trained for."""
        return self._fps

    @property
    def why_unknown(self) -> str:
        """Why the last score was NaN; "" if it was not."""
        return self._told.why

    def update(self, observation: Observation, features: Mapping[str, float]) -> float:
        """Return the probability of the class in this frame; NaN if nothing can be said."""
        scores = self._told.update(observation, features)
        return scores[self._place] if scores else math.nan

    def reset(self) -> None:
        """Forget all frames, as if new. Twice does no harm."""
        self._told.reset()


class ClassScore:
    """A behaviour that is a class of the network that sees the animal.

    Args:
        name: Name from the ethogram.
        feature: Name of the feature that is the class's score.
    """

    def __init__(self, name: str, feature: str) -> None:
        self._name = name
        self._feature = feature

    @property
    def name(self) -> str:
        """Name from the ethogram."""
        return self._name

    @property
    def features(self) -> tuple[str, ...]:
        """Name of the feature."""
        return (self._feature,)

    @property
    def episodes(self) -> tuple[str, ...]:
        """It looks at no episodes."""
        return ()

    @property
    def group_delay_s(self) -> float:
        """The score is of the frame itself."""
        return 0.0

    def update(self, observation: Observation, features: Mapping[str, float]) -> float:
        """Return the class's score (0 to 1); NaN if the network gave none."""
        del observation  # all it needs is in the features
        score = features[self._feature]
        return min(1.0, max(0.0, score)) if score == score else math.nan  # noqa: PLR0124 - not NaN

    def reset(self) -> None:
        """Do nothing: it remembers nothing."""
