"""One thread at a time has a device, and what is over stays over."""

import threading

import pytest

from tracker.actuators.turns import Turns
from tracker.errors import DeviceError, DeviceLost


class Device:
    def __init__(self):
        self.times_low = 0
        self.turns = Turns(self._go_low)

    def _go_low(self):
        self.times_low += 1

    def lose(self, why):
        with self.turns.turn():
            raise DeviceLost(why)


@pytest.fixture
def device():
    return Device()


def test_a_turn_changes_nothing(device):
    with device.turns.turn():
        pass
    device.turns.must_go_on()
    assert not device.turns.is_over
    assert device.times_low == 0


def test_made_safe_every_line_goes_low_once_and_nobody_goes_on(device):
    device.turns.make_safe()
    device.turns.make_safe()
    with device.turns.turn():
        pass
    with pytest.raises(DeviceError, match="it was made safe: open it again"):
        device.turns.must_go_on()
    assert device.times_low == 1


def test_having_been_made_safe_is_no_fault(device):
    device.turns.make_safe()
    device.turns.must_be_there()
    assert device.turns.is_over


def test_lost_in_a_turn_every_line_goes_low_and_it_is_said_each_time(device):
    with pytest.raises(DeviceLost, match="unplugged"):
        device.lose("unplugged")
    assert device.times_low == 1
    for ask in (device.turns.must_be_there, device.turns.must_go_on):
        with pytest.raises(DeviceLost, match="unplugged: open it again"):
            ask()


def test_the_first_loss_is_kept(device):
    for why in ("unplugged", "still unplugged"):
        with pytest.raises(DeviceLost):
            device.lose(why)
    device.turns.make_safe()
    with pytest.raises(DeviceLost, match=r"^unplugged"):
        device.turns.must_go_on()


def test_what_was_made_safe_is_not_lost_any_more(device):
    device.turns.make_safe()
    with pytest.raises(DeviceLost):
        device.lose("unplugged")
    device.turns.must_be_there()


def test_another_error_in_a_turn_is_no_end(device):
    with pytest.raises(DeviceError, match="refused"), device.turns.turn():
        raise DeviceError("refused")
    device.turns.must_go_on()


def test_made_safe_in_the_turn_of_another_it_is_that_one_who_goes_low(device):
    with device.turns.turn():
        making_safe = threading.Thread(target=device.turns.make_safe)
        making_safe.start()
        making_safe.join(5)
        assert not making_safe.is_alive()
        assert device.times_low == 0
    assert device.times_low == 1
