"""The simulated stimulus box, frame by frame, in a time that a test moves by hand."""

import pytest

from tracker.actuators.stimulus_box import protocol
from tracker.actuators.stimulus_box.protocol import (
    Ack,
    Alive,
    ArmBox,
    Cause,
    Decoder,
    DisarmBox,
    EdgeReport,
    Hello,
    Reason,
    SetDeadMan,
    SetLimits,
    Start,
    Stop,
    Tripped,
)
from tracker.actuators.stimulus_box.simulated import SimulatedBox
from tracker.testing.manual_clock import ManualClock

MS, US = 1_000_000, 1_000


class Host:
    """Talks to a simulated box frame by frame."""

    def __init__(self, first_us=0):
        self.clock = ManualClock()
        self.box = SimulatedBox(self.clock, first_us).plug()
        self.decoder = Decoder()
        self.seq = 0
        self.heard = []

    def say(self, message, *, seq=None):
        """Send a frame and return the answers; other messages are kept in `heard`."""
        self.seq = seq if seq is not None else self.seq % 255 + 1
        self.box.write(protocol.encode(self.seq, message))
        return self.listen()

    def listen(self):
        found = [message for _, message in self.decoder.feed(self.box._take())]
        self.heard += [each for each in found if isinstance(each, EdgeReport | Tripped)]
        return [each for each in found if not isinstance(each, EdgeReport | Tripped)]

    def go(self, ms, *, feed=True):
        """Let time pass, fed every 10 ms."""
        for _ in range(round(ms * 10)):
            self.clock.advance(MS // 10)
            if feed and self.clock.now_ns() % (10 * MS) == 0:
                self.say(Alive())
        self.listen()

    def set_up(self, longest_ms=100, gap_ms=0, dead_man_ms=100):
        self.say(Hello())
        for line in (0, 1):
            self.say(SetLimits(line, longest_ms * US, gap_ms * US))
        self.say(SetDeadMan(dead_man_ms))
        self.say(ArmBox())

    def start(self, line=0, *, level=255, delay_ms=0, width_ms=10, period_ms=None, n=1, seq=None):
        period_us = round((period_ms or width_ms) * US)
        about = round(delay_ms * US), round(width_ms * US), period_us, n, 0
        (answer,) = self.say(Start(line, level, *about), seq=seq)
        return answer

    def edges(self, line=0):
        """Times of the edges of a line (ms), rising ones positive, falling ones negative."""
        found = [each for each in self.heard if isinstance(each, EdgeReport)]
        return [
            (each.device_us / US) * (1 if each.flags & protocol.RISING else -1)
            for each in found
            if each.line == line
        ]

    @property
    def trips(self):
        return [each.cause for each in self.heard if isinstance(each, Tripped)]


@pytest.fixture
def host():
    made = Host()
    made.set_up()
    return made


def test_a_train_is_timed_to_the_microsecond(host):
    answer = host.start(width_ms=10, period_ms=30, n=3)
    assert answer == Ack(0)
    host.go(100)
    assert host.edges() == [0, -10, 30, -40, 60, -70]


def test_pulses_without_a_gap_are_one_pulse(host):
    host.start(width_ms=10, period_ms=10, n=3)
    host.go(50)
    assert host.edges() == [0, -30]


def test_a_delay_is_waited_for(host):
    host.start(delay_ms=25)
    host.go(50)
    assert host.edges() == [25, -35]


def test_a_stop_ends_it_at_once(host):
    host.start(width_ms=50)
    host.go(20)
    host.say(Stop(0))
    host.go(50)
    assert host.edges() == [0, -20]


def test_without_a_keep_alive_every_line_goes_low(host):
    host.start(line=0, width_ms=100)
    host.go(40)
    host.say(Alive())
    host.start(line=1, width_ms=100, period_ms=200, n=5)
    host.go(150, feed=False)
    assert host.edges(0) == [0, -100]
    assert host.edges(1) == [40, -140]
    assert host.trips == [Cause.NO_KEEP_ALIVE]


def test_after_a_trip_nothing_starts_until_it_is_armed_again(host):
    host.go(150, feed=False)
    assert host.start().reason == Reason.NOT_ARMED
    host.say(Alive())
    assert host.start().reason == Reason.NOT_ARMED
    host.say(ArmBox())
    assert isinstance(host.start(), Ack)


def test_arming_again_does_not_feed_it(host):
    host.go(90, feed=False)
    host.say(ArmBox())
    host.go(20, feed=False)
    assert host.trips == [Cause.NO_KEEP_ALIVE]


def test_garbage_does_not_feed_it(host):
    for _ in range(12):
        host.go(10, feed=False)
        host.box.write(b"\x06\x01\x02\x03\x00" + bytes(range(1, 60)) + b"\x00")
    assert host.trips == [Cause.NO_KEEP_ALIVE]


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        pytest.param({"width_ms": 100}, None, id="as_long_as_allowed"),
        pytest.param({"width_ms": 100.1}, Reason.TOO_LONG, id="longer"),
        pytest.param({"width_ms": 60, "n": 2}, Reason.TOO_LONG, id="no_gap"),
        pytest.param({"line": 2}, Reason.NO_LIMITS, id="line_without_limits"),
        pytest.param({"line": 4}, Reason.OUT_OF_RANGE, id="no_such_line"),
        pytest.param({"width_ms": 0}, Reason.OUT_OF_RANGE, id="no_width"),
        pytest.param({"width_ms": 10, "period_ms": 9}, Reason.OUT_OF_RANGE, id="shorter_period"),
    ],
)
def test_a_start_has_to_fit_the_limits(host, about, expected):
    answer = host.start(**about)
    assert getattr(answer, "reason", None) == expected


