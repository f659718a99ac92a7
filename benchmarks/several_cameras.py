"""What one more camera costs, and how many a computer can take.

Whole sessions of 1, 2 and 4 cameras on one session clock, without video: processor time of the
program per frame that was processed, and what share of the frames was. The processor time also
holds what the synthetic camera draws, which is measured by itself (a session without an observer
to speak of) and shown. From it follows at which rate the given number of cores is used up.

    python benchmarks/several_cameras.py --seconds 10 --fps 15
"""

import tempfile
import time
from pathlib import Path
from typing import Any

from common import arguments, report

from tracker.build_rig import build_any
from tracker.clock import SystemClock
from tracker.config import Experiment, load
from tracker.recording import Recording

OBSERVERS = {
    "nothing": "{kind: threshold, highest: 1, max_area_px2: 100000}",
    "background": "{kind: background, difference: 60, min_area_px2: 800, max_area_px2: 12000}",
    "network": "null",
}
"""`nothing` is what cameras, ring buffers, ledgers and pipelines cost by themselves."""


def main() -> None:
    parser = arguments(__doc__ or "", rounds=1)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--fps", type=float, default=15)
    parser.add_argument("--cores", type=int, default=2, help="for the rate that uses them up")
    asked = parser.parse_args()
    rows = [
        one(name, n, asked) for name in OBSERVERS for n in (1, 2, 4) for _ in range(asked.rounds)
    ]
    report(f"{asked.seconds:g} s at {asked.fps:g} frames/s per camera", rows, asked.json)


def one(observer: str, n: int, asked: Any) -> dict[str, Any]:
    """Run one session and judge it."""
    with tempfile.TemporaryDirectory() as out:
        session, folder = build_any(experiment_of(observer, n, asked), Path(out), SystemClock())
        session.start()
        began_s = time.process_time()
        while not session.wait(1.0):
            pass
        used_s, ended_ns = time.process_time() - began_s, session.parts.clock.now_ns()
        session.finish()
        inside = [folder] if n == 1 else [each for each in folder.parent.iterdir() if each.is_dir()]
        recordings = [Recording(each) for each in inside]
        unexplained = sum(each.totals()["unexplained"] for each in recordings)
        ledgers = [each.ledger.to_pandas() for each in recordings]
    times = session.began_ns, ended_ns  # further cameras begin before the first one, and end later
    ledgers = [each[each["received_ns"].between(*times)] for each in ledgers]
    processed = sum(int((each["fate"] == "processed").sum()) for each in ledgers)
    captured = sum(map(len, ledgers))
    cost_ms = 1e3 * used_s / max(processed, 1)
    return {
        "observer": observer,
        "cameras": n,
        "processed": processed,
        "share": round(processed / max(captured, 1), 3),
        "unexplained": unexplained,
        "processor ms per frame": round(cost_ms, 2),
        f"frames/s per camera on {asked.cores} cores": round(1e3 * asked.cores / cost_ms / n, 1),
    }


def experiment_of(observer: str, n: int, asked: Any) -> Experiment:
    more = {f"camera_{k}": f"{{kind: synthetic, fps: {asked.fps}, seed: {k}}}" for k in range(1, n)}
    return load(
        Path("demo"),
        [
            *(f"outputs.{name}=null" for name in ("publisher", "control", "preview")),
            "outputs.recording.codec=none",
            f"observer={OBSERVERS[observer]}",
            "features.centre=[centre]" if observer != "network" else "features.centre=[tail_base]",
            "model.threads=1",
            "behaviours={}",
            f"rig.camera.fps={asked.fps}",
            f"session.duration_s={asked.seconds}",
            *(f"rig.more_cameras.{name}={camera}" for name, camera in more.items()),
        ],
    )


if __name__ == "__main__":
    main()
