"""Cameras through Aravis: one that it plays in this program, and one over the loopback network."""

import sys
import threading
import time
from collections import Counter

import numpy as np
import pytest
from cameras.fake_gige import ADDRESS, FakeGige, alone, need_aravis

from tracker.cameras.genicam import GenicamSettings, genicam_camera
from tracker.clock import SystemClock
from tracker.errors import DeviceError, DeviceLost, DeviceNotFound, MissingDriver
from tracker.types import Fate, Frame, Gap

SMALL = {"width": 64, "height": 48, "exposure_us": 500, "fps": 200}


@pytest.fixture(scope="module", autouse=True)
def aravis():
    return need_aravis()


@pytest.fixture
def make():
    made = []

    def one(**settings):
        made.append(genicam_camera(GenicamSettings(**{**SMALL, **settings}), SystemClock()))
        return made[-1]

    yield one
    for camera in made:
        camera.close()


@pytest.fixture
def played(make):
    """Opens the camera that Aravis plays in this program."""

    def one(**settings):
        camera = make(emulated=True, **settings)
        camera.open()
        return camera

    return one


@pytest.fixture(scope="module")
def port():
    with alone():
        yield


@pytest.fixture
def plug_in(port):
    """Starts a GigE camera; it ends with the test."""
    running = []

    def one(**how):
        running.append(FakeGige(**how))
        running[-1].plug_in()
        return running[-1]

    yield one
    for fake in running:
        fake.unplug()


def read_until(camera, enough, timeout_s=20):
    """All entries, until enough(entries)."""
    entries, until = [], time.monotonic() + timeout_s
    while not enough(entries):
        assert time.monotonic() < until, entries[-5:]
        entry = camera.read(0.1)
        entries += [entry] if entry is not None else []
    return entries


def frames(camera, n):
    return read_until(camera, lambda entries: len(entries) == n)


def indices(entries):
    return [
        index
        for e in entries
        for index in (range(e.first_index, e.last_index + 1) if isinstance(e, Gap) else [e.index])
    ]


class TestPlayed:
    def test_numbers_of_16_bits_wrap_and_no_frame_is_missing(self, played):
        """It begins at 65401: after 135 frames comes number 1."""
        entries = frames(played(fps=500, device_time=False), 150)
        assert all(isinstance(entry, Frame) for entry in entries)
        assert indices(entries) == list(range(150))

    def test_a_picture_lies_where_the_driver_put_it(self, played):
        camera = played()
        frame = frames(camera, 1)[0]
        memories = [memory for _, memory in camera._connection.stream._memory.values()]
        assert any(np.shares_memory(frame.image, memory) for memory in memories)
        assert (frame.image.dtype, frame.image.shape) == (np.uint8, (48, 64))

    def test_times_of_capture_are_the_cameras(self, played):
        """5 ms apart by its clock, however late they arrive."""
        entries = frames(played(), 40)
        steps = np.diff([frame.captured_ns for frame in entries[-20:]])
        ticks = np.diff([frame.device_tick for frame in entries[-20:]])
        assert np.median(np.abs(steps - ticks)) < 50_000
        assert all(frame.captured_ns < frame.received_ns for frame in entries)

    def test_settings_are_read_back(self, played):
        said = played(exposure_us=1234, gain=3, offset_x=16).info.settings
        assert (said["exposure_us"], said["gain"], said["fps"]) == (1234, 3, 200)
        assert (said["width_px"], said["offset_x_px"]) == (64, 16)
        assert (said["vendor"], said["model"]) == ("Aravis", "Fake")
        assert said["device_tick_hz"] == 1e9

    def test_it_says_what_can_be_set_and_between_which_values(self, played):
        found = {option.name: option for option in played().options}
        assert (found["width"].least, found["width"].most, found["width"].whole) == (1, 2048, True)
        assert (found["fps"].least, found["fps"].most) == (0.1, 1000)
        assert "BayerRG8" in found["pixel_format"].choices

    @pytest.mark.parametrize(
        ("pixel_format", "colour"),
        [("Mono8", False), ("Mono16", False), ("BayerRG8", True), ("RGB8", True)],
    )
    def test_every_format_gives_pictures(self, played, pixel_format, colour):
        camera = played(pixel_format=pixel_format, colour=colour)
        image = frames(camera, 1)[0].image
        assert image.shape == ((48, 64, 3) if colour else (48, 64))

    def test_a_stalled_reader_finds_the_frames_that_were_held_and_an_overrun(self, plug_in, make):
        """Eight buffers: one is out, seven wait, what comes then has no place."""
        plug_in()
        camera = make(device=ADDRESS, buffers=8)
        camera.open()
        entries, overruns = frames(camera, 1), []
        until = time.monotonic() + 30
        while not overruns and time.monotonic() < until:
            before = camera._connection.stream.backlog().n_overruns
            while camera._connection.stream.backlog().n_overruns < before + 15:  # three frames
                assert time.monotonic() < until, camera.account
                threading.Event().wait(0.01)
            entries += frames(camera, 15)
            overruns = [e for e in entries if isinstance(e, Gap) and e.cause is Fate.DRIVER_OVERRUN]
        assert indices(entries) == list(range(len(indices(entries))))
        assert overruns[0].first_index >= 8
        assert overruns[0].last_index > overruns[0].first_index

    @pytest.mark.parametrize(
        ("wish", "message"),
        [
            ({"width": 9999}, "Width cannot be set to 9999; it can be 1 to 2048"),
            ({"fps": 1500}, "AcquisitionFrameRate cannot be set to 1500.0; it can be 0.1 to 1000"),
            ({"pixel_format": "Mono9"}, "PixelFormat cannot be set to Mono9; it can be BayerBG8,"),
            ({"features": {"Gama": 1}}, "the camera has no feature Gama"),
        ],
        ids=["width", "rate", "format", "feature"],
    )
    def test_what_the_camera_cannot_do_is_an_error_with_what_it_can(self, make, wish, message):
        camera = make(emulated=True, **wish)
        with pytest.raises(DeviceError, match=message):
            camera.open()


