import csv
import json
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from drawn_arenas import HEIGHT, SHAPE, STILL, WIDTH, moved, seen
from msgspec.structs import replace
from session_folders import recorded as a_session
from typer.testing import CliRunner

from tracker.arena import ArenaSettings
from tracker.cli import app
from tracker.errors import RecordingError, RegistrationError
from tracker.geometry import apart, mapped
from tracker.recording import Recording
from tracker.registered.pair import read_pair, register, write_pair
from tracker.registered.positions import (
    as_measured,
    positions_in,
    seen_from_reference,
    write_positions,
)
from tracker.registered.sources import ArenaView, view_of
from tracker.registration.lines import ViewRow, ViewState, matrix_of, nine
from tracker.registration.models import Model
from tracker.session_folder.video_encoder import Codec
from tracker.session_folder.view_files import ViewFiles

TUESDAY = moved(7.5, -5, 2.2)  # the camera was put back a little differently


def views(matrix=TUESDAY):
    return ArenaView("monday", seen(STILL, noise=1)), ArenaView("tuesday", seen(matrix, noise=1))


def test_what_one_session_saw_comes_to_lie_where_the_other_saw_it():
    pair = register(*views(), Model.RIGID).pair
    assert apart(matrix_of(pair.b_to_a) @ TUESDAY, STILL, SHAPE) < 0.2
    nose = np.array([[[120.0, 80.0]], [[np.nan, 3.0]]])
    there = pair.to_a(mapped(TUESDAY, nose))
    assert there[0] == pytest.approx(nose[0], abs=0.1)
    assert np.isnan(there[1]).all()


def test_residuals_and_motion_are_stated():
    pair = register(*views(), Model.HOMOGRAPHY).pair
    assert (pair.x_px, pair.y_px, pair.turned_deg) == pytest.approx((7.5, -5, 2.2), abs=0.05)
    assert pair.n_points > 30
    assert pair.residual_px < 1
    assert pair.residual_px <= pair.residual_p95_px < 5
    assert pair.image_shape == SHAPE


def test_the_picture_shows_both_before_and_after():
    overlay = register(*views(), Model.RIGID).overlay
    assert overlay.shape == (HEIGHT, 2 * WIDTH, 3)
    inside = np.s_[30:-30, 30:-30]
    before, after = (
        np.abs(part[..., 0].astype(int) - part[..., 2])[inside].mean()
        for part in (overlay[:, :WIDTH], overlay[:, WIDTH:])
    )
    assert after < 0.4 * before


REFUSED = {
    "another_size": (seen(STILL)[::2, ::2], "expected two of one camera"),
    "another_scene": (cv2.flip(seen(moved(20, 30, 7)), 1), "tuesday cannot be brought to monday"),
    "black": (np.zeros(SHAPE, np.uint8), "all dark or all the same"),
}


