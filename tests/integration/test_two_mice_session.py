"""Two animals through a whole session: live, recorded, and decided again from both ends."""

from pathlib import Path

import pytest

from tracker.build import build_session
from tracker.clock import SystemClock
from tracker.config import load
from tracker.recording import Recording
from tracker.replay.rerun import Source
from tracker.replay.verdict import Kind
from tracker.replay.verify import verify

N = 150


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A session of 150 frames, as fast as they go."""
    overrides = [
        "rig.camera.paced=false",
        f"rig.camera.n_frames={N}",
        "rig.camera.width=320",
        "rig.camera.height=240",
        "rig.arena.px_per_cm=5.1",
        "smoothing={kind: constant_velocity, predict_ms: 20}",
        "outputs.publisher.address=tcp://127.0.0.1:0",
        "outputs.control.address=tcp://127.0.0.1:0",
        "outputs.recording.min_free_mb=0",
    ]
    experiment = load(Path("two_mice"), overrides)
    session, folder = build_session(experiment, tmp_path_factory.mktemp("s"), SystemClock())
    session.run()
    return Recording(folder)


def test_who_is_who_is_in_the_record(recording):
    every = list(recording.whole.each_observation())
    assert len(every) == N
    assert {each.identities for each in every} == {("visitor", "resident")}
    assert {len(each.identity_confidence) for each in every} == {2}
    assert every[0].appearance.shape == (2, 3)


@pytest.mark.parametrize("source", list(Source))
def test_it_is_decided_again_byte_for_byte(recording, source):
    verdict = verify(recording, source)
    assert verdict.differences == ()
    assert verdict.compared[Kind.OBSERVATION] == N
    assert verdict.compared[Kind.FEATURE] == N
