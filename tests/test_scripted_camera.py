import numpy as np
import pytest

from tracker.errors import DeviceLost, DeviceNotFound, EndOfStream
from tracker.testing.scripted_camera import ScriptedCamera
from tracker.types import Fate, Frame, Gap

FRAME = Frame(0, 10, 20, np.zeros((3, 5), np.uint8))
GAP = Gap(1, 2, Fate.LOST_BY_SENSOR, 30)


def opened(*args, **settings):
    camera = ScriptedCamera(*args, **settings)
    camera.open()
    return camera


def test_frames_gaps_and_timeouts_come_as_written():
    camera = opened([FRAME, None, GAP])
    assert [camera.read(1) for _ in range(3)] == [FRAME, None, GAP]


def test_an_exception_in_the_script_is_raised_once():
    camera = opened([DeviceLost("cable"), FRAME])
    with pytest.raises(DeviceLost, match="cable"):
        camera.read(1)
    assert camera.read(1) is FRAME


def test_an_exhausted_script_is_the_end_of_the_stream():
    with pytest.raises(EndOfStream, match="all 0 entries"):
        opened([]).read(1)


def test_the_shape_is_that_of_the_first_frame():
    assert opened([None, FRAME]).info.shape == (3, 5)


def test_a_shape_of_ones_own_is_kept():
    assert opened([None], shape=(7, 9)).info.shape == (7, 9)


def test_rate_and_liveness_are_as_passed_in():
    info = opened([FRAME], fps=50, live=True).info
    assert (info.fps, info.live) == (50, True)


def test_a_camera_that_cannot_be_opened_says_so_every_time():
    camera = ScriptedCamera([FRAME], open_error=DeviceNotFound("unplugged"))
    for _ in range(2):
        with pytest.raises(DeviceNotFound, match="unplugged"):
            camera.open()
    assert camera.n_opened == 0


def test_opening_is_counted_once_until_it_is_closed_and_closing_every_time():
    camera = opened([FRAME])
    camera.open()
    camera.close()
    camera.close()
    camera.open()
    assert (camera.n_opened, camera.n_closed) == (2, 2)


def test_opened_again_it_plays_from_the_beginning():
    camera = opened([FRAME, GAP])
    camera.read(1)
    camera.close()
    camera.open()
    assert camera.read(1) is FRAME
