"""Two mice, of which the second one visits the first: tracks and annotations of small sessions."""

import numpy as np
from ruamel.yaml import YAML
from track_files import dlc_rows, write_csv

FPS = 25
N_FRAMES = 400
NAMES = ("s1", "s2", "s3", "s4")
KEYPOINTS = ("nose", "neck", "tail_base")
SHAPE = np.array([[30.0, 0.0], [20.0, 0.0], [0.0, 0.0]])

CONFIG = """
rig:
  camera: {kind: tracks_only, n_frames: 400, fps: 25, width_px: 640, height_px: 480}
  arena: {px_per_cm: null}
tracking: {animals: [ind1, ind2], given: true}
behaviours:
  visit:
    rule: {kind: learned, model: MODEL, class_name: close}
    episode: {enter: 0.5, leave: 0.5, min_duration_s: 0, max_gap_s: 0}
"""


def visits(seed):
    """Frames (first, last) in which the second one is there."""
    dice = np.random.default_rng(seed)
    borders = np.cumsum(dice.integers(30, 70, 12))
    borders = borders[borders < N_FRAMES]
    return [(int(a), int(b) - 1) for a, b in zip(borders[::2], borders[1::2], strict=False)]


def tracks(seed):
    """Positions (frames, 2, 3, 2): 60 px apart on a visit, else 200; one point in 10 is lost."""
    dice = np.random.default_rng(seed)
    far = np.full(N_FRAMES, 200.0)
    for first, last in visits(seed):
        far[first : last + 1] = 60.0
    places = np.full((N_FRAMES, 2, 2), 150.0)
    places[:, 1, 0] += far
    places += dice.normal(0, 2, places.shape)
    xy = places[:, :, None] + SHAPE + dice.normal(0, 1, (N_FRAMES, 2, 3, 2))
    xy[dice.random(xy.shape[:3]) < 0.1] = np.nan
    return xy.astype(np.float32)


def write_truth(path, seed):
    """Annotations of the Caltech annotator, whose frames begin at 1."""
    lines = ["Caltech Behavior Annotator - Annotation File", "", "Configuration file:"]
    lines += ["apart\ta", "close\tc", "", "S1:\tstart\tend\ttype", "-----"]
    after = 0
    for first, last in visits(seed):
        lines += [f"\t{after + 1}\t{first}\tapart", f"\t{first + 1}\t{last + 1}\tclose"]
        after = last + 1
    lines.append(f"\t{after + 1}\t{N_FRAMES}\tapart")
    path.write_text("\n".join(lines), encoding="utf-8")


def write_recipe(folder, model, **fields):
    """Sessions, an experiment and a recipe; returns the recipe."""
    for seed, name in enumerate(NAMES):
        rows = dlc_rows(tracks(seed), individuals=("ind1", "ind2"), keypoints=KEYPOINTS)
        write_csv(folder / f"{name}.csv", rows)
        write_truth(folder / f"{name}.txt", seed)
    config = folder / "two_mice.yaml"
    config.write_text(CONFIG.replace("MODEL", str(folder / "classifier.onnx")), encoding="utf-8")
    recipe = {
        "kind": "behaviours",
        "name": "visits",
        "licence": "CC0-1.0",
        "experiment": "two_mice.yaml",
        "sessions": [
            {
                "name": "drawn",
                "licence": "CC0-1.0",
                "tracks": "s*.csv",
                "truth": "{stem}.txt",
                "fps": FPS,
                "validate_on": ["s3"],
                "hold_out": ["s4"],
            }
        ],
        "classes": ["apart", "close"],
        "inputs": ["distance(a, b)", "speed(a)", "speed(b)", "nearest(a.nose, b)"],
        "step_s": 0.12,
        "warm_up_s": 0.24,
        "model": model,
    }
    path = folder / "recipe.yaml"
    YAML(pure=True).dump(recipe | fields, path)
    return path
