"""The program's side of the stimulus box: told, tended, made safe."""

import pytest
from stimulus_box_cable import MS, PULSE, US, Cable, boxed, is_high, start, tend, without

from tracker.actuators.stimulus_box.protocol import (
    Ack,
    Alive,
    ArmBox,
    DisarmBox,
    EdgeReport,
    Start,
    Stop,
    Tripped,
)
from tracker.errors import DeviceError, DeviceLost
from tracker.stimuli import Action, Order, PulseTrain


def test_a_receipt_says_when_the_line_went_high(box, cable, clock):
    clock.advance(12 * MS)
    receipt = start(box)
    assert receipt.confirmed
    assert receipt.acknowledged_ns == pytest.approx(clock.now_ns(), abs=receipt.uncertainty_ns)
    assert cable.box.rises(0) == (pytest.approx(receipt.acknowledged_ns, abs=1 * US),)


@pytest.mark.parametrize("first_us", [0, 12_345_678, (1 << 32) - 3_150_000], ids=str)
def test_device_time_counts_from_the_opening_through_wraps(clock, first_us):
    box = boxed(Cable(clock, first_us), clock)
    box.open()
    opened_ns = clock.now_ns() - 100 * MS  # the self-test takes 100 ms
    tend(box, clock, 300)
    receipt = start(box)
    edges = tend(box, clock, 20)
    box.close()
    assert receipt.device_us == pytest.approx((clock.now_ns() - opened_ns) / US, abs=26 * 1000)
    assert [edge.device_us - receipt.device_us for edge in edges] == [0, 10_000]
    assert receipt.acknowledged_ns == edges[0].at_ns


def test_a_level_is_one_pulse(box, cable):
    box.apply(Order("1", Action.LEVEL, PulseTrain(50_000, 80_000, 3, 7, 0.2, 100), "follow/1"))
    assert cable.requests(Start) == [Start(1, 51, 0, 50_000, 50_000, 1, 0)]


@pytest.mark.parametrize(("level", "sent"), [(0.0, 0), (0.001, 1), (0.5, 128), (1.0, 255)])
def test_a_level_that_is_not_zero_is_not_sent_as_zero(box, cable, level, sent):
    start(box, "1", PulseTrain(10_000, 10_000, level=level))
    assert [each.level for each in cable.requests(Start)] == [sent]


def test_all_of_a_train_is_sent(box, cable):
    start(box, "1", PulseTrain(2000, 10_000, 5, 3000, 1.0, 20_000))
    assert cable.requests(Start) == [Start(1, 255, 3000, 2000, 10_000, 5, 20_000)]


@pytest.mark.parametrize("lost", [Start, Ack])
def test_an_order_that_was_lost_or_its_answer_is_sent_again_and_carried_out_once(
    box, cable, clock, lost
):
    tend(box, clock, 20)
    cable.to_box = without(lost, n=1)
    cable.to_host = without(lost, n=1)
    receipt = start(box)
    edges = tend(box, clock, 40)
    assert len(cable.requests(Start)) == 2
    assert [edge.rising for edge in edges] == [True, False]
    assert edges[0].at_ns == pytest.approx(receipt.acknowledged_ns, abs=receipt.uncertainty_ns)


def test_numbers_of_orders_come_again_only_after_255_other_orders(box, cable, clock):
    box.tend(alive=True)
    for _ in range(300):
        box.apply(Order("1", Action.STOP, None, "stop"))
        box.tend(alive=True)
    numbers = [seq for seq, message in cable.sent if isinstance(message, Stop)]
    assert len(set(numbers[:256])) == 256
    assert numbers[256:] == numbers[:44]


def test_an_order_without_an_answer_is_a_lost_box_within_fifty_milliseconds(box, cable, clock):
    tend(box, clock, 20)
    box.apply(Order("1", Action.TRAIN, PulseTrain(90_000, 90_000), "wake/1"))
    cable.to_host = without(Ack)
    began_ns = clock.now_ns()
    with pytest.raises(DeviceLost, match="no answer within 45 ms: check its cable and power"):
        start(box)
    assert clock.now_ns() - began_ns <= 50 * MS
    assert not is_high(cable, clock, 0)
    assert not is_high(cable, clock, 1)
    with pytest.raises(DeviceLost, match="no answer"):
        tend(box, clock, 20)


