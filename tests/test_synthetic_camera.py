import math
from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from tracker.cameras.synthetic import MouseScript, SyntheticCamera, SyntheticCameraSettings
from tracker.cameras.synthetic.background import Noise
from tracker.cameras.synthetic.bouts import Activity, activity_of, make_bout
from tracker.cameras.synthetic.chance import chance
from tracker.cameras.synthetic.checkpoints import Checkpoints
from tracker.cameras.synthetic.looks import Looks, draw_looks
from tracker.cameras.synthetic.motion import Body, ease
from tracker.cameras.synthetic.settings import FloorRectangle
from tracker.cameras.synthetic.shape import keypoints_px
from tracker.errors import EndOfStream
from tracker.testing.manual_clock import ManualClock
from tracker.types import Fate, Frame, Gap

START_NS = 2_000_000_000
PERIOD_NS = 1_000_000_000 / 60
SEEDS = (0, 1, 2, 3)


@pytest.fixture
def clock():
    return ManualClock(now_ns=START_NS)


@pytest.fixture
def make(clock):
    def make_camera(**settings):
        size = {"width": 96, "height": 72}
        camera = SyntheticCamera(SyntheticCameraSettings(**(size | settings)), clock)
        camera.open()
        return camera

    return make_camera


def read_to_the_end(camera):
    entries = []
    while True:
        try:
            entries.append(camera.read(timeout_s=10))
        except EndOfStream:
            return entries


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


# Pictures ----------------------------------------------------------------------------------------


def picture(index, **settings):
    """One frame, drawn alone."""
    camera = SyntheticCamera(SyntheticCameraSettings(paced=False, **settings), ManualClock())
    camera.open()
    frame = camera._painter
    frame.paint(camera._script.body(index), index, camera._image)
    return camera._image.copy()


def test_the_same_seed_gives_the_same_pixels(make):
    first, second = make(seed=4, paced=False), make(seed=4, paced=False)
    for _ in range(30):
        np.testing.assert_array_equal(first.read(1).image, second.read(1).image)


def test_a_frame_drawn_alone_is_the_frame_drawn_in_turn(make):
    camera = make(seed=4, paced=False)
    for _ in range(40):
        last = camera.read(1).image
    np.testing.assert_array_equal(picture(39, seed=4, width=96, height=72), last)


def test_opened_again_it_shows_the_same_pixels(make):
    camera = make(seed=4, paced=False, n_frames=20)
    before = [entry.image.copy() for entry in (camera.read(1) for _ in range(20))]
    camera.close()
    camera.open()
    for image in before:
        np.testing.assert_array_equal(camera.read(1).image, image)


def test_opened_again_after_one_frame_it_draws_that_frame_again(make):
    camera = make(seed=4)
    before = camera.read(1).image.copy()
    camera.close()
    camera.open()
    np.testing.assert_array_equal(camera.read(1).image, before)


def test_another_seed_gives_another_picture():
    assert (picture(0, seed=1) != picture(0, seed=2)).mean() > 0.2


@pytest.mark.parametrize("seed", SEEDS)
def test_the_mouse_is_dark_where_the_truth_says_and_the_floor_is_light(seed):
    settings = SyntheticCameraSettings(seed=seed)
    for index in (0, 200, 500):
        image = picture(index, seed=seed)
        _, head, tail_base = MouseScript(settings).truth(index).xy
        x, y = (head + tail_base) / 2
        assert image[round(float(y)), round(float(x))] < 70
        x0, y0, width, height = (round(value) for value in settings.floor)
        assert np.median(image[y0 : y0 + height, x0 : x0 + width]) > 150


def camera_of(**settings):
    return SyntheticCamera(SyntheticCameraSettings(**settings), ManualClock())


def test_the_mask_covers_every_keypoint_and_little_else():
    """An ellipse 8.5 cm long and 2.9 cm wide has 19 cm2; ears and tail add some."""
    camera = camera_of(seed=3)
    for index in (0, 100, 700):
        mask = camera.mask(index)
        assert set(np.unique(mask)) == {0, 255}
        _, head, tail_base = camera.truth(index).xy
        for x, y in (head, tail_base):
            assert mask[round(float(y)), round(float(x))] == 255
        assert 12 < (mask > 0).sum() / 10.2**2 < 26


def test_what_the_mask_covers_is_darker_than_what_surrounds_it():
    camera = camera_of(seed=3)
    image, mask = picture(100, seed=3), camera.mask(100)
    assert image[mask > 0].mean() < image[mask == 0].mean() - 80


