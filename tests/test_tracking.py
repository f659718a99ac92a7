"""Who is who: rules by which animals keep their names, appear and leave."""

import itertools
import math
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
from animals import BLANK, LENGTH, SKELETON, animal, places, seen, sure, tracker
from pydantic import ValidationError

from tracker.errors import ConfigError
from tracker.tracking import TrackingSettings, as_seen
from tracker.types import Masks, Skeleton


def same(one, other):
    """Whether two observations are the same to the bit."""
    return all(_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))


def _equal(a, b):
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return a == b or (a != a and b != b)  # noqa: PLR0124 - NaN is NaN here


def run(tracking, observations):
    return [tracking.update(each) for each in observations]


# One animal


def test_a_single_animal_is_called_as_the_subject_and_stays_as_it_was_seen():
    one = seen(0, animal(50, 60), class_scores={"rest": 0.5})
    got = tracker(subject="m12").update(one)
    assert got.xy is one.xy
    assert (got.identities, got.identity_confidence) == (("m12",), (1.0,))
    assert got.class_scores == {"rest": 0.5}


def test_a_single_animal_may_jump_as_far_as_it_likes():
    single = tracker()
    single.update(seen(0, animal(50, 60)))
    assert places(single.update(seen(1, animal(600, 400))))["mouse"] == (600, 400)


def test_a_single_animal_that_is_not_found_keeps_the_confidences_of_its_keypoints():
    lost = replace(seen(0, BLANK), confidence=np.array([[0.1, 0.05, 0.0]], np.float32))
    got = tracker().update(lost)
    assert got.confidence.tolist() == lost.confidence.tolist()
    assert places(got) == {"mouse": None}


def test_of_several_individuals_the_one_animal_is_the_one_that_was_there_before():
    single = tracker()
    single.update(seen(0, animal(300, 60)))
    got = single.update(seen(1, animal(50, 60), animal(302, 60)))
    assert got.identities == ("mouse", "")
    assert places(got) == {"mouse": (302, 60), "": (50, 60)}


def test_nobody_at_all_is_a_row_that_says_nothing():
    got = tracker().update(seen(0))
    assert got.xy.shape == (1, 3, 2)
    assert np.isnan(got.xy).all()
    assert got.confidence.tolist() == [[0, 0, 0]]


# Two that are named


def test_names_are_given_from_left_to_right_and_kept():
    two = tracker("a", "b")
    first = two.update(seen(0, animal(300, 10), animal(100, 200)))
    assert places(first) == {"a": (100, 200), "b": (300, 10)}
    assert places(two.update(seen(1, animal(300, 10), animal(101, 200))))["b"] == (300, 10)


def test_rows_are_in_the_order_of_the_names_whatever_the_order_of_individuals():
    two = tracker("a", "b")
    for index in range(20):
        individuals = [animal(100 + 3 * index, 100), animal(300, 100)]
        got = two.update(seen(index, *individuals[:: 1 if index % 2 else -1]))
        assert places(got) == {"a": (100 + 3 * index, 100), "b": (300, 100)}


def test_animals_that_pass_each_other_keep_their_names():
    two = tracker("a", "b")
    for i in range(60):
        got = two.update(seen(i, animal(400 - 5 * i, 140, 180), animal(100 + 5 * i, 100)))
    assert places(got) == {"a": (395, 100), "b": (105, 140)}
    assert min(got.identity_confidence) > 0.99


def test_an_animal_that_is_not_seen_has_a_row_of_nan_and_gets_its_name_back():
    two = tracker("a", "b")
    for i in range(10):
        two.update(seen(i, animal(100, 100), animal(300, 100)))
    for i in range(10, 40):
        gone = two.update(seen(i, animal(300, 100)))
        assert places(gone) == {"a": None, "b": (300, 100)}
    back = two.update(seen(40, animal(300, 100), animal(180, 160)))
    assert places(back) == {"a": (180, 160), "b": (300, 100)}
    assert sure(back)["a"] > 0.99  # there is nobody else that it could be


