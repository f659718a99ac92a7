import math
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv

from tracker.batch.jobs import Job
from tracker.batch.labels import Label
from tracker.batch.sources import Source
from tracker.batch.table import (
    COLUMNS,
    SCHEMA,
    read_summary,
    row_of_failure,
    to_table,
    write_tables,
)
from tracker.errors import RecordingError

ROWS = [
    {"recording": "b", "behaviour": "freezing", "bouts": 2, "latency_s": 0.1},
    {"recording": "b", "behaviour": "climbing", "bouts": 0, "latency_s": math.nan},
    {"recording": "a", "state": "failed", "error": "it is damaged"},
]


def test_rows_are_sorted_by_recording_and_keep_the_order_of_the_ethogram():
    table = to_table(ROWS)
    assert table["recording"].to_pylist() == ["a", "b", "b"]
    assert table["behaviour"].to_pylist() == [None, "freezing", "climbing"]


def test_the_order_in_which_recordings_were_done_makes_no_difference():
    shuffled = [ROWS[2], ROWS[0], ROWS[1]]
    assert str(to_table(ROWS).to_pylist()) == str(to_table(shuffled).to_pylist())


def test_every_column_is_there_whatever_failed():
    assert to_table(ROWS[2:]).column_names == list(COLUMNS)


def test_the_parquet_file_has_every_number_to_the_bit_and_says_what_it_is(tmp_path):
    write_tables(to_table([{"recording": "a", "total_s": 0.1 + 0.2}]), tmp_path)
    table = read_summary(tmp_path / "summary.parquet")
    assert table["total_s"].to_pylist() == [0.1 + 0.2]
    assert table.schema.equals(SCHEMA, check_metadata=True)


def test_in_the_csv_file_what_is_not_known_is_an_empty_cell(tmp_path):
    write_tables(to_table(ROWS), tmp_path)
    lines = (tmp_path / "summary.csv").read_text(encoding="utf-8").splitlines()
    assert "nan" not in "".join(lines).lower()
    table = csv.read_csv(tmp_path / "summary.csv")
    assert table["latency_s"].to_pylist() == [None, 0.1, None]


def test_a_table_is_replaced_when_it_is_whole(tmp_path):
    write_tables(to_table(ROWS), tmp_path)
    write_tables(to_table(ROWS[:1]), tmp_path)
    assert read_summary(tmp_path / "summary.parquet").num_rows == 1
    assert {path.name for path in tmp_path.iterdir()} == {"summary.parquet", "summary.csv"}


def test_the_row_of_a_failure_says_why():
    source = Source("a.mp4", Path("/a.mp4"), is_session=False)
    job = Job(source, Label("drug", "m1"), Path("/out"), Path("/out/d/t"), Path("/out/a-1"))
    row = row_of_failure(job, "it is damaged")
    assert (row["group"], row["subject"], row["state"]) == ("drug", "m1", "failed")
    assert (row["error"], row["session"]) == ("it is damaged", None)


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        pytest.param(lambda path: None, "no summary of a batch", id="missing"),
        pytest.param(lambda path: path.write_bytes(b"abc"), "no summary of a batch", id="other"),
        pytest.param(
            lambda path: pa.parquet.write_table(pa.table({"a": [1]}), path),
            "it lacks recording, group",
            id="other_table",
        ),
    ],
)
def test_what_is_no_summary_is_an_error(tmp_path, write, expected):
    write(tmp_path / "t.parquet")
    with pytest.raises(RecordingError, match=expected):
        read_summary(tmp_path / "t.parquet")
