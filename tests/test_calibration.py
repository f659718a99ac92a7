import json
from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from drawn_boards import DPI, HEIGHT, LENS, POSES, WIDTH, corners_seen, photograph, printed
from typer.testing import CliRunner

from tracker.calibration.boards import Board, BoardFinder, BoardKind, Corners
from tracker.calibration.lens import read_lens, write_lens
from tracker.calibration.pictures import errors_of, straight_view
from tracker.calibration.printing import MARGIN_MM, print_board
from tracker.calibration.solve import View, calibrate
from tracker.calibration.views import ViewCollector, pictures_in
from tracker.cli import app
from tracker.errors import CalibrationError

CHARUCO = Board.read("charuco:7x5:30:22")
CHESSBOARD = Board.read("chessboard:9x6:22")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Photographs of the ChArUco board, by name, and of nothing."""
    folder = tmp_path_factory.mktemp("photos")
    print_ = printed(CHARUCO, folder)
    for number, pose in enumerate(POSES):
        cv2.imwrite(str(folder / f"view_{number}.jpeg"), photograph(print_, CHARUCO, *pose))
    (folder / "board.png").unlink()
    return folder


def exact_views(poses=POSES, board=CHARUCO, lens=LENS):
    """Views whose corners are exactly where that lens has them."""
    ids = np.arange(board.n_corners)
    return [
        View(str(number), Corners(ids, corners_seen(board, *pose, lens)))
        for number, pose in enumerate(poses)
    ]


def test_a_board_is_read_as_it_is_written():
    assert Board(BoardKind.CHARUCO, 7, 5, 30.0, 22.0, "DICT_5X5_100") == CHARUCO
    assert Board.read("charuco:7x5:30") == replace(CHARUCO, marker_mm=22.5)
    assert Board.read(CHARUCO.text) == CHARUCO
    assert Board.read(CHESSBOARD.text) == CHESSBOARD
    assert (CHARUCO.n_corners, CHESSBOARD.n_corners) == (24, 40)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "is no board", id="nothing"),
        pytest.param("aruco:7x5:30", "is no board", id="unknown_kind"),
        pytest.param("charuco:7:30", "is no board", id="one_side"),
        pytest.param("charuco:7x5:3.0.1", "is no board", id="no_number"),
        pytest.param("chessboard:9x6:22:10", "has no markers", id="chessboard_with_markers"),
        pytest.param("chessboard:2x6:22", "3 to 50", id="too_few_squares"),
        pytest.param("chessboard:9x6:0", "0.1 to 10,000", id="no_size"),
        pytest.param("charuco:7x5:30:30", "smaller", id="markers_as_large_as_squares"),
        pytest.param("charuco:7x5:30:22:DICT_9", "there is no dictionary", id="unknown_dictionary"),
        pytest.param("charuco:20x20:30:22:DICT_4X4_50", "has 50 markers", id="too_few_markers"),
    ],
)
def test_a_board_that_cannot_be_is_refused(text, said):
    with pytest.raises(CalibrationError, match=said):
        Board.read(text)


@pytest.mark.parametrize("pose", [POSES[0], POSES[1], POSES[4]], ids=["flat", "tilted", "aside"])
@pytest.mark.parametrize("board", [CHARUCO, CHESSBOARD], ids=["charuco", "chessboard"])
def test_corners_are_found_where_the_lens_has_them(board, pose, tmp_path):
    photo = photograph(printed(board, tmp_path), board, *pose)
    found = BoardFinder(board).find(photo)
    assert len(found.ids) == board.n_corners
    expected = corners_seen(board, *pose)[found.ids]
    if np.hypot(*(found.xy - expected).T).max() > 10:  # a chessboard looks the same from behind
        expected = expected[::-1]
    off = np.hypot(*(found.xy - expected).T)
    assert np.sqrt((off**2).mean()) < 0.2


def test_a_colour_picture_shows_the_same_corners(photos):
    grey = cv2.imread(str(photos / "view_1.jpeg"), cv2.IMREAD_GRAYSCALE)
    colour = np.dstack([grey] * 3)
    finder = BoardFinder(CHARUCO)
    assert np.allclose(finder.find(grey).xy, finder.find(colour).xy, atol=0.05)


def test_half_a_charuco_board_is_enough_and_half_a_chessboard_is_not(tmp_path):
    flat = POSES[0]
    half = photograph(printed(CHARUCO, tmp_path), CHARUCO, *flat)
    half[:, : WIDTH // 2] = 200
    found = BoardFinder(CHARUCO).find(half)
    expected = corners_seen(CHARUCO, *flat)[found.ids]
    assert len(found.ids) in range(8, 16)
    assert np.abs(found.xy - expected).max() < 0.6
    (tmp_path / "board.png").unlink()
    half = photograph(printed(CHESSBOARD, tmp_path), CHESSBOARD, *flat)
    half[:, : WIDTH // 2] = 200
    assert BoardFinder(CHESSBOARD).find(half) is None


@pytest.mark.parametrize("board", [CHARUCO, CHESSBOARD], ids=["charuco", "chessboard"])
@pytest.mark.parametrize("grey", [0, 128], ids=["black", "grey"])
def test_nothing_is_found_where_there_is_no_board(board, grey):
    assert BoardFinder(board).find(np.full((HEIGHT, WIDTH), grey, np.uint8)) is None


def test_the_lens_that_drew_the_views_is_found_again():
    found = calibrate(exact_views(), CHARUCO, (HEIGHT, WIDTH))
    assert found.lens.focal_px == pytest.approx(LENS.focal_px, abs=0.01)
    assert found.lens.centre_px == pytest.approx(LENS.centre_px, abs=0.01)
    assert found.lens.distortion == pytest.approx(LENS.distortion, abs=1e-4)
    assert found.lens.reprojection_error_px < 1e-3
    assert found.lens.views == len(POSES)
    assert found.left_out == ()
    assert found.tilt_deg[0] == pytest.approx(0, abs=0.1)
    assert found.tilt_deg[1] == pytest.approx(30, abs=0.1)


def test_a_third_radial_term_is_found_where_it_is_asked_for():
    wide = LENS.model_copy(update={"distortion": (-0.3, 0.12, 0.0, 0.0, -0.03)})
    views = exact_views(lens=wide)
    found = calibrate(views, CHARUCO, (HEIGHT, WIDTH), third_radial=True)
    assert found.lens.distortion == pytest.approx(wide.distortion, abs=2e-3)
    assert calibrate(views, CHARUCO, (HEIGHT, WIDTH)).lens.distortion[4] == 0


def test_a_view_that_does_not_fit_the_others_is_left_out_and_named():
    rng = np.random.default_rng(1)
    views = [
        View(each.name, Corners(each.corners.ids, each.corners.xy + rng.normal(0, 0.1, (24, 2))))
        for each in exact_views()
    ]
    moved = views[3].corners.xy + rng.normal(0, 4, (24, 2))
    views[3] = View("shaken.png", Corners(views[3].corners.ids, moved))
    found = calibrate(views, CHARUCO, (HEIGHT, WIDTH))
    assert found.left_out == ("shaken.png",)
    assert found.lens.focal_px == pytest.approx(LENS.focal_px, abs=3)
    assert np.hypot(*errors_of(found, CHARUCO, 0).T).mean() == pytest.approx(0.125, abs=0.05)


TOO_LITTLE = {
    "few_views": (POSES[:4], "found in 4 pictures that differ, expected at least 5"),
    "the_middle_alone": (
        [(turn, (x / 9, y / 9, 1100)) for turn, (x, y, _) in POSES],
        "of the picture, expected at least 35%",
    ),
    "never_tilted": (
        [((0, 0, 5 * n), (70 * (n % 3 - 1), 60 * (n % 2) - 30, 300 + n)) for n in range(8)],
        "focal length",
    ),
}


@pytest.mark.parametrize(("poses", "said"), TOO_LITTLE.values(), ids=TOO_LITTLE.keys())
def test_views_that_say_too_little_are_refused(poses, said):
    with pytest.raises(CalibrationError, match=said):
        calibrate(exact_views(poses), CHARUCO, (HEIGHT, WIDTH))


def test_corners_that_are_nonsense_are_refused():
    rng = np.random.default_rng(2)
    views = [
        View(each.name, Corners(each.corners.ids, each.corners.xy + rng.normal(0, 8, (24, 2))))
        for each in exact_views()
    ]
    with pytest.raises(CalibrationError, match="px from where the best lens has them"):
        calibrate(views, CHARUCO, (HEIGHT, WIDTH))


def test_straight_points_come_back_where_they_were():
    rng = np.random.default_rng(3)
    xy = rng.uniform((0, 0), (WIDTH, HEIGHT), (200, 2))
    assert np.abs(LENS.bend(LENS.straighten(xy)) - xy).max() < 1e-6
    assert np.abs(LENS.straighten(xy) - xy).max() > 5  # it does something


def test_a_point_by_hand_is_bent_as_the_formula_says():
    lens = LENS.model_copy(
        update={
            "focal_px": (500.0, 500.0),
            "centre_px": (320.0, 240.0),
            "distortion": (-0.2, 0.1, 0.0, 0.0, 0.0),
        }
    )
    factor = 1 - 0.2 * 0.25 + 0.1 * 0.25**2  # 250 px out: r = 0.5, r^2 = 0.25
    assert lens.bend(np.array([570.0, 240.0])) == pytest.approx([320 + 250 * factor, 240])
    assert lens.straighten(np.array([320 + 250 * factor, 240])) == pytest.approx([570, 240])


def test_what_is_not_known_stays_unknown():
    xy = np.array([[[np.nan, 3.0], [100.0, 50.0]], [[10.0, np.nan], [5.0, 5.0]]], np.float32)
    straight = LENS.straighten(xy)
    assert straight.shape == xy.shape
    assert np.isnan(straight[:, 0]).all()
    assert np.isfinite(straight[:, 1]).all()


def test_a_point_that_the_formula_has_no_way_back_for_is_unknown():
    barrel = LENS.model_copy(update={"distortion": (-0.3, 0.0, 0.0, 0.0, 0.0)})
    beyond = 315 + 520 * 0.8  # r - 0.3 r^3 is 0.70 at most
    assert np.isnan(barrel.straighten(np.array([beyond, 244.0]))).all()
    assert np.isfinite(barrel.straighten(np.array([315 + 520 * 0.6, 244.0]))).all()


def test_a_lens_file_says_the_same_again(tmp_path):
    for name in ("lens.yaml", "lens.json"):
        write_lens(tmp_path / name, LENS)
        assert read_lens(tmp_path / name) == LENS
        with pytest.raises(CalibrationError, match="is there already"):
            write_lens(tmp_path / name, LENS)
    assert json.loads((tmp_path / "lens.json").read_text())["kind"] == "lens"


BAD_FILES = {
    "missing": (None, "cannot be read: No such file"),
    "not_yaml": ("{", "is not YAML"),
    "another_file": ("rig: {}", "is not a lens as tracker calibrate writes it"),
    "centre_outside": (
        LENS.model_copy(update={"centre_px": (-5.0, 3.0)}).model_dump_json(),
        "lies outside of a picture of 640x480",
    ),
    "newer": (LENS.model_dump_json().replace('version":1', 'version":2'), "schema_version"),
}


@pytest.mark.parametrize(("content", "said"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_file_that_is_no_lens_is_refused(content, said, tmp_path):
    file = tmp_path / "lens.yaml"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(CalibrationError, match=said):
        read_lens(file)


def test_pictures_of_another_size_are_refused():
    LENS.refuse_other((480, 640))
    LENS.refuse_other((480, 640, 3))
    with pytest.raises(CalibrationError, match="for pictures of 640x480, and the camera gives"):
        LENS.refuse_other((960, 1280))


def test_a_straight_line_is_straight_in_the_straight_view():
    lines = np.full((HEIGHT, WIDTH), 255, np.uint8)
    straight = np.stack((np.arange(20.0, 620), np.full(600, 60.0)), axis=1)
    cv2.polylines(lines, [np.round(LENS.bend(straight)).astype(np.int32)], False, 0, 2)
    rows = np.argmin(straight_view(lines, LENS)[20:110, 60:580], axis=0) + 20
    assert np.ptp(np.argmin(lines[20:110, 60:580], axis=0)) > 6
    assert np.abs(rows - 60).max() <= 2


def test_a_printed_board_has_its_size(tmp_path):
    width_mm, height_mm = print_board(tmp_path / "b.png", CHARUCO, DPI)
    picture = cv2.imread(str(tmp_path / "b.png"), cv2.IMREAD_GRAYSCALE)
    assert (width_mm, height_mm) == (7 * 30 + 20, 5 * 30 + 30)
    assert picture.shape == (round(height_mm * 5), round(width_mm * 5))  # 127 dpi: 5 px per mm
    first = picture[int(5 * (MARGIN_MM + 15))]
    assert np.flatnonzero(first < 128)[0] == 50
    assert np.flatnonzero(first[50:] > 128)[0] == 150  # a black square of 30 mm


def test_a_board_is_a_pdf_of_its_size(tmp_path):
    print_board(tmp_path / "b.pdf", CHESSBOARD)
    points = 72 / 25.4
    box = f"/MediaBox [ 0 0 {(9 * 22 + 20) * points:.5f}".encode()[:24]
    assert box in (tmp_path / "b.pdf").read_bytes()


@pytest.mark.parametrize(
    ("name", "dpi", "said"),
    [
        pytest.param("b.jpg", 300, r"ends in \.pdf or \.png", id="another_ending"),
        pytest.param("there.png", 300, "is there already", id="there"),
        pytest.param("b.png", 2400 * 2, "is too large", id="too_large"),
        pytest.param("no/b.png", 72, "cannot be written", id="no_folder"),
    ],
)
def test_a_board_that_cannot_be_written_is_refused(name, dpi, said, tmp_path):
    (tmp_path / "there.png").touch()
    with pytest.raises(CalibrationError, match=said):
        print_board(tmp_path / name, CHARUCO, dpi)


def test_views_that_are_alike_are_kept_once(photos):
    collector = ViewCollector(BoardFinder(CHARUCO), most=2)
    image = cv2.imread(str(photos / "view_0.jpeg"), cv2.IMREAD_GRAYSCALE)
    assert collector.take("one", image) is not None
    assert collector.take("again", image) is None
    assert (collector.n_seen, collector.n_found, len(collector.views)) == (2, 2, 1)
    assert not collector.is_full
    other = cv2.imread(str(photos / "view_4.jpeg"), cv2.IMREAD_GRAYSCALE)
    collector.take("other", other)
    assert collector.is_full
    with pytest.raises(CalibrationError, match="all from one camera"):
        collector.take("small", image[::2, ::2])


def test_pictures_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.png").write_text("no picture")
    for path, said in (
        (tmp_path / "gone.png", "does not exist"),
        (tmp_path / "empty", "holds no picture"),
        (tmp_path / "text.png", "not a picture"),
    ):
        with pytest.raises(CalibrationError, match=said):
            list(pictures_in([path]))


def tracker_calibrate(*arguments):
    return CliRunner().invoke(app, ["calibrate", *map(str, arguments)])


def test_the_command_makes_a_lens_and_a_picture_of_it(photos, tmp_path):
    out = tmp_path / "lens.yaml"
    done = tracker_calibrate(photos, "--board", CHARUCO.text, "--out", out, "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert (said["pictures"], said["with_board"]) == (len(POSES), len(POSES))
    assert said["reprojection_error_px"] < 0.2
    lens = read_lens(out)
    assert lens.focal_px == pytest.approx(LENS.focal_px, abs=3)
    assert cv2.imread(str(tmp_path / "lens.png")).shape[1] == 1200
    again = tracker_calibrate(photos, "--board", CHARUCO.text, "--out", out)
    assert isinstance(again.exception, CalibrationError)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param([], "--board is missing", id="no_board"),
        pytest.param(["--board", "chessboard:9x6:22"], "one of the two", id="no_source"),
        pytest.param(["x", "--board", "chessboard:9x6:22"], "does not exist", id="no_such_file"),
    ],
)
def test_the_command_says_what_is_missing(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert said in str(tracker_calibrate(*arguments).exception)


def test_the_command_says_that_a_board_was_not_found(photos, tmp_path):
    board = ["--board", "chessboard:10x10:22", "--out", tmp_path / "l.yaml"]
    done = tracker_calibrate(photos / "view_0.jpeg", *board)
    assert "was found in none of 1 pictures" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def film(photos, tmp_path):
    """The photographs one after the other, twice as long as each has to be shown."""
    path = tmp_path / "board.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=4)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
        for number in range(2 * len(POSES)):
            image = cv2.imread(str(photos / f"view_{number // 2}.jpeg"), cv2.IMREAD_GRAYSCALE)
            frame = av.VideoFrame.from_ndarray(image, format="gray")
            frame.pts, frame.time_base = number, Fraction(1, 4)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def test_of_a_camera_views_that_differ_are_kept_until_there_are_enough(film, tmp_path):
    config = tmp_path / "rig.yaml"
    config.write_text(
        f"rig:\n  camera: {{kind: video_file, path: {film}, fast: true}}\n"
        "  arena: {px_per_cm: 10}\nbehaviours: {here: {rule: x > 1 cm}}\n",
        encoding="utf-8",
    )
    out = tmp_path / "seven.yaml"
    asked = ["--board", CHARUCO.text, "--views", 7, "--out", out, "--json"]
    done = tracker_calibrate("--camera", config, *asked)
    assert done.exit_code == 0, (done.output, done.exception)
    said = json.loads(done.stdout)
    assert (said["views"], said["pictures"]) == (7, 13), "it stops once there are enough"
    assert read_lens(out).views == 7
