"""Each shipped experiment without a network, on the start of the real video that it is made for."""

from pathlib import Path

import numpy as np
import pytest

from tracker.build import build_camera, build_observer, build_session
from tracker.clock import SystemClock
from tracker.config import load
from tracker.recording import Recording
from tracker.types import Frame

VIDEOS = {
    "mouse_background": ("mouse_open_field_dlc/videos/m3v1mp4.mp4", 1),
    "mouse_region_growing": ("mouse_long_video/mouse_video.mp4", 1),
    "flies_threshold": ("flies/clip.mp4", 2),
    "fish_watershed": ("fish/test_A.avi", 8),
    "fish_blob": ("fish/test_A.avi", 8),
}
FRAMES = 30


@pytest.mark.parametrize(("name", "video", "n"), [(k, *v) for k, v in VIDEOS.items()], ids=VIDEOS)
def test_it_finds_the_animals_that_are_there(name, video, n, shared_data):
    experiment = load(Path(name), [f"rig.camera.path={shared_data / video}"])
    camera = build_camera(experiment.rig.camera, SystemClock())
    observer = build_observer(experiment, SystemClock())
    camera.open()
    counts = []
    for _ in range(FRAMES):
        frame = camera.read(1.0)
        assert isinstance(frame, Frame)
        seen = observer.observe(frame)
        counts.append(np.isfinite(seen.xy[:, 1, 0]).sum())
    camera.close()
    assert int(np.median(counts[15:])) == n  # by then what sat in the first frame has moved


def test_a_session_of_one_runs_and_says_what_saw(shared_data, tmp_path):
    video = shared_data / VIDEOS["mouse_background"][0]
    changes = [f"rig.camera.path={video}", "session.duration_s=1"]
    alone = ["outputs.publisher=null", "outputs.control=null", "outputs.preview=null"]
    experiment = load(Path("mouse_background"), [*changes, *alone])
    session, folder = build_session(experiment, tmp_path, SystemClock())
    session.run()
    recording = Recording(folder)
    totals = recording.totals()
    assert totals["processed"] == totals["captured"] >= 30
    assert recording.session["provenance"]["model"]["observer"] == "background"
