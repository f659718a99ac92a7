"""Masks from a method without a network, as COCO labels to train a network on: pseudo-masks.

Nobody has drawn them: a network that learns from them learns the method's mistakes as well.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.build import build_camera, without_network
from tracker.cameras.make import CameraSettings
from tracker.clock import SystemClock
from tracker.config import ObserverSettings
from tracker.errors import ConfigError, EndOfStream
from tracker.observers.shape import SKELETON
from tracker.observers.silhouettes import Silhouette
from tracker.types import Frame, Observation

ANNOTATIONS = "annotations.json"
"""Name of the file beside the folder `images`."""

NOT_LABELLED, VISIBLE = 0, 2
"""COCO's v of a keypoint."""

LIKE = 0.8
"""An animal whose area is further from its usual one than this is not surely whole."""


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """A frame in which all animals are seen whole."""

    index: int
    shapes: tuple[Silhouette, ...]
    seen: Observation


def write_pseudo_masks(
    camera: CameraSettings,
    settings: ObserverSettings,
    folder: Path,
    n_images: int,
    name: str,
    tick: Callable[[int], bool],
) -> int:
    """Write `annotations.json` and `images/` of frames in which all animals are seen whole.

    The film is read twice: once to see, once for the pictures. Frames are taken evenly from those
    in which as many animals as `max_animals` are seen, each of about its usual area.

    Args:
        camera: A film; the same frames each time it is opened.
        settings: Of the method.
        folder: Made; not there yet.
        n_images: At most.
        name: Of the category, e.g. mouse.
        tick: Told how many frames were read; says whether to go on.

    Returns:
        How many pictures were written.

    Raises:
        ConfigError: If the folder is there, or there is no such frame.
        DeviceError: If the film cannot be read.
    """
    if folder.exists():
        raise ConfigError(f"{folder} is there already: choose another name")
    found = _candidates(camera, settings, tick)
    if not found:
        raise ConfigError(
            f"in no frame {settings.max_animals} animals of their usual area were seen: look at it "
            f"with `tracker tune`"
        )
    places = np.unique(
        np.linspace(0, len(found) - 1, min(n_images, len(found))).round().astype(int)
    )
    chosen = {found[k].index: found[k] for k in places.tolist()}
    (folder / "images").mkdir(parents=True)
    images, annotations = _pictures(camera, chosen, folder, tick)
    edges = [[a + 1, b + 1] for a, b in SKELETON.edges]
    category = {"id": 1, "name": name, "keypoints": list(SKELETON.keypoints), "skeleton": edges}
    content = {
        "info": {
            "description": f"pseudo-masks of observer {settings.kind}, not drawn by a person",
            "settings": settings.model_dump(mode="json"),
        },
        "images": images,
        "annotations": annotations,
        "categories": [category],
    }
    (folder / ANNOTATIONS).write_text(json.dumps(content), encoding="utf-8")
    return len(images)


def runs_of(shape: Silhouette, size: tuple[int, int]) -> list[int]:
    """Return COCO's run lengths of a mask: down the columns, pixels outside first.

    Args:
        shape: Of an individual.
        size: Height and width of the picture (px).
    """
    whole = np.zeros(size, bool)
    rows, columns = shape.mask.shape
    whole[shape.top_px : shape.top_px + rows, shape.left_px : shape.left_px + columns] = (
        shape.mask > 0
    )
    down = np.concatenate([[False], whole.ravel(order="F"), [False]])
    edges = np.flatnonzero(down[1:] != down[:-1])
    bounds = np.concatenate([[0], edges, [whole.size]])
    runs: list[int] = np.diff(bounds).tolist()
    return runs[:-1] if runs and runs[-1] == 0 else runs


def _candidates(
    camera: CameraSettings, settings: ObserverSettings, tick: Callable[[int], bool]
) -> list[_Candidate]:
    observer = without_network(settings)
    found = []
    for frame in _frames(camera, tick):
        seen = observer.observe(frame)
        is_all = seen.measures.get("n_animals") == settings.max_animals
        if is_all and bool((seen.confidence[:, 1] >= LIKE).all()):
            found.append(_Candidate(frame.index, tuple(observer.seen), seen))
    return found


def _pictures(
    camera: CameraSettings,
    chosen: dict[int, _Candidate],
    folder: Path,
    tick: Callable[[int], bool],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Write the pictures of frames, which are taken out of `chosen`; return what COCO says."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for frame in _frames(camera, tick):
        candidate = chosen.pop(frame.index, None)
        if candidate is None:
            continue
        file = f"images/frame{frame.index:08d}.png"
        _write_png(folder / file, frame.image)
        height, width = frame.image.shape[:2]
        images.append({"id": frame.index, "file_name": file, "width": width, "height": height})
        for row, shape in enumerate(candidate.shapes):
            about = {"id": len(annotations) + 1, "image_id": frame.index, "category_id": 1}
            annotations.append(about | _annotation(shape, candidate.seen, row, (height, width)))
        if not chosen:
            break
    return images, annotations


def _frames(camera: CameraSettings, tick: Callable[[int], bool]) -> Iterator[Frame]:
    source = build_camera(camera, SystemClock())
    source.open()
    read = 0
    try:
        while tick(read):
            got = source.read(1.0)
            if isinstance(got, Frame):
                read += 1
                yield got
    except EndOfStream:
        return
    finally:
        source.close()


def _annotation(
    shape: Silhouette, seen: Observation, row: int, size: tuple[int, int]
) -> dict[str, Any]:
    height, width = shape.mask.shape
    points = [
        [round(x, 2), round(y, 2), VISIBLE] if np.isfinite(x) else [0.0, 0.0, NOT_LABELLED]
        for x, y in seen.xy[row].tolist()
    ]
    return {
        "keypoints": [value for point in points for value in point],
        "num_keypoints": sum(point[2] > 0 for point in points),
        "bbox": [shape.left_px, shape.top_px, width, height],
        "area": int(np.count_nonzero(shape.mask)),
        "iscrowd": 0,
        "segmentation": {"size": list(size), "counts": runs_of(shape, size)},
    }


def _write_png(path: Path, image: NDArray[np.uint8]) -> None:
    picture = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".png", picture)
    path.write_bytes(data.tobytes())
