import math
from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from tracker.cameras.synthetic import MouseScript, SyntheticCameraSettings
from tracker.cameras.synthetic.bouts import Activity, activity_of, make_bout
from tracker.cameras.synthetic.chance import chance
from tracker.cameras.synthetic.checkpoints import Checkpoints
from tracker.cameras.synthetic.motion import Body, ease
from tracker.cameras.synthetic.settings import FloorRectangle
from tracker.cameras.synthetic.shape import keypoints_px

START_NS = 2_000_000_000
PERIOD_NS = 1_000_000_000 / 60
SEEDS = (0, 1, 2, 3)


def truths(seed, seconds, fps=60):
    script = MouseScript(SyntheticCameraSettings(seed=seed, fps=fps))
    return [script.truth(i) for i in range(int(seconds * fps))]


@pytest.fixture(scope="module")
def minutes():
    """A minute of truth at 60 fps for each of four seeds."""
    return {seed: truths(seed, 60) for seed in SEEDS}


# Settings ----------------------------------------------------------------------------------------


def test_a_40_cm_floor_fills_the_height_of_the_standard_picture():
    """480 px less two walls of 7.5 % are 408 px, and 408 px / 40 cm = 10.2 px/cm."""
    assert SyntheticCameraSettings().scale_px_per_cm == pytest.approx(10.2)


def test_the_floor_is_the_picture_without_its_walls():
    assert SyntheticCameraSettings().floor == pytest.approx((36, 36, 568, 408))


def test_the_centre_zone_is_the_middle_half_of_the_floor():
    assert SyntheticCameraSettings().centre_zone == pytest.approx((178, 138, 284, 204))


def test_all_edges_of_a_zone_belong_to_it():
    zone = FloorRectangle(10, 20, 30, 40)
    corners = [(10, 20), (40, 20), (10, 60), (40, 60)]
    outside = [(9.9, 20), (40.1, 20), (10, 19.9), (10, 60.1)]
    assert [zone.holds(*point) for point in corners + outside] == [True] * 4 + [False] * 4


def test_a_duration_is_as_many_frames_as_fit():
    assert SyntheticCameraSettings(fps=60, duration_s=2.5).total_frames == 150


def test_without_a_length_there_is_no_end():
    assert SyntheticCameraSettings().total_frames is None


def test_a_zoom_of_ones_own_is_kept_even_when_looks_vary():
    assert SyntheticCameraSettings(px_per_cm=8, vary_looks=True, seed=5).scale_px_per_cm == 8


REFUSED = {
    "misspelt": ({"hight": 480}, "hight"),
    "two lengths": ({"n_frames": 5, "duration_s": 1.0}, "leave one out"),
    "floor too small": ({"px_per_cm": 30}, "13.6 cm wide, expected at least 20 cm"),
    "no rate": ({"fps": 0}, "greater than 0"),
    "all lost": ({"lose_fraction": 1}, "less than 1"),
}