@pytest.mark.parametrize(
    ("line", "train", "said"),
    [
        pytest.param("0", PulseTrain(100_001, 100_001), "high for longer than its", id="long"),
        pytest.param("0", PulseTrain(50_000, 50_000, 3), "high for longer than its", id="no_gap"),
        pytest.param("0", PulseTrain(10, 10), "out of its range", id="too_short"),
        pytest.param("0", PulseTrain(1 << 32, 1 << 32), "more than the box can count", id="u32"),
        pytest.param("2", PULSE, "opened with lines 0, 1, not '2'", id="line"),
        pytest.param("0", None, "train without a train: nothing was done", id="no_train"),
    ],
)
def test_what_cannot_be_done_is_an_error_in_words(box, cable, line, train, said):
    with pytest.raises(DeviceError, match=said):
        start(box, line, train)
    assert [cable.box.rises(each) for each in range(4)] == [()] * 4


def test_a_refused_order_is_no_lost_box(box, clock):
    start(box)
    tend(box, clock, 30)
    with pytest.raises(DeviceError, match=r"COM9.*refused wake/2: it is too soon"):
        start(box, stimulus_id="wake/2")
    tend(box, clock, 60)
    assert start(box, stimulus_id="wake/3").confirmed


# --- tending


def test_the_first_order_arms_it_and_nothing_but_tending_keeps_it_so(box, cable, clock):
    start(box, "1", PulseTrain(95_000, 200_000, 4))
    clock.advance(250 * MS)
    assert len(cable.box.rises(1)) == 1
    with pytest.raises(DeviceLost, match="went safe by itself: no keep-alive came in time"):
        tend(box, clock, 20)


@pytest.mark.parametrize(("dead_man_ms", "expected"), [(100, 40), (40, 100)])
def test_keep_alives_are_sent_four_times_within_the_dead_man(cable, clock, dead_man_ms, expected):
    box = boxed(cable, clock, dead_man_ms)
    box.open()
    cable.sent.clear()
    tend(box, clock, 1000)
    box.close()
    assert len(cable.requests(Alive)) == pytest.approx(expected, abs=1)


def test_without_a_live_loop_nothing_feeds_it(box, cable, clock):
    tend(box, clock, 30)
    start(box, "1", PulseTrain(90_000, 90_000))
    cable.sent.clear()
    with pytest.raises(DeviceLost, match="no keep-alive came in time"):
        tend(box, clock, 150, alive=False)
    assert cable.requests(Alive) == []
    assert not is_high(cable, clock, 1)


def test_edges_come_in_session_time_with_their_stimulus(box, clock):
    receipt = start(box, "0", PulseTrain(10_000, 30_000, 2))
    edges = tend(box, clock, 60)
    at_ms = [(edge.at_ns - receipt.acknowledged_ns) / MS for edge in edges]
    assert at_ms == pytest.approx([0, 10, 30, 40], abs=0.01)
    assert [edge.rising for edge in edges] == [True, False, True, False]
    assert {(edge.line, edge.stimulus_id) for edge in edges} == {("0", "wake/1")}


def test_an_edge_long_after_its_start_still_has_its_stimulus(box, clock):
    start(box, "0", PulseTrain(10_000, 450_000, 2), "wake/1")
    for n in range(250):
        box.apply(Order("1", Action.STOP, None, f"stop/{n}"))
    edges = tend(box, clock, 500)
    assert [edge.stimulus_id for edge in edges] == ["wake/1"] * 4


def test_an_edge_of_going_safe_belongs_to_no_stimulus(box, clock):
    tend(box, clock, 20)
    start(box, "1", PulseTrain(90_000, 90_000))
    tend(box, clock, 20)
    box.make_safe()
    (fall,) = tend(box, clock, 20)
    assert (fall.line, fall.rising, fall.stimulus_id) == ("1", False, "")


def test_inputs_report_their_edges(box, cable, clock):
    tend(box, clock, 20)
    cable.box.drive(1, high=False)
    at_ns = clock.now_ns()
    (edge,) = tend(box, clock, 10)
    assert (edge.line, edge.rising, edge.stimulus_id) == ("input 1", False, "")
    assert edge.at_ns == pytest.approx(at_ns, abs=edge.uncertainty_ns)


def test_a_lost_report_of_an_edge_is_a_number(box, cable, clock):
    cable.to_host = without(EdgeReport, n=3)
    start(box, "0", PulseTrain(10_000, 20_000, 3))
    assert len(tend(box, clock, 60)) == 3
    assert box.counts["lost_edges"] == 3


def test_frames_that_are_none_are_a_number_at_either_end(box, cable, clock):
    tend(box, clock, 30)
    cable.box.write(b"\x07garbage\x00" * 5)
    tend(box, clock, 30)
    assert box.counts["bad_frames_at_box"] == 5
    assert box.counts["bad_frames_here"] == 0


