"""The simulated stimulus box, and the host's side of it, in a time that a test moves by hand."""

import pytest

from tracker.actuators.stimulus_box import StimulusBox, StimulusBoxSettings, protocol
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
from tracker.errors import ConfigError, DeviceError, DeviceLost, DeviceNotFound
from tracker.stimuli import Action, LineLimits, PulseTrain
from tracker.testing.manual_clock import ManualClock

MS, US = 1_000_000, 1_000
LIMITS = {"0": LineLimits(100_000, 50_000), "1": LineLimits(100_000, 0)}


class Host:
    """Talks to a simulated box frame by frame."""

    def __init__(self):
        self.clock = ManualClock()
        self.box = SimulatedBox(self.clock).plug()
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


# --- the host's side


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def box(clock):
    made = StimulusBox(StimulusBoxSettings(port="simulated"), LIMITS, clock)
    made.open()
    yield made
    made.close()


def tend(box, clock, ms, *, alive=True):
    edges, end_ns = [], clock.now_ns() + ms * MS
    while clock.now_ns() < end_ns:
        edges += box.tend(alive=alive)
    return edges


def test_opening_it_proves_its_dead_man(box, clock):
    assert 100 * MS <= clock.now_ns() < 120 * MS
    assert box.info.dead_man_s == 0.1


def test_edges_come_back_in_session_time_with_their_stimulus(box, clock):
    box.tend(alive=True)
    receipt = box.apply("0", Action.TRAIN, PulseTrain(10_000, 30_000, 2), "wake/1")
    edges = tend(box, clock, 60)
    at_ns = [edge.at_ns - receipt.acknowledged_ns for edge in edges]
    assert at_ns == [pytest.approx(each * MS, abs=5 * US) for each in (0, 10, 30, 40)]
    assert [edge.rising for edge in edges] == [True, False, True, False]
    assert {edge.stimulus_id for edge in edges} == {"wake/1"}
    assert box.counts["lost_edges"] == 0


def test_a_box_that_is_not_fed_is_lost_and_says_why(box, clock):
    tend(box, clock, 30)
    with pytest.raises(DeviceLost, match="went safe by itself: no keep-alive came in time"):
        tend(box, clock, 150, alive=False)
    with pytest.raises(DeviceLost, match="no keep-alive"):
        box.apply("0", Action.TRAIN, PulseTrain(10, 10), "wake/1")


def test_a_box_that_was_unplugged_is_lost_and_works_again_once_it_is_back(box, clock):
    tend(box, clock, 30)
    box.simulated.unplug()
    with pytest.raises(DeviceLost, match="unplugged"):
        tend(box, clock, 50)
    box.close()
    box.open()
    tend(box, clock, 30)
    assert box.apply("0", Action.TRAIN, PulseTrain(1000, 1000), "wake/1").confirmed


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        pytest.param(PulseTrain(100_001, 100_001), "high for longer than its limit", id="long"),
        pytest.param(PulseTrain(50_000, 50_000, 3), "high for longer than its limit", id="no_gap"),
    ],
)
def test_what_the_box_refuses_is_an_error_in_words(box, train, expected):
    with pytest.raises(DeviceError, match=expected):
        box.apply("0", Action.TRAIN, train, "wake/1")


def test_too_soon_is_an_error_in_words(box, clock):
    box.apply("0", Action.TRAIN, PulseTrain(10_000, 10_000), "wake/1")
    tend(box, clock, 30)
    with pytest.raises(DeviceError, match="too soon"):
        box.apply("0", Action.TRAIN, PulseTrain(10_000, 10_000), "wake/2")


def test_making_it_safe_ends_a_pulse_and_all_feeding(box, clock):
    tend(box, clock, 20)
    box.apply("1", Action.TRAIN, PulseTrain(90_000, 90_000), "wake/1")
    clock.advance(10 * MS)
    box.make_safe()
    now_ns = clock.now_ns()
    assert box.simulated.level(1, now_ns - MS, now_ns - 1) == 1.0
    clock.advance(20 * MS)
    assert box.simulated.level(1, now_ns + 1, now_ns + 10 * MS) == 0
    with pytest.raises(DeviceError, match="made safe"):
        box.apply("1", Action.TRAIN, PulseTrain(1000, 1000), "wake/2")


def test_a_line_that_it_does_not_have_is_refused_at_the_door(clock):
    with pytest.raises(ConfigError, match="no line 'D13'"):
        StimulusBox(StimulusBoxSettings(port="simulated"), {"D13": LineLimits(1, 0)}, clock)


def test_a_port_that_is_not_there_is_an_error_that_says_what_is(clock):
    box = StimulusBox(StimulusBoxSettings(port="/dev/no_such_port"), LIMITS, clock)
    with pytest.raises(DeviceNotFound, match=r"no_such_port.*Serial ports here"):
        box.open()


class Mute:
    """A port at which nobody answers."""

    def __init__(self, clock):
        self._clock = clock

    def read_some(self):
        self._clock.advance(5 * MS)
        return b""

    def write(self, data):
        """Nobody hears it."""

    def close(self):
        """Nothing to let go of."""


def test_a_port_at_which_nobody_answers_is_no_box(clock):
    box = StimulusBox(StimulusBoxSettings(port="COM9"), LIMITS, clock, lambda name: Mute(clock))
    with pytest.raises(DeviceNotFound, match=r"COM9: no stimulus box answers.*tracker flash"):
        box.open()
