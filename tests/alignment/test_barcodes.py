"""Numbers on a line, drawn edge by edge."""

import numpy as np
import pytest

from tracker.alignment.barcodes import Barcode, pairs_by_codes, read_barcodes

CODE = Barcode(bits=8, bit_s=0.030, start_s=0.020)


def edges(numbers, *, every_s=2.0, begin_s=1.0, code=CODE, slow=1.0):
    """Times and levels of a line that says these numbers; `slow` stretches the generator's time."""
    changes = []
    for k, number in enumerate(numbers):
        at_s = begin_s + k * every_s
        levels = [(0.0, 1), (code.start_s, 0)]
        levels += [(2 * code.start_s + i * code.bit_s, number >> i & 1) for i in range(code.bits)]
        levels += [(code.length_s, 0)]
        changes += [(at_s + after_s * slow, level) for after_s, level in levels]
    kept, before = [], 0
    for at_s, level in changes:
        if level != before:
            kept.append((at_s, level))
        before = level
    table = np.array(kept)
    return table[:, 0], table[:, 1] > 0


def test_numbers_are_read_by_the_edge_that_they_begin_with():
    """5 is 1 and 4: high for bit 0 and bit 2. 0 is the first pulse alone."""
    times_s, high = edges([5, 0, 255, 128])
    found = read_barcodes(times_s, high, CODE)
    assert [times_s[place] for place in found] == [1.0, 3.0, 5.0, 7.0]
    assert list(found.values()) == [5, 0, 255, 128]


@pytest.mark.parametrize("slow", [0.99, 1.01], ids=["1 % fast", "1 % slow"])
def test_a_generator_may_run_fast_or_slow(slow):
    """A resonator is off by 0.5 %; by the last of 32 bits that is less than half a bit."""
    code = Barcode()
    numbers = [3_405_691_582, 1, 2**32 - 1]
    assert (
        list(read_barcodes(*edges(numbers, every_s=30, code=code, slow=slow), code).values())
        == numbers
    )


def test_other_pulses_are_no_barcodes():
    """40 ms, where a barcode begins with 20 ms."""
    times_s = np.array([1.0, 1.04, 2.0, 2.04])
    assert read_barcodes(times_s, np.array([True, False, True, False]), CODE) == {}


def test_a_recording_that_begins_within_a_number_reads_the_next_one():
    times_s, high = edges([85, 170])
    found = read_barcodes(times_s[3:], high[3:], CODE)
    assert 170 in found.values()


def test_the_same_numbers_are_pairs():
    assert pairs_by_codes({0: 7, 5: 8, 9: 9}, {2: 9, 4: 7, 6: 1}).tolist() == [[9, 2], [0, 4]]


def test_a_number_that_came_twice_gives_a_pair_with_each():
    assert pairs_by_codes({0: 7, 5: 7}, {2: 7}).tolist() == [[0, 2], [5, 2]]


def test_no_common_number_gives_no_pair():
    assert pairs_by_codes({0: 1}, {0: 2}).shape == (0, 2)
