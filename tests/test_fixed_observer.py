import math

import numpy as np
import pytest

from tracker.errors import ModelError
from tracker.observers.base import Observer
from tracker.testing.fixed_observer import FixedObserver
from tracker.types import Frame, Skeleton

PAIR = Skeleton(("nose", "tail_base"))
SEEN = [[1.5, 2.5], [math.nan, math.nan]]


def frame(index):
    return Frame(index, index * 100, index * 100 + 7, np.zeros((4, 4), np.uint8))


def test_it_sees_what_the_script_says_of_that_frame():
    observer: Observer = FixedObserver(PAIR, {3: SEEN}.get, network_ns=9)
    seen = observer.observe(frame(3))
    np.testing.assert_array_equal(seen.xy, np.array([SEEN], np.float32))
    np.testing.assert_array_equal(seen.confidence, np.array([[1, 0]], np.float32))
    assert (seen.frame_index, seen.captured_ns, seen.network_ns) == (3, 300, 9)
    assert (seen.xy.dtype, seen.confidence.dtype) == (np.float32, np.float32)


def test_it_sees_nothing_where_the_script_is_silent():
    seen = FixedObserver(PAIR, {3: SEEN}.get).observe(frame(4))
    assert np.isnan(seen.xy).all()
    assert seen.confidence.tolist() == [[0, 0]]


def test_changing_what_it_saw_does_not_change_the_script():
    script = {3: np.array(SEEN, np.float32)}
    FixedObserver(PAIR, script.get).observe(frame(3)).xy[:] = 0
    np.testing.assert_array_equal(script[3], np.array(SEEN, np.float32))


def test_a_script_may_fail_like_a_network():
    def fail(index):
        raise ModelError(f"frame {index}")

    with pytest.raises(ModelError, match="frame 5"):
        FixedObserver(PAIR, fail).observe(frame(5))


def test_a_script_of_another_skeleton_is_an_error():
    with pytest.raises(ValueError, match=r"frame 3: shape \(1, 2\), expected \(2, 2\)"):
        FixedObserver(PAIR, {3: [[1, 2]]}.get).observe(frame(3))


def test_it_tells_what_it_is_and_was_warmed_up_for():
    observer = FixedObserver(PAIR, {}.get)
    assert observer.warmed_up_for is None
    observer.warm_up((480, 640))
    assert observer.warmed_up_for == (480, 640)
    assert observer.facts == {"observer": "fixed", "sha256": None, "provider": "none"}
    assert observer.skeleton is PAIR
