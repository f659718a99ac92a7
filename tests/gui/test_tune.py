"""The window of `tracker tune`, offscreen: steps shown, knobs turned, settings written."""

import numpy as np
import pytest

pytest.importorskip("PySide6.QtWidgets", reason="Qt cannot be loaded", exc_type=ImportError)

from drawn_bodies import draw, floor, frame
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tracker.errors import ConfigError
from tracker.gui.tune import Tuned, TuneWindow
from tracker.observers.threshold import ThresholdSettings
from tracker.tuning import Material, knobs_of, try_out, turned

IMAGE = draw(draw(floor(), 80, 120), 220, 120, grey=100)  # a dark one, and a lighter one


@pytest.fixture
def written():
    return []


@pytest.fixture
def window(qapp, written):
    settings = ThresholdSettings(highest=60, max_animals=5)
    material = Material((), frame(IMAGE), np.zeros_like(IMAGE), 1)

    def write(values):
        if values["highest"] == 61:
            raise ConfigError("mine.yaml cannot be written: it is locked")
        written.append(dict(values))
        return ["highest"]

    made = TuneWindow(
        Tuned(
            "tracker tune",
            knobs_of(settings),
            lambda values: try_out(turned(settings, values), material),
            write,
        )
    )
    made.resize(1000, 700)
    made.show()
    yield made
    made.close()
    made.deleteLater()
    qapp.processEvents()


def test_it_opens_with_all_steps_and_the_result_in_front(window):
    assert window.list.count() == 5
    assert window.list.currentRow() == 4
    assert window.said.text() == "1 found"


def test_a_turned_knob_is_tried(window):
    window.knobs.widgets["highest"].setValue(120)
    window.refresh()
    assert window.said.text() == "2 found"
    assert window.list.currentRow() == 4


def test_it_is_tried_by_itself_a_moment_after_the_last_turn(window, qapp):
    window.knobs.widgets["highest"].setValue(120)
    QTest.qWait(200)
    assert window.said.text() == "2 found"


def test_the_step_that_was_looked_at_stays(window):
    window.list.setCurrentRow(1)
    window.knobs.widgets["highest"].setValue(120)
    window.refresh()
    assert window.list.currentRow() == 1


def test_settings_that_cannot_be_are_refused_in_words_and_cannot_be_written(window):
    window.knobs.widgets["lowest"].setValue(90)
    window.refresh()
    assert "highest is 60, expected no less than lowest, 90" in window.said.text()
    assert not window.button.isEnabled()


def test_a_limit_that_does_not_hold_is_none_until_it_is_switched_on(window, written):
    assert window.knobs.values["max_area_px2"] is None
    box = next(
        each
        for each in window.knobs.findChildren(type(window.knobs.widgets["otsu"]))
        if each.text() == "max_area_px2 (none)"
    )
    QTest.mouseClick(box, Qt.MouseButton.LeftButton)
    assert window.knobs.values["max_area_px2"] == window.knobs.widgets["max_area_px2"].value()


def test_the_button_writes_what_the_knobs_say(window, written):
    window.knobs.widgets["highest"].setValue(120)
    QTest.mouseClick(window.button, Qt.MouseButton.LeftButton)
    assert written[0]["highest"] == 120
    assert window.said.text() == "written: highest"


def test_a_file_that_cannot_be_written_is_told(window, written):
    window.knobs.widgets["highest"].setValue(61)
    QTest.mouseClick(window.button, Qt.MouseButton.LeftButton)
    assert window.said.text() == "nothing was written: mine.yaml cannot be written: it is locked"
    assert not written
