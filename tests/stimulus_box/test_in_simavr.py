"""The program's side of the stimulus box against its firmware, in simavr and in real time."""

import sys
import threading
from contextlib import contextmanager

import pytest
from firmware.simavr_box import LiveBox

from tracker.actuators.stimulus_box import StimulusBox, StimulusBoxSettings
from tracker.clock import SystemClock
from tracker.errors import DeviceError, DeviceLost, DeviceNotFound
from tracker.stimuli import Action, LineLimits, Order, PulseTrain

pytestmark = [
    pytest.mark.alone,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals"),
]

LIMITS = {"0": LineLimits(300_000, 0), "1": LineLimits(300_000, 0)}
MS = 1_000_000
DEAD_MAN_MS = 250
"""The longest there is: a machine that runs other things as well may be late."""


@pytest.fixture
def live(built_box, tmp_path):
    with LiveBox(built_box, tmp_path / "box") as running:
        yield running


@pytest.fixture
def clock():
    return SystemClock()


def program(live, clock):
    settings = StimulusBoxSettings(port=str(live.port), dead_man_ms=DEAD_MAN_MS)
    return StimulusBox(settings, LIMITS, clock)


@pytest.fixture
def box(live, clock):
    made = program(live, clock)
    made.open()
    yield made
    made.close()


@contextmanager
def tended(box):
    """Tended by a thread of its own; the list grows by its edges and, at last, by its failure."""
    over, heard = threading.Event(), []

    def tend():
        try:
            while not over.is_set():
                heard.extend(box.tend(alive=True))
        except DeviceLost as failure:
            heard.append(failure)

    thread = threading.Thread(target=tend)
    thread.start()
    try:
        yield heard
    finally:
        over.set()
        thread.join()


def tend_without_a_loop(box):
    for _ in range(100):
        box.tend(alive=False)


def changes(live, line=0):
    return [each for each in live.pins() if each.line == line]


def test_it_opens_with_its_self_test_and_no_line_goes_high(box, live):
    assert box.info.name.endswith("firmware 1.0")
    assert [each for each in live.pins() if each.line < 4] == []


def test_a_train_is_at_the_pins_as_it_was_asked_for(box, live):
    with tended(box) as heard:
        receipt = box.apply(Order("0", Action.TRAIN, PulseTrain(10_000, 30_000, 3), "wake/1"))
        live.wait_for(lambda: len(heard) == 6)
    assert [each.stimulus_id for each in heard] == ["wake/1"] * 6
    pins_us = [each.us - changes(live)[0].us for each in changes(live)]
    assert pins_us == pytest.approx([0, 10_000, 30_000, 40_000, 60_000, 70_000], abs=3)
    told_us = [each.device_us - receipt.device_us for each in heard]
    assert told_us == pytest.approx(pins_us, abs=3)
    assert box.counts["lost_edges"] == box.counts["bad_frames_at_box"] == 0


def test_receipts_are_within_their_uncertainty_of_when_it_was_asked(box, live, clock):
    with tended(box) as heard:
        live.wait_for(lambda: clock.now_ns() > 500 * MS)
        for n in range(20):
            asked_ns = clock.now_ns()
            receipt = box.apply(Order("1", Action.LEVEL, PulseTrain(2000, 2000), f"level/{n}"))
            answered_ns = clock.now_ns()
            assert receipt.confirmed
            assert asked_ns <= receipt.acknowledged_ns + receipt.uncertainty_ns
            assert receipt.acknowledged_ns - receipt.uncertainty_ns <= answered_ns
            live.wait_for(lambda n=n: len(heard) == 2 * n + 2)
    assert len(changes(live, 1)) == 40


def test_without_keep_alives_the_line_is_low_within_the_dead_man(box, live):
    box.tend(alive=True)
    box.apply(Order("0", Action.TRAIN, PulseTrain(290_000, 290_000), "wake/1"))
    with pytest.raises(DeviceLost, match="no keep-alive came in time"):
        tend_without_a_loop(box)
    rise, fall = changes(live)
    assert rise.high
    assert fall.us - rise.us <= DEAD_MAN_MS * 1000 + 1000


def test_made_safe_by_another_thread_the_line_is_low_at_once(box, live):
    with tended(box):
        box.apply(Order("0", Action.TRAIN, PulseTrain(290_000, 290_000), "wake/1"))
        live.wait_for(lambda: live.high(0))
        box.make_safe()
        live.wait_for(lambda: not live.high(0))
    rise, fall = changes(live)
    assert fall.us - rise.us < 200_000  # not by its dead-man


def test_its_clock_may_wrap(built_box, tmp_path, clock):
    """The test firmware's clock begins two seconds before its wrap."""
    with LiveBox(built_box, tmp_path / "wraps", built_box.test_firmware) as wraps:
        box = program(wraps, clock)
        box.open()
        with tended(box) as heard:
            opened_ns = clock.now_ns()
            train = PulseTrain(50_000, 200_000, 15)
            receipt = box.apply(Order("0", Action.TRAIN, train, "wake/1"))
            wraps.wait_for(lambda: len(heard) == 30)
        assert heard[-1].at_ns - heard[0].at_ns == pytest.approx(2850 * MS, abs=40 * MS)
        assert heard[-1].device_us - receipt.device_us == pytest.approx(2_850_000, abs=5)
        assert opened_ns < heard[0].at_ns + heard[0].uncertainty_ns
        box.close()


def test_two_programs_cannot_have_the_same_box(box, live, clock):
    with tended(box) as heard:
        with pytest.raises(DeviceNotFound, match="another program has it"):
            program(live, clock).open()
        assert box.apply(Order("0", Action.TRAIN, PulseTrain(5000, 5000), "wake/1")).confirmed
        live.wait_for(lambda: len(heard) == 2)


def test_a_box_that_is_unplugged_and_plugged_in_again(box, live):
    with tended(box) as heard:
        box.apply(Order("0", Action.TRAIN, PulseTrain(290_000, 290_000), "wake/1"))
        live.wait_for(lambda: live.high(0))
        live.stop()
        live.wait_for(lambda: heard and isinstance(heard[-1], DeviceLost))
    with pytest.raises(DeviceError):
        box.apply(Order("0", Action.TRAIN, PulseTrain(5000, 5000), "wake/2"))
    box.close()
    with pytest.raises(DeviceNotFound, match="is it plugged in"):
        box.open()
    live.start()
    box.open()
    with tended(box) as heard:
        assert box.apply(Order("0", Action.TRAIN, PulseTrain(5000, 5000), "wake/3")).confirmed
        live.wait_for(lambda: len(heard) == 2)
    assert len(changes(live)) == 2


def test_an_input_wired_to_a_line_reports_the_same_edges(box, live):
    live.tell("wire 0 1")
    with tended(box) as heard:
        box.apply(Order("0", Action.TRAIN, PulseTrain(10_000, 20_000, 2), "wake/1"))
        live.wait_for(lambda: len(heard) == 7)  # the pull-up has held the input high before
    line = [each.device_us for each in heard if each.line == "0"]
    wired = [each.device_us for each in heard if each.line == "input 1"]
    assert wired == pytest.approx(line[1:], abs=5)
