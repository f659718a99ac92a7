"""A data set so easy that a tiny network learns it in seconds: a light and a dark dot."""

import copy
import csv

import cv2
import numpy as np
from ruamel.yaml import YAML

from tracker.learning.recipe import read_recipe

SIDE = 64  # px, height and width of each image

RECIPE = {
    "name": "dots",
    "version": "1",
    "licence": "BSD-3-Clause",
    "sources": [
        {
            "kind": "deeplabcut",
            "name": "dots",
            "path": "labeled-data",
            "licence": "CC0-1.0",
            "keypoints": {"light": ["LIGHT"], "dark": ["DARK"]},
            "group": "^(.)",
            "hold_out": ["c"],
        }
    ],
    "heads": {
        "pose": {"keypoints": ["light", "dark"], "edges": [["light", "dark"]]},
    },
    "input": {"channels": 1, "long_side": SIDE},
    "backbone": {"kind": "compact", "widths": [8, 16, 16, 16, 16], "depth": 1},
    "augmentation": {
        "size_px": [20, 28],
        "light": [0.9, 1.1],
        "gamma": [0.9, 1.1],
        "offset": [-10, 10],
        "shading": 0.1,
        "blur_px": 0.3,
        "motion_px": 0,
        "stretch": 0,
        "noise": 3,
        "occlusion": 0,
    },
    "schedule": {
        "steps": 100,
        "batch": 8,
        "learning_rate": 0.01,
        "canvas": [SIDE, SIDE],
        "validate_every": 50,
        "threads": 1,
    },
}

WITHOUT_KEYPOINTS = [{**RECIPE["sources"][0], "keypoints": {}}]
"""Sources of a recipe without a pose head."""


def draw(rng):
    """An image with one light and one dark dot 24 px apart, and their places (2, 2)."""
    image = np.full((SIDE, SIDE), 120, np.uint8)
    middle, angle = rng.uniform(20, 44, 2), rng.uniform(0, 2 * np.pi)
    arm = 12 * np.array([np.cos(angle), np.sin(angle)])
    xy = np.array([middle + arm, middle - arm])
    for (x, y), grey in zip(xy, (230, 20), strict=True):
        # 4 fractional bits, so that the dot lies where its label says.
        centre = round(x * 16), round(y * 16)
        cv2.circle(image, centre, 4 * 16, (grey,), -1, cv2.LINE_AA, shift=4)
    return image, xy


def write_table(path, rows, labels=("LIGHT", "DARK")):
    """Write a DeepLabCut table of rows (image name, [x, y, x, y, ...])."""
    names = [name for label in labels for name in (label, label)]
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["scorer", "", "", *["me"] * len(names)])
        table.writerow(["bodyparts", "", "", *names])
        table.writerow(["coords", "", "", *["x", "y"] * len(labels)])
        for name, values in rows:
            table.writerow(["labeled-data", path.parent.name, name, *values])


def write_data(root, sessions=("a1", "a2", "b1", "c1"), images=6):
    """Write labelled images below `root`, one folder per session."""
    rng = np.random.default_rng(0)
    for session in sessions:
        folder = root / "labeled-data" / session
        folder.mkdir(parents=True)
        rows = []
        for number in range(images):
            image, xy = draw(rng)
            cv2.imwrite(str(folder / f"{number}.png"), image)
            rows.append((f"{number}.png", xy.ravel().tolist()))
        write_table(folder / "CollectedData_me.csv", rows)


def write_recipe(folder, **changes):
    """Write the recipe with changes like `schedule__steps=3` or `heads={...}`; return its path."""
    recipe = copy.deepcopy(RECIPE)
    for name, value in changes.items():
        *parts, field = name.split("__")
        place = recipe
        for part in parts:
            place = place[part]
        place[field] = value
    path = folder / "recipe.yaml"
    YAML().dump(recipe, path)
    return path


def recipe_of(folder, **changes):
    return read_recipe(write_recipe(folder, **changes))