def test_a_least_gap_is_kept():
    host = Host()
    host.set_up(gap_ms=50)
    host.start(width_ms=10)
    host.go(5)
    assert host.start().reason == Reason.TOO_SOON
    host.go(54.9)
    assert host.start().reason == Reason.TOO_SOON
    host.go(0.1)
    assert isinstance(host.start(), Ack)


def test_time_on_is_counted_on_through_a_replacement(host):
    assert isinstance(host.start(width_ms=60), Ack)
    host.go(50)
    assert host.start(width_ms=51).reason == Reason.TOO_LONG
    assert isinstance(host.start(width_ms=50), Ack)
    host.go(80)
    assert host.edges() == [0, -100]


def test_limits_cannot_be_raised_while_it_is_armed(host):
    assert host.say(SetLimits(0, 10**6, 0))[0].reason == Reason.ARMED
    assert host.say(SetDeadMan(250))[0].reason == Reason.ARMED
    host.say(DisarmBox())
    assert isinstance(host.say(SetLimits(0, 10**6, 0))[0], Ack)
    assert host.say(SetDeadMan(251))[0].reason == Reason.OUT_OF_RANGE


def test_a_request_that_comes_twice_is_carried_out_once(host):
    first = host.start(width_ms=10, seq=7)
    host.go(20)
    again = host.start(width_ms=10, seq=7)
    host.go(20)
    assert again == first
    assert host.edges() == [0, -10]


def test_a_request_that_comes_again_after_half_a_second_is_another_one(host):
    host.start(width_ms=10, seq=7)
    host.go(501)
    host.start(width_ms=10, seq=7)
    host.go(20)
    assert host.edges() == [0, -10, 501, -511]


def test_what_a_line_did_can_be_asked(host):
    host.start(width_ms=10, period_ms=30, n=2, level=128)
    host.go(100)
    half = pytest.approx(128 / 255)
    level = host.box.level
    assert level(0, 0, 5 * MS) == half
    assert level(0, 11 * MS, 29 * MS) == 0
    assert level(0, 11 * MS, 31 * MS) == half
    assert level(0, 41 * MS, 99 * MS) == 0
    assert level(1, 0, 99 * MS) == 0


def test_a_hello_ends_everything(host):
    host.start(width_ms=100)
    host.go(30)
    (welcome,) = host.say(Hello())
    assert (welcome.protocol, welcome.n_lines, welcome.n_inputs) == (1, 4, 2)
    now_ns = host.clock.now_ns()
    assert host.box.level(0, now_ns, now_ns + MS) == 0
    assert host.start().reason == Reason.NOT_ARMED


