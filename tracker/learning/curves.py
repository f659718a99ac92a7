"""Draw how a training went."""

from pathlib import Path

from matplotlib.figure import Figure

from tracker.learning.fitting import History


def draw_curves(history: History, title: str, path: Path) -> None:
    """Write loss and held-out error of each head against the step, as PNG.

    Args:
        history: Of one training.
        title: Above the picture.
        path: Is replaced.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, values, label in (
        (left, history.losses, "training loss"),
        (right, history.errors, "held-out error, 0 to 1"),
    ):
        for name, series in values.items():
            axes.plot(history.steps[-len(series) :], series, label=name, linewidth=1.5)
        axes.set_xlabel("step")
        axes.set_ylabel(label)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    left.set_yscale("symlog", linthresh=0.1)
    right.set_ylim(bottom=0)
    figure.suptitle(title)
    figure.savefig(path, dpi=110)
