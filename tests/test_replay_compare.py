"""What is compared of an observation: all of it that is recorded."""

from dataclasses import fields, replace

import numpy as np
import pytest
from session_folders import opened, result

from tracker.recording import Recording
from tracker.replay.compare import NOT_SEEN, Found, compare_observations
from tracker.replay.verdict import Kind
from tracker.types import Observation

NAN = float("nan")
XY = np.array([[[1.5, 2.5], [NAN, NAN]]], np.float32)
ONE = Observation(
    frame_index=3,
    captured_ns=30_000_000,
    xy=XY,
    confidence=np.array([[0.9, 0.1]], np.float32),
    class_scores={"rest": 0.75, "groom": NAN},
    measures={"area_px2": 12.5},
    novelty=0.5,
    identities=("a",),
    identity_confidence=(0.5,),
    appearance=np.array([[1.0, NAN]], np.float32),
)
CHANGES = {
    "frame_index": (4, "frame_index was 3, comes out 4"),
    "captured_ns": (31_000_000, "captured_ns was 30000000"),
    "xy": (XY + np.float32(0.25), "xy differs by up to 0.25"),
    "confidence": (np.array([[0.9, NAN]], np.float32), "confidence differs: 1 values found in one"),
    "class_scores": ({"rest": 0.5, "groom": NAN}, "class_scores rest was 0.75, comes out 0.5"),
    "measures": ({}, "measures area_px2 was 12.5, comes out None"),
    "novelty": (NAN, "novelty was 0.5, comes out nan"),
    "abstained": (True, "abstained was False, comes out True"),
    "identities": (("b",), "identities was ('a',)"),
    "identity_confidence": ((0.25,), "identity_confidence was (0.5,)"),
    "appearance": (None, "appearance was [["),
}
COMPARED = [field.name for field in fields(Observation) if field.name not in NOT_SEEN]


def told(now, live=ONE):
    found = Found()
    compare_observations(now, live, found)
    assert found.compared == {Kind.OBSERVATION: 1}
    return [each.text for each in found.kept]


def test_the_same_is_the_same_and_nan_is_nan():
    assert told(replace(ONE, xy=XY.copy(), network_ns=99, crop=(0, 0, 8, 8))) == []


@pytest.mark.parametrize("name", COMPARED)
def test_every_part_counts(name):
    change, text = CHANGES[name]
    (found,) = told(replace(ONE, **{name: change}))
    assert found.startswith(text)


def test_an_individual_more_is_told():
    twice = {name: np.concatenate([getattr(ONE, name)] * 2) for name in ("xy", "confidence")}
    two = replace(ONE, **twice, identities=(), identity_confidence=(), appearance=None)
    assert "xy was of 1 individuals, is of 2" in told(two)[0]


def test_every_part_that_is_compared_is_recorded(tmp_path):
    """So that a part that is added to observations is recorded too, or said not to be."""
    running = opened(tmp_path / "s")
    seen = result(3)
    running.write_result(replace(seen, observation=ONE))
    running.close("completed", {})
    (again,) = Recording(tmp_path / "s").whole.each_observation()
    assert told(again) == []
