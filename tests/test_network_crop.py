"""A drawn animal of two spots, followed by a network made by hand: see tests/tiny_networks.py."""

import numpy as np
import pytest
from tiny_networks import FLOOR, SPOTS, draw_animal, spots

from tracker.observers.network import NetworkObserver, NetworkObserverSettings
from tracker.runtimes.base import Provider, RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime
from tracker.testing.manual_clock import ManualClock
from tracker.types import Frame

SHAPE = (240, 320)
BODY = np.array([20.0, 12.0])
"""From the dark spot to the bright one (px)."""


class Watched(OnnxRuntime):
    """Counts the calls of each input shape, (height, width)."""

    def __init__(self, path):
        super().__init__(path, RuntimeSettings(provider=Provider.CPU))
        self.calls = []

    def run(self, image):
        self.calls.append(image.shape[2:])
        return super().run(image)


CROP = (64, 64)
LONGER = SPOTS.model_copy(update={"long_side": 96})
"""A whole frame of 240 x 320 becomes 72 x 96, in an input of 96 x 96."""


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    return Watched(spots(tmp_path_factory.mktemp("networks") / "network.onnx", LONGER))


def observer(runtime, **settings):
    return NetworkObserver(runtime, ManualClock(), NetworkObserverSettings(**settings))


def draw(tail, shape=SHAPE, body=BODY, **looks):
    """A frame with the animal's dark end at `tail` (x, y); None: no animal."""
    if tail is None:
        return np.full(shape, FLOOR, np.uint8)
    tail = np.asarray(tail, float)
    return draw_animal(shape, tail + body, tail, sigma=3.0, **looks)


def see(observer, *images, first_index=0):
    return [observer.observe(Frame(first_index + n, n, n, image)) for n, image in enumerate(images)]


def assert_at(seen, tail, body=BODY, atol=1.0):
    truth = np.stack([np.asarray(tail) + body, tail])
    np.testing.assert_allclose(seen.xy[0], truth, atol=atol)


def calls_of(runtime, observe):
    """What the network is called with while `observe` runs: "whole" or "crop" for each call."""
    runtime.calls.clear()
    observe()
    return ["crop" if shape == CROP else "whole" for shape in runtime.calls]


def test_the_first_frame_is_searched_and_looked_at_again_in_a_crop(runtime):
    watcher = observer(runtime)
    watcher.warm_up(SHAPE)
    images = [draw((100, 80))] * 3
    assert calls_of(runtime, lambda: see(watcher, *images)) == ["whole", "crop", "crop", "crop"]


def test_an_observation_says_where_the_network_looked(runtime):
    watcher = observer(runtime)
    (seen,) = see(watcher, draw((100, 80)))
    left, top, width, height = seen.crop
    assert width == height
    assert left < 100
    assert left + width > 120
    assert top < 80
    assert top + height > 92
    assert see(observer(runtime, crop=False), draw((100, 80)))[0].crop is None


def test_without_the_setting_only_whole_frames_are_looked_at(runtime):
    watcher = observer(runtime, crop=False)
    watcher.warm_up(SHAPE)
    assert calls_of(runtime, lambda: see(watcher, *[draw((100, 80))] * 2)) == ["whole"] * 2
    assert watcher.facts["crop"] is None


def test_the_facts_say_how_the_crop_is_made(runtime):
    facts = observer(runtime).facts
    assert facts["crop"] == {"side": 64, "animal_px": 28.0}
    assert facts["search_every"] == 300


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((240, 320), id="grey"),
        pytest.param((241, 323), id="odd"),
        pytest.param((323, 241), id="odd_upright"),
        pytest.param((240, 320, 3), id="colour"),
        pytest.param((481, 639), id="large"),
        pytest.param((97, 131), id="smaller_than_its_crop"),
    ],
)
def test_crop_and_whole_frame_agree_to_a_pixel_of_the_whole_frames_input(runtime, shape):
    images = [draw((30 + 2 * n, 40 + n), shape) for n in range(6)]
    whole = see(observer(runtime, crop=False), *images)
    cropped = see(observer(runtime), *images)
    per_input_px = max(shape) / 96
    for n, (one, other) in enumerate(zip(whole, cropped, strict=True)):
        np.testing.assert_allclose(one.xy, other.xy, atol=1.5 * per_input_px)
        assert_at(other, (30 + 2 * n, 40 + n), atol=1.2)


