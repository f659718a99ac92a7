"""A camera with a frame counter, on a driver that a test plays."""

import numpy as np
import pytest
from cameras.played_driver import SIZE, Device, Later, Overrun, broken, read, told, whole
from pydantic import ValidationError

from tracker.cameras.machine_vision import MachineVisionSettings
from tracker.errors import DeviceError, DeviceNotFound

MS = 1_000_000
SECOND = 1_000_000_000


def test_frames_are_numbered_by_the_cameras_own_count(make):
    camera = make(Device([whole(70), whole(71), whole(73)]))
    camera.open()
    assert told(read(camera, 4)) == [0, 1, (2, 2, "lost_on_link"), 3]


def test_every_kind_of_loss_has_its_cause_and_nothing_is_left_out(make):
    script = [
        *[whole(0), broken(1), whole(2), whole(5)],
        *[Overrun(0), whole(8), whole(9, exposures=20), whole(10, exposures=23)],
    ]
    camera = make(Device(script))
    camera.open()
    assert told(read(camera, 11)) == [
        *[0, (1, 1, "incomplete"), 2, (3, 4, "lost_on_link"), 5],
        *[(6, 7, "driver_overrun"), 8, 9, (10, 11, "lost_by_sensor"), 12, None],
    ]
    assert camera.account == {"frames": 13, "returns": 0, "overruns": 1, "unread": 0}


def test_the_cameras_count_is_that_of_what_was_read(make):
    """The gap has been read, the frame behind it has not."""
    camera = make(Device([whole(0), whole(5)]))
    camera.open()
    read(camera, 2)
    assert camera.account["frames"] == 5


def test_the_account_can_still_be_asked_for_after_the_end(make):
    camera = make(Device([whole(0), whole(1)]))
    camera.open()
    read(camera, 1)
    camera.close()
    assert camera.account == {"frames": 1, "returns": 0, "overruns": 0, "unread": 1}


def test_an_image_is_the_drivers_own_memory(make):
    buffer = whole(0, value=9)
    camera = make(Device([buffer]))
    camera.open()
    assert np.shares_memory(camera.read(0.1).image, buffer.data)


def test_frames_without_device_time_are_captured_when_they_arrive(make, clock):
    camera = make(Device([whole(0), Later(10 * MS), whole(1)]))
    camera.open()
    frames = read(camera, 2)
    assert [(f.captured_ns, f.received_ns, f.device_tick) for f in frames] == [
        (5 * SECOND, 5 * SECOND, None),
        (5 * SECOND + 10 * MS, 5 * SECOND + 10 * MS, None),
    ]
    assert camera.tick_clock is None


def test_with_device_time_a_late_arrival_does_not_move_the_time_of_capture(make, clock):
    """10 ms apart by the camera; the second comes 4 ms late. The exposure of 5 ms begins at the
    tick: its middle is 2.5 ms before the first one's arrival."""
    script = [whole(0, tick=1_000_000), Later(14 * MS), whole(1, tick=1_010_000)]
    camera = make(Device(script, tick_hz=1e6), exposure_us=5000)
    camera.open()
    first, second = read(camera, 2)
    assert first.captured_ns == 5 * SECOND - 2_500_000
    assert second.captured_ns - first.captured_ns == 10 * MS
    assert (second.received_ns, second.device_tick) == (5 * SECOND + 14 * MS, 1_010_000)
    assert camera.tick_clock.fit.n_frames == 2


def test_device_time_can_be_left_unused(make):
    camera = make(Device([whole(0, tick=5)], tick_hz=1e6), device_time=False)
    camera.open()
    assert camera.read(0.1).captured_ns == 5 * SECOND
    assert camera.tick_clock is None


def test_it_says_what_the_camera_says_of_itself(make):
    camera = make(Device([]), fps=50)
    camera.open()
    info = camera.info
    assert (info.name, info.shape, info.fps, info.live) == (
        "played Maker Model 123",
        (SIZE[1], SIZE[0]),
        50.0,
        True,
    )
    assert info.settings["exposure_us"] == 5000.0
    assert info.settings["serial"] == "123"
    assert info.settings["device_tick_hz"] is None


def test_what_is_not_asked_for_is_left_as_it_is(make):
    device = Device([])
    make(device).open()
    assert device.asked == [("PixelFormat", "Mono8")]


def test_a_region_is_moved_back_before_it_is_made_larger(make):
    device = Device([])
    make(device, width=400, height=300, offset_x=16, offset_y=8).open()
    assert device.asked[1:] == [
        *[("OffsetX", 0), ("OffsetY", 0), ("Width", 400), ("Height", 300)],
        *[("OffsetX", 16), ("OffsetY", 8)],
    ]


