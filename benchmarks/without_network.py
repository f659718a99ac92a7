"""What seeing without a network costs: `background` against the same bare calls of OpenCV.

Ellipses with tails on a floor with noise, drawn before the time is taken. Bare: difference,
threshold, `findContours`, and `moments` of each large contour, as one writes them by hand. They
look at all frames by turns, so that neither finds the caches as the other left them; the best of
the rounds counts for each frame. Budget for one animal at
640x480: at most 1.3 times the bare calls. Also by number of animals and by size of the picture.
`--parts` says where the time goes instead: what differs from the empty arena, outlines, the bodies
of the animals (shape without the tail, area, middle, axes), and the rest (heads, ends, masks).
"""

from time import perf_counter_ns
from typing import Any

import cv2
import numpy as np
from common import arguments, report
from numpy.typing import NDArray

from tracker.observers.background import Background, BackgroundSettings
from tracker.observers.shape import ShapeObserver
from tracker.observers.silhouettes import pieces_of
from tracker.types import Frame

DIFFERENCE, FLOOR, PERIOD_NS = 30, 180, 16_666_667
SIZES = {"320x240": (240, 320), "640x480": (480, 640), "1280x960": (960, 1280)}


def main() -> None:
    parser = arguments(__doc__ or "", rounds=30)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--parts", action="store_true", help="say where the time goes instead")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    if asked.parts:
        rows = [parts("640x480", n, asked) for n in (1, 2, 4, 8)]
        report("Where the time for one frame goes (ms), one thread", rows, asked.json)
        return
    rows = [measure(size, n, asked) for size in ("640x480",) for n in (1, 2, 4, 8, 16)]
    rows += [measure(size, 1, asked) for size in ("320x240", "1280x960")]
    report("Seeing one frame without a network (ms), one thread", rows, asked.json)


def measure(size: str, n: int, asked: Any) -> dict[str, Any]:
    shape = SIZES[size]
    pictures = [scene(shape, n, index) for index in range(asked.frames)]
    empty = np.full(shape, FLOOR + 2, np.uint8)
    settings = BackgroundSettings(difference=DIFFERENCE, max_animals=n)
    observer = ShapeObserver(Background(settings), settings, "background")
    observer.warm_up(shape)
    observer.observe(Frame(0, 0, 0, empty))
    ns = np.full((2, asked.rounds, len(pictures)), np.inf)
    index, found = 0, 0.0
    for turn in range(asked.rounds):
        for k, picture in enumerate(pictures):
            began = perf_counter_ns()
            bare(empty, picture)
            ns[0, turn, k] = perf_counter_ns() - began
        for k, picture in enumerate(pictures):
            index += 1
            frame = Frame(index, index * PERIOD_NS, 0, picture)
            began = perf_counter_ns()
            seen = observer.observe(frame)
            ns[1, turn, k] = perf_counter_ns() - began
            found += seen.measures.get("n_animals", 0.0)
    bare_ms, own_ms = np.median(ns.min(axis=1), axis=1) / 1e6
    return {
        "picture": size,
        "animals": n,
        "found": found / index,
        "bare": float(bare_ms),
        "background": float(own_ms),
        "times": float(own_ms / bare_ms),
        "frames/s": round(1000 / float(own_ms)),
    }


def parts(size: str, n: int, asked: Any) -> dict[str, Any]:
    """Time the steps of seeing one after the other; the rest is what the whole takes longer."""
    shape = SIZES[size]
    pictures = [scene(shape, n, index) for index in range(asked.frames)]
    settings = BackgroundSettings(difference=DIFFERENCE, max_animals=n)
    none_is_large_enough = settings.model_copy(update={"min_area_px2": float(shape[0] * shape[1])})
    method = Background(settings)
    observer = ShapeObserver(method, settings, "background")
    observer.warm_up(shape)
    observer.observe(Frame(0, 0, 0, np.full(shape, FLOOR + 2, np.uint8)))
    ns, index = np.full((4, asked.rounds, len(pictures)), np.inf), 0
    for turn in range(asked.rounds):
        for k, picture in enumerate(pictures):
            began = perf_counter_ns()
            differs = method.foreground(picture, index * PERIOD_NS)
            ns[0, turn, k] = perf_counter_ns() - began
            assert differs is not None
            for step, wanted in ((1, none_is_large_enough), (2, settings)):
                began = perf_counter_ns()
                pieces_of(differs, wanted)
                ns[step, turn, k] = perf_counter_ns() - began
        for k, picture in enumerate(pictures):
            index += 1
            frame = Frame(index, index * PERIOD_NS, 0, picture)
            began = perf_counter_ns()
            observer.observe(frame)
            ns[3, turn, k] = perf_counter_ns() - began
    differs_ms, outlines_ms, pieces_ms, all_ms = np.median(ns.min(axis=1), axis=1) / 1e6
    return {
        "picture": size,
        "animals": n,
        "what differs": float(differs_ms),
        "outlines": float(outlines_ms),
        "bodies": float(pieces_ms - outlines_ms),
        "rest": float(all_ms - differs_ms - pieces_ms),
        "all": float(all_ms),
    }


def bare(empty: NDArray[np.uint8], picture: NDArray[np.uint8]) -> list[Any]:
    apart = cv2.subtract(empty, picture)
    mask = cv2.threshold(apart, DIFFERENCE, 255, cv2.THRESH_BINARY)[1]
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [cv2.moments(each) for each in contours if cv2.contourArea(each) > 100]


def scene(shape: tuple[int, int], n: int, index: int) -> NDArray[np.uint8]:
    """Draw n animals of 60x30 px with tails of 30 px, as far apart as the picture allows."""
    picture = np.full(shape, FLOOR, np.uint8)
    columns = min(n, 4)
    for k in range(n):
        x = shape[1] * (k % columns + 0.5) / columns + index % 20
        y = shape[0] * (k // columns + 0.5) / (-(-n // columns))
        angle = 20 * k + index
        way = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
        middle = np.array([x, y])
        tail = [tuple(np.rint(middle - d * way).astype(int).tolist()) for d in (30, 60)]
        place = round(x), round(y)
        cv2.ellipse(picture, place, (30, 15), angle, 0, 360, 40, -1)
        cv2.line(picture, *tail, 40, 4)
    noise = np.random.default_rng(index).integers(0, 4, shape, np.uint8)
    return np.asarray(cv2.add(picture, noise), np.uint8)


if __name__ == "__main__":
    main()
