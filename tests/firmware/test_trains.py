"""Pulse trains of the stimulus box, measured in cycles of its processor."""

from itertools import pairwise

import pytest
from firmware import frames
from firmware.frames import ACK, EDGE, FIRST, LAST, RISING, START, STOP, train

SECOND_US = 1_000_000


def edges(box, line):
    """(us since the first edge, high) of every edge of a line."""
    return [(each.us, each.high) for each in box.train_of(line)]


def on_share(box, line, from_us, to_us):
    """Share of the time in which the pin was high."""
    total, since = 0.0, None
    for change in [*box.changes(line), None]:
        at = to_us if change is None else min(max(change.us, from_us), to_us)
        if since is not None:
            total += at - since
        since = at if change is not None and change.high else None
    return total / (to_us - from_us)


@pytest.mark.parametrize("line", range(4))
def test_twenty_pulses_at_130_hz_are_exact_to_two_microseconds(box, line):
    box.armed()
    box.must(START, train(line, 1000, 7692, n_pulses=20))
    box.live_us(200_000)
    expected = [(n * 7692 + at, at == 0) for n in range(20) for at in (0, 1000)]
    assert [high for _, high in edges(box, line)] == [high for _, high in expected]
    for (us, _), (expected_us, _) in zip(edges(box, line), expected, strict=True):
        assert us == pytest.approx(expected_us, abs=1.5)


def test_the_answer_to_a_start_is_the_time_of_its_first_edge(box):
    offset_us = box.armed().clock_offset_us()
    for line in range(4):
        ack = box.must(START, train(line, 1000))
        box.run_us(5000)
        edge_us = box.changes(line)[0].us
        assert ack.device_us + offset_us == pytest.approx(edge_us, abs=5)
        assert ack.device_us == box.of(EDGE)[-2].device_us


def test_the_line_is_high_before_the_answer_is_sent(box):
    box.armed()
    n_before = len(box.frames)
    box.must(START, train(0, 1000))
    answered_us, answer = box.frames[n_before]
    assert answer.kind == ACK
    assert box.changes(0)[0].us < answered_us


def test_every_edge_is_reported_with_its_time_and_its_start(box):
    offset_us = box.armed().clock_offset_us()
    ack = box.must(START, train(2, 3000, 10_000, n_pulses=3))
    box.live_us(50_000)
    reports = [(edge.body[0], edge.body[1], edge.body[2]) for edge in box.of(EDGE)]
    flags = [RISING | FIRST, 0, RISING, 0, RISING, LAST]
    assert reports == [(2, each, ack.seq) for each in flags]
    for edge, change in zip(box.of(EDGE), box.changes(2), strict=True):
        assert edge.device_us + offset_us == pytest.approx(change.us, abs=5)


def test_a_delay_counts_from_the_answered_time(box):
    offset_us = box.armed().clock_offset_us()
    ack = box.must(START, train(0, 1000, delay_us=33_000))
    box.live_us(50_000)
    assert box.changes(0)[0].us == pytest.approx(ack.device_us + offset_us + 33_000, abs=5)


def test_a_delay_longer_than_the_timer_counts(box):
    box.armed()
    ack = box.must(START, train(0, 1000, delay_us=SECOND_US))
    box.live_us(SECOND_US + 10_000)
    assert box.of(EDGE)[0].device_us == pytest.approx(ack.device_us + SECOND_US, abs=1)


def test_pulses_without_a_gap_are_one_pulse(box):
    box.armed()
    box.must(START, train(0, 2000, 2000, n_pulses=10))
    box.live_us(50_000)
    assert edges(box, 0) == [(0, True), (pytest.approx(20_000, abs=1), False)]


def test_a_train_without_end_goes_on_until_it_is_stopped(box):
    box.armed()
    box.must(START, train(0, 500, 1000, n_pulses=2**32 - 1))
    box.live_us(100_000)
    box.must(STOP, b"\x00")
    n_edges = len(box.changes(0))
    box.live_us(100_000)
    assert n_edges == pytest.approx(200, abs=4)
    assert len(box.changes(0)) == n_edges


@pytest.mark.parametrize("line", range(4))
def test_stop_ends_a_pulse_at_once_and_says_when(box, line):
    offset_us = box.armed().clock_offset_us()
    box.must(START, train(line, 50_000))
    box.run_us(5000)
    ack = box.must(STOP, bytes([line]))
    box.run_us(2000)
    assert box.changes(line)[-1].us == pytest.approx(ack.device_us + offset_us, abs=5)
    assert box.of(EDGE)[-1].body[1] == LAST
    assert not box.high(line)


