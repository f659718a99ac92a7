"""Basler's driver, on the cameras that it plays itself."""

import sys
import threading
import time

import numpy as np
import pytest

from tracker.cameras.basler import BaslerSettings, basler_camera, load_pylon
from tracker.clock import SystemClock
from tracker.errors import DeviceError, DeviceNotFound, MissingExtra
from tracker.types import Fate, Frame, Gap

SMALL = {"emulated": True, "width": 64, "height": 48, "exposure_us": 500, "fps": 200}


@pytest.fixture
def make():
    made = []

    def one(**settings):
        made.append(basler_camera(BaslerSettings(**{**SMALL, **settings}), SystemClock()))
        return made[-1]

    yield one
    for camera in made:
        camera.close()


@pytest.fixture
def opened(make):
    def one(**settings):
        camera = make(**settings)
        camera.open()
        return camera

    return one


def frames(camera, n):
    read = [camera.read(1) for _ in range(n)]
    assert all(isinstance(each, Frame) for each in read)
    return read


def test_frames_come_one_by_one_with_nothing_missing(opened):
    assert [f.index for f in frames(opened(), 20)] == list(range(20))


def test_the_emulators_time_stamps_are_zero_so_times_are_of_arrival(opened):
    camera = opened()
    frame = frames(camera, 1)[0]
    assert (frame.device_tick, frame.captured_ns) == (None, frame.received_ns)
    assert camera.info.settings["device_tick_hz"] is None


def test_the_region_of_interest_is_part_of_the_sensors_picture(opened):
    """The emulator's picture moves by one grey level per frame: the first is always the same."""
    whole = frames(opened(width=64, height=48), 1)[0].image.copy()
    part = frames(opened(width=32, height=24, offset_x=16, offset_y=8), 1)[0].image
    assert part.shape == (24, 32)
    assert whole.shape == (48, 64)


FORMATS = {
    "Mono8": (False, (48, 64)),
    "Mono10": (False, (48, 64)),
    "Mono12": (False, (48, 64)),
    "BayerRG8": (True, (48, 64, 3)),
    "BGR8Packed": (True, (48, 64, 3)),
    "RGB8Packed": (True, (48, 64, 3)),
}


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_every_format_gives_pictures(opened, pixel_format):
    colour, shape = FORMATS[pixel_format]
    camera = opened(pixel_format=pixel_format, colour=colour)
    image = frames(camera, 1)[0].image
    assert (image.dtype, image.shape) == (np.uint8, shape)
    assert int(image.max()) - int(image.min()) > 20
    assert camera.info.settings["pixel_format"] == pixel_format


def test_twelve_bits_show_the_same_picture_as_eight(opened):
    eight = frames(opened(), 1)[0].image.astype(int)
    twelve = frames(opened(pixel_format="Mono12"), 1)[0].image
    np.testing.assert_allclose(eight, twelve, atol=1)


def test_settings_are_read_back_from_the_camera(opened):
    said = opened(exposure_us=1234, gain=5, fps=150).info.settings
    assert (said["exposure_us"], said["fps"]) == (1234, 150)
    assert said["gain"] == pytest.approx(5, abs=0.01)
    assert (said["serial"], said["model"]) == ("0815-0000", "Emulation")


def test_the_rate_is_kept(opened):
    """Not faster than asked for; slower only because the computer is busy."""
    camera = opened(fps=100)
    times = [frame.received_ns for frame in frames(camera, 30)]
    assert 0.0095 < np.median(np.diff(times)) / 1e9 < 0.03


REFUSALS = {
    "width": ({"width": 9999}, r"Width cannot be set to 9999; it can be 1 to 4096"),
    "exposure": (
        {"exposure_us": 3e7, "fps": None},
        r"ExposureTime cannot be set to .* 1 to 1e\+07",
    ),
    "format": ({"pixel_format": "Mono9"}, r"PixelFormat cannot be set to Mono9; it can be Mono8, "),
    "feature": ({"features": {"Gama": 2}}, r"the camera has no feature Gama"),
    "grey": ({"pixel_format": "Mono8", "colour": True}, r"Mono8 gives no colour pictures"),
    "number": ({"device": "4711"}, r"no Basler camera '4711' .* there is Emulation 0815-0000"),
}


