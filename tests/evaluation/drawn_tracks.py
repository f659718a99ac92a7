"""Tracks of a mouse that stands still now and then, and what a person would say of it."""

import csv

FPS = 20
STILL = ((40, 79), (140, 199), (260, 299))
"""Frames in which it does not move, first and last."""

N_FRAMES = 400

CONFIG = """\
# A mouse that stands still.
rig:
  camera: {kind: tracks_only, n_frames: 400, fps: 20, width_px: 640, height_px: 480}
  arena: {px_per_cm: 10}          # measured
features: {window_s: 0.2, recorded: []}
behaviours:
  still:
    rule: speed < 2 cm/s ~ 1 cm/s   # soft
    episode: {enter: 0.7, leave: 0.5, min_duration_s: 0.5, max_gap_s: 0.1, lag_s: 0.12}
"""


def write_tracks(path, hidden=()):
    """DeepLabCut CSV of two keypoints; 5 px a frame to the right where it moves: 10 cm/s."""
    rows = [
        ["scorer", *["net"] * 6],
        ["bodyparts", *["nose"] * 3, *["tail"] * 3],
        ["coords", *["x", "y", "likelihood"] * 2],
    ]
    x = 20.0
    for frame in range(N_FRAMES):
        if not any(first <= frame <= last for first, last in STILL):
            x += 5 if (frame // 50) % 2 == 0 else -5
        sure = 0.1 if frame in hidden else 0.99
        rows.append([frame, x + 40, 100, sure, x, 100, sure])
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def write_truth(path, spans=STILL, name="still"):
    """A table of one row per frame."""
    there = [any(first <= frame <= last for first, last in spans) for frame in range(N_FRAMES)]
    lines = [f"frame,{name}", *(f"{frame},{int(is_so)}" for frame, is_so in enumerate(there))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_config(path, **changes):
    text = CONFIG
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path
