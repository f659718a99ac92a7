import numpy as np
import pytest
from tiny_networks import CARD, brightest_pixel

from tracker.errors import ModelError
from tracker.observers.network import NetworkObserver
from tracker.runtimes.base import Answer, Provider, RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime
from tracker.testing.manual_clock import ManualClock
from tracker.types import Frame


class ScriptedRuntime:
    """Answers what it is told, takes 3 ms for it, and remembers what it was given."""

    provider = Provider.CPU

    def __init__(self, clock, card=CARD, xy=(0.0, 0.0), confidence=0.9):
        self.facts = {"sha256": "abc"}
        self.card = card
        self.clock = clock
        self.xy = np.array([[xy]], np.float32)
        self.confidence = np.array([[confidence]], np.float32)
        self.images = []
        self.prepared = []

    def prepare(self, input_shape):
        self.prepared.append(input_shape)

    def run(self, image):
        self.clock.advance(3_000_000)
        self.images.append(image.copy())
        return Answer(self.xy.copy("K"), self.confidence.copy("K"))


def observer(**answer):
    clock = ManualClock()
    runtime = ScriptedRuntime(clock, **answer)
    return NetworkObserver(runtime, clock), runtime


def frame(shape=(48, 64), index=7):
    return Frame(index, 1_000, 2_000, np.zeros(shape, np.uint8))


def see(xy, confidence=0.9, shape=(48, 128)):
    return observer(xy=xy, confidence=confidence)[0].observe(frame(shape))


@pytest.fixture
def real(tmp_path):
    path = brightest_pixel(tmp_path / "network.onnx")
    runtime = OnnxRuntime(path, RuntimeSettings(provider=Provider.CPU))
    return NetworkObserver(runtime, ManualClock())


@pytest.mark.parametrize(
    ("shape", "xy"),
    [
        pytest.param((48, 64), (20, 30), id="same_size"),
        pytest.param((96, 128), (40, 60), id="halved"),
        pytest.param((200, 260), (200, 60), id="shrunk_by_four"),
        pytest.param((260, 200), (60, 200), id="upright"),
        pytest.param((24, 32), (20, 10), id="enlarged"),
        pytest.param((200, 260, 3), (200, 60), id="colour"),
    ],
)
def test_a_bright_square_is_found_where_it_is(real, shape, xy):
    image = np.zeros(shape, np.uint8)
    half = max(2, max(shape) // 32)  # two input pixels
    x, y = xy
    image[y - half : y + half + 1, x - half : x + half + 1] = 255
    seen = real.observe(Frame(0, 0, 0, image))
    per_input_px = max(shape) / 64
    np.testing.assert_allclose(seen.xy[0, 0], xy, atol=half + per_input_px / 2)
    assert seen.confidence[0, 0] == pytest.approx(1, abs=0.02)


def test_an_input_position_comes_back_in_sensor_pixels():
    # 48 x 128 becomes 24 x 64: half the scale; (10 + 0.5) / 0.5 - 0.5 = 20.5
    np.testing.assert_allclose(see((10.0, 4.0)).xy, [[[20.5, 8.5]]])


def test_a_keypoint_below_the_least_confidence_is_nan_and_keeps_its_confidence():
    seen = see((10.0, 4.0), confidence=0.49)
    assert np.isnan(seen.xy).all()
    np.testing.assert_allclose(seen.confidence, [[0.49]])


def test_a_keypoint_at_the_least_confidence_is_found():
    assert np.isfinite(see((10.0, 4.0), confidence=0.5).xy).all()


def test_the_least_confidence_is_rounded_as_the_networks_answers_are():
    card = CARD.model_copy(update={"min_confidence": 0.7})  # as float32: 0.699999988
    watcher, _ = observer(card=card, confidence=0.7)
    assert np.isfinite(watcher.observe(frame()).xy).all()


@pytest.mark.parametrize(
    "xy",
    [
        pytest.param((10.0, 26.0), id="in_the_margin_below"),
        pytest.param((64.0, 4.0), id="right"),
        pytest.param((-0.6, 4.0), id="left"),
        pytest.param((10.0, -3.0), id="above"),
    ],
)
def test_a_keypoint_outside_the_frame_is_nan(xy):
    assert np.isnan(see(xy).xy).all()


@pytest.mark.parametrize("order", ["C", "F"])
def test_of_several_animals_only_the_keypoints_that_are_lost_are_nan(order):
    card = CARD.model_copy(update={"keypoints": ("a", "b", "c"), "max_individuals": 2})
    watcher, runtime = observer(card=card)
    xy = [[[1, 2], [3, 4], [5, 60]], [[7, 8], [-2, 10], [11, 12]]]  # 48 rows, 64 columns
    runtime.xy = np.array(xy, np.float32, order=order)
    runtime.confidence = np.array([[0.9, 0.1, 0.9], [0.9, 0.9, 0.9]], np.float32, order=order)
    seen = watcher.observe(frame())
    lost = [[False, True, True], [False, True, False]]
    np.testing.assert_array_equal(np.isnan(seen.xy), np.dstack([lost, lost]))
    np.testing.assert_allclose(seen.xy[1, 2], [11, 12])


def test_nobody_is_an_observation_too():
    card = CARD.model_copy(update={"keypoints": ("a", "b", "c"), "max_individuals": 2})
    watcher, runtime = observer(card=card)
    runtime.xy, runtime.confidence = np.zeros((0, 3, 2), "f4"), np.zeros((0, 3), "f4")
    assert watcher.observe(frame()).xy.shape == (0, 3, 2)


def test_an_observation_carries_the_frame_it_was_made_of():
    watcher, _ = observer()
    seen = watcher.observe(Frame(123, 456, 789, np.zeros((48, 64), np.uint8)))
    assert (seen.frame_index, seen.captured_ns) == (123, 456)
    assert seen.xy.shape == (1, 1, 2)
    assert seen.xy.dtype == np.float32


def test_network_ns_is_the_bare_call():
    assert see((0.0, 0.0)).network_ns == 3_000_000


def test_observations_do_not_share_memory():
    watcher, runtime = observer(xy=(1.0, 1.0))
    first = watcher.observe(frame())
    runtime.xy[...] = 9.0
    watcher.observe(frame())
    np.testing.assert_allclose(first.xy, [[[1.0, 1.0]]])


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"xy": (float("nan"), 0.0)}, id="nan_position"),
        pytest.param({"xy": (float("inf"), 0.0)}, id="infinite_position"),
        pytest.param({"confidence": float("nan")}, id="nan_confidence"),
    ],
)
def test_values_that_are_not_finite_are_an_error(answer):
    watcher, runtime = observer()
    watcher.warm_up((48, 64))
    for name, value in answer.items():
        getattr(runtime, name)[...] = value
    with pytest.raises(ModelError, match="not finite on frame 7"):
        watcher.observe(frame())


