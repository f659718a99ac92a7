"""What docs/stimulus_box.md says that the box guarantees by itself, sentence by sentence."""

import random
import struct

import pytest
from firmware import frames
from firmware.frames import (
    ALIVE,
    ARM,
    DEAD_MAN,
    DISARM,
    EDGE,
    FORCED,
    HELLO,
    LAST,
    LIMITS,
    START,
    STOP,
    TEST_HANG,
    TRIPPED,
    train,
)

NO_ALIVE, HIGH_TOO_LONG, WATCHDOG = 1, 2, 3
HANG, HANG_WITH_INTERRUPTS_OFF, LOSE_THE_NEXT_EDGE = b"\x00", b"\x01", b"\x02"
POWER_ON, EXTERNAL, BY_WATCHDOG = 1, 2, 8  # bits of MCUSR


def all_low(box):
    return not any(box.high(line) for line in range(4))


def causes(box):
    return [trip.body[0] for trip in box.of(TRIPPED)]


def reset_cause(welcome):
    return welcome.body[5]


class TestDeadMan:
    @pytest.mark.parametrize("timeout_ms", [10, 100, 250])
    def test_every_line_goes_low_when_no_alive_comes_for_the_timeout(self, box, timeout_ms):
        box.armed()
        box.must(DISARM)
        box.must(DEAD_MAN, bytes([timeout_ms]))
        box.must(ARM)
        for line, level in enumerate((255, 255, 100, 200)):
            box.must(START, train(line, 1_000_000, level=level))
        alive = frames.encode(ALIVE, 0)
        fed_us = box.us + 20 * len(alive)
        box.send(alive)
        box.run_us(400_000)
        low_us = [box.changes(line)[-1].us - fed_us for line in range(4)]
        assert all(each <= timeout_ms * 1000 + 1000 for each in low_us)
        assert all(each >= timeout_ms * 1000 for each in low_us[:2])  # these are not modulated
        assert all_low(box)
        assert causes(box) == [NO_ALIVE]
        assert [edge.body[1] for edge in box.of(EDGE)[-4:]] == [LAST | FORCED] * 4

    def test_it_also_trips_between_pulses_and_then_none_comes(self, box):
        box.armed()
        box.must(START, train(0, 1_000, 80_000, n_pulses=100))
        box.run_us(400_000)
        assert len(box.changes(0)) == 4
        assert causes(box) == [NO_ALIVE]

    def test_it_stays_low_until_it_is_armed_again(self, box):
        box.armed()
        box.run_us(150_000)
        box.must(ALIVE)
        assert box.refused(START, train(0, 1000)) == frames.NOT_ARMED
        box.must(ARM)
        box.must(START, train(0, 1000))

    def test_alive_keeps_it_going(self, box):
        box.armed()
        box.must(START, train(0, 2_000_000))
        box.live_us(1_900_000)
        assert box.high(0)
        assert causes(box) == []

    def test_nothing_but_alive_feeds_it(self, box):
        box.armed()
        box.must(START, train(0, 1_000_000))
        started_us = box.us
        while box.us < started_us + 150_000:
            box.ask(ARM)
            box.ask(STOP, b"\x01")
            box.ask(LIMITS, frames.limits(0, 1, 1))
        assert causes(box) == [NO_ALIVE]

    def test_noise_does_not_feed_it(self, box):
        box.armed()
        box.must(START, train(0, 1_000_000))
        chance = random.Random(1)
        alive = frames.encode(ALIVE, 0)
        started_us = box.us
        while box.us < started_us + 150_000:
            broken = bytearray(alive)
            bit = chance.randrange(8 * (len(broken) - 1))
            broken[bit // 8] ^= 1 << bit % 8
            box.send(chance.randbytes(20) + b"\x00" + bytes(broken))
            box.run_us(700)
        assert 98_000 <= box.changes(0)[-1].us - started_us <= 101_000
        assert causes(box) == [NO_ALIVE]

    def test_it_waits_100_ms_again_after_hello(self, box):
        box.armed()
        box.must(DISARM)
        box.must(DEAD_MAN, bytes([250]))
        box.armed()
        armed_us = box.us
        box.must(START, train(0, 1_000_000))
        box.run_us(200_000)
        assert box.changes(0)[-1].us - armed_us == pytest.approx(100_000, abs=1000)

    @pytest.mark.parametrize("timeout_ms", [0, 9, 251, 255])
    def test_a_timeout_out_of_range_is_refused(self, box, timeout_ms):
        box.run_us(1000)
        assert box.refused(DEAD_MAN, bytes([timeout_ms])) == frames.OUT_OF_RANGE


class TestLongestTimeOn:
    def test_a_pulse_of_the_limit_is_carried_out_and_a_longer_one_refused(self, box):
        box.armed(longest_us=20_000)
        assert box.refused(START, train(0, 20_001)) == frames.TOO_LONG
        box.must(START, train(0, 20_000))
        box.run_us(30_000)
        assert box.train_of(0)[1].us == pytest.approx(20_000, abs=2)
        assert causes(box) == []

    def test_every_pulse_of_a_train_has_to_keep_the_limit(self, box):
        box.armed(longest_us=20_000)
        assert box.refused(START, train(0, 20_001, 50_000, n_pulses=2)) == frames.TOO_LONG

    @pytest.mark.parametrize("n_pulses", [11, 429_497, 2**32 - 1])
    def test_a_train_without_gaps_counts_as_one_pulse(self, box, n_pulses):
        box.armed(longest_us=100_000)
        assert box.refused(START, train(0, 10_000, 10_000, n_pulses)) == frames.TOO_LONG
        box.must(START, train(0, 10_000, 10_000, n_pulses=10))

    def test_a_train_with_gaps_may_be_as_long_as_it_likes(self, box):
        box.armed(longest_us=1_000)
        box.must(START, train(0, 1_000, 2_000, n_pulses=200))
        box.live_us(450_000)
        assert len(box.changes(0)) == 400

    def test_the_time_on_counts_on_through_a_replacement(self, box):
        box.armed(longest_us=100_000)
        box.must(START, train(0, 60_000))
        box.run_us(30_000)
        second = box.must(START, train(0, 60_000))
        box.run_us(30_000)
        assert box.refused(START, train(0, 60_000)) == frames.TOO_LONG
        box.live_us(100_000)
        assert box.of(EDGE)[-1].device_us == pytest.approx(second.device_us + 60_000, abs=2)
        assert box.train_of(0)[1].us < 100_000

    @pytest.mark.parametrize("level", [255, 77])
    def test_a_line_whose_end_got_lost_goes_low_by_the_clock(self, test_box, level):
        box = test_box.armed(longest_us=20_000)
        box.must(START, train(1, 10_000))
        box.must(START, train(0, 20_000, level=level))
        box.ask_nothing(TEST_HANG, LOSE_THE_NEXT_EDGE)
        box.run_us(40_000)
        assert all_low(box)
        assert 20_000 < box.changes(1)[-1].us - box.changes(1)[0].us < 22_200
        assert box.changes(0)[-1].us == pytest.approx(box.changes(1)[-1].us, abs=1100)
        assert causes(box) == [HIGH_TOO_LONG]
        assert box.refused(START, train(0, 1000)) == frames.NOT_ARMED

    def test_a_line_without_limits_does_not_go_high(self, box):
        box.run_us(1000)
        box.must(LIMITS, frames.limits(1, 20_000, 0))
        box.must(ARM)
        assert box.refused(START, train(0, 1_000)) == frames.NO_LIMITS
        box.must(START, train(1, 1_000))

    @pytest.mark.parametrize(
        "body",
        [
            frames.limits(4, 1000, 0),
            frames.limits(0, 0, 0),
            frames.limits(0, 1000, 1_800_000_001),
        ],
        ids=["no such line", "never", "gap above 30 min"],
    )
    def test_limits_out_of_range_are_refused(self, box, body):
        box.run_us(1000)
        assert box.refused(LIMITS, body) == frames.OUT_OF_RANGE

    def test_a_limit_above_30_minutes_is_30_minutes(self, box):
        box.armed(longest_us=2**32 - 1)
        too_long = train(0, 1_000_000_000, 1_000_000_000, n_pulses=2)
        assert box.refused(START, too_long) == frames.TOO_LONG


class TestLeastGap:
    def test_a_start_too_soon_after_a_train_is_refused(self, box):
        box.armed(least_gap_us=50_000)
        box.must(START, train(0, 1_000, 2_000, n_pulses=3))
        box.run_us(20_000)
        assert box.refused(START, train(0, 1_000)) == frames.TOO_SOON
        box.must(START, train(1, 1_000))
        box.live_us(40_000)
        box.must(START, train(0, 1_000))

    def test_the_delay_counts(self, box):
        box.armed(least_gap_us=50_000)
        box.must(START, train(0, 1_000))
        box.run_us(5_000)
        box.must(START, train(0, 1_000, delay_us=50_000))

    def test_a_train_that_is_going_on_is_not_replaced_and_goes_on(self, box):
        box.armed(least_gap_us=1)
        box.must(START, train(0, 10_000, 20_000, n_pulses=3))
        for _ in range(4):
            box.run_us(10_000)
            assert box.refused(START, train(0, 1_000)) == frames.TOO_SOON
        box.live_us(20_000)
        assert [round(each.us, -3) for each in box.train_of(0)] == [
            0, 10_000, 20_000, 30_000, 40_000, 50_000,
        ]  # fmt: skip

    def test_a_stopped_train_counts_from_when_it_was_stopped(self, box):
        box.armed(least_gap_us=50_000)
        box.must(START, train(0, 20_000))
        box.must(STOP, b"\x00")
        box.run_us(30_000)
        assert box.refused(START, train(0, 1_000)) == frames.TOO_SOON

    def test_hello_does_not_make_it_forget_when_a_train_has_ended(self, box):
        box.armed(least_gap_us=100_000)
        box.must(START, train(0, 1_000))
        box.run_us(5_000)
        box.armed(least_gap_us=100_000)
        assert box.refused(START, train(0, 1_000)) == frames.TOO_SOON


class TestArming:
    @pytest.mark.parametrize(
        ("kind", "body"),
        [(LIMITS, frames.limits(0, 1000, 1000)), (DEAD_MAN, bytes([50]))],
        ids=["limits", "dead-man"],
    )
    def test_limits_hold_while_armed(self, box, kind, body):
        box.armed()
        assert box.refused(kind, body) == frames.ARMED
        box.must(DISARM)
        box.must(kind, body)

    def test_nothing_goes_high_before_it_is_armed(self, box):
        box.run_us(1000)
        box.must(LIMITS, frames.limits(0, 1_000_000, 0))
        assert box.refused(START, train(0, 1_000)) == frames.NOT_ARMED
        assert all_low(box)

    @pytest.mark.parametrize("kind", [DISARM, HELLO])
    def test_disarm_and_hello_bring_every_line_low(self, box, kind):
        box.armed()
        for line, level in enumerate((255, 255, 100, 200)):
            box.must(START, train(line, 1_000_000, level=level))
        box.must(kind, b"\x01" if kind == HELLO else b"")
        assert all_low(box)
        assert box.refused(START, train(0, 1_000)) == frames.NOT_ARMED

    def test_hello_forgets_the_limits(self, box):
        box.armed()
        box.must(HELLO, b"\x01")
        box.must(ARM)
        assert box.refused(START, train(0, 1_000)) == frames.NO_LIMITS

    def test_the_led_is_on_while_armed(self, box):
        box.armed()
        assert box.high(4)
        box.run_us(150_000)
        assert not box.high(4)


class TestWatchdog:
    @pytest.mark.parametrize(
        "how", [HANG, HANG_WITH_INTERRUPTS_OFF], ids=["hung", "with interrupts off"]
    )
    def test_a_hung_firmware_is_reset_within_17_ms_and_every_line_goes_low(self, test_box, how):
        box = test_box.armed()
        for line, level in enumerate((255, 255, 100, 200)):
            box.must(START, train(line, 1_000_000, level=level))
        box.ask_nothing(TEST_HANG, how)
        hung_us = box.us
        box.run_us(20_000)
        assert [cause for cause, _ in box.resets] == ["watchdog"]
        assert box.resets[0][1] / 16 - hung_us < 17_000
        assert all_low(box)
        assert box.refused(START, train(0, 1_000)) == frames.NOT_ARMED

    def test_it_says_once_that_the_watchdog_has_reset_it(self, test_box):
        box = test_box.armed()
        box.ask_nothing(TEST_HANG, HANG)
        box.run_us(20_000)
        assert reset_cause(box.must(HELLO, b"\x01")) == BY_WATCHDOG
        box.must(HELLO, b"\x01")
        box.run_us(5_000)
        assert causes(box) == [WATCHDOG]

    def test_it_says_so_too_if_a_boot_loader_has_cleared_the_cause(self, test_box):
        box = test_box.armed()
        box.install_boot_loader()
        box.ask_nothing(TEST_HANG, HANG)
        box.run_us(20_000)
        assert reset_cause(box.must(HELLO, b"\x01")) == 0
        box.run_us(5_000)
        assert causes(box) == [WATCHDOG]

    def test_a_port_that_is_opened_anew_is_no_hang(self, box):
        box.armed()
        box.install_boot_loader()
        box.live_us(50_000)
        box.reset()
        box.armed()
        box.run_us(5_000)
        assert causes(box) == []

    def test_it_lets_a_box_live_that_is_not_hung(self, box):
        box.armed()
        box.run_us(3_000_000)
        assert box.resets == []


class TestReset:
    def test_after_a_reset_every_line_is_low_and_the_box_is_disarmed(self, box):
        box.armed()
        for line, level in enumerate((255, 255, 100, 200)):
            box.must(START, train(line, 1_000_000, level=level))
        box.reset()
        box.run_us(2_000)
        assert all_low(box)
        assert box.refused(START, train(0, 1_000)) == frames.NOT_ARMED
        assert reset_cause(box.must(HELLO, b"\x01")) & EXTERNAL

    def test_its_time_begins_anew(self, box):
        box.armed()
        box.live_us(100_000)
        box.reset()
        box.run_us(2_000)
        assert struct.unpack("<I", box.must(ALIVE).body[:4])[0] < 5_000

    def test_no_line_goes_high_at_power_on(self, box):
        box.run_us(100_000)
        assert not any(each.high for each in box.pins)
