"""How exact the registration of a view to its reference is, by method, and what it costs.

    python benchmarks/registration.py --data ../shared/data

`drawn`: pictures of a drawn arena with an animal, moved by known amounts. Real frames: one of the
video is the reference; another, with the animals elsewhere, is moved by known amounts, and what
is found is compared with what is found of the same frame unmoved. `phase` is OpenCV's phase
correlation, `features` ORB with RANSAC, `ecc` OpenCV's findTransformECC begun there.
"""

import argparse
import math
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import Any

import cv2
import numpy as np
from common import report, run_recorded

from tracker.errors import RegistrationError
from tracker.geometry import apart, motion_of
from tracker.pyramid import Pyramid
from tracker.registration.models import Model
from tracker.registration.reference import Reference
from tracker.registration.start import Features, by_phase
from tracker.summary import summarise

MOTIONS = ((0.3, -0.2, 0.1), (2.4, 1.7, -0.4), (-6.3, 4.8, 0.8), (9.0, -7.0, -1.2))
"""x and y (px) and turn about the middle (deg)."""

VIDEOS = {
    "open field": ("mouse_open_field_dlc/videos/m3v1mp4.mp4", 300),
    "round arena": ("mouse_long_video/mouse_video.mp4", 500),
    "home cage": ("mice_home_cage/mice.mp4", 300),
    "flies": ("flies/clip.mp4", 300),
    "fish": ("fish/test_A.avi", 100),
}
EVERY_S = 2.0
MARGIN = 18


def moved(shape: tuple[int, int], x: float, y: float, deg: float) -> Any:
    height, width = shape
    cos, sin = math.cos(math.radians(deg)), math.sin(math.radians(deg))
    middle = np.array([[1, 0, (width - 1) / 2], [0, 1, (height - 1) / 2], [0, 0, 1.0]])
    return middle @ np.array([[cos, -sin, x], [sin, cos, y], [0, 0, 1]]) @ np.linalg.inv(middle)


def view(image: Any, matrix: Any, seed: int) -> Any:
    """The picture moved, darker, and with the noise of a camera, without its margin.

    `matrix` is that of the picture without its margin.
    """
    height, width = image.shape
    shift = np.array([[1, 0, MARGIN], [0, 1, MARGIN], [0, 0, 1.0]])
    whole = shift @ matrix @ np.linalg.inv(shift)
    seen = cv2.warpPerspective(image, whole, (width, height), flags=cv2.INTER_CUBIC)
    noise = np.random.default_rng(seed).normal(0, 2, seen.shape)
    return within(np.clip(seen * 0.85 + 6 + noise, 0, 255).astype(np.uint8))


def within(image: Any) -> Any:
    """What the camera sees; the margin is for what comes into its view."""
    return np.ascontiguousarray(image[MARGIN:-MARGIN, MARGIN:-MARGIN])


def with_animal(image: Any, x: int, y: int) -> Any:
    picture = image.copy()
    cv2.ellipse(picture, (x, y), (38, 17), 30, 0, 360, 25, -1, cv2.LINE_AA)
    return picture


def drawn() -> tuple[Any, Any]:
    rng = np.random.default_rng(3)
    picture = np.full((480, 640), 80, np.uint8)
    cv2.rectangle(picture, (70, 60), (570, 420), 175, -1)
    cv2.circle(picture, (450, 330), 50, 140, -1)
    for x, y in rng.uniform((0, 0), (640, 480), (60, 2)).astype(int).tolist():
        cv2.circle(picture, (x, y), 4, int(rng.integers(60, 230)), -1, cv2.LINE_AA)
    picture = cv2.GaussianBlur(picture, (0, 0), 1)
    return with_animal(picture, 200, 150), with_animal(picture, 330, 260)


def pairs(data: Path | None) -> Iterator[tuple[str, Any, Any]]:
    yield "drawn", *drawn()
    for name, (path, later) in VIDEOS.items() if data else ():
        if data is None or not (data / path).is_file():
            print(f"{path} is not there: left out", file=sys.stderr)
            continue
        capture = cv2.VideoCapture(str(data / path))
        frames = [capture.read()[1] for _ in range(later + 1)]
        grey = [cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in (frames[0], frames[-1])]
        yield name, grey[0], grey[1]


def ours(model: Model) -> Callable[[Any], Callable[[Any], Any]]:
    def begin(image: Any) -> Callable[[Any], Any]:
        reference = Reference(image, model)
        return lambda other: reference.look(Pyramid(other)).matrix

    return begin


