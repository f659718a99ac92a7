"""Read a network file, and refuse one that does not keep what its card promises."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort
from pydantic import ValidationError

from tracker.errors import ModelError
from tracker.runtimes.base import CARD_KEY, ModelCard
from tracker.runtimes.providers import ORT_ERRORS, SILENT

FLOAT, UINT8 = "tensor(float)", "tensor(uint8)"

TYPES: Mapping[str, str] = {
    "xy": FLOAT,
    "confidence": FLOAT,
    "mask": UINT8,
    "individual_mask": UINT8,
    "probability": FLOAT,
    "quantity": FLOAT,
    "quantity_sd": FLOAT,
    "novelty": FLOAT,
}
"""ONNX Runtime's name for the type of each output."""

HOW_TO_IMPORT = (
    f"make it with `tracker train`, or give its graph the inputs, outputs and the metadata "
    f"{CARD_KEY!r} that ModelCard in tracker/runtimes/base.py describes"
)


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """A network file that keeps what its card promises, as far as the graph tells.

    Attributes:
        path: The file.
        content: Its bytes.
        card: What it says of itself.
        height: Of the input (px), or the name by which the graph leaves it free.
        width: Of the input (px), or the name by which the graph leaves it free.
    """

    path: Path
    content: bytes
    card: ModelCard
    height: int | str
    width: int | str

    def free_sides(self, input_shape: tuple[int, int]) -> dict[str, int]:
        """Return the value of each side that the graph leaves free, by its name.

        Args:
            input_shape: Height and width of the images (px).

        Raises:
            ModelError: If the network does not take such images.
        """
        grain = self.card.multiple_of
        sides = dict(zip((self.height, self.width), input_shape, strict=True))
        fixed = any(isinstance(name, int) and name != size for name, size in sides.items())
        if fixed or min(input_shape) < 1 or any(size % grain for size in input_shape):
            raise ModelError(
                f"{self.path.name} cannot take an image of height and width "
                f"{tuple(input_shape)}, expected {self.height} and {self.width}, both in "
                f"multiples of {grain}"
            )
        return {name: size for name, size in sides.items() if isinstance(name, str)}


def output_shapes(
    card: ModelCard, height: int | None = None, width: int | None = None
) -> dict[str, tuple[int | None, ...]]:
    """Return the shape of each output that the card names, the batch included.

    Args:
        card: What the network says of itself.
        height: Of the input (px); None: any, and so are the sides of the masks.
        width: Of the input (px); None: any.
    """
    rows = height and height // card.mask_stride
    columns = width and width // card.mask_stride
    animals, points = card.max_individuals, len(card.keypoints)
    shapes: dict[str, tuple[int | None, ...]] = {
        "xy": (1, animals, points, 2),
        "confidence": (1, animals, points),
        "mask": (1, len(card.mask_classes), rows, columns),
        "individual_mask": (1, animals, rows, columns),
        "probability": (1, len(card.classes)),
        "quantity": (1, len(card.quantities)),
        "quantity_sd": (1, len(card.quantities)),
        "novelty": (1,),
    }
    return {name: shapes[name] for name in card.outputs}


def read_network(path: Path) -> NetworkFile:
    """Return a network file.

    Raises:
        ModelError: If the file is missing, is no ONNX network, has no card or a wrong one,
            or has other inputs and outputs than its card promises.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read the network {path}: {error.strerror}") from error
    options = ort.SessionOptions()
    options.log_severity_level = SILENT
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except ORT_ERRORS as error:
        raise ModelError(
            f"{path} is no ONNX network that can be loaded: {str(error).splitlines()[0]}"
        ) from error
    card = _card_of(session, path)
    height, width = _sides_of(session, card, path)
    _check_outputs(session, card, path)
    return NetworkFile(path, content, card, height, width)


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


def _sides_of(
    session: ort.InferenceSession, card: ModelCard, path: Path
) -> tuple[int | str, int | str]:
    """Height and width of the input (px), or the names by which the graph leaves them free."""
    inputs = {i.name: i for i in session.get_inputs()}
    if set(inputs) != {"image"}:
        raise ModelError(f"{path} takes {sorted(inputs)}, expected ['image']: {HOW_TO_IMPORT}")
    image = inputs["image"]
    sides = image.shape[2:]
    if (
        image.type != UINT8
        or len(image.shape) != 4
        or image.shape[1] != card.channels
        or not all(isinstance(side, int | str) for side in sides)
    ):
        raise ModelError(
            f"{path} takes {image.type} {image.shape}, expected {UINT8} "
            f"[1, {card.channels}, height, width]: {HOW_TO_IMPORT}"
        )
    return sides[0], sides[1]


def _check_outputs(session: ort.InferenceSession, card: ModelCard, path: Path) -> None:
    """Refuse a graph that does not give what the card names, as far as it says so itself."""
    given = {output.name: output for output in session.get_outputs()}
    for name, wanted in output_shapes(card).items():
        if name not in given:
            raise ModelError(
                f"{path} gives {sorted(given)}, expected {list(card.outputs)} for the tasks of "
                f"its card: {HOW_TO_IMPORT}"
            )
        found = given[name]
        known = found.shape or wanted  # a graph need not say the shape of what it gives
        fits = len(known) == len(wanted) and not any(
            isinstance(size, int) and expected is not None and size != expected
            for size, expected in zip(known, wanted, strict=True)
        )
        if found.type != TYPES[name] or not fits:
            sides = ", ".join("?" if size is None else str(size) for size in wanted)
            raise ModelError(
                f"{path} gives {name} as {found.type} {found.shape}, expected {TYPES[name]} "
                f"[{sides}] for its card: {HOW_TO_IMPORT}"
            )
