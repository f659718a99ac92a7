"""Frames of cameras on one trigger, each with a count and a clock of its own."""

import numpy as np
import pytest

from tracker.multiview.sets import MOST_WAITING, Member, SetMatcher

MS = 1_000_000
NAMES = ("a", "b", "c")
BEGINS = {"a": 0, "b": 100, "c": 7}
"""Each camera's count at the first trigger."""


def frame(name, trigger, *, off_ns=0):
    """What a camera gives at a trigger: one every 10 ms."""
    return Member(trigger + BEGINS[name], trigger * 10 * MS + off_ns, trigger)


def fed(matcher, order):
    """All sets that come of frames in this order, as the triggers of their members by camera."""
    found = []
    for name, trigger, *rest in order:
        found += matcher.add(name, frame(name, trigger, off_ns=rest[0] if rest else 0))
    return found


def triggers(sets):
    return [{name: member.content for name, member in each.members.items()} for each in sets]


def in_turn(n, lost=()):
    return [(name, k) for k in range(n) for name in NAMES if (name, k) not in lost]


def test_frames_of_one_trigger_make_a_set():
    matcher = SetMatcher(NAMES, 2 * MS)
    sets = fed(matcher, in_turn(5))
    assert triggers(sets) == [dict.fromkeys(NAMES, k) for k in range(5)]
    assert [each.number for each in sets] == [0, 1, 2, 3, 4]
    assert all(each.complete for each in sets)
    assert matcher.n_complete == 5


def test_a_set_comes_with_its_last_frame_and_not_later():
    matcher = SetMatcher(NAMES, 2 * MS)
    assert fed(matcher, [("a", 0), ("b", 0)]) == []
    assert len(fed(matcher, [("c", 0)])) == 1


@pytest.mark.parametrize("seed", range(5))
def test_however_cameras_hurry_and_lose_every_frame_is_in_its_triggers_set(seed):
    """Each camera loses a tenth of its frames, its times are off, and it may lag by 10 frames."""
    chance = np.random.default_rng(seed)
    lost = {(name, k) for name in NAMES for k in range(1, 200) if chance.random() < 0.1}
    due = [
        (k + chance.uniform(0, 10), name, k, int(chance.normal(0, 0.3 * MS)))
        for name, k in in_turn(200, lost)
    ]
    queues = {name: sorted(k for _, which, k, _ in due if which == name) for name in NAMES}
    order = [(name, queues[name].pop(0), off) for _, name, _, off in sorted(due)]
    matcher = SetMatcher(NAMES, 4 * MS)
    sets = fed(matcher, order)
    for name in NAMES:
        sets += matcher.end(name)
    for each in triggers(sets):
        assert len(set(each.values())) == 1, each
    assert sum(len(each.members) for each in sets) == len(order)
    assert matcher.n_resets == 0


def test_a_frame_that_one_camera_lost_leaves_an_incomplete_set():
    matcher = SetMatcher(NAMES, 2 * MS)
    sets = fed(matcher, in_turn(4, lost={("b", 2)}))
    assert triggers(sets)[2] == {"a": 2, "c": 2}
    assert [each.complete for each in sets] == [True, True, False, True]
    assert (matcher.n_complete, matcher.n_incomplete) == (3, 1)


def test_cameras_that_begin_at_different_triggers_find_each_other():
    """b begins 2 triggers late, and counts from its own beginning."""
    matcher = SetMatcher(NAMES, 2 * MS)
    sets = fed(matcher, in_turn(5, lost={("b", 0), ("b", 1)}))
    assert triggers(sets) == [{"a": k, "c": k} for k in (0, 1)] + [
        dict.fromkeys(NAMES, k) for k in (2, 3, 4)
    ]


def test_a_time_that_contradicts_the_counters_is_counted_and_its_set_is_in_two_parts():
    """c's time of trigger 3 is 3 ms late, more than a set allows: nobody knows which is right."""
    matcher = SetMatcher(NAMES, 2 * MS)
    order = [(name, k, 3 * MS if (name, k) == ("c", 3) else 0) for name, k in in_turn(6)]
    sets = fed(matcher, order)
    assert triggers(sets)[3:5] == [{"a": 3, "b": 3}, {"c": 3}]
    assert triggers(sets)[5] == dict.fromkeys(NAMES, 4)
    assert matcher.n_resets == 1


def test_a_counter_that_was_reset_is_noticed_and_times_decide_again():
    matcher = SetMatcher(NAMES, 2 * MS)
    fed(matcher, in_turn(3))
    found = []
    for k in range(3, 8):
        for name in NAMES:
            member = frame(name, k)
            if name == "b":
                member = Member(k - 3, member.captured_ns, k)
            found += matcher.add(name, member)
    assert triggers(found) == [dict.fromkeys(NAMES, k) for k in range(3, 8)]
    assert matcher.n_resets == 1


def test_a_camera_that_falls_silent_does_not_hold_up_the_others_for_ever():
    matcher = SetMatcher(NAMES, 2 * MS)
    n = MOST_WAITING + 5
    sets = fed(matcher, in_turn(n, lost={("c", k) for k in range(1, n)}))
    assert len(sets) == 1 + 4, "the first is complete, then 64 wait"
    assert all(not each.complete for each in sets[1:])


def test_a_camera_that_has_ended_is_not_waited_for():
    matcher = SetMatcher(NAMES, 2 * MS)
    waiting = fed(matcher, in_turn(3, lost={("c", 1), ("c", 2)}))
    assert len(waiting) == 1
    assert triggers(matcher.end("c")) == [{"a": 1, "b": 1}, {"a": 2, "b": 2}]


def test_the_time_of_a_set_is_the_mean_of_its_frames():
    matcher = SetMatcher(("a", "b"), 2 * MS)
    [only] = fed(matcher, [("a", 5), ("b", 5, 1 * MS)])
    assert only.captured_ns == 50 * MS + MS // 2
