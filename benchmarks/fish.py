"""Whether eight fish are found, each where it is, against a careful offline run.

The offline run knows the whole film. Its arena is the median of 100 frames over all of it; what is
darker by 25 grey values and holds something darker by 45 is fish. Frames with eight pieces give
eight middles each, and are linked forwards by the least sum of distances. Between two such frames,
middles begin on the straight line from one to the other, and are moved to the middles of the
pixels that are nearest to them (k-means, on all fish pixels of the frame), so that fish that touch
or cross are told by where they come from and where they go.

A frame is right if eight are counted and each lies within 20 px of its own fish (a fish is 45 to
60 px long; the offline middles count the tail, those of the method do not). Wanted: 95 % of frames.
`--film` writes a film of the frames with what was seen in green and the offline run in red.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from common import arguments, report
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from tracker.build import build_camera, without_network
from tracker.cameras.base import frames_of
from tracker.clock import SystemClock
from tracker.config import load
from tracker.tuning import gather
from tracker.types import Frame

N, NEAR_PX, DARKER, SURELY_DARKER, LEAST_PX2 = 8, 20.0, 25, 45, 100
Points = NDArray[np.float64]


def main() -> None:
    parser = arguments(__doc__ or "", rounds=1)
    parser.add_argument("video", type=Path, help="DATA/fish/test_A.avi")
    parser.add_argument("--config", default="fish_watershed")
    parser.add_argument("--film", type=Path, help="write overlays here (.avi)")
    asked = parser.parse_args()
    experiment = load(Path(asked.config), [f"rig.camera.path={asked.video}"])
    frames = read(experiment)
    truth, n_alone = offline([each.image for each in frames])
    rows = []
    for start in ("first frame", "empty arena"):
        observer: Any = without_network(experiment.observer)
        if start == "empty arena":
            if not hasattr(observer.method, "begin_with"):
                break
            observer.method.begin_with(gather(experiment.rig.camera, 600, None, always).empty)
        observer.warm_up(frames[0].image.shape)
        found, counts, outlines = [], [], []
        for frame in frames:
            seen = observer.observe(frame)
            found.append(seen.xy[:, 1].astype(np.float64))
            counts.append(int(seen.measures.get("n_animals", 0)))
            outlines.append([one.contour for one in observer.seen])
        away = [distances(a, b) for a, b in zip(found, truth, strict=True)]
        counted = np.array(counts) == N
        placed = np.array([len(a) == N and bool((a <= NEAR_PX).all()) for a in away])
        every = np.concatenate(away)
        rows.append(
            {
                "begins with": start,
                "frames": len(frames),
                "eight alone": n_alone,
                "count right, %": 100 * float(counted.mean()),
                "right, %": 100 * float((counted & placed).mean()),
                "fish found, %": 100 * float((every <= NEAR_PX).sum()) / (N * len(frames)),
                "median px": float(np.median(every)),
                "wrong frames": str(np.flatnonzero(~(counted & placed))[:12].tolist()),
            }
        )
    if asked.film:
        write_film(asked.film, frames, outlines, truth)
    report(f"{asked.config} on {asked.video.name} against the offline run", rows, asked.json)


def always(_: int) -> bool:
    return True


def read(experiment: Any) -> list[Frame]:
    camera = build_camera(experiment.rig.camera, SystemClock())
    camera.open()
    frames = []
    try:
        for got in frames_of(camera):
            grey = got.image if got.image.ndim == 2 else got.image[..., 1]
            frames.append(Frame(got.index, got.captured_ns, got.received_ns, grey.copy()))
    finally:
        camera.close()
    return frames


def offline(images: list[NDArray[np.uint8]]) -> tuple[list[Points], int]:
    """Return the middles of eight fish in each frame, and in how many of them all stood alone."""
    chosen = np.linspace(0, len(images) - 1, 100).astype(int)
    empty = np.median(np.stack([images[k] for k in chosen]), axis=0).astype(np.uint8)
    pixels = [fish_pixels(cv2.subtract(empty, image)) for image in images]
    sure: dict[int, Points] = {}
    for k, (labels, n) in enumerate(pixels):
        if n == N:
            places = [np.argwhere(labels == one)[:, ::-1].mean(axis=0) for one in range(1, N + 1)]
            sure[k] = np.array(places)
    known = sorted(sure)
    for before, after in pairwise(known):
        sure[after] = sure[after][matched(sure[before], sure[after])]
    middles = []
    for k, (labels, _) in enumerate(pixels):
        if k in sure:
            middles.append(sure[k])
            continue
        before = max((each for each in known if each < k), default=known[0])
        after = min((each for each in known if each > k), default=known[-1])
        share = (k - before) / (after - before) if after > before else 0.0
        guess = sure[before] * (1 - share) + sure[after] * share
        middles.append(settled(np.argwhere(labels)[:, ::-1].astype(float), guess))
    return middles, len(sure)


def fish_pixels(darker: NDArray[np.uint8]) -> tuple[NDArray[np.int32], int]:
    """Return the pieces of a picture that are fish, numbered from 1, and how many there are."""
    _, labels, about, _ = cv2.connectedComponentsWithStats((darker > DARKER).astype(np.uint8))
    sure = np.unique(labels[darker > SURELY_DARKER])
    kept = [one for one in sure.tolist() if one and about[one, cv2.CC_STAT_AREA] >= LEAST_PX2]
    number = np.zeros(len(about), np.int32)
    number[kept] = np.arange(1, len(kept) + 1)
    return number[labels], len(kept)


def settled(pixels: Points, middles: Points) -> Points:
    """Return middles moved to those of the pixels that are nearest to them."""
    for _ in range(10):
        nearest = ((pixels[:, None] - middles) ** 2).sum(axis=2).argmin(axis=1)
        middles = np.array(
            [
                pixels[nearest == k].mean(axis=0) if (nearest == k).any() else middles[k]
                for k in range(len(middles))
            ]
        )
    return middles


def matched(before: Points, after: Points) -> NDArray[np.intp]:
    apart = np.hypot(*(before[:, None] - after).transpose(2, 0, 1))
    return np.asarray(linear_sum_assignment(apart)[1])


def distances(found: Points, true: Points) -> Points:
    """Return how far each that was found is from its own fish (px)."""
    if not len(found):
        return np.zeros(0)
    apart = np.hypot(*(found[:, None] - true).transpose(2, 0, 1))
    rows, columns = linear_sum_assignment(apart)
    return np.asarray(apart[rows, columns])


def write_film(path: Path, frames: Any, outlines: Any, truth: list[Points]) -> None:
    height, width = frames[0].image.shape
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 14, (width, height))
    for frame, found, true in zip(frames, outlines, truth, strict=True):
        picture = cv2.cvtColor(frame.image, cv2.COLOR_GRAY2BGR)
        cv2.drawContours(picture, found, -1, (115, 158, 0), 2)
        for x, y in true:
            cv2.circle(picture, (round(float(x)), round(float(y))), 4, (0, 0, 255), 1)
        place = (20, 30)
        cv2.putText(picture, f"{frame.index}: {len(found)}", place, 0, 0.8, (0, 0, 255), 2)
        film.write(picture)
    film.release()


if __name__ == "__main__":
    main()
