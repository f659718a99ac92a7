"""Animals told from the empty arena: sleep, ghosts, slow and sudden light, darkness."""

import hashlib

import cv2
import numpy as np
import pytest
from drawn_bodies import BODY, FLOOR, SHAPE, draw, floor, frame, walk

from tracker.errors import ConfigError
from tracker.observers.background import Background, BackgroundSettings
from tracker.observers.background_models import MEDIAN_OF_9, SampledMedian
from tracker.observers.shape import ShapeObserver

ESTIMATORS = ("running_median", "median", "mog2")
QUICK = ("running_median", "median")


def observer(estimator="running_median", **settings):
    chosen = BackgroundSettings(estimator=estimator, **settings)
    return ShapeObserver(Background(chosen), chosen, "background")


@pytest.fixture(params=ESTIMATORS)
def estimator(request):
    return request.param


def play(observing, pictures, first=0, fps=2):
    """Show pictures; return the observations. Two frames per second: each is learned from."""
    return [observing.observe(frame(each, first + i, fps)) for i, each in enumerate(pictures)]


def place(seen):
    return tuple(seen.xy[0, 1].tolist())


def lit(image, factor):
    return np.clip(np.rint(image * factor), 0, 255).astype(np.uint8)


def test_an_animal_that_comes_in_is_where_it_is(estimator):
    observing = observer(estimator)
    play(observing, [floor()] * 5)
    for each, (x, y) in walk(20, start=(60, 120)):
        seen = observing.observe(frame(each.image, 5 + each.index, 2))
        assert place(seen) == pytest.approx((x, y), abs=0.6)


def test_a_light_animal_on_a_dark_floor(estimator):
    observing = observer(estimator, polarity="light")
    play(observing, [floor(grey=40)] * 3)
    (seen,) = play(observing, [draw(floor(grey=40), 200, 90, grey=200)], 3)
    assert place(seen) == pytest.approx((200, 90), abs=0.5)


def test_an_animal_of_the_first_frame_is_seen_when_it_has_gone_elsewhere(estimator):
    observing = observer(estimator)
    (first,) = play(observing, [draw(floor(), 80, 120)])
    assert np.isnan(first.xy).all()  # it is taken for arena
    (moved,) = play(observing, [draw(floor(), 220, 120)], 1)
    assert place(moved) == pytest.approx((220, 120), abs=0.5)
    assert moved.measures["n_animals"] == 1  # no second one where it was


def test_where_it_was_in_the_first_frame_it_is_seen_when_it_comes_back(estimator):
    observing = observer(estimator)
    away = draw(floor(), 220, 120)
    play(observing, [draw(floor(), 80, 120), *[away] * 150])
    (back,) = play(observing, [draw(floor(), 80, 120)], 151)
    assert place(back) == pytest.approx((80, 120), abs=0.6)


@pytest.mark.parametrize("estimator", QUICK)
def test_one_that_sleeps_for_an_hour_does_not_melt_into_the_arena(estimator):
    observing = observer(estimator, learn_every_s=10)
    asleep = draw(floor(), 200, 90)
    seen = play(observing, [floor(), *[asleep] * 360], fps=0.1)
    assert all(place(each) == pytest.approx((200, 90), abs=0.5) for each in seen[1:])
    np.testing.assert_allclose(observing.method.empty[75:105, 170:230], FLOOR, atol=2)


def test_mixtures_forget_no_sleeper_either():
    observing = observer("mog2")
    seen = play(observing, [floor(), *[draw(floor(), 200, 90)] * 400])
    assert place(seen[-1]) == pytest.approx((200, 90), abs=0.5)


@pytest.mark.parametrize("estimator", QUICK)
@pytest.mark.parametrize("end", [0.6, 1.3])
def test_the_light_may_change_slowly_while_it_sleeps_and_no_ghost_is_left(estimator, end):
    observing = observer(estimator)
    factors = np.linspace(1, end, 200)
    asleep, awake = draw(floor(), 200, 90), draw(floor(), 80, 150)
    seen = play(observing, [floor(), *(lit(asleep, factor) for factor in factors)])
    assert all(place(each) == pytest.approx((200, 90), abs=0.6) for each in seen[1:])
    (moved,) = play(observing, [lit(awake, end)], 201)
    assert moved.measures["n_animals"] == 1
    assert place(moved) == pytest.approx((80, 150), abs=0.6)


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.3])
def test_all_the_light_may_change_at_once(estimator, factor):
    observing = observer(estimator)
    play(observing, [floor(), *[draw(floor(), 200, 90)] * 10])
    seen = play(observing, [lit(draw(floor(), 200, 90), factor)] * 5, 11)
    assert all(place(each) == pytest.approx((200, 90), abs=0.6) for each in seen)


@pytest.mark.parametrize(("grey", "body", "factor"), [(60, 15, 4.0), (200, 40, 0.3)])
def test_a_change_beyond_all_bounds_costs_one_frame(estimator, grey, body, factor):
    observing = observer(estimator)
    before = draw(floor(grey=grey), 200, 90, grey=body)
    play(observing, [floor(grey=grey), *[before] * 3])
    first, second, third = play(observing, [lit(before, factor)] * 3, 4)
    assert first.abstained
    assert np.isnan(first.xy).all()
    assert place(second) == pytest.approx((200, 90), abs=1)
    assert place(third) == pytest.approx((200, 90), abs=1)


