"""The window's parts, offscreen: what they show of what is known, and what keys and mouse do."""

import time

import msgspec
import numpy as np
import pytest
from view_ends import FACTS, SESSION, episode, log, observation, picture_of, status, stimulus

from tracker.control.envelope import Objection
from tracker.control.remote import RequestRefused

pytest.importorskip("PySide6.QtWidgets", reason="Qt cannot be loaded", exc_type=ImportError)

from fake_link import FakeLink, settle
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest

from tracker.gui.link import Found, Problem
from tracker.gui.rig import Picture
from tracker.gui.rig_view import LARGE_AGAIN_S, LATE_FOR_S, RigView
from tracker.gui.stimuli_panel import describe
from tracker.gui.theme import DARK, LIGHT
from tracker.gui.timeline import SPANS_S
from tracker.messages import Kind


@pytest.fixture
def view(qapp):
    link = FakeLink()
    made = RigView(link)
    made.dress(DARK)
    made.resize(1280, 800)
    made.show()
    yield made
    made.close()
    made.deleteLater()
    qapp.processEvents()


@pytest.fixture
def busy(view):
    """A view of a session of six seconds: still from 2 s to 4 s, one stimulus."""
    link = view.link
    link.inbox.append(Found(SESSION, FACTS, 0))
    for index in range(600):
        still = 200 <= index < 400
        link.hear("observation", observation(index, 0.5 if still else 9.0))
    link.hear("episode", episode("new", 200, seq=0))
    link.hear("episode", episode("end", 200, 399, seq=1))
    link.hear("stimulus", stimulus(0, 2.2))
    link.hear("status", status(0, 6.0, stimuli={"delivered": 1}))
    settle(view)
    return view


def image_of(widget):
    """What a widget looks like: (height, width, 4)."""
    picture = (
        widget.grab().toImage().convertToFormat(widget.grab().toImage().Format.Format_RGBA8888)
    )
    pixels = np.frombuffer(picture.constBits(), np.uint8).copy()  # the picture goes
    return pixels.reshape(picture.height(), picture.bytesPerLine() // 4, 4)[:, : picture.width()]


def how_much(widget, colour):
    """Pixels of a widget that have a colour."""
    wanted = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    return int((np.abs(image_of(widget)[..., :3].astype(int) - wanted).max(axis=2) <= 3).sum())


def press(view, *keys):
    for key in keys:
        assert view.press(key)
    settle(view)


def test_empty_it_says_what_it_waits_for(view):
    settle(view)
    assert view.top.reason.text() == "Looking for a session at tcp://127.0.0.1:5557"
    assert not any(button.isEnabled() for button in view.session.buttons.values())


def test_a_busy_one_says_that_all_is_well(busy):
    assert busy.top.reason.text() == "All frames processed, 100/s"
    assert busy.top.lamp.text() == "●"
    assert busy.top.subject.text() == "m12"
    assert busy.top.time.text() == "0:06 / 10:00"
    assert busy.health.facts.value("frames") == "100 of 100 processed"
    assert busy.health.facts.value("disk") == "full in 2 days (100 GB free)"


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        pytest.param({}, "", id="none"),
        pytest.param(
            {"gpu": "NVIDIA T4", "gpu_busy": 0.37, "gpu_memory": 0.25},
            "37% busy, 25% of its memory",
            id="all",
        ),
        pytest.param({"gpu": "a MIG part"}, "a MIG part", id="name_alone"),
    ],
)
def test_it_says_how_busy_the_gpu_is(busy, told, shown):
    busy.link.hear("status", status(1, 6.5, **told))
    settle(busy)
    assert busy.health.facts.value("GPU") == shown


def test_a_row_of_the_ethogram_says_whose_episodes_it_shows(busy):
    alone = image_of(busy.ethogram.raster)
    message = msgspec.structs.replace(episode("new", 500, seq=2, n=2), subject="visitor")
    busy.link.hear("episode", message)
    settle(busy)
    assert busy.rig.bouts["freezing"].subject == "visitor"
    names = slice(0, 30), slice(0, 140)
    with_name = image_of(busy.ethogram.raster)
    assert (alone[names] != with_name[names]).any()


