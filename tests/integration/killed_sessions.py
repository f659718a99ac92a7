"""Runs whole sessions and kills each at its moment; POSIX only.

python -m integration.killed_sessions FOLDER SEED N    makes FOLDER/0, FOLDER/1, ...: N sessions
                                                       that were killed; prints a JSON line each
"""

import json
import mmap
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from rigs import Rig, at

from tracker.cameras.synthetic import SyntheticCamera, SyntheticCameraSettings
from tracker.clock import SystemClock
from tracker.session_folder.video_encoder import Codec

CAMERA = SyntheticCameraSettings(width=64, height=48, fps=100, seed=7)
AT_ONCE = 3
LONGEST_S = 3.0
KINDS = {
    "ffv1": {},
    "h264": {"codec": Codec.H264},
    "segments": {"recording": {"segment_minutes": 0.5 / 60}},
    "around_episodes": {
        "recording": {"around_episodes": {"before_s": 0.2, "after_s": 0.1, "otherwise_fps": 5}},
        "confirm_s": 0.02,
    },
    "short": {"duration_s": 1.0},
}
"""What differs between the sessions; a short one may be killed while it ends."""


def run_session(folder, kind, processed_ns):
    """Run until killed; `processed_ns[i]` becomes the time at which frame i was observed."""

    def see(index):
        processed_ns[index] = time.perf_counter_ns()
        return at(50.0 if index % 100 >= 60 else 5.0)

    clock = SystemClock()
    rig = Rig(folder, SyntheticCamera(CAMERA, clock), clock=clock, script=see, **KINDS[kind])
    rig.session.run()


def start(folder, kind):
    """Return the process and where it notes when it processed each frame."""
    shared = mmap.mmap(-1, 8 * 4000)
    pid = os.fork()
    if pid == 0:
        try:
            run_session(folder, kind, np.frombuffer(shared, np.int64))
        finally:
            os._exit(0)
    return pid, np.frombuffer(shared, np.int64)


def main():
    out, seed, n = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    moments = random.Random(seed)
    pa.array([])  # what is slow at the first time is done before the processes part
    for first in range(0, n, AT_ONCE):
        running = []
        for number in range(first, min(first + AT_ONCE, n)):
            kind = list(KINDS)[number % len(KINDS)]
            pid, processed_ns = start(out / str(number), kind)
            due_ns = time.perf_counter_ns() + round(moments.uniform(0.02, LONGEST_S) * 1e9)
            running.append((due_ns, pid, number, kind, processed_ns))
        for due_ns, pid, number, kind, processed_ns in sorted(running, key=lambda each: each[0]):
            time.sleep(max(0.0, (due_ns - time.perf_counter_ns()) / 1e9))
            os.kill(pid, signal.SIGKILL)
            died_ns = time.perf_counter_ns()
            os.waitpid(pid, 0)
            seen = processed_ns > 0
            old = seen & (processed_ns < died_ns - 1_000_000_000)
            about = {"number": number, "kind": kind, "seen": np.flatnonzero(seen).tolist()}
            print(json.dumps(about | {"old": np.flatnonzero(old).tolist()}), flush=True)


if __name__ == "__main__":
    main()
