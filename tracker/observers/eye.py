"""Show a network a frame, or a square of it, and read what it answers."""

import numpy as np
from numpy.typing import NDArray

from tracker.clock import Clock
from tracker.errors import ModelError
from tracker.observers.reading import AnswerReader, Look
from tracker.preprocess import Cropper, InputGeometry, Preprocessor
from tracker.runtimes.base import CropInput, Runtime
from tracker.types import Frame

WARM_UP_RUNS = 3
"""Runs before the first frame: by then every provider has done its slow first-time work."""


class Eye:
    """Looks at frames of one shape with one network; used by one thread.

    Args:
        runtime: The loaded network.
        clock: Times the bare network calls.
        shape: Of every frame: (height, width) grey, (height, width, 3) RGB.
        crop: What is looked at besides whole frames; None: nothing.

    Raises:
        ModelError: If the network fails, or the shape is not that of a grey or RGB image.
    """

    def __init__(
        self, runtime: Runtime, clock: Clock, shape: tuple[int, ...], crop: CropInput | None
    ) -> None:
        self._runtime = runtime
        self._clock = clock
        card = runtime.card
        try:
            self._whole = Preprocessor(shape, card.channels, card.long_side, card.multiple_of)
        except ValueError as error:
            raise ModelError(f"the network cannot take {error}") from error
        self._side = card.multiple_of if crop is None else crop.side
        self._crops = Cropper(shape, card.channels, self._side)
        self.shape = tuple(shape)
        self.reader = AnswerReader(card, (shape[0], shape[1]))
        self.network_ns = 0
        """Time spent in bare network calls since it was last set to 0 (ns)."""
        self._warm_up(with_crop=crop is not None)

    def look(self, frame: Frame) -> Look:
        """Return what the network sees in the whole frame.

        Raises:
            ModelError: If the network failed or gave values that are not finite.
        """
        return self._look(frame, self._whole.prepare(frame.image), self._whole.geometry)

    def look_at(self, frame: Frame, crop: InputGeometry) -> Look:
        """Return what the network sees in a square of the frame; errors as in `look`."""
        return self._look(frame, self._crops.prepare(frame.image, crop), crop, is_crop=True)

    def _look(
        self,
        frame: Frame,
        image: NDArray[np.uint8],
        geometry: InputGeometry,
        *,
        is_crop: bool = False,
    ) -> Look:
        started_ns = self._clock.now_ns()
        answer = self._runtime.run(image)
        self.network_ns += self._clock.now_ns() - started_ns
        return self.reader.read(answer, geometry, is_crop=is_crop, frame_index=frame.index)

    def _warm_up(self, *, with_crop: bool) -> None:
        blank = Frame(0, 0, 0, np.zeros(self.shape, np.uint8))
        self._runtime.prepare(self._whole.input_shape)
        for _ in range(WARM_UP_RUNS):
            self.look(blank)
        if with_crop:
            self._runtime.prepare((self._side, self._side))
            for _ in range(WARM_UP_RUNS):
                self.look_at(blank, InputGeometry.crop(0, 0, self._side, self._side))
