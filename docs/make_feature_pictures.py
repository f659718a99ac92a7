"""Make the pictures of docs/features.md and docs/rules.md from two synthetic mice.

    python docs/make_feature_pictures.py

They are measured and told as they are live, by the pipeline of the shipped experiment `two_mice`.
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np

from tracker.build import build_camera, build_pipeline
from tracker.cameras.base import frames_of
from tracker.clock import SystemClock
from tracker.config import load
from tracker.types import Episode

IMAGES = Path(__file__).parent / "images"
SECONDS, FPS = 24, 60
VISITOR, RESIDENT, GREY = "#0072b2", "#d55e00", "0.35"
FEATURES = (
    "distance(visitor.nose, resident.nose)",
    "facing(visitor, resident)",
    "ahead(visitor, resident.nose)",
    "aside(visitor, resident.nose)",
)
CONTACT = (
    "distance(resident.nose,visitor.nose)",
    "distance(visitor.nose,resident.tail_base)",
    "distance(resident.nose,visitor.tail_base)",
)


def main() -> None:
    mpl.use("Agg")
    recorded = ", ".join(f'"{name}"' for name in FEATURES)
    changes = ["rig.camera.paced=false", f"rig.camera.n_frames={SECONDS * FPS}"]
    experiment = load(Path("two_mice"), [*changes, f"features.recorded=[{recorded}]"])
    clock = SystemClock()
    pipeline, camera = build_pipeline(experiment, clock), build_camera(experiment.rig.camera, clock)
    camera.open()
    results = [pipeline.step(frame) for frame in frames_of(camera)]
    camera.close()
    episodes = [each for result in results for each in result.events if isinstance(each, Episode)]
    episodes += pipeline.finish()
    units = dict(pipeline.units)
    draw_features(results, units, experiment.rig.arena.px_per_cm)
    draw_rules(results, episodes, [each.rule for each in experiment.behaviours.values()])


def column(results, start):
    (name,) = [name for name in results[0].features if name.startswith(start)]
    return np.array([result.features[name] for result in results])


def draw_features(results, units, px_per_cm) -> None:
    from matplotlib import pyplot as plt

    names = [name for name in results[0].features if not name.startswith(("nearest", "approach"))]
    wanted = [n for n in names if any(n.startswith("".join(f.split())) for f in FEATURES)]
    figure = plt.figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.35))
    axis = left.subplots()
    ahead = column(results, "ahead(visitor,resident.nose)")
    aside = column(results, "aside(visitor,resident.nose)")
    at = int(np.nanargmin(np.abs(ahead - 10) + np.abs(aside - 6)))
    draw_scene(axis, results[at], px_per_cm)
    seconds = np.arange(len(results)) / FPS
    for axis, name in zip(right.subplots(len(wanted), sharex=True), wanted, strict=True):
        axis.plot(seconds, column(results, name), color=GREY, lw=0.9)
        axis.axvline(at / FPS, color=VISITOR, lw=0.8, ls=":")
        axis.set_title(f"{name.rsplit(')', 1)[0]})", fontsize=8, loc="left", pad=2)
        axis.set_ylabel(units[name], fontsize=8)
        axis.tick_params(labelsize=7)
    axis.set_xlabel("s", fontsize=8)
    figure.savefig(IMAGES / "features.png", dpi=110)


def draw_scene(axis, result, px_per_cm) -> None:
    """The poses of one frame, and what some features measure in it (cm)."""
    visitor, resident = result.observation.xy.astype(float) / px_per_cm
    for body, colour, name in ((visitor, VISITOR, "visitor"), (resident, RESIDENT, "resident")):
        axis.plot(*body.T, "o-", color=colour, lw=2, label=name)
    nose, other = visitor[0], resident[0]
    axis.plot(*np.stack([nose, other]).T, color=GREY, lw=1)
    axis.annotate("distance", (nose + other) / 2, (6, 6), textcoords="offset points", fontsize=8)
    way = (visitor[0] - visitor[-1]) / np.hypot(*(visitor[0] - visitor[-1]))
    ahead = nose + way * (way @ (other - nose))
    axis.plot(*np.stack([nose, ahead]).T, color=VISITOR, lw=1, ls="--")
    axis.plot(*np.stack([ahead, other]).T, color=VISITOR, lw=1, ls=":")
    axis.annotate("ahead", (nose + ahead) / 2, (4, -10), textcoords="offset points", fontsize=8)
    axis.annotate("aside", (ahead + other) / 2, (4, -4), textcoords="offset points", fontsize=8)
    axis.set(aspect="equal", xlabel="cm", ylabel="cm")
    axis.invert_yaxis()
    axis.margins(0.25)
    axis.legend(fontsize=8, loc="best")


def draw_rules(results, episodes, rules) -> None:
    from matplotlib import pyplot as plt

    figure, (top, bottom) = plt.subplots(
        2, figsize=(9, 4.4), sharex=True, layout="constrained", height_ratios=(1.6, 1)
    )
    seconds = np.arange(len(results)) / FPS
    nearest = np.nanmin([column(results, name) for name in CONTACT], axis=0)
    top.plot(seconds, nearest, color=GREY, lw=1)
    top.axhline(2, color=GREY, lw=0.8, ls=":")
    top.set(ylabel="smallest of the\nthree distances (cm)", ylim=(0, None))
    parts = " ".join(str(rules[0]).split()).split(" or ")
    top.set_title("contact: " + "\n    or ".join(parts), fontsize=7, loc="left")
    for row, (name, colour) in enumerate((("contact", VISITOR), ("approach", RESIDENT))):
        scores = np.array([result.scores[name] for result in results])
        bottom.fill_between(seconds, row, row + 0.35 * scores, color=colour, alpha=0.5, step="mid")
        mine = [each for each in episodes if each.onset.behaviour == name]
        spans = [
            (e.onset.onset_index / FPS, (e.end_index - e.onset.onset_index + 1) / FPS) for e in mine
        ]
        bottom.broken_barh(spans, (row + 0.45, 0.35), color=colour)
    bottom.set_yticks([0.35, 1.35], ["contact", "approach"])
    bottom.set(xlabel="s", xlim=(0, seconds[-1]))
    bottom.set_title("below: score of each frame; above: episodes", fontsize=8, loc="left")
    figure.savefig(IMAGES / "rules.png", dpi=110)


if __name__ == "__main__":
    main()