@pytest.mark.parametrize(("settings", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        SyntheticCameraSettings(**settings)


# Chance and bouts --------------------------------------------------------------------------------


def test_chance_is_the_same_everywhere():
    """Reference values of SplitMix64 started at 0: the first two outputs are known."""
    assert chance(0) == (0xE220A8397B1DCDAF >> 11) / 2**53
    assert chance(0x9E3779B97F4A7C15) == (0x6E789E6AA1B965F4 >> 11) / 2**53


def test_chance_is_spread_evenly():
    values = np.array([chance(7, i) for i in range(4000)])
    counts, _ = np.histogram(values, bins=4, range=(0, 1))
    assert counts.sum() == 4000
    assert abs(counts - 1000).max() < 120


def test_every_five_bouts_begin_with_a_walk_and_a_freeze():
    walk, freeze = Activity.WALK, Activity.FREEZE
    firsts = [(activity_of(3, 5 * i), activity_of(3, 5 * i + 1)) for i in range(6)]
    assert firsts == [(walk, freeze)] * 6


@pytest.mark.parametrize("seed", SEEDS)
def test_ten_bouts_show_everything_that_is_done_on_the_spot(seed):
    assert {activity_of(seed, i) for i in range(10)} == set(Activity)


def test_a_bout_starts_where_it_is_told_and_keeps_its_limits():
    bouts = [make_bout(seed, 1, 100, tick_hz=60) for seed in range(40)]
    assert {bout.start_tick for bout in bouts} == {100}
    assert all(2.6 * 60 <= bout.n_ticks <= 6.2 * 60 for bout in bouts)


def test_easing_is_flat_outside_and_half_way_in_the_middle():
    assert [ease(x) for x in (-1, 0, 0.5, 1, 2)] == [0, 0, 0.5, 1, 1]


# Checkpoints -------------------------------------------------------------------------------------


def test_a_checkpoint_is_the_latest_one_before_the_tick():
    held = Checkpoints(0, spacing=10, most=100)
    for tick in range(1, 36):
        held.offer(tick, tick)
    assert [held.before(tick) for tick in (1, 10, 11, 30, 31, 99)] == [0, 0, 10, 20, 30, 30]


def test_checkpoints_never_grow_beyond_their_number():
    held = Checkpoints(0, spacing=10, most=4)
    for tick in range(1, 10_001):
        held.offer(tick, tick)
        assert len(held) <= 4
    assert held.before(10_000) >= 5000


def test_after_forgetting_every_second_checkpoint_the_rest_are_still_right():
    held = Checkpoints(0, spacing=10, most=4)
    for tick in range(1, 61):
        held.offer(tick, tick)
    assert [held.before(tick) for tick in (20, 21, 41, 60, 61)] == [0, 20, 40, 40, 60]


# Script ------------------------------------------------------------------------------------------


def same(a, b):
    return np.array_equal(a.xy, b.xy) and a.behaviours == b.behaviours


def test_the_same_seed_gives_the_same_truth():
    assert all(same(a, b) for a, b in zip(truths(5, 10), truths(5, 10), strict=True))


def test_another_seed_gives_another_truth():
    assert not any(
        np.array_equal(a.xy, b.xy) for a, b in zip(truths(5, 2), truths(6, 2), strict=True)
    )


def test_truth_in_any_order_is_the_truth_in_order(minutes):
    script = MouseScript(SyntheticCameraSettings(seed=1))
    order = [1500, 3, 3599, 0, 600, 601, 599, 1800, 1]
    assert all(same(script.truth(i), minutes[1][i]) for i in order)


def test_half_the_rate_shows_every_second_frame(minutes):
    script = MouseScript(SyntheticCameraSettings(seed=2, fps=30))
    for i in range(0, 900, 7):
        np.testing.assert_allclose(script.truth(i).xy, minutes[2][2 * i].xy, atol=1e-3)


def test_a_high_rate_fills_in_between(minutes):
    """At 120 fps frame 2 i is frame i of 60 fps, and frame 2 i + 1 lies between its neighbours."""
    script = MouseScript(SyntheticCameraSettings(seed=2, fps=120))
    for i in range(0, 600, 11):
        before, between, after = (script.truth(2 * i + k).xy for k in range(3))
        np.testing.assert_allclose(before, minutes[2][i].xy, atol=1e-3)
        np.testing.assert_allclose(between, (before + after) / 2, atol=0.1)


def test_a_negative_frame_has_no_truth():
    with pytest.raises(ValueError, match="-1"):
        MouseScript(SyntheticCameraSettings()).truth(-1)


@pytest.mark.parametrize("seed", range(8))
def test_twenty_seconds_show_a_walk_and_a_freeze(seed):
    done = [behaviour for truth in truths(seed, 20, fps=20) for behaviour in truth.behaviours]
    assert done.count("locomotion") >= 40
    assert done.count("freezing") >= 20


@pytest.mark.parametrize("seed", SEEDS)
def test_a_minute_shows_every_behaviour(minutes, seed):
    everything = {"locomotion", "freezing", "rearing", "turning", "grooming", "in_centre"}
    assert set().union(*(truth.behaviours for truth in minutes[seed])) == everything


@pytest.mark.parametrize("seed", SEEDS)
def test_every_keypoint_stays_on_the_floor(minutes, seed):
    xy = np.array([truth.xy for truth in minutes[seed]])
    x0, y0, width, height = SyntheticCameraSettings().floor
    assert (xy >= (x0, y0)).all()
    assert (xy <= (x0 + width, y0 + height)).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_freezing_is_the_absence_of_any_movement(minutes, seed):
    for before, now in pairwise(minutes[seed]):
        if "freezing" in now.behaviours:
            np.testing.assert_array_equal(before.xy, now.xy)


@pytest.mark.parametrize("seed", SEEDS)
def test_locomotion_is_faster_than_4_cm_per_second(minutes, seed):
    speeds = [
        math.dist(before.xy.mean(axis=0), now.xy.mean(axis=0)) / 10.2 * 60
        for before, now in pairwise(minutes[seed])
        if "locomotion" in now.behaviours
    ]
    assert min(speeds) >= 3.99
    assert 8 < np.mean(speeds) < 20
    assert max(speeds) < 27


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_jumps(minutes, seed):
    """No keypoint is ever faster than 40 cm/s, which is 6.8 px from frame to frame."""
    steps = np.diff([truth.xy for truth in minutes[seed]], axis=0)
    assert np.linalg.norm(steps, axis=2).max() < 6.8


@pytest.mark.parametrize("seed", SEEDS)
def test_in_centre_means_that_the_mean_of_the_keypoints_is_in_the_zone(minutes, seed):
    for truth in minutes[seed]:
        x, y = truth.xy.mean(axis=0)
        if min(abs(x - 178), abs(x - 462), abs(y - 138), abs(y - 342)) > 0.01:
            inside = 178 <= x <= 462 and 138 <= y <= 342
            assert ("in_centre" in truth.behaviours) == inside


def test_states_exclude_each_other(minutes):
    states = {"locomotion", "freezing", "rearing", "turning", "grooming"}
    assert max(len(states & truth.behaviours) for truth in minutes[0]) == 1


def test_episodes_are_long_enough_to_be_told_from_noise(minutes):
    for seed in SEEDS:
        for behaviour, shortest in (("locomotion", 2.0), ("freezing", 2.2)):
            flags = [behaviour in truth.behaviours for truth in minutes[seed]]
            edges = np.flatnonzero(np.diff([False, *flags, False]))
            lengths = np.sort(np.diff(edges)[::2])[::-1] / 60
            assert np.median(lengths) > shortest


# Shape -------------------------------------------------------------------------------------------

FLOOR = FloorRectangle(0, 0, 400, 400)


def test_a_straight_mouse_is_8_and_a_half_cm_long():
    """It points to the right; the anchor lies 0.42 of the way from nose to tail base."""
    nose, head, tail_base = keypoints_px(Body(20, 10, 0.0), FLOOR, 10)
    assert nose == pytest.approx((200 + 0.42 * 85, 100), abs=1)
    assert tail_base == pytest.approx((200 - 0.58 * 85, 100), abs=1)
    assert nose[0] - head[0] == pytest.approx(85 * 6 / 28, abs=0.01)


def test_the_floors_corner_is_the_origin():
    here = keypoints_px(Body(20, 10, 0.3), FLOOR, 10)
    there = keypoints_px(Body(20, 10, 0.3), FloorRectangle(7, -3, 400, 400), 10)
    np.testing.assert_allclose(there - here, np.tile((7, -3), (3, 1)))


def test_a_quarter_turn_clockwise_points_down():
    nose, _, tail_base = keypoints_px(Body(20, 20, math.pi / 2), FLOOR, 10)
    assert nose[1] - tail_base[1] == pytest.approx(85, abs=0.01)


def test_rearing_shortens_the_body_and_leaves_the_tail_base():
    flat = keypoints_px(Body(20, 10, 0.4), FLOOR, 10)
    upright = keypoints_px(Body(20, 10, 0.4, rear=1.0), FLOOR, 10)
    np.testing.assert_allclose(upright[2], flat[2])
    assert math.dist(upright[0], upright[2]) < 0.7 * math.dist(flat[0], flat[2])


def test_a_body_between_two_is_half_way():
    a, b = Body(0, 0, 0, tail=(1.0, 2.0)), Body(2, 4, 1, rear=1, tail=(3.0, 6.0))
    assert a.between(b, 0.5) == Body(1, 2, 0.5, rear=0.5, tail=(2.0, 4.0))
