"""Make the README's picture: one frame with what was seen in it, and the ethogram around it.

    python docs/make_pictures.py [SESSION]

Without a session it runs the demo first, unpaced, for 40 s of the synthetic mouse's life.
"""

import sys
import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np

from tracker.build import build_session
from tracker.clock import SystemClock
from tracker.config import load
from tracker.recording import Recording

PICTURE = Path(__file__).parent / "images" / "live.png"
COLOURS = {"locomotion": "#0072b2", "freezing": "#d55e00", "in_centre": "#009e73"}
"""Okabe and Ito's palette, which colour-blind people can tell apart."""

BACKGROUND, INK = "#101418", "#d8dee4"
TRAIL_FRAMES = 90


def main() -> None:
    if len(sys.argv) > 1:
        draw(Recording(Path(sys.argv[1])), PICTURE)
        return
    with tempfile.TemporaryDirectory() as out:
        changes = ["rig.camera.paced=false", "session.duration_s=40", "outputs.publisher=null"]
        session, folder = build_session(load(Path("demo"), changes), Path(out), SystemClock())
        session.run()
        draw(Recording(folder), PICTURE)


def draw(recording: Recording, path: Path) -> None:
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    plt.rcParams.update({"text.color": INK, "axes.labelcolor": INK, "font.size": 9})
    figure = plt.figure(figsize=(11, 4.6), facecolor=BACKGROUND, layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(1.15, 1.6), height_ratios=(1, 1.2))
    place = the_best_frame(recording)
    draw_frame(figure.add_subplot(grid[:, 0]), recording, place)
    seconds = (recording.captured_ns - recording.captured_ns[0]) / 1e9
    ethogram, speed = figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
    draw_ethogram(ethogram, recording, seconds, place)
    draw_speed(speed, recording, seconds, place)
    for axes in (ethogram, speed):
        axes.set_facecolor(BACKGROUND)
        axes.tick_params(colors=INK)
        axes.set_xlim(0, seconds[-1])
        for spine in axes.spines.values():
            spine.set_visible(False)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110, facecolor=BACKGROUND)


def the_best_frame(recording: Recording) -> int:
    """Place of a frame in which the animal walks, all of it seen, late enough for a trail."""
    walking = recording.scores["locomotion"] >= 1
    whole = np.isfinite(recording.xy[:, 0]).all(axis=(1, 2))
    places = np.flatnonzero(walking & whole)
    return int(places[places > len(walking) // 2][0])


def draw_frame(axes, recording, place) -> None:
    index = int(recording.frame_indices[place])
    axes.imshow(recording.image(index), cmap="gray", vmin=0, vmax=255)
    trail = np.nanmean(recording.xy[max(0, place - TRAIL_FRAMES) : place + 1, 0], axis=1)
    axes.plot(*trail.T, color="#56b4e9", linewidth=1.2, alpha=0.8)
    xy, skeleton = recording.xy[place, 0], recording.skeleton
    for a, b in skeleton.edges:
        axes.plot(*xy[[a, b]].T, color="white", linewidth=1.5)
    for name, (x, y) in zip(skeleton.keypoints, xy, strict=True):
        axes.plot(x, y, "o", markersize=5, color="#f0e442", markeredgecolor="black")
        axes.annotate(
            name.replace("_", " "), (x, y), (7, -7), textcoords="offset points", color="#b07000"
        )
    latency_ms = recording.ledger["published_ns"][index]
    title = f"frame {index}"
    if latency_ms.as_py() is not None:
        took_ms = (latency_ms.as_py() - recording.ledger["received_ns"][index].as_py()) / 1e6
        title += f", {took_ms:.1f} ms from received to published"
    axes.set_title(title, fontsize=9, color=INK)
    axes.set_axis_off()


def draw_ethogram(axes, recording, seconds, place) -> None:
    zero_ns = recording.captured_ns[0]
    names = list(recording.session["behaviours"])
    for episode in recording.episodes:
        row = names.index(episode.onset.behaviour)
        begin = (episode.onset.onset_ns - zero_ns) / 1e9
        width = (episode.end_ns - episode.onset.onset_ns) / 1e9
        colour = COLOURS.get(episode.onset.behaviour, "#cc79a7")
        axes.barh(row, width, left=begin, height=0.7, color=colour)
        confirmed = (episode.onset.confirmed_ns - zero_ns) / 1e9
        axes.plot([confirmed, confirmed], [row - 0.35, row + 0.35], color="white", linewidth=1)
    axes.axvline(seconds[place], color="white", linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(labelbottom=False, length=0)
    axes.set_title("episodes; white line: when it could be known", fontsize=9, color=INK)


def draw_speed(axes, recording, seconds, place) -> None:
    axes.plot(seconds, recording.features["speed_cm_s"], color="#56b4e9", linewidth=1)
    axes.axvline(seconds[place], color="white", linewidth=0.8, linestyle=":")
    axes.set_ylabel("speed (cm/s)")
    axes.set_xlabel("time (s)")
    axes.set_ylim(bottom=0)


if __name__ == "__main__":
    main()