@pytest.mark.parametrize("line", [0, 3, 4, 255])
def test_stop_is_never_refused(box, line):
    box.run_us(1000)
    assert box.ask(STOP, bytes([line])).kind == ACK


def test_a_start_takes_the_place_of_what_the_line_does(box):
    box.armed()
    box.must(START, train(0, 500, 2000, n_pulses=1500))
    box.run_us(5000)
    box.must(STOP, b"\x01")
    ack = box.must(START, train(0, 4000, 20_000, n_pulses=2))
    box.live_us(60_000)
    mine = [edge for edge in box.of(EDGE) if edge.body[2] == ack.seq]
    assert box.changes(0)[-1].us - box.changes(0)[-4].us == pytest.approx(24_000, abs=1)
    assert mine[-1].body[1] == LAST
    assert len(mine) in (3, 4)  # no edge of its own if the line happened to be high


def test_a_line_that_is_high_and_goes_on_makes_no_edge(box):
    box.armed()
    box.must(START, train(0, 20_000))
    box.run_us(10_000)
    second = box.must(START, train(0, 20_000))
    box.run_us(30_000)
    assert [high for _, high in edges(box, 0)] == [True, False]
    assert box.of(EDGE)[-1].device_us == pytest.approx(second.device_us + 20_000, abs=1)
    assert box.of(EDGE)[-1].body[1:3] == bytes([LAST, second.seq])


def test_a_start_with_a_delay_brings_the_line_low_until_then(box):
    box.armed()
    first = box.must(START, train(0, 20_000))
    box.run_us(5_000)
    box.must(START, train(0, 1_000, delay_us=30_000))
    box.live_us(50_000)
    assert [high for _, high in edges(box, 0)] == [True, False, True, False]
    assert box.of(EDGE)[1].body[1:3] == bytes([LAST, first.seq])


def test_a_train_that_waits_for_its_delay_leaves_no_trace_when_it_is_stopped(box):
    box.armed()
    box.must(START, train(0, 1000, delay_us=20_000))
    box.must(STOP, b"\x00")
    box.live_us(50_000)
    assert box.changes(0) == []
    assert box.of(EDGE) == []


def test_two_lines_disturb_each_other_by_less_than_70_us_and_switch_together_if_due_together(box):
    offset_us = box.armed().clock_offset_us()
    second = box.must(START, train(3, 700, 2001, n_pulses=1500))
    first = box.must(START, train(0, 700, 2000, n_pulses=1500))
    box.live_us(3_200_000)
    together = first.device_us - second.device_us  # line 3 falls behind by 1 us per period
    assert 0 < together < 1500
    rises = {line: [each.us for each in box.changes(line) if each.high] for line in (0, 3)}
    assert abs(rises[0][together] - rises[3][together]) < 5
    for n in range(1500):
        for line, period_us, ack in ((0, 2000, first), (3, 2001, second)):
            due_us = ack.device_us + offset_us + n * period_us
            assert -5 < rises[line][n] - due_us < 70


