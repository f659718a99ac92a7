import math
from itertools import pairwise

import cv2
import numpy as np
import pytest
from cameras.rtsp_server import RtspServer
from pydantic import ValidationError
from videos import grey_level, write_pictures, write_video

from tracker.cameras.opencv import OpenCVCamera, OpenCVSettings
from tracker.errors import DeviceError, DeviceLost, DeviceNotFound, EndOfStream
from tracker.testing.manual_clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock(now_ns=3_000_000_000)


@pytest.fixture
def connect(clock):
    cameras = []

    def open_camera(device, **settings):
        camera = OpenCVCamera(OpenCVSettings(device=device, **settings), clock)
        cameras.append(camera)
        camera.open()
        return camera

    yield open_camera
    for camera in cameras:
        camera.close()


def read_to_the_end(camera):
    while True:
        camera.read(1)


@pytest.fixture
def video(tmp_path):
    """Ten frames of 64x48 px, 25 per second."""
    return str(write_video(tmp_path / "a.avi", range(10), time_base=(1, 25)))


@pytest.fixture
def pictures(tmp_path):
    """An image sequence of three frames, 20 wide and 10 high, red at the top left pixel."""
    for i in range(3):
        picture = np.full((10, 20, 3), 30 * i, np.uint8)
        picture[0, 0] = (0, 0, 255)
        cv2.imwrite(str(tmp_path / f"{i:03d}.png"), picture)
    return str(tmp_path / "%03d.png")


def test_an_image_sequence_is_read_in_order(connect, pictures):
    camera = connect(pictures)
    assert [int(camera.read(1).image[5, 5]) for _ in range(3)] == [0, 30, 60]


def test_colour_comes_in_rgb_order(connect, pictures):
    assert connect(pictures, colour=True).read(1).image[0, 0].tolist() == [255, 0, 0]


def test_red_read_as_grey_is_dark(connect, pictures):
    """ITU-R BT.601: 0.299 of 255 is 76."""
    assert int(connect(pictures).read(1).image[0, 0]) == 76


def test_a_video_is_read_frame_by_frame(connect, video):
    camera = connect(video)
    levels = [int(camera.read(1).image.mean()) for _ in range(3)]
    assert levels == pytest.approx([grey_level(i) for i in range(3)], abs=2)


def test_an_address_is_read_like_a_camera(connect):
    server = RtspServer(60)
    try:
        camera = connect(server.url)
        assert (camera.info.shape, camera.info.live, camera.info.n_frames) == ((48, 64), True, None)
        levels = [int(camera.read(1).image.mean()) for _ in range(5)]
    finally:
        server.stop()
    assert all(earlier < later for earlier, later in pairwise(levels))


def test_frames_are_captured_when_they_are_received(connect, clock, video):
    camera = connect(video)
    clock.advance(1_000_000_000)
    frame = camera.read(1)
    assert (frame.captured_ns, frame.received_ns) == (4_000_000_000, 4_000_000_000)


def test_two_frames_in_the_same_nanosecond_are_told_apart(connect, video):
    camera = connect(video)
    assert [camera.read(1).captured_ns - 3_000_000_000 for _ in range(3)] == [0, 1, 2]


def test_there_is_no_device_time(connect, video):
    assert connect(video).read(1).device_tick is None


def test_it_says_what_the_driver_says(connect, video):
    info = connect(video).info
    assert (info.shape, info.fps, info.live, info.n_frames) == ((48, 64), 25.0, False, 10)


def test_a_request_that_is_met_is_fine(connect, video):
    assert connect(video, width=64, height=48, fps=25).read(1).image.shape == (48, 64)


REFUSALS = {
    "width": ({"width": 999}, "width 999 was asked for, it does 64"),
    "height": ({"height": 50}, "height 50 was asked for, it does 48"),
    "rate": ({"fps": 60}, "fps 60 was asked for, it does 25"),
}


@pytest.mark.parametrize(("wish", "message"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_camera_that_does_not_do_what_was_asked_is_an_error(connect, video, wish, message):
    with pytest.raises(DeviceError, match=message):
        connect(video, **wish)


def test_a_camera_that_refused_stays_closed(clock, video):
    camera = OpenCVCamera(OpenCVSettings(device=video, width=999), clock)
    with pytest.raises(DeviceError):
        camera.open()
    with pytest.raises(DeviceError, match="closed"):
        camera.read(1)


def test_a_camera_number_that_is_not_there_is_not_found(connect, capfd):
    with pytest.raises(DeviceNotFound, match="camera 97"):
        connect(97)
    assert capfd.readouterr().err == ""


def test_opencv_logs_again_after_a_failed_open(connect):
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    with pytest.raises(DeviceNotFound):
        connect(97)
    assert cv2.utils.logging.setLogLevel(before) == cv2.utils.logging.LOG_LEVEL_ERROR


def test_a_missing_file_is_not_found(connect, tmp_path):
    with pytest.raises(DeviceNotFound, match=r"nothing\.avi"):
        connect(str(tmp_path / "nothing.avi"))


def test_a_file_that_ends_says_so(connect, video):
    camera = connect(video)
    for _ in range(10):
        camera.read(1)
    with pytest.raises(EndOfStream, match="all 10 frames"):
        camera.read(1)


def test_a_read_that_fails_before_the_end_is_a_lost_device(connect, tmp_path):
    random = np.random.default_rng(3)
    noise = [random.integers(0, 255, (96, 128), np.uint8) for _ in range(20)]
    whole = write_pictures(tmp_path / "whole.avi", noise, range(20), "mjpeg", "yuvj420p")
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    camera = connect(str(cut))
    with pytest.raises(DeviceLost, match=r"gave no frame \d"):
        read_to_the_end(camera)


def test_no_frame_is_invented_after_a_loss(connect, pictures, tmp_path):
    (tmp_path / "001.png").write_bytes(b"not a picture")
    camera = connect(pictures)
    assert int(camera.read(1).image[5, 5]) == 0
    with pytest.raises(DeviceLost, match="gave no frame 1"):
        read_to_the_end(camera)


def test_an_unknown_rate_is_nan(connect, video):
    class Capture:
        """Stands at the driver's side: knows its size and nothing else."""

        def get(self, prop):
            return {cv2.CAP_PROP_FRAME_WIDTH: 8.0, cv2.CAP_PROP_FRAME_HEIGHT: 6.0}.get(prop, 0.0)

        def getBackendName(self):  # noqa: N802 - OpenCV's own name
            return "V4L2"

    info = connect(video)._describe(Capture())
    assert math.isnan(info.fps)
    assert (info.shape, info.live, info.n_frames) == ((6, 8), True, None)


@pytest.mark.parametrize(
    "settings",
    [{}, {"device": 0, "width": 0}, {"device": 0, "fps": 0}, {"device": 0, "hight": 480}],
    ids=["no device", "no width", "no rate", "misspelt"],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValidationError):
        OpenCVSettings(**settings)


def test_what_the_driver_answers_is_kept_as_it_is(connect, video):
    settings = connect(video).info.settings
    assert settings["backend"] == "FFMPEG"
    assert (settings["width_px"], settings["height_px"], settings["fps"]) == (64.0, 48.0, 25.0)
    assert settings["pixel_format"].lower() == "ffv1"
    assert {"exposure", "auto_exposure", "gain"} <= settings.keys()
