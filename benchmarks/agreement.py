"""Whether a method without a network and the network see the mouse at the same place.

Every frame of a video is seen by both; the network's place is the centroid of its mask, or the
mean of its keypoints where it makes none. Wanted: at most 10 px apart in 99 % of the frames.
"""

from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, report
from numpy.typing import NDArray

from tracker.build import build_camera, build_observer, find_network
from tracker.cameras.base import frames_of
from tracker.clock import SystemClock
from tracker.config import load
from tracker.observers.network import NetworkObserver
from tracker.runtimes.base import RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime
from tracker.tuning import gather
from tracker.types import Frame, Observation

NEAR_PX = 10.0
COVERED = 128


def main() -> None:
    parser = arguments(__doc__ or "", rounds=1)
    parser.add_argument(
        "video", type=Path, help="e.g. DATA/mouse_open_field_dlc/videos/m3v1mp4.mp4"
    )
    parser.add_argument("--config", default="mouse_background")
    parser.add_argument("--network", default="mouse_top_view")
    parser.add_argument("--set", action="append", default=[], help="a setting of the method")
    asked = parser.parse_args()
    experiment = load(Path(asked.config), [f"rig.camera.path={asked.video}", *asked.set])
    runtime = OnnxRuntime(find_network(asked.network), RuntimeSettings())
    network = NetworkObserver(runtime, SystemClock())
    names = network.skeleton.keypoints
    rows = []
    for start in ("first frame", "empty arena"):
        method = build_observer(experiment, SystemClock())
        if start == "empty arena":
            inner: Any = method
            if not hasattr(inner.method, "begin_with"):
                break
            inner.method.begin_with(gather(experiment.rig.camera, 3000, None, lambda _: True).empty)
        camera = build_camera(experiment.rig.camera, SystemClock())
        camera.open()
        apart, counts, heads = [], [], []
        for frame in each(camera):
            if not counts:
                method.warm_up(frame.image.shape)
                network.warm_up(frame.image.shape)
            seen = method.observe(frame)
            counts.append(seen.measures.get("n_animals", np.nan))
            here = seen.xy[0, 1] if len(seen.xy) else np.full(2, np.nan)
            beside = network.observe(frame)
            apart.append(float(np.hypot(*(here - place_of(beside)))))
            heads.append(ends(seen, beside, names))
        camera.close()
        px = np.array(apart)
        rows.append(
            {
                "begins with": start,
                "frames": len(px),
                "within 10 px, %": 100 * float(np.mean(px <= NEAR_PX)),
                "median px": float(np.nanmedian(px)),
                "p99 px": float(np.nanpercentile(px, 99)),
                "not seen": int(np.isnan(px).sum()),
                "not one": int((np.array(counts) != 1).sum()),
                **told(np.array(heads)),
            }
        )
    report(f"{asked.config} beside {asked.network}, {asked.video.name}", rows, asked.json)


def ends(seen: Observation, beside: Observation, names: tuple[str, ...]) -> list[float]:
    """Return how far the nose is from the network's nose and tail base (px); NaN: not known."""
    if not {"nose", "tail_base"} <= set(names) or not len(seen.xy):
        return [np.nan, np.nan]
    nose = seen.xy[0, 0]
    return [
        float(np.hypot(*(nose - beside.xy[0, names.index(each)]))) for each in ("nose", "tail_base")
    ]


def told(heads: NDArray[np.float64]) -> dict[str, float]:
    known = np.isfinite(heads).all(axis=1)
    if not known.any():
        return {}
    right = heads[known, 0] < heads[known, 1]
    return {
        "head known, %": 100 * float(known.mean()),
        "right way, %": 100 * float(right.mean()),
        "nose px": float(np.median(heads[known, 0])),
    }


def each(camera: Any) -> Any:
    for got in frames_of(camera):
        yield Frame(got.index, got.captured_ns, got.received_ns, got.image.copy())


def place_of(seen: Observation) -> NDArray[np.float64]:
    """Return the centroid of the network's mask, or the mean of its keypoints."""
    if seen.masks is None or not len(seen.masks.coverage):
        return np.asarray(np.nanmean(seen.xy[0], axis=0))
    masks = seen.masks
    weight = np.where(masks.coverage[0] >= COVERED, masks.coverage[0], 0).astype(np.float64)
    total = weight.sum()
    if not total:
        return np.full(2, np.nan)
    column = weight.sum(axis=0) @ np.arange(weight.shape[1]) / total
    row = weight.sum(axis=1) @ np.arange(weight.shape[0]) / total
    return np.array([masks.x0_px + masks.step_x_px * column, masks.y0_px + masks.step_y_px * row])


if __name__ == "__main__":
    main()
