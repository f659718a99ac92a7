"""Make the pictures of docs/arena.md.

    python docs/make_arena_pictures.py DATA

DATA has `mouse_open_field_dlc/` and `mice_home_cage/`. The board is drawn as a camera with a known
lens sees it; all else are real frames.
"""

import sys
import tempfile
from pathlib import Path

import av
import cv2
import numpy as np
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from drawn_boards import POSES, photograph, printed

from tracker.arena import Arena, ArenaSettings
from tracker.calibration.boards import Board
from tracker.cli import app

IMAGES = Path(__file__).parent / "images"
CAGE_CM = {"points": [
    {"x_px": 14, "y_px": 47, "x_cm": 0, "y_cm": 0},
    {"x_px": 609, "y_px": 47, "x_cm": 30, "y_cm": 0},
    {"x_px": 600, "y_px": 458, "x_cm": 30, "y_cm": 20},
    {"x_px": 26, "y_px": 458, "x_cm": 0, "y_cm": 20},
]}  # fmt: skip
"""Corners of the floor of m3v1mp4.mp4; the size in cm is a guess."""


def main() -> None:
    data = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        lens(Path(folder))
        registered(data, Path(folder))
    floor(data)


def lens(folder: Path) -> None:
    """`tracker calibrate` on drawn photographs."""
    board = Board.read("charuco:7x5:30:22")
    print_ = printed(board, folder)
    photos = folder / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    for number, pose in enumerate(POSES):
        photo = photograph(print_, board, *pose) + rng.normal(0, 4, (480, 640))
        picture = np.clip(photo, 0, 255).astype(np.uint8)
        cv2.imwrite(str(photos / f"view_{number}.png"), picture)
    done = CliRunner().invoke(
        app, ["calibrate", str(photos), "--board", board.text, "--out", str(folder / "lens.yaml")]
    )
    print(done.output)
    small = cv2.resize(cv2.imread(str(folder / "lens.png")), None, fx=0.75, fy=0.75,
                       interpolation=cv2.INTER_AREA)  # fmt: skip
    cv2.imwrite(str(IMAGES / "arena_lens.jpg"), small, [cv2.IMWRITE_JPEG_QUALITY, 88])


def registered(data: Path, folder: Path) -> None:
    """`tracker register` on two parts of one film, the second as if the camera had been turned."""
    film = data / "mice_home_cage" / "mice.mp4"
    turn = cv2.getRotationMatrix2D((512, 384), 2.0, 1.0) + np.array([[0, 0, 14], [0, 0, -9]])
    for name, first, matrix in (("monday", 0, None), ("tuesday", 700, turn)):
        part(film, folder / f"{name}.mkv", first, matrix)
    out = folder / "pair.json"
    films = [str(folder / "monday.mkv"), str(folder / "tuesday.mkv")]
    asked = ["register", *films, "--out", str(out), "--model", "rigid"]
    done = CliRunner().invoke(app, asked)
    print(done.output)
    both = cv2.imread(str(folder / "pair.png"))
    small = cv2.resize(both, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(IMAGES / "arena_registered.jpg"), small)


def part(film: Path, to: Path, first: int, matrix: np.ndarray | None) -> None:
    with av.open(str(film)) as source, av.open(str(to), "w") as file:
        stream = file.add_stream("ffv1", rate=47)
        stream.width, stream.height, stream.pix_fmt = 1024, 768, "gray"
        for number, frame in enumerate(source.decode(video=0)):
            if number < first or number % 8:
                continue
            if number > first + 400:
                break
            image = frame.to_ndarray(format="gray")
            if matrix is not None:
                image = cv2.warpAffine(image, matrix, (1024, 768), borderMode=cv2.BORDER_REFLECT)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="gray")))
        file.mux(stream.encode())


def floor(data: Path) -> None:
    """A grid of 5 cm and zones in cm on a real frame."""
    capture = cv2.VideoCapture(str(data / "mouse_open_field_dlc" / "videos" / "m3v1mp4.mp4"))
    _, picture = capture.read()
    zones = {
        "centre": {"kind": "circle_cm", "x_cm": 15, "y_cm": 10, "radius_cm": 5},
        "corner": {"kind": "polygon_cm", "points_cm": [[24, 14], [30, 14], [30, 20], [24, 20]]},
    }
    settings = {"px_per_cm": None, "plane": CAGE_CM, "zones": zones}
    arena = Arena(ArenaSettings.model_validate(settings))
    lines = [((x, 0), (x, 20)) for x in range(0, 31, 5)] + [
        ((0, y), (30, y)) for y in range(0, 21, 5)
    ]
    for ends in lines:
        at = arena.to_sensor_px(np.array(ends, float))
        cv2.line(
            picture, *(tuple(map(int, end)) for end in np.rint(at)), (200, 140, 30), 1, cv2.LINE_AA
        )
    for name, colour in (("centre", (0, 94, 213)), ("corner", (115, 158, 0))):
        corners = np.rint(np.array(arena.drawn(name).points_px)).astype(np.int32)
        cv2.polylines(
            picture, [corners], isClosed=True, color=colour, thickness=2, lineType=cv2.LINE_AA
        )
    cv2.imwrite(str(IMAGES / "arena_floor.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 80])


if __name__ == "__main__":
    main()