def test_requests_for_other_lines_delay_no_edge(box):
    box.armed()
    box.must(START, train(0, 300, 1003, n_pulses=400))
    for n in range(390):
        kind, body = ((START, train(1, 100, delay_us=500_000)), (STOP, b"\x02"))[n % 2]
        box.send(frames.encode(kind, n % 256, body))
        if n % 20 == 0:
            box.send(frames.encode(frames.ALIVE, 0))
        box.run_us(1009)
    assert len(box.changes(0)) > 780
    for n, change in enumerate(box.train_of(0)):
        assert change.us == pytest.approx(n // 2 * 1003 + n % 2 * 300, abs=3)


@pytest.mark.parametrize("line", range(4))
@pytest.mark.parametrize("level", [1, 64, 128, 254])
def test_a_level_is_the_share_of_the_time_for_which_the_pin_is_high(box, line, level):
    box.armed()
    box.must(START, train(line, 204_800, level=level))
    box.live_us(250_000)
    start_us = box.changes(line)[0].us
    share = on_share(box, line, start_us, start_us + 204_800)
    assert share == pytest.approx(level / 255, abs=0.6 / 256)
    assert len([edge for edge in box.of(EDGE) if edge.body[0] == line]) == 2
    assert not box.high(line)


def test_a_modulated_pulse_starts_with_its_high_part(box):
    offset_us = box.armed().clock_offset_us()
    for line in range(4):
        ack = box.must(START, train(line, 10_000, level=50))
        assert box.changes(line)[0].us == pytest.approx(ack.device_us + offset_us, abs=8)
        box.live_us(20_000)


def test_a_modulated_line_does_not_disturb_the_other_one_of_its_timer(box):
    box.armed()
    box.must(START, train(1, 200_000, level=100))
    box.run_us(20_300)
    box.must(START, train(2, 100_000, level=200))
    box.live_us(250_000)
    rises = [each.us for each in box.changes(1) if each.high]
    assert all(b - a == pytest.approx(1024, abs=1) for a, b in pairwise(rises))


def test_the_full_level_is_not_modulated(box):
    box.armed()
    box.must(START, train(0, 50_000, level=255))
    box.live_us(60_000)
    assert len(box.changes(0)) == 2


def test_level_0_is_low(box):
    box.armed()
    box.must(START, train(0, 50_000))
    box.must(START, train(0, 50_000, level=0))
    box.live_us(60_000)
    assert [high for _, high in edges(box, 0)] == [True, False]


def test_a_new_level_takes_over_without_an_edge(box):
    box.armed()
    box.must(START, train(0, 300_000, level=51))
    box.live_us(100_000)
    box.must(START, train(0, 300_000, level=204))
    middle_us = box.us
    box.live_us(100_000)
    assert on_share(box, 0, middle_us - 60_000, middle_us - 10_000) == pytest.approx(0.2, abs=0.02)
    assert on_share(box, 0, middle_us + 10_000, middle_us + 60_000) == pytest.approx(0.8, abs=0.02)
    assert len(box.of(EDGE)) == 1


def test_a_ramp_rises_and_falls_linearly(box):
    box.armed()
    box.must(START, train(0, 400_000, level=255, ramp_us=100_000))
    box.live_us(450_000)
    start_us = box.changes(0)[0].us
    windows = {10: 0.1, 40: 0.4, 70: 0.7, 150: 1.0, 250: 1.0, 330: 0.7, 360: 0.4, 390: 0.1}
    for middle_ms, level in windows.items():
        from_us = start_us + middle_ms * 1000 - 5120
        assert on_share(box, 0, from_us, from_us + 10_240) == pytest.approx(level, abs=0.03)
    assert len(box.of(EDGE)) == 2


def test_the_ramps_of_a_train_span_all_its_pulses(box):
    box.armed()
    box.must(START, train(0, 20_480, 40_000, n_pulses=10, level=200, ramp_us=160_000))
    box.live_us(450_000)
    start_us = box.changes(0)[0].us
    shares = [
        on_share(box, 0, start_us + n * 40_000, start_us + n * 40_000 + 20_480) for n in range(10)
    ]
    full = 200 / 255
    expected = [full * min(1, each) for each in (0.064, 0.314, 0.564, 0.814, 1, 1)]
    assert shares[:6] == [pytest.approx(each, abs=0.04) for each in expected]
    assert shares[9] == pytest.approx(0.064 * full, abs=0.04)


@pytest.mark.parametrize(
    "body",
    [
        train(4, 1000),
        train(0, 59),
        train(0, 2000, 1000),
        train(0, 1000, n_pulses=0),
        train(0, 500, 999, n_pulses=2),
        train(0, 970, 1029, n_pulses=2),
        train(0, 1000, delay_us=1_800_000_001),
        train(0, 1000, 1_800_000_001),
        train(0, 1000, ramp_us=501),
        train(0, 1000, 2000, n_pulses=4_000_000, ramp_us=1),
    ],
    ids=[
        "no such line",
        "pulse below 60 us",
        "pulse above its period",
        "no pulse",
        "period below 1 ms",
        "gap below 60 us",
        "delay above 30 min",
        "period above 30 min",
        "ramps longer than the train",
        "ramp in a train above 30 min",
    ],
)
def test_a_value_out_of_range_is_refused(box, body):
    box.armed()
    assert box.refused(START, body) == frames.OUT_OF_RANGE
    box.run_us(10_000)
    assert not any(box.changes(line) for line in range(4))


@pytest.mark.parametrize(
    "body",
    [train(0, 60), train(0, 60, 1000, n_pulses=2), train(0, 940, 1000, n_pulses=2)],
    ids=["one short pulse", "short pulses", "short gaps"],
)
def test_the_shortest_values_are_kept_exactly(box, body):
    box.armed()
    box.must(START, body)
    box.run_us(5000)
    width_us = int.from_bytes(body[6:10], "little")
    for n in range(len(edges(box, 0)) // 2):
        assert edges(box, 0)[2 * n][0] == pytest.approx(n * 1000, abs=1.5)
        assert edges(box, 0)[2 * n + 1][0] == pytest.approx(n * 1000 + width_us, abs=1.5)
