"""How sure it is that a stimulus is for the animal in the frame."""

import numpy as np
import pytest

from tracker.stimuli import Action, StimulusCommand
from tracker.subjects import MOST_EPISODES, Subjects
from tracker.types import Episode, FrameResult, Observation, Onset, StageTimes

STAGES = StageTimes(0, 0, 0, 0, 0)


def onset(n, subject="a"):
    return Onset(f"contact/{subject}/{n}", "contact", subject, n, n, n, n)


def seen(names=(), sure=(), individuals=None, *, abstained=False):
    n = len(names) if individuals is None else individuals
    return Observation(
        5,
        50,
        np.zeros((n, 1, 2), np.float32),
        np.ones((n, 1), np.float32),
        abstained=abstained,
        identities=names,
        identity_confidence=sure,
    )


def after(*events):
    subjects = Subjects()
    subjects.note(FrameResult(seen(), {}, {}, events, STAGES))
    return subjects


def command(trigger):
    return StimulusCommand("wake/1", "wake", "light", Action.TRAIN, None, trigger=trigger)


TWO = seen(("a", "b", ""), (0.9, 0.4, 0.0))


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        pytest.param("contact/a/1", 0.9, id="subject a"),
        pytest.param("contact/b/1", 0.4, id="subject b"),
        pytest.param("contact/a-b/1", 0.4, id="a pair: the less certain one"),
        pytest.param("feature:speed_cm_s", 0.4, id="no episode: the less certain one"),
        pytest.param("contact/a/7", 0.4, id="an episode that is not known"),
    ],
)
def test_the_animal_that_the_episode_is_about_has_to_be_certain(trigger, expected):
    subjects = after(onset(1), onset(1, "b"), onset(1, "a-b"))
    assert subjects.situation(command(trigger), TWO).identity == expected


def test_individuals_that_are_nobody_do_not_count():
    assert after().situation(command(""), seen(("a", ""), (1.0, 0.0))).identity == 1.0


@pytest.mark.parametrize(
    ("individuals", "expected"), [(0, 0.0), (1, 1.0), (2, 0.0)], ids=["none", "one", "two"]
)
def test_where_nobody_is_tracked_only_a_single_individual_is_certain(individuals, expected):
    found = after().situation(command("contact/a/1"), seen(individuals=individuals))
    assert found.identity == expected


def test_an_episode_keeps_its_subject_after_its_end():
    subjects = after(onset(1))
    subjects.note(FrameResult(TWO, {}, {}, (Episode(onset(1), 3, 3),), STAGES))
    assert subjects.situation(command("contact/a/1"), TWO).identity == 0.9


def test_of_more_episodes_than_it_keeps_the_oldest_is_forgotten():
    subjects = after(*(onset(n) for n in range(MOST_EPISODES + 1)))
    assert subjects.situation(command("contact/a/0"), TWO).identity == 0.4
    assert subjects.situation(command("contact/a/1"), TWO).identity == 0.9


def test_the_frame_and_its_time_go_with_it():
    situation = after().situation(command(""), seen(("a",), (1.0,), abstained=True))
    assert (situation.usable, situation.captured_ns) == (False, 50)
