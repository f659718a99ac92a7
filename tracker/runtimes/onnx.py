"""Run a network file with ONNX Runtime, on the best provider that gives the CPU's answers."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from tracker.errors import ModelError
from tracker.runtimes.base import Answer, ModelCard, Provider, RuntimeSettings
from tracker.runtimes.graph_session import GraphSession, Session
from tracker.runtimes.network_file import output_shapes, read_network
from tracker.runtimes.providers import (
    ORT_ERRORS,
    Obstacle,
    Opened,
    find_obstacle,
    open_session,
)
from tracker.runtimes.trial import compare_answers, refuse_nonsense, trial_images

MAX_SESSIONS = 4
"""Input shapes that are kept ready; the one that was built first gives way to a fifth."""


def read_card(path: Path) -> ModelCard:
    """Return what a network file says of itself, without choosing what it will run on.

    Raises:
        ModelError: If the file is missing, is no ONNX network, has no card or a wrong one,
            or has other inputs and outputs than a card promises.
    """
    return read_network(path).card


class OnnxRuntime:
    """A network file, loaded, tried, and compared with the CPU's answers.

    A provider that comes up and fails, or gives other answers than the CPU for images of any
    shape, is passed over by `AUTO` for all shapes.

    For each input shape a session of its own is built, tried and kept, so that a crop and a
    whole frame take turns at no cost; the first image of a new shape takes as long as
    making it did. Binding inputs and outputs to fixed memory was measured and gained 2 % on
    a CPU: not worth answers that change under the caller's hands. Used by one thread.

    Args:
        path: The file.
        settings: On what, and how, it runs.
        input_shape: Height and width of the first images to come (px); by default those
            that the graph fixes, or else the crop of the card, or else its longest side,
            squared.
        open_with: What opens a session, with the arguments of `open_session`.

    Raises:
        ModelError: If the file cannot be used (see `read_card`), if the provider that was
            asked for does not come up, or if it gives other answers than the CPU.
    """

    def __init__(
        self,
        path: Path,
        settings: RuntimeSettings,
        input_shape: tuple[int, int] | None = None,
        open_with: Callable[..., Opened] = open_session,
    ) -> None:
        self._file = read_network(path)
        self._open = open_with
        self._settings = settings
        self._names = self._file.card.outputs
        self._ready: dict[tuple[int, ...], Opened] = {}
        self._refused: dict[Provider, Obstacle] = {}
        self._build(input_shape or self._usual_shape())

    @property
    def card(self) -> ModelCard:
        """What the file says of itself."""
        return self._file.card

    @property
    def provider(self) -> Provider:
        """What it really runs on; never `AUTO`."""
        return self._opened.provider

    @property
    def facts(self) -> Mapping[str, Any]:
        """File, sha256, library, provider, threads, inputs, and why faster ones were not taken."""
        card = self._file.card
        return {
            "file": self._file.path.name,
            "sha256": hashlib.sha256(self._file.content).hexdigest(),
            "network": f"{card.name} {card.version}",
            "library": f"onnxruntime {ort.__version__}",
            "provider": str(self._opened.provider),
            "asked_for": str(self._settings.provider),
            "passed_over": {str(name): why for name, why in self._opened.passed_over.items()},
            "precision": str(self._settings.precision),
            "cuda_graph": isinstance(self._opened.session, GraphSession),
            "threads": self._settings.threads,
            "inputs_px": [f"{shape[3]}x{shape[2]}" for shape in self._ready],
        }

    def prepare(self, input_shape: tuple[int, int]) -> None:
        """Do all slow work for images of this height and width (px) before they come.

        Raises:
            ModelError: If the network cannot take such images, or gives other answers on
                them than the CPU.
        """
        if (1, self._file.card.channels, *input_shape) not in self._ready:
            self._build(input_shape)

    def run(self, image: NDArray[np.uint8]) -> Answer:
        """Run the network once: the bare call, nothing else.

        Args:
            image: uint8, shape (1, channels, height, width), C-contiguous.

        Raises:
            ModelError: If the network failed, or does not take images of this shape.
        """
        opened = self._ready.get(image.shape)
        if opened is None:
            channels = self._file.card.channels
            if image.ndim != 4 or image.shape[:2] != (1, channels):
                raise ModelError(
                    f"{self._file.path.name} got an image of shape {image.shape}, expected "
                    f"(1, {channels}, height, width)"
                )
            opened = self._build((image.shape[2], image.shape[3]))
        return self._answer(self._outputs(opened.session, image))

    def _usual_shape(self) -> tuple[int, int]:
        """Height and width (px) of the images that are most likely to come."""
        file, card = self._file, self._file.card
        side = -(-card.long_side // card.multiple_of) * card.multiple_of
        if card.crop is not None:
            side = card.crop.side
        height, width = (s if isinstance(s, int) else side for s in (file.height, file.width))
        return height, width

    def _build(self, input_shape: tuple[int, int]) -> Opened:
        """Open a session for one shape, tried out, and keep it."""
        content, settings = self._file.content, self._settings
        free = self._file.free_sides(input_shape)

        def try_out(session: Session, provider: Provider) -> None:
            try:
                self._try_out(session, provider, input_shape)
            except ModelError as error:
                self._refused[provider] = Obstacle(str(error), "set provider to cpu")
                raise

        opened = self._open(content, settings, free, self._why_not, try_out)
        if any(ready.provider is not opened.provider for ready in self._ready.values()):
            earlier = list(self._ready)
            self._ready.clear()
            for shape in earlier:
                self._build((shape[2], shape[3]))
            return self._build(input_shape)
        while len(self._ready) >= MAX_SESSIONS:
            del self._ready[next(iter(self._ready))]
        self._ready[(1, self._file.card.channels, *input_shape)] = opened
        self._opened = opened
        return opened

    def _why_not(self, provider: Provider) -> Obstacle | None:
        return self._refused.get(provider) or find_obstacle(provider)

    def _try_out(self, session: Session, provider: Provider, input_shape: tuple[int, int]) -> None:
        """Raise `ModelError` if the answers to trial images cannot be, or are not the CPU's."""
        file, card = self._file, self._file.card
        images = list(trial_images((1, card.channels, *input_shape)))
        trials = [self._outputs(session, image) for image in images]
        for outputs in trials:
            named = dict(zip(self._names, outputs, strict=True))
            refuse_nonsense(named, output_shapes(card, *input_shape), file.path.name)
        if provider is Provider.CPU:
            return
        on_cpu = RuntimeSettings(provider=Provider.CPU, threads=self._settings.threads)
        reference = open_session(file.content, on_cpu, file.free_sides(input_shape)).session
        expected = [self._answer(self._outputs(reference, image)) for image in images]
        compare_answers([*map(self._answer, trials)], expected, card, provider)

    def _outputs(self, session: Session, image: NDArray[np.uint8]) -> Sequence[NDArray[Any]]:
        """What the card names, in its order, the batch included."""
        try:
            return session.run(self._names, {"image": image})
        except ORT_ERRORS as error:
            first = str(error).splitlines()[0]
            raise ModelError(f"{self._file.path.name} failed: {first}") from error

    def _answer(self, outputs: Sequence[NDArray[Any]]) -> Answer:
        return Answer(**{name: out[0] for name, out in zip(self._names, outputs, strict=True)})
