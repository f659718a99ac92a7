"""A recording program is killed while it writes; then its folder is read."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from session_folders import image

from tracker.recording import Recording

SHAPE = (120, 160)

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
    print(i, clock.now_ns(), flush=True)
"""


def record_and_kill(folder, codec, after_frame):
    """Let a program record at 60 frames a second, kill it; return when it wrote each frame (ns)."""
    tests = Path(__file__).resolve().parents[1]
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), codec],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tests,
    )
    said = []
    with program:
        for line in program.stdout:
            said.append(line)
            if int(line.split()[0]) >= after_frame:
                break
        program.kill()
        said.extend(program.stdout.readlines())
    return [int(line.split()[1]) for line in said if line.endswith("\n")]


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
    written_ns = record_and_kill(folder, codec, after_frame)
    must_be_there = sum(written_ns[-1] - time >= 1_000_000_000 for time in written_ns)

    recording = Recording(folder)
    assert not recording.complete
    assert "the session was not closed" in recording.problems[0]
    assert recording.ledger["index"].to_pylist()[:must_be_there] == list(range(must_be_there))
    assert list(recording.frame_indices[:must_be_there]) == list(range(must_be_there))
    assert len(recording.log) >= len(written_ns)
    frames = list(recording.frames())
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert len(frames) >= must_be_there
    assert recording.n_video_frames() >= must_be_there
    if codec == "ffv1":
        for frame in frames:
            np.testing.assert_array_equal(frame.image, image(frame.index, SHAPE))
