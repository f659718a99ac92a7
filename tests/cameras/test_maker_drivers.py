"""FLIR and Allied Vision cameras, on stand-ins for the makers' drivers."""

import inspect
import sys

import pytest
from cameras import pyspin_stand_in, vmbpy_stand_in
from cameras.maker_device import MakerDevice, Number, Picture, Unplugged
from pydantic import ValidationError

from tracker.cameras import spinnaker, vimba
from tracker.cameras.spinnaker import SpinnakerSettings, load_pyspin, spinnaker_camera
from tracker.cameras.vimba import VimbaSettings, load_vmbpy, vimba_camera
from tracker.errors import DeviceError, DeviceLost, DeviceNotFound, MissingDriver, MissingExtra
from tracker.testing.manual_clock import ManualClock
from tracker.types import Frame

DRIVERS = {
    "spinnaker": (SpinnakerSettings, spinnaker_camera, pyspin_stand_in.StandIn, spinnaker),
    "vimba": (VimbaSettings, vimba_camera, vmbpy_stand_in.StandIn, vimba),
}
UNDERRUN = {"spinnaker": "StreamDroppedFrameCount", "vimba": "StatFrameUnderrun"}


@pytest.fixture(params=DRIVERS)
def driver(request):
    return request.param


@pytest.fixture
def make(driver):
    """Makes a camera on what is plugged in; at the end all of it must have been let go."""
    settings, make_camera, stand_in, _ = DRIVERS[driver]
    made = []

    def one(*devices, **wishes):
        package = stand_in(*devices)
        camera = make_camera(settings(**wishes), ManualClock(10**9), lambda: package)
        made.append((camera, package))
        return camera

    yield one
    for camera, package in made:
        camera.close()
        assert package.n_held == 0
        assert not any(device.is_open for device in package.devices)


def told(camera, n):
    entries = [camera.read(0.01) for _ in range(n)]
    return [
        entry.index
        if isinstance(entry, Frame)
        else entry and (entry.first_index, entry.last_index, str(entry.cause))
        for entry in entries
    ]


def test_frames_come_with_number_time_and_picture(make):
    device = MakerDevice([Picture(7, 1_000, value=9), Picture(8, 11_001_000, value=10)])
    camera = make(device, exposure_us=2000)
    camera.open()
    first, second = camera.read(0.01), camera.read(0.01)
    assert (first.index, first.device_tick, second.index) == (0, 1_000, 1)
    assert second.captured_ns - first.captured_ns <= 11_000_000
    assert first.image.shape == (6, 8)
    assert second.image.tolist() == [[10] * 8] * 6


def test_it_is_asked_for_everything_and_says_what_it_does(make):
    camera = make(
        MakerDevice(), width=4, height=2, exposure_us=2000, gain=3, fps=120, pixel_format="BayerRG8"
    )
    camera.open()
    said = camera.info.settings
    assert (said["width_px"], said["height_px"], said["pixel_format"]) == (4, 2, "BayerRG8")
    assert (said["exposure_us"], said["gain"], said["fps"]) == (2000, 3, 120)
    assert said["exposure_auto"] == "Off"
    assert (said["serial"], said["firmware"]) == ("20012345", "1.2.3")


def test_it_says_what_can_be_set(make):
    camera = make(MakerDevice())
    camera.open()
    found = {option.name: option for option in camera.options}
    assert (found["fps"].least, found["fps"].most) == (1, 500)
    assert found["pixel_format"].choices == ("Mono8", "Mono12", "BayerRG8")


REFUSALS = {
    "range": ({"exposure_us": 5e6}, r"ExposureTime cannot be set to 5000000.0; it can be 10 to 1e"),
    "entry": ({"pixel_format": "Mono9"}, r"PixelFormat cannot be set to Mono9; it can be Mono8, M"),
    "spelling": ({"features": {"Gama": 1}}, r"the camera has no feature Gama"),
}


