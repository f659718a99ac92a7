"""The view of a session, a film or a picture, without what moves in it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracker.cameras.base import frames_of
from tracker.cameras.video_file import VideoFileCamera, VideoFileSettings, count_frames
from tracker.clock import SystemClock
from tracker.errors import RecordingError, RegistrationError
from tracker.recording import Recording
from tracker.registration.lines import ViewState
from tracker.registration.reference import read_view
from tracker.types import Fate

N_FRAMES = 25
"""Of so many frames the median is taken: what moves is not in it."""

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True, slots=True, eq=False)
class ArenaView:
    """What a camera sees of an arena.

    Attributes:
        name: Where it is from, for a person.
        image: uint8, grey.
        recording: The session; None: it is from a film or a picture.
    """

    name: str
    image: NDArray[np.uint8]
    recording: Recording | None = None


def view_of(source: Path) -> ArenaView:
    """Return the view of a session folder, a film or a picture.

    Of a session in which the camera was moved, only frames from before that count.

    Raises:
        RegistrationError: If there is no whole picture in it.
        RecordingError: If the session cannot be read.
        DeviceError: If the film cannot be read.
    """
    if source.is_dir():
        recording = Recording(source)
        return ArenaView(source.name, _median(_frames_of(recording), source), recording)
    if source.suffix.lower() in PICTURES:
        return ArenaView(source.name, read_view(source))
    return ArenaView(source.name, _median(_frames_in(source), source))


def _frames_of(recording: Recording) -> list[NDArray[np.uint8]]:
    if not recording.has_video:
        raise RegistrationError(f"there is no video in {recording.folder}, and so no view")
    if recording.session["recorder"].get("crop") is not None:
        raise RegistrationError(
            f"the video in {recording.folder} is a crop: a whole picture of the arena is needed"
        )
    ledger = recording.ledger
    recorded = ledger.filter(pc.equal(ledger["recording"], str(Fate.RECORDED)))
    indices = recorded["index"].to_numpy()
    moved = [
        row.index
        for row in recording.views
        if row.state in (ViewState.MOVED, ViewState.MOVING) and row.index > 0
    ]
    before = indices[indices < min(moved)] if moved else indices
    if not len(before):
        raise RegistrationError(f"there is no frame in the video of {recording.folder}")
    places = np.unique(np.linspace(0, len(before) - 1, N_FRAMES).astype(int))
    images = []
    for index in before[places].tolist():
        try:
            images.append(recording.image(index))
        except RecordingError:
            if not images:
                raise
            break  # cut off by a crash: what came before is good
    return images


def _frames_in(film: Path) -> list[NDArray[np.uint8]]:
    n_frames = count_frames(film)
    wanted = set(np.linspace(0, max(n_frames - 1, 0), N_FRAMES).astype(int).tolist())
    camera = VideoFileCamera(VideoFileSettings(path=film, fast=True), SystemClock())
    camera.open()
    try:
        return [frame.image for frame in frames_of(camera) if frame.index in wanted]
    finally:
        camera.close()


def _median(images: list[NDArray[np.uint8]], source: Path) -> NDArray[np.uint8]:
    if not images:
        raise RegistrationError(f"there is no frame in {source}")
    grey = [each if each.ndim == 2 else each[..., 1] for each in images]
    return np.ascontiguousarray(np.median(grey, axis=0).astype(np.uint8))
