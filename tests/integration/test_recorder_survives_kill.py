"""A recording program is killed while it writes; then its folder is read."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from session_folders import image

from tracker.recording import Recording

SHAPE = (120, 160)
FPS = 60

PROGRAM = """
import sys
from pathlib import Path
from session_folders import frame, opened, result, row
from tracker.clock import SystemClock

clock = SystemClock()
running = opened(Path(sys.argv[1]), clock, shape=(120, 160), codec=sys.argv[2])
for i in range(100_000):
    due_ns = i * 1_000_000_000 // 60
    clock.wait_until(due_ns, timeout_s=10)
    running.write_frame(frame(i, due_ns, shape=(120, 160)))
    running.write_result(result(i))
    running.write_ledger([row(i, captured_ns=due_ns)])
    running.log("info", "frame", index=i)
    running.tick()
    print(i, flush=True)
"""


def record_and_kill(folder, codec, after_frame):
    """Let a program record at 60 frames a second, kill it; return the last frame it had written."""
    tests = Path(__file__).resolve().parents[1]
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), codec],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tests,
    )
    with program:
        for line in program.stdout:
            if int(line) >= after_frame:
                break
        program.kill()
        written = [int(line) for line in program.stdout.read().split()[:-1]]
    return max([after_frame, *written])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("codec", "after_frame"),
    [
        pytest.param("ffv1", 25, id="after_half_a_second"),
        pytest.param("ffv1", 70, id="after_one_second"),
        pytest.param("ffv1", 143, id="after_two_seconds"),
        pytest.param("h264", 101, id="h264"),
    ],
)
def test_a_killed_program_loses_at_most_its_last_second(tmp_path, codec, after_frame):
    folder = tmp_path / "session"
    last = record_and_kill(folder, codec, after_frame)

    recording = Recording(folder)
    assert not recording.complete
    assert "the session was not closed" in recording.problems[0]
    wanted = last - FPS
    assert recording.ledger["index"].to_pylist()[-1:] >= [wanted]
    assert list(recording.frame_indices)[-1:] >= [wanted]
    assert recording.log[-1].facts["index"] >= last - 1
    frames = list(recording.frames())
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert len(frames) >= wanted
    assert recording.n_video_frames() >= wanted
    if codec == "ffv1":
        for frame in frames:
            np.testing.assert_array_equal(frame.image, image(frame.index, SHAPE))
