"""The shipped experiments of cameras run on what the drivers play themselves."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from cameras.fake_gige import need_aravis
from cameras.rtsp_server import FPS, RtspServer
from videos import write_video

from tracker.build import build_session
from tracker.clock import SystemClock
from tracker.config import load

ALONE = ["outputs.publisher=null", "outputs.control=null", "outputs.recording.min_free_mb=0"]
SHORT = [*ALONE, "session.duration_s=0.5", "outputs.recording.on_overload=drop"]


@pytest.mark.parametrize("name", ["camera_basler", "camera_genicam"])
def test_a_session_with_the_camera_accounts_for_every_frame(name, tmp_path):
    if name == "camera_genicam":
        need_aravis()
    session, folder = build_session(load(Path(name), SHORT), tmp_path, SystemClock())
    session.run()
    about = json.loads((folder / "session.json").read_text(encoding="utf-8"))
    totals, account = about["totals"], about["camera_account"]
    assert about["end_reason"] == "completed"
    assert totals["captured"] >= 10
    assert totals["unexplained"] == 0
    assert account["frames"] - totals["captured"] in {0, 1}  # the frame that ended it
    asked = load(Path(name)).rig.camera
    assert about["camera"]["settings"]["fps"] == pytest.approx(asked.fps, rel=0.01)


def test_a_session_on_a_folder_sees_pictures_as_they_appear(tmp_path):
    """Twenty pictures, one of which is left out; written while the session runs."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    wishes = [f"rig.camera.folder={folder}", "rig.camera.end_after_s=0.5"]
    session, out = build_session(
        load(Path("camera_images"), [*ALONE, *wishes]), tmp_path, SystemClock()
    )
    cv2.imwrite(str(folder / "f000.png"), np.zeros((48, 64), np.uint8))
    session.start()
    for n in range(1, 22):
        if n != 7:
            cv2.imwrite(str(folder / f"f{n:03d}.png"), np.full((48, 64), n, np.uint8))
    assert session.wait(30)
    session.finish()
    totals = json.loads((out / "session.json").read_text(encoding="utf-8"))["totals"]
    assert (totals["captured"], totals["unexplained"]) == (21, 0)
    assert totals["lost"].get("lost_on_link") == 1


def test_a_session_on_a_stream_counts_by_the_senders_time(tmp_path):
    server = RtspServer(150, leave_out=range(9, 150, 10))
    wishes = [f"rig.camera.url={server.url}", f"rig.camera.fps={FPS}", "session.duration_s=0.4"]
    try:
        session, out = build_session(
            load(Path("camera_rtsp"), [*ALONE, *wishes]), tmp_path, SystemClock()
        )
        session.run()
    finally:
        server.stop()
    about = json.loads((out / "session.json").read_text(encoding="utf-8"))
    assert about["totals"]["unexplained"] == 0
    n_lost = about["totals"]["lost"].get("lost_on_link")
    assert n_lost == pytest.approx(about["totals"]["captured"] / 10, abs=1)
    assert about["camera_clock"]["n_frames"] > 0


def test_a_session_on_a_usb_camera(tmp_path):
    """A file stands for the camera: no USB camera is plugged in here."""
    path = write_video(tmp_path / "a.avi", range(30), size=(480, 640), time_base=(1, 30))
    wish = f"rig.camera.device={path}"
    session, out = build_session(load(Path("camera_usb"), [*ALONE, wish]), tmp_path, SystemClock())
    session.run()
    totals = json.loads((out / "session.json").read_text(encoding="utf-8"))["totals"]
    assert (totals["captured"], totals["processed"]) == (30, 30)
