"""From a network file and labelled data to figures and a page: `tracker evaluate`."""

import importlib.util
import os
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from tracker.clock import SystemClock
from tracker.errors import MissingExtra, TrainingError
from tracker.learning.judging.selection import Selection, read_selection
from tracker.learning.samples import Sample
from tracker.observers.network import NetworkObserver, NetworkObserverSettings
from tracker.runtimes.base import Answer, Runtime, RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime

if TYPE_CHECKING:
    from tracker.learning.judging.judge import Judgement

NEEDED = ("sklearn", "scipy", "pycocotools", "matplotlib")
"""Modules of the extra `train` that judging needs; PyTorch is not one of them."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What `evaluate` found.

    Attributes:
        judgement: Figures and what they come from.
        facts: The same and the circumstances, ready for JSON; what cannot be known is None.
        page: The page that was written.
    """

    judgement: "Judgement"
    facts: Mapping[str, Any]
    page: Path


def evaluate(
    network: Path,
    selection: Selection,
    *,
    out: Path | None = None,
    settings: RuntimeSettings | None = None,
    crop: bool = True,
) -> Evaluation:
    """Judge a network file by labelled images, and write a page about it.

    The images go through the observer of the live loop, each as if it were the first of a
    session: searched whole and then, if the network has a crop, looked at through it.

    Args:
        network: The ONNX file.
        selection: Which labelled images.
        out: Folder for `report.html` and `figures.json`; by default
            `evaluations/<network>-on-<data>`. An older page there is replaced.
        settings: On what the network runs; by default the best that works.
        crop: False: the whole frame only.

    Raises:
        MissingExtra: If scikit-learn, pycocotools or matplotlib is not installed.
        ModelError: If the network cannot be used, or fails.
        TrainingError: If the data have faults, nothing is left to judge by, or the page
            cannot be written.
    """
    _require()
    runtime = OnnxRuntime(network, settings or RuntimeSettings())
    card = runtime.card
    with Console(stderr=True).status(f"reading {selection.data}"):
        samples = read_selection(selection, card)
    with _bar() as bar:
        task = bar.add_task(f"judging {card.name}", total=len(samples))
        judgement = _judge(
            runtime, samples, crop=crop, progress=lambda done: bar.update(task, completed=done)
        )
    data = selection.data.resolve().name
    facts = _facts(runtime, judgement, data, crop=crop)
    folder = out or Path("evaluations") / f"{_plain(card.name)}-on-{_plain(data)}"
    from tracker.learning.judging.page import write_page

    try:
        page = write_page(judgement, facts, folder)
    except OSError as error:
        raise TrainingError(f"cannot write the page into {folder}: {error.strerror}") from error
    return Evaluation(judgement, facts, page)


def judge_file(
    network: Path,
    samples: Sequence[Sample],
    *,
    settings: RuntimeSettings | None = None,
    crop: bool = True,
    progress: Callable[[int], None] | None = None,
) -> "Judgement":
    """Judge a network file by images in memory, as `evaluate` does; for the figures on a card.

    Args:
        network: The ONNX file.
        samples: Labels in the order of its card.
        settings: On what the network runs; by default the best that works.
        crop: False: the whole frame only.
        progress: Told the number of images done after each.

    Raises:
        MissingExtra: If scikit-learn, pycocotools or matplotlib is not installed.
        ModelError: If the network cannot be used, or fails.
    """
    _require()
    runtime = OnnxRuntime(network, settings or RuntimeSettings())
    return _judge(runtime, samples, crop=crop, progress=progress)


class _EveryGuess:
    """A runtime whose every keypoint counts as found."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.card = runtime.card.model_copy(update={"min_confidence": 0.0})
        self.provider = runtime.provider
        self.facts = runtime.facts

    def prepare(self, input_shape: tuple[int, int]) -> None:
        self._runtime.prepare(input_shape)

    def run(self, image: "np.ndarray[Any, np.dtype[np.uint8]]") -> Answer:
        return self._runtime.run(image)


def _judge(
    runtime: Runtime,
    samples: Sequence[Sample],
    *,
    crop: bool,
    progress: Callable[[int], None] | None,
) -> "Judgement":
    from tracker.learning.judging.judge import judge

    clock = SystemClock()
    looks = NetworkObserverSettings(crop=crop)
    guesses = [looks.model_copy(update={"abstain": False, "crop": each}) for each in (crop, False)]
    single = runtime.card.keypoints and runtime.card.max_individuals == 1
    return judge(
        NetworkObserver(runtime, clock, looks),
        runtime.card,
        samples,
        guessers=[NetworkObserver(_EveryGuess(runtime), clock, g) for g in guesses if single],
        progress=progress,
        clock=clock,
    )


def _facts(runtime: Runtime, judgement: "Judgement", data: str, *, crop: bool) -> dict[str, Any]:
    card = runtime.card
    network_ms = [image.seen.network_ns / 1e6 for image in judgement.images]
    return {
        "model": card.name,
        "version": card.version,
        "sha256": runtime.facts["sha256"],
        "data": data,
        "images": len(judgement.images),
        "keypoints_without_labels": list(judgement.keypoints_without_labels),
        "min_confidence": card.min_confidence,
        "crop": crop and card.crop is not None,
        "provider": str(runtime.provider),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "ms_per_image": judgement.ms_per_image,
        "network_ms_per_image": float(np.median(network_ms)),
        "all": judgement.of(),
        "sources": {source: judgement.of(source) for source in judgement.sources},
    }


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _plain(name: str) -> str:
    """A name that is good for a folder on every system."""
    return re.sub(r"[^\w.-]+", "_", name).strip("._") or "network"


def _require() -> None:
    if not all(importlib.util.find_spec(name) for name in NEEDED):
        raise MissingExtra("train", "judging a network")
