import pyarrow as pa
import pytest
from session_folders import cut, flip_a_bit

from tracker.errors import RecordingError
from tracker.session_folder.table_file import TableFile
from tracker.session_folder.tables import TableWriter, read_table

SCHEMA = pa.schema([("index", pa.int64()), ("time_ns", pa.int64()), ("text", pa.string())])


def written(path, n_rows, *, per_batch=7, text="x", lost=()):
    """A table of rows (i, 10 i, text) in small batches; no time where it was lost."""
    table = TableWriter(path, SCHEMA, {})
    for i in range(n_rows):
        table.append((i, None if i in lost else 10 * i, text))
        if i % per_batch == per_batch - 1:
            table.flush()
    table.close()
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.arrow"


def found(path, column, first, last):
    return TableFile(path).between(column, first, last)["index"].to_pylist()


@pytest.fixture(scope="module")
def long_table(tmp_path_factory):
    """20,000 rows in 2,858 batches, 1.2 MB: longer than what is searched from end to end."""
    return written(tmp_path_factory.mktemp("table") / "long.arrow", 20_000)


@pytest.mark.parametrize(
    ("first", "last", "rows"),
    [
        pytest.param(0, 0, [0], id="the_first"),
        pytest.param(19_999, 19_999, [19_999], id="the_last"),
        pytest.param(10_000, 10_003, [10_000, 10_001, 10_002, 10_003], id="in_the_middle"),
        pytest.param(6, 7, [6, 7], id="over_the_end_of_a_batch"),
        pytest.param(-5, 1, [0, 1], id="from_before_the_first"),
        pytest.param(19_998, 30_000, [19_998, 19_999], id="to_after_the_last"),
        pytest.param(20_000, 20_005, [], id="after_all"),
        pytest.param(-5, -1, [], id="before_all"),
        pytest.param(5, 4, [], id="none_asked_for"),
    ],
)
def test_rows_by_a_column_in_which_they_rise(long_table, first, last, rows):
    assert found(long_table, "index", first, last) == rows


@pytest.mark.parametrize("first", range(0, 20_000, 997))
def test_wherever_they_stand(long_table, first):
    assert found(long_table, "index", first, first + 15) == [*range(first, min(first + 16, 20_000))]


def test_all_rows_are_those_of_the_whole_table(long_table):
    assert TableFile(long_table).between("index", 0, 20_000).equals(read_table(long_table)[0])


def test_rows_whose_value_is_missing_do_not_stop_the_search(path):
    lost = {*range(3000, 6000), *range(9000, 9010)}
    written(path, 10_000, lost=lost)
    assert found(path, "time_ns", 29_980, 60_010) == [2998, 2999, 6000, 6001]
    assert found(path, "time_ns", 89_990, 90_100) == [8999, 9010]


def test_marks_within_the_data_are_not_taken_for_a_batch(path):
    """Text that looks like the beginning of a message, in every row, at every alignment."""
    written(path, 3000, text="\x00" * 3 + "y" * 5)
    mark = b"\xff\xff\xff\xff\x10\x00\x00\x00"
    path.write_bytes(path.read_bytes().replace(b"\x00\x00\x00yyyyy", mark))
    assert path.read_bytes().count(mark) > 2900
    assert found(path, "index", 1500, 1502) == [1500, 1501, 1502]


def test_what_lies_far_away_is_not_read(long_table, path):
    """A stretch that lies between the beginning and the rows, and is gone, does no harm."""
    damaged = bytearray(long_table.read_bytes())
    damaged[len(damaged) // 10 : len(damaged) * 4 // 10] = bytes(len(damaged) * 3 // 10)
    path.write_bytes(damaged)
    assert read_table(path)[0].num_rows < 3000
    assert found(path, "index", 12_000, 12_002) == [12_000, 12_001, 12_002]


def test_the_first_value_there_is(path):
    assert TableFile(written(path, 100, lost=range(40))).first("time_ns") == 400


def test_no_first_value_where_there_is_none(path):
    assert TableFile(written(path, 5, lost=range(5))).first("time_ns") is None


def test_a_table_that_was_cut_off_ends_with_its_last_whole_batch(path):
    cut(written(path, 70), 20)
    assert found(path, "index", 60, 100) == [60, 61, 62]


def test_a_table_that_is_still_being_written_can_be_searched(path):
    table = TableWriter(path, SCHEMA, {})
    table.append((0, 0, "x"))
    table.flush()
    assert found(path, "index", 0, 9) == [0]
    table.close()


def test_an_empty_table_has_no_rows(path):
    assert found(written(path, 0), "index", 0, 9) == []


@pytest.mark.parametrize("n_bytes", [0, 40], ids=["empty", "half_a_schema"])
def test_a_file_without_a_schema_is_an_error(path, n_bytes):
    written(path, 3)
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(RecordingError, match=r"a\.arrow"):
        TableFile(path)


def test_a_file_that_is_not_there_is_an_error(path):
    with pytest.raises(RecordingError, match=r"a\.arrow is missing"):
        TableFile(path)


def test_what_follows_a_damaged_batch_is_not_given(path):
    written(path, 21)
    second = path.read_bytes().index(b"\xff\xff\xff\xff", 8)
    second = path.read_bytes().index(b"\xff\xff\xff\xff", second + 8)
    flip_a_bit(path, second)
    assert found(path, "index", 0, 100) == [*range(7)]
