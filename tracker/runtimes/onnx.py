"""Run a network file with ONNX Runtime, on the best provider that gives the CPU's answers."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from pydantic import ValidationError

from tracker.errors import ModelError
from tracker.runtimes.base import CARD_KEY, ModelCard, Provider, RuntimeSettings
from tracker.runtimes.providers import ORT_ERRORS, SILENT, open_session

MAX_SHIFT_PX = 0.5
"""Largest distance (px of the input) between a provider's keypoint and the CPU's."""

MAX_CONFIDENCE_SHIFT = 0.02
"""Largest difference between a provider's confidence and the CPU's."""

HOW_TO_IMPORT = (
    f"make it with `tracker train`, or give its graph the inputs, outputs and the metadata "
    f"{CARD_KEY!r} that ModelCard in tracker/runtimes/base.py describes"
)

Answer = tuple[NDArray[np.float32], NDArray[np.float32]]


def read_card(path: Path) -> ModelCard:
    """Return what a network file says of itself, without choosing what it will run on.

    Raises:
        ModelError: If the file is missing, is no ONNX network, has no card or a wrong one,
            or has other inputs and outputs than a card promises.
    """
    return _read(path)[1]


class OnnxRuntime:
    """A network file, loaded, tried, and compared with the CPU's answers.

    Built for one input shape at a time; the first image of another shape builds it anew,
    which takes as long as making it did. Binding inputs and outputs to fixed memory was
    measured and gained 2 % on a CPU: not worth answers that change under the caller's hands.
    Used by one thread.

    Args:
        path: The file.
        settings: On what, and how, it runs.
        input_shape: Height and width of the images to come (px); by default the longest
            side of the card, squared.

    Raises:
        ModelError: If the file cannot be used (see `read_card`), if the provider that was
            asked for does not come up, or if it gives other answers than the CPU.
    """

    def __init__(
        self, path: Path, settings: RuntimeSettings, input_shape: tuple[int, int] | None = None
    ) -> None:
        self._path = path
        self._settings = settings
        self._model, self._card, self._free_sides = _read(path)
        side = -(-self._card.long_side // self._card.multiple_of) * self._card.multiple_of
        self._build(input_shape or (side, side))

    @property
    def card(self) -> ModelCard:
        """What the file says of itself."""
        return self._card

    @property
    def provider(self) -> Provider:
        """What it really runs on; never `AUTO`."""
        return self._provider

    @property
    def facts(self) -> Mapping[str, Any]:
        """File, sha256, library, provider, threads, input, and why faster ones were not taken."""
        return {
            "file": self._path.name,
            "sha256": hashlib.sha256(self._model).hexdigest(),
            "network": f"{self._card.name} {self._card.version}",
            "library": f"onnxruntime {ort.__version__}",
            "provider": str(self._provider),
            "asked_for": str(self._settings.provider),
            "passed_over": {str(name): reason for name, reason in self._passed_over.items()},
            "threads": self._settings.threads,
            "input_height_px": self._shape[2],
            "input_width_px": self._shape[3],
        }

    def run(self, image: NDArray[np.uint8]) -> Answer:
        """Run the network once: the bare call, nothing else.

        Args:
            image: uint8, shape (1, channels, height, width), C-contiguous.

        Returns:
            xy, float32 (individuals, keypoints, 2), pixels of `image`; and confidence,
            float32 (individuals, keypoints), from 0 to 1.

        Raises:
            ModelError: If the network failed.
        """
        if image.shape != self._shape:
            self._build(self._sides(image))
        return _call(self._session, image, self._path)

    def _sides(self, image: NDArray[np.uint8]) -> tuple[int, int]:
        card = self._card
        wrong = image.ndim != 4 or image.shape[:2] != (1, card.channels)
        if wrong or any(side % card.multiple_of or not side for side in image.shape[2:]):
            raise ModelError(
                f"{self._path.name} got an image of shape {image.shape}, expected "
                f"(1, {card.channels}, height, width), both in multiples of {card.multiple_of}"
            )
        return image.shape[2], image.shape[3]

    def _build(self, sides: tuple[int, int]) -> None:
        shape = {name: side for name, side in zip(self._free_sides, sides, strict=True) if name}
        opened = open_session(self._model, self._settings, shape)
        self._shape = (1, self._card.channels, *sides)
        self._session = opened.session
        self._provider = opened.provider
        self._passed_over = opened.passed_over
        frames = list(_trial_frames(self._shape))
        answers = [_call(self._session, frame, self._path) for frame in frames]
        for xy, confidence in answers:
            _refuse_nonsense(xy, confidence, self._card, self._path)
        if self._provider is not Provider.CPU:
            on_cpu = self._settings.model_copy(update={"provider": Provider.CPU})
            reference = open_session(self._model, on_cpu, shape).session
            expected = [_call(reference, frame, self._path) for frame in frames]
            compare_answers(answers, expected, self._card, self._provider)


def compare_answers(
    answers: list[Answer], expected: list[Answer], card: ModelCard, provider: Provider
) -> None:
    """Compare a provider's answers with the CPU's.

    Confidences must agree everywhere, and keypoints wherever the CPU is confident. Where it
    is not, two cells may be equally likely; there half of the keypoints must agree.

    Raises:
        ModelError: If they differ by more than `MAX_SHIFT_PX` or `MAX_CONFIDENCE_SHIFT`.
    """
    shift = np.stack(
        [np.linalg.norm(a[0] - e[0], axis=-1) for a, e in zip(answers, expected, strict=True)]
    )
    change = max(float(np.abs(a[1] - e[1]).max()) for a, e in zip(answers, expected, strict=True))
    sure = np.stack([confidence >= card.min_confidence for _, confidence in expected])
    furthest = max(float(shift[sure].max(initial=0)), float(np.median(shift)))
    if not (furthest <= MAX_SHIFT_PX and change <= MAX_CONFIDENCE_SHIFT):
        raise ModelError(
            f"{provider} gives other answers than the CPU: keypoints differ by {furthest:.2f} px "
            f"(at most {MAX_SHIFT_PX}), confidence by {change:.3f} (at most "
            f"{MAX_CONFIDENCE_SHIFT}); set provider to cpu, or update its libraries"
        )


def _call(session: ort.InferenceSession, image: NDArray[np.uint8], path: Path) -> Answer:
    try:
        xy, confidence = session.run(("xy", "confidence"), {"image": image})
    except ORT_ERRORS as error:
        raise ModelError(f"{path.name} failed: {str(error).splitlines()[0]}") from error
    return xy[0], confidence[0]


def _refuse_nonsense(
    xy: NDArray[np.float32], confidence: NDArray[np.float32], card: ModelCard, path: Path
) -> None:
    n = len(card.keypoints)
    if confidence.shape[1:] != (n,) or xy.shape != (*confidence.shape, 2):
        raise ModelError(
            f"{path.name} gives xy of shape {xy.shape} and confidence of shape "
            f"{confidence.shape}, expected (individuals, {n}, 2) and (individuals, {n}) for the "
            f"keypoints {list(card.keypoints)} of its card"
        )
    if not (np.isfinite(xy).all() and np.isfinite(confidence).all()):
        raise ModelError(f"{path.name} gives values that are not finite: train it again")
    low, high = float(confidence.min(initial=0)), float(confidence.max(initial=1))
    if low < 0 or high > 1:
        raise ModelError(
            f"{path.name} gives confidences from {low:.3g} to {high:.3g}, expected 0 to 1: "
            f"put the sigmoid into the graph"
        )


def _trial_frames(shape: tuple[int, ...]) -> Iterator[NDArray[np.uint8]]:
    """Eight seeded images with a dark or a light blob of an animal's proportions, and noise."""
    rng = np.random.default_rng(0)
    height, width = shape[2:]
    for number in range(8):
        floor, animal = ((200, 30), (40, 220))[number % 2]
        image = np.full((height, width), floor, np.uint8)
        centre = int(rng.integers(0, width)), int(rng.integers(0, height))
        axes = int(rng.integers(8, 40)), int(rng.integers(4, 16))
        cv2.ellipse(image, centre, axes, float(rng.uniform(0, 360)), 0, 360, (animal,), -1)
        noisy = image + rng.normal(0, 8, image.shape)
        grey = np.clip(noisy, 0, 255).astype(np.uint8)
        yield np.ascontiguousarray(np.broadcast_to(grey, shape))


