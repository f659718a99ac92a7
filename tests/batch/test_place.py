import os
import sqlite3

import pytest
from videos import write_video

from tracker.batch.place import Look, Place, look_at
from tracker.errors import RecordingError


def test_one_batch_at_a_time_has_a_folder(tmp_path):
    with Place(tmp_path / "r"), pytest.raises(RecordingError, match="used by another batch"):
        Place(tmp_path / "r").__enter__()


def test_a_folder_is_free_again_afterwards(tmp_path):
    with Place(tmp_path / "r"):
        pass
    with Place(tmp_path / "r") as place:
        assert not place.ending


def test_drafts_of_a_batch_that_died_are_removed(tmp_path):
    (tmp_path / "r/drafts.tmp/half").mkdir(parents=True)
    with Place(tmp_path / "r") as place:
        assert [path.name for path in place.drafts.iterdir()] == [place.ticket.name]


def test_the_end_is_asked_for_once_or_twice(tmp_path):
    with Place(tmp_path / "r") as place:
        place.ask_to_end()
        place.ask_to_end()
        assert place.ending


def test_nothing_is_left_but_what_was_found_out(tmp_path):
    with Place(tmp_path / "r"):
        pass
    assert [path.name for path in (tmp_path / "r").iterdir()] == ["batch.sqlite"]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RecordingError, match="cannot write r"):
        Place(tmp_path / "file" / "r").__enter__()


def test_a_damaged_memory_is_an_error_that_says_what_to_do(tmp_path):
    (tmp_path / "batch.sqlite").write_bytes(b"nonsense" * 200)
    with pytest.raises(RecordingError, match=r"batch.sqlite is damaged .* delete it"):
        Place(tmp_path).__enter__()


def test_a_look_tells_hash_size_and_frames(tmp_path):
    path = write_video(tmp_path / "a.avi", range(12), time_base=(1, 25))
    look = look_at(path)
    assert look.frames == 12
    assert look.size == path.stat().st_size
    assert look.sha256 != look_at(write_video(tmp_path / "b.avi", range(13))).sha256


def test_a_look_at_the_bytes_abc_has_their_known_hash(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"abc")
    look = look_at(tmp_path / "a.mp4")
    assert look.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert (look.size, look.frames) == (3, 0)


def test_what_was_seen_is_remembered_until_the_file_changes(tmp_path):
    video = tmp_path / "a.mp4"
    video.write_bytes(b"abc")
    with Place(tmp_path / "r") as place:
        assert place.known(video) is None
        place.remember(video, look_at(video))
    with Place(tmp_path / "r") as place:
        assert place.known(video) == look_at(video)
        os.utime(video, ns=(0, 1))
        assert place.known(video) is None


def test_a_file_that_was_written_again_is_another_one(tmp_path):
    video = tmp_path / "a.mp4"
    video.write_bytes(b"abc")
    look = look_at(video)
    assert look.still_is(video)
    video.write_bytes(b"abcd")
    assert not look.still_is(video)
    assert not Look(3, 1, look.sha256, 0).still_is(video)


def test_the_memory_is_a_database_that_others_read_afterwards(tmp_path):
    video = tmp_path / "a.mp4"
    video.write_bytes(b"abc")
    with Place(tmp_path / "r") as place:
        place.remember(video, look_at(video))
    memory = sqlite3.connect(tmp_path / "r/batch.sqlite")
    assert memory.execute("SELECT size FROM videos").fetchall() == [(3,)]
    memory.close()
