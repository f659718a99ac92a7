"""Who is who on flies whose tracks were proofread by people: IDF1, HOTA, switches.

Each clip twice: true positions with their identities hidden and their order shuffled, so that the
tracker alone is measured; and what the shipped network `flies` finds in the video.
"""

from collections.abc import Iterator
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


def row_of(
    name: str, source: str, truth: Truth, seen: list[Observation], tracker: Tracker
) -> dict[str, Any]:
    tracked = [tracker.update(each) for each in seen]
    scores = identity_scores(compare(truth, iter(tracked)))
    sure = [value for each in tracked for value in each.identity_confidence[: len(tracker.names)]]
    return {
        "clip": name,
        "positions": source,
        "frames": scores.frames,
        "IDF1": scores.idf1,
        "HOTA": scores.hota,
        "AssA": scores.association,
        "switches": scores.switches,
        "least sure": min(sure),
        "share below 0.9": float(np.mean(np.array(sure) < 0.9)),
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
        rows.append(
            row_of(name, "true", truth, seen, Tracker(settings.animals, skeleton, settings))
        )
        if asked.no_network:
            continue
        runtime = OnnxRuntime(find_network("flies"), RuntimeSettings())
        network = AppearanceObserver(NetworkObserver(runtime, SystemClock()))
        seen = list(seen_observations(asked.data / f"{name}.mp4", network))
        tracker = Tracker(settings.animals, network.skeleton, settings)
        rows.append(row_of(name, "network", truth, seen, tracker))
    report("Identities on flies", rows, asked.json)


if __name__ == "__main__":
    main()
