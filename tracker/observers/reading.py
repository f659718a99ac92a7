"""What a network's answer says, in sensor pixels and under the names of the card."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.errors import ModelError
from tracker.preprocess import InputGeometry
from tracker.runtimes.base import Answer, ModelCard
from tracker.types import Masks

USABLE = "usable"
"""The class that says whether a frame can be judged at all."""

USABLE_FROM = 0.5
"""Probability from which a frame is usable if the card does not say another."""

NOWHERE = (math.nan, math.nan)
"""Place of a keypoint that was not found."""

COVERED = 128
"""Coverage (probability times 255) from which a cell is taken to belong to a class."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One answer of the network, and where in the frame it had looked.

    Attributes:
        answer: As the network gave it.
        geometry: How its input lay on the sensor.
        is_crop: Whether it was shown a part of the frame.
        xy: float32, (individuals, keypoints, 2), sensor pixels; NaN where a keypoint was not
            sure enough or not on the sensor.
        points: The first individual of `xy`, as Python's numbers.
        abstains: Whether it is too unlike the training images, or not usable.
    """

    answer: Answer
    geometry: InputGeometry
    is_crop: bool
    xy: NDArray[np.float32]
    points: Sequence[tuple[float, float]]
    abstains: bool

    @property
    def has_animal(self) -> bool:
        """Whether half of the first individual's keypoints were found, and at least one."""
        n_found = sum([math.isfinite(x) for x, _ in self.points])
        return n_found > 0 and 2 * n_found >= len(self.points)

    @property
    def confidence(self) -> float:
        """Mean confidence of the first individual's keypoints."""
        if self.answer.confidence is None:
            return math.nan
        return float(self.answer.confidence[0].mean())


