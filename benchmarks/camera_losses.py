"""A night with a bad network: does the ledger still add up to what the camera sent?

Aravis' GigE camera runs in a process of its own, on the loopback interface, and loses packets on
purpose. A whole session watches it (no network runs; frames are recorded as far as the machine
keeps up). Afterwards every number that the camera gave a frame has to have its row and its cause,
and the driver's own figures have to agree.

Needs Debian's aravis-tools, gir1.2-aravis-0.8 and python3-gi.
"""

import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from common import arguments, report

from tracker.build import build_session
from tracker.clock import SystemClock
from tracker.config import Experiment, load
from tracker.recording import Recording

ADDRESS = "127.0.0.1"
CAMERA = "arv-fake-gv-camera-0.8"


def main() -> None:
    parser = arguments(__doc__ or "", rounds=1)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--fps", type=float, default=250)
    parser.add_argument("--width", type=int, default=64, help="px; 4:3")
    parser.add_argument("--lost-per-thousand", type=int, default=20, help="packets")
    parser.add_argument("--out", type=Path, help="keep the session in this folder")
    asked = parser.parse_args()
    command = [CAMERA, "-i", ADDRESS, "-s", "NIGHT", "-r", str(asked.lost_per_thousand)]
    with tempfile.TemporaryDirectory() as scratch, subprocess.Popen(command) as camera:
        try:
            experiment = experiment_of(asked)
            session, folder = build_session(experiment, asked.out or Path(scratch), SystemClock())
            session.run()
            rows = judge(Recording(folder))
        finally:
            camera.kill()
    report(f"{asked.frames / asked.fps:.0f} s at {asked.fps:g} frames/s", rows, asked.json)


def experiment_of(asked: Any) -> Experiment:
    size = {"width": asked.width, "height": asked.width * 3 // 4, "offset_x": 0, "offset_y": 0}
    return load(
        Path("camera_genicam"),
        [
            *(f"outputs.{name}.address=tcp://127.0.0.1:0" for name in ("publisher", "control")),
            *(f"rig.camera.{name}={value}" for name, value in size.items()),
            "rig.camera.emulated=false",
            f"rig.camera.device={ADDRESS}",
            f"rig.camera.fps={asked.fps}",
            "rig.camera.exposure_us=1000",
            "rig.camera.buffers=256",
            "rig.arena.zones={centre: {kind: rectangle, x_px: 8, y_px: 8, width_px: 30, "
            "height_px: 30}}",
            f"session.duration_s={asked.frames / asked.fps}",
            "outputs.recording.on_overload=drop",
        ],
    )


def judge(recording: Recording) -> list[dict[str, Any]]:
    """Compare ledger, camera and driver."""
    about = recording.session
    totals, account = about["totals"], about["camera_account"]
    ledger = recording.ledger
    indices = ledger["index"].to_pylist()
    fates = Counter(ledger["fate"].to_pylist())
    arrived = totals["captured"] - sum(
        totals["lost"].get(fate, 0)
        for fate in ("lost_on_link", "incomplete", "driver_overrun", "lost_by_sensor")
    )
    n_delivered = arrived + totals["lost"].get("incomplete", 0)
    checks = {
        "rows are 0, 1, 2, ...": indices == list(range(len(indices))),
        "rows are as many as the camera counted": 0 <= account["frames"] - len(indices) <= 1,
        "rows by fate add up to them": sum(fates.values()) == totals["captured"],
        "nothing is unexplained": totals["unexplained"] == 0,
        "the camera never went away": account["returns"] == 0,
        "whole frames are those that the driver completed": 0
        <= account["n_completed_buffers"] + account["n_failures"] - account["unread"] - n_delivered
        <= 1,
    }
    figures = {
        "frames that the camera counted": account["frames"],
        "rows": len(indices),
        "arrived whole": arrived,
        "buffers that the driver completed": account["n_completed_buffers"],
        "incomplete": totals["lost"].get("incomplete", 0),
        "buffers that the driver gave up": account["n_failures"],
        "lost on the link": totals["lost"].get("lost_on_link", 0),
        "driver overruns": totals["lost"].get("driver_overrun", 0),
        "filled and not read at the end": account["unread"],
        "processed": totals["processed"],
        "recorded": totals["recorded"],
    }
    return [{"what": name, "value": value} for name, value in (checks | figures).items()]


if __name__ == "__main__":
    main()