def test_the_last_edges_come_before_the_error(box, cable, clock):
    tend(box, clock, 20)
    start(box, "1", PulseTrain(95_000, 95_000))
    box.tend(alive=True)
    clock.advance(110 * MS)
    (fall,) = box.tend(alive=True)
    assert not fall.rising
    with pytest.raises(DeviceLost, match="went safe by itself"):
        box.tend(alive=True)


def test_a_lost_box_stays_lost_until_it_is_opened_again(box, cable, clock):
    tend(box, clock, 30)
    clock.advance(200 * MS)
    for _ in range(3):
        with pytest.raises(DeviceLost, match="no keep-alive came in time"):
            box.tend(alive=True)
    with pytest.raises(DeviceLost, match=r"no keep-alive.*open it again"):
        start(box)
    assert box.apply(Order("0", Action.STOP, None, "stop")).confirmed
    box.close()
    box.open()
    tend(box, clock, 30)
    assert start(box).confirmed


def test_a_box_that_has_disarmed_without_a_word_is_lost(box, cable, clock):
    tend(box, clock, 30)
    cable.to_host = without(Tripped)
    clock.advance(200 * MS)
    with pytest.raises(DeviceLost, match="not armed any more: was it reset"):
        tend(box, clock, 100)


def test_a_box_that_does_not_answer_any_more_is_lost_after_three_keep_alives(box, cable, clock):
    tend(box, clock, 30)
    cable.to_host = lambda seq, message: []
    began_ns = clock.now_ns()
    with pytest.raises(DeviceLost, match=r"no answer for .* ms: check its cable and power"):
        tend(box, clock, 500)
    assert 75 * MS <= clock.now_ns() - began_ns <= 110 * MS


def test_a_program_that_stood_still_for_less_than_the_dead_man_loses_nothing(box, clock):
    tend(box, clock, 30)
    for _ in range(5):
        clock.advance(70 * MS)
        tend(box, clock, 10)


def test_a_box_that_was_unplugged_is_lost_and_works_again_once_it_is_back(box, cable, clock):
    tend(box, clock, 30)
    cable.box.unplug()
    with pytest.raises(DeviceLost, match="it was unplugged"):
        tend(box, clock, 50)
    box.make_safe()
    box.close()
    box.open()
    tend(box, clock, 30)
    assert start(box).confirmed


def test_unplugged_during_an_order_it_is_lost(box, cable, clock):
    tend(box, clock, 30)
    cable.box.unplug()
    with pytest.raises(DeviceLost, match="it was unplugged"):
        start(box)


def test_its_clock_is_fitted(box, clock):
    tend(box, clock, 5000)
    assert abs(box.clock_fit.drift) < 1e-4
    assert box.clock_fit.drift_error < 1e-4
    assert box.clock_fit.residual_ns < 10 * US
    assert box.counts["clock_steps"] == 0


# --- going safe


def test_made_safe_it_is_low_at_once_and_takes_no_start(box, cable, clock):
    tend(box, clock, 20)
    start(box, "1", PulseTrain(90_000, 90_000))
    clock.advance(10 * MS)
    assert is_high(cable, clock, 1)
    box.make_safe()
    clock.advance(1)
    assert not is_high(cable, clock, 1)
    with pytest.raises(DeviceError, match="it was made safe: open it again"):
        start(box)
    assert box.apply(Order("1", Action.STOP, None, "stop")).confirmed


def test_made_safe_it_is_not_fed_and_can_be_tended(box, cable, clock):
    tend(box, clock, 20)
    box.make_safe()
    cable.sent.clear()
    assert tend(box, clock, 300) == []
    assert cable.requests(Alive) == []


def test_made_safe_between_two_tries_to_arm_it_it_is_not_armed(box, cable, clock):
    cable.to_host = without(Ack)
    cable.sent.clear()

    def make_safe_once():
        cable.on_read = lambda: None
        box.make_safe()

    cable.on_read = make_safe_once
    with pytest.raises(DeviceError, match="made safe"):
        start(box)
    kinds = [type(message) for _, message in cable.sent]
    assert kinds == [ArmBox, DisarmBox]


def test_closing_it_brings_every_line_low(box, cable, clock):
    start(box, "1", PulseTrain(90_000, 90_000))
    clock.advance(10 * MS)
    box.close()
    clock.advance(1)
    assert not is_high(cable, clock, 1)
    assert cable.is_closed


def test_closing_a_box_that_does_not_answer_takes_no_longer_than_it_may(box, cable, clock):
    cable.to_host = without(Ack)
    began_ns = clock.now_ns()
    box.close()
    assert clock.now_ns() - began_ns <= 50 * MS
