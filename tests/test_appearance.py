"""What individuals look like: the grey around their keypoints."""

from dataclasses import replace

import numpy as np
import pytest

from tracker.observers.appearance import REACH, AppearanceObserver, brightness
from tracker.testing.fixed_observer import FixedObserver
from tracker.types import Frame, Observation, Skeleton

SKELETON = Skeleton(("nose", "tail_base"), ((0, 1),))
NAN = float("nan")


def ramp(height=40, width=50):
    """Grey values that rise by 2 per column and 1 per row."""
    rows, columns = np.mgrid[:height, :width]
    return (2 * columns + rows).astype(np.uint8)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        pytest.param((20, 10), 50, id="on a pixel: the mean is that of the middle"),
        pytest.param((20.4, 9.6), 50, id="between pixels: the nearest one"),
        pytest.param((0, 0), 1.8, id="in the corner: the last pixels are repeated"),
        pytest.param((NAN, NAN), NAN, id="not found"),
    ],
)
def test_the_mean_grey_around_a_point(place, expected):
    """In the corner columns and rows are 0, 0, 0, 1, 2: means 0.6 and 0.6, so 2 x 0.6 + 0.6."""
    assert REACH == 2
    got = brightness(ramp(), np.array([place], np.float32))
    np.testing.assert_allclose(got, [expected], rtol=1e-6)
    assert got.dtype == np.float32


def test_each_individual_has_one_number_per_keypoint():
    xy = np.array([[[10, 10], [20, 10]], [[NAN, NAN], [30, 5]]], np.float32)
    np.testing.assert_allclose(brightness(ramp(), xy), [[30, 50], [NAN, 65]])


def observed(image, script=lambda _: [[10, 10], [20, 10]]):
    return AppearanceObserver(FixedObserver(SKELETON, script)).observe(Frame(3, 7, 7, image))


def test_an_observation_says_what_its_individuals_look_like_and_all_else_as_before():
    seen = observed(ramp())
    assert seen.appearance.tolist() == [[30, 50]]
    assert (seen.frame_index, seen.captured_ns) == (3, 7)
    assert seen.xy.tolist() == [[[10, 10], [20, 10]]]


def test_of_a_colour_image_the_green_counts():
    colour = np.zeros((40, 50, 3), np.uint8)
    colour[..., 1] = ramp()
    assert observed(colour).appearance.tolist() == [[30, 50]]


class Weighed(FixedObserver):
    """Says of each individual that it weighs 7."""

    def observe(self, frame):
        seen = super().observe(frame)
        return replace(seen, appearance=np.full((len(seen.xy), 1), 7, np.float32))


def test_what_the_other_observer_says_of_their_looks_comes_first():
    observer = AppearanceObserver(Weighed(SKELETON, lambda _: [[10, 10], [20, 10]]))
    seen = observer.observe(Frame(3, 7, 7, ramp()))
    assert seen.appearance.tolist() == [[7, 30, 50]]


class Nobody(FixedObserver):
    """Sees no individual at all."""

    def observe(self, frame):
        nothing = np.empty((0, 2, 2), np.float32)
        return Observation(frame.index, frame.captured_ns, nothing, nothing[..., 0])


def test_of_nobody_nothing_is_said():
    seen = AppearanceObserver(Nobody(SKELETON, {}.get)).observe(Frame(0, 0, 0, ramp()))
    assert seen.appearance is None


def test_it_is_the_other_observer_in_all_else():
    inner = FixedObserver(SKELETON, {}.get)
    outer = AppearanceObserver(inner)
    outer.warm_up((40, 50))
    assert inner.warmed_up_for == (40, 50)
    assert (outer.skeleton, outer.facts) == (SKELETON, inner.facts)
