"""Several behaviours at once: groups of which one goes on, and rules about episodes."""

import math

import pytest
from rules_here import catalogue, seen

from tracker.behaviours.text_rule import TextRule
from tracker.episodes import EpisodeBuilder, EpisodeSettings
from tracker.types import Episode, Onset
from tracker.watching import Watch, Watching

NAN = math.nan
QUICK = {"min_duration_s": 0.02, "max_gap_s": 0.01, "enter": 0.5, "leave": 0.5}


def watching(*behaviours):
    """Behaviours of (name, rule, group), each with what is above it."""
    known, names = catalogue(), [name for name, _, _ in behaviours]
    return Watching(
        [
            Watch(
                TextRule(name, rule, known, names[:place]),
                EpisodeBuilder(name, "mouse", EpisodeSettings(**QUICK)),
                group,
            )
            for place, (name, rule, group) in enumerate(behaviours)
        ]
    )


def run(watching, **columns):
    """What is said frame by frame at 100 frames a second: {frame: [(word, name, first, last)]}."""
    said = {}
    for i, values in enumerate(zip(*columns.values(), strict=True)):
        features = dict(zip(columns, values, strict=True))
        _, events = watching.step(seen(index=i, time_s=i / 100), features)
        if events:
            said[i] = [_told(event) for event in events]
    return said, [_told(event) for event in watching.finish()]


def _told(event):
    if isinstance(event, Onset):
        return "new", event.behaviour, event.onset_index
    assert isinstance(event, Episode)
    return "end", event.onset.behaviour, event.onset.onset_index, event.end_index


X, Y = "x > 0 cm ~ 1 cm", "y > 0 cm ~ 1 cm"
"""Scores of 0.5 + value / 2."""


def test_behaviours_of_no_group_go_on_together():
    said, left = run(watching(("one", X, None), ("other", Y, None)), x_cm=[0.8] * 5, y_cm=[0.9] * 5)
    assert said == {2: [("new", "one", 0), ("new", "other", 0)]}
    assert left == [("end", "one", 0, 4), ("end", "other", 0, 4)]


def test_of_a_group_the_one_with_the_highest_score_goes_on():
    group = watching(("one", X, "g"), ("other", Y, "g"))
    said, left = run(group, x_cm=[0.8] * 4 + [0.2] * 6, y_cm=[0.4] * 10)
    assert said == {2: [("new", "one", 0)], 5: [("end", "one", 0, 3)], 6: [("new", "other", 4)]}
    assert left == [("end", "other", 4, 9)]


def test_of_equals_it_is_the_one_further_up():
    said, _ = run(watching(("one", X, "g"), ("other", Y, "g")), x_cm=[0.5] * 4, y_cm=[0.5] * 4)
    assert said == {2: [("new", "one", 0)]}


def test_the_scores_that_are_told_are_their_own():
    group = watching(("one", X, "g"), ("other", Y, "g"))
    scores, _ = group.step(seen(), {"x_cm": 0.8, "y_cm": 0.4})
    assert scores == {"one": 0.9, "other": 0.7}


def test_an_onset_ends_what_still_goes_on_in_its_group_before_it():
    """With a long gap `one` is not over when `other` becomes certain."""
    group = watching(("one", X, "g"), ("other", Y, "g"))
    patient = EpisodeSettings(**{**QUICK, "max_gap_s": 1})
    group = Watching(
        [
            Watch(watch.behaviour, EpisodeBuilder(watch.behaviour.name, "mouse", patient), "g")
            for watch in group._watches
        ]
    )
    said, left = run(
        group, x_cm=[0.8] * 4 + [-1] * 6 + [0.8] * 4, y_cm=[-1] * 4 + [0.8] * 6 + [-1] * 4
    )
    assert said == {
        2: [("new", "one", 0)],
        6: [("end", "one", 0, 3), ("new", "other", 4)],
        12: [("end", "other", 4, 9), ("new", "one", 10)],
    }
    assert left == [("end", "one", 10, 13)]


def test_what_is_not_known_takes_the_frame_from_nobody():
    said, _ = run(watching(("one", X, "g"), ("other", Y, "g")), x_cm=[NAN] * 4, y_cm=[0.1] * 4)
    assert said == {2: [("new", "other", 0)]}


def test_what_is_not_known_of_the_others_stays_unknown():
    """`other` is borne unseen for long, and `one`, which is hardly there, does not end it."""
    group = watching(("one", X, "g"), ("other", Y, "g"))
    patient = EpisodeSettings(**QUICK, max_blank_s=1)
    one, other = group._watches
    group = Watching([one, Watch(other.behaviour, EpisodeBuilder("other", "mouse", patient), "g")])
    x, y = [-1.0] * 4 + [-0.8] * 6 + [-1.0] * 2, [0.8] * 4 + [NAN] * 6 + [0.8] * 2
    said, left = run(group, x_cm=x, y_cm=y)
    assert said == {2: [("new", "other", 0)]}
    assert left == [("end", "other", 0, 11)]


def test_two_groups_do_not_know_each_other():
    both = watching(("one", X, "g"), ("other", Y, "h"))
    said, _ = run(both, x_cm=[0.8] * 4, y_cm=[0.9] * 4)
    assert said == {2: [("new", "one", 0), ("new", "other", 0)]}


def test_a_rule_knows_the_episodes_above_it_as_of_the_same_frame():
    both = watching(("one", X, None), ("during", "episode.one and y > 0 cm", None))
    x = [1.0] * 5 + [-1.0] * 5
    scores = [
        both.step(seen(index=i, time_s=i / 100), {"x_cm": value, "y_cm": 1.0})[0]["during"]
        for i, value in enumerate(x)
    ]
    assert scores == [0, 0, 1, 1, 1, 1, 0, 0, 0, 0]  # certain at 2, over at 6


def test_behaviours_rules_and_what_goes_on_are_told():
    both = watching(("one", X, "g"), ("other", "episode.one", None))
    assert both.behaviours == ("one", "other")
    assert both.rules == {"one": ("x_cm",), "other": ()}
    assert both.going_on == ()
    for i in range(3):
        both.step(seen(index=i, time_s=i / 100), {"x_cm": 1.0})
    assert both.going_on == ("one",)


@pytest.mark.parametrize("groups", [(None, None), ("g", "g")])
def test_the_same_frames_give_the_same_events(groups):
    def once():
        both = watching(("one", X, groups[0]), ("other", Y, groups[1]))
        x = [math.sin(i / 5) for i in range(200)]
        y = [math.cos(i / 7) for i in range(200)]
        return run(both, x_cm=x, y_cm=y)

    assert once() == once()