def test_a_freezing_mouse_differs_from_frame_to_frame_by_noise_alone():
    script = MouseScript(SyntheticCameraSettings(seed=0))
    index = next(i for i in range(1200) if "freezing" in script.truth(i).behaviours) + 5
    change = picture(index, seed=0).astype(int) - picture(index + 1, seed=0).astype(int)
    assert change.std() == pytest.approx(Looks().noise * math.sqrt(2), rel=0.1)
    assert abs(change).max() <= 2 * 3 * 2 * Looks().noise


def test_noise_has_the_width_that_was_asked_for_and_differs_in_every_frame():
    noise = Noise((50, 60), sigma=4.0, seed=1)
    tiles = [noise.tile(i).astype(float) - noise.offset for i in range(6)]
    assert [tile.std() for tile in tiles] == pytest.approx([4.0] * 6, rel=0.05)
    assert [tile.mean() for tile in tiles] == pytest.approx([0.0] * 6, abs=0.3)
    assert all((a != b).any() for a, b in pairwise(tiles))


def test_grey_and_colour_show_the_same_picture():
    grey, colour = picture(50, seed=2), picture(50, seed=2, colour=True)
    np.testing.assert_allclose(colour[..., 0], grey, atol=1)
    assert colour[..., 0].mean() > colour[..., 2].mean()


@pytest.mark.parametrize("seed", range(12))
def test_any_rig_shows_a_mouse_that_can_be_seen(seed):
    looks = draw_looks(seed)
    assert looks.floor - looks.fur > 50
    settings = {"seed": seed, "vary_looks": True, "width": 320, "height": 240}
    mask = camera_of(**settings).mask(30) > 0
    image = picture(30, **settings).astype(float)
    assert image[mask].mean() < np.median(image[~mask]) - 15


def test_rigs_differ():
    assert len({draw_looks(seed) for seed in range(20)}) == 20


@pytest.mark.parametrize(
    ("width", "height"), [(32, 32), (48, 480), (640, 100)], ids=["tiny", "high", "wide"]
)
def test_any_size_of_picture_can_be_drawn(width, height):
    assert picture(20, width=width, height=height).shape == (height, width)


# Time and losses ---------------------------------------------------------------------------------


def test_frame_i_is_exposed_i_plus_1_periods_after_the_first_read(make, clock):
    camera = make(fps=60)
    clock.advance(123)
    times = [camera.read(1).captured_ns - START_NS - 123 for _ in range(4)]
    assert times == [16_666_667, 33_333_333, 50_000_000, 66_666_667]


def test_a_frame_is_received_the_moment_it_is_due(make):
    frame = make(fps=60).read(1)
    assert frame.received_ns == frame.captured_ns


def test_unpaced_capture_times_are_the_index_over_the_rate(make, clock):
    camera = make(fps=60, paced=False)
    assert [camera.read(0).captured_ns for _ in range(3)] == [0, 16_666_667, 33_333_333]
    assert clock.now_ns() == START_NS


def test_jitter_delays_the_arrival_and_never_the_capture(make):
    frames = read_to_the_end(make(fps=60, n_frames=100, jitter_ms=8))
    assert [f.captured_ns for f in frames] == [
        START_NS + round((i + 1) * PERIOD_NS) for i in range(100)
    ]
    delays = np.array([f.received_ns - f.captured_ns for f in frames]) / 1e6
    assert 0 <= delays.min() < 1
    assert 7 < delays.max() <= 8


def test_opened_again_it_starts_in_the_present(make, clock):
    camera = make(fps=60)
    camera.read(1)
    camera.close()
    clock.advance(10_000_000_000)
    camera.open()
    now = clock.now_ns()
    assert camera.read(1).captured_ns - now == 16_666_667


def gaps(entries):
    return [(e.first_index, e.last_index, e.cause) for e in entries if isinstance(e, Gap)]


def test_a_reader_who_stalls_finds_the_last_four_frames_and_a_gap(make, clock):
    """One second after frame 0, at 60 fps, the camera has exposed frame 60."""
    camera = make(fps=60)
    camera.read(1)
    clock.advance(1_000_000_100)
    now = clock.now_ns()
    entries = [camera.read(timeout_s=0) for _ in range(6)]
    assert gaps(entries) == [(1, 56, Fate.LOST_ON_LINK)]
    assert [e.index for e in entries if isinstance(e, Frame)] == [57, 58, 59, 60]
    assert entries[0].noticed_ns == now
    assert entries[-1] is None


def test_a_reader_who_is_four_frames_late_loses_nothing(make, clock):
    camera = make(fps=60)
    camera.read(1)
    clock.advance(round(4 * PERIOD_NS) + 100)
    assert [camera.read(timeout_s=0).index for _ in range(4)] == [1, 2, 3, 4]


def test_late_frames_keep_the_time_they_were_captured_at(make, clock):
    camera = make(fps=60)
    first = camera.read(1)
    clock.advance(50_000_100)
    late = camera.read(1)
    assert late.captured_ns - first.captured_ns == 16_666_666
    assert late.received_ns - first.received_ns == 50_000_100


