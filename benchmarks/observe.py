"""What seeing costs beyond the bare network call: the whole frame against the crop.

The observer looks at frames of the synthetic camera, drawn before the time is taken; the
network's own calls are taken off frame by frame. A network whose card names no crop is given
one. Budget: own time with a crop at most 0.15 ms.
"""

import tempfile
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np
import onnx
from common import arguments, report
from onnx import helper

from tracker.build import find_network
from tracker.cameras.synthetic import SyntheticCamera, SyntheticCameraSettings
from tracker.clock import SystemClock
from tracker.observers.network import NetworkObserver, NetworkObserverSettings
from tracker.runtimes.base import CARD_KEY, CropInput, RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime, read_card
from tracker.types import Frame


def main() -> None:
    parser = arguments(__doc__ or "", rounds=5)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--network", default="mouse_top_view", help="shipped name, or .onnx file")
    parser.add_argument("--provider", default="auto")
    asked = parser.parse_args()
    frames = draw(asked.frames)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        network = with_crop(find_network(asked.network), Path(folder) / "network.onnx")
        runtime = OnnxRuntime(network, RuntimeSettings(provider=asked.provider))
        for crop in (False, True):
            rows += measure(runtime, frames, crop=crop, rounds=asked.rounds)
    report("Seeing one frame (ms), budget of own time with a crop 0.15", rows, asked.json)


def draw(n: int) -> list[Frame]:
    settings = SyntheticCameraSettings(kind="synthetic", paced=False, n_frames=n)
    camera = SyntheticCamera(settings, SystemClock())
    camera.open()
    frames = [camera.read(1.0) for _ in range(n)]
    camera.close()
    return [
        Frame(f.index, f.captured_ns, f.received_ns, f.image.copy())
        for f in frames
        if isinstance(f, Frame)
    ]


def with_crop(network: Path, copy: Path) -> Path:
    """Return the network, or a copy of it whose card names a crop."""
    card = read_card(network)
    if card.crop is not None:
        return network
    model = onnx.load(network)
    card = card.model_copy(update={"schema_version": 2, "crop": CropInput()})
    del model.metadata_props[:]
    helper.set_model_props(model, {CARD_KEY: card.model_dump_json()})
    onnx.save(model, copy)
    return copy


def measure(
    runtime: OnnxRuntime, frames: list[Frame], *, crop: bool, rounds: int
) -> list[dict[str, Any]]:
    """Return a row each for the observer, the network, and what is between them.

    The best of the rounds counts for each frame: other programs only ever make it longer.
    """
    settings = NetworkObserverSettings(crop=crop, search_every=0)
    whole_ns = np.full((rounds, len(frames)), np.inf)
    network_ns = whole_ns.copy()
    for turn in range(rounds):
        observer = NetworkObserver(runtime, SystemClock(), settings)
        observer.warm_up(frames[0].image.shape)
        for n, frame in enumerate(frames):
            began = perf_counter_ns()
            seen = observer.observe(frame)
            whole_ns[turn, n] = perf_counter_ns() - began
            network_ns[turn, n] = seen.network_ns
    figures = {
        "observe": whole_ns.min(axis=0),
        "network": network_ns.min(axis=0),
        "own": (whole_ns - network_ns).min(axis=0),
    }
    return [
        {
            "input": "crop" if crop else "whole",
            "what": what,
            "p50": float(np.median(ns)) / 1e6,
            "p99": float(np.percentile(ns, 99)) / 1e6,
            "max": float(ns.max()) / 1e6,
        }
        for what, ns in figures.items()
    ]


if __name__ == "__main__":
    main()
