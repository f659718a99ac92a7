import os

import pytest

from tracker.batch.sources import find_sources
from tracker.errors import ConfigError


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of recordings, as the current one."""
    for name in ("a/m1.mp4", "a/m2.AVI", "a/notes.csv", "b/deep/m3.mkv", "b/m4.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "live/s1").mkdir(parents=True)
    (tmp_path / "live/s1/session.json").touch()
    (tmp_path / "live/s1/video.mkv").touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*words):
    return [source.name for source in find_sources(words)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["a/m1.mp4"], ["a/m1.mp4"], id="a_file"),
        pytest.param(["a/notes.csv"], ["a/notes.csv"], id="a_file_that_is_named_is_a_recording"),
        pytest.param(["a"], ["a/m1.mp4", "a/m2.AVI"], id="videos_of_a_folder"),
        pytest.param(["a/*.mp4"], ["a/m1.mp4"], id="a_pattern"),
        pytest.param(["b/**/*.mkv"], ["b/deep/m3.mkv"], id="any_depth"),
        pytest.param(["b/*.mp4", "a/m1.mp4"], ["a/m1.mp4", "b/m4.mp4"], id="sorted"),
        pytest.param(["a/m1.mp4", "a", "a/m?.mp4"], ["a/m1.mp4", "a/m2.AVI"], id="each_once"),
        pytest.param(["live/s1"], ["live/s1"], id="a_session_folder"),
        pytest.param(["live"], ["live/s1"], id="sessions_of_a_folder"),
        pytest.param(["live/*"], ["live/s1"], id="sessions_by_pattern"),
        pytest.param(["**/*.mkv"], ["b/deep/m3.mkv"], id="no_pattern_looks_into_sessions"),
        pytest.param(["live/s1/video.mkv"], ["live/s1/video.mkv"], id="one_that_is_named"),
    ],
)
def test_words_stand_for_recordings(here, words, expected):
    assert names(*words) == expected


def test_a_session_folder_is_told_from_a_video(here):
    session, video = find_sources(["live", "a/m1.mp4"])[::-1]
    assert session.is_session
    assert session.stem == "s1"
    assert not video.is_session
    assert video.stem == "m1"
    assert video.path == here / "a" / "m1.mp4"


def test_a_list_names_recordings_from_its_own_folder(here):
    (here / "b/list.txt").write_text("# day 1\n\nm4.mp4\n deep/*.mkv \n", encoding="utf-8")
    assert names("b/list.txt") == ["b/deep/m3.mkv", "b/m4.mp4"]


def test_a_list_may_begin_with_the_mark_of_windows_editors(here):
    (here / "list.txt").write_text("a/m1.mp4\n", encoding="utf-8-sig")
    assert names("list.txt") == ["a/m1.mp4"]


def test_names_have_forward_slashes(here):
    assert names(os.path.join("a", "m1.mp4")) == ["a/m1.mp4"]  # noqa: PTH118 - of this system


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        pytest.param("gone.mp4", "gone.mp4: no such file", id="missing"),
        pytest.param("*.mov", r"\*.mov: no such file or folder", id="pattern"),
        pytest.param("empty", "empty holds no recordings", id="empty_folder"),
    ],
)
def test_a_word_that_stands_for_nothing_is_an_error(here, word, expected):
    with pytest.raises(ConfigError, match=expected):
        find_sources(["a", word])


def test_a_list_that_is_no_text_is_an_error(here):
    (here / "list.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigError, match=r"list.txt cannot be read"):
        find_sources(["list.txt"])