def _read(path: Path) -> tuple[bytes, ModelCard, tuple[str | None, str | None]]:
    """Content, card, and the names of the free height and width (None where fixed)."""
    try:
        model = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read the network {path}: {error.strerror}") from error
    options = ort.SessionOptions()
    options.log_severity_level = SILENT
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except ORT_ERRORS as error:
        raise ModelError(
            f"{path} is no ONNX network that can be loaded: {str(error).splitlines()[0]}"
        ) from error
    card = _card_of(session, path)
    return model, card, _free_sides(session, card, path)


def _card_of(session: ort.InferenceSession, path: Path) -> ModelCard:
    text = session.get_modelmeta().custom_metadata_map.get(CARD_KEY)
    if text is None:
        raise ModelError(f"{path} has no card, so nobody knows its keypoints: {HOW_TO_IMPORT}")
    try:
        return ModelCard.model_validate_json(text)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'card'}: {item['msg']}"
            for item in error.errors()
        )
        raise ModelError(f"the card of {path} is wrong: {wrong}") from error


def _free_sides(
    session: ort.InferenceSession, card: ModelCard, path: Path
) -> tuple[str | None, str | None]:
    inputs = {i.name: i for i in session.get_inputs()}
    outputs = {o.name: o.type for o in session.get_outputs()}
    if set(inputs) != {"image"}:
        raise ModelError(f"{path} takes {sorted(inputs)}, expected ['image']: {HOW_TO_IMPORT}")
    image = inputs["image"]
    if image.type != "tensor(uint8)" or len(image.shape) != 4 or image.shape[1] != card.channels:
        raise ModelError(
            f"{path} takes {image.type} {image.shape}, expected tensor(uint8) "
            f"[1, {card.channels}, height, width]: {HOW_TO_IMPORT}"
        )
    for name in ("xy", "confidence"):
        if outputs.get(name) != "tensor(float)":
            raise ModelError(
                f"{path} gives {outputs}, expected xy and confidence, both tensor(float): "
                f"{HOW_TO_IMPORT}"
            )
    height, width = (side if isinstance(side, str) else None for side in image.shape[2:])
    return height, width
