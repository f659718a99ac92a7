"""Who is who on flies and fish whose tracks were proofread by people: IDF1, HOTA, switches.

Each clip: true positions with their identities hidden and their order shuffled, so that the tracker
alone is measured; the same at every tenth frame; and what the shipped network `flies` finds in the
video, as it is, and made hard: six times all flies are hidden for 10 to 60 frames, and each time
the picture comes back upright or upside down, by chance, so that the flies have exchanged places.

`sure and wrong` is the share of positions under a wrong name with a confidence of 0.9 and more.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, report
from numpy.typing import NDArray

from tracker.build import find_network
from tracker.cameras.base import frames_of
from tracker.cameras.video_file import VideoFileCamera, VideoFileSettings
from tracker.clock import SystemClock
from tracker.identity_scoring import Compared, identity_scores, similarity_of_places
from tracker.observers.appearance import AppearanceObserver
from tracker.observers.base import Observer
from tracker.observers.network import NetworkObserver
from tracker.runtimes.base import RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime
from tracker.tracking import Tracker, TrackingSettings
from tracker.types import Observation, Skeleton


@dataclass(frozen=True)
class Clip:
    """A video with its true tracks.

    `alike_px`: at this distance two places have nothing to do with each other, about a body length.
    """

    path: str
    n: int
    alike_px: float
    gate_px: float | None = None


CLIPS = (
    Clip("flies/clip", 2, 100.0),
    Clip("flies/two_flies", 2, 100.0),
    Clip("flies/three_flies", 3, 100.0),
    Clip("fish/ten_zfish", 10, 200.0, gate_px=150.0),
)
SIDE_PX = 1024.0
"""Of the pictures."""

SURE = 0.9
HARD = 5
"""How often the hard case is made, with other seeds."""

Truth = dict[int, dict[str, NDArray[np.float64]]]
"""Keypoints (keypoints, 2) by frame and name."""


def truth_of(path: Path) -> tuple[Truth, Skeleton]:
    """Return the proofread tracks of a SLEAP file."""
    import sleap_io

    labels = sleap_io.load_slp(str(path), open_videos=False)
    truth: Truth = {}
    for frame in labels:
        named = {each.track.name: each.numpy() for each in frame.instances if each.track}
        truth[frame.frame_idx] = named
    skeleton = labels.skeletons[0]
    edges = tuple((int(a), int(b)) for a, b in skeleton.edge_inds)
    return truth, Skeleton(tuple(skeleton.node_names), edges)


def true_observations(truth: Truth, fps: float) -> Iterator[Observation]:
    """Return the true positions, without identities, in a random order."""
    rng = np.random.default_rng(0)
    for index in sorted(truth):
        xy = np.array(list(truth[index].values()), np.float32)
        xy = xy[rng.permutation(len(xy))]
        yield Observation(
            index, round(index * 1e9 / fps), xy, np.isfinite(xy[..., 0]) * np.float32(1)
        )


def seen_observations(path: Path, observer: Observer) -> Iterator[Observation]:
    """Return what an observer sees in a video."""
    camera = VideoFileCamera(VideoFileSettings(path=path, fast=True, from_zero=True), SystemClock())
    camera.open()
    try:
        observer.warm_up(camera.info.shape)
        for frame in frames_of(camera):
            yield observer.observe(frame)
    finally:
        camera.close()


def compare(truth: Truth, tracked: list[Observation], alike_px: float) -> list[Compared]:
    """Return the frames of which the truth is known; places are means of the keypoints."""
    frames = []
    for seen in tracked:
        true = truth.get(seen.frame_index)
        if not true:
            continue
        rows = [
            k for k, name in enumerate(seen.identities) if name and np.isfinite(seen.xy[k]).any()
        ]
        places = np.array([np.nanmean(seen.xy[k], axis=0) for k in rows]).reshape(-1, 2)
        true_places = np.array([np.nanmean(xy, axis=0) for xy in true.values()])
        similarity = similarity_of_places(true_places, places, alike_px)
        frames.append(Compared(list(true), [seen.identities[k] for k in rows], similarity))
    return frames


def hidden(seen: list[Observation], truth: Truth, seed: int) -> tuple[list[Observation], Truth]:
    """Hide everybody six times; each time the picture comes back upright or upside down."""
    rng = np.random.default_rng(seed)
    starts = set((250 + rng.choice(len(seen) - 330, 6, replace=False)).tolist())
    until, is_turned = -1, False
    made, turned_truth = [], {}
    for k, each in enumerate(seen):
        if k in starts:
            until, is_turned = k + int(rng.integers(10, 60)), bool(rng.integers(2))
        xy = np.float32(SIDE_PX) - each.xy if is_turned else each.xy
        made.append(replace(each, xy=np.full_like(xy, np.nan) if k < until else xy))
        if each.frame_index in truth and k >= until:
            true = truth[each.frame_index]
            turned = {name: SIDE_PX - xy if is_turned else xy for name, xy in true.items()}
            turned_truth[each.frame_index] = turned
    return made, turned_truth


def called(truth: Truth, tracked: list[Observation]) -> tuple[Any, Any]:
    """Return of each position its confidence, and whether it has the name that it began with."""
    known: dict[str, str] = {}
    found = []
    for seen in tracked:
        true = {who: np.nanmean(xy, axis=0) for who, xy in truth.get(seen.frame_index, {}).items()}
        for name, xy, sure in zip(seen.identities, seen.xy, seen.identity_confidence, strict=True):
            if true and name and np.isfinite(xy).any():
                middle = np.nanmean(xy, axis=0)
                who = min(true, key=lambda each: float(np.hypot(*(true[each] - middle))))
                found.append((sure, known.setdefault(name, who) == who))
    sures, right = zip(*found, strict=True)
    return np.array(sures), np.array(right)


def row_of(
    clip: Clip, source: str, truth: Truth, seen: list[Observation], tracker: Tracker
) -> dict[str, Any]:
    tracked = [tracker.update(each) for each in seen]
    scores = identity_scores(compare(truth, tracked, clip.alike_px))
    sure, right = called(truth, tracked)
    return {
        "clip": clip.path,
        "positions": source,
        "frames": scores.frames,
        "IDF1": scores.idf1,
        "HOTA": scores.hota,
        "switches": scores.switches,
        "sure": float(np.mean(sure >= SURE)),
        "sure and wrong": float(np.mean((sure >= SURE) & ~right)),
    }


def tracker_for(clip: Clip, skeleton: Skeleton) -> Tracker:
    settings = TrackingSettings(
        animals=tuple(f"animal{i}" for i in range(clip.n)), gate_px=clip.gate_px
    )
    return Tracker(settings.animals, skeleton, settings)


def rows_of(clip: Clip, data: Path, figure: Path | None, *, network: bool) -> list[dict[str, Any]]:
    truth, skeleton = truth_of(data / f"{clip.path}.slp")
    seen = list(true_observations(truth, 25.0))
    rows = []
    for source, every in (("true", 1), ("true, every 10th", 10)):
        tracker = tracker_for(clip, skeleton)
        rows.append(row_of(clip, source, truth, seen[::every], tracker))
    if not network or not clip.path.startswith("flies"):
        return rows
    runtime = OnnxRuntime(find_network("flies"), RuntimeSettings())
    observer = AppearanceObserver(NetworkObserver(runtime, SystemClock()))
    seen = list(seen_observations(data / f"{clip.path}.mp4", observer))
    rows.append(row_of(clip, "network", truth, seen, tracker_for(clip, observer.skeleton)))
    for seed in range(HARD if len(seen) > 1000 else 0):
        hard, turned = hidden(seen, truth, seed)
        tracker = tracker_for(clip, observer.skeleton)
        rows.append(row_of(clip, f"network, hidden {seed}", turned, hard, tracker))
        if figure and seed == 1:
            draw(turned, hard, tracker_for(clip, observer.skeleton), figure)
    return rows


def draw(truth: Truth, seen: list[Observation], tracker: Tracker, path: Path) -> None:
    """Draw the confidence of the first animal, and where it had the wrong name."""
    from matplotlib.figure import Figure

    tracked = [tracker.update(each) for each in seen]
    times = np.array([each.captured_ns for each in seen]) / 1e9
    times -= times[0]
    sure = [each.identity_confidence[0] for each in tracked]
    gone = np.array([not np.isfinite(each.xy).any() for each in seen])
    whose = [
        called(truth, [tracked[0], each])[1][-1] if each.frame_index in truth else True
        for each in tracked
    ]
    figure = Figure(figsize=(7, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.fill_between(times, 0, 1, where=gone, color="0.85", step="mid", label="nobody is seen")
    axes.fill_between(
        times, 0, 1, where=~np.array(whose), color="C3", alpha=0.5, label="wrong name"
    )
    axes.plot(times, sure, color="C0", label="identity confidence")
    axes.set(xlabel="time (s)", ylabel="confidence", ylim=(0, 1.05), xlim=(times[0], times[-1]))
    axes.legend(frameon=False, loc="lower left", ncols=3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("data", type=Path, help="folder of the sets `flies` and `fish`")
    parser.add_argument("--no-network", action="store_true", help="true positions only")
    parser.add_argument("--figure", type=Path, help="draw one hard case here (PNG)")
    asked = parser.parse_args()
    rows = []
    for clip in CLIPS:
        rows += rows_of(clip, asked.data, asked.figure, network=not asked.no_network)
    report("Identities", rows, asked.json)


if __name__ == "__main__":
    main()