def by_ecc(image: Any) -> Callable[[Any], Any]:
    features = Features(Pyramid(image))

    def find(other: Any) -> Any:
        start = features.motion_to(Pyramid(other), Model.RIGID)
        warp = np.eye(2, 3, dtype=np.float32) if start is None else start[:2].astype(np.float32)
        try:
            _, warp = cv2.findTransformECC(
                image, other, warp, cv2.MOTION_EUCLIDEAN, (3, 50, 1e-5), None, 5
            )
        except cv2.error:
            return None
        return np.vstack((warp, (0, 0, 1)))

    return find


METHODS: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    "phase": lambda image: lambda other: by_phase(Pyramid(image), Pyramid(other))[0],
    "features": lambda image: (
        lambda other: Features(Pyramid(image)).motion_to(Pyramid(other), Model.SIMILARITY)
    ),
    "ecc": by_ecc,
    "ours, translation": ours(Model.TRANSLATION),
    "ours, rigid": ours(Model.RIGID),
    "ours, similarity": ours(Model.SIMILARITY),
    "ours, affine": ours(Model.AFFINE),
    "ours, homography": ours(Model.HOMOGRAPHY),
}


def measure(scene: str, method: str, one: Any, other: Any) -> dict[str, Any]:
    one = within(one)
    shape = one.shape
    try:
        find = METHODS[method](one)
    except RegistrationError:  # too few edges for this model, and it says so
        find = lambda _: None  # noqa: E731 - a method that never answers
    unmoved = find(view(other, np.eye(3), 0))
    off_px, off_deg, took_ms, failed = [], [], [], 0
    turns = method not in ("phase", "ours, translation")
    for number, (x, y, deg) in enumerate(MOTIONS):
        known = moved(shape, x, y, deg if turns else 0.0)
        picture = view(other, known, number + 1)
        began = perf_counter_ns()
        found = find(picture)
        took_ms.append((perf_counter_ns() - began) / 1e6)
        if found is None or unmoved is None:
            failed += 1
            continue
        expected = known @ unmoved if scene != "drawn" else known
        middle = apart_at_middle(found, expected, shape)
        off_px.append(middle)
        turned = motion_of(found, shape).turned_deg - motion_of(expected, shape).turned_deg
        off_deg.append(abs(turned))
    nothing = float("nan")
    return {
        "scene": scene,
        "method": method,
        "median_px": median(off_px) if off_px else nothing,
        "worst_px": max(off_px, default=nothing),
        "worst_deg": max(off_deg, default=nothing),
        "not_said": failed,
        "median_ms": median(took_ms),
        "share_of_loop": median(took_ms) / (EVERY_S * 1e3),
    }


def apart_at_middle(found: Any, expected: Any, shape: tuple[int, ...]) -> float:
    """How far apart the two put the picture's middle (px); corners add the error of the angle."""
    small = (3, 3)
    shift = np.array([[1, 0, shape[1] / 2], [0, 1, shape[0] / 2], [0, 0, 1.0]])
    return apart(
        np.linalg.inv(shift) @ found @ shift, np.linalg.inv(shift) @ expected @ shift, small
    )


def in_the_loop(seconds: float) -> list[dict[str, Any]]:
    """Sessions of 640x480 at 60 frames/s with and without; looks in processor time."""
    rows = []
    for watched in (False, True, False, True):
        changes = [f"session.duration_s={seconds}", "outputs.recording.codec=none"]
        if watched:
            changes.append("rig.registration={on_move: follow}")
        with tempfile.TemporaryDirectory() as out:
            recording = run_recorded(changes, "demo", Path(out))
            summary = summarise(recording)
            looks = [row.took_ms or 0.0 for row in recording.views]
        rows.append(
            {
                "session": "watched" if watched else "not watched",
                "fps": summary["fps"],
                "own_p50_ms": summary["overhead_ms"]["p50"],
                "own_p99_ms": summary["overhead_ms"]["p99"],
                "looks": len(looks),
                "look_ms": median(looks) if looks else 0.0,
                "share_of_a_core": sum(looks) / (seconds * 1e3),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the real videos; without: drawn alone")
    parser.add_argument("--json", type=Path, help="write the figures and the machine's facts here")
    parser.add_argument("--loop", type=float, help="also run sessions of so many seconds")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    rows = [
        measure(scene, method, one, other)
        for scene, one, other in pairs(asked.data)
        for method in METHODS
    ]
    if asked.loop:
        report("what it costs a session", in_the_loop(asked.loop), None)
    report(f"registration; share of the loop: one look every {EVERY_S:g} s", rows, asked.json)


if __name__ == "__main__":
    main()