def test_an_animal_moves_on_while_it_is_not_seen():
    """b goes to the right behind a shelter while a comes to where b was last seen."""
    two = tracker("a", "b")
    for i in range(12):
        two.update(seen(i, animal(100, 100), animal(200 + 6 * i, 100)))
    for i in range(12, 20):
        two.update(seen(i, animal(100 + 5 * (i - 11), 100)))
    got = two.update(seen(20, animal(145, 100), animal(320, 100)))
    assert places(got) == {"a": (145, 100), "b": (320, 100)}


def test_names_are_never_invented():
    two = tracker("a", "b")
    for i in range(50):
        crowd = [animal(60 * k + 30, 50 + i) for k in range(5)]
        got = two.update(seen(i, *crowd))
        assert got.identities == ("a", "b", "", "", "")
        assert len(got.xy) == 5


def test_of_too_many_at_first_sight_the_surest_are_named():
    unsure = np.array([[0.3] * 3, [0.9] * 3, [0.8] * 3], np.float32)
    crowd = [animal(100, 0), animal(200, 0), animal(300, 0)]
    got = tracker("a", "b").update(seen(0, *crowd, confidence=unsure))
    assert places(got) == {"a": (200, 0), "b": (300, 0), "": (100, 0)}


def test_what_is_out_of_reach_is_nobody_until_the_reach_has_grown():
    two = tracker("a", "b", gate_px=30.0)
    for i in range(5):
        two.update(seen(i, animal(100, 100), animal(300, 100)))
    got = two.update(seen(5, animal(300, 100), animal(185, 100)))  # 85 px off
    assert places(got) == {"a": None, "b": (300, 100), "": (185, 100)}
    got = two.update(seen(7, animal(300, 100), animal(185, 100)))  # 3 frames later: 90 px
    assert places(got) == {"a": (185, 100), "b": (300, 100)}


def test_reach_goes_by_time_and_not_by_frames_that_were_seen():
    two = tracker("a", "b", gate_px=30.0)
    for i in range(5):
        two.update(seen(i, animal(100, 100), animal(300, 100)))
    got = two.update(seen(8, animal(300, 100), animal(210, 100)))  # 110 px in 4 frames
    assert places(got) == {"a": (210, 100), "b": (300, 100)}


def test_one_wrong_keypoint_does_not_make_an_animal_another():
    two = tracker("a", "b")
    for i in range(10):
        two.update(seen(i, animal(100, 100), animal(300, 100)))
    wrong = animal(100, 100)
    wrong[0] = 320, 100
    got = two.update(seen(10, wrong, animal(300, 100)))
    assert places(got) == {"a": (100, 100), "b": (300, 100)}


def test_animals_that_pass_through_each_other_are_told_apart_by_their_motion():
    """Both look to the right; from one frame to the next each comes to where the other was."""
    two = tracker("a", "b")
    for i in range(15):
        got = two.update(seen(i, animal(100 + 20 * i, 100), animal(290 - 20 * i, 104)))
    assert places(got) == {"a": (380, 100), "b": (10, 104)}


def test_a_wrong_keypoint_counts_no_farther_than_the_reach():
    """a's nose is 55 px off, which is nearer to b, who is hidden: the two other keypoints decide.

    Squared distances are 55² + 0 + 0 from a and 25² + 30² + 30² from b; reach is 40 px.
    """
    two = tracker("a", "b")
    for i in range(10):
        two.update(seen(i, animal(100, 100), animal(130, 100)))
    wrong = animal(100, 100)
    wrong[0, 0] += 55
    assert places(two.update(seen(10, wrong)))["a"] == (100, 100)


def test_the_pose_tells_apart_what_the_place_does_not():
    """They lie across each other: their middles are one place."""
    two = tracker("a", "b")
    for i in range(10):
        two.update(seen(i, animal(100 + 6 * i, 100), animal(160, 160 - 6 * i, 270)))
    got = two.update(seen(10, animal(160, 100, 270), animal(160, 100)))
    by_name = dict(zip(got.identities, got.xy, strict=True))
    np.testing.assert_allclose(by_name["a"], animal(160, 100), atol=1e-4)
    np.testing.assert_allclose(by_name["b"], animal(160, 100, 270), atol=1e-4)


