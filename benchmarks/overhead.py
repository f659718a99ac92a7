"""The pipeline's own time: received to published, minus the bare network call of the same frame.

Budget: p50 at most 0.3 ms, p99 at most 1 ms, at 640x480.
"""

from typing import Any

import numpy as np
from common import arguments, report, run_session
from rich.console import Console


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--fps", type=float, default=60.0)
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for recording in ("none", "ffv1", "h264"):
        runs = [
            run_session(
                [
                    f"rig.camera.fps={asked.fps}",
                    f"session.duration_s={asked.seconds}",
                    f"outputs.recording.codec={recording}",
                ]
            )
            for _ in range(asked.rounds)
        ]
        for what in ("network_ms", "latency_ms", "overhead_ms"):
            figures = {
                figure: float(np.median([run[what][figure] for run in runs]))
                for figure in ("p50", "p99", "max")
            }
            rows.append({"video": recording, "what": what.removesuffix("_ms"), **figures})
        superseded = sum(run["frames"]["lost"].get("superseded", 0) for run in runs)
        unexplained = sum(run["frames"]["unexplained"] for run in runs)
        Console().print(f"video {recording}: {superseded} superseded, {unexplained} unexplained")
    report("Own time per frame (ms), budget p50 0.3 and p99 1", rows, asked.json)


if __name__ == "__main__":
    main()
