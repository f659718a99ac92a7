"""An observer that sees what a file says."""

from pathlib import Path

import numpy as np
import pytest
from rigs import frame
from track_files import N, positions

from tracker.errors import TrackFileError
from tracker.observers.tracks import Tracks, TracksObserver
from tracker.types import Skeleton

NAN = float("nan")


def tracks(xy=None, confidence=0.9, individuals=("ada", "bob")):
    xy = positions(individuals=len(individuals)) if xy is None else xy
    return Tracks(
        path=Path("mouseDLC.h5"),
        sha256="abc",
        program="DeepLabCut",
        scorer="DLC_net",
        skeleton=Skeleton(("nose", "tail_base")),
        individuals=individuals,
        tracked=True,
        xy=xy,
        confidence=np.broadcast_to(np.float32(confidence), xy.shape[:3]).copy(),
        usual_confidence=0.6,
    )


def test_a_frame_gets_its_row():
    seen = TracksObserver(tracks(), 0, 0.6).observe(frame(3))
    np.testing.assert_array_equal(seen.xy, positions(individuals=2)[3])
    assert (seen.frame_index, seen.captured_ns) == (3, frame(3).captured_ns)
    assert seen.confidence.dtype == seen.xy.dtype == np.float32


def test_whom_rules_are_about_comes_first():
    observer = TracksObserver(tracks(), 1, 0.6)
    assert observer.observe(frame(0)).xy[0, 0, 0] == 30  # bob
    assert observer.facts["individuals"] == ["bob", "ada"]


def test_a_keypoint_of_low_confidence_is_not_found_but_keeps_its_confidence():
    about = tracks()
    about.confidence[2, 0, 1] = 0.5
    seen = TracksObserver(about, 0, 0.6).observe(frame(2))
    assert np.isnan(seen.xy[0, 1]).all()
    assert seen.confidence[0, 1] == 0.5
    assert np.isfinite(seen.xy[0, 0]).all()


def test_just_enough_confidence_is_enough():
    seen = TracksObserver(tracks(confidence=0.5), 0, 0.5).observe(frame(2))
    assert np.isfinite(seen.xy).all()


def test_confidence_that_is_not_stated_is_0():
    about = tracks(confidence=NAN)
    assert (TracksObserver(about, 0, 0.6).observe(frame(0)).confidence == 0).all()


def test_everybody_is_who_the_file_says_in_every_frame():
    observer = TracksObserver(tracks(), 1, 0.6, ["ada", "bob"])
    for index in (0, N):
        seen = observer.observe(frame(index))
        assert seen.identities == ("bob", "ada")
        assert seen.identity_confidence == (1, 1)


def test_nobody_is_anybody_if_the_file_does_not_say():
    assert TracksObserver(tracks(), 0, 0.6).observe(frame(0)).identities == ()


def test_beyond_the_last_row_nobody_is_seen():
    seen = TracksObserver(tracks(), 0, 0.6).observe(frame(N))
    assert np.isnan(seen.xy).all()
    assert seen.xy.shape == (2, 2, 2)
    assert (seen.confidence == 0).all()


def test_facts_say_which_file_it_was():
    facts = TracksObserver(tracks(), 0, 0.6, facts={"fps": 30.0}).facts
    assert facts["sha256"] == "abc"
    assert facts["file"] == "mouseDLC.h5"
    assert (facts["observer"], facts["program"], facts["provider"]) == (
        "tracks",
        "DeepLabCut",
        "tracks",
    )
    assert (facts["rows"], facts["min_confidence"], facts["fps"]) == (N, 0.6, 30.0)


class TestWarmUp:
    def observer(self, n_outside):
        xy = positions(10, individuals=1)  # 20 positions, at x up to 19
        xy.reshape(-1, 2)[:n_outside, 0] = 500
        return TracksObserver(tracks(xy, individuals=("ada",)), 0, 0.6)

    def test_positions_in_the_images_are_fine(self):
        self.observer(0).warm_up((48, 64))

    def test_one_in_twenty_may_lie_outside(self):
        self.observer(1).warm_up((48, 64))

    def test_more_are_those_of_another_video(self):
        with pytest.raises(TrackFileError, match=r"2 of 20 positions lie outside of the 64x48 px"):
            self.observer(2).warm_up((48, 64))

    def test_nothing_found_is_nothing_outside(self):
        TracksObserver(tracks(confidence=0.1), 0, 0.6).warm_up((48, 64))
