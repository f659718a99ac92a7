"""Which episodes another threshold would give; the loop's own rule and builder are the truth."""

import numpy as np
import pytest
from view_ends import FREEZING

from tracker.behaviours.rule import ThresholdRule, make_rule
from tracker.episodes import EpisodeBuilder, EpisodeSettings
from tracker.gui.series import Series
from tracker.gui.what_if import what_if
from tracker.types import Episode


def series_of(speeds, skip=()):
    series = Series(("speed_cm_s",))
    for index, speed in enumerate(speeds):
        if index not in skip:
            series.append(index / 100, {"speed_cm_s": speed}, index)
    return series


def steps(*parts):
    """Speeds by stretch: (frames, speed)."""
    return [speed for n, speed in parts for _ in range(n)]


STILL_AND_SLOW = steps((50, 9.0), (50, 0.5), (50, 9.0), (50, 3.0), (50, 9.0))


def test_as_it_is_nothing_comes_and_nothing_goes():
    found = what_if(FREEZING, {}, series_of(STILL_AND_SLOW), -1)
    assert (found.n_before, found.come, found.go) == (1, 0, 0)
    (span,) = found.spans
    assert (span.onset_s, span.end_s) == pytest.approx((0.5, 0.99))


def test_a_higher_threshold_lets_a_slow_walk_count():
    found = what_if(FREEZING, {0: 4.0}, series_of(STILL_AND_SLOW), -1)
    assert (found.n_before, found.come, found.go) == (1, 1, 0)
    assert found.text == "1 → 2 episodes (1 come, 0 go)"


def test_a_lower_threshold_lets_all_go():
    found = what_if(FREEZING, {0: 0.1}, series_of(STILL_AND_SLOW), -1)
    assert (found.come, found.go, found.spans) == (0, 1, ())


def test_only_the_span_that_was_asked_for_counts():
    found = what_if(FREEZING, {0: 4.0}, series_of(STILL_AND_SLOW), 1.2)
    assert (found.n_before, len(found.spans)) == (0, 1)


def test_it_is_what_the_loop_would_have_found():
    random = np.random.default_rng(5)
    speeds = np.abs(np.cumsum(random.normal(0, 0.4, 3000))).tolist()
    skip = set(random.choice(3000, 200, replace=False).tolist())
    for k in random.choice(3000, 50, replace=False):
        speeds[k] = float("nan")
    rule = make_rule(
        "freezing",
        ThresholdRule(feature="speed_cm_s", below=3.3, softness=0.5),
        ["speed_cm_s"],
    )
    builder = EpisodeBuilder(
        "freezing",
        "m",
        EpisodeSettings(enter=0.7, leave=0.5, min_duration_s=0.1, max_gap_s=0.1),
    )
    truth = []
    for index, speed in enumerate(speeds):
        if index not in skip:
            as_kept = float(np.float32(speed))
            score = rule.update(None, {"speed_cm_s": as_kept})
            truth.append(builder.update(score, index, index * 10_000_000))
    truth = [each for each in (*truth, builder.finish()) if isinstance(each, Episode)]
    found = what_if(FREEZING, {0: 3.3}, series_of(speeds, skip), -1)
    assert len(truth) > 5
    assert [(round(s.onset_s * 100), round(s.end_s * 100)) for s in found.spans] == [
        (each.onset.onset_index, each.end_index) for each in truth
    ]


def test_before_the_first_frame_there_is_nothing():
    found = what_if(FREEZING, {0: 4.0}, Series(("speed_cm_s",)), -1)
    assert (found.spans, found.n_before) == ((), 0)