class TestOverTheNetwork:
    def test_lost_packets_are_incomplete_frames_and_every_number_is_there(self, plug_in, make):
        """5 packets make a frame: of 2 % lost packets, 1 - 0.98 ** 5 = 9.6 % of the frames."""
        plug_in(lost_per_thousand=20)
        camera = make(device=ADDRESS, buffers=128, resend=False, device_time=False)
        camera.open()
        entries = read_until(camera, lambda found: len(found) == 300)
        causes = Counter(entry.cause for entry in entries if isinstance(entry, Gap))
        assert indices(entries) == list(range(len(indices(entries))))
        assert causes[Fate.INCOMPLETE] > 10
        camera.close()
        account = camera.account
        assert account["frames"] == len(indices(entries))
        delivered = account["n_completed_buffers"] + account["n_failures"] - account["unread"]
        n_whole = sum(isinstance(entry, Frame) for entry in entries)
        assert delivered - (n_whole + causes[Fate.INCOMPLETE]) in {0, 1}  # one may be half read

    def test_a_camera_is_found_by_its_serial_number(self, plug_in, make):
        plug_in()
        camera = make(device="GV77")
        camera.open()
        assert camera.info.settings["serial"] == "GV77"

    def test_a_camera_that_does_not_answer_is_not_found(self, plug_in, make):
        plug_in()
        with pytest.raises(DeviceNotFound, match=r"no camera 'GV78' .* there is Fake GV77"):
            make(device="GV78").open()

    def test_the_session_triggers_by_software(self, plug_in, make):
        plug_in()
        camera = make(device=ADDRESS, trigger={}, fps=20)
        camera.open()
        assert indices(frames(camera, 3)) == [0, 1, 2]

    def test_an_unplugged_camera_comes_back_and_the_session_goes_on_with_a_gap(self, plug_in, make):
        fake = plug_in()
        camera = make(device=ADDRESS, on_disconnect="wait", away_after_s=0.3)
        camera.open()
        before = frames(camera, 20)
        fake.unplug()
        gone_ns = before[-1].received_ns
        fake.plug_in()
        after = read_until(
            camera, lambda found: sum(isinstance(entry, Frame) for entry in found[-5:]) == 5
        )
        entries = [*before, *after]
        assert indices(entries) == list(range(len(indices(entries))))
        away = [e for e in after if isinstance(e, Gap) and e.cause is Fate.CAMERA_AWAY]
        n_away = sum(gap.last_index - gap.first_index + 1 for gap in away)
        back = next(e for e in after if isinstance(e, Frame) and e.index > away[-1].last_index)
        away_s = (back.received_ns - gone_ns) / 1e9
        assert n_away == pytest.approx(away_s * 200, rel=0.1, abs=10)
        assert camera.account["returns"] == 1

    def test_a_camera_without_power_for_a_moment_ends_the_session(self, plug_in, make):
        """It does not know us any more: its heartbeat says so."""
        fake = plug_in()
        camera = make(device=ADDRESS)
        camera.open()
        frames(camera, 3)
        fake.unplug()
        fake.plug_in()
        with pytest.raises(DeviceLost, match="genicam Aravis Fake GV77: it does not answer"):
            read_until(camera, lambda found: False)


def test_without_aravis_the_message_says_how_to_install_it(monkeypatch, make):
    monkeypatch.setitem(sys.modules, "gi.repository.Aravis", None)
    with pytest.raises(MissingDriver, match=r"apt-get install gir1\.2-aravis-0.8 python3-gi"):
        make(emulated=True).open()
