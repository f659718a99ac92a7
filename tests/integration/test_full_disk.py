"""A disk that fills up while a session is recorded; needs the right to mount one."""

import subprocess
import sys

import numpy as np
import pytest
from report_sessions import session
from session_folders import SHAPE, frame, image, opened, result, row

from tracker.errors import DiskFull, RecordingError
from tracker.recording import Recording
from tracker.render import render
from tracker.session_folder.files import AppendFile


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 600 kB."""
    if sys.platform != "linux":
        pytest.skip("needs a file system in memory, as Linux has")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", disk], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"may not mount a file system: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)  # even if a failed test left a file open


def write_until_full(running, n_frames):
    """Frames, results and ledger rows; returns how many frames went in."""
    for i in range(n_frames):
        running.write_frame(frame(i))
        running.write_result(result(i))
        running.write_ledger([row(i)])
    return n_frames


def test_a_full_disk_is_named_and_what_was_written_can_be_read(small_disk):
    folder = small_disk / "session"
    running = opened(folder)
    with pytest.raises(DiskFull, match=r"no room left for video\.mkv in .*session"):
        write_until_full(running, 2000)
    with pytest.raises(DiskFull, match=r"video\.mkv"):
        running.close("failed", {"captured": 7})

    recording = Recording(folder)
    assert recording.session["end_reason"] == "failed"
    assert recording.session["totals"] == {"captured": 7}
    (problem,) = recording.problems
    assert problem.startswith("no room left for video.mkv")
    frames = list(recording.frames())
    n_rows = recording.ledger.num_rows
    assert n_rows - 50 <= len(frames) <= n_rows  # a quarter of a second was still in memory
    assert len(frames) * SHAPE[0] * SHAPE[1] > 200_000
    for read in frames:
        np.testing.assert_array_equal(read.image, image(read.index))


def test_after_a_full_disk_each_further_frame_fails_as_well(small_disk):
    running = opened(small_disk / "session")
    with pytest.raises(DiskFull):
        write_until_full(running, 2000)
    with pytest.raises(DiskFull, match=r"video\.mkv"):
        running.write_frame(frame(5000))
    with pytest.raises(DiskFull):
        running.close("failed", {})


def test_rows_that_found_no_room_are_written_at_the_end(small_disk):
    folder = small_disk / "session"
    running = opened(folder, codec="none")
    running.write_ledger([row(i) for i in range(400)])
    fill(small_disk)
    running._clock.advance(10**9)
    with pytest.raises(DiskFull, match=r"no room left for frames\.arrow"):
        running.tick()
    running.close("failed", {})
    recording = Recording(folder)
    assert recording.ledger["index"].to_pylist() == list(range(400))
    assert recording.complete


def test_no_room_for_the_folder_itself_is_an_error_at_once(small_disk):
    fill(small_disk)
    with pytest.raises(DiskFull, match="no room left"):
        opened(small_disk / "session")


def test_an_append_that_finds_no_room_leaves_the_file_as_it_was(small_disk):
    file = AppendFile(small_disk / "a.bin")
    file.append(b"first")
    with pytest.raises(DiskFull):
        file.append(bytes(1_000_000))
    file.append(b"second")
    file.close()
    assert (small_disk / "a.bin").read_bytes() == b"firstsecond"
    assert isinstance(file.failure, RecordingError)


def fill(disk):
    """Leave no room on it."""
    full = pytest.raises(OSError, match="No space left")
    with full, (disk / "fill.bin").open("wb", buffering=0) as file:
        write_for_ever(file)


def write_for_ever(file):
    while True:
        file.write(bytes(4096))


def test_a_film_on_a_full_disk_is_named_and_nothing_is_left_of_it(small_disk, tmp_path):
    folder = session(tmp_path / "s", video=True)
    (small_disk / "full").write_bytes(bytes(580_000))
    with pytest.raises(DiskFull, match=r"no room left for film\.mp4 in"):
        render(Recording(folder), small_disk / "film.mp4")
    assert [each.name for each in small_disk.iterdir()] == ["full"]
