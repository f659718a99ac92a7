"""Call a network on an NVIDIA GPU as one graph, recorded once: a launch instead of a hundred.

A small network's hundred kernels take the GPU less time than the CPU needs to launch them one
by one. A CUDA graph replays them all from one launch, over memory that stays where it is.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

TYPES: Mapping[str, type[np.generic]] = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}
"""What networks take and give, by ONNX Runtime's name."""


class Session(Protocol):
    """An open network, as `onnxruntime.InferenceSession` is one; used by one thread at a time."""

    def run(
        self, output_names: Sequence[str], input_feed: Mapping[str, NDArray[Any]]
    ) -> Sequence[NDArray[Any]]:
        """Return the outputs that were asked for; they stay what they are."""

    def get_providers(self) -> Sequence[str]:
        """ONNX Runtime's names of what it runs on, the first one first."""

    def get_inputs(self) -> Sequence[ort.NodeArg]:
        """Name, type and shape of each input."""

    def get_outputs(self) -> Sequence[ort.NodeArg]:
        """Name, type and shape of each output."""


def has_fixed_shapes(session: ort.InferenceSession) -> bool:
    """Whether all that goes in and comes out has a size that is known and a type that we know."""
    ends = [*session.get_inputs(), *session.get_outputs()]
    return all(
        end.type in TYPES and all(isinstance(size, int) for size in end.shape) for end in ends
    )


class GraphSession:
    """A session whose inputs and outputs lie in memory of their own.

    ONNX Runtime records the graph at the first calls of each thread, and replays it from then
    on. While it records, no other thread of the program may use the GPU: the session warms
    the network up before there are frames to encode.

    Args:
        session: Has fixed shapes; opened with `enable_cuda_graph` if `device` is "cuda".
        device: Where the memory lies: "cuda" or "cpu".
    """

    def __init__(self, session: ort.InferenceSession, device: str = "cuda") -> None:
        self._session = session
        self._binding = session.io_binding()
        self._inputs = {each.name: _memory_for(each, device) for each in session.get_inputs()}
        self._outputs = {each.name: _memory_for(each, device) for each in session.get_outputs()}
        for name, memory in self._inputs.items():
            self._binding.bind_ortvalue_input(name, memory)
        for name, memory in self._outputs.items():
            self._binding.bind_ortvalue_output(name, memory)

    def run(
        self, output_names: Sequence[str], input_feed: Mapping[str, NDArray[Any]]
    ) -> Sequence[NDArray[Any]]:
        """Return copies of the outputs that were asked for."""
        for name, values in input_feed.items():
            self._inputs[name].update_inplace(values)
        self._session.run_with_iobinding(self._binding)
        return [np.array(self._outputs[name].numpy()) for name in output_names]

    def get_providers(self) -> Sequence[str]:
        """ONNX Runtime's names of what it runs on."""
        names: list[str] = self._session.get_providers()
        return names

    def get_inputs(self) -> Sequence[ort.NodeArg]:
        """Name, type and shape of each input."""
        ends: list[ort.NodeArg] = self._session.get_inputs()
        return ends

    def get_outputs(self) -> Sequence[ort.NodeArg]:
        """Name, type and shape of each output."""
        ends: list[ort.NodeArg] = self._session.get_outputs()
        return ends


def _memory_for(end: ort.NodeArg, device: str) -> ort.OrtValue:
    return ort.OrtValue.ortvalue_from_shape_and_type(end.shape, TYPES[end.type], device, 0)
