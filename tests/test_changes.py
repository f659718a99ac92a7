"""Thresholds that are moved while a session runs."""

import numpy as np
import pytest
from replayed_sessions import WAKE, experiment_with, record
from rigs import Rig, at, frame, make_pipeline

from tracker.changes import Change, Changes, changes_in
from tracker.errors import ConfigError, RecordingError, SessionError, UnknownName
from tracker.recording import Recording
from tracker.replay.verify import verify
from tracker.session_folder.video_encoder import Codec
from tracker.testing.scripted_camera import ScriptedCamera

BEYOND_4_CM = Change("right", 0, 4.0, "anna")
MS = 1_000_000


@pytest.fixture
def pipeline():
    return make_pipeline(lambda index: at(35.0))  # 3.5 cm: beyond 3, not beyond 4


@pytest.fixture
def changes():
    return Changes()


def score(pipeline, index):
    return pipeline.step(frame(index)).scores["right"]


def test_it_holds_from_the_next_frame_on(pipeline, changes):
    assert score(pipeline, 0) == 1
    done = changes.ask(BEYOND_4_CM)
    assert score(pipeline, 1) == 1, "nothing has been done yet"
    (made,) = changes.apply(pipeline, 2)
    assert score(pipeline, 2) == 0
    assert (made.feature, made.before, made.frame_index) == ("x_cm", 3.0, 2)
    assert done.result(0) == "threshold of x_cm for right from 3 to 4, from frame 2 on"


def test_what_is_asked_for_twice_is_done_in_order(pipeline, changes):
    changes.ask(Change("right", 0, 9.0, "anna"))
    changes.ask(BEYOND_4_CM)
    assert [each.before for each in changes.apply(pipeline, 5)] == [3.0, 9.0]
    assert pipeline.terms["right"][0].threshold == 4.0


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        pytest.param(Change("left", 0, 1.0, "a"), UnknownName, "left", id="no_behaviour"),
        pytest.param(Change("right", 1, 1.0, "a"), ConfigError, "no term 1", id="no_term"),
    ],
)
def test_what_cannot_be_changed_says_why(pipeline, changes, change, error, says):
    done = changes.ask(change)
    assert changes.apply(pipeline, 0) == []
    with pytest.raises(error, match=says):
        done.result(0)


def test_after_the_end_nothing_is_changed(pipeline, changes):
    before = changes.ask(BEYOND_4_CM)
    changes.refuse()
    for done in (before, changes.ask(BEYOND_4_CM)):
        with pytest.raises(SessionError, match="the session has ended"):
            done.result(0)
    assert not changes


class Halfway(ScriptedCamera):
    """Asks for a change while frame 50 is on its way."""

    session = None

    def read(self, timeout_s):
        got = super().read(timeout_s)
        if got is not None and got.index == 50:
            self.done = self.session.changes.ask(BEYOND_4_CM)
        return got


def test_a_session_writes_what_was_changed_and_decides_by_it(tmp_path):
    camera = Halfway([frame(i) for i in range(100)])
    rig = Rig(tmp_path / "s", camera, script=lambda i: at(35.0), codec=Codec.NONE, ring_capacity=4)
    camera.session = rig.session
    rig.run()
    recording = Recording(rig.folder)
    (made,) = changes_in((line.level, line.facts) for line in recording.log)
    assert (made.behaviour, made.before, made.to, made.by) == ("right", 3.0, 4.0, "anna")
    assert camera.done.result(0).endswith(f"from frame {made.frame_index} on")
    (episode,) = recording.episodes
    assert made.frame_index <= episode.end_index + 1 <= made.frame_index + 1
    scores = recording.scores["right"]
    assert np.all(scores[: made.frame_index] == 1)
    assert np.all(scores[made.frame_index :] == 0)


@pytest.mark.parametrize("missing", ["behaviour", "place", "to", "frame_index"])
def test_a_damaged_line_is_refused(missing):
    facts = {**BEYOND_4_CM.facts, "feature": "x_cm", "from": 3.0}
    del facts[missing]
    with pytest.raises(RecordingError, match=missing):
        changes_in([("change", facts)])


def test_other_lines_of_the_log_are_no_changes():
    assert changes_in([("mark", {"by": "anna"}), ("info", {})]) == []


@pytest.fixture
def changed(tmp_path):
    """A session of a mouse that runs and stops; after 3 s no speed is fast enough any more."""
    experiment = experiment_with(tmp_path, controllers={"wake": WAKE})
    changes = {300: Change("running", 0, 1000.0, "Ada"), 420: Change("running", 0, 2.0, "Ada")}
    return record(tmp_path / "session", experiment, 600, changes=changes)


def test_a_replay_does_the_same_before_the_same_frame(changed):
    assert verify(Recording(changed)).identical


def test_without_the_line_the_replay_differs(changed):
    log = changed / "log.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(line for line in lines if '"level":"change"' not in line))
    assert not verify(Recording(changed)).identical
