"""A camera with a frame counter that is unplugged, on a driver that a test plays."""

import pytest
from cameras.played_driver import SIZE, Device, Later, read, told, whole

from tracker.errors import DeviceError, DeviceLost
from tracker.types import Fate, Frame, Gap

MS = 1_000_000
SECOND = 1_000_000_000


WAIT = {"on_disconnect": "wait", "fps": 100}


class TestUnplugged:
    """100 frames/s; the camera's memory of its count is gone when it comes back."""

    def unplug(self, make, clock, **settings):
        """A camera that has given frames 0 to 2 and is away now."""
        device = Device([whole(7), whole(8), Later(10 * MS), whole(9)])
        camera = make(device, **{**WAIT, **settings})
        camera.open()
        assert told(read(camera, 3)) == [0, 1, 2]
        device.script.append(DeviceLost("the link is down"))
        device.is_there = False
        return camera, device

    def test_by_default_the_session_ends_and_says_why(self, make):
        device = Device([whole(0), DeviceLost("the link is down")])
        camera = make(device)
        camera.open()
        camera.read(0.1)
        with pytest.raises(DeviceLost, match="played Maker Model 123: the link is down"):
            camera.read(0.1)
        assert device.n_open == 0

    def test_while_it_is_away_the_frames_that_were_due_are_gaps(self, make, clock):
        """0.1 s of waiting at each read; a frame is told once the next one is due."""
        camera, _ = self.unplug(make, clock)
        assert told(read(camera, 4)) == [
            None,
            (3, 11, "camera_away"),
            (12, 21, "camera_away"),
            (22, 31, "camera_away"),
        ]

    def test_when_it_is_back_its_frames_go_on_at_their_place_in_time(self, make, clock):
        """Back 0.9 s, or 90 periods, after frame 2, with a count of its own from 1: frame 92."""
        camera, device = self.unplug(make, clock)
        read(camera, 4)  # 0.3 s
        device.is_there = True
        device.script = [Later(100 * MS), whole(1), whole(2), whole(4)]
        clock.advance(500 * MS)  # the pause between attempts
        found = told(read(camera, 6))
        assert found == [
            *[(32, 81, "camera_away"), (82, 91, "camera_away")],
            *[92, 93, (94, 94, "lost_on_link"), 95],
        ]
        assert camera.account["returns"] == 1

    def test_a_camera_that_is_back_at_once_leaves_one_gap_all_the_same(self, make, clock):
        camera, device = self.unplug(make, clock)
        device.is_there = True
        device.script = [DeviceLost("the link is down"), whole(1)]
        clock.advance(5 * MS)
        assert told(read(camera, 1)) == [None]
        clock.advance(500 * MS)
        found = told(read(camera, 3))
        assert [entry for entry in found if entry][-1] == found[0][1] + 1

    def test_times_of_capture_go_on_growing_although_the_cameras_clock_begins_anew(
        self, make, clock
    ):
        script = [whole(7, tick=9_000_000), Later(10 * MS), whole(8, tick=9_010_000)]
        device = Device([*script, DeviceLost("the link is down")], tick_hz=1e6)
        camera = make(device, **WAIT)
        camera.open()
        before = read(camera, 2)
        read(camera, 1)
        clock.advance(SECOND)
        device.script = [whole(1, tick=500), Later(10 * MS), whole(2, tick=10_500)]
        frames = [*before, *(entry for entry in read(camera, 6) if isinstance(entry, Frame))]
        assert len(frames) == 4
        times = [frame.captured_ns for frame in frames]
        assert times == sorted(set(times))
        assert times[3] - times[2] == 10 * MS
        assert all(frame.captured_ns <= frame.received_ns for frame in frames)

    def test_a_camera_that_runs_by_itself_and_is_silent_is_taken_as_unplugged(self, make, clock):
        """Silent for more than 0.3 s: the fourth read of 0.1 s notices it."""
        device = Device([whole(0)])
        camera = make(device, away_after_s=0.3, **WAIT)
        camera.open()
        read(camera, 1)
        device.is_there = False
        assert told(read(camera, 4)) == [None, None, None, (1, 39, "camera_away")]
        assert device.n_open == 0

    def test_silence_of_a_camera_that_waits_for_a_trigger_means_nothing(self, make):
        device = Device([whole(0)])
        camera = make(device, trigger={"source": "Line1"}, on_disconnect="wait", away_after_s=0.3)
        camera.open()
        read(camera, 1)
        assert told(read(camera, 20)) == [None] * 20

    def test_a_camera_that_stays_away_for_too_long_ends_the_session(self, make, clock):
        camera, _ = self.unplug(make, clock, wait_at_most_s=2)
        camera.read(0.1)
        clock.advance(3 * SECOND)
        with pytest.raises(DeviceLost, match=r"did not come back within 2 s.*the link is down"):
            camera.read(0.1)

    def test_a_camera_that_comes_back_with_other_pictures_is_an_error(self, make, clock):
        camera, device = self.unplug(make, clock)
        camera.read(0.1)
        device.is_there, device.features["Height"] = True, SIZE[1] + 2
        clock.advance(SECOND)
        with pytest.raises(DeviceError, match=r"came back with pictures of shape \(6, 6\)"):
            read(camera, 5)

    def test_a_camera_that_is_back_and_does_not_start_is_tried_again(self, make, clock):
        camera, device = self.unplug(make, clock)
        camera.read(0.1)
        device.is_there, device.n_failing_starts = True, 1
        clock.advance(SECOND)
        assert "camera_away" in str(told(read(camera, 2)))
        clock.advance(SECOND)
        device.script = [whole(1)]
        assert any(isinstance(entry, Frame) for entry in read(camera, 3))

    def test_a_camera_that_does_not_start_at_first_ends_the_session(self, make):
        camera = make(Device([], n_failing_starts=1), **WAIT)
        camera.open()
        with pytest.raises(DeviceError, match="no bandwidth"):
            camera.read(0.1)

    def test_without_a_stated_rate_frames_are_due_as_often_as_they_came(self, make, clock):
        """Triggered every 50 ms: 0.35 s after the last of three, six were due for sure."""
        steps = [whole(0), Later(50 * MS), whole(1), Later(50 * MS), whole(2)]
        device = Device(steps)
        camera = make(device, trigger={"source": "Line1"}, on_disconnect="wait")
        camera.open()
        read(camera, 3)
        device.script, device.is_there = [DeviceLost("the link is down")], False
        clock.advance(350 * MS)
        assert told(read(camera, 1)) == [(3, 8, "camera_away")]

    def test_what_was_asked_for_is_asked_again(self, make, clock):
        camera, device = self.unplug(make, clock, exposure_us=2000)
        camera.read(0.1)
        device.is_there, device.features["ExposureTime"] = True, 1.0
        clock.advance(SECOND)
        device.script = [whole(0)]
        read(camera, 3)
        assert device.features["ExposureTime"] == 2000

    def test_a_camera_that_counts_anew_without_a_word_was_away(self, make, clock):
        device = Device([whole(5), whole(6), whole(0)])
        camera = make(device, **WAIT)
        camera.open()
        read(camera, 3)
        clock.advance(SECOND)
        device.script = [whole(0)]
        entries = [entry for entry in read(camera, 4) if entry is not None]
        assert isinstance(entries[0], Gap)
        assert entries[0].cause is Fate.CAMERA_AWAY
