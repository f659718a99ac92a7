"""BORIS's tabular events."""

import csv

import pytest
from exported import TIMES_S, episode, session

from tracker.annotations.read import read_annotations
from tracker.export import boris
from tracker.export.session_view import view_of
from tracker.recording import Recording

REAL_HEADER = ["Subject", "Behavior", "Behavioral category", "Comment"]


def rows_of(view, write):
    path = write(boris.write, view) / boris.names(view)[0]
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_each_episode_has_a_start_and_a_stop(view, write):
    rows = rows_of(view, write)
    assert [(row["Behavior type"], row["Behavior"], row["Subject"]) for row in rows] == [
        ("START", "freezing", "m12"),
        ("STOP", "freezing", "m12"),
    ] * 2
    times = [float(row["Time"]) for row in rows]
    assert times == [TIMES_S[slot] for slot in (1, 4, 7, 9)]


def test_every_row_names_the_video_and_its_frame(view, write):
    rows = rows_of(view, write)
    assert {row["Media file name"] for row in rows} == {"video.mkv"}
    assert [row["Image index"] for row in rows] == ["1", "3", "5", "7"]  # of slots 1, 4, 7, 9
    assert rows[0]["Observation type"] == "Media file(s)"
    assert rows[0]["FPS"] == "100.000"


def test_the_observation_is_the_session(view, write):
    row = rows_of(view, write)[0]
    assert row["Observation id"] == "s_m12"
    assert row["Observation date"] == "2023-11-14 22:13:25"
    assert row["Observation duration"] == "0.091"


def test_an_episode_in_one_frame_starts_before_it_stops(tmp_path, write):
    view = view_of(Recording(session(tmp_path / "s", episodes=(episode(1, 4, 4, confirmed=4),))))
    assert [row["Behavior type"] for row in rows_of(view, write)] == ["START", "STOP"]


def test_an_end_that_nobody_knows_is_the_end_of_the_record_and_says_so(tmp_path, write):
    folder = session(tmp_path / "s", episodes=(episode(1, 7, 99),), codec="none", closed=False)
    _, stop = rows_of(view_of(Recording(folder)), write)
    assert float(stop["Time"]) == TIMES_S[9]
    assert "not known" in stop["Comment"]
    assert "the session was not closed" in stop["Description"]


def test_a_video_in_several_files_names_the_file_of_each_frame(tmp_path, write):
    rows = rows_of(view_of(Recording(session(tmp_path / "s", segment_minutes=0.05 / 60))), write)
    assert [(row["Media file name"], row["Image index"]) for row in rows] == [
        ("video_000.mkv", "1"),
        ("video_000.mkv", "3"),
        ("video_001.mkv", "1"),
        ("video_001.mkv", "3"),
    ]
    assert rows[0]["Source"] == "player #1:video_000.mkv;video_001.mkv"


def test_without_a_video_it_is_a_live_observation(view_of_two, write):
    row = rows_of(view_of_two, write)[0]
    assert row["Observation type"] == "Live observation"
    assert (row["Source"], row["Media file name"], row["FPS"]) == ("NA", "NA", "NA")


def test_the_columns_of_a_real_export_are_there(shared_data, view, write):
    """Those that BORIS has kept since the version that wrote the file."""
    (path,) = (shared_data / "mice_interact").glob("*.boris.csv")
    lines = path.read_text(encoding="utf-8").splitlines()
    (header,) = [line.split(",") for line in lines if line.startswith("Time,")]
    kept = {"Time", "FPS", "Subject", "Behavior", "Behavioral category", "Comment"}
    assert kept <= set(header)
    assert kept <= set(rows_of(view, write)[0])
    kinds = {line.split(",")[-1] for line in lines[lines.index(",".join(header)) + 1 :]}
    assert kinds - {""} == {row["Behavior type"] for row in rows_of(view, write)}


@pytest.mark.parametrize("column", boris.COLUMNS)
def test_every_column_has_a_value_in_every_row(view, write, column):
    may_be_empty = {"Description", "Behavioral category", "Comment"}
    for row in rows_of(view, write):
        assert row[column] or column in may_be_empty


def test_what_is_written_is_read_as_annotations(view, write):
    path = write(boris.write, view) / boris.names(view)[0]
    found = read_annotations(path)
    assert [(bout.first, bout.last) for bout in found.bouts] == [(1, 3), (5, 7)]
    assert {(bout.behaviour, bout.subject) for bout in found.bouts} == {("freezing", "m12")}
