"""A folder of pictures that another program fills."""

import os
import time

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from tracker.cameras.images import ImagesCamera, ImagesSettings
from tracker.errors import DeviceError, DeviceNotFound, EndOfStream
from tracker.testing.manual_clock import ManualClock
from tracker.types import Frame

MS = 1_000_000


@pytest.fixture
def clock():
    return ManualClock(now_ns=100_000_000_000)


@pytest.fixture
def make(clock, tmp_path):
    made = []

    def one(**settings):
        settings = {"folder": tmp_path, "open_timeout_s": 0.1, **settings}
        made.append(ImagesCamera(ImagesSettings(**settings), clock))
        return made[-1]

    yield one
    for camera in made:
        camera.close()


@pytest.fixture
def write(tmp_path):
    """Writes pictures of 6x4 px with one grey level each; by name, or by number."""

    def one(*names, value=None):
        for name in names:
            file = name if isinstance(name, str) else f"f{name:04d}.png"
            level = value if value is not None else 10 * name
            good, data = cv2.imencode(".png", np.full((4, 6), level, np.uint8))
            assert good
            (tmp_path / file).write_bytes(data.tobytes())
        return tmp_path / file

    return one


@pytest.fixture
def opened(make, write):
    """Open on a folder with picture 0, which is passed over."""

    def one(**settings):
        write(0)
        camera = make(**settings)
        camera.open()
        return camera

    return one


def told(camera, n, timeout_s=0.05):
    """Index and grey level of frames, first, last and cause of gaps."""
    entries = [camera.read(timeout_s) for _ in range(n)]
    return [
        (entry.index, int(entry.image[0, 0]))
        if isinstance(entry, Frame)
        else entry and (entry.first_index, entry.last_index, str(entry.cause))
        for entry in entries
    ]


def test_pictures_are_frames_in_the_order_of_their_numbers(opened, write):
    camera = opened()
    assert told(camera, 1) == [None]
    write(1)
    write(2)
    assert told(camera, 3) == [(0, 10), (1, 20), None]


def test_what_is_there_already_can_be_played(make, write):
    write(9, 10, 8)
    camera = make(there="play")
    camera.open()
    assert told(camera, 3) == [(0, 80), (1, 90), (2, 100)]


def test_numbers_are_compared_as_numbers(make, write):
    write("a2.png", "a10.png", "a9.png", value=1)
    camera = make(there="play")
    camera.open()
    assert told(camera, 4, 0.5) == [(0, 1), (1, 6, "lost_on_link"), (7, 1), (8, 1)]


def test_a_number_that_is_left_out_is_a_lost_frame(opened, write):
    camera = opened()
    write(1, 4)
    assert told(camera, 3, 0.5) == [(0, 10), (1, 2, "lost_on_link"), (3, 40)]


def test_a_picture_that_comes_a_little_late_is_not_lost(opened, write, clock):
    camera = opened(whole_after_s=1)
    write(2)
    assert told(camera, 1, 0.5) == [None]
    write(1)
    assert told(camera, 2) == [(0, 10), (1, 20)]


def test_names_without_numbers_are_read_in_their_order(opened, write):
    camera = opened(counted=False)
    write("g_b.png", value=20)
    write("g_a.png", value=10)
    assert told(camera, 3, 0.5) == [(0, 10), (1, 20), None]