class AnswerReader:
    """Reads the answers of one network about frames of one size.

    Args:
        card: What the network says of itself.
        image_shape: Height and width of the frames (sensor px).
    """

    def __init__(self, card: ModelCard, image_shape: tuple[int, int]) -> None:
        self._card = card
        self._height, self._width = image_shape
        # Rounded as the network's answers are: 0.3 is not below 0.3.
        self._least_confidence = float(np.float32(card.min_confidence))
        self._right, self._bottom = self._width - 0.5, self._height - 0.5
        self._measures = [measure_name(*quantity) for quantity in card.quantities.items()]
        self._usable = card.classes.index(USABLE) if USABLE in card.classes else None
        self._usable_from = card.class_thresholds.get(USABLE, USABLE_FROM)

    def read(
        self, answer: Answer, geometry: InputGeometry, *, is_crop: bool, frame_index: int
    ) -> Look:
        """Return what the network found.

        Args:
            answer: Its answer.
            geometry: How its input lay on the sensor.
            is_crop: Whether it was shown a part of the frame.
            frame_index: For the message.

        Raises:
            ModelError: If the answer holds values that are not finite.
        """
        points, chances = list[tuple[float, float]](), list[float]()
        if answer.xy is not None and answer.confidence is not None:
            points = geometry.points_to_sensor(answer.xy.ravel().tolist())
            chances = answer.confidence.ravel().tolist()
        total = sum([x + y for x, y in points]) + sum(chances)
        for values in (answer.probability, answer.quantity, answer.quantity_sd, answer.novelty):
            total += 0.0 if values is None else float(values.sum())
        if not math.isfinite(total):
            raise ModelError(f"the network gave values that are not finite on frame {frame_index}")
        points = [
            point if self._is_found(*point, chance) else NOWHERE
            for point, chance in zip(points, chances, strict=True)
        ]
        n = len(self._card.keypoints)
        xy = (
            np.array(points, np.float32).reshape(-1, n, 2) if n else np.empty((0, 0, 2), np.float32)
        )
        return Look(answer, geometry, is_crop, xy, points[:n], self._abstains(answer))

    def individuals(self, look: Look) -> tuple[NDArray[np.float32], NDArray[np.float32], list[int]]:
        """Return positions, confidences, and the numbers in the graph, of those that are there.

        The one individual of a network for one is always there, found or not.
        """
        confidence = look.answer.confidence
        if confidence is None:
            return look.xy, np.empty((0, 0), np.float32), []
        if self._card.max_individuals == 1:
            return look.xy, confidence, [*range(len(confidence))]
        there = np.isfinite(look.xy[..., 0]).any(axis=1)
        return look.xy[there], confidence[there], np.flatnonzero(there).tolist()

    def class_scores(self, look: Look) -> Mapping[str, float]:
        """Return the probability by class."""
        if look.answer.probability is None:
            return {}
        return dict(zip(self._card.classes, look.answer.probability.tolist(), strict=True))

    def measures(self, look: Look) -> Mapping[str, float]:
        """Return quantities, their standard deviations, and areas, units in the names.

        The area of a class that touches the border of a crop is NaN: it may go on beyond.
        """
        answer, values = look.answer, dict[str, float]()
        if answer.quantity is not None and answer.quantity_sd is not None:
            for name, value, sd in zip(
                self._measures, answer.quantity.tolist(), answer.quantity_sd.tolist(), strict=True
            ):
                values[name], values[f"{name}_sd"] = value, sd
        if answer.mask is not None:
            covered = answer.mask >= COVERED
            rows, columns = self._cells_on_sensor(look.geometry)
            cell_px2 = math.prod(self._steps(look.geometry))
            for name, cells in zip(self._card.mask_classes, covered, strict=True):
                cut = look.is_crop and _touches_border(cells)
                area = np.count_nonzero(cells[rows, columns]) * cell_px2
                values[f"{name}_area_px2"] = math.nan if cut else area
        return values

    def masks(self, look: Look, there: list[int]) -> Masks | None:
        """Return the masks of all classes and of the individuals that are there.

        Args:
            look: What the network found.
            there: Numbers of the individuals in the graph.
        """
        answer, names = look.answer, list(self._card.mask_classes)
        coverage = answer.mask
        if answer.individual_mask is not None:
            names += [f"individual {n}" for n in range(len(there))]
            own = answer.individual_mask[there]
            coverage = own if coverage is None else np.concatenate([coverage, own])
        if coverage is None:
            return None
        rows, columns = self._cells_on_sensor(look.geometry)
        step_x, step_y = self._steps(look.geometry)
        x0, y0 = self._first_cell(look.geometry)
        return Masks(
            names=tuple(names),
            coverage=coverage[:, rows, columns],
            x0_px=x0 + columns.start * step_x,
            y0_px=y0 + rows.start * step_y,
            step_x_px=step_x,
            step_y_px=step_y,
        )

    def _is_found(self, x: float, y: float, confidence: float) -> bool:
        """Whether a keypoint is sure enough and lies on a pixel of the sensor."""
        return (
            confidence >= self._least_confidence
            and -0.5 <= x <= self._right
            and -0.5 <= y <= self._bottom
        )

    def _abstains(self, answer: Answer) -> bool:
        if answer.novelty is not None and float(answer.novelty) > 1:
            return True
        if self._usable is None or answer.probability is None:
            return False
        return float(answer.probability[self._usable]) < self._usable_from

    def _steps(self, geometry: InputGeometry) -> tuple[float, float]:
        """Sensor pixels per cell of a mask, along x and y."""
        stride = self._card.mask_stride
        return stride / geometry.scale_x, stride / geometry.scale_y

    def _first_cell(self, geometry: InputGeometry) -> tuple[float, float]:
        """Centre of the first cell of a mask (sensor px)."""
        step_x, step_y = self._steps(geometry)
        return geometry.left + step_x / 2 - 0.5, geometry.top + step_y / 2 - 0.5

    def _cells_on_sensor(self, geometry: InputGeometry) -> tuple[slice, slice]:
        """Rows and columns of the cells of a mask that are centred on a pixel of the sensor."""
        (x0, y0), (step_x, step_y) = self._first_cell(geometry), self._steps(geometry)
        stride = self._card.mask_stride
        n_rows, n_columns = geometry.padded_height // stride, geometry.padded_width // stride
        return (
            _cells_within(y0, step_y, self._height, n_rows),
            _cells_within(x0, step_x, self._width, n_columns),
        )


def measure_name(quantity: str, unit: str) -> str:
    """Return the name of a quantity with its unit at the end: `weight`, g -> `weight_g`."""
    written = re.sub(r"\W+", "_", unit.replace("%", "percent")).strip("_")
    if written in ("", "1") or quantity == written or quantity.endswith(f"_{written}"):
        return quantity
    return f"{quantity}_{written}"


def _cells_within(first: float, step: float, n_pixels: int, n_cells: int) -> slice:
    """The cells, of which the first is centred on `first`, that lie on pixels 0 to n - 1."""
    begin = max(0, math.ceil((-0.5 - first) / step))
    end = min(n_cells, math.ceil((n_pixels - 0.5 - first) / step))
    return slice(min(begin, n_cells), max(begin, end))


def _touches_border(cells: NDArray[np.bool_]) -> bool:
    return bool(cells[0].any() or cells[-1].any() or cells[:, 0].any() or cells[:, -1].any())