@pytest.mark.parametrize(("image", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_views_that_do_not_match_are_refused(image, said):
    with pytest.raises(RegistrationError, match=said):
        register(views()[0], ArenaView("tuesday", image), Model.RIGID)


def test_a_pair_is_read_as_it_was_written(tmp_path):
    pair = register(*views(), Model.RIGID).pair
    write_pair(tmp_path / "pair.json", pair)
    assert read_pair(tmp_path / "pair.json") == pair
    with pytest.raises(RegistrationError, match="is there already"):
        write_pair(tmp_path / "pair.json", pair)
    (tmp_path / "other.json").write_text('{"schema": 2}')
    for name, said in (("gone.json", "cannot be read"), ("other.json", "is not what tracker")):
        with pytest.raises(RegistrationError, match=said):
            read_pair(tmp_path / name)


def look(index, state, matrix):
    numbers = None if matrix is None else nine(matrix)
    return ViewRow(index=index, captured_ns=index, state=state, matrix=numbers)


def recorded(folder, rows=()):
    """A session of ten frames."""
    path = a_session(folder, 10)
    files = ViewFiles(path, "s1")
    for row in rows:
        files.write(row)
    files.close()
    return Recording(path)


def test_positions_of_a_session_whose_camera_was_moved_are_as_if_it_had_not(tmp_path):
    push = moved(9, -6)
    rows = [
        look(0, ViewState.STILL, STILL),
        look(4, ViewState.MOVING, push),
        look(5, ViewState.MOVED, push),
        look(7, ViewState.UNKNOWN, None),
        look(8, ViewState.STILL, moved(0.1, 0)),
    ]
    recording = recorded(tmp_path / "a", rows)
    shift = recording.xy - seen_from_reference(recording)
    known = np.isfinite(shift).all(axis=(1, 2, 3))
    expected = [[0, 0]] * 5 + [[9, -6]] * 3 + [[0, 0]] * 2
    for number in np.flatnonzero(known):
        assert shift[number, 0, 0] == pytest.approx(expected[number], abs=1e-4)
    assert known.any()
    plain = recorded(tmp_path / "b")
    assert np.array_equal(seen_from_reference(plain), plain.xy, equal_nan=True)


def test_positions_that_features_were_measured_from_follow_from_the_frame_that_says_so(tmp_path):
    back = np.linalg.inv(moved(9, -6))
    rows = [
        look(2, ViewState.MOVED, moved(9, -6)),
        replace(look(5, ViewState.MOVED, moved(9, -6)), to_reference=nine(back), applied_from=6),
    ]
    recording = recorded(tmp_path / "a", rows)
    shift = recording.xy - as_measured(recording)
    assert shift[:6] == pytest.approx(0)
    assert shift[6:, 0, 0] == pytest.approx(np.tile((9, -6), (4, 1)), abs=1e-4)
    plain = recorded(tmp_path / "b")
    assert as_measured(plain) is plain.xy


def test_positions_are_written_in_px_and_cm_of_the_other_session(tmp_path):
    recording = recorded(tmp_path / "a")
    pair = register(*views(), Model.RIGID).pair
    arena = ArenaSettings(px_per_cm=10)
    n_rows = write_positions(tmp_path / "p.csv", recording, pair, arena)
    with (tmp_path / "p.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    expected = positions_in(recording, pair)
    assert len(rows) == n_rows == expected[..., 0].size
    flat = expected.reshape(-1, 2)
    for row, (x, y) in zip(rows, flat.tolist(), strict=True):
        if np.isnan(x):
            assert (row["x_px"], row["x_cm"]) == ("", "")
        else:
            assert float(row["x_px"]) == pytest.approx(x, abs=1e-3)
            assert float(row["y_cm"]) == pytest.approx(y / 10, abs=1e-3)
    with pytest.raises(RegistrationError, match="is there already"):
        write_positions(tmp_path / "p.csv", recording, pair, None)


def write_film(path, matrix, n_frames=12):
    """An animal that walks through the arena, as that camera sees it."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
        for index in range(n_frames):
            image = seen(matrix, (60 + 18 * index, 120), noise=1, seed=index)
            frame = av.VideoFrame.from_ndarray(image, format="gray")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def test_the_view_of_a_film_is_without_its_animal(tmp_path):
    view = view_of(write_film(tmp_path / "film.mkv", STILL))
    assert np.abs(view.image.astype(int) - seen(STILL)).max() < 8


def test_what_has_no_view_says_so(tmp_path):
    with pytest.raises(RegistrationError, match="there is no video in"):
        view_of(a_session(tmp_path / "s", 3, codec=Codec.NONE))
    with pytest.raises(RecordingError, match="is no session folder"):
        view_of(tmp_path)


def tracker_register(*arguments):
    return CliRunner().invoke(app, ["register", *map(str, arguments)])


def test_the_command_brings_two_films_together(tmp_path):
    one = write_film(tmp_path / "one.mkv", STILL)
    two = write_film(tmp_path / "two.mkv", TUESDAY)
    out = tmp_path / "pair.json"
    done = tracker_register(one, two, "--out", out, "--json")
    assert done.exit_code == 0, done.output
    assert apart(matrix_of(read_pair(out).b_to_a) @ TUESDAY, STILL, SHAPE) < 0.2
    assert json.loads(done.stdout)["picture"] == str(tmp_path / "pair.png")
    assert cv2.imread(str(tmp_path / "pair.png")).shape == (HEIGHT, 2 * WIDTH, 3)
    again = tracker_register(one, two, "--out", out)
    assert "is there already" in str(again.exception)
    view = tmp_path / "view.png"
    assert "the view of" in tracker_register(one, "--save-view", view).stdout
    assert np.array_equal(cv2.imread(str(view), cv2.IMREAD_GRAYSCALE), view_of(one).image)
    assert "name a second session" in str(tracker_register(one).exception)
    more = tracker_register(one, two, "--out", tmp_path / "b.json", "--positions", tmp_path / "p")
    assert "is no session: it has no positions" in str(more.exception)