def test_a_picture_that_is_half_written_is_waited_for(opened, write, clock, capfd):
    camera = opened(whole_after_s=0.2)
    file = write(1)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert told(camera, 1, 0.1) == [None]
    file.write_bytes(whole)
    assert told(camera, 1) == [(0, 10)]
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("data", [b"", b"not a picture"], ids=["empty", "nonsense"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_a_picture_that_stays_unreadable_is_a_gap(opened, write, tmp_path, data, suffix, capfd):
    camera = opened(pattern="*")
    (tmp_path / f"f0001{suffix}").write_bytes(data)
    (tmp_path / "f0002.png").write_bytes(write(2).read_bytes())
    assert told(camera, 2, 0.5) == [(0, 0, "incomplete"), (1, 20)]
    assert capfd.readouterr().err == ""


def test_times_are_those_at_which_the_files_were_written(opened, write):
    camera = opened()
    file = write(1)
    an_age_ago = time.time_ns() - 3_000_000_000
    os.utime(file, ns=(an_age_ago, an_age_ago))
    frame = camera.read(0.05)
    assert frame.received_ns - frame.captured_ns == pytest.approx(3e9, abs=2e8)


@pytest.mark.parametrize("age_s", [-100, 3600], ids=["in the future", "an hour old"])
def test_a_file_of_another_clock_was_captured_when_it_was_noticed(opened, write, age_s):
    camera = opened()
    file = write(1)
    then = time.time_ns() - age_s * 1_000_000_000
    os.utime(file, ns=(then, then))
    frame = camera.read(0.05)
    assert frame.captured_ns == frame.received_ns


def test_with_a_rate_times_follow_from_the_numbers(make, write):
    write(1, 2, 4)
    camera = make(there="play", fps=50)
    camera.open()
    first = camera.read(0.5)
    second = camera.read(0.5)
    camera.read(0.5)
    fourth = camera.read(0.5)
    times = [frame.captured_ns - first.captured_ns for frame in (second, fourth)]
    assert times == [20 * MS, 60 * MS]
    assert camera.info.fps == 50


def test_grey_of_16_bits_is_scaled(make, tmp_path):
    counts = np.array([[0, 100, 200, 300, 65535]], np.uint16)
    cv2.imwrite(str(tmp_path / "a1.png"), counts)
    camera = make(there="play", darkest=100, brightest=300)
    camera.open()
    assert camera.read(0.05).image.tolist() == [[0, 0, 128, 255, 255]]


def test_colour_comes_in_rgb_order(make, tmp_path):
    cv2.imwrite(str(tmp_path / "a1.png"), np.full((2, 2, 3), (0, 0, 255), np.uint8))
    camera = make(there="play", colour=True)
    camera.open()
    assert camera.read(0.05).image[0, 0].tolist() == [255, 0, 0]


def test_colour_read_as_grey_is_its_luminance(make, tmp_path):
    """0.299 of 255 is 76."""
    cv2.imwrite(str(tmp_path / "a1.png"), np.full((2, 2, 3), (0, 0, 255), np.uint8))
    camera = make(there="play")
    camera.open()
    assert camera.read(0.05).image.tolist() == [[76, 76], [76, 76]]


def test_silence_is_the_end_where_that_is_said(opened, write):
    camera = opened(end_after_s=0.3)
    write(1)
    assert told(camera, 1) == [(0, 10)]
    assert told(camera, 1, 0.2) == [None]
    with pytest.raises(EndOfStream, match=r"no new picture in .* for 0\.3 s"):
        camera.read(0.2)


def test_silence_counts_from_the_first_look_not_from_the_opening(opened, write, clock):
    camera = opened(end_after_s=0.3)
    clock.advance(5_000_000_000)  # a network warms up
    assert told(camera, 1, 0.1) == [None]
    write(1)
    assert told(camera, 1) == [(0, 10)]


def test_a_folder_that_is_empty_is_waited_for(make):
    with pytest.raises(DeviceNotFound, match=r"no picture \*\.png appeared in .* within 0\.1 s"):
        make().open()


def test_a_folder_that_is_not_there_is_not_found(make, tmp_path):
    with pytest.raises(DeviceNotFound, match="is no folder"):
        make(folder=tmp_path / "nothing").open()


def test_a_picture_of_another_size_is_an_error(opened, tmp_path):
    camera = opened()
    cv2.imwrite(str(tmp_path / "f0001.png"), np.zeros((5, 6), np.uint8))
    with pytest.raises(DeviceError, match=r"f0001\.png has shape \(5, 6\), .* before it \(4, 6\)"):
        camera.read(0.05)


def test_the_newest_picture_counts_unless_every_one_is_wanted(opened, make):
    assert opened().info.live
    camera = make(every=True)
    camera.open()
    assert not camera.info.live


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValidationError):
        ImagesSettings(folder=".", there="maybe")
    with pytest.raises(ValidationError, match="brightest"):
        ImagesSettings(folder=".", darkest=300, brightest=200)
