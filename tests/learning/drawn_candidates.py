"""A session of a mouse that stands still, runs straight on, and turns on the spot, in turns."""

import numpy as np
from learning.drawn_visits import SHAPE
from track_files import dlc_rows, write_csv

from tracker.track_import.run import Import, import_tracks

FPS, PHASE_S, N_PHASES = 25, 4, 9
WHAT = ("still", "runs", "turns")

CONFIG = """
rig:
  camera: {kind: tracks_only, n_frames: 9, fps: 25, width_px: 640, height_px: 480}
  arena: {px_per_cm: null}
features: {recorded: []}
behaviours:
  fast: {rule: speed > 50 px/s}
"""


def record(folder):
    """Make the session; returns its folder."""
    dice = np.random.default_rng(0)
    n = FPS * PHASE_S * N_PHASES
    phase = np.arange(n) // (FPS * PHASE_S) % 3
    angle = np.cumsum(np.where(phase == 2, 8.0, 0.0)) / FPS
    step = np.where(phase == 1, 100.0, 0.0) / FPS
    way = np.cumsum(step[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1), axis=0)
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], 1)
    body = np.einsum("tij,kj->tki", turn.reshape(n, 2, 2), SHAPE)
    xy = 3000 + way[:, None] + body + dice.normal(0, 0.2, (n, 3, 2))
    tracks = write_csv(
        folder / "tracks.csv",
        dlc_rows(xy[:, None].astype(np.float32), keypoints=("nose", "neck", "tail_base")),
    )
    config = folder / "mouse.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    return import_tracks(Import(tracks, config, fps=FPS), folder)
