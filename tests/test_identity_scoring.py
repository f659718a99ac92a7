"""IDF1, HOTA and switches on cases that were worked out by hand."""

import math

import numpy as np
import pytest

from tracker.identity_scoring import Compared, identity_scores, similarity_of_places


def frames(*tracked, true="AB", similarity=1.0):
    """Each frame names who is tracked in the place of each true animal; "." is nobody."""
    made = []
    for names in tracked:
        there = [name for name in names if name != "."]
        alike = np.zeros((len(true), len(there)))
        for row, name in enumerate(names):
            if name != ".":
                alike[row, there.index(name)] = similarity
        made.append(Compared(list(true), there, alike))
    return made


def test_everybody_always_right():
    scores = identity_scores(frames(*["ab"] * 10))
    assert (scores.idf1, scores.hota, scores.switches, scores.frames) == (1.0, 1.0, 0, 10)


def test_what_they_are_called_makes_no_difference():
    assert identity_scores(frames(*["xy"] * 4)).idf1 == 1.0


def test_names_exchanged_for_the_last_quarter():
    """6 of 8 places fit the best map; each pair overlaps in 3 (or 1) of 4 + 4 - 3 (or - 1).

    Association: (2·3·3/5 + 2·1·1/7) / 8; detection 1; HOTA the root of their product.
    """
    scores = identity_scores(frames("ab", "ab", "ab", "ba"))
    assert scores.idf1 == 0.75
    association = (6 * 3 / 5 + 2 / 7) / 8
    assert scores.association == pytest.approx(association)
    assert scores.detection == pytest.approx(1.0)
    assert scores.hota == pytest.approx(math.sqrt(association))
    assert scores.switches == 2


def test_names_exchanged_for_one_frame_are_four_switches():
    assert identity_scores(frames("ab", "ba", "ab", "ab")).switches == 4


def test_an_animal_missed_in_half_of_the_frames():
    """One animal, 4 frames, 2 found: IDF1 = 2·2 / (4 + 2); detection 2/4, association 2/4."""
    scores = identity_scores(frames("a", ".", "a", ".", true="A"))
    assert scores.idf1 == pytest.approx(2 / 3)
    assert (scores.detection, scores.association) == pytest.approx((0.5, 0.5))
    assert scores.hota == pytest.approx(0.5)
    assert scores.switches == 0


def test_a_new_name_after_a_gap_is_a_switch():
    scores = identity_scores(frames("a", ".", "b", true="A"))
    assert scores.switches == 1
    assert scores.idf1 == pytest.approx(2 / 5)


def test_an_individual_that_is_nobody():
    """One animal found in both frames, and a ghost in one: IDF1 = 2·2 / (2 + 3)."""
    ghost = Compared(["A"], ["a", "g"], np.array([[1.0, 0.0]]))
    scores = identity_scores([ghost, *frames("a", true="A")])
    assert scores.idf1 == pytest.approx(4 / 5)
    assert scores.detection == pytest.approx(2 / 3)


def test_similarity_counts_for_each_threshold_up_to_it():
    """0.5 is reached by 10 of the 19 thresholds."""
    scores = identity_scores(frames("ab", "ab", similarity=0.5))
    assert scores.hota == pytest.approx(10 / 19)
    assert scores.idf1 == 1.0
    assert identity_scores(frames("ab", similarity=0.49)).idf1 == 0.0


def test_a_match_that_holds_is_kept_though_another_is_closer():
    """CLEAR MOT: the second frame has a at 0.6 and b at 0.9 on A, and nobody on B."""
    second = Compared(["A"], ["a", "b"], np.array([[0.6, 0.9]]))
    assert identity_scores([*frames("a", true="A"), second]).switches == 0


def test_nothing_at_all_is_not_a_number():
    scores = identity_scores([Compared([], [], np.zeros((0, 0)))])
    assert math.isnan(scores.idf1)
    assert math.isnan(scores.hota)
    assert identity_scores(frames("..")).hota == 0.0


def test_similarity_of_places_falls_with_the_distance():
    true, tracked = np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [30.0, 40.0]])
    assert similarity_of_places(true, tracked, 20.0).tolist() == [[0.75, 0.0]]
