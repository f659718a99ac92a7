"""What goes over the wire comes out as what the pipeline made."""

import numpy as np
import pytest

from tracker.control.results import ResultReader
from tracker.messages import (
    SCHEMA,
    EpisodeMessage,
    EpisodeState,
    LogMessage,
    episode_fields,
    observation_message,
)
from tracker.types import Episode, FrameResult, Observation, Onset, StageTimes
from tracker.wire import decode, encode

HEADER = {"schema": SCHEMA, "session": "s1", "sent_ns": 9}
ONSET = Onset("freezing/mouse/1", "freezing", "mouse", 3, 30, 8, 80)
EPISODE = Episode(ONSET, 12, 120)


def result(index=8, events=(), *, individuals=1):
    xy = np.arange(individuals * 4, dtype=np.float32).reshape(individuals, 2, 2)
    xy[:, 1] = np.nan
    seen = Observation(
        index,
        index * 10,
        xy,
        np.full((individuals, 2), 0.5, np.float32),
        {"usable": 0.9},
        {"lamp_led": 12.0},
        novelty=0.25,
        abstained=True,
        network_ns=7,
        identities=("a", "b")[:individuals],
        identity_confidence=(1.0, 0.25)[:individuals],
    )
    return FrameResult(
        seen, {"speed_cm_s": 1.5}, {"freezing": 0.75}, events, StageTimes(1, 2, 3, 4, 7)
    )


def over_the_wire(kind, message):
    _, got, _ = decode([f"{kind}/top".encode(), encode(message)])
    return got


def observation(of):
    return over_the_wire("observation", observation_message(of, session="s1", seq=0, sent_ns=9))


def episode(event, of, state):
    fields = episode_fields(event, of) | HEADER
    hashes = {"model_sha256": "m", "config_sha256": "c"}
    return over_the_wire("episode", EpisodeMessage(state=state, seq=0, **fields, **hashes))


def assert_same(got, expected):
    np.testing.assert_array_equal(got.observation.xy, expected.observation.xy)
    np.testing.assert_array_equal(got.observation.confidence, expected.observation.confidence)
    plain = ("frame_index", "captured_ns", "class_scores", "measures", "novelty", "abstained")
    for name in (*plain, "identities", "identity_confidence"):
        assert getattr(got.observation, name) == getattr(expected.observation, name)
    assert (got.features, got.scores, got.events) == (
        expected.features,
        expected.scores,
        expected.events,
    )
    assert got.stages == expected.stages


@pytest.mark.parametrize("individuals", [1, 2])
def test_an_observation_is_a_result(individuals):
    made = result(individuals=individuals)
    assert_same(ResultReader().feed(observation(made)), made)


def test_nobody_in_the_frame_is_a_result_too():
    got = ResultReader().feed(observation(result(individuals=0)))
    assert got.observation.xy.shape[0] == 0


@pytest.mark.parametrize(
    ("event", "state"),
    [
        pytest.param(ONSET, EpisodeState.NEW, id="onset"),
        pytest.param(EPISODE, EpisodeState.END, id="end"),
    ],
)
def test_an_episode_comes_with_the_observation_behind_it(event, state):
    made, reader = result(events=(event,)), ResultReader()
    assert reader.feed(episode(event, made, state)) is None
    assert_same(reader.feed(observation(made)), made)
    assert reader.feed(observation(result(9))).events == ()


def test_that_an_episode_goes_on_is_no_event():
    made, reader = result(), ResultReader()
    assert reader.feed(episode(ONSET, made, EpisodeState.UPDATE)) is None
    assert reader.feed(observation(made)).events == ()


def test_an_episode_whose_observation_was_lost_comes_with_the_next():
    reader = ResultReader()
    reader.feed(episode(ONSET, result(8, (ONSET,)), EpisodeState.NEW))
    assert reader.feed(observation(result(9))).events == (ONSET,)


def test_what_went_on_counts_as_ended_once_it_begins_anew():
    reader = ResultReader()
    reader.feed(episode(ONSET, result(8, (ONSET,)), EpisodeState.NEW))
    reader.feed(observation(result(8)))
    reader.forget()
    (ended,) = reader.feed(observation(result(9))).events
    assert ended == Episode(ONSET, ONSET.confirmed_index, ONSET.confirmed_ns, True)
    reader.forget()
    assert reader.feed(observation(result(10))).events == ()


def test_what_has_ended_does_not_end_again():
    reader = ResultReader()
    for event, state in ((ONSET, EpisodeState.NEW), (EPISODE, EpisodeState.END)):
        reader.feed(episode(event, result(8), state))
        reader.feed(observation(result(8)))
    reader.forget()
    assert reader.feed(observation(result(9))).events == ()


def test_a_line_for_a_person_completes_nothing():
    line = LogMessage(**HEADER, seq=0, level="info", text="hello")
    assert ResultReader().feed(over_the_wire("log", line)) is None
