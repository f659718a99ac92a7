"""Run a file that tells behaviours from features, one step after the other, on ONNX Runtime.

It runs on the CPU in one thread, so that the same steps give the same bits.
"""

import hashlib
import math
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from pydantic import ValidationError

from tracker.errors import ModelError
from tracker.runtimes.base import Provider, RuntimeSettings
from tracker.runtimes.classifier_card import CLASSIFIER_KEY, ClassifierCard
from tracker.runtimes.providers import ORT_ERRORS, open_session

INPUTS = ("features", "state")
OUTPUTS = ("probability", "novelty", "next_state")


class Classifier:
    """A classifier with a state that goes from step to step; used by one thread.

    Args:
        path: The file.

    Raises:
        ModelError: If it is missing, no ONNX file, without a card, or not as its card says.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(f"cannot read the classifier {path}: {error.strerror}") from error
        self.sha256 = hashlib.sha256(content).hexdigest()
        """Of the file's bytes."""
        on_cpu = RuntimeSettings(provider=Provider.CPU, threads=1)
        self._session = open_session(content, on_cpu, {}).session
        self.card = _card_of(self._session, path)
        """What the file says of itself."""
        self._blank = self._checked_state()
        self._state = self._blank
        self._try()

    def step(self, features: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
        """Make one step: return the probability of each class, and the novelty.

        Args:
            features: float32, (inputs,), in the order of the card; NaN where not known.

        Raises:
            ModelError: If the graph failed.
        """
        try:
            given = {"features": features[None], "state": self._state}
            probability, novelty, self._state = self._session.run(OUTPUTS, given)
        except ORT_ERRORS as error:
            raise ModelError(f"{self.path.name} failed: {str(error).splitlines()[0]}") from error
        return probability[0], float(novelty[0])

    def reset(self) -> None:
        """Forget all steps. Twice does no harm."""
        self._state = self._blank

    def _checked_state(self) -> NDArray[np.float32]:
        """Return the state before the first step; refuse a graph that its card does not fit."""
        found = {each.name: each for each in self._session.get_inputs()}
        given = {each.name for each in self._session.get_outputs()}
        if set(found) != set(INPUTS) or given != set(OUTPUTS):
            raise ModelError(
                f"{self.path} takes {sorted(found)} and gives {sorted(given)}, expected "
                f"{sorted(INPUTS)} and {sorted(OUTPUTS)}: make it with `tracker train`"
            )
        wanted, shape = [1, len(self.card.inputs)], found["features"].shape
        state = found["state"].shape
        if shape != wanted or not all(isinstance(size, int) for size in state):
            raise ModelError(
                f"{self.path} takes features {shape} and a state {state}, expected {wanted} for "
                f"the inputs of its card, and a state of a fixed size"
            )
        return np.full(state, 0.0 if self.card.blank_state == "zero" else math.nan, np.float32)

    def _try(self) -> None:
        """Make one step in vain, for what is slow the first time and to see that it can."""
        probability, novelty = self.step(np.zeros(len(self.card.inputs), np.float32))
        total = float(probability.sum())
        if probability.shape != (len(self.card.classes),) or not abs(total - 1) < 1e-3:
            raise ModelError(
                f"{self.path} gives probabilities of shape {probability.shape} and sum {total:g}, "
                f"expected one for each of {', '.join(self.card.classes)}, of sum 1"
            )
        if not math.isfinite(novelty):
            raise ModelError(f"{self.path} gives a novelty of {novelty}, expected a number")
        self.reset()


def _card_of(session: ort.InferenceSession, path: Path) -> ClassifierCard:
    text = session.get_modelmeta().custom_metadata_map.get(CLASSIFIER_KEY)
    if text is None:
        raise ModelError(
            f"{path} has no card of a classifier, so nobody knows its inputs: make it with "
            f"`tracker train`"
        )
    try:
        return ClassifierCard.model_validate_json(text)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'card'}: {item['msg']}"
            for item in error.errors()
        )
        raise ModelError(f"the card of {path} is wrong: {wrong}") from error
