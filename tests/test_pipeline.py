import math

import numpy as np
import pytest
from rigs import MS, SKELETON, at, frame, make_pipeline

from tracker.testing.manual_clock import ManualClock
from tracker.tracking import Tracker, TrackingSettings
from tracker.types import Episode, Onset


def test_a_step_gives_what_was_seen_measured_and_scored():
    result = make_pipeline(lambda index: at(40.0)).step(frame(0))
    assert result.observation.frame_index == 0
    assert result.observation.xy.tolist() == [at(40.0)]
    assert result.features["x_cm"] == 4.0
    assert result.scores == {"right": 1.0}


def test_an_onset_comes_on_the_frame_that_confirms_it_and_the_episode_at_its_end():
    pipeline = make_pipeline(lambda index: at(40.0 if 2 <= index <= 6 else 10.0))
    events = {i: pipeline.step(frame(i)).events for i in range(12)}
    onset = Onset("right/mouse/1", "right", "mouse", 2, 20 * MS, 4, 40 * MS)
    assert {i: e for i, e in events.items() if e} == {
        4: (onset,),
        9: (Episode(onset, end_index=6, end_ns=60 * MS),),
    }


def test_an_episode_still_going_on_is_closed_at_the_end():
    pipeline = make_pipeline(lambda index: at(40.0))
    for i in range(5):
        pipeline.step(frame(i))
    (episode,) = pipeline.finish()
    assert (episode.end_index, episode.ended_by_session) == (4, True)
    assert pipeline.finish() == ()


def test_an_animal_that_is_not_seen_has_no_features_and_no_score():
    result = make_pipeline(lambda index: None).step(frame(0))
    assert math.isnan(result.features["x_cm"])
    assert math.isnan(result.scores["right"])


def test_each_stage_is_stamped_by_the_clock_that_was_handed_in():
    clock = ManualClock(now_ns=1_000)
    result = make_pipeline(lambda index: clock.advance(500) or at(1.0), clock).step(frame(0))
    stages = result.stages
    assert (stages.started_ns, stages.observed_ns, stages.decided_ns) == (1_000, 1_500, 1_500)


def test_what_is_decided_does_not_depend_on_the_clock():
    def decided(start_ns):
        pipeline = make_pipeline(lambda i: at(float(10 * (i % 7))), ManualClock(start_ns))
        return [pipeline.step(frame(i)).events for i in range(40)]

    assert decided(0) == decided(10**15)


def test_features_and_behaviours_are_known_before_the_first_frame():
    pipeline = make_pipeline(lambda index: None)
    assert pipeline.behaviours == ("right",)
    assert tuple(pipeline.step(frame(0)).features) == pipeline.feature_names


@pytest.mark.parametrize("lost", [{3}, {4, 5}])
def test_lost_frames_inside_an_episode_do_not_end_it(lost):
    pipeline = make_pipeline(lambda index: at(40.0))
    events = [e for i in range(10) if i not in lost for e in pipeline.step(frame(i)).events]
    assert [type(event) for event in events] == [Onset]


def test_a_single_animal_is_decided_on_the_same_with_and_without_a_tracker():
    def decided(tracker):
        script = {i: at(10.0 + 5 * (i % 9)) for i in range(40) if i % 11}
        pipeline = make_pipeline(script.get, tracker=tracker)
        return [pipeline.step(frame(i)) for i in range(40)]

    plain, tracked = decided(None), decided(Tracker(("m12",), SKELETON, TrackingSettings()))
    for before, after in zip(plain, tracked, strict=True):
        np.testing.assert_array_equal(after.observation.xy, before.observation.xy)
        np.testing.assert_equal(after.features, before.features)
        assert after.events == before.events
        assert after.observation.identities == ("m12",)
    assert sum(len(each.events) for each in plain) > 4
