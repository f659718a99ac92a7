"""The film: a file that plays anywhere, whole or not there, with everything drawn into it."""

import json
import os
import signal
import struct
import subprocess
import sys

import av
import numpy as np
import pytest
from browser import CHROMIUM, Browser
from report_sessions import freezing, place, session
from session_folders import change_session, cut, files_of

from tracker.errors import RecordingError
from tracker.recording import Recording
from tracker.render import Wanted, render

EPISODES = (freezing(1, 1, 2.0), freezing(2, 4, 7.5), freezing(3, 8.2, 9.0))
LOST = range(50, 55)
SHORT = Wanted(from_s=1, to_s=1.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Ten seconds at 20 frames a second, three bouts, frames 50 to 54 lost."""
    path = tmp_path_factory.mktemp("filmed") / "s"
    return session(path, episodes=EPISODES, video=True, lost=LOST)


@pytest.fixture(scope="module")
def film(folder, tmp_path_factory):
    """The film of its second to fourth second: 60 pictures."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    before = {each.name: each.read_bytes() for each in folder.iterdir()}
    made = render(Recording(folder), path, Wanted(from_s=1, to_s=4))
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == before
    return made


def pictures(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


# The file ----------------------------------------------------------------------------------------


def test_the_film_is_h264_that_players_and_slides_take(film):
    with av.open(str(film.path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.average_rate, stream.frames) == (20, 60)
        assert stream.width % 2 == stream.height % 2 == 0
        times = [frame.time for frame in container.decode(stream)]
    assert times == pytest.approx(np.arange(60) / 20)


def test_the_index_comes_before_the_pictures_so_that_it_plays_while_it_loads(film):
    names = boxes(film.path.read_bytes())
    assert names.index("moov") < names.index("mdat")


def boxes(data):
    """Names of the boxes of an MP4 file (ISO/IEC 14496-12, 4.2), in order."""
    names, at = [], 0
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        names.append(name.decode())
        at += size
    return names


def test_it_says_what_was_made(film):
    assert (film.n_pictures, film.fps, film.n_cuts, film.cut_off) == (60, 20, 1, False)


def test_progress_goes_to_the_end(folder, tmp_path):
    told = []
    render(Recording(folder), tmp_path / "f.mp4", SHORT, lambda *each: told.append(each))
    assert told == [(n, 10) for n in range(1, 11)]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None or os.name != "posix", reason="no Chromium here")
def test_a_browser_plays_the_film(film, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(f"<video src='{film.path.as_uri()}' muted></video>", encoding="utf-8")
    with Browser(tmp_path / "profile") as browser:
        browser.open(page)
        found = browser.value_of(
            "new Promise(done => { const v = document.querySelector('video'); const tell = () => "
            "done([v.videoWidth, v.videoHeight, v.duration, v.error && v.error.message]); "
            "v.onerror = tell; v.onended = tell; v.playbackRate = 4; v.play(); })"
        )
    assert found == [640, found[1], pytest.approx(3, abs=0.1), None]


def test_a_film_that_is_there_is_never_overwritten(folder, tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(b"mine")
    with pytest.raises(RecordingError, match=r"film\.mp4 is there already"):
        render(Recording(folder), path, SHORT)
    assert path.read_bytes() == b"mine"
    assert files_of(tmp_path) == {"film.mp4"}


def test_a_film_that_came_to_be_meanwhile_is_left_as_it_is(folder, tmp_path):
    path = tmp_path / "film.mp4"
    with pytest.raises(RecordingError, match="came to be meanwhile"):
        render(Recording(folder), path, SHORT, lambda *_: path.write_bytes(b"other"))
    assert path.read_bytes() == b"other"
    assert files_of(tmp_path) == {"film.mp4"}


def test_two_at_once_of_one_name_are_refused(folder, tmp_path):
    (tmp_path / "film.mp4.part").write_bytes(b"at work")
    with pytest.raises(RecordingError, match="another film is being made of that name"):
        render(Recording(folder), tmp_path / "film.mp4", SHORT)
    assert (tmp_path / "film.mp4.part").read_bytes() == b"at work"


def test_a_folder_that_is_not_there_is_an_error_of_ours(folder, tmp_path):
    with pytest.raises(RecordingError, match=r"cannot write film\.mp4"):
        render(Recording(folder), tmp_path / "no" / "film.mp4", SHORT)


def test_a_failure_in_the_middle_leaves_nothing(folder, tmp_path):
    def fail(done, _of):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render(Recording(folder), tmp_path / "film.mp4", SHORT, fail)
    assert files_of(tmp_path) == set()


def test_without_a_video_there_is_no_film(tmp_path):
    folder = session(tmp_path / "s", n_frames=5)
    with pytest.raises(RecordingError, match="there is no video"):
        render(Recording(folder), tmp_path / "film.mp4")
    assert files_of(tmp_path) == {"s"}


def test_a_film_of_a_video_that_was_cut_off_ends_there(tmp_path):
    folder = session(tmp_path / "s", video=True)
    change_session(folder, state="running", end_reason=None)
    cut(folder / "video.mkv", (folder / "video.mkv").stat().st_size * 7 // 8)
    film = render(Recording(folder), tmp_path / "film.mp4")
    assert film.cut_off
    assert 1 < film.n_pictures < 100
    assert len(pictures(film.path)) == film.n_pictures
    with pytest.raises(RecordingError, match="was cut off before what the film was to show"):
        render(Recording(folder), tmp_path / "later.mp4", Wanted(from_s=9))
    assert not (tmp_path / "later.mp4").exists()


# What is in it ------------------------------------------------------------------------------------


def test_true_colours_survive_the_codec(film):
    """Grey 180 of the camera is grey 180 of the film, to the codec's error."""
    picture = pictures(film.path)[10]
    assert abs(picture[100:120, 20:60].astype(int) - 180).max() <= 4


def test_the_film_shows_the_frames_of_its_time(film):
    """Picture 30 stands for 2.5 s: frame 49, since 50 is lost. The animal is its black square."""
    picture = pictures(film.path)[29]
    x, y = np.rint(place(49) + 15).astype(int)
    square = picture[y - 17 : y - 12, x + 8 : x + 17]
    assert np.median(square) < 40
    assert picture[y - 30, x + 40].min() > 150


# The command -------------------------------------------------------------------------------------


def command(*arguments):
    return [sys.executable, "-m", "tracker", "render", *map(str, arguments)]


def run(*arguments):
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.slow
def test_the_command_makes_a_film_of_the_bouts(folder, tmp_path):
    out = tmp_path / "film.mp4"
    done = run(
        folder,
        "--out",
        out,
        "--behaviour",
        "freezing",
        "--to",
        3,
        "--before",
        0.25,
        "--after",
        0.25,
        "--speed",
        2,
        "--json",
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "path": str(out),
        "n_pictures": 15,
        "fps": 20.0,
        "n_cuts": 1,
        "cut_off": False,
    }
    assert len(pictures(out)) == 15


@pytest.mark.slow
def test_what_cannot_be_shown_is_one_sentence(folder, tmp_path):
    done = run(folder, "--out", tmp_path / "film.mp4", "--behaviour", "freezign")
    assert done.returncode == 2
    assert "did you mean 'freezing'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_leaves_no_half_a_film(folder, tmp_path):
    out = tmp_path / "film.mp4"
    process = subprocess.Popen(
        command(folder, "--out", out, "--speed", "0.01"), stderr=subprocess.PIPE, text=True
    )
    part = tmp_path / "film.mp4.part"
    while not (part.is_file() and part.stat().st_size):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped: no film was made" in errors
    assert files_of(tmp_path) == set()