REFUSALS = {
    "rate": ({"fps": 200}, {"AcquisitionFrameRate": 160.0}, "fps 200 .* does 160 "),
    "exposure": ({"exposure_us": 300}, {"ExposureTime": 312.0}, "exposure_us 300 .* does 312 "),
    "gain": ({"gain": 10}, {"Gain": 6.0}, "gain 10 .* does 6 "),
    "width": ({"width": 101}, {"Width": 100}, "width 101 .* does 100 "),
    "format": ({"pixel_format": "Mono12"}, {"PixelFormat": "Mono8"}, "Mono12 .* does Mono8 "),
    "trigger": ({"trigger": {"source": "Line3"}}, {"TriggerSource": "Line1"}, "Line3 .* Line1 "),
    "feature": ({"features": {"Gain": 3}}, {"Gain": 1.0}, "features.Gain 3 .* does 1 "),
}


@pytest.mark.parametrize(("wish", "rounds_to", "message"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_camera_that_does_something_else_is_an_error_with_both_values(
    make, wish, rounds_to, message
):
    device = Device([], rounds_to=rounds_to)
    camera = make(device, **wish)
    with pytest.raises(DeviceError, match=message):
        camera.open()
    assert device.n_open == 0
    with pytest.raises(DeviceError, match="closed"):
        camera.read(0.1)


def test_a_camera_may_round_by_a_hundredth(make):
    device = Device([], rounds_to={"ExposureTime": 303.0, "AcquisitionFrameRate": 99.1})
    make(device, exposure_us=300, fps=100).open()


def test_a_rate_that_the_exposure_does_not_allow_is_an_error(make):
    """The rate is taken as asked, but the camera says that it will be slower."""
    device = Device([])
    device.features["ResultingFrameRate"] = 61.5
    with pytest.raises(DeviceError, match=r"fps 100 .* does 61.5 \(ResultingFrameRate\)"):
        make(device, fps=100).open()


def test_a_rate_that_the_cameras_own_exposure_does_not_allow_is_an_error(make):
    """The exposure was not asked for, and stayed at 5 ms."""
    with pytest.raises(DeviceError, match=r"fps 300 .* for 5000 us: set exposure_us to less than"):
        make(Device([]), fps=300).open()


def at_rate(period_ticks, n=102):
    """Frames with time stamps of 1 MHz."""
    return [whole(k, tick=1000 + k * period_ticks) for k in range(n)]


@pytest.mark.parametrize(
    ("period_ticks", "measured"), [(20_000, "50"), (9_000, "111.1")], ids=["half", "too fast"]
)
def test_a_camera_that_sends_at_another_rate_than_it_says_is_an_error(make, period_ticks, measured):
    """Asked for 100 frames/s, which it says it does; its time stamps say otherwise."""
    camera = make(Device(at_rate(period_ticks), tick_hz=1e6), fps=100)
    camera.open()
    with pytest.raises(DeviceError, match=f"fps 100 was asked for.* it sends {measured} frames/s"):
        read(camera, 102)


def test_single_late_frames_do_not_make_a_camera_slow(make):
    """Every fourth frame has double the distance."""
    ticks, now = [], 0
    for k in range(102):
        now += 10_000 * (2 if k % 4 == 0 else 1)
        ticks.append(now)
    frames = [whole(k, tick=tick) for k, tick in enumerate(ticks)]
    camera = make(Device(frames, tick_hz=1e6), fps=100)
    camera.open()
    assert len(read(camera, 102)) == 102


def test_frames_that_are_missing_do_not_make_a_camera_slow(make):
    frames = [whole(k, tick=1000 + k * 10_000) for k in range(0, 300, 2)]
    camera = make(Device(frames, tick_hz=1e6), fps=100)
    camera.open()
    assert len(read(camera, 250)) == 250


def test_the_rate_of_a_triggered_camera_is_the_triggers(make):
    camera = make(Device(at_rate(50_000), tick_hz=1e6), fps=100, trigger={"source": "Line1"})
    camera.open()
    assert len(read(camera, 102)) == 102


def test_automatic_exposure_and_gain_are_switched_off_where_values_are_asked_for(make):
    device = Device([])
    device.features |= {"ExposureAuto": "Continuous", "GainAuto": "Continuous"}
    make(device, exposure_us=2000, gain=3).open()
    assert (device.features["ExposureAuto"], device.features["GainAuto"]) == ("Off", "Off")


def test_a_trigger_that_was_forgotten_in_the_camera_is_switched_off(make):
    device = Device([])
    device.features["TriggerMode"] = "On"
    make(device).open()
    assert device.features["TriggerMode"] == "Off"


def test_every_trigger_of_the_camera_but_the_chosen_one_is_off(make):
    """The selector says which of them TriggerMode speaks of; the played camera has one for all."""
    device = Device([], selectors=("AcquisitionStart", "FrameStart"))
    device.features |= {"TriggerSelector": "FrameStart", "TriggerMode": "On"}
    make(device, trigger={"source": "Line1"}).open()
    asked = [wish for wish in device.asked if wish[0].startswith("Trigger")]
    assert asked == [
        *[("TriggerSelector", "AcquisitionStart"), ("TriggerMode", "Off")],
        ("TriggerSelector", "FrameStart"),
        *[("TriggerSelector", "FrameStart"), ("TriggerSource", "Line1")],
        *[("TriggerActivation", "RisingEdge"), ("TriggerMode", "On")],
    ]


def test_older_cameras_have_older_names(make):
    device = Device([])
    for new, old in (("ExposureTime", "ExposureTimeAbs"), ("Gain", "GainRaw")):
        device.features[old] = device.features.pop(new)
    make(device, exposure_us=2000, gain=12.4).open()
    assert ("ExposureTimeAbs", 2000) in device.asked
    assert ("GainRaw", 12) in device.asked


def test_a_setting_that_the_camera_does_not_have_is_an_error(make):
    device = Device([])
    del device.features["Gain"]
    with pytest.raises(DeviceError, match="gain is set, but the camera has no feature Gain or"):
        make(device, gain=3).open()


def test_a_camera_none_of_whose_formats_can_be_used_is_an_error(make):
    with pytest.raises(DeviceError, match=r"Mono8, Mono10: none gives colour pictures"):
        make(Device([], formats=("Mono8", "Mono10")), colour=True).open()


def test_deep_pictures_are_brought_to_8_bits(make):
    data = np.full(SIZE[0] * SIZE[1], 4095, "<u2").view(np.uint8)
    buffer = whole(0, pixel_format="Mono12")
    device = Device([type(buffer)(0, "", data, *SIZE, 0, "Mono12")])
    camera = make(device, pixel_format="Mono12")
    camera.open()
    assert camera.read(0.1).image.min() == 255


def test_a_picture_of_another_size_than_promised_is_an_error(make):
    small = whole(0)
    small = type(small)(0, "", small.data, SIZE[0], SIZE[1] - 1, 0, "Mono8")
    camera = make(Device([small]))
    camera.open()
    with pytest.raises(DeviceError, match=r"frame 0 has shape \(3, 6\).* promised \(4, 6\)"):
        camera.read(0.1)


SOFTWARE = {"trigger": {}, "fps": 50}


class TestSoftwareTrigger:
    def test_the_session_triggers_at_the_rate_that_was_asked_for(self, make, clock):
        device = Device([whole(0), whole(1), whole(2)])
        camera = make(device, **SOFTWARE)
        camera.open()
        times = [camera.read(0.1).received_ns for _ in range(3)]
        assert [t - times[0] for t in times] == [0, 20 * MS, 40 * MS]
        assert device.n_triggers == 3

    def test_no_second_trigger_is_given_while_a_frame_is_under_way(self, make):
        device = Device([None, whole(0)])
        camera = make(device, **SOFTWARE)
        camera.open()
        assert told(read(camera, 2, timeout_s=0.005)) == [None, 0]
        assert device.n_triggers == 1

    def test_a_trigger_whose_frame_does_not_come_is_given_again_when_it_is_time(self, make):
        device = Device([None, None, whole(0)])
        camera = make(device, **SOFTWARE)
        camera.open()
        assert told(read(camera, 3, timeout_s=0.03)) == [None, None, 0]
        assert device.n_triggers == 3

    def test_a_camera_that_is_not_ready_is_asked_again(self, make):
        device = Device([whole(0)], ready_for_trigger=False)
        camera = make(device, **SOFTWARE)
        camera.open()
        assert camera.read(0.1) is None
        device.ready_for_trigger = True
        assert told(read(camera, 1)) == [0]

    def test_nothing_is_triggered_before_it_is_due(self, make):
        device = Device([whole(0), whole(1)])
        camera = make(device, **SOFTWARE)
        camera.open()
        assert told(read(camera, 3, timeout_s=0.012)) == [0, None, 1]


def test_a_hardware_trigger_has_the_rate_that_was_said(make):
    camera = make(Device([]), trigger={"source": "Line1"}, fps=30)
    camera.open()
    assert camera.info.fps == 30
    other = make(Device([]), trigger={"source": "Line1"})
    other.open()
    assert np.isnan(other.info.fps)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"trigger": {}}, "trigger.source Software needs fps"),
        ({"darkest": 100, "brightest": 100}, "brightest is 100 and darkest 100"),
        ({"fps": 100, "exposure_us": 20_000}, "a frame lasts 10000 us"),
        ({"ptp": True, "device_time": False}, "ptp is for the camera's time stamps"),
        ({"exposure": 100}, "Extra inputs"),
        ({"buffers": 1}, "greater than or equal to 2"),
    ],
    ids=["trigger rate", "levels", "exposure", "ptp", "misspelt", "buffers"],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        MachineVisionSettings(**settings)


def test_a_camera_that_is_not_there_is_not_found(make):
    with pytest.raises(DeviceNotFound, match="no camera is there"):
        make(Device([], is_there=False)).open()
