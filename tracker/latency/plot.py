"""What a latency measurement says, as a picture and as a sentence."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tracker.latency.measure import Latency

STAGES = ("captured", "received", "decided", "commanded", "answered")
COLOURS = ("#999999", "#56b4e9", "#0072b2", "#e69f00", "#d55e00")
"""Of the stages: Okabe and Ito's colours, which the colour-blind can tell apart."""

LABELS = (
    "light → end of exposure",
    "→ image received",
    "→ decided",
    "→ commanded",
    "→ answer's edge",
)


def figures_of(latency: Latency) -> dict[str, Any]:
    """Return the figures, JSON-ready: ms after the light, by stage; and counts."""
    stages = {
        name: {
            "p50": float(np.percentile(values, 50)),
            "p99": float(np.percentile(values, 99)),
            "max": float(values.max()),
        }
        for name in STAGES
        if len(values := latency.stage_ms(name))
    }
    return {
        "flashes": len(latency.trials) + latency.missed,
        "answered": len(latency.trials),
        "missed": latency.missed,
        "same_device": latency.same_device,
        "ms_after_light": stages,
        "session": str(latency.folder),
    }


def verdict(latency: Latency, deadline_ms: float | None) -> tuple[bool, str]:
    """Return whether the loop holds, and why, in one sentence."""
    if not latency.trials:
        return False, "no flash was answered: does the camera see the LED?"
    answered = latency.stage_ms("answered")
    p99 = float(np.percentile(answered, 99))
    text = f"99 % of the answers came within {p99:.1f} ms of the light"
    if latency.missed:
        return False, f"{text}, but {latency.missed} flashes were not answered"
    if deadline_ms is None:
        return True, f"{text}; the output has no deadline to hold it against"
    late = p99 - float(np.percentile(latency.stage_ms("captured"), 50))
    if late > deadline_ms:
        return False, f"{text}: {late:.1f} ms after exposure, the deadline is {deadline_ms:g} ms"
    return True, f"{text}: {late:.1f} ms after exposure, the deadline of {deadline_ms:g} ms holds"


def draw(latency: Latency, path: Path) -> None:
    """Write a picture: a histogram of the answers, and each stage's share of every trial.

    Raises:
        OSError: If it cannot be written.
    """
    figure = Figure(figsize=(9, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1)
    answered = latency.stage_ms("answered")
    above.hist(answered, bins=40, color=COLOURS[-1])
    for share, style in ((50, "-"), (99, "--")):
        at = float(np.percentile(answered, share))
        above.axvline(at, color="black", linestyle=style, label=f"p{share}: {at:.1f} ms")
    above.set(xlabel="light → answer's edge (ms)", ylabel="flashes")
    above.set_title(f"{len(answered)} of {len(answered) + latency.missed} flashes answered")
    above.legend(frameon=False)
    order = np.argsort(answered)
    before = np.zeros(len(answered))
    for name, colour, label in zip(STAGES, COLOURS, LABELS, strict=True):
        until = latency.stage_ms(name)[order]
        below.bar(
            np.arange(len(order)), until - before, 1.0, bottom=before, color=colour, label=label
        )
        before = until
    below.set(xlabel="flashes, fastest first", ylabel="ms after the light")
    below.legend(frameon=False, loc="upper left", ncols=2)
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