def test_the_lamp_has_another_shape_for_each_colour(busy):
    shapes = [busy.top.lamp.text()]
    for seq, changes in enumerate(({"ring_fill": 0.8}, {"unexplained": 1}), start=1):
        busy.link.hear("status", status(seq, 6.0 + seq / 2, **changes))
        settle(busy)
        shapes.append(busy.top.lamp.text())
    assert shapes == ["●", "▲", "■"]


def test_a_lost_connection_is_a_sentence_and_comes_back(busy):
    busy.link.silent_s = 1.0
    busy.link.inbox.append(Problem("nobody answers"))
    settle(busy)
    assert busy.top.reason.text().startswith("Connection lost")
    assert not busy.session.buttons["arm"].isEnabled()
    press(busy, "space")
    assert busy.bar.text.text() == "not connected: nothing was sent"
    assert busy.link.remote.calls == []
    busy.link.silent_s = 0.0
    settle(busy)
    assert busy.top.reason.text().startswith("All frames")
    assert busy.session.lines.text.splitlines()[0].endswith("connected")


def test_of_a_lost_connection_it_is_not_said_that_it_is_armed(busy):
    busy.link.hear("status", status(1, 6.5, armed_by="anna"))
    settle(busy)
    busy.link.silent_s = 5.0
    settle(busy)
    assert busy.top.armed.text() == busy.stimuli.state.text() == "was armed"
    assert "what is so now is not known" in busy.stimuli.why.text()


def test_one_key_marks(busy):
    press(busy, "space")
    assert busy.link.remote.calls == [("mark", "mark", "")]
    assert busy.bar.text.text() == "marked: mark"


def test_a_note_is_written_without_stopping_anything(busy):
    press(busy, "n")
    assert busy.bar.asks
    QTest.keyClicks(busy.bar.entry, "door opened")
    busy.link.hear("observation", observation(600))
    settle(busy)
    assert busy.rig.now_s == 6.0
    QTest.keyClick(busy.bar.entry, Qt.Key.Key_Return)
    assert busy.link.remote.calls == [("mark", "door opened", "")]


@pytest.mark.parametrize(
    ("filming", "asks", "asked"),
    [(False, "Start the video?", True), (True, "Stop the video? All else", False)],
    ids=["start", "stop"],
)
def test_the_video_is_started_and_stopped_by_a_key_that_asks_first(busy, filming, asks, asked):
    busy.link.hear("status", status(1, 6.5, filming=filming))
    settle(busy)
    press(busy, "r")
    assert busy.bar.text.text().startswith(asks)
    assert busy.link.remote.calls == []
    press(busy, "enter")
    assert busy.link.remote.calls == [("film", asked, "")]


def test_where_the_video_is_not_started_by_hand_nobody_is_asked(busy):
    assert busy.session.facts.value("video") == ""
    assert not busy.session.buttons["film"].isEnabled()
    press(busy, "r")
    assert not busy.bar.asks
    assert "outputs.recording.by_hand" in busy.bar.text.text()


def test_a_video_that_does_not_run_is_said(busy):
    busy.link.hear("status", status(1, 6.5, filming=False))
    settle(busy)
    assert busy.session.facts.value("video") == "does not run: r starts it"
    assert busy.session.buttons["film"].isEnabled()
    busy.link.hear("status", status(2, 7.0, filming=True))
    settle(busy)
    assert busy.session.facts.value("video") == "● runs"


def test_arming_asks_first(busy):
    press(busy, "a")
    assert busy.bar.text.text().startswith("Arm light?")
    assert busy.link.remote.calls == []
    press(busy, "escape")
    assert (busy.link.remote.calls, busy.bar.asks) == ([], False)
    press(busy, "a", "enter")
    assert busy.link.remote.calls == [("arm", "")]


def test_disarming_does_not_ask(busy):
    press(busy, "d")
    assert busy.link.remote.calls == [("disarm", "in the live view")]


