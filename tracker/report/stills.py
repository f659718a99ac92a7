"""Pictures out of the video for the page: key frames of each behaviour, and the arena."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracker.drawing import View, as_bgr, draw_pose, on_sensor
from tracker.errors import RecordingError
from tracker.recording import Recording
from tracker.report.bouts import Bout
from tracker.types import Fate

SIDE_PX = 660
"""Longer side of a key frame (pixels): twice what the page shows it at."""

MOST_BEHAVIOURS = 12
"""Behaviours with key frames, at most."""

_QUALITY = 82
_SMALLEST_SHARE = 0.35
"""A key frame shows at least so much of the image's shorter side."""

_N_FOR_GROUND, _GROUND_PX = 7, 900


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """One frame at the onset of a bout.

    Attributes:
        which: What is special about the bout, e.g. "first, longest".
        bout: The bout.
        uri: The picture, for a page; empty if there is none.
        why_not: Why there is none.
    """

    which: str
    bout: Bout
    uri: str = ""
    why_not: str = ""


def chosen(bouts: Sequence[Bout]) -> list[tuple[str, Bout]]:
    """Return the first, the median-length and the longest of the bouts of one behaviour.

    Of an even number the median is the shorter one of the middle two. A bout that is two of these
    is there once, with both names.
    """
    if not bouts:
        return []
    by_length = sorted(bouts, key=lambda bout: bout.length_s)
    picks = (
        ("first", min(bouts, key=lambda bout: bout.onset_ns)),
        ("median length", by_length[(len(bouts) - 1) // 2]),
        ("longest", by_length[-1]),
    )
    names: dict[Bout, list[str]] = {}
    for name, bout in picks:
        names.setdefault(bout, []).append(name)
    return [(", ".join(each), bout) for bout, each in names.items()]


def key_frames(recording: Recording, bouts: Sequence[Bout]) -> dict[str, list[KeyFrame]]:
    """Return three key frames of each behaviour that was done, in ethogram order.

    The frame is that of the onset, cut to the surroundings of the animals, with keypoints.
    """
    found: dict[str, list[KeyFrame]] = {}
    for name in recording.session["behaviours"]:
        mine = [bout for bout in bouts if bout.behaviour == name]
        if mine and len(found) < MOST_BEHAVIOURS:
            found[name] = [_key_frame(recording, *each) for each in chosen(mine)]
    return found


def _key_frame(recording: Recording, which: str, bout: Bout) -> KeyFrame:
    try:
        image = sensor_image(recording, bout.onset_index)
    except RecordingError as failure:
        return KeyFrame(which, bout, why_not=_why(recording, failure))
    return KeyFrame(which, bout, uri=jpeg_uri(_drawn(recording, bout.onset_index, image)))


def sensor_image(recording: Recording, index: int) -> NDArray[np.uint8]:
    """Return the image of one frame on the whole sensor; what a crop left out is grey.

    Raises:
        RecordingError: If that frame is not in the video.
    """
    height, width = recording.session["camera"]["shape"][:2]
    return on_sensor(recording.image(index), recording.crop_origin(index), (height, width))


def _why(recording: Recording, failure: RecordingError) -> str:
    """What a reader needs to know of a frame that cannot be shown."""
    cut_off = recording.session["state"] != "closed"
    return "The video was cut off before this frame." if cut_off else f"{failure}."


def _drawn(recording: Recording, index: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The surroundings of the animals, enlarged, with keypoints and skeleton."""
    place = int(np.searchsorted(recording.frame_indices, index))
    seen = place < len(recording.frame_indices) and recording.frame_indices[place] == index
    xy = recording.xy[place] if seen else np.full((0, 1, 2), np.nan, np.float32)
    left, top, right, bottom = surroundings(xy, (image.shape[0], image.shape[1]))
    cut = as_bgr(image)[top:bottom, left:right]
    scale = SIDE_PX / max(cut.shape[:2])
    size = round(cut.shape[1] * scale), round(cut.shape[0] * scale)
    way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    picture = np.asarray(cv2.resize(cut, size, interpolation=way), np.uint8)
    if seen:
        view = View(scale, left, top)
        draw_pose(picture, xy, recording.confidence[place], recording.skeleton, view, radius=7)
    return picture


def surroundings(xy: NDArray[np.float32], shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of a square around the animals that lies in the image.

    It is twice as wide as they are, and at least 0.35 of the image's shorter side. The whole image
    if nothing was found, or the square would not fit.
    """
    height, width = shape
    points = xy.reshape(-1, 2)
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return 0, 0, width, height
    low, high = points.min(axis=0), points.max(axis=0)
    side = int(max(2 * (high - low).max(), _SMALLEST_SHARE * min(shape)))
    if side >= min(shape):
        return 0, 0, width, height
    left, top = np.rint((low + high - side) / 2).astype(int)
    left, top = min(max(int(left), 0), width - side), min(max(int(top), 0), height - side)
    return left, top, left + side, top + side


def arena_picture(recording: Recording) -> tuple[NDArray[np.uint8] | None, str]:
    """Return the arena without what moves in it, and what was wrong with the video, if anything.

    It is the median of seven frames, or of a blinded session the first frame alone, since a light
    in the picture would tell an arm; thinned to 900 px a side at most. None without a video, and
    of one that is cropped around the animal.
    """
    rows = recording.ledger
    in_video = pc.equal(rows["recording"], str(Fate.RECORDED))
    recorded = rows.filter(in_video)["index"].to_numpy()
    follows = (recording.session["recorder"].get("crop") or {}).get("kind") == "animal"
    if not recording.has_video or not len(recorded) or follows:
        return None, ""
    places = np.linspace(0, len(recorded) - 1, _N_FOR_GROUND).astype(int)
    wanted = recorded[:1] if recording.is_blinded else np.unique(recorded[places])
    images: list[NDArray[np.uint8]] = []
    problem = ""
    for index in wanted:
        try:
            image = sensor_image(recording, int(index))
        except RecordingError as failure:
            if recording.session["state"] == "closed":  # of another one the page says it already
                problem = str(failure)
            break
        step = -(-max(image.shape[:2]) // _GROUND_PX)
        images.append(image[::step, ::step])
    return (np.median(images, axis=0).astype(np.uint8) if images else None), problem


def jpeg_uri(picture: NDArray[np.uint8]) -> str:
    """Return a BGR picture as a JPEG image that a page can hold."""
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise RecordingError(f"a picture of shape {picture.shape} cannot be made into a JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"
