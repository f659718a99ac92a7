"""What every camera promises (tracker/cameras/base.py). A new camera joins by one line."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from cameras import pyspin_stand_in, vmbpy_stand_in
from cameras.fake_gige import need_aravis
from cameras.maker_device import MakerDevice, Picture
from cameras.played_driver import Device, broken, whole
from videos import write_video

from tracker.cameras.basler import BaslerSettings, basler_camera
from tracker.cameras.genicam import GenicamSettings, genicam_camera
from tracker.cameras.images import ImagesCamera, ImagesSettings
from tracker.cameras.machine_vision import MachineVisionCamera, MachineVisionSettings
from tracker.cameras.opencv import OpenCVCamera, OpenCVSettings
from tracker.cameras.rtsp import RtspCamera, RtspSettings
from tracker.cameras.scene import SceneCamera, SceneCameraSettings
from tracker.cameras.spinnaker import SpinnakerSettings, spinnaker_camera
from tracker.cameras.synthetic import SyntheticCamera, SyntheticCameraSettings
from tracker.cameras.tracks_only import TracksOnlyCamera, TracksOnlySettings
from tracker.cameras.video_file import VideoFileCamera, VideoFileSettings
from tracker.cameras.vimba import VimbaSettings, vimba_camera
from tracker.errors import DeviceError, EndOfStream
from tracker.testing.manual_clock import ManualClock
from tracker.testing.scripted_camera import ScriptedCamera
from tracker.types import Fate, Frame, Gap

N = 12
"""Every camera here counts 12 frames or more, 40 ms apart if it keeps time."""

PERIOD_NS = 40_000_000


def synthetic(clock, folder, **settings):
    size = {"width": 96, "height": 72, "fps": 25, "n_frames": N}
    return SyntheticCamera(SyntheticCameraSettings(**size, **settings), clock)


def video(clock, folder, **settings):
    path = write_video(folder / "a.mkv", range(0, 40 * N, 40))
    return VideoFileCamera(VideoFileSettings(path=path, **settings), clock)


def opencv(clock, folder, **settings):
    path = write_video(folder / "a.avi", range(N), time_base=(1, 25))
    return OpenCVCamera(OpenCVSettings(device=str(path), **settings), clock)


def tracks_only(clock, folder):
    settings = TracksOnlySettings(n_frames=N, fps=25, width_px=6, height_px=4)
    return TracksOnlyCamera(settings, clock)


def scripted(clock, folder):
    image = np.zeros((4, 6), np.uint8)
    frames = [Frame(i, i * PERIOD_NS, i * PERIOD_NS, image) for i in range(N)]
    gap = Gap(3, 4, Fate.LOST_ON_LINK, 4 * PERIOD_NS)
    return ScriptedCamera([*frames[:3], gap, *frames[5:]])


def basler(clock, folder, **settings):
    size = {"width": 96, "height": 72, "fps": 400, "exposure_us": 500}
    return basler_camera(BaslerSettings(emulated=True, **size, **settings), clock)


def genicam(clock, folder):
    need_aravis()
    size = {"width": 96, "height": 72, "fps": 400, "exposure_us": 500}
    return genicam_camera(GenicamSettings(emulated=True, **size), clock)


def images(clock, folder, **settings):
    for n in range(N):
        cv2.imwrite(str(folder / f"{n:03d}.png"), np.full((4, 6), 10 * n, np.uint8))
    kinds = {"folder": folder, "there": "play", "end_after_s": 0.5}
    return ImagesCamera(ImagesSettings(**kinds, **settings), clock)


def rtsp(clock, folder):
    """A stream that a file stands for."""
    path = write_video(folder / "a.mkv", range(0, 40 * N, 40))
    return RtspCamera(RtspSettings(url=path.as_uri()), clock)


def played(clock, folder):
    """Losses of every kind, across the wrap of a count of 16 bits."""

    class Played(Device):
        def connect(self):
            self.script = [
                *[whole(65533), broken(65534), whole(65535), whole(3), broken(4)],
                *[whole(n, exposures=n + n // 6) for n in range(5, 20)],
            ]
            return super().connect()

    device = Played([], last_number=65535, clock=clock)
    return MachineVisionCamera(MachineVisionSettings(), clock, "played", device.connect)


def scene(clock, folder, **settings):
    return SceneCamera(SceneCameraSettings(fps=25, n_frames=N, **settings), clock)


def spinnaker(clock, folder):
    device = MakerDevice([Picture(n, n * PERIOD_NS) for n in range(1, 3 * N)])
    return spinnaker_camera(SpinnakerSettings(), clock, lambda: pyspin_stand_in.StandIn(device))


def vimba(clock, folder):
    device = MakerDevice([Picture(n, n * PERIOD_NS) for n in range(1, 3 * N)])
    return vimba_camera(VimbaSettings(), clock, lambda: vmbpy_stand_in.StandIn(device))


CAMERAS = {
    "scene": scene,
    "scene losing": lambda c, f: scene(c, f, lose_fraction=0.4, jitter_ms=20),
    "synthetic": synthetic,
    "synthetic fast": lambda c, f: synthetic(c, f, paced=False),
    "synthetic colour": lambda c, f: synthetic(c, f, colour=True),
    "synthetic losing": lambda c, f: synthetic(c, f, lose_fraction=0.4, jitter_ms=100),
    "video file": video,
    "video file fast": lambda c, f: video(c, f, fast=True),
    "video file colour": lambda c, f: video(c, f, fast=True, colour=True),
    "opencv": opencv,
    "opencv colour": lambda c, f: opencv(c, f, colour=True),
    "tracks only": tracks_only,
    "scripted": scripted,
    "basler": basler,
    "genicam": genicam,
    "spinnaker": spinnaker,
    "vimba": vimba,
    "images": images,
    "rtsp": rtsp,
    "images colour": lambda c, f: images(c, f, colour=True, fps=25),
    "machine vision losing": played,
}

LIVE = ("synthetic", "synthetic colour", "synthetic losing", "video file")
"""Those whose frames come when they are due."""

ENDLESS_NAMES = {"basler", "genicam", "spinnaker", "vimba", "rtsp", "machine vision losing"}
ENDING = [name for name in CAMERAS if name not in ENDLESS_NAMES]
"""Those that have a last frame."""

LOSSES = {
    *(Fate.LOST_BY_SENSOR, Fate.LOST_ON_LINK, Fate.INCOMPLETE, Fate.DRIVER_OVERRUN),
    Fate.CAMERA_AWAY,
}

ENDLESS = (MachineVisionCamera, RtspCamera)
"""Devices, which have no last frame: reading stops when enough are counted."""


@pytest.fixture
def clock():
    return ManualClock(now_ns=5_000_000_000)


@pytest.fixture(params=CAMERAS.values(), ids=CAMERAS.keys())
def closed_camera(request, clock, tmp_path):
    return request.param(clock, tmp_path)


@pytest.fixture
def camera(closed_camera):
    closed_camera.open()
    yield closed_camera
    closed_camera.close()


@pytest.fixture(params=LIVE)
def live_camera(request, clock, tmp_path):
    camera = CAMERAS[request.param](clock, tmp_path)
    camera.open()
    assert camera.info.live
    yield camera
    camera.close()


def read_all(camera):
    """Everything until the end of the stream, or N frames; far more than enough reads."""
    entries = []
    for _ in range(10 * N):
        try:
            entry = camera.read(timeout_s=1)
        except EndOfStream:
            return entries
        if entry is None:
            continue
        entries.append(entry)
        if isinstance(camera, ENDLESS) and counted(entries[-1])[-1] >= N - 1:
            return entries
    raise AssertionError("the stream did not end")


def frames_of(camera):
    return [entry for entry in read_all(camera) if isinstance(entry, Frame)]


def counted(entry):
    if isinstance(entry, Gap):
        return list(range(entry.first_index, entry.last_index + 1))
    return [entry.index]


def test_frames_and_gaps_leave_no_index_out(camera):
    indices = [i for entry in read_all(camera) for i in counted(entry)]
    assert indices == list(range(len(indices)))
    assert len(indices) >= N


def test_capture_times_strictly_increase(camera):
    times = [frame.captured_ns for frame in frames_of(camera)]
    assert all(earlier < later for earlier, later in pairwise(times))


def test_every_image_is_uint8_and_has_the_announced_shape(camera):
    shape = camera.info.shape
    assert {(f.image.dtype, f.image.shape) for f in frames_of(camera)} == {
        (np.dtype(np.uint8), shape)
    }


def test_frames_are_received_by_the_session_clock(camera, clock):
    frame = frames_of(camera)[0]
    assert isinstance(frame.received_ns, int)
    assert frame.received_ns <= clock.now_ns()


def test_no_live_frame_is_received_before_it_was_captured(live_camera):
    frames = frames_of(live_camera)
    assert all(frame.captured_ns <= frame.received_ns for frame in frames)


def test_an_image_stays_until_the_next_read(camera, clock):
    frame = next(entry for entry in iter(lambda: camera.read(1), None) if isinstance(entry, Frame))
    before = frame.image.copy()
    clock.advance(10 * PERIOD_NS)
    assert camera.info.shape == before.shape
    np.testing.assert_array_equal(frame.image, before)


def test_gaps_have_a_cause_of_the_lost_kind(camera):
    gaps = [entry for entry in read_all(camera) if isinstance(entry, Gap)]
    assert {gap.cause for gap in gaps} <= LOSSES


def test_what_it_says_of_itself_does_not_change(camera):
    before = camera.info
    read_all(camera)
    assert camera.info == before


def test_a_header_that_counts_frames_counts_them_all(camera):
    assert camera.info.n_frames in {None, N}


@pytest.mark.parametrize("name", ENDING)
def test_the_end_stays_the_end(name, clock, tmp_path):
    camera = CAMERAS[name](clock, tmp_path)
    camera.open()
    read_all(camera)
    with pytest.raises(EndOfStream):
        camera.read(timeout_s=1)
    camera.close()


def test_opening_an_open_camera_changes_nothing(camera):
    first = camera.read(timeout_s=1)
    camera.open()
    assert counted(camera.read(timeout_s=1))[0] == counted(first)[-1] + 1


def test_closing_twice_is_harmless(camera):
    camera.close()
    camera.close()


def test_closing_a_camera_that_was_never_open_is_harmless(closed_camera):
    closed_camera.close()


def test_a_closed_camera_can_be_opened_again_and_counts_from_zero(camera):
    read_all(camera)
    camera.close()
    camera.open()
    indices = [i for entry in read_all(camera) for i in counted(entry)]
    assert indices == list(range(len(indices)))
    assert len(indices) >= N


def test_reading_before_opening_is_an_error(closed_camera):
    with pytest.raises(DeviceError, match="closed"):
        closed_camera.read(timeout_s=1)


def test_reading_after_closing_is_an_error(camera):
    camera.close()
    with pytest.raises(DeviceError, match="closed"):
        camera.read(timeout_s=1)


def test_a_closed_camera_says_nothing_of_itself(closed_camera):
    with pytest.raises(DeviceError, match="closed"):
        _ = closed_camera.info


def test_a_live_camera_gives_nothing_before_a_frame_is_due(live_camera):
    live_camera.read(timeout_s=1)
    assert live_camera.read(timeout_s=0.001) is None


def test_a_timeout_loses_no_frame(live_camera):
    indices = []
    for _ in range(2000):
        try:
            entry = live_camera.read(timeout_s=0.011)
        except EndOfStream:
            break
        indices += counted(entry) if entry is not None else []
    assert indices == list(range(N))