def test_a_stall_beyond_the_end_loses_only_frames_that_exist(make, clock):
    camera = make(fps=60, n_frames=10)
    camera.read(1)
    clock.advance(60_000_000_000)
    entries = read_to_the_end(camera)
    assert gaps(entries) == [(1, 5, Fate.LOST_ON_LINK)]
    assert [e.index for e in entries if isinstance(e, Frame)] == [6, 7, 8, 9]


def test_a_stalled_reader_of_an_unpaced_camera_loses_nothing(make, clock):
    camera = make(fps=60, paced=False, n_frames=30)
    camera.read(1)
    clock.advance(60_000_000_000)
    assert gaps(read_to_the_end(camera)) == []


def test_the_sensor_loses_the_share_that_was_asked_for(make):
    """2000 frames at 10 %: 200 are expected, and the standard deviation is 13."""
    entries = read_to_the_end(
        make(width=32, height=32, n_frames=2000, lose_fraction=0.1, paced=False)
    )
    lost = gaps(entries)
    assert {cause for _, _, cause in lost} == {Fate.LOST_BY_SENSOR}
    assert 150 < sum(last - first + 1 for first, last, _ in lost) < 250


def test_the_sensor_loses_the_same_frames_live_and_unpaced(make):
    live = gaps(read_to_the_end(make(n_frames=300, lose_fraction=0.2)))
    assert live == gaps(read_to_the_end(make(n_frames=300, lose_fraction=0.2, paced=False)))
    assert live != gaps(read_to_the_end(make(n_frames=300, lose_fraction=0.2, seed=1)))


def test_a_sensor_loss_is_noticed_when_the_next_frame_arrives(make, clock):
    camera = make(fps=60, n_frames=300, lose_fraction=0.2)
    entries = read_to_the_end(camera)
    gap, frame = next((a, b) for a, b in pairwise(entries) if isinstance(a, Gap))
    assert gap.noticed_ns == frame.captured_ns


def test_losing_a_frame_does_not_change_the_others(make):
    whole = {e.index: e.image.copy() for e in stream(make(n_frames=60, paced=False))}
    for entry in stream(make(n_frames=60, paced=False, lose_fraction=0.3)):
        if isinstance(entry, Frame):
            np.testing.assert_array_equal(entry.image, whole[entry.index])


def stream(camera):
    while True:
        try:
            yield camera.read(1)
        except EndOfStream:
            return


def test_losses_of_both_kinds_keep_their_causes_apart(make, clock):
    camera = make(fps=60, n_frames=200, lose_fraction=0.2)
    by_sensor = {i for a, b, _ in gaps(read_to_the_end(camera)) for i in range(a, b + 1)}
    camera.close()
    camera.open()
    camera.read(1)
    clock.advance(2_000_000_000)
    causes = {
        i: cause for a, b, cause in gaps(read_to_the_end(camera)) for i in range(a, b + 1)
    }  # fmt: skip
    assert {i for i, cause in causes.items() if cause is Fate.LOST_BY_SENSOR} == by_sensor
    assert Fate.LOST_ON_LINK in causes.values()


def test_frames_lost_at_the_very_end_are_reported(make):
    """With 97 % lost, some seed loses its last frame."""
    entries = [
        read_to_the_end(make(n_frames=9, lose_fraction=0.97, paced=False, seed=s))[-1]
        for s in range(5)
    ]
    assert Gap in {type(entry) for entry in entries}
    assert {getattr(e, "last_index", getattr(e, "index", None)) for e in entries} == {8}


# Truth of a camera -------------------------------------------------------------------------------


def test_the_cameras_truth_is_the_scripts(make):
    camera = make(seed=6)
    script = MouseScript(camera._settings)
    assert all(same(camera.truth(i), script.truth(i)) for i in (0, 10, 500, 20))


def test_asking_for_the_truth_does_not_change_what_comes_next(make):
    asked, left_alone = make(seed=6, paced=False), make(seed=6, paced=False)
    for index in range(20):
        asked.truth(1000 - index)
        np.testing.assert_array_equal(asked.read(1).image, left_alone.read(1).image)


def test_the_truth_outlives_the_camera(make):
    camera = make(seed=6)
    camera.read(1)
    before = camera.truth(0)
    camera.close()
    assert same(camera.truth(0), before)


def test_the_truth_names_the_frame_and_its_keypoints(make):
    truth = make(seed=6).truth(17)
    assert (truth.frame_index, truth.keypoints) == (17, ("nose", "head", "tail_base"))
    assert (truth.xy.dtype, truth.xy.shape) == (np.float32, (3, 2))
