"""What the benchmarks share: whole sessions, the bare network, the machine's facts, the report."""

import argparse
import json
import os
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from tracker.build import build_session, find_network
from tracker.clock import SystemClock
from tracker.config import load
from tracker.preprocess import Preprocessor
from tracker.recording import Recording
from tracker.runtimes.base import RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime
from tracker.summary import summarise

SHAPE = (480, 640)


def arguments(description: str, *, rounds: int = 3) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds, help="repetitions; medians are shown")
    parser.add_argument("--json", type=Path, help="write the figures and the machine's facts here")
    return parser


def run_session(overrides: list[str], config: str = "demo") -> dict[str, Any]:
    """Run a whole session in a folder that is deleted again; return its summary."""
    with tempfile.TemporaryDirectory() as out:
        recording = run_recorded(overrides, config, Path(out))
        return summarise(recording)


def run_recorded(overrides: list[str], config: str, out: Path) -> Recording:
    """Run a whole session beside whatever else runs here; return what it left in `out`."""
    anywhere = [f"outputs.{name}.address=tcp://127.0.0.1:0" for name in ("publisher", "control")]
    experiment = load(Path(config), [*anywhere, *overrides])
    session, folder = build_session(experiment, out, SystemClock())
    session.run()
    return Recording(folder)


def time_network(n: int, network: str = "mouse_top_view", shape: tuple[int, ...] = SHAPE) -> Any:
    """Return the durations (ms) of `n` bare network calls on one prepared frame."""
    runtime = OnnxRuntime(find_network(network), RuntimeSettings())
    image = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    card = runtime.card
    prepare = Preprocessor(shape, card.channels, card.long_side, card.multiple_of).prepare
    ready = prepare(image)
    for _ in range(20):
        runtime.run(ready)
    durations = []
    for _ in range(n):
        began = perf_counter_ns()
        runtime.run(ready)
        durations.append((perf_counter_ns() - began) / 1e6)
    return np.array(durations)


def machine() -> dict[str, Any]:
    libraries = ("behaviour-tracker", "numpy", "opencv-python", "av", "pyzmq")
    return {
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in libraries},
    }


def report(title: str, rows: list[dict[str, Any]], path: Path | None) -> None:
    """Print the rows as a table, and write them as JSON where asked to."""
    table = Table(title=title, title_justify="left")
    for name in rows[0]:
        table.add_column(name, justify="left" if isinstance(rows[0][name], str) else "right")
    for row in rows:
        table.add_row(*(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values()))
    Console().print(table)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"title": title, "rows": rows, "machine": machine()}
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
