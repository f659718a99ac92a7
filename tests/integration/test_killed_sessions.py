"""Whole sessions are killed at random moments; each recovers, and says what it has lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from integration.killed_sessions import CAMERA, KINDS

from tracker.cameras.synthetic import SyntheticCamera
from tracker.recording import Recording
from tracker.recovery import recover
from tracker.testing.manual_clock import ManualClock

N = 25
SEED = 20_261_122


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The folder of N sessions, and what is known of each."""
    if not hasattr(os, "fork"):
        pytest.skip("sessions are forked")
    out = tmp_path_factory.mktemp("killed")
    done = subprocess.run(
        [sys.executable, "-m", "integration.killed_sessions", out, str(SEED), str(N)],
        cwd=Path(__file__).resolve().parents[1],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    return out, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def images():
    """Every image that the camera of these sessions can have given."""
    camera = SyntheticCamera(CAMERA.model_copy(update={"paced": False}), ManualClock())
    camera.open()
    pictures = [camera.read(0).image.copy() for _ in range(500)]
    camera.close()
    return pictures


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_session_recovers_and_lost_at_most_its_last_second(killed, images, kind):
    out, sessions = killed
    assert len(sessions) == N
    mine = [each for each in sessions if each["kind"] == kind]
    assert len(mine) == N // len(KINDS)
    for each in mine:
        folder = out / str(each["number"])
        if not (folder / "session.json").is_file():
            assert each["old"] == []  # it was killed before the session had begun
            continue
        before = Recording(folder)
        was_closed = before.session["state"] == "closed"
        assert recover(folder).closed_now is not was_closed
        check(Recording(folder), each, images)


def check(recording, known, images):
    """Everything older than a second is there, adds up, and is what the camera gave."""
    old, kind = set(known["old"]), known["kind"]
    rows = recording.ledger.to_pylist()
    assert [row["index"] for row in rows] == list(range(len(rows)))
    assert old <= set(recording.frame_indices.tolist())
    fates = {row["index"]: (row["fate"], row["recording"]) for row in rows}
    assert old <= fates.keys()
    assert {fates[index][0] for index in old} <= {"processed"}
    if kind != "around_episodes":  # there the video of what waits is lost as well
        assert "lost_in_crash" not in {fates[index][1] for index in old}
    totals = recording.totals()
    assert recording.session["totals"] == totals
    assert totals["unexplained"] == 0
    assert totals["captured"] == totals["processed"] + sum(totals["lost"].values())
    frames = list(recording.frames()) if recording.has_video else []  # it died before it began
    assert len(frames) == totals["recorded"]
    assert totals["captured"] == totals["recorded"] + sum(totals["not_recorded"].values())
    for frame in frames:
        assert fates[frame.index][1] == "recorded"
        if kind != "h264":
            np.testing.assert_array_equal(frame.image, images[frame.index])


@pytest.mark.slow
def test_the_moments_were_not_all_alike(killed):
    """Some died before a second was over, some long after; some while episodes went on."""
    _, sessions = killed
    assert sum(len(each["seen"]) < 60 for each in sessions) >= 3
    assert sum(len(each["old"]) > 0 for each in sessions) >= 5