def test_an_animal_is_followed_by_the_keypoints_that_are_there():
    two = tracker("a", "b")
    for i in range(10):
        two.update(seen(i, animal(100, 100), animal(300, 100)))
    half = animal(100, 100)
    half[:2] = np.nan
    got = two.update(seen(10, half, animal(300, 100)))
    assert got.xy[0, 2].tolist() == [80, 100]
    assert np.isnan(got.xy[0, :2]).all()


def test_a_frame_that_says_nothing_leaves_everybody_where_they_were():
    two = tracker("a", "b")
    two.update(seen(0, animal(100, 100), animal(300, 100)))
    blank = two.update(seen(1, BLANK, BLANK, abstained=True))
    assert places(blank) == {"a": None, "b": None}
    got = two.update(seen(2, animal(300, 100), animal(100, 100)))
    assert places(got) == {"a": (100, 100), "b": (300, 100)}


def test_masks_of_individuals_go_with_them():
    two = tracker("a", "b")
    names = ("mouse", "individual 0", "individual 1")
    masks = Masks(names, np.zeros((3, 2, 2), np.uint8), 0, 0, 1, 1)
    got = two.update(seen(0, animal(300, 0), animal(100, 0), masks=masks))
    assert got.masks.names == ("mouse", "individual 1", "individual 0")


def test_what_individuals_look_like_goes_with_them():
    looks = [[1.0, 2.0], [3.0, 4.0]]
    got = tracker("a", "b", "c").update(seen(0, animal(300, 0), animal(100, 0), appearance=looks))
    assert got.appearance[:2].tolist() == [[3, 4], [1, 2]]
    assert np.isnan(got.appearance[2]).all()


# Up to so many


def test_an_animal_is_new_once_it_was_seen_for_long_enough():
    some = tracker(max_animals=2, start_s=0.1)
    for i in range(8):
        got = some.update(seen(i, animal(100, 100)))
        expected = None if i < 5 else (100, 100)
        assert places(got)["animal_1"] == expected
        assert len(got.xy) == (3 if i < 5 else 2)


def test_an_animal_that_is_away_too_long_has_left_and_its_name_is_given_again_without_trust():
    some = tracker(max_animals=2, start_s=0.0, end_s=0.5)
    some.update(seen(0, animal(100, 100)))
    assert sure(some.update(seen(1, animal(100, 100)))) == {"animal_1": 1.0, "animal_2": 1.0}
    some.update(seen(20, BLANK))
    some.update(seen(40, BLANK))
    got = some.update(seen(41, animal(500, 300)))
    assert places(got) == {"animal_1": (500, 300), "animal_2": None}
    assert sure(got)["animal_1"] == 0.0


def test_an_animal_that_comes_back_in_time_is_still_the_same():
    some = tracker(max_animals=2, start_s=0.0, end_s=0.5)
    some.update(seen(0, animal(100, 100)))
    got = some.update(seen(20, animal(104, 100)))
    assert places(got)["animal_1"] == (104, 100)
    assert sure(got)["animal_1"] == 1.0


def test_what_is_seen_for_a_moment_alone_is_no_animal():
    some = tracker(max_animals=1, start_s=0.1)
    some.update(seen(0, animal(50, 50), BLANK))
    for i in range(1, 12):
        got = some.update(seen(i, animal(400, 400)))
    assert places(got) == {"animal_1": (400, 400)}


# The same input, the same output


def crossings(n, seed=0, gap=0.1):
    """Three animals on circles through one point, with keypoints and whole animals missing."""
    rng = np.random.default_rng(seed)
    for i in range(n):
        turn = 0.05 * i
        middles = [
            (200 + 80 * math.cos(turn + k), 200 + 80 * math.sin((1 + 0.3 * k) * turn))
            for k in range(3)
        ]
        found = [animal(*each, heading_deg=40 * i) for each in middles if rng.random() > gap]
        found = [each + rng.normal(0, 1, (3, 2)) for each in found]
        for each in found:
            each[rng.random(3) < 0.1] = np.nan
        rng.shuffle(found)
        looks = rng.normal(0, 1, (len(found), 4))
        yield seen(i, *found, appearance=looks) if found else seen(i)


