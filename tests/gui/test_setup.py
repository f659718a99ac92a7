"""Zones and scale drawn with the mouse on the picture, offscreen, into a file."""

import msgspec
import numpy as np
import pytest
from view_ends import FACTS, SESSION, observation, picture_of

pytest.importorskip("PySide6.QtWidgets", reason="Qt cannot be loaded", exc_type=ImportError)

from fake_link import FakeLink, settle
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest

from tracker.control.description import CameraOption
from tracker.gui.arena_file import read_arena
from tracker.gui.link import Found
from tracker.gui.rig import Picture
from tracker.gui.rig_view import RigView
from tracker.gui.theme import DARK

FILE = """\
rig:
  camera:
    kind: synthetic   # for now
    fps: 30
  arena:
    px_per_cm: 10.0   # by eye
    zones: {}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(FILE, encoding="utf-8")
    return path


@pytest.fixture
def view(qapp, file):
    """A view of 64 x 48 px with a picture, which draws into the file."""
    made = RigView(FakeLink(), setup=file)
    made.dress(DARK)
    made.resize(1280, 800)
    made.show()
    made.link.inbox.append(Found(SESSION, FACTS, 0))
    made.link.hear("observation", observation(5))
    made.link.picture = Picture(picture_of(5), np.zeros((24, 32), np.uint8))
    settle(made)
    made.grab()
    yield made
    made.close()
    made.deleteLater()
    qapp.processEvents()


def where(view, x, y):
    """The place in the widget that shows a place of the sensor."""
    return view.video.view.mapFromScene(view.video.box.mapViewToScene(QPointF(x, y)))


def drag(view, start, end, modifier=Qt.KeyboardModifier.NoModifier):
    pane = view.video.view.viewport()
    QTest.mousePress(pane, Qt.MouseButton.LeftButton, modifier, where(view, *start))
    QTest.mouseMove(pane, where(view, *end))
    QTest.mouseRelease(pane, Qt.MouseButton.LeftButton, modifier, where(view, *end))
    settle(view)


def write(view, text):
    QTest.keyClicks(view.bar.entry, text)
    QTest.keyClick(view.bar.entry, Qt.Key.Key_Return)
    settle(view)


def zone(file, name):
    return read_arena(file).zones[name].model_dump(exclude={"hysteresis_cm"})


def test_a_drag_is_a_rectangle(view, file):
    view.press("z")
    write(view, "nest")
    drag(view, (40, 30), (10, 20))
    found = zone(file, "nest")
    assert found.pop("kind") == "rectangle"
    expected = {"x_px": 10, "y_px": 20, "width_px": 30, "height_px": 10}
    assert found == pytest.approx(expected, abs=0.3)
    assert "nest is in" in view.bar.text.text()
    assert "# by eye" in file.read_text()


def test_a_drag_with_ctrl_is_a_circle(view, file):
    view.press("z")
    write(view, "food")
    drag(view, (30, 20), (33, 24), Qt.KeyboardModifier.ControlModifier)
    assert zone(file, "food")["radius_px"] == pytest.approx(5.0, abs=0.3)


def test_clicks_are_the_corners_of_a_polygon(view, file):
    view.press("z")
    write(view, "ramp")
    for corner in ((10, 10), (40, 10), (25, 35)):
        drag(view, corner, corner)
    view.press("enter")
    settle(view)
    points = np.array(zone(file, "ramp")["points_px"])
    assert points == pytest.approx(np.array([(10, 10), (40, 10), (25, 35)]), abs=0.3)


@pytest.mark.parametrize("clicks", [False, True], ids=["dragged", "clicked"])
def test_a_line_of_known_length_gives_the_scale(view, file, clicks):
    view.press("k")
    if clicks:
        drag(view, (10, 5), (10, 5))
        drag(view, (50, 35), (50, 35))
    else:
        drag(view, (10, 5), (50, 35))  # 50 px
    assert "50 px" in view.bar.text.text()
    write(view, "2,5")
    assert read_arena(file).px_per_cm == pytest.approx(20.0, abs=0.2)


def test_the_border_of_the_arena_is_a_zone_that_is_the_wall(view, file):
    view.press("b")
    drag(view, (4, 4), (60, 44))
    arena = read_arena(file)
    assert arena.floor == "arena"
    assert arena.zones["arena"].width_px == pytest.approx(56, abs=0.5)


def corners(view, *places):
    view.press("p")
    for corner in places:
        drag(view, corner, corner)


def test_four_corners_of_a_known_rectangle_say_where_the_floor_is(view, file):
    """A trapezium of 40 px above and 56 px below is 8 x 4 cm on the floor."""
    corners(view, (12, 8), (52, 8), (60, 40), (4, 40))
    assert "As 40 x 30" in view.bar.text.text()
    write(view, "8 x 4 cm")
    arena = read_arena(file)
    assert arena.px_per_cm is None
    points = [(each.x_cm, each.y_cm) for each in arena.plane.points]
    assert points == [(0, 0), (8, 0), (8, 4), (0, 4)]
    assert arena.plane.points[0].x_px == pytest.approx(12, abs=0.5)
    assert "# by eye" in file.read_text()
    view.press("k")  # a length in place of the corners
    drag(view, (10, 5), (50, 35))
    write(view, "2.5")
    assert read_arena(file).px_per_cm == pytest.approx(20.0, abs=0.2)
    assert read_arena(file).plane is None


@pytest.mark.parametrize(
    ("places", "size", "says"),
    [
        pytest.param(
            ((4, 40), (60, 40), (52, 8), (12, 8)), "8 x 4", "mirror image", id="the_other_way_round"
        ),
        pytest.param(
            ((12, 8), (52, 8), (60, 40), (4, 40)), "large", "is no width and depth", id="no_size"
        ),
        pytest.param(
            ((12, 8), (52, 8), (60, 40), (4, 40)), "0 x 4", "lengths above 0", id="no_width"
        ),
    ],
)
def test_what_is_no_rectangle_on_a_floor_is_not_written(view, file, places, size, says):
    corners(view, *places)
    write(view, size)
    assert says in view.bar.text.text()
    assert file.read_text() == FILE


OPTIONS = (
    CameraOption(name="fps", value=30.0, least=1.0, most=200.0),
    CameraOption(name="width", value=64, least=32.0, most=1280.0, whole=True),
    CameraOption(name="colour", value=False, choices=("false", "true")),
)


@pytest.fixture
def with_options(view):
    """The same view of a session whose camera says which settings it has."""
    facts = msgspec.structs.replace(FACTS, camera="synthetic", camera_options=OPTIONS)
    view.link.inbox.append(Found(SESSION, facts, 0))
    settle(view)
    return view


def choose(view, name):
    """Open the list of settings, and take one."""
    view.press("o")
    (action,) = [each for each in view.setup.menu.actions() if each.text().startswith(name)]
    view.setup.menu.close()
    action.trigger()


def test_the_settings_are_those_that_the_camera_has(with_options):
    with_options.press("o")
    assert [each.text() for each in with_options.setup.menu.actions()] == [
        "fps: 30.0   (1 to 200)",
        "width: 64   (32 to 1280)",
        "colour: false   (false, true)",
    ]
    with_options.setup.menu.close()


@pytest.mark.parametrize(
    ("name", "written", "line"),
    [
        ("fps", "59,94", "fps: 59.94"),
        ("width", "128", "width: 128"),
        ("colour", "true", "colour: true"),
    ],
)
def test_a_setting_is_written_and_comments_stay(with_options, file, name, written, line):
    choose(with_options, name)
    assert with_options.bar.text.text().startswith(f"{name}, now ")
    write(with_options, written)
    assert line in file.read_text()
    assert "# for now" in file.read_text()
    assert "from the next session on" in with_options.bar.text.text()


@pytest.mark.parametrize(
    ("name", "written", "says"),
    [
        ("fps", "500", "fps is 500: this camera can do 1 to 200"),
        ("fps", "fast", "fps is fast: this camera can do 1 to 200"),
        ("width", "64.5", "expected a whole number"),
        ("colour", "red", "can do false, true"),
    ],
)
def test_what_the_camera_cannot_do_is_not_written(with_options, file, name, written, says):
    choose(with_options, name)
    write(with_options, written)
    assert says in with_options.bar.text.text()
    assert file.read_text() == FILE


def test_another_camera_than_that_of_the_file_is_not_set(with_options, file):
    file.write_text(FILE.replace("synthetic", "basler"), encoding="utf-8")
    choose(with_options, "fps")
    write(with_options, "50")
    assert "the camera of this session is synthetic, and that of" in with_options.bar.text.text()


def test_a_camera_that_does_not_say_what_it_has_cannot_be_set(view):
    view.press("o")
    assert view.bar.text.text() == "the camera does not say which settings it has"


def test_no_length_writes_nothing(view, file):
    view.press("k")
    drag(view, (10, 5), (50, 35))
    write(view, "long")
    assert "is no length" in view.bar.text.text()
    assert file.read_text() == FILE


def test_what_is_left_is_not_drawn(view, file):
    view.press("z")
    write(view, "nest")
    view.press("escape")
    assert not view.setup.draws
    drag(view, (10, 10), (20, 20))
    assert file.read_text() == FILE


def test_a_bad_name_is_said_and_not_written(view, file):
    view.press("z")
    write(view, "My Nest")
    drag(view, (10, 10), (20, 20))
    assert view.bar.text.text().startswith("nothing was written")
    assert file.read_text() == FILE


def test_a_zone_is_taken_away(view, file):
    view.press("z")
    write(view, "nest")
    drag(view, (10, 10), (20, 20))
    view.press("x")
    assert "(nest)" in view.bar.text.text()
    write(view, "nest")
    assert list(read_arena(file).zones) == []


def test_without_a_file_it_says_how(qapp):
    view = RigView(FakeLink())
    view.press("z")
    assert "tracker view --setup" in view.bar.text.text()
    view.deleteLater()