@pytest.mark.parametrize(("wish", "message"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_the_camera_cannot_do_is_an_error_with_what_it_can(make, wish, message):
    camera = make(**wish)
    with pytest.raises(DeviceError, match=message):
        camera.open()
    with pytest.raises(DeviceError, match="closed"):
        camera.read(0.1)


def test_a_camera_is_chosen_by_its_serial_number(opened):
    assert opened(device="0815-0002").info.settings["serial"] == "0815-0002"


def test_without_a_device_an_emulated_camera_is_never_taken(make):
    with pytest.raises(DeviceNotFound, match="no Basler camera is there"):
        make(emulated=False).open()


def test_buffers_that_the_driver_failed_to_fill_are_gaps(opened):
    """Three are forced to fail; the frames around them keep their numbers."""
    camera = opened(features={"ForceFailedBufferCount": 3})
    frames(camera, 5)
    camera._connection.features.run("ForceFailedBuffer")
    entries = [camera.read(1) for _ in range(30)]
    gaps = [entry for entry in entries if isinstance(entry, Gap)]
    assert [gap.cause for gap in gaps] == [Fate.INCOMPLETE] * 3
    counted = [e.first_index if isinstance(e, Gap) else e.index for e in entries]
    assert counted == list(range(5, 35))
    assert camera.account["failed_buffer_count"] == 3
    assert camera.account["frames"] == 35


def test_a_stalled_reader_finds_what_the_driver_could_hold(opened):
    """The emulator waits for buffers, and so loses nothing: eight waited, and it goes on."""
    camera = opened(buffers=8)
    frames(camera, 1)
    filled = time.monotonic() + 5
    while camera._connection.stream.backlog().n_waiting < 7 and time.monotonic() < filled:
        threading.Event().wait(0.005)
    assert [f.index for f in frames(camera, 20)] == list(range(1, 21))


def test_the_session_triggers_by_software_and_loses_no_trigger(opened):
    camera = opened(trigger={}, fps=100)
    got = frames(camera, 10)
    assert [f.index for f in got] == list(range(10))
    spent_s = (got[-1].received_ns - got[0].received_ns) / 1e9
    assert 0.085 < spent_s < 1


def test_a_camera_that_waits_for_a_line_gives_nothing_until_it_rises(opened):
    """The emulator has no lines: nothing ever comes, and that is no fault."""
    camera = opened(trigger={"source": "Line2", "activation": "FallingEdge"}, fps=None)
    assert camera.read(0.05) is None
    said = camera.info.settings
    assert (said["trigger_mode"], said["trigger_source"]) == ("On", "Line2")
    assert said["trigger_activation"] == "FallingEdge"


def test_a_feature_file_is_loaded_before_the_settings(opened, make, tmp_path):
    pylon = load_pylon()
    camera = opened(features={"Gamma": 0.5}, exposure_us=777)
    file = tmp_path / "rig.pfs"
    pylon.FeaturePersistence.Save(str(file), camera._connection.features._nodes)
    camera.close()
    other = make(feature_file=file, exposure_us=888)
    other.open()
    assert other._connection.features.get("Gamma") == 0.5
    assert other.info.settings["exposure_us"] == 888


@pytest.mark.parametrize("text", [None, "not a feature file"], ids=["missing", "nonsense"])
def test_a_feature_file_that_cannot_be_loaded_is_an_error(make, tmp_path, text):
    file = tmp_path / "rig.pfs"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(DeviceError, match=r"feature_file .*rig\.pfs (is not there|cannot be)"):
        make(feature_file=file).open()


def test_without_pypylon_the_extra_is_named(monkeypatch, make):
    monkeypatch.setitem(sys.modules, "pypylon.pylon", None)
    with pytest.raises(MissingExtra, match=r"behaviour-tracker\[basler\]"):
        make().open()