def test_warming_up_runs_the_network_on_the_input_that_will_come():
    watcher, runtime = observer()
    watcher.warm_up((480, 640))
    assert runtime.prepared == [(64, 64)]
    assert [image.shape for image in runtime.images] == [(1, 1, 64, 64)] * 3


def test_a_frame_of_another_shape_than_warmed_up_for_is_an_error():
    watcher, _ = observer()
    watcher.warm_up((480, 640))
    with pytest.raises(ModelError, match=r"frame 7 has shape \(48, 64\).*for \(480, 640\)"):
        watcher.observe(frame())


def test_warming_up_again_takes_another_shape():
    watcher, runtime = observer()
    watcher.warm_up((480, 640))
    watcher.warm_up((48, 64))
    watcher.observe(frame())
    assert runtime.images[-1].shape == (1, 1, 64, 64)


def test_a_shape_that_is_no_image_is_an_error():
    with pytest.raises(ModelError, match=r"cannot take images of shape \(48, 64, 2\)"):
        observer()[0].warm_up((48, 64, 2))


def test_a_colour_network_gets_the_grey_frame_in_each_channel():
    card = CARD.model_copy(update={"channels": 3})
    watcher, runtime = observer(card=card)
    watcher.observe(Frame(0, 0, 0, np.full((64, 64), 77, np.uint8)))
    assert runtime.images[-1].shape == (1, 3, 64, 64)
    assert (runtime.images[-1] == 77).all()


def test_skeleton_and_facts_are_those_of_the_network():
    watcher, _ = observer()
    assert watcher.skeleton.keypoints == ("dot",)
    assert watcher.facts == {
        "sha256": "abc",
        "min_confidence": 0.5,
        "crop": None,
        "search_every": None,
        "abstain": True,
    }
