"""What cameras saw, put together as it comes: sets.arrow."""

from dataclasses import replace

import numpy as np
import pytest
from four_cameras import a_stand

from tracker.multiview.feed import MOST_TOLD, SetsFeed
from tracker.multiview.sets import Incomplete
from tracker.multiview.settings import SetsSettings
from tracker.session_folder.tables import read_table
from tracker.testing.manual_clock import ManualClock
from tracker.types import Observation, Skeleton

MS = 1_000_000
SKELETON = Skeleton(("nose", "tail"))
POINTS = np.array([[1.0, 2.0, 3.0], [-4.0, 0.0, 1.0]])
PAIR = ("front", "left")


def seen(name, index, *, points=POINTS, n=1):
    """What a camera sees of two points every 10 ms, `n` times over."""
    xy = a_stand().cameras[name].project(points).astype(np.float32)
    xy = np.repeat(xy[None], n, axis=0)
    return Observation(index, index * 10 * MS, xy, np.ones(xy.shape[:2], np.float32))


@pytest.fixture
def made(tmp_path):
    def make(**settings):
        feed = SetsFeed(
            tmp_path / "session",
            PAIR,
            SKELETON,
            SetsSettings(**settings),
            fps=100.0,
            stand=a_stand(),
            clock=ManualClock(),
            session_id="s1",
        )
        feed.open(lambda *_told, **_facts: None)
        return feed

    return make


def rows(feed, told):
    for name, observation in told:
        feed.tell(name)(observation)
    feed.close()
    table, is_whole = read_table(feed._folder / "sets.arrow")
    assert is_whole
    return table.to_pylist()


def test_a_set_has_points_in_cm_and_their_residuals(made):
    [row] = rows(made(), [("front", seen("front", 3)), ("left", seen("left", 3))])
    assert (row["set"], row["captured_ns"], row["complete"]) == (0, 30 * MS, True)
    assert (row["front/index"], row["left/captured_ns"]) == (3, 30 * MS)
    assert row["xyz_cm"] == pytest.approx(POINTS.ravel(), abs=1e-4)
    assert max(row["residual_px"]) < 0.01
    assert row["n_views"] == [2, 2]


def test_an_incomplete_set_gives_no_points_if_they_are_dropped(made):
    told = [("front", seen("front", 0)), ("left", seen("left", 0)), ("front", seen("front", 1))]
    first, second = rows(made(incomplete=Incomplete.DROP), told)
    assert first["n_views"] == [2, 2]
    assert (second["complete"], second["xyz_cm"], second["left/index"]) == (False, None, None)


def test_two_animals_in_one_picture_are_nobody_in_particular(made):
    told = [("front", seen("front", 0)), ("left", seen("left", 0, n=2))]
    [row] = rows(made(), told)
    assert row["complete"]
    assert row["n_views"] == [1, 1]
    assert np.isnan(row["xyz_cm"]).all()


def test_cameras_that_contradict_each_other_give_no_point(made):
    """The left one sees both points 3 cm further to the side."""
    told = [
        ("front", seen("front", 0)),
        ("left", seen("left", 0, points=POINTS + np.array([0, 0, 3.0]))),
    ]
    feed = made(largest_residual_px=5.0)
    [row] = rows(feed, told)
    assert np.isnan(row["xyz_cm"]).all()
    assert min(row["residual_px"]) > 5
    assert feed.facts["complete"] == 1


def test_what_is_told_while_it_runs_is_taken_by_its_step(made):
    feed = made()
    feed.tell("front")(seen("front", 0))
    feed.tell("left")(seen("left", 0))
    feed.step()
    assert feed.newest is None
    feed.step()
    newest, points = feed.newest
    assert newest.complete
    assert points.xyz_cm == pytest.approx(POINTS, abs=1e-4)
    feed.close()
    assert feed.facts == {
        "cameras": list(PAIR),
        "complete": 1,
        "incomplete": 0,
        "resets": 0,
        "points": 2,
        "untaken": 0,
    }


def test_points_are_published_as_they_are_known(made):
    """With each camera's count, and NaN for what is not known."""
    feed, told = made(), []
    feed.publish = lambda **fields: told.append(fields)
    rows(feed, [("front", seen("front", 7)), ("left", seen("left", 7)), ("left", seen("left", 8))])
    first, second = told
    assert (first["set_number"], first["captured_ns"]) == (0, 70 * MS)
    assert first["frames"] == {"front": 7, "left": 7}
    assert first["keypoints"] == ["nose", "tail"]
    assert first["xyz_cm"] == pytest.approx(POINTS, abs=1e-4)
    assert first["n_views"] == [2, 2]
    assert second["frames"] == {"left": 8}
    assert np.isnan(second["xyz_cm"]).all()


def test_more_than_can_wait_is_counted_and_left_out(made):
    feed, same = made(incomplete=Incomplete.DROP), seen("front", 0)
    for index in range(MOST_TOLD + 3):
        feed.tell("front")(replace(same, frame_index=index, captured_ns=index * 10 * MS))
    assert feed.facts["untaken"] == 3
    feed.close()


def test_a_session_that_never_began_leaves_no_table(made, tmp_path):
    feed = made()
    feed.close()
    assert list(tmp_path.iterdir()) == []
