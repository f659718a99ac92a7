"""The video started and stopped by hand, and everything else recorded from start to end."""

import threading
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from rigs import Rig, at, frame

from tracker.build import build_session
from tracker.clock import SystemClock
from tracker.config import load
from tracker.control.description import Facts
from tracker.errors import ConfigError
from tracker.filming import Filming
from tracker.recording import Recording
from tracker.replay.verify import verify
from tracker.session_folder.settings import AroundEpisodesSettings, RecorderSettings
from tracker.session_folder.video_encoder import Codec
from tracker.session_handler import SessionHandler
from tracker.testing.scripted_camera import ScriptedCamera

N = 300


class Directed(ScriptedCamera):
    """A camera that has the video started or stopped as it gives some frames."""

    def __init__(self, frames, filming, turns):
        super().__init__(frames)
        self._filming, self._turns = filming, turns

    def read(self, timeout_s):
        got = super().read(timeout_s)
        if got is not None and got.index in self._turns:
            self._filming.ask("Ada", on=self._turns[got.index])
        return got


def film(folder, turns, **recording):
    """A session of `N` frames; return what is in its folder."""
    filming = Filming()
    camera = Directed([frame(i) for i in range(N)], filming, turns)
    script = lambda index: at(40.0 if 90 <= index < 150 else 1.0)  # noqa: E731
    settings = {"by_hand": True} | recording
    rig = Rig(folder, camera, script=script, filming=filming, recording=settings, ring_capacity=4)
    rig.run()
    return Recording(folder)


def fates(recorded):
    return recorded.ledger["recording"].to_pylist()


def turned(recorded):
    """Frames at which the video was started or stopped, as the log has them: (frame, on)."""
    facts = [line.facts for line in recorded.log if "filming" in line.facts]
    assert {each["by"] for each in facts} <= {"Ada"}
    return [(each["frame_index"], each["filming"]) for each in facts]


def test_only_what_was_asked_for_is_in_the_video_and_each_time_has_a_file(tmp_path):
    recorded = film(tmp_path / "s", {50: True, 120: False, 200: True})
    (first, on), (end, off), (second, again) = turned(recorded)
    assert (on, off, again) == (True, False, True)
    for frame_index, asked in ((first, 50), (end, 120), (second, 200)):
        assert abs(frame_index - asked) <= 8, "about when it was asked for: the ring holds 4"
    wanted = [first <= i < end or i >= second for i in range(N)]
    assert fates(recorded) == ["recorded" if each else "not_wanted" for each in wanted]
    segments = recorded.ledger["segment"].to_pylist()
    assert {segments[i] for i in range(first, end)} == {0}
    assert {segments[i] for i in range(second, N)} == {1}
    assert [each.index for each in recorded.frames()] == [i for i in range(N) if wanted[i]]
    np.testing.assert_array_equal(recorded.image(second), frame(second).image)


def test_everything_else_is_recorded_all_the_time(tmp_path):
    recorded = film(tmp_path / "s", {})
    assert recorded.observations.num_rows == N
    assert [each.onset.onset_index for each in recorded.episodes] == [90]
    assert set(fates(recorded)) == {"not_wanted"}
    totals = recorded.session["totals"]
    assert (totals["captured"], totals["processed"], totals["unexplained"]) == (N, N, 0)
    assert list(recorded.frames()) == []


def test_a_session_in_which_no_frame_may_be_missing_may_be_without_a_video(tmp_path):
    recorded = film(tmp_path / "s", {250: True}, on_overload="fail")
    assert recorded.session["end_reason"] == "completed"
    assert fates(recorded)[-1] == "recorded"


def test_what_is_asked_for_twice_is_done_once():
    filming = Filming()
    assert filming.ask("Ada", on=False) == "the video does not run"
    assert filming.ask("Ada", on=True) == "the video begins with the next frame"
    assert filming.ask("Bob", on=True) == "the video runs already"
    assert not filming.is_on, "no frame has come yet"
    assert filming.follow(7).text == "the video begins with frame 7"
    assert filming.follow(8) is None
    assert filming.is_on
    assert filming.ask("Bob", on=False) == "the video ends"
    assert filming.follow(9).facts == {"filming": False, "by": "Bob", "frame_index": 9}


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"codec": Codec.NONE}, id="no_codec"),
        pytest.param({"around_episodes": AroundEpisodesSettings()}, id="around_episodes"),
    ],
)
def test_there_must_be_a_video_to_start(other):
    with pytest.raises(ValidationError, match="needs a codec, and no around_episodes"):
        RecorderSettings(by_hand=True, **other)


def until(condition):
    """Wait until something is so."""
    tick = threading.Event()
    for _ in range(2000):
        if condition():
            return
        tick.wait(0.01)
    pytest.fail("it never happened")


def live(tmp_path, *changes):
    """A session of the mouse without a network at 30 frames/s, its folder, and its handler."""
    quiet = [f"outputs.{name}=null" for name in ("publisher", "control", "preview")]
    changes = ["rig.camera.fps=30", "outputs.recording.min_free_mb=0", *quiet, *changes]
    experiment = load(Path("mouse_without_network"), changes)
    made, folder = build_session(experiment, tmp_path, SystemClock())
    return made, folder, SessionHandler(made, Facts(subject="mouse"))


def test_a_person_starts_and_stops_it_in_a_session_that_runs_and_a_replay_verifies(tmp_path):
    made, folder, handler = live(tmp_path, "outputs.recording.by_hand=true")
    made.start()
    try:
        until(lambda: handler.status().counts["processed"] > 5)
        assert handler.status().filming is False
        assert handler.film("Ada", on=True) == "the video begins with the next frame"
        until(lambda: handler.status().filming)
        n_before = handler.status().counts["processed"]
        until(lambda: handler.status().counts["processed"] > n_before + 10)
        handler.film("Ada", on=False)
        until(lambda: handler.status().filming is False)
    finally:
        made.stop()
        made.finish()
    recorded = Recording(folder)
    (first, _), (end, _) = turned(recorded)
    assert [each.index for each in recorded.frames()] == [
        i for i in range(first, end) if fates(recorded)[i] == "recorded"
    ]
    assert end - first > 10
    assert verify(recorded).identical


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param("outputs.recording.codec=ffv1", "runs from start to end", id="whole"),
        pytest.param("outputs.recording.codec=none", "is switched off", id="none"),
    ],
)
def test_where_people_do_not_start_it_they_are_told_how_they_could(tmp_path, change, says):
    _, _, handler = live(tmp_path, change)
    with pytest.raises(ConfigError, match=f"{says}.*by_hand: true"):
        handler.film("Ada", on=True)
