"""What animals got, in a file that outlives programs."""

import os
import sqlite3
import subprocess
import sys

import pytest

from tracker.dose_store import MINUTES_PER_DAY, Dose, DoseStore, usual_path
from tracker.errors import RecordingError

S = 1_000_000_000
MINUTE, DAY = 60 * S, 86_400 * S
NOW = 1_700_000_040 * S  # a whole minute


@pytest.fixture
def path(tmp_path):
    return tmp_path / "doses.sqlite"


@pytest.fixture
def store(path):
    with DoseStore(path) as opened:
        yield opened


def book(store, dose, at=NOW, until=None, limit=None, subject="m", instead_of=None):
    given = Dose(at if until is None else until, dose)
    return store.book(subject, "light", at, given, limit, instead_of)


def had(store, at=NOW, subject="m", output="light"):
    return store.had_ns(subject, output, at)


def test_the_folder_is_made_if_it_is_not_there(tmp_path):
    path = tmp_path / "a" / "b" / "doses.sqlite"
    with DoseStore(path):
        assert path.is_file()


def test_doses_are_kept_by_animal_and_output(store):
    book(store, 5)
    book(store, 7, subject="other")
    assert (had(store), had(store, subject="other"), had(store, output="sound")) == (5, 7, 0)


def test_doses_outlive_the_program_that_booked_them(path):
    with DoseStore(path) as store:
        book(store, 5)
    with DoseStore(path) as store:
        assert had(store) == 5


def test_what_takes_the_place_of_another_dose_counts_in_its_stead(store):
    book(store, 8, limit=10)
    assert book(store, 9, limit=10, instead_of=Dose(NOW, 7)) is None
    assert had(store) == 8 - 7 + 9


def test_if_it_is_too_much_the_other_dose_stays(store):
    book(store, 8, limit=10)
    assert book(store, 10, limit=10, instead_of=Dose(NOW, 7)) == 1
    assert had(store) == 8


def test_what_would_be_too_much_is_not_booked(store):
    assert book(store, 6, limit=10) is None
    assert book(store, 5, limit=10) == 6
    assert had(store) == 6
    assert book(store, 4, limit=10) is None


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        pytest.param(DAY - 1, 5, id="within_a_day"),
        pytest.param(DAY + MINUTE - 1, 5, id="a_minute_counts_whole"),
        pytest.param(DAY + MINUTE, 0, id="over"),
    ],
)
def test_a_dose_counts_for_24_hours_wherever_midnight_is(store, later, expected):
    book(store, 5)
    assert had(store, NOW + later) == expected


def test_a_dose_counts_from_when_it_will_have_been_given(store):
    two_hours = 120 * MINUTE
    book(store, 5, until=NOW + two_hours)
    assert had(store, NOW) == 5
    assert had(store, NOW + DAY + two_hours - 1) == 5
    assert had(store, NOW + DAY + two_hours + MINUTE) == 0


def test_a_wall_clock_that_was_set_back_frees_nothing(store):
    book(store, 8)
    assert had(store, NOW - 30 * DAY) == 8
    assert book(store, 5, at=NOW - 30 * DAY, limit=10) == 8


def test_the_last_minute_in_which_there_was_something_is_known(store):
    assert store.last_utc_ns("m", "light") is None
    book(store, 5, until=NOW + 1)
    book(store, 0, until=NOW + 10 * MINUTE)
    assert store.last_utc_ns("m", "light") == NOW + MINUTE


def test_a_shorter_time_than_a_day_can_be_asked_for(store):
    book(store, 5)
    assert store.had_ns("m", "light", NOW + 2 * MINUTE - 1, span_minutes=1) == 5
    assert store.had_ns("m", "light", NOW + 2 * MINUTE, span_minutes=1) == 0
    assert MINUTES_PER_DAY == 24 * 60


def test_what_is_given_back_never_makes_a_dose_negative(store):
    book(store, 5)
    store.give_back("m", "light", Dose(NOW, 2))
    assert had(store) == 3
    store.give_back("m", "light", Dose(NOW, 100))
    assert had(store) == 0


