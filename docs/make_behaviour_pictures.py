"""Make the picture of docs/episodes.md: a speed, its threshold, and the episodes beside a person's.

    python docs/make_behaviour_pictures.py TRACKS TRUTH

TRACKS and TRUTH are a file of tracks and one of annotations for `freezing_from_tracks`. The picture
of operating points is made by `tracker operating-point --plots`.
"""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

from tracker.evaluation.decide import decide
from tracker.evaluation.evaluate import read_truth, told_of
from tracker.track_import.run import Import

PICTURE = Path(__file__).parent / "images" / "freezing.png"
FROM_S, TO_S = 36.0, 72.0
THRESHOLD_CM_S = 4.0
MINE, THEIRS = "#0072b2", "#d55e00"
RULE = (
    "behaviours.freezing.rule=speed(Nose) + speed(Left_Ear) + speed(Right_Ear) < {} cm/s ~ {} cm/s"
)


def main() -> None:
    tracks, truth = Path(sys.argv[1]), Path(sys.argv[2])
    config = Path("freezing_from_tracks")
    decided = decide(Import(tracks, config))
    # a threshold so soft that the score is a straight line of the speed
    ramp = decide(Import(tracks, config, changes=[RULE.format(20, 20)])).scores["freezing"]
    (seen,) = read_truth([truth], decided.fps, ("freezing",))
    draw(decided, (1 - ramp) * 40, seen.of("Freezing"))


def draw(decided, speed, bouts) -> None:
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 3.2), layout="constrained")
    seconds = np.arange(len(speed)) / decided.fps
    axes.plot(seconds, speed, color="0.3", lw=0.8)
    axes.axhline(THRESHOLD_CM_S, color="0.3", lw=0.8, ls=":")
    axes.annotate("threshold", (TO_S, THRESHOLD_CM_S), (-4, 3), ha="right", fontsize=8,
                  textcoords="offset points")  # fmt: skip
    spans = [(each.first, each.last) for each in told_of(decided.episodes, "freezing")]
    mine = [(first / decided.fps, (last - first + 1) / decided.fps) for first, last in spans]
    theirs = [
        (bout.first / decided.fps, (bout.last - bout.first + 1) / decided.fps) for bout in bouts
    ]
    axes.broken_barh(mine, (-3.2, 1.4), color=MINE, label="episodes")
    axes.broken_barh(theirs, (-5.0, 1.4), color=THEIRS, label="what a person saw")
    known = [each.known / decided.fps for each in told_of(decided.episodes, "freezing")]
    axes.plot(known, [-2.5] * len(known), "|", color="white", ms=8, mew=1.5)
    axes.set(xlim=(FROM_S, TO_S), ylim=(-5.6, 30), xlabel="s",
             ylabel="speed of nose and ears,\nsummed (cm/s)")  # fmt: skip
    axes.set_yticks([0, 10, 20, 30])
    axes.legend(loc="upper right", fontsize=8, ncols=2)
    axes.set_title("white marks: confirmed", fontsize=8, loc="left")
    figure.savefig(PICTURE, dpi=120)


if __name__ == "__main__":
    main()