def test_a_shadow_over_much_of_the_arena_costs_one_frame(estimator):
    observing = observer(estimator)
    before = draw(floor(), 90, 90)
    play(observing, [floor(), *[before] * 3])
    shaded = before.copy()
    shaded[:, 180:] = FLOOR // 2  # 44 % of the picture
    first, second, _ = play(observing, [shaded] * 3, 4)
    assert first.abstained
    assert second.measures["n_animals"] == 1
    assert place(second) == pytest.approx((90, 90), abs=0.6)


def test_darkness_says_nothing_and_is_not_learned(estimator):
    observing = observer(estimator)
    play(observing, [floor(), *[draw(floor(), 200, 90)] * 3])
    black = play(observing, [floor(grey=0)] * 20, 4)
    assert all(each.abstained for each in black)
    (again,) = play(observing, [draw(floor(), 200, 90)], 24)
    assert place(again) == pytest.approx((200, 90), abs=0.5)


def test_what_is_too_small_for_an_animal_becomes_arena():
    observing = observer(min_area_px2=500)
    dropping = draw(floor(), 200, 90, long=12, short=12)
    play(observing, [floor(), *[dropping] * 200])
    assert observing.method.empty[90, 200] == BODY
    assert observing.method.empty[90, 100] == FLOOR


def test_two_in_a_heap_that_sleep_do_not_melt_into_the_arena():
    observing = observer(max_animals=2, max_area_px2=2000)
    heap = draw(draw(floor(), 150, 100), 190, 100)
    seen = play(observing, [floor(), *[heap] * 300])
    assert seen[-1].measures["n_animals"] == 0  # no individual, as it is too large for one
    assert observing.method.empty[100, 170] == FLOOR


def test_frames_between_two_lessons_teach_nothing():
    observing = observer(learn_every_s=0.5)
    play(observing, [floor(), *[floor(grey=FLOOR + 1)] * 4], fps=10)
    assert (observing.method.empty == FLOOR).all()
    play(observing, [floor(grey=FLOOR + 1)], 5, fps=10)
    assert (observing.method.empty == FLOOR + 1).all()


def test_warming_up_again_forgets_the_arena():
    observing = observer()
    play(observing, [floor(), draw(floor(), 200, 90)])
    observing.warm_up(SHAPE)
    assert observing.method.empty is None
    (seen,) = play(observing, [draw(floor(), 200, 90)])
    assert np.isnan(seen.xy).all()


def test_the_network_of_minima_and_maxima_gives_the_median():
    samples = np.random.default_rng(3).integers(0, 256, (9, 500))
    ordered = list(samples)
    for low, high in MEDIAN_OF_9:
        one, two = ordered[low], ordered[high]
        ordered[low], ordered[high] = np.minimum(one, two), np.maximum(one, two)
    np.testing.assert_array_equal(ordered[4], np.median(samples, axis=0))


def test_the_median_is_that_of_the_last_nine_frames():
    model = SampledMedian()
    before = np.zeros((1, 1), np.float32)
    for grey in (0, 10, 20, 30, 40, 50, 60, 70, 80, 90):
        found = model.learn(np.full((1, 1), grey, np.float32), before)
    assert found[0, 0] == 50


@pytest.fixture
def empty_png(tmp_path):
    """Writes the picture of an empty arena, with an umlaut in its name."""

    def write(image):
        path = tmp_path / "leere_Fläche.png"
        path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
        return path

    return write


def test_with_a_picture_of_the_empty_arena_one_that_sits_still_is_seen_from_the_first_frame_on(
    estimator, empty_png
):
    observing = observer(estimator, empty=empty_png(floor()))
    seen = play(observing, [draw(floor(), 80, 120)] * 3)
    assert all(place(each) == pytest.approx((80, 120), abs=0.5) for each in seen)


def test_the_picture_may_be_in_other_light(empty_png):
    observing = observer(empty=empty_png(lit(floor(), 1.3)))
    (seen,) = play(observing, [draw(floor(), 80, 120)])
    assert place(seen) == pytest.approx((80, 120), abs=0.5)


def test_with_the_picture_an_empty_first_frame_is_known_to_be_empty(empty_png):
    (seen,) = play(observer(empty=empty_png(floor())), [floor()])
    assert not seen.abstained
    assert seen.measures["n_animals"] == 0


def test_without_it_nobody_is_said_to_be_there_only_after_somebody_was_seen(estimator):
    """An animal that sits in the first frame cannot be told from the arena."""
    came = draw(floor(), 220, 120)
    seen = play(observer(estimator), [draw(floor(), 80, 120)] * 2 + [floor(), came, floor()])
    assert [each.abstained for each in seen] == [True, True, True, False, False]
    assert seen[-1].measures["n_animals"] == 0


def test_a_picture_of_another_size_is_refused_before_any_frame(empty_png):
    observing = observer(empty=empty_png(floor((120, 160))))
    with pytest.raises(ConfigError, match="is a picture of 160x120 px, but the camera gives 320x2"):
        observing.warm_up(SHAPE)


def test_a_picture_that_is_nothing_like_the_arena_makes_it_say_nothing(empty_png):
    other = floor(grey=20)
    other[:, :170] = 250
    seen = play(observer(empty=empty_png(other)), [draw(floor(), 80, 120)] * 5)
    assert all(each.abstained for each in seen)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read: No such file"), (b"", "is no picture"), (b"GIF", "is no picture")],
    ids=["missing", "empty", "broken"],
)
def test_a_file_that_is_no_picture_is_refused(tmp_path, content, said):
    path = tmp_path / "empty.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        observer(empty=path)


def test_its_hash_is_in_the_record(empty_png):
    path = empty_png(floor())
    facts = observer(empty=path).facts
    assert facts["empty_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