def test_giving_back_what_was_never_booked_changes_nothing(store):
    book(store, 5)
    store.give_back("m", "light", Dose(NOW + MINUTE, 2))
    store.give_back("other", "light", Dose(NOW, 2))
    assert had(store) == 5


# --- several programs

BOOKING = """
import sys
from pathlib import Path
from tracker.dose_store import Dose, DoseStore
from tracker.errors import RecordingError

store, now = DoseStore(Path(sys.argv[1])), int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
booked = 0
for n in range(int(sys.argv[2])):
    try:
        booked += store.book("m", "light", now, Dose(now, 1), 1000) is None
    except RecordingError:
        pass  # the other one was writing for longer than this one waits: not given
    if n % 10 == 0:
        print(booked, flush=True)
print(booked, flush=True)
"""


def program(path, n):
    """It books one nanosecond `n` times, as long as it has not been 1000."""
    running = subprocess.Popen(
        [sys.executable, "-c", BOOKING, str(path), str(n), str(NOW)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout.readline() == "ready\n"
    return running


def begin(running):
    running.stdin.write("\n")
    running.stdin.flush()


@pytest.mark.parametrize("after", [1, 20, 57])
def test_what_was_booked_is_there_after_the_program_was_killed(path, after):
    with program(path, 1_000_000) as running:
        begin(running)
        for _ in range(after):
            said = int(running.stdout.readline())
        running.kill()
    with DoseStore(path) as store:
        assert said <= had(store) <= 1000
        assert book(store, 1, limit=10_000) is None


def test_two_programs_together_do_not_exceed_a_limit(path):
    both = [program(path, 900), program(path, 900)]
    for running in both:
        begin(running)
    booked = [int(running.communicate(timeout=30)[0].splitlines()[-1]) for running in both]
    with DoseStore(path) as store:
        assert sum(booked) == had(store) <= 1000
    assert min(booked) > 0


# --- a file that is none


def test_a_damaged_file_is_an_error_at_the_door(path):
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(RecordingError, match=r"doses\.sqlite: .*stimulation\.doses"):
        DoseStore(path)


def test_a_file_of_something_else_is_an_error_at_the_door(path):
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE doses (what TEXT)")
    other.close()
    with pytest.raises(RecordingError, match="cannot be kept"):
        DoseStore(path)


def test_a_file_that_another_program_locks_is_an_error_at_the_door(path):
    DoseStore(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(RecordingError, match="locked"):
        DoseStore(path)
    other.close()
    DoseStore(path).close()


def test_a_file_that_gets_locked_is_an_error_and_then_goes_on(path, store):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(RecordingError, match="locked"):
        book(store, 5)
    with pytest.raises(RecordingError, match="locked"):
        store.give_back("m", "light", Dose(NOW, 1))
    other.close()
    assert book(store, 5) is None
    assert had(store) == 5


def test_a_place_where_nothing_can_be_written_is_an_error_at_the_door(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="cannot be kept"):
        DoseStore(tmp_path / "file" / "doses.sqlite")
    with pytest.raises(RecordingError, match="cannot be kept"):
        DoseStore(tmp_path)


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_file_that_may_only_be_read_is_an_error_at_the_door(path):
    DoseStore(path).close()
    path.chmod(0o400)
    with pytest.raises(RecordingError, match="cannot be kept"):
        DoseStore(path)


def test_after_closing_everything_is_an_error(path):
    store = DoseStore(path)
    store.close()
    store.close()
    for what in (
        lambda: book(store, 1),
        lambda: store.give_back("m", "light", Dose(NOW, 1)),
        lambda: had(store),
        lambda: store.last_utc_ns("m", "light"),
        store.checkpoint,
    ):
        with pytest.raises(RecordingError):
            what()


def test_a_checkpoint_brings_everything_into_the_file_itself(path, store, tmp_path):
    book(store, 5)
    store.checkpoint()
    alone = tmp_path / "copy.sqlite"
    alone.write_bytes(path.read_bytes())
    with DoseStore(alone) as copy:
        assert had(copy) == 5


def test_it_is_kept_in_the_users_data_folder():
    assert usual_path().parts[-2:] == ("behaviour-tracker", "doses.sqlite")