def test_a_network_of_three_channels_follows_as_well(tmp_path):
    card = LONGER.model_copy(update={"channels": 3})
    watcher = observer(Watched(spots(tmp_path / "network.onnx", card)))
    images = [draw((60 + 3 * n, 80), (240, 320, 3)) for n in range(5)]
    for n, seen in enumerate(see(watcher, *images)):
        assert_at(seen, (60 + 3 * n, 80))


def test_a_motionless_animal_is_never_lost(runtime):
    watcher = observer(runtime, search_every=0)
    watcher.warm_up(SHAPE)
    image = draw((200, 130))
    seen = []
    calls = calls_of(runtime, lambda: seen.extend(see(watcher, *[image] * 1000)))
    assert calls == ["whole", *["crop"] * 1000]
    for one in seen:
        assert_at(one, (200, 130))


@pytest.mark.parametrize(
    ("left", "top"), [(0, 0), (41, 27), (120, 90)], ids=["whole", "part", "animal at its border"]
)
@pytest.mark.parametrize("step", [0, 1.5], ids=["motionless", "walking"])
def test_in_a_part_of_the_sensor_the_animal_is_followed_as_in_the_whole(runtime, left, top, step):
    """A camera that reads out a part of its sensor gives images whose origin is its corner."""
    tails = [(130 + step * n, 100) for n in range(60)]
    part = see(observer(runtime), *[draw(tail)[top:, left:] for tail in tails])
    for seen, (x, y) in zip(part, tails, strict=True):
        assert_at(seen, (x - left, y - top), atol=1.2)


def test_a_running_animal_stays_in_the_crop(runtime):
    watcher = observer(runtime)
    watcher.warm_up(SHAPE)
    speeds = [*range(0, 20, 4), *[20] * 8]  # up to a body length per frame
    tails = [(20 + x, 100) for x in np.cumsum(speeds)]
    seen = []
    calls = calls_of(runtime, lambda: seen.extend(see(watcher, *map(draw, tails))))
    assert calls.count("whole") == 1
    for one, tail in zip(seen, tails, strict=True):
        assert_at(one, tail)


def test_an_animal_that_runs_on_while_frames_are_lost_is_where_it_should_be(runtime):
    watcher = observer(runtime)
    see(watcher, draw((100, 100)), draw((104, 100)), draw((108, 100)))
    runtime.calls.clear()
    later = watcher.observe(Frame(6, 6, 6, draw((124, 100))))
    assert_at(later, (124, 100))
    assert runtime.calls == [CROP]


@pytest.mark.parametrize(
    "tail",
    [
        pytest.param((2, 110), id="left"),
        pytest.param((297, 110), id="right"),
        pytest.param((150, 2), id="above"),
        pytest.param((150, 225), id="below"),
        pytest.param((2, 2), id="upper_left"),
        pytest.param((297, 2), id="upper_right"),
        pytest.param((2, 225), id="lower_left"),
        pytest.param((297, 225), id="lower_right"),
    ],
)
def test_an_animal_at_the_border_of_the_frame_is_followed(runtime, tail):
    watcher = observer(runtime)
    watcher.warm_up(SHAPE)
    seen = []
    calls = calls_of(runtime, lambda: seen.extend(see(watcher, *[draw(tail)] * 5)))
    assert calls.count("whole") == 1
    for one in seen:
        assert_at(one, tail, atol=1.5)


def test_an_animal_that_is_suddenly_elsewhere_is_found_in_that_very_frame(runtime):
    watcher = observer(runtime)
    tails = [(40, 40), (42, 40), (250, 180), (252, 180)]
    for seen, tail in zip(see(watcher, *map(draw, tails)), tails, strict=True):
        assert_at(seen, tail)


def test_an_animal_that_leaves_is_not_seen_and_found_in_the_frame_in_which_it_returns(runtime):
    watcher = observer(runtime)
    tails = [(40, 40), (40, 40), None, None, None, (220, 150), (220, 150)]
    seen = see(watcher, *map(draw, tails))
    for one, tail in zip(seen, tails, strict=True):
        if tail is None:
            assert np.isnan(one.xy).all()
            assert (one.confidence < 0.6).all()
        else:
            assert_at(one, tail)


def test_an_empty_frame_is_searched_once_and_not_cropped(runtime):
    watcher = observer(runtime)
    watcher.warm_up(SHAPE)
    assert calls_of(runtime, lambda: see(watcher, *[draw(None)] * 3)) == ["whole"] * 3