@pytest.mark.parametrize(
    ("from_ms", "to_ms", "highest"),
    [
        pytest.param(0, 10, 0.25, id="rising"),
        pytest.param(10, 30, 0.75, id="higher"),
        pytest.param(30, 70, 1.0, id="over_the_top"),
        pytest.param(90, 100, 0.25, id="falling"),
        pytest.param(101, 110, 0, id="after_it"),
    ],
)
def test_a_ramp_rises_and_falls(host, from_ms, to_ms, highest):
    host.say(Start(0, 255, 0, 100_000, 100_000, 1, 40_000))
    host.go(120)
    level = host.box.level(0, from_ms * MS, to_ms * MS)
    assert level == pytest.approx(highest, abs=0.004)


def test_a_ramp_that_is_stopped_was_never_higher(host):
    host.say(Start(0, 255, 0, 100_000, 100_000, 1, 40_000))
    host.go(10)
    host.say(Stop(0))
    host.go(50)
    assert host.box.level(0, 0, 50 * MS) == pytest.approx(0.25, abs=0.004)


def test_a_line_that_is_high_and_goes_on_does_not_rise_again(host):
    host.start(width_ms=20)
    host.go(10)
    host.start(width_ms=20, level=128)
    host.go(30)
    assert host.box.rises(0) == (0,)
    assert host.box.level(0, 0, 9 * MS) == 1.0
    assert host.box.level(0, 11 * MS, 29 * MS) == pytest.approx(128 / 255)


def test_when_a_line_went_high_can_be_asked(host):
    host.start(width_ms=10, period_ms=30, n=3)
    host.go(50)
    assert host.box.rises(0) == (0, 30 * MS)


def test_what_its_lines_did_is_remembered_when_it_is_plugged_in_again(host):
    host.start(width_ms=50)
    host.go(20)
    host.box.plug()
    host.go(20, feed=False)
    assert host.box.level(0, 19 * MS, 20 * MS - 1) == 1.0
    assert host.box.level(0, 21 * MS, 40 * MS) == 0
    assert host.box.rises(0) == (0,)


def test_unplugged_it_is_low_and_cannot_be_reached(host):
    host.start(width_ms=50)
    host.go(20)
    host.box.unplug()
    assert host.box.level(0, 20 * MS + 1, 20 * MS + 1) == 0
    for use in (host.box.read_some, lambda: host.box.write(b"")):
        with pytest.raises(OSError, match="not plugged in"):
            use()


def test_an_input_reports_its_changes(host):
    host.box.drive(0, high=True)  # so its pull-up has held it
    host.go(3)
    host.box.drive(0, high=False)
    host.go(4)
    host.box.drive(0, high=True)
    host.listen()
    assert host.edges(protocol.FIRST_INPUT) == [-3, 7]


def test_its_clock_may_begin_anywhere_and_wraps():
    host = Host(first_us=(1 << 32) - 25 * US)
    host.set_up()
    assert host.start(delay_ms=20) == Ack((1 << 32) - 25 * US)
    host.go(50)
    assert [round(each.device_us / US) for each in host.heard] == [4294962, 5]
    assert host.box.rises(0) == (20 * MS,)


def test_edges_that_nobody_reads_are_lost_and_missing_in_their_numbers(host):
    host.say(DisarmBox())
    host.say(SetDeadMan(250))
    host.say(ArmBox())
    for _ in range(60):  # pulses of 60 us, every millisecond on two lines
        for line in (0, 1):
            host.box.write(protocol.encode(1, Start(line, 255, 0, 60, 1000, 100, 0)))
        host.clock.advance(100 * MS)
        host.box.write(protocol.encode(1, Alive()))
    frames = host.decoder.feed(host.box.read_some())
    before = [seq for seq, message in frames if isinstance(message, EdgeReport)]
    host.box.drive(0, high=False)
    ((after, _),) = host.decoder.feed(host.box.read_some())
    n_made = 60 * 2 * 100 * 2
    assert len(before) < n_made
    assert after == n_made % 256 != (before[-1] + 1) % 256


@pytest.mark.parametrize("line", [0, 3])
def test_two_lines_that_are_due_at_once_both_have_their_edges(host, line):
    for each in range(4):
        host.say(DisarmBox())
        host.say(SetLimits(each, 100 * US, 0))
    host.say(ArmBox())
    for each in range(4):
        host.start(line=each, delay_ms=10)
    host.go(30)
    assert host.edges(line) == [10, -20]
