"""Opening a stimulus box: who it is, its limits, and the proof of its dead-man."""

from dataclasses import replace

import pytest
from stimulus_box_cable import MS, start, tend, without

from tracker.actuators.stimulus_box import StimulusBox, StimulusBoxSettings
from tracker.actuators.stimulus_box.protocol import (
    Cause,
    EdgeReport,
    Hello,
    Pong,
    SetDeadMan,
    SetLimits,
    Start,
    Tripped,
    Welcome,
)
from tracker.errors import ConfigError, DeviceError, DeviceNotFound
from tracker.stimuli import LineLimits


def test_it_says_who_it_is(box):
    assert box.info.name == "stimulus_box COM9, firmware 1.0"
    assert box.info.lines == ("0", "1")
    assert box.info.dead_man_s == 0.1
    assert box.info.acknowledges


def test_the_box_gets_the_limits_of_its_lines_and_its_dead_man(box, cable):
    assert cable.requests(SetLimits) == [SetLimits(0, 100_000, 50_000), SetLimits(1, 100_000, 0)]
    assert cable.requests(SetDeadMan) == [SetDeadMan(100)]


def test_it_is_left_disarmed(box, cable, clock):
    cable.sent.clear()
    clock.advance(1000 * MS)
    assert tend(box, clock, 50, alive=False) == []
    assert cable.sent == []


def test_nothing_is_switched_on_in_the_self_test(box, cable):
    assert cable.requests(Start) == []
    assert [cable.box.rises(line) for line in range(4)] == [()] * 4


def test_a_boot_loader_is_waited_for(closed, cable, clock):
    began_ns = clock.now_ns()
    cable.to_box = lambda seq, m: [(seq, m)] if clock.now_ns() > began_ns + 1800 * MS else []
    closed.open()
    assert len(cable.requests(Hello)) > 2


def test_what_the_box_still_says_to_the_program_before_is_not_for_this_one(closed, cable, clock):
    before = [
        (200, Welcome(9, 1, 0, 4, 2, 0, 5)),
        (7, EdgeReport(0, 1, 3, 6)),
        (0, Tripped(Cause.HIGH_FOR_TOO_LONG, 7)),
    ]

    def tamper(seq, message):
        said = [*before, (seq, message)]
        before.clear()
        return said

    cable.to_host = tamper
    closed.open()
    assert tend(closed, clock, 50) == []
    assert closed.counts["lost_edges"] == 0


def test_a_port_at_which_nobody_answers_has_no_box(closed, cable):
    cable.to_box = lambda seq, message: []
    with pytest.raises(DeviceNotFound, match=r"COM9: no stimulus box answers.*tracker flash"):
        closed.open()
    assert cable.is_closed


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        pytest.param(Welcome, {"protocol": 2}, "speaks protocol 2.*tracker flash", id="protocol"),
        pytest.param(
            Tripped, {"cause": Cause.HIGH_FOR_TOO_LONG}, "does not go safe", id="other_cause"
        ),
        pytest.param(Pong, {"state": 0x20}, "lines that are high: 1", id="line_high"),
        pytest.param(Pong, {"state": 0x01}, "armed: True", id="still_armed"),
    ],
)
def test_a_box_that_is_not_what_it_should_be_is_not_used(closed, cable, kind, change, said):
    cable.to_host = lambda seq, m: [(seq, replace(m, **change) if isinstance(m, kind) else m)]
    with pytest.raises(DeviceError, match=said):
        closed.open()
    assert cable.is_closed
    with pytest.raises(DeviceError, match="closed"):
        _ = closed.info


def test_a_box_whose_dead_man_does_not_trip_is_not_used(closed, cable):
    cable.to_host = without(Tripped)
    with pytest.raises(DeviceError, match=r"dead-man is 100 ms, and after 260 ms.*Do not use it"):
        closed.open()


@pytest.mark.parametrize("trips_after_ms", [20, 150])
def test_a_box_whose_dead_man_is_not_on_time_is_not_used(closed, cable, trips_after_ms):
    cable.to_box = lambda seq, m: [
        (seq, SetDeadMan(trips_after_ms) if isinstance(m, SetDeadMan) else m)
    ]
    with pytest.raises(DeviceError, match=f"it tripped after {trips_after_ms}.0 ms"):
        closed.open()


def test_a_box_that_refuses_its_limits_is_not_used(cable, clock):
    settings = StimulusBoxSettings(port="COM9")
    box = StimulusBox(settings, {"0": LineLimits(0, 0)}, clock, cable.plug)
    with pytest.raises(DeviceError, match=r"refused SetLimits.*out of its range"):
        box.open()


def test_a_restart_by_the_watchdog_before_it_was_opened_is_a_number(closed, cable, clock):
    def tamper(seq, message):
        trip = [(0, Tripped(Cause.WATCHDOG, 0))] if isinstance(message, Welcome) else []
        return [(seq, message), *trip]

    cable.to_host = tamper
    closed.open()
    tend(closed, clock, 50)
    assert closed.counts["watchdog_restarts"] == 1


def test_after_a_failure_it_can_be_opened_again(closed, cable):
    cable.to_host = without(Tripped)
    with pytest.raises(DeviceError):
        closed.open()
    cable.to_host = without()
    closed.open()
    assert start(closed).confirmed


def test_a_line_that_no_box_has_is_an_error_of_the_experiment(clock):
    with pytest.raises(ConfigError, match="no line 'D13'; it has 0, 1, 2, 3"):
        StimulusBox(StimulusBoxSettings(port="simulated"), {"D13": LineLimits(1, 0)}, clock)
