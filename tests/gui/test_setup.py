"""Zones and scale drawn with the mouse on the picture, offscreen, into a file."""

import numpy as np
import pytest
from view_ends import FACTS, SESSION, observation, picture_of

pytest.importorskip("PySide6.QtWidgets", reason="Qt cannot be loaded", exc_type=ImportError)

from fake_link import FakeLink, settle
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest

from tracker.gui.arena_file import read_arena
from tracker.gui.link import Found
from tracker.gui.rig import Picture
from tracker.gui.rig_view import RigView
from tracker.gui.theme import DARK

FILE = """\
rig:
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