def test_the_same_observations_give_the_same_bits():
    one, other = (run(tracker("a", "b", "c"), crossings(300)) for _ in range(2))
    assert all(same(a, b) for a, b in zip(one, other, strict=True))
    assert min(min(each.identity_confidence[:3]) for each in one) < 0.9  # so that it was tested


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="single"),
        pytest.param({"max_animals": 3}, id="some"),
        pytest.param({"max_animals": 5, "start_s": 0.0, "end_s": 0.1}, id="many"),
    ],
)
def test_what_was_tracked_is_tracked_again_to_itself(settings):
    once = run(tracker(**settings), crossings(300))
    twice = run(tracker(**settings), once)
    assert all(same(a, b) for a, b in zip(once, twice, strict=True))


def test_what_was_tracked_by_name_is_tracked_again_to_itself():
    once = run(tracker("a", "b", "c"), crossings(300))
    twice = run(tracker("a", "b", "c"), once)
    assert all(same(a, b) for a, b in zip(once, twice, strict=True))


def test_the_order_of_individuals_makes_no_difference():
    def turned(each):
        looks = each.appearance
        looks = None if looks is None else looks[::-1]
        return replace(each, xy=each.xy[::-1], confidence=each.confidence[::-1], appearance=looks)

    frames = list(crossings(300))
    one = run(tracker("a", "b", "c"), frames)
    other = run(tracker("a", "b", "c"), map(turned, frames))
    for a, b in itertools.zip_longest(one, other):
        np.testing.assert_array_equal(a.xy, b.xy)
        assert a.identity_confidence == b.identity_confidence


def test_who_was_tracked_can_be_forgotten():
    first = seen(0, animal(300, 0), BLANK, animal(100, 0))
    got = as_seen(tracker("a", "b", "c").update(first))
    assert got.identities == ()
    np.testing.assert_array_equal(got.xy, np.array([animal(100, 0), animal(300, 0)], np.float32))
    assert same(got, as_seen(first))


def _size(value):
    if isinstance(value, np.ndarray):
        return value.nbytes
    inside = getattr(value, "__dict__", None)
    return sys.getsizeof(value) + (sum(map(_size, inside.values())) if inside else 0)


def test_it_does_not_grow():
    some = tracker("a", "b", "c")
    run(some, crossings(200))
    before = _size(some)
    run(some, (replace(each, captured_ns=each.captured_ns + 10**10) for each in crossings(800)))
    assert _size(some) <= before + 200


# Settings


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, ("m12",)),
        ({"animals": ("a", "b")}, ("a", "b")),
        ({"max_animals": 2}, ("animal_1", "animal_2")),
    ],
    ids=["one", "named", "up to"],
)
def test_what_animals_are_called(settings, names):
    assert TrackingSettings(**settings).names("m12") == names


@pytest.mark.parametrize(
    ("settings", "about"),
    [
        ({"animals": ("a", "a")}, "a twice"),
        ({"animals": ("a",), "max_animals": 2}, "both given"),
        ({"animals": ("white mouse",)}, "pattern"),
        ({"gate_px": 0}, "greater than 0"),
    ],
    ids=["twice", "both", "not a name", "no reach"],
)
def test_settings_that_do_not_go_together_are_an_error(settings, about):
    with pytest.raises(ValidationError, match=about):
        TrackingSettings(**settings)


def test_animals_of_one_keypoint_need_a_reach_in_pixels():
    dot = Skeleton(("centre",))
    with pytest.raises(ConfigError, match=r"tracking\.gate_px is missing"):
        tracker("a", "b", skeleton=dot)
    assert tracker("a", "b", skeleton=dot, gate_px=20.0).names == ("a", "b")


def test_a_body_length_is_measured_and_not_told():
    """Reach is one body length (40 px): a jump of 1.2 is nobody's, one of 0.8 is the animal's."""
    for jump, expected in ((1.2, None), (0.8, (100 + 0.8 * LENGTH, 100))):
        two = tracker("a", "b")
        for i in range(5):
            two.update(seen(i, animal(100, 100), animal(500, 100)))
        got = two.update(seen(5, animal(100 + jump * LENGTH, 100), animal(500, 100)))
        assert places(got)["a"] == expected


def test_the_skeleton_may_have_no_edges():
    two = tracker("a", "b", skeleton=Skeleton(SKELETON.keypoints))
    assert places(two.update(seen(0, animal(0, 0), animal(90, 0))))["b"] == (90, 0)
