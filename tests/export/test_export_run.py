"""`export`: whole files or none, never one in place of another, and what the command line says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from exported import session

import tracker.export.run as run_module
from tracker.errors import ExportError, RecordingError
from tracker.export import Format, Rows, export
from tracker.export.coco import Choice
from tracker.export.run import Pictures


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_files_go_beside_the_session_with_what_they_are_about(tmp_path):
    folder = session(tmp_path / "s")
    done = export(folder, [Format.BORIS])
    assert names_in(folder / "export") == ["s.boris.about.json", "s_boris.tsv"]
    assert sorted(path.name for path in done.files) == names_in(folder / "export")
    about = json.loads((folder / "export" / "s.boris.about.json").read_text(encoding="utf-8"))
    assert about["session_id"] == "s1"
    assert about["time_zero_utc_ns"] == 1_700_000_005_123_456_789
    assert about["n_rows"] == 10
    assert about["notes"] == []


def test_every_format_can_be_had_at_once(folder, tmp_path):
    told = []
    done = export(
        folder,
        list(Format),
        tmp_path / "new" / "out",
        pictures=Pictures(3, Choice.EVEN),
        progress=lambda what, done, of: told.append((what, done / of)),
    )
    assert all(file.exists() for file in done.files)
    assert {what for what, part in told if part == 1} == set(Format)
    assert all(0 <= part <= 1 for _, part in told)
    assert names_in(tmp_path / "new" / "out") == sorted(file.name for file in done.files)


def test_a_format_that_is_asked_for_twice_is_written_once(folder, tmp_path):
    assert len(export(folder, [Format.BORIS, Format.BORIS], tmp_path).files) == 2


def test_nothing_is_overwritten_and_nothing_is_written_beside_it(folder, tmp_path):
    (tmp_path / "s_m12.nwb").write_text("precious", encoding="utf-8")
    with pytest.raises(ExportError, match=r"s_m12\.nwb in .*: there already, and nothing is ever"):
        export(folder, [Format.CSV, Format.NWB], tmp_path)
    assert names_in(tmp_path) == ["s_m12.nwb"]
    assert (tmp_path / "s_m12.nwb").read_text(encoding="utf-8") == "precious"


def test_another_format_may_be_added_later(folder, tmp_path):
    export(folder, [Format.BORIS], tmp_path)
    export(folder, [Format.MOVEMENT], tmp_path)
    assert "s_m12_movement.nc" in names_in(tmp_path)


def test_an_export_that_is_broken_off_leaves_nothing(folder, tmp_path):
    def give_up(_what, done, _of):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(folder, [Format.CSV], tmp_path, progress=give_up)
    assert names_in(tmp_path) == []


def test_a_file_that_appears_meanwhile_is_not_overwritten_either(folder, tmp_path):
    precious = tmp_path / "s_m12_frames.csv"

    def somebody_else(_what, done, _of):
        if done:
            precious.write_text("precious", encoding="utf-8")

    with pytest.raises(ExportError, match=r"s_m12_frames\.csv in .*: there already"):
        export(folder, [Format.CSV], tmp_path, progress=somebody_else)
    assert names_in(tmp_path) == ["s_m12_frames.csv"]
    assert precious.read_text(encoding="utf-8") == "precious"


def test_a_format_that_cannot_be_written_leaves_the_others(folder_of_two, tmp_path):
    with pytest.raises(ExportError, match="coco needs pictures"):
        export(folder_of_two, [Format.BORIS, Format.COCO], tmp_path)
    assert names_in(tmp_path) == ["s_two.boris.about.json", "s_two_boris.tsv"]


def test_a_place_that_is_a_file_is_refused(folder, tmp_path):
    (tmp_path / "out").write_text("", encoding="utf-8")
    with pytest.raises(ExportError, match="cannot write into"):
        export(folder, [Format.BORIS], tmp_path / "out")


def test_a_folder_that_is_no_session_is_refused(tmp_path):
    with pytest.raises(RecordingError, match="no session folder"):
        export(tmp_path, [Format.BORIS])


def test_the_session_is_not_touched(tmp_path):
    folder = session(tmp_path / "s")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    export(folder, list(Format), tmp_path / "out")
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_every_format_has_a_writer_and_names():
    assert set(run_module._NAMES) == set(Format)
    assert set(run_module._WRITERS) == set(Format) - {Format.COCO}


def test_rows_are_said_in_what_the_files_are_about(folder, tmp_path):
    export(folder, [Format.CSV], tmp_path, rows=Rows.PROCESSED)
    about = json.loads((tmp_path / "s_m12.csv.about.json").read_text(encoding="utf-8"))
    assert (about["rows"], about["n_rows"]) == ("processed", 8)


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tracker", "export", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
def test_the_command_prints_the_files_and_refuses_to_write_them_again(folder, tmp_path):
    done = command(folder, "boris", "csv", "--out", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert {Path(file).name for file in said["files"]} == set(names_in(tmp_path))
    again = command(folder, "csv", "--out", tmp_path)
    assert again.returncode == 2
    assert "nothing is ever overwritten" in again.stderr
    assert "Traceback" not in again.stderr


@pytest.mark.slow
def test_the_command_warns_of_a_folder_that_was_cut_off(tmp_path):
    folder = session(tmp_path / "s", closed=False, codec="none")
    done = command(folder, "boris")
    assert done.returncode == 0
    assert "note: the session was not closed" in done.stderr
    assert done.stdout.splitlines()[0].endswith("s_boris.tsv")
