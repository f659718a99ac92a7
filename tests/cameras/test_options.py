"""Which settings a camera really has, and between which values."""

import math

import numpy as np
import pytest
from cameras.played_driver import Device, whole
from videos import write_video

from tracker.cameras.basler import BaslerSettings, basler_camera
from tracker.cameras.images import ImagesCamera, ImagesSettings
from tracker.cameras.machine_vision.options import options_of_features
from tracker.cameras.opencv import OpenCVCamera, OpenCVSettings
from tracker.cameras.options import CameraOption, options_of
from tracker.cameras.rtsp import RtspCamera, RtspSettings
from tracker.cameras.synthetic import SyntheticCamera, SyntheticCameraSettings
from tracker.cameras.video_file import VideoFileCamera, VideoFileSettings
from tracker.errors import DeviceError
from tracker.testing.manual_clock import ManualClock
from tracker.testing.scripted_camera import ScriptedCamera
from tracker.types import Frame

NAN = math.nan


def by_name(options):
    return {each.name: each for each in options}


def test_a_synthetic_camera_has_size_rate_and_colour():
    camera = SyntheticCamera(SyntheticCameraSettings(width=96, height=72, fps=25), ManualClock())
    found = by_name(options_of(camera))
    assert found["width"] == CameraOption("width", 96, 32, 8192, whole=True)
    assert (found["fps"].value, found["fps"].most, found["fps"].whole) == (25, 2000, False)
    assert found["colour"].choices == ("false", "true")


def test_a_video_has_no_size_that_could_be_chosen(tmp_path):
    path = write_video(tmp_path / "a.mkv", range(0, 400, 40))
    camera = VideoFileCamera(VideoFileSettings(path=path), ManualClock())
    assert list(by_name(options_of(camera))) == ["fast", "loop", "colour"]


def test_a_folder_of_pictures_says_how_it_is_read(tmp_path):
    found = by_name(options_of(ImagesCamera(ImagesSettings(folder=tmp_path), ManualClock())))
    assert list(found) == ["every", "fps", "colour", "darkest", "brightest"]
    assert (found["brightest"].least, found["brightest"].most) == (1, 65535)


def test_a_stream_says_how_it_is_read():
    camera = RtspCamera(RtspSettings(url="rtsp://h/s", fps=25), ManualClock())
    found = by_name(options_of(camera))
    assert found["transport"].choices == ("tcp", "udp")
    assert found["fps"].value == 25


def test_of_a_file_opencv_can_choose_only_the_colour(tmp_path):
    path = write_video(tmp_path / "a.avi", range(10), time_base=(1, 25))
    camera = OpenCVCamera(OpenCVSettings(device=str(path)), ManualClock())
    with pytest.raises(DeviceError, match="is closed"):
        options_of(camera)
    camera.open()
    assert list(by_name(options_of(camera))) == ["colour"]
    camera.close()


def test_a_camera_that_does_not_say_has_none():
    image = np.zeros((4, 6), np.uint8)
    assert options_of(ScriptedCamera([Frame(0, 0, 0, image)])) == ()


class Features:
    """Features of a camera by GenICam's names; `without` cannot be read."""

    def __init__(self, values, limits, without=()):
        self._values, self._limits, self._without = values, limits, without

    def has(self, name):
        return name in self._values

    def get(self, name):
        if name in self._without:
            raise DeviceError(f"{name} cannot be read")
        return self._values[name]

    def set(self, name, value):
        raise AssertionError("only asked")

    def choices(self, name):
        return ("Mono8", "Mono12") if name == "PixelFormat" else ()

    def run(self, name):
        raise AssertionError("only asked")

    def limits(self, name):
        return self._limits[name]


def test_a_machine_vision_camera_says_what_its_features_can_be():
    values = {"ExposureTimeAbs": 5000.0, "Width": 640, "PixelFormat": "Mono8", "GainRaw": 3}
    limits = {"ExposureTimeAbs": (26.0, 1e6), "Width": (32, 1280), "GainRaw": (0, 100)}
    found = options_of_features(Features(values, limits, without=("GainRaw",)))
    assert found == (
        CameraOption("exposure_us", 5000.0, 26.0, 1e6),
        CameraOption("width", 640, 32, 1280, whole=True),
        found[-1],
    )
    assert (found[-1].name, found[-1].choices) == ("pixel_format", ("Mono8", "Mono12"))
    assert math.isnan(found[-1].least)


def test_a_driver_that_knows_no_limits_leaves_them_open():
    connection = Device([whole(0)]).connect()
    found = by_name(options_of_features(connection.features))
    assert found["exposure_us"].value == 5000.0
    assert math.isnan(found["exposure_us"].least)


def test_the_emulated_basler_says_its_own():
    pytest.importorskip("pypylon.pylon", reason="pypylon is missing", exc_type=ImportError)
    settings = BaslerSettings(emulated=True, width=96, height=72, fps=100, exposure_us=500)
    camera = basler_camera(settings, ManualClock())
    camera.open()
    try:
        found = by_name(options_of(camera))
    finally:
        camera.close()
    assert found["exposure_us"].value == pytest.approx(500, rel=0.01)
    assert 0 < found["exposure_us"].least < 500 < found["exposure_us"].most
    assert found["width"].value == 96
    assert found["width"].whole
    assert "Mono8" in found["pixel_format"].choices
