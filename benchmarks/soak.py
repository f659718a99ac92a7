"""Many frames through the whole loop, recorded, published and stimulated: is memory flat?

The camera is the synthetic one, as fast as the loop goes. What the network would say is the truth
about the mouse, unless `--network` asks for the real one (several times slower). Afterwards the
folder has to be whole, its ledger to add up, and every decision to come out again.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from common import arguments, report
from numpy.typing import NDArray

from tracker.build import build_session
from tracker.cameras.synthetic import MouseScript, SyntheticCameraSettings
from tracker.clock import SystemClock
from tracker.config import Experiment, load
from tracker.recording import Recording
from tracker.replay import verify
from tracker.session import Session
from tracker.testing.fixed_observer import FixedObserver
from tracker.types import Skeleton

LIMITS = (
    "{longest_pulse_ms: 600000, refractory_s: 0, duty_cycle: 1, dose_s_per_minute: 60, "
    "dose_s_per_session: 36000, dose_s_per_day: null, deadline_ms: null}"
)
LEVEL = "{kind: level, feature: speed_cm_s, low: 0, high: 30, output: light, hold_ms: 200}"
WARM_UP = 0.1
"""Share of the frames after which memory has to be flat."""


def main() -> None:
    parser = arguments(__doc__ or "", rounds=1)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=320, help="px; 4:3")
    parser.add_argument("--network", action="store_true", help="run the shipped network")
    parser.add_argument("--out", type=Path, help="keep the session in this folder")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        experiment = experiment_of(asked, Path(scratch))
        observer = None if asked.network else truth(experiment)
        out = asked.out or Path(scratch)
        session, folder = build_session(experiment, out, SystemClock(), observer)
        memory = watch(session)
        rows = [*judge_memory(memory, asked.frames), *judge_folder(folder, asked.frames)]
    report(f"{asked.frames} frames through the whole loop", rows, asked.json)


def experiment_of(asked: argparse.Namespace, scratch: Path) -> Experiment:
    anywhere = [f"outputs.{name}.address=tcp://127.0.0.1:0" for name in ("publisher", "control")]
    return load(
        Path("closed_loop_demo"),
        [
            *anywhere,
            "outputs.control.history_mb=1",  # so that what is bounded is full before the tenth
            "rig.camera.paced=false",
            "rig.camera.light=null",
            f"rig.camera.width={asked.width}",
            f"rig.camera.height={asked.width * 3 // 4}",
            f"rig.camera.n_frames={asked.frames}",
            f"rig.arena.px_per_cm={10.2 * asked.width / 640}",
            "stimulation.stall_ms=10000",
            f"stimulation.doses={scratch / 'doses.sqlite'}",
            f"stimulation.outputs.light.limits={LIMITS}",
            f"stimulation.controllers.follow={LEVEL}",
        ],
    )


def truth(experiment: Experiment) -> FixedObserver:
    """Return an observer that sees the synthetic mouse as it is."""
    camera = experiment.rig.camera
    if not isinstance(camera, SyntheticCameraSettings):
        raise SystemExit("the soak needs the synthetic camera")
    script = MouseScript(camera)
    skeleton = Skeleton(script.truth(0).keypoints)
    return FixedObserver(skeleton, lambda index: script.truth(index).xy)


def watch(session: Session) -> NDArray[np.float64]:
    """Run a session; return frames processed and resident memory (MB), twice a second."""
    process = psutil.Process()
    seen = []
    session.start()
    while not session.wait(0.5):
        done = session.status.totals.processed
        seen.append((done, process.memory_info().rss / 1e6))
    session.finish()
    return np.array(seen, np.float64)


def judge_memory(memory: NDArray[np.float64], n_frames: int) -> list[dict[str, Any]]:
    done, mb = memory.T
    later = done >= WARM_UP * n_frames
    slope, _ = np.polyfit(done[later], mb[later], 1)
    at = {share: around(done / n_frames, mb, share) for share in (WARM_UP, 0.25, 0.5, 0.75, 1.0)}
    return [
        *(row(f"MB resident at {share:.0%} of the frames", figure) for share, figure in at.items()),
        row("growth from the first of these to the last, %", 100 * (at[1.0] / at[WARM_UP] - 1)),
        row("MB per 100,000 frames, line through all after the first", slope * 1e5),
        row("frames per second", float((done[-1] - done[0]) / (0.5 * (len(done) - 1)))),
    ]


def around(shares: NDArray[np.float64], mb: NDArray[np.float64], share: float) -> float:
    """Return the median of what was measured within a fiftieth of a share of the frames."""
    return float(np.median(mb[np.abs(shares - share) <= 0.02]))


def judge_folder(folder: Path, n_frames: int) -> list[dict[str, Any]]:
    recording = Recording(folder)
    totals = recording.totals()
    counted = totals["processed"] + sum(totals["lost"].values())
    verdict = verify(recording)
    if not (recording.complete and verdict.identical and counted == n_frames):
        raise SystemExit(f"not whole: {recording.problems}, {totals}, {verdict}")
    return [
        row("frames in the ledger", totals["captured"]),
        row("of them processed", totals["processed"]),
        row("of them in the video", totals["recorded"]),
        row("in the video, counted", recording.n_video_frames()),
        row("unexplained", totals["unexplained"]),
        row("totals in session.json are those of the rows", totals == recording.session["totals"]),
        row("episodes", len(recording.episodes)),
        row("stimuli", len(recording.stimuli)),
        row("every file whole", recording.complete),
        row("every decision comes out again", verdict.identical),
    ]


def row(what: str, figure: object) -> dict[str, Any]:
    return {"what": what, "figure": figure}


if __name__ == "__main__":
    main()
