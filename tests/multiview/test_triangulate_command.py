"""`tracker triangulate` on recordings whose points are known."""

import json

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
from four_cameras import a_stand
from session_folders import MS, SKELETON, opened, result, row
from typer.testing import CliRunner

from tracker.calibration.stand import write_stand
from tracker.cli import app
from tracker.multiview.feed import SetsFeed
from tracker.multiview.settings import SetsSettings
from tracker.testing.manual_clock import ManualClock

PAIR = ("front", "left")
N = 6
LOST = 3
"""The left camera has no frame of this set."""


def point(index):
    """Nose and tail base, (2, 3), cm."""
    return np.array([[index, 2.0, 1.0], [index, -1.0, 0.0]])


@pytest.fixture
def rig(tmp_path):
    """Two cameras whose left one counts from 10; there were no views when it was recorded."""
    folder = tmp_path / "rig"
    feed = SetsFeed(
        folder,
        PAIR,
        SKELETON,
        SetsSettings(),
        fps=100.0,
        stand=None,
        clock=ManualClock(),
        session_id="s1",
    )
    feed.open(lambda *_told, **_facts: None)
    for name, begin in (("front", 0), ("left", 10)):
        running = opened(folder / name)
        for k in range(N):
            if (name, k) == ("left", LOST):
                continue
            xy = a_stand().cameras[name].project(point(k)).astype(np.float32)[None]
            seen = result(k + begin, xy=xy)
            seen = type(seen)(
                type(seen.observation)(k + begin, k * 10 * MS, xy, np.ones((1, 2), np.float32)),
                seen.features,
                seen.scores,
                seen.events,
                seen.stages,
            )
            running.write_result(seen)
            feed.tell(name)(seen.observation)
        running.write_ledger([row(k + begin) for k in range(N)])
        running.close("completed", {})
    feed.close()
    write_stand(tmp_path / "views.yaml", a_stand())
    return folder


def run(rig, *more):
    views = ["--views", str(rig.parent / "views.yaml")]
    return CliRunner().invoke(app, ["triangulate", str(rig), *views, *more])


def test_points_are_worked_out_from_what_was_recorded(rig):
    done = run(rig, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["sets"], told["points"]) == (N, 2 * (N - 1))
    table = pyarrow.csv.read_csv(rig / "points.csv").to_pandas()
    assert table["keypoint"].tolist() == ["nose", "tail_base"] * N
    for k in range(N):
        found = table[table["set"] == k][["x_cm", "y_cm", "z_cm"]].to_numpy()
        expected = np.full((2, 3), np.nan) if k == LOST else point(k)
        np.testing.assert_allclose(found, expected, atol=1e-3)
    assert table[table["set"] == LOST]["n_views"].tolist() == [1, 1]


def test_incomplete_sets_can_be_left_out_and_parquet_written(rig, tmp_path):
    out = tmp_path / "points.parquet"
    done = run(rig, "--incomplete", "drop", "--out", str(out))
    assert f"{2 * (N - 1)} points in {N - 1} sets" in done.output
    assert pyarrow.parquet.read_table(out).num_rows == 2 * (N - 1)


def test_nothing_is_overwritten(rig):
    assert run(rig).exit_code == 0
    assert "there already" in str(run(rig).exception)


def test_one_cameras_folder_is_refused(rig):
    done = run(rig / "front")
    assert "holds no sets.arrow" in str(done.exception)


def test_another_ending_is_refused(rig, tmp_path):
    assert "ends with .csv or .parquet" in str(run(rig, "--out", str(tmp_path / "a.txt")).exception)


def test_cameras_that_stand_elsewhere_are_refused(rig):
    stand = a_stand()
    others = {name: each for name, each in stand.cameras.items() if name != "left"}
    write_stand(rig.parent / "other.yaml", stand.model_copy(update={"cameras": others}))
    done = run(rig, "--views", str(rig.parent / "other.yaml"))
    assert "nobody says where camera 'left' stands" in str(done.exception)
