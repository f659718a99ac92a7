"""Small labelled data sets of every format, whose every label is known."""

import csv
import json

import cv2
import numpy as np

from tracker.learning.recipe import (
    CocoSource,
    DeepLabCutSource,
    LightningPoseSource,
    Recipe,
    SleapSource,
    TableSource,
)
from tracker.learning.samples import Wanted

WIDTH, HEIGHT = 40, 30  # px of every image
WANTED = Wanted(channels=1, keypoints=("nose", "tail"))
PARTS = {"nose": ("NOSE",), "tail": ("TAIL",)}

_KINDS = {
    "coco": CocoSource,
    "deeplabcut": DeepLabCutSource,
    "lightning_pose": LightningPoseSource,
    "sleap": SleapSource,
    "table": TableSource,
}


def source_of(kind, path, **fields):
    return _KINDS[kind](kind=kind, name="set", licence="CC0-1.0", path=path, **fields)


def recipe_for(*sources, heads=None, **schedule):
    """A recipe for nose and tail, or other heads."""
    return Recipe(
        name="n",
        version="1",
        licence="BSD-3-Clause",
        sources=sources,
        heads=heads or {"pose": {"keypoints": ["nose", "tail"]}},
        schedule=schedule,
    )


def write_image(path, grey=100, size=(HEIGHT, WIDTH)):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full(size, grey, np.uint8))
    return path


def label_rows(rows, labels=("NOSE", "TAIL"), *, individuals=(), index_cells=3, scorer=True):
    """Rows of a table of (image path, [x, y, x, y, ...]) for DeepLabCut or Lightning Pose."""
    animals = individuals or ("",)
    blank = [""] * (index_cells - 1)
    names = [(animal, label) for animal in animals for label in labels for _ in "xy"]
    header = [["scorer", *blank, *["me"] * len(names)]] if scorer else []
    if individuals:
        header.append(["individuals", *blank, *[animal for animal, _ in names]])
    header.append(["bodyparts", *blank, *[label for _, label in names]])
    header.append(["coords", *blank, *["x", "y"] * (len(names) // 2)])
    cells = [
        [*(image.split("/") if index_cells == 3 else [image]), *values] for image, values in rows
    ]
    return header + cells


def write_rows(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def write_session(folder, rows, **header):
    """A DeepLabCut session: rows of (image name, [x, y, ...]) and the images they name."""
    for name, _ in rows:
        write_image(folder / name)
    images = [(f"labeled-data/{folder.name}/{name}", values) for name, values in rows]
    return write_rows(folder / "CollectedData_me.csv", label_rows(images, **header))


def write_sessions(root, sessions=("a1", "a2", "b1", "c1"), n_images=4):
    """A DeepLabCut project below `root`; image n of each session has its nose at x = n."""
    for session in sessions:
        rows = [(f"{n}.png", [n, 10, 20, 12]) for n in range(n_images)]
        write_session(root / "labeled-data" / session, rows)


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def write_slp(path, frames, video="clip.mp4", nodes=("NOSE", "TAIL")):
    """A SLEAP file of frames {number: [(points (nodes, 2), predicted)]}."""
    import sleap_io

    skeleton = sleap_io.Skeleton(list(nodes))
    if isinstance(video, list):
        clip = sleap_io.Video.from_filename(video)
    else:
        clip = sleap_io.Video(filename=video, open_backend=False)
    made = []
    for number, animals in frames.items():
        instances = [
            (sleap_io.PredictedInstance if predicted else sleap_io.Instance).from_numpy(
                np.array(points, float), skeleton=skeleton
            )
            for points, predicted in animals
        ]
        made.append(sleap_io.LabeledFrame(video=clip, frame_idx=number, instances=instances))
    labels = sleap_io.Labels(made, videos=[clip], skeletons=[skeleton])
    sleap_io.save_slp(labels, str(path), verbose=False)
    return path