def test_ending_asks_first(busy):
    press(busy, "q")
    assert busy.link.remote.calls == []
    press(busy, "enter")
    assert busy.link.remote.calls == [("stop", "")]


def test_what_is_refused_is_said(busy):
    busy.link.fails_with = RequestRefused(Objection.HELD, "bob holds the arm")
    press(busy, "a", "enter")
    assert busy.bar.text.text() == "not done: bob holds the arm"


def test_armed_can_be_seen_from_two_metres(busy):
    assert busy.top.armed.text() == "not armed"
    busy.link.hear("status", status(1, 6.5, armed_by="anna"))
    settle(busy)
    assert busy.top.armed.text() == busy.stimuli.state.text() == "ARMED"
    assert busy.stimuli.why.text() == "by anna"
    assert how_much(busy.top.armed, DARK.armed) > 500


def test_doses_stand_beside_their_limits(busy):
    assert busy.stimuli.doses._rows == [("light", "this minute", 4.0, 5.0)]


def test_blinded_commands_look_alike(busy):
    rows = [
        stimulus(n, 3.0, "blinded", arm=None, train=None, confirmed=False, stimulus_id=f"wake/{n}")
        for n in (1, 2)
    ]
    assert describe(rows[0], busy.rig) == describe(rows[1], busy.rig)
    for row in rows:
        busy.link.hear("stimulus", row)
    busy.link.hear("status", status(1, 6.5, stimuli={"blinded": 2}))
    settle(busy)
    shown = busy.stimuli.events.text
    assert "arms are hidden" in shown
    assert "sham" not in shown
    assert "real" not in shown


def test_the_ethogram_has_the_episode_where_it_was(busy):
    busy.timeline.place = 0  # ten seconds
    settle(busy)
    raster = busy.ethogram.raster
    pixels = image_of(raster)
    colour = [int(DARK.series[0][k : k + 2], 16) for k in (1, 3, 5)]
    row = pixels[round(0.3 * (raster.height() - 17) / 3 + 8), :, :3].astype(int)
    found = np.flatnonzero(np.abs(row - colour).max(axis=1) <= 3)
    found = found[found > 120]
    for end, time_s in ((found.min(), 2.1), (found.max(), 3.99)):  # solid from confirmation on
        ages = busy.timeline.x(time_s, raster.width())
        assert abs(end - ages) < 0.12 * raster.width() / 10, "within an eighth of a second"


def test_the_span_follows_the_keys(busy):
    assert busy.timeline.span_s == 60.0
    press(busy, "-")
    assert busy.timeline.span_s == 30.0
    press(busy, "+", "+")
    assert busy.timeline.span_s == 300.0
    press(busy, "w")
    assert busy.timeline.name == "whole session"
    assert busy.timeline.place == len(SPANS_S)


def test_layers_of_the_overlay_are_switched_by_keys(busy):
    busy.link.picture = Picture(picture_of(599), np.full((24, 32), 128, np.uint8))
    settle(busy)
    with_pose = image_of(busy.video.view)
    press(busy, "1", "3", "4")
    assert not busy.video._on["pose"]
    assert (image_of(busy.video.view) != with_pose).any()


def test_the_keypoint_lies_where_it_was_seen(busy):
    press(busy, "3", "4", "5")  # only the pose
    busy.link.picture = Picture(picture_of(599), np.full((24, 32), 128, np.uint8))
    settle(busy)
    scene = busy.video.box.mapViewToScene(QPointF(20.0, 10.0))
    here = busy.video.view.mapFromScene(scene)
    pixels = image_of(busy.video.view)[here.y() - 1 : here.y() + 2, here.x() - 1 : here.x() + 2]
    assert (pixels[..., 0].astype(int) - pixels[..., 2] > 60).all(), "yellow: surely seen"


