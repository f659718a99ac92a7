"""COCO keypoints of some frames and their pictures, to be corrected by hand and learnt from."""

import json
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.errors import ExportError
from tracker.export.session_view import SessionView

ANNOTATIONS = "annotations.json"
"""Name of the file beside the folder `images`."""

NOT_LABELLED, VISIBLE = 0, 2
"""COCO's v of a keypoint."""

AROUND = 0.1
"""How far a box goes beyond its keypoints, as a share of its longer side."""


class Choice(StrEnum):
    """Which frames are taken."""

    EVEN = "even"
    """Evenly spaced."""

    UNSURE = "unsure"
    """The session is cut into as many stretches as frames are wanted; of each the one with the
    lowest mean confidence."""


def names(view: SessionView) -> list[str]:
    """Return the name of the folder that `write` makes."""
    return [f"{view.name}_coco"]


def write(
    view: SessionView,
    folder: Path,
    tick: Callable[[int, int], None],
    *,
    n_images: int,
    choice: Choice,
) -> None:
    """Write `annotations.json` and `images/`, one annotation per individual that was seen.

    Positions are in pixels of the picture, also where the video is cropped. Boxes are drawn
    around keypoints, since nothing else is known of an animal's outline.

    Args:
        view: What to write.
        folder: Where to write it.
        tick: Told how much is done.
        n_images: How many frames, at most.
        choice: Which.

    Raises:
        ExportError: If the session has no video, or no frame that is both processed and in it.
    """
    if not view.recording.has_video:
        raise ExportError(
            f"{view.recording.folder} has no video, but coco needs pictures: leave it out"
        )
    rows = chosen(view, n_images, choice)
    if not len(rows):
        raise ExportError(
            f"{view.recording.folder}: no frame was both processed and recorded: leave coco out"
        )
    images = folder / names(view)[0] / "images"
    images.mkdir(parents=True)
    listed: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for done, row in enumerate(rows.tolist()):
        tick(done, len(rows))
        index = int(view.slots.index[row])
        picture = view.recording.image(index)
        name = f"frame{index:08d}.png"
        _write_png(images / name, picture)
        height, width = picture.shape[:2]
        listed.append(
            {"id": index, "file_name": f"images/{name}", "width": width, "height": height}
        )
        xy = view.xy[row] - np.array(view.recording.crop_origin(index), np.float32)
        for k in range(len(view.individuals)):
            found = _annotation(xy[k], view.found[row, k], width, height)
            if found:
                about = {"id": len(annotations) + 1, "image_id": index, "category_id": 1}
                annotations.append({**about, **found, "individual": view.individuals[k]})
    content = {
        "info": {"description": f"session {view.name}", "notes": list(view.notes)},
        "images": listed,
        "annotations": annotations,
        "categories": [_category(view)],
    }
    file = images.parent / ANNOTATIONS
    file.write_text(json.dumps(content), encoding="utf-8")


def chosen(view: SessionView, n_images: int, choice: Choice) -> NDArray[np.int64]:
    """Return rows of the view, ascending, at most `n_images`; only ones with a picture."""
    observed = np.isfinite(view.confidence).any(axis=(1, 2))
    rows = np.flatnonzero(observed & (view.slots.video_frame >= 0))
    stretches = [part for part in np.array_split(rows, min(n_images, len(rows) or 1)) if len(part)]
    if choice is Choice.EVEN:
        return np.array([part[len(part) // 2] for part in stretches], np.int64)
    sure = np.nanmean(view.confidence[rows], axis=(1, 2))
    by_row = dict(zip(rows.tolist(), sure.tolist(), strict=True))
    return np.array([min(part.tolist(), key=by_row.__getitem__) for part in stretches], np.int64)


def _annotation(
    xy: NDArray[np.float32], found: NDArray[np.bool_], width: int, height: int
) -> dict[str, Any] | None:
    """Keypoints, box and area of one individual; None if nothing of it was found."""
    if not found.any():
        return None
    keypoints = [
        [round(x, 3), round(y, 3), VISIBLE] if seen else [0.0, 0.0, NOT_LABELLED]
        for (x, y), seen in zip(xy.tolist(), found.tolist(), strict=True)
    ]
    low, high = xy[found].min(axis=0), xy[found].max(axis=0)
    margin = AROUND * max(*(high - low), 1.0)
    left, top = np.maximum(low - margin, 0).tolist()
    right, bottom = np.minimum(high + margin, (width - 1, height - 1)).tolist()
    box = [round(value, 3) for value in (left, top, right - left, bottom - top)]
    return {
        "keypoints": [value for point in keypoints for value in point],
        "num_keypoints": int(found.sum()),
        "bbox": box,
        "area": round(box[2] * box[3], 3),
        "iscrowd": 0,
        "segmentation": [],
    }


def _category(view: SessionView) -> dict[str, Any]:
    return {
        "id": 1,
        "name": "animal",
        "keypoints": list(view.keypoints),
        "skeleton": [[a + 1, b + 1] for a, b in view.recording.skeleton.edges],
    }


def _write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write a grey or RGB image; OpenCV's own writing fails silently and knows no umlauts."""
    picture = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    written, data = cv2.imencode(".png", picture)
    if not written:
        raise ExportError(f"{path.name} could not be written as PNG")
    path.write_bytes(data.tobytes())
