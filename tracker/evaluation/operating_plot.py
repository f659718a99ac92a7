"""False triggers per hour against misses, with the delay as a colour."""

from collections.abc import Sequence
from pathlib import Path

from tracker.evaluation.operating import Point, front


def draw(path: Path, behaviour: str, found: Sequence[Point], chosen: Point, wanted: float) -> None:
    """Write a picture of all points, the best of them, the present one and the proposed one.

    Args:
        path: Where to; the ending says which kind of picture.
        behaviour: Its name.
        found: Every point, the present one first.
        chosen: The one that is proposed.
        wanted: False triggers per hour that are allowed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    missed = [100 * each.missed for each in found]
    dots = axes.scatter(
        [each.false_per_hour for each in found],
        missed,
        c=[each.delay_ms for each in found],
        cmap="viridis",
        s=18,
        zorder=3,
    )
    figure.colorbar(dots, ax=axes, label="median delay to confirmation (ms)")
    best = front(found)
    axes.plot(
        [each.false_per_hour for each in best],
        [100 * each.missed for each in best],
        color="0.4",
        lw=1,
        drawstyle="steps-post",
        label="best of all tried",
        zorder=2,
    )
    for point, marker, label in ((found[0], "s", "as set"), (chosen, "*", "proposed")):
        axes.plot(
            [point.false_per_hour],
            [100 * point.missed],
            marker,
            ms=13,
            mfc="none",
            mec="crimson",
            mew=1.8,
            ls="",
            label=f"{label}: enter {point.enter:g}, at least {point.min_duration_s:g} s",
            zorder=4,
        )
    axes.axvline(wanted, color="crimson", lw=0.8, ls=":", label=f"wanted: {wanted:g} per hour")
    axes.set(
        xlabel="false triggers per hour",
        ylabel="bouts missed (%)",
        title=behaviour.replace("_", " "),
        ylim=(-3, 103),
    )
    least = min((each.false_per_hour for each in found if each.false_per_hour > 0), default=1.0)
    axes.set_xscale("symlog", linthresh=least)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlim(-0.15 * least, 1.5 * max(least, *(each.false_per_hour for each in found)))
    axes.legend(fontsize=8, loc="upper right")
    figure.savefig(path, dpi=130)
