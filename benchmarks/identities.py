"""Who is who on flies whose tracks were proofread by people: IDF1, HOTA, switches.

Each clip: true positions with their identities hidden and their order shuffled, so that the tracker
alone is measured; the same at every tenth frame; and what the shipped network `flies` finds in the
video, as it is, and made hard: six times all flies are hidden for 10 to 60 frames, and each time
the picture comes back upright or upside down, by chance, so that the flies have exchanged places.

`sure and wrong` is the share of positions under a wrong name with a confidence of 0.9 and more.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, report
from numpy.typing import NDArray

from tracker.build import find_network
from tracker.cameras.video_file import VideoFileCamera, VideoFileSettings
from tracker.clock import SystemClock
from tracker.errors import EndOfStream
from tracker.identity_scoring import Compared, identity_scores, similarity_of_places
from tracker.observers.appearance import AppearanceObserver
from tracker.observers.base import Observer
from tracker.observers.network import NetworkObserver
from tracker.runtimes.base import RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime
from tracker.tracking import Tracker, TrackingSettings
from tracker.types import Frame, Observation, Skeleton

CLIPS = {"clip": 2, "two_flies": 2, "three_flies": 3}
SIDE_PX = 1024.0
"""Of the pictures."""

SURE = 0.9
HARD = 5
"""How often the hard case is made, with other seeds."""

BODY_PX = 100.0
"""Of a fly; at this distance two places have nothing to do with each other."""

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
        while True:
            entry = camera.read(1.0)
            if isinstance(entry, Frame):
                yield observer.observe(entry)
    except EndOfStream:
        return
    finally:
        camera.close()


def compare(truth: Truth, tracked: Iterator[Observation]) -> list[Compared]:
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
        similarity = similarity_of_places(true_places, places, BODY_PX)
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
    name: str, source: str, truth: Truth, seen: list[Observation], tracker: Tracker
) -> dict[str, Any]:
    tracked = [tracker.update(each) for each in seen]
    scores = identity_scores(compare(truth, iter(tracked)))
    sure, right = called(truth, tracked)
    return {
        "clip": name,
        "positions": source,
        "frames": scores.frames,
        "IDF1": scores.idf1,
        "HOTA": scores.hota,
        "switches": scores.switches,
        "sure": float(np.mean(sure >= SURE)),
        "sure and wrong": float(np.mean((sure >= SURE) & ~right)),
    }


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("data", type=Path, help="folder of the set `flies`")
    parser.add_argument("--no-network", action="store_true", help="true positions only")
    asked = parser.parse_args()
    rows = []
    for name, n in CLIPS.items():
        truth, skeleton = truth_of(asked.data / f"{name}.slp")
        settings = TrackingSettings(animals=tuple(f"fly{i}" for i in range(n)))
        seen = list(true_observations(truth, 25.0))
        for source, every in (("true", 1), ("true, every 10th", 10)):
            tracker = Tracker(settings.animals, skeleton, settings)
            rows.append(row_of(name, source, truth, seen[::every], tracker))
        if asked.no_network:
            continue
        runtime = OnnxRuntime(find_network("flies"), RuntimeSettings())
        network = AppearanceObserver(NetworkObserver(runtime, SystemClock()))
        seen = list(seen_observations(asked.data / f"{name}.mp4", network))
        tracker = Tracker(settings.animals, network.skeleton, settings)
        rows.append(row_of(name, "network", truth, seen, tracker))
        for seed in range(HARD if len(seen) > 1000 else 0):
            tracker = Tracker(settings.animals, network.skeleton, settings)
            hard, turned = hidden(seen, truth, seed)
            rows.append(row_of(name, f"network, hidden {seed}", turned, hard, tracker))
    report("Identities on flies", rows, asked.json)


if __name__ == "__main__":
    main()
