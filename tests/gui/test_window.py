"""The window around the rigs: the wall, the keys that switch, sizes, pictures of itself."""

import os
import subprocess
import sys

import msgspec
import numpy as np
import pytest
from view_ends import FACTS, SESSION, observation, picture_of, status

pytest.importorskip("PySide6.QtWidgets", reason="Qt cannot be loaded", exc_type=ImportError)

from PySide6.QtCore import QPoint, QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tracker.commands.viewing import with_port
from tracker.errors import WireError
from tracker.gui.app import ViewOptions, Window, take_screenshot
from tracker.gui.link import Found, Heard
from tracker.gui.rig import Picture
from tracker.gui.wall import Tile
from tracker.messages import Kind

NOWHERE = ("ipc:///tmp/nobody-is-there-1", "ipc:///tmp/nobody-is-there-2")


@pytest.fixture
def settings(tmp_path):
    return QSettings(str(tmp_path / "view.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def make(qapp, settings):
    """Makes windows whose links are not started, and closes them."""
    made = []

    def window(*addresses, **options):
        made.append(Window(ViewOptions(addresses, **options), settings))
        made[-1].show()
        return made[-1]

    yield window
    for each in made:
        each.close()
        each.deleteLater()
    qapp.processEvents()


def hear(view, **changes):
    """Let a view know of a session that runs."""
    view.link._heard_s = float("inf")  # heard just now, for ever
    view.link.inbox += [
        Found(SESSION, FACTS, 0),
        Heard("observation/x", observation(100)),
        Heard("status/x", status(0, 1.0, **changes)),
    ]


def settle(window):
    """Let it take in all there is: one tick takes only as much as it has time for."""
    while any(view.link.inbox for view in window.views):
        window.tick()


def test_one_rig_fills_the_window(make):
    window = make(NOWHERE[0])
    assert window.wall is None
    assert window.centralWidget().currentWidget() is window.views[0]


def test_several_rigs_are_a_wall_and_a_click_opens_one(make):
    window = make(*NOWHERE)
    assert window.centralWidget().currentWidget() is window.wall
    QTest.mouseClick(window.wall.tiles[1], Qt.MouseButton.LeftButton, pos=QPoint(50, 50))
    assert window.centralWidget().currentWidget() is window.views[1]
    assert [link.pictures for link in window.links] == [Kind.THUMBNAIL, Kind.FRAME]
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert window.centralWidget().currentWidget() is window.wall
    assert window.links[1].pictures is Kind.THUMBNAIL


def test_digits_open_rigs(make):
    window = make(*NOWHERE)
    QTest.keyClick(window, Qt.Key.Key_2)
    assert window.centralWidget().currentWidget() is window.views[1]


def test_a_tile_says_in_a_line_how_its_rig_does(make):
    window = make(*NOWHERE)
    hear(window.views[0], armed_by="anna", latency_p99_ms=8.0)
    settle(window)
    tile = window.wall.tiles[0]
    assert isinstance(tile, Tile)
    assert tile._name() == "1  m12"
    assert tile._numbers() == "ARMED   p99 8 ms   0:01"
    assert window.wall.tiles[1]._name() == "2  ipc:///tmp/nobody-is-there-2"


def test_cameras_that_look_at_one_animal_are_told_apart(make):
    window = make(*NOWHERE)
    for view, camera in zip(window.views, ("top", "side"), strict=True):
        hear(view)
        facts = msgspec.structs.replace(FACTS, camera=camera)
        view.link.inbox.append(Found(SESSION, facts, 0))
    settle(window)
    assert [tile._name() for tile in window.wall.tiles] == ["1  m12  top", "2  m12  side"]


def test_sixteen_rigs_show_live_pictures_side_by_side(make):
    """Each tile has its own grey; in four rows of four, as large as the window allows."""
    window = make(*(f"ipc:///tmp/nobody-{k}" for k in range(16)), size=(1280, 960))
    for k, view in enumerate(window.views):
        hear(view)
        grey = np.full((48, 64), 40 + 12 * k, np.uint8)
        view.link._picture = Picture(picture_of(100), grey)
    settle(window)
    window.tick()
    QApplication.processEvents()
    shown = window.wall.grab().toImage()
    for k, tile in enumerate(window.wall.tiles):
        middle = tile.mapTo(window.wall, QPoint(tile.width() // 2, tile.height() // 2 + 27))
        assert abs(shown.pixelColor(middle).red() - (40 + 12 * k)) <= 1, k
        assert tile.width() > 290
        assert tile.height() > 200


def test_enter_behind_a_name_does_not_answer_the_question_that_follows(make, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("rig:\n  arena:\n    px_per_cm: 10.0\n    zones: {}\n", encoding="utf-8")
    window = make(NOWHERE[0], setup=file)
    view = window.views[0]
    QTest.keyClick(window, Qt.Key.Key_Z)
    QTest.keyClicks(view.bar.entry, "nest")
    QTest.keyClick(view.bar.entry, Qt.Key.Key_Return)
    assert view.setup.draws
    assert view.bar.text.text().startswith("Draw nest")
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not view.setup.draws


def test_escape_leaves_what_is_being_written(make):
    window = make(NOWHERE[0])
    view = window.views[0]
    view.ask_note()
    QTest.keyClicks(view.bar.entry, "not this")
    QTest.keyClick(view.bar.entry, Qt.Key.Key_Escape)
    assert not view.bar.asks


def test_rigs_are_followed_while_the_wall_is_shown(make):
    window = make(*NOWHERE)
    hear(window.views[1])
    settle(window)
    assert window.views[1].rig.session == SESSION


def test_the_theme_is_switched_and_remembered(make, settings):
    window = make(NOWHERE[0])
    before = window.theme.name
    QTest.keyClick(window, Qt.Key.Key_T)
    assert window.theme.name != before
    window.close()
    assert settings.value("theme") == window.theme.name
    assert make(NOWHERE[0]).theme.name == window.theme.name


def test_sizes_are_remembered(make):
    first = make(NOWHERE[0], size=(1280, 800))
    first.views[0]._splitters["above"].setSizes([300, 400, 300])
    QApplication.processEvents()
    wanted = first.views[0]._splitters["above"].sizes()
    first.close()
    second = make(NOWHERE[0], size=(1280, 800))
    QApplication.processEvents()
    assert second.views[0]._splitters["above"].sizes() == pytest.approx(wanted, abs=8)


def test_drawing_takes_more_time_where_there_is_none(make):
    window = make(NOWHERE[0])
    window._timer.start(16)
    window.took_ms = 60.0
    window.tick()
    assert window._timer.interval() == 16, "nothing has been painted yet"
    QTest.qWait(0)
    QApplication.processEvents()
    assert 60 < window._timer.interval() <= 120
    window.took_ms = 2.0
    window._began_s = None
    window.tick()
    QApplication.processEvents()
    assert window._timer.interval() == 16


def test_a_screenshot_of_nothing_says_so(qapp, tmp_path):
    with pytest.raises(WireError, match="no session was found"):
        take_screenshot(ViewOptions([NOWHERE[0]]), tmp_path / "x.png", 0.0, 0.1)
    assert not (tmp_path / "x.png").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="other priorities")
def test_the_view_lets_the_experiment_go_first_from_its_first_moment():
    """Also while Qt is loaded, and not twice as much if it is said twice."""
    said = (
        "import os, sys; sys.argv = ['tracker', 'view', '--theme', 'pink'];"
        "from tracker.__main__ import main;"
        "import contextlib;"
        "\nwith contextlib.suppress(SystemExit): main()"
        "\nfrom tracker.gui.display import step_back; step_back();"
        "print(os.nice(0), 'PySide6' in sys.modules)"
    )
    before = os.nice(0)
    done = subprocess.run(
        [sys.executable, "-c", said], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.splitlines()[-1] == f"{max(before, 10)} False"


@pytest.mark.parametrize(
    ("address", "full"),
    [
        ("tcp://rig1", "tcp://rig1:5557"),
        ("tcp://rig1:6000", "tcp://rig1:6000"),
        ("tcp://[fe80::1]", "tcp://[fe80::1]:5557"),
        ("tcp://[fe80::1]:6000", "tcp://[fe80::1]:6000"),
        ("ipc:///tmp/x", "ipc:///tmp/x"),
    ],
)
def test_an_address_without_a_port_has_the_usual_one(address, full):
    assert with_port(address) == full


def refused(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "tracker", "view", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--theme", "pink"], "expected dark or light", id="theme"),
        pytest.param(["--size", "large"], "expected WIDTHxHEIGHT", id="size"),
        pytest.param(["--setup", "gone.yaml"], "gone.yaml is not there", id="setup"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(arguments, says):
    assert says in refused(*arguments)
