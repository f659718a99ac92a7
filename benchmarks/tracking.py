"""Following animals that walk about and meet: the tracker alone, per frame.

Budget: 0.2 ms for 10 animals, 2 ms for 100. On a busy machine the fastest round of each frame tells
what the tracker itself takes.
"""

from time import perf_counter_ns

import numpy as np
from common import arguments, report
from numpy.typing import NDArray

from tracker.tracking import Tracker, TrackingSettings
from tracker.types import Observation, Skeleton

N_KEYPOINTS = 8
N_FRAMES = 600
PERIOD_NS = 20_000_000
BODY_PX = 40.0
EDGES = tuple((k, k + 1) for k in range(N_KEYPOINTS - 1))
BUDGET_MS = {10: 0.2, 100: 2.0}


def walk(n: int, seed: int = 0) -> NDArray[np.float32]:
    """Return walks of n animals, (frames, animals, keypoints, 2), one body length between them."""
    rng = np.random.default_rng(seed)
    side = 1.5 * BODY_PX * np.sqrt(n)
    turn = np.cumsum(rng.normal(0, 0.15, (N_FRAMES, n)), axis=0) + rng.uniform(0, 7, n)
    way = np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    place = np.cumsum(2.0 * way, axis=0) + rng.uniform(0, side, (n, 2))
    place = side - np.abs(place % (2 * side) - side)  # the walls throw them back
    along = np.linspace(0, -BODY_PX, N_KEYPOINTS)[:, None]
    xy = place[:, :, None] + along * way[:, :, None]
    xy += rng.normal(0, 0.5, xy.shape)
    xy[rng.random(xy.shape[:3]) < 0.05] = np.nan
    return xy.astype(np.float32)


def main() -> None:
    asked = arguments(__doc__ or "", rounds=5).parse_args()
    skeleton = Skeleton(tuple(f"k{k}" for k in range(N_KEYPOINTS)), EDGES)
    rows = []
    for n, budget_ms in BUDGET_MS.items():
        xy = walk(n)
        sure = np.ones(xy.shape[1:3], np.float32)
        names = tuple(f"a{i}" for i in range(n))
        seen = [Observation(i, i * PERIOD_NS, each, sure) for i, each in enumerate(xy)]
        taken = np.empty((asked.rounds, N_FRAMES))
        for round_ in range(asked.rounds):
            tracker = Tracker(names, skeleton, TrackingSettings(animals=names))
            for frame, each in enumerate(seen):
                began = perf_counter_ns()
                tracker.update(each)
                taken[round_, frame] = (perf_counter_ns() - began) / 1e6
        rows.append(
            {
                "animals": n,
                "median ms": float(np.median(taken)),
                "p99 ms": float(np.percentile(taken, 99)),
                "median of the fastest round ms": float(np.median(taken.min(axis=0))),
                "budget ms": budget_ms,
            }
        )
    report("Tracking, per frame", rows, asked.json)


if __name__ == "__main__":
    main()