def test_dragging_a_threshold_shows_what_would_come_and_go(busy):
    lanes = busy.traces.lanes
    lanes.grab()
    (threshold,) = lanes._shown()
    at = lanes.place_of(threshold).toPoint()
    QTest.mousePress(lanes, Qt.MouseButton.LeftButton, pos=at)
    QTest.mouseMove(lanes, at + QPoint(0, 3))
    QTest.mouseMove(lanes, QPoint(at.x(), 2))
    QTest.mouseRelease(lanes, Qt.MouseButton.LeftButton, pos=QPoint(at.x(), 2))
    settle(busy)
    said = busy.bar.text.text()
    assert said.startswith("freezing: speed_cm_s below 2 → 9")
    assert said.endswith("1 → 1 episodes (0 come, 0 go).")
    (span,) = busy.ethogram.raster.ghosts["freezing"]
    assert span.end_s > 5.9, "all of it would be freezing"
    assert busy.link.remote.calls == [], "nothing is sent before it is applied"


def test_a_threshold_is_applied_by_keyboard(busy):
    busy.traces.lanes.grab()
    press(busy, "down", "]", "]", "enter")
    ((name, behaviour, to, place, by),) = busy.link.remote.calls
    assert (name, behaviour, place, by) == ("change", "freezing", 0, "")
    assert 2.0 < to < 2.6
    assert busy.bar.text.text() == "threshold moved"
    assert busy.ethogram.raster.ghosts == {}


def test_a_threshold_that_is_left_stays_where_it_was(busy):
    busy.traces.lanes.grab()
    press(busy, "]", "escape")
    assert busy.link.remote.calls == []
    assert busy.ethogram.raster.ghosts == {}
    assert busy.traces.lanes.selected is None


def test_a_change_by_anybody_is_asked_about_again(busy):
    busy.link.hear("log", log(0, 6.1, "change", "threshold of speed_cm_s from 2 to 3"))
    busy.link.remote.describe = lambda: (SESSION, FACTS.__class__(subject="m13"))
    settle(busy)
    assert busy.rig.facts.subject == "m13"


def test_the_end_of_the_session_is_said(busy):
    busy.link.hear("status", status(1, 6.5, goodbye="completed"))
    busy.link.silent_s = 30.0
    settle(busy)
    assert busy.top.reason.text() == "The session has ended: completed"
    assert not busy.session.buttons["mark"].isEnabled()


def test_light_and_dark_differ_and_both_can_be_read(busy):
    for theme in (DARK, LIGHT):
        busy.dress(theme)
        busy.setStyleSheet(theme.style)
        settle(busy)
        assert how_much(busy, theme.panel) > 100_000
        assert how_much(busy.traces.lanes, theme.ink) > 300


def test_no_key_is_without_help(busy):
    from tracker.gui.session_panel import HELP

    for name in ("space", "n note", "a arm", "d disarm", "q stop", "c contrast", "f whole"):
        assert name in HELP
    press(busy, "?")
    assert busy.bar.text.text() == HELP


def test_a_slow_link_gets_small_pictures_for_a_while(busy):
    late = Picture(picture_of(500), np.zeros((24, 32), np.uint8))
    busy.rig.offset_ns = late.message.captured_ns - time.perf_counter_ns() + 800_000_000
    busy.link.picture = late
    settle(busy)
    assert busy.link.pictures is Kind.FRAME, "one late picture is not yet a slow link"
    busy._late_since_s -= LATE_FOR_S
    settle(busy)
    assert busy.link.pictures is Kind.THUMBNAIL
    assert "pictures came late" in busy.session.lines.text
    settle(busy)
    assert busy.link.pictures is Kind.THUMBNAIL
    busy._large_again_s -= LARGE_AGAIN_S
    settle(busy)
    assert busy.link.pictures is Kind.FRAME


def test_a_quick_link_keeps_large_pictures(busy):
    fresh = Picture(picture_of(500), np.zeros((24, 32), np.uint8))  # however long this test takes
    busy.rig.offset_ns = fresh.message.captured_ns - time.perf_counter_ns() - 60_000_000_000
    busy.link.picture = fresh
    settle(busy)
    assert busy._late_since_s is None
    assert busy.link.pictures is Kind.FRAME
