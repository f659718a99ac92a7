"""Calls over memory that stays; here on the CPU, on a GPU in test_on_gpu.py."""

import numpy as np
import onnxruntime as ort
import pytest
from tiny_networks import brightest_pixel, dot

from tracker.runtimes.graph_session import GraphSession, has_fixed_shapes
from tracker.runtimes.providers import ORT_ERRORS

NAMES = ["xy", "confidence"]


def opened(folder, **sides):
    options = ort.SessionOptions()
    for name, size in sides.items():
        options.add_free_dimension_override_by_name(name, size)
    path = brightest_pixel(folder / "network.onnx")
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@pytest.fixture
def session(tmp_path):
    return GraphSession(opened(tmp_path, height=64, width=96), device="cpu")


def feed(x, y, **how):
    return {"image": dot(x, y, **how)}


def test_each_call_sees_its_own_image(session):
    for x, y in ((70, 13), (1, 2), (95, 63)):
        xy, confidence = session.run(NAMES, feed(x, y, grey=204))
        np.testing.assert_array_equal(xy, [[[[x, y]]]])
        np.testing.assert_allclose(confidence, [[[0.8]]], atol=1e-6)  # 204 / 255


def test_an_answer_stays_what_it_was_when_the_next_one_comes(session):
    first, _ = session.run(NAMES, feed(70, 13))
    session.run(NAMES, feed(1, 2))
    np.testing.assert_array_equal(first, [[[[70, 13]]]])


def test_the_caller_may_change_the_image_after_the_call(session):
    given = feed(70, 13)
    first, _ = session.run(NAMES, given)
    given["image"][:] = 0
    np.testing.assert_array_equal(first, [[[[70, 13]]]])


def test_outputs_come_in_the_order_in_which_they_were_asked_for(session):
    (confidence,) = session.run(["confidence"], feed(70, 13))
    assert confidence.shape == (1, 1, 1)
    both = session.run(["confidence", "xy"], feed(70, 13))
    assert [each.shape for each in both] == [(1, 1, 1), (1, 1, 1, 2)]


def test_an_image_of_another_size_is_an_error(session):
    with pytest.raises(ORT_ERRORS, match="does not match the size"):
        session.run(NAMES, feed(3, 3, shape=(1, 1, 32, 32)))


def test_it_says_what_it_runs_on_takes_and_gives(session):
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert [(each.name, each.shape) for each in session.get_inputs()] == [("image", [1, 1, 64, 96])]
    assert [each.name for each in session.get_outputs()] == NAMES


def test_shapes_are_fixed_once_every_side_is_known(tmp_path):
    assert not has_fixed_shapes(opened(tmp_path))
    assert not has_fixed_shapes(opened(tmp_path, height=64))
    assert has_fixed_shapes(opened(tmp_path, height=64, width=96))
