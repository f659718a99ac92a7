"""A whole session whose camera is unplugged, on a driver that the test plays."""

import pytest
from cameras.played_driver import Device, whole
from rigs import Rig

from tracker.cameras.machine_vision import MachineVisionCamera, MachineVisionSettings
from tracker.clock import SystemClock
from tracker.errors import DeviceLost, SessionError
from tracker.recording import Recording


class RealTime:
    """Passes when a driver waits for a frame that does not come."""

    def __init__(self):
        self._clock = SystemClock()

    def advance(self, by_ns):
        self._clock.wait_until(self._clock.now_ns() + by_ns, by_ns / 1e9)


def rig_of(folder, script, *, duration_s=None, **settings):
    clock = SystemClock()
    device = Device(script, clock=RealTime())
    asked = MachineVisionSettings(fps=100, **settings)
    camera = MachineVisionCamera(asked, clock, "played", device.connect)
    return Rig(folder, camera, clock=clock, duration_s=duration_s, ring_capacity=128)


def test_the_session_goes_on_with_a_gap_and_its_ledger_adds_up(tmp_path):
    """Gone after five frames, back after the pause between two attempts, half a second."""
    script = [*map(whole, range(5)), DeviceLost("the link is down"), *map(whole, range(3))]
    rig = rig_of(tmp_path / "s", script, duration_s=0.3, on_disconnect="wait")
    rig.run()
    recording = Recording(tmp_path / "s")
    totals, account = recording.totals(), recording.session["camera_account"]
    assert recording.session["end_reason"] == "completed"
    assert recording.ledger["index"].to_pylist() == list(range(totals["captured"]))
    assert totals["lost"]["camera_away"] > 30
    assert totals["unexplained"] == 0
    assert account["returns"] == 1
    assert account["frames"] == totals["captured"] + 1  # the frame that ended it


def test_by_default_the_session_fails_and_its_record_is_whole_up_to_there(tmp_path):
    script = [*map(whole, range(5)), DeviceLost("the link is down")]
    rig = rig_of(tmp_path / "s", script)
    with pytest.raises(SessionError, match="the link is down"):
        rig.run()
    recording = Recording(tmp_path / "s")
    assert recording.session["end_reason"] == "failed"
    assert recording.totals()["captured"] == 5
    assert recording.ledger["index"].to_pylist() == list(range(5))
