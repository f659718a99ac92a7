"""Where keypoints will be 1 to 5 frames later: filters beside no prediction, against the truth.

On `horse`: 22 keypoints that people marked on every one of 308 frames. Settings of each filter were
chosen on the first half, by the mean error 2 frames ahead (`--choose` does it again); errors are
those of the second half. `still` is no prediction: what was seen last.
"""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, report
from numpy.typing import NDArray

from tracker.smoothing import FilterKind, Smoother, SmoothingSettings
from tracker.types import Observation, Skeleton

FPS = 24.0
AHEAD = (1, 2, 3, 4, 5)
CHOSEN: dict[str, dict[str, Any]] = {
    "still": {},
    "one_euro": {"min_cutoff_hz": 10.0, "beta": 0.1, "speed_cutoff_hz": 3.0},
    "constant_velocity": {"agility": 70.0},
    "constant_acceleration": {"agility": 300.0},
}
CHOICES: dict[str, dict[str, tuple[float, ...]]] = {
    "one_euro": {
        "min_cutoff_hz": (2.0, 5.0, 10.0, 20.0, 50.0),
        "beta": (0.0, 0.1, 1.0),
        "speed_cutoff_hz": (1.0, 1.5, 2.0, 3.0, 4.0),
    },
    "constant_velocity": {"agility": (30.0, 50.0, 70.0, 100.0, 150.0, 200.0, 300.0)},
    "constant_acceleration": {"agility": (10.0, 30.0, 50.0, 100.0, 200.0, 300.0, 600.0)},
}


def horse(folder: Path) -> NDArray[np.float32]:
    """Return the marked positions, (frames, keypoints, 2), px; NaN where not marked."""
    import pandas as pd

    values = pd.read_hdf(folder / "BrownHorseinShadow_gt.h5").to_numpy(np.float32)
    return values.reshape(len(values), -1, 2)


def errors(xy: NDArray[np.float32], kind: str, about: dict[str, Any], ahead: int) -> Any:
    """Return the distance (px) of each keypoint in each frame from where it was predicted."""
    name = FilterKind.NONE if kind == "still" else FilterKind(kind)
    skeleton = Skeleton(tuple(f"k{k}" for k in range(xy.shape[1])))
    predict_ms = 0.0 if kind == "still" else 1000 * ahead / FPS
    smoother = Smoother(SmoothingSettings(kind=name, predict_ms=predict_ms, **about), 1, skeleton)
    sure = np.ones((1, xy.shape[1]), np.float32)
    predicted = [
        smoother.update(Observation(i, round(i * 1e9 / FPS), each[None], sure)).xy[0]
        for i, each in enumerate(xy)
    ]
    off = np.array(predicted[:-ahead]) - xy[ahead:]
    return np.hypot(off[..., 0], off[..., 1])


def choose(xy: NDArray[np.float32]) -> None:
    """Print the settings of each filter with the least mean error on the first half."""
    half = xy[: len(xy) // 2]
    for kind, choices in CHOICES.items():
        every = [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]
        means = [float(np.nanmean(errors(half, kind, each, 2))) for each in every]
        print(kind, every[int(np.argmin(means))], f"{min(means):.3f} px")


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("data", type=Path, help="folder of the set `horse`")
    parser.add_argument("--choose", action="store_true", help="choose the settings again")
    parser.add_argument("--figure", type=Path, help="draw the errors here (PNG)")
    asked = parser.parse_args()
    xy = horse(asked.data)
    if asked.choose:
        choose(xy)
    rows = []
    for kind, about in CHOSEN.items():
        row: dict[str, Any] = {"filter": kind}
        for ahead in AHEAD:
            late = errors(xy, kind, about, ahead)[len(xy) // 2 :]
            row[f"{ahead}"] = float(np.nanmean(late))
        rows.append(row)
    report("Mean error (px) by frames ahead, second half of horse", rows, asked.json)
    if asked.figure:
        draw(rows, asked.figure)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for row, line in zip(rows, ("o-k", "s--C1", "o-C0", "^-C2"), strict=True):
        axes.plot(
            [1000 * n / FPS for n in AHEAD],
            [row[str(n)] for n in AHEAD],
            line,
            label=row["filter"].replace("still", "no prediction").replace("_", " "),
        )
    axes.set(xlabel="ahead (ms)", ylabel="mean error (px)", ylim=(0, None))
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    main()
