"""Frames per second of the whole loop, camera unpaced, over the bare network's in the same run.

Budget: at least 0.95, with recording on.
"""

import numpy as np
from common import arguments, report, run_session, time_network


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--video", help="read this file instead of the synthetic camera")
    asked = parser.parse_args()
    source = ["rig.camera.paced=false", f"rig.camera.n_frames={asked.frames}"]
    if asked.video:
        source = [f"rig.camera={{kind: video_file, path: '{asked.video}', fast: true}}"]
    rows = []
    for recording in ("none", "h264", "ffv1"):
        ratios, rates = [], []
        for _ in range(asked.rounds):
            bare_fps = 1e3 / float(np.median(time_network(300)))
            fps = run_session([*source, f"outputs.recording.codec={recording}"])["fps"]
            rates.append(fps)
            ratios.append(fps / bare_fps)
        rows.append(
            {
                "video": recording,
                "loop frames/s": float(np.median(rates)),
                "over the bare network": float(np.median(ratios)),
                "least": float(min(ratios)),
            }
        )
    report("Throughput of the whole loop, budget 0.95", rows, asked.json)


if __name__ == "__main__":
    main()
