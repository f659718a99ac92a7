"""The camera's counters, and why frames are missing."""

import pytest
from cameras.played_driver import broken, whole

from tracker.cameras.machine_vision.counting import Counting
from tracker.cameras.machine_vision.driver import Backlog
from tracker.errors import DeviceLost
from tracker.types import Fate

GIGE = 65535


def indices(counting, *numbers):
    return [counting.take(whole(number), 0)[0] for number in numbers]


def gaps(counting, *buffers):
    """First, last, cause of all gaps."""
    found = [gap for buffer in buffers for gap in counting.take(buffer, 7)[1]]
    assert {gap.noticed_ns for gap in found} <= {7}
    return [(gap.first_index, gap.last_index, gap.cause) for gap in found]


def test_the_first_frame_is_number_0_wherever_the_camera_begins_to_count():
    assert indices(Counting(GIGE), 65401, 65402) == [0, 1]


def test_a_count_of_16_bits_goes_on_after_its_wrap_which_leaves_0_out():
    assert indices(Counting(GIGE), 65534, 65535, 1, 2) == [0, 1, 2, 3]


def test_frames_missing_across_the_wrap_are_counted():
    """65535 and 1 are missing."""
    assert gaps(Counting(GIGE), whole(65534), whole(2)) == [(1, 2, Fate.LOST_ON_LINK)]


def test_a_count_that_passes_16_bits_has_more_and_does_not_wrap():
    assert indices(Counting(GIGE), 65534, 65535, 65536, 65537) == [0, 1, 2, 3]


def test_a_jump_of_the_count_is_a_gap_on_the_link():
    assert gaps(Counting(None), whole(5), whole(9)) == [(1, 3, Fate.LOST_ON_LINK)]


def test_a_buffer_that_is_not_whole_is_a_gap_of_its_own():
    assert gaps(Counting(None), whole(0), broken(1), whole(2)) == [(1, 1, Fate.INCOMPLETE)]


def test_the_first_buffer_may_be_broken():
    assert gaps(Counting(None), broken(3), whole(4)) == [(0, 0, Fate.INCOMPLETE)]


def test_a_broken_buffer_behind_a_jump_has_two_causes():
    assert gaps(Counting(None), whole(0), broken(3)) == [
        (1, 2, Fate.LOST_ON_LINK),
        (3, 3, Fate.INCOMPLETE),
    ]


@pytest.mark.parametrize(
    ("last_number", "numbers"),
    [(None, (7, 7)), (None, (7, 6)), (GIGE, (7, 7)), (GIGE, (100, 1)), (GIGE, (20000, 65000))],
    ids=[
        "stands",
        "goes back",
        "16 bits stand",
        "16 bits go back",
        "16 bits jump by more than half",
    ],
)
def test_a_count_that_does_not_go_up_is_a_lost_camera(last_number, numbers):
    counting = Counting(last_number)
    counting.take(whole(numbers[0]), 0)
    with pytest.raises(DeviceLost, match=f"from {numbers[0]} to {numbers[1]}"):
        counting.take(whole(numbers[1]), 0)


def test_a_buffer_whose_number_was_lost_is_the_next_frame():
    counting = Counting(GIGE)
    found = gaps(counting, whole(65534), broken(None), broken(None), whole(2))
    assert found == [(1, 1, Fate.INCOMPLETE), (2, 2, Fate.INCOMPLETE)]
    assert counting.next_index == 4


def test_frames_missing_around_a_buffer_without_a_number_are_counted():
    """5 came, 6 and 7 did not, of 8 the number was lost, 9 came: four frames after the first."""
    counting = Counting(None)
    found = gaps(counting, whole(5), broken(None), whole(9))
    assert found == [(1, 1, Fate.INCOMPLETE), (2, 3, Fate.LOST_ON_LINK)]
    assert counting.next_index == 5


def test_the_first_buffer_may_have_lost_its_number():
    assert gaps(Counting(None), broken(None), whole(7)) == [(0, 0, Fate.INCOMPLETE)]


def test_an_overrun_is_the_cause_of_the_gap_behind_the_frames_that_waited():
    """Ten wait, the 11th to 13th found no buffer: the jump is where the driver said."""
    counting = Counting(None)
    counting.take(whole(0), 0)
    counting.look(Backlog(10, 3))
    found = gaps(counting, *(whole(n) for n in range(1, 11)), whole(14))
    assert found == [(11, 13, Fate.DRIVER_OVERRUN)]


def test_a_loss_on_the_link_among_frames_that_waited_is_no_overrun():
    """Frame 3 was lost before any buffer ran out; frames 11 to 13 after."""
    counting = Counting(None)
    counting.take(whole(0), 0)
    counting.look(Backlog(9, 3))
    numbers = [1, 2, *range(4, 11), 14]
    assert gaps(counting, *map(whole, numbers)) == [
        (3, 3, Fate.LOST_ON_LINK),
        (11, 13, Fate.DRIVER_OVERRUN),
    ]


def test_an_overrun_explains_one_gap_alone():
    counting = Counting(None)
    counting.take(whole(0), 0)
    counting.look(Backlog(0, 1))
    found = gaps(counting, whole(2))
    counting.look(Backlog(0, 1))
    assert [*found, *gaps(counting, whole(4))] == [
        (1, 1, Fate.DRIVER_OVERRUN),
        (3, 3, Fate.LOST_ON_LINK),
    ]


def test_what_the_sensor_counted_and_the_link_did_not_was_never_sent():
    """Five exposures passed, the link left out one number: three were never sent."""
    counting = Counting(None)
    found = gaps(counting, whole(10, exposures=100), whole(12, exposures=105))
    assert found == [(1, 3, Fate.LOST_BY_SENSOR), (4, 4, Fate.LOST_ON_LINK)]


def test_exposures_are_counted_on_across_a_buffer_that_does_not_say_them():
    counting = Counting(None)
    found = gaps(counting, whole(0, exposures=50), broken(1), whole(2, exposures=54))
    assert found == [(1, 1, Fate.INCOMPLETE), (2, 3, Fate.LOST_BY_SENSOR)]


def test_indices_leave_nothing_out():
    """Everything at once: what is given out and what is missing are 0 to 41, each once."""
    counting, seen = Counting(GIGE), []
    numbers = [65500, 65501, 65510, 65535, 1, 5, 6]
    for number in numbers:
        index, found = counting.take(broken(number) if number == 5 else whole(number), 0)
        for gap in found:
            seen += range(gap.first_index, gap.last_index + 1)
        seen += [] if number == 5 else [index]
    assert seen == list(range(42))
    assert counting.next_index == 42