def test_an_animal_that_becomes_too_long_for_its_crop_is_still_seen(runtime):
    watcher = observer(runtime)
    see(watcher, *[draw((100, 80))] * 5)
    long, tail = 2.6 * BODY, (100, 80) - 0.8 * BODY  # about the same middle
    seen = see(watcher, *[draw(tail, body=long)] * 3, first_index=5)
    for one in seen:
        assert_at(one, tail, body=long, atol=2)


def test_a_crop_that_shows_the_animal_at_its_border_is_laid_anew(runtime):
    # Shrunk, the broad spot is the brighter one; in the crop it is the sharp one at its border.
    image = draw_animal(SHAPE, (170, 112), (150, 100), grey=240, sigma=6.0)
    image = draw_animal(SHAPE, (186, 106), image=image, sigma=1.5)
    watcher = observer(runtime)
    watcher.warm_up(SHAPE)
    seen = []
    calls = calls_of(runtime, lambda: seen.extend(see(watcher, image)))
    assert calls == ["whole", "crop", "crop"]
    np.testing.assert_allclose(seen[0].xy[0], [(186, 106), (150, 100)], atol=2)


def test_a_crop_on_which_the_network_abstains_is_searched_again(tmp_path):
    card = LONGER.model_copy(update={"novelty": True})
    path = spots(tmp_path / "network.onnx", card, novelty_per_grey=1 / 250)
    usual, odd = (draw((100, 80), grey=grey) for grey in (240, 262))
    runtime = Watched(path)
    watcher = observer(runtime)
    watcher.warm_up(SHAPE)
    seen = []
    calls = calls_of(runtime, lambda: seen.extend(see(watcher, usual, odd, usual)))
    assert calls == ["whole", "crop", "crop", "whole", "crop", "whole", "crop"]
    assert [one.abstained for one in seen] == [False, True, False]
    assert [bool(np.isnan(one.xy).all()) for one in seen] == [False, True, False]


def test_forgetting_the_animal_searches_the_next_frame(runtime):
    watcher = observer(runtime)
    watcher.reset()
    see(watcher, draw((100, 80)))
    watcher.reset()
    assert calls_of(runtime, lambda: see(watcher, draw((100, 80)))) == ["whole", "crop"]


def test_a_count_that_goes_back_is_another_recording(runtime):
    watcher = observer(runtime)
    see(watcher, draw((100, 80)), first_index=50)
    assert calls_of(runtime, lambda: see(watcher, draw((100, 80)))) == ["whole", "crop"]


def test_the_whole_frame_is_searched_as_often_as_asked_for(runtime):
    watcher = observer(runtime, search_every=4)
    watcher.warm_up(SHAPE)
    calls = calls_of(runtime, lambda: see(watcher, *[draw((100, 80))] * 9))
    # frame:        0                         4                       8
    assert calls == ["whole", *["crop"] * 5, "whole", *["crop"] * 4, "whole"]


def test_a_surer_animal_elsewhere_takes_over_at_the_next_search(runtime):
    watcher = observer(runtime, search_every=5)
    faint = draw((60, 60), grey=215)
    both = draw_animal(SHAPE, (250, 180), (230, 168), image=faint, sigma=3.0)
    seen = see(watcher, faint, *[both] * 5)
    assert_at(seen[4], (60, 60))
    assert_at(seen[5], (230, 168))


def test_a_fainter_animal_elsewhere_does_not_take_over(runtime):
    watcher = observer(runtime, search_every=5)
    image = draw((60, 60))
    both = draw_animal(SHAPE, (250, 180), (230, 168), image=image, grey=215, sigma=3.0)
    for seen in see(watcher, image, *[both] * 8):
        assert_at(seen, (60, 60))


def test_a_replay_gives_the_same_bytes(runtime):
    rng = np.random.default_rng(5)
    tails = np.array([150, 110]) + np.cumsum(rng.normal(0, 4, (40, 2)), axis=0)
    images = [draw(tail) for tail in tails]
    first, again = (see(observer(runtime, search_every=7), *images) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert one.xy.tobytes() == other.xy.tobytes()
        assert one.confidence.tobytes() == other.confidence.tobytes()


def test_network_ns_adds_up_all_calls_of_a_frame(tmp_path):
    clock = ManualClock()

    class Slow(Watched):
        def run(self, image):
            clock.advance(1_000_000)
            return super().run(image)

    watcher = NetworkObserver(Slow(spots(tmp_path / "network.onnx", LONGER)), clock)
    seen = see(watcher, *[draw((100, 80))] * 2)
    assert [one.network_ns for one in seen] == [2_000_000, 1_000_000]  # whole and crop; crop