@pytest.mark.parametrize(("wishes", "message"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_it_cannot_do_is_an_error_with_what_it_can(make, wishes, message):
    with pytest.raises(DeviceError, match=message):
        make(MakerDevice(), **wishes).open()


def test_a_rate_that_it_rounds_too_far_is_an_error_with_both_numbers(make):
    device = MakerDevice()
    device.features["AcquisitionFrameRate"].step = 50.0
    with pytest.raises(DeviceError, match="fps 120 was asked for, the camera does 101"):
        make(device, fps=120).open()


def test_losses_have_their_causes(make, driver):
    device = MakerDevice(
        [Picture(1), Picture(2, problem="packets missing"), Picture(5), Picture(9)],
        statistics={UNDERRUN[driver]: Number(0, 0, 2**62)},
    )
    camera = make(device, device_time=False)
    camera.open()
    assert told(camera, 4) == [0, (1, 1, "incomplete"), (2, 3, "lost_on_link"), 4]
    device.statistics[UNDERRUN[driver]].value = 3
    assert told(camera, 3) == [(5, 7, "driver_overrun"), 8, None]
    assert camera.account[UNDERRUN[driver]] == 3


def test_numbers_of_gige_cameras_wrap(make):
    device = MakerDevice([Picture(65534), Picture(65535), Picture(1)], is_gige=True)
    camera = make(device, device_time=False)
    camera.open()
    assert told(camera, 3) == [0, 1, 2]


def test_every_buffer_is_given_back(make):
    device = MakerDevice([Picture(n) for n in range(20)])
    camera = make(device, device_time=False, buffers=6)
    camera.open()
    told(camera, 20)
    assert device.n_buffers == 6
    camera.read(0.01)
    assert device.n_lent == 0


def test_an_unplugged_camera_is_lost(make):
    device = MakerDevice([Picture(0), Unplugged()])
    camera = make(device, device_time=False)
    camera.open()
    camera.read(0.01)
    with pytest.raises(DeviceLost):
        camera.read(0.01)


def test_the_session_triggers_by_software(make):
    device = MakerDevice([Picture(0), Picture(1)])
    camera = make(device, trigger={}, fps=100, device_time=False)
    camera.open()
    assert told(camera, 2) == [0, 1]
    assert device.features["TriggerSoftware"].n_run == 2
    assert device.features["TriggerMode"].value == "On"


def test_a_hardware_trigger_is_set(make):
    device = MakerDevice()
    make(device, trigger={"source": "Line1", "activation": "FallingEdge"}).open()
    found = [device.features[f"Trigger{name}"].value for name in ("Source", "Activation", "Mode")]
    assert found == ["Line1", "FallingEdge", "On"]


def test_a_camera_is_chosen_by_its_serial_number(make):
    camera = make(MakerDevice(serial="1"), MakerDevice(serial="2"), device="2")
    camera.open()
    assert camera.info.settings["serial"] == "2"


@pytest.mark.parametrize(
    ("serials", "device", "message"),
    [
        ([], None, r"was expected, there is none"),
        (["1", "2"], None, r"was expected, there is \w+.* 1, \w+.* 2"),
        (["1"], "7", r"camera '7' was expected"),
    ],
    ids=["none", "several", "another"],
)
def test_a_camera_that_is_not_there_is_not_found(make, serials, device, message):
    with pytest.raises(DeviceNotFound, match=message):
        make(*(MakerDevice(serial=each) for each in serials), device=device).open()


def test_a_camera_that_another_program_uses_cannot_be_opened(make):
    with pytest.raises(DeviceNotFound, match=r"20012345 cannot be opened .*another program"):
        make(MakerDevice(is_in_use=True)).open()


def test_all_cameras_are_listed(driver):
    _, _, stand_in, module = DRIVERS[driver]
    package = stand_in(MakerDevice(serial="1"), MakerDevice(serial="2"))
    assert [who.serial for who in module.found(package)] == ["1", "2"]
    assert package.n_held == 0


def test_without_vimba_x_its_absence_is_said():
    package = vmbpy_stand_in.StandIn()
    package.has_sdk = False
    camera = vimba_camera(VimbaSettings(), ManualClock(), lambda: package)
    with pytest.raises(DeviceNotFound, match=r"Vimba X does not start .* install the Vimba X SDK"):
        camera.open()


def test_vmbpy_without_vimba_x_says_the_same():
    """The real package, which comes without transport layers."""
    with pytest.raises(DeviceNotFound, match="Vimba X does not start"):
        vimba_camera(VimbaSettings(), ManualClock(), load_vmbpy).open()


def test_without_the_packages_it_is_said_how_to_get_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "PySpin", None)
    monkeypatch.setitem(sys.modules, "vmbpy", None)
    with pytest.raises(MissingDriver, match="the Spinnaker SDK from Teledyne"):
        load_pyspin()
    with pytest.raises(MissingExtra, match=r"behaviour-tracker\[vimba\]"):
        load_vmbpy()


CLASSES = (
    *("Camera", "Frame", "IntFeature", "FloatFeature", "EnumFeature", "StringFeature"),
    *("CommandFeature", "EnumEntry", "TransportLayer"),
)


@pytest.mark.parametrize("name", CLASSES)
def test_the_stand_in_has_no_method_that_vmbpy_does_not_have(name):
    real = getattr(load_vmbpy(), name, None) or _inner(name)
    for method, function in inspect.getmembers(getattr(vmbpy_stand_in, name), inspect.isfunction):
        if method.startswith("_"):
            continue
        ours = list(inspect.signature(function).parameters)
        theirs = list(inspect.signature(getattr(real, method)).parameters)
        assert ours == theirs[: len(ours)], f"{name}.{method}"


def _inner(name):
    from vmbpy import feature

    return getattr(feature, name)


@pytest.mark.parametrize("name", ["FrameStatus", "CameraEvent", "TransportLayerType"])
def test_the_stand_ins_constants_are_vmbpys(name):
    assert {each.name for each in getattr(vmbpy_stand_in, name)} <= {
        each.name for each in getattr(load_vmbpy(), name)
    }


def test_the_stand_ins_system_is_vmbpys():
    real = type(load_vmbpy().VmbSystem.get_instance())
    ours = vmbpy_stand_in.StandIn().VmbSystem
    names = {name for name, _ in inspect.getmembers(ours, inspect.isfunction) if name[0] != "_"}
    assert names - {"get_instance"} <= set(dir(real))


@pytest.mark.parametrize("settings", [SpinnakerSettings, VimbaSettings])
def test_a_misspelt_setting_is_an_error(settings):
    with pytest.raises(ValidationError):
        settings(exposure=1)
