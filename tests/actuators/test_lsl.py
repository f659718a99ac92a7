"""Marks in an LSL stream, received by a real inlet on this computer."""

import json
import sys
import threading

import lsl_here  # noqa: F401 - first
import pylsl
import pytest

from tracker.actuators.lsl import LslMarks, LslSettings
from tracker.clock import SystemClock
from tracker.errors import DeviceError, MissingExtra
from tracker.stimuli import Action, LineLimits, Order, PulseTrain

LINES = {"light": LineLimits(100_000, 0), "pump": LineLimits(10_000_000, 0)}
TRAIN = PulseTrain(5_000, 20_000, 10, delay_us=3_000, level=0.5, ramp_us=7_000)
LEVEL = PulseTrain(50_000, 50_000, level=0.25)


class Stream:
    """An open actuator, and an inlet that has its stream."""

    def __init__(self, name, **about):
        self.clock = SystemClock()
        self.actuator = LslMarks(LslSettings(name=name, **about), LINES, self.clock)
        self.actuator.open()
        (found,) = pylsl.resolve_byprop("name", name, timeout=10)
        self.inlet = pylsl.StreamInlet(found)
        self.inlet.open_stream(timeout=10)

    def next(self):
        """The next mark, and its stamp (s on LSL's clock)."""
        sample, stamp = self.inlet.pull_sample(timeout=5)
        assert sample is not None, "no mark came"
        return sample[0], stamp

    def is_silent(self):
        return self.inlet.pull_sample(timeout=0.05)[0] is None

    def close(self):
        self.inlet.close_stream()
        self.actuator.close()


@pytest.fixture(scope="module")
def shared_stream():
    """Resolving takes a second: once for all that leaves it as it was."""
    stream = Stream("marks")
    yield stream
    stream.close()


@pytest.fixture
def stream(shared_stream):
    yield shared_stream
    for line in LINES:
        shared_stream.actuator.apply(Order(line, Action.STOP, None, f"over {line}"))
    while "over pump" not in shared_stream.next()[0]:
        pass


@pytest.fixture
def own_stream():
    made = []

    def one(name, **about):
        made.append(Stream(name, **about))
        return made[-1]

    yield one
    for stream in made:
        stream.close()


def test_the_stream_is_one_of_irregular_text_marks(stream):
    info = stream.inlet.info(timeout=5)
    assert (info.type(), info.channel_count(), info.nominal_srate()) == ("Markers", 1, 0.0)
    assert info.channel_format() == pylsl.cf_string
    assert info.source_id() == "behaviour-tracker/marks"


def test_a_mark_is_all_of_the_order(stream):
    stream.actuator.apply(Order("light", Action.TRAIN, TRAIN, "wake/3"))
    assert json.loads(stream.next()[0]) == {
        "stimulus_id": "wake/3",
        "line": "light",
        "action": "train",
        "captured_s": None,
        "level": 0.5,
        "width_us": 5000,
        "period_us": 20000,
        "n_pulses": 10,
        "delay_us": 3000,
        "ramp_us": 7000,
    }


def test_a_level_has_no_pulses(stream):
    stream.actuator.apply(Order("pump", Action.LEVEL, LEVEL, "dim/1"))
    assert json.loads(stream.next()[0]) == {
        "stimulus_id": "dim/1",
        "line": "pump",
        "action": "level",
        "captured_s": None,
        "level": 0.25,
        "width_us": 50000,
    }


def test_its_stamp_is_when_the_train_begins_on_the_clock_of_lsl(stream):
    before_s = pylsl.local_clock()
    receipt = stream.actuator.apply(Order("light", Action.TRAIN, TRAIN, "wake/4"))
    after_s = pylsl.local_clock()
    stamp_s = stream.next()[1] - 0.003  # its delay
    off_s = receipt.uncertainty_ns / 1e9
    assert before_s - off_s <= stamp_s <= after_s + off_s


def test_a_mark_says_when_its_frame_was_exposed_on_the_clock_of_lsl(stream):
    clock = stream.actuator._clock
    captured_ns, there_s = clock.now_ns() - 40_000_000, pylsl.local_clock() - 0.040
    stream.actuator.apply(Order("light", Action.LEVEL, LEVEL, "dim/2", captured_ns))
    text, stamp_s = stream.next()
    captured_s = json.loads(text)["captured_s"]
    assert captured_s == pytest.approx(there_s, abs=0.02)
    assert stamp_s - captured_s >= 0.040


def test_a_receipt_says_how_far_the_stamp_may_be_off(stream):
    receipt = stream.actuator.apply(Order("light", Action.LEVEL, LEVEL, "dim/2"))
    stream.next()
    assert 0 < receipt.uncertainty_ns < 1_000_000
    assert not receipt.confirmed


def test_a_loop_that_is_not_alive_marks_the_end_of_what_goes_on(stream):
    stream.actuator.apply(Order("pump", Action.LEVEL, PulseTrain(10_000_000, 10_000_000), "dim/3"))
    stream.next()
    stream.actuator.tend(alive=True)
    assert stream.is_silent()
    stream.actuator.tend(alive=False)
    stream.actuator.tend(alive=False)
    mark = json.loads(stream.next()[0])
    assert mark == {"stimulus_id": "", "line": "pump", "action": "stop", "captured_s": None}
    assert stream.is_silent()


def test_a_pulse_that_is_too_long_is_refused_and_not_marked(stream):
    with pytest.raises(DeviceError, match="a/1: on for 101 ms"):
        stream.actuator.apply(Order("light", Action.TRAIN, PulseTrain(101_000, 101_000), "a/1"))
    assert stream.is_silent()


def test_plain_marks_are_line_and_action(own_stream):
    stream = own_stream("plain marks", marks="plain")
    stream.actuator.apply(Order("light", Action.TRAIN, TRAIN, "wake/3"))
    stream.actuator.apply(Order("light", Action.STOP, None, "wake/4"))
    assert [stream.next()[0] for _ in range(2)] == ["light train", "light stop"]


def test_making_it_safe_marks_the_end_of_what_goes_on_from_any_thread(own_stream):
    stream = own_stream("safe marks", marks="plain")
    stream.actuator.apply(Order("light", Action.TRAIN, TRAIN, "wake/3"))
    other = threading.Thread(target=stream.actuator.make_safe)
    other.start()
    other.join(5)
    with pytest.raises(DeviceError, match="made safe: open it again"):
        stream.actuator.apply(Order("light", Action.TRAIN, TRAIN, "wake/4"))
    stream.actuator.apply(Order("light", Action.STOP, None, "wake/5"))
    assert [stream.next()[0] for _ in range(2)] == ["light train", "light stop"]
    assert stream.is_silent()


def test_closing_marks_the_end_of_what_goes_on(own_stream):
    stream = own_stream("marks to the end", marks="plain")
    stream.actuator.apply(Order("light", Action.TRAIN, TRAIN, "wake/3"))
    stream.actuator.close()
    assert [stream.next()[0] for _ in range(2)] == ["light train", "light stop"]


def test_without_its_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pylsl", None)
    with pytest.raises(MissingExtra, match=r"behaviour-tracker\[lsl\]"):
        LslMarks(LslSettings(), LINES, SystemClock()).open()
