import pytest
from report_sessions import S, session

from tracker.recording import Recording
from tracker.registration.lines import ViewRow, ViewState
from tracker.report import write_report
from tracker.report.look import TimeAxis
from tracker.report.view import motions_in, view_facts, view_notices, view_plot
from tracker.session_folder.view_files import ViewFiles

STILL, MOVING, MOVED, UNKNOWN = ViewState


def look(index, state, px=0.1, **more):
    known = (
        {}
        if state is UNKNOWN
        else {
            "largest_px": px,
            "x_px": px,
            "y_px": -px,
            "turned_deg": 0.5,
            "uncertainty_px": 0.02,
        }
    )
    return ViewRow(index=index, captured_ns=5 * S + index * S // 20, state=state, **known, **more)


PUSHED = [
    look(0, STILL),
    look(40, MOVING, 9),
    look(45, MOVED, 9),
    look(80, UNKNOWN),
    look(85, MOVED, 9),
    look(120, STILL, 0.3),
]


def recorded(folder, rows):
    path = session(folder / "s", n_frames=200)
    files = ViewFiles(path, "s1")
    for row in rows:
        files.write(row)
    files.close()
    return Recording(path)


def test_rows_are_read_as_they_were_written(tmp_path):
    rows = [*PUSHED, look(130, MOVED, 4, to_reference=(1.0,) * 9, applied_from=131)]
    assert list(recorded(tmp_path, rows).views) == rows
    assert Recording(session(tmp_path / "unwatched")).views == ()


@pytest.mark.parametrize(
    ("rows", "indices"),
    [
        pytest.param(PUSHED, [45, 120], id="pushed_and_put_back"),
        pytest.param([look(0, STILL), look(9, UNKNOWN)], [], id="dark"),
        pytest.param([look(0, MOVED, 9), look(9, MOVED, 9, applied_from=10)], [0, 9], id="again"),
        pytest.param([], [], id="nobody_looked"),
    ],
)
def test_motions_are_told_once(rows, indices):
    assert [row.index for row in motions_in(rows)] == indices


def test_the_page_says_that_the_camera_was_moved(tmp_path):
    page = write_report(recorded(tmp_path, PUSHED)).read_text(encoding="utf-8")
    assert "The camera was moved before frame 45: the picture shifted by +9.0 px" in page
    assert "positions and zones are where they are in the picture" in page
    assert "6 looks: 1 times the camera was moved, by up to 9.00 px; 1 times nothing" in page


def test_from_which_frame_on_positions_follow_is_said(tmp_path):
    rows = [look(0, STILL), look(45, MOVED, 9, to_reference=(1.0,) * 9, applied_from=46)]
    (notice,) = view_notices(recorded(tmp_path, rows))
    assert "from frame 46 on positions are taken back to the reference view" in notice
    assert view_notices(Recording(session(tmp_path / "unwatched"))) == []


def test_what_was_never_known_is_not_drawn():
    assert view_plot([look(0, UNKNOWN)], TimeAxis.over(0, S)) is None
    assert view_facts([look(0, UNKNOWN)])["unknown"] == 1
    assert view_facts([]) is None
