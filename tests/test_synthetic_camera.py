import math
from itertools import pairwise

import numpy as np
import pytest

from tracker.cameras.synthetic import MouseScript, SyntheticCamera, SyntheticCameraSettings
from tracker.cameras.synthetic.background import Noise
from tracker.cameras.synthetic.looks import Looks, draw_looks
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


def same(a, b):
    return np.array_equal(a.xy, b.xy) and a.behaviours == b.behaviours


def read_to_the_end(camera):
    entries = []
    while True:
        try:
            entries.append(camera.read(timeout_s=10))
        except EndOfStream:
            return entries


# Pictures ----------------------------------------------------------------------------------------


def picture(index, **settings):
    """One frame, drawn alone."""
    camera = SyntheticCamera(SyntheticCameraSettings(paced=False, **settings), ManualClock())
    camera.open()
    frame = camera._painter
    frame.paint([camera._script.body(index)], index, camera._image)
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
