"""Small files of tracks of other programs, whose every number is known.

Individual k of frame f has its keypoint n at x = 10 + f + 20 k, y = 5 + 3 n.
"""

import csv

import numpy as np
from data_sets import write_slp  # noqa: F401 - for tests of imports, from one place

N = 6


def positions(n_frames=N, individuals=1, keypoints=2):
    """Shape (frames, individuals, keypoints, 2)."""
    xy = np.zeros((n_frames, individuals, keypoints, 2), np.float32)
    xy[..., 0] = 10 + np.arange(n_frames)[:, None, None] + 20 * np.arange(individuals)[:, None]
    xy[..., 1] = 5 + 3 * np.arange(keypoints)
    return xy


def dlc_rows(
    xy,
    likelihood=0.9,
    *,
    individuals=(),
    keypoints=("nose", "tail_base"),
    scorer=True,
    coords=("x", "y", "likelihood"),
):
    """Header and rows of a table of tracks; `likelihood` is a number or an array."""
    animals = individuals or ("",)
    names = [(a, k, c) for a in animals for k in keypoints for c in coords]
    rows = [["scorer", *["DLC_net"] * len(names)]] if scorer else []
    if individuals:
        rows.append(["individuals", *[a for a, _, _ in names]])
    rows.append(["bodyparts", *[k for _, k, _ in names]])
    rows.append(["coords", *[c for _, _, c in names]])
    likely = np.broadcast_to(likelihood, xy.shape[:3])
    values = np.concatenate([xy, likely[..., None]], axis=3)[..., : len(coords)]
    for number, row in enumerate(values.reshape(len(xy), -1)):
        rows.append([number, *["" if np.isnan(v) else repr(float(v)) for v in row]])
    return rows


def write_csv(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def write_h5(path, rows, key="df_with_missing"):
    """The same as `write_csv`, as pandas writes it."""
    import pandas as pd

    header = [row for row in rows if row[0] in ("scorer", "individuals", "bodyparts", "coords")]
    columns = pd.MultiIndex.from_arrays(
        [row[1:] for row in header], names=[row[0] for row in header]
    )
    body = rows[len(header) :]
    values = [[np.nan if cell == "" else float(cell) for cell in row[1:]] for row in body]
    frame = pd.DataFrame(values, index=[row[0] for row in body], columns=columns)
    frame.to_hdf(path, key=key, mode="w")
    return path


def write_analysis(path, xy, *, dims=None, tracks=("a",), scores=True):
    """An analysis file of SLEAP; without `dims` as its own versions wrote it."""
    import json

    import h5py

    with h5py.File(path, "w") as file:
        if dims is None:
            file["tracks"] = np.transpose(xy, (1, 3, 2, 0))
            if scores:
                file["point_scores"] = np.full((xy.shape[1], xy.shape[2], len(xy)), 0.75)
        else:
            file["tracks"] = xy
            file["tracks"].attrs["dims"] = json.dumps(dims)
            file["point_scores"] = np.full(xy.shape[:3], 0.75)
        file["node_names"] = np.array([b"nose", b"tail_base"])
        file["track_names"] = np.array([name.encode() for name in tracks])
        file["edge_inds"] = np.array([[0, 1]])
    return path
