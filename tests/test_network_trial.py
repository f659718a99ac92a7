import numpy as np
import pytest
from tiny_networks import SPOTS

from tracker.errors import ModelError
from tracker.runtimes.base import Answer, Provider
from tracker.runtimes.trial import compare_answers, refuse_nonsense, trial_images

CARD = SPOTS.model_copy(
    update={
        "crop": None,
        "keypoints": ("dot",),
        "edges": (),
        "min_confidence": 0.5,
        "mask_classes": ("mouse",),
        "classes": ("usable",),
        "quantities": {"weight": "g"},
        "novelty": True,
    }
)


def answer(**changes):
    """What the CPU gives in these tests, with some of it changed; all of one kind of number."""
    values = {
        "xy": [[[10.0, 5.0]]],
        "confidence": [[0.9]],
        "probability": [0.7],
        "quantity": [20.0],
        "quantity_sd": [1.0],
        "novelty": 0.5,
    } | changes
    mask = np.zeros((1, 10, 20), np.uint8)
    mask[0, 0, : values.pop("covered", 0)] = 255
    return Answer(mask=mask, **{name: np.array(v, np.float32) for name, v in values.items()})


def compare(given, expected=None, provider=Provider.CUDA):
    compare_answers(given, expected or [answer()] * len(given), CARD, provider)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"xy": [[[10.6, 5.0]]]}, r"keypoints differ by 0\.60 px", id="a_keypoint"),
        pytest.param({"xy": [[[np.nan, 5.0]]]}, "keypoints differ by nan", id="a_nan_keypoint"),
        pytest.param({"confidence": [[0.87]]}, r"confidence differs by 0\.030", id="a_confidence"),
        pytest.param({"confidence": [[np.nan]]}, "confidence differs", id="a_nan_confidence"),
        pytest.param({"probability": [0.73]}, r"probability differs by 0\.030", id="a_class"),
        pytest.param({"covered": 3}, r"mask differs in 1\.5% of its cells", id="a_mask"),
        pytest.param(
            {"quantity": [20.2]}, r"quantity differs by 0\.2 \(at most 0\.1\)", id="value"
        ),
        pytest.param({"quantity_sd": [1.2]}, "quantity_sd differs by 0.2", id="deviation"),
        pytest.param({"novelty": 0.53}, r"novelty differs by 0\.03 ", id="novelty"),
        pytest.param({"novelty": np.nan}, "novelty differs by nan", id="nan_novelty"),
    ],
)
def test_a_provider_with_other_answers_than_the_cpu_is_refused(changes, reason):
    with pytest.raises(ModelError, match=f"cuda gives other answers than the CPU: {reason}"):
        compare([answer(**changes)] * 3)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"xy": [[[10.4, 5.0]]]}, id="a_keypoint"),
        pytest.param({"confidence": [[0.885]]}, id="a_confidence"),
        pytest.param({"probability": [0.715]}, id="a_class"),
        pytest.param({"covered": 2}, id="two_cells_of_two_hundred"),
        pytest.param({"quantity": [20.09]}, id="a_tenth_of_the_deviation"),
        pytest.param({"novelty": 0.52}, id="novelty"),
    ],
)
def test_small_differences_from_the_cpu_are_allowed(changes):
    compare([answer(**changes)] * 3)


def test_a_quantity_may_differ_by_a_fiftieth_of_its_range():
    expected = [answer(quantity=[value], quantity_sd=[0.0]) for value in (0.0, 100.0)]
    compare([answer(quantity=[v], quantity_sd=[0.0]) for v in (1.9, 98.1)], expected)
    with pytest.raises(ModelError, match=r"quantity differs by 2\.1 \(at most 2\)"):
        compare([answer(quantity=[v], quantity_sd=[0.0]) for v in (2.1, 100.0)], expected)


def test_all_that_differs_is_named_at_once():
    with pytest.raises(ModelError, match=r"confidence differs .*; novelty differs"):
        compare([answer(confidence=[[0.1]], novelty=0.9)])


def test_one_keypoint_that_nobody_is_sure_of_may_be_elsewhere():
    unsure = [answer(confidence=[[0.1]])] * 3
    compare([*unsure[:2], answer(confidence=[[0.1]], xy=[[[50.0, 5.0]]])], unsure)


def test_most_keypoints_must_agree_even_if_nobody_is_sure():
    unsure = [answer(confidence=[[0.1]])] * 3
    with pytest.raises(ModelError, match=r"keypoints differ by 40\.00 px"):
        compare([answer(confidence=[[0.1]], xy=[[[50.0, 5.0]]])] * 3, unsure)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        pytest.param("probability", [[1.5]], "expected 0 to 1: put the sigmoid", id="above_one"),
        pytest.param("probability", [[-0.5]], "expected 0 to 1: put the sigmoid", id="below_zero"),
        pytest.param("quantity_sd", [[-1.0]], "expected at least 0", id="negative_deviation"),
        pytest.param("quantity", [[np.inf]], "quantity that are not finite", id="infinite"),
        pytest.param("quantity", [[1.0, 2.0]], r"quantity of shape \(1, 2\)", id="shape"),
    ],
)
def test_nonsense_is_refused(name, value, reason):
    with pytest.raises(ModelError, match=reason):
        refuse_nonsense({name: np.array(value)}, {name: (1, 1)}, "network.onnx")


def test_trial_images_are_the_same_each_time():
    first, again = (np.stack([*trial_images((1, 3, 64, 96))]) for _ in range(2))
    assert first.shape == (8, 1, 3, 64, 96)
    np.testing.assert_array_equal(first, again)
