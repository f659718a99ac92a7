"""Episodes, stimuli, edges, losses and the log as tables."""

import numpy as np
import pytest
from exported import LOST, NOT_FILMED, SKIPPED, TIMES_S, episode, session

from tracker.export.session_view import Rows, view_of
from tracker.export.slots import Slots
from tracker.export.tables import losses_of, tables_of
from tracker.recording import Recording
from tracker.unblinding import unblind


def tables(view):
    return {table.name: table for table in tables_of(view)}


def rows_of(view, name):
    """Rows of a table as dictionaries."""
    columns = tables(view)[name].columns
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def test_every_column_says_what_is_in_it(view):
    for table in tables_of(view):
        assert list(table.about) == list(table.columns)
        assert all(table.about.values())


def test_an_episode_lasts_from_its_first_to_its_last_frame_both_included(view):
    first, second = rows_of(view, "episodes")
    assert first["time_s"] == pytest.approx(TIMES_S[1])
    assert first["duration_s"] == pytest.approx(TIMES_S[4] - TIMES_S[1] + 0.011)
    assert first["confirmed_s"] == pytest.approx(TIMES_S[2])
    assert (first["onset_index"], first["confirmed_index"], first["end_index"]) == (1, 2, 4)
    assert (first["behaviour"], first["subject"]) == ("freezing", "m12")
    assert (first["ended_by_session"], second["ended_by_session"]) == (False, True)


def test_an_episode_in_which_the_program_died_has_no_end(tmp_path):
    never_ended = episode(3, 8, 99)
    folder = session(tmp_path / "s", episodes=(never_ended,), codec="none", closed=False)
    (row,) = rows_of(view_of(Recording(folder)), "episodes")
    assert row["onset_index"] == 8
    assert row["duration_s"] is None
    assert row["end_index"] is None
    assert row["ended_by_session"] is None


def test_delivered_and_sham_stimuli_are_timed_alike(view):
    delivered, sham, refused = rows_of(view, "stimuli")
    assert delivered["time_s"] == pytest.approx(TIMES_S[2])
    assert sham["time_s"] == pytest.approx(TIMES_S[8])
    assert delivered["acknowledged_s"] == pytest.approx(TIMES_S[2] + 0.004)
    assert sham["acknowledged_s"] is None
    assert (delivered["arm"], sham["arm"]) == ("real", "sham")
    assert (refused["delivery"], refused["refusal"]) == ("refused", "refractory")
    assert delivered["duration_s"] == pytest.approx(0.46)  # 9 periods of 50 ms and a pulse of 10
    assert delivered["values"] == "speed_cm_s=0.5; freezing=0.75"


def test_losses_say_where_how_many_and_why(view):
    rows = rows_of(view, "losses")
    assert [
        (row["lost_in"], row["cause"], row["first_index"], row["n_frames"]) for row in rows
    ] == [
        ("pipeline", "lost_on_link", LOST, 1),
        ("video", "lost_on_link", LOST, 1),
        ("pipeline", "superseded", SKIPPED, 1),
        ("video", "ring_overrun", NOT_FILMED, 1),
    ]
    assert [row["time_known"] for row in rows] == [False, False, True, True]


def test_losses_are_all_there_also_if_lost_frames_have_no_rows(folder):
    view = view_of(Recording(folder), Rows.PROCESSED)
    assert len(rows_of(view, "losses")) == 4


def test_a_video_that_nobody_wanted_lost_nothing_by_that(folder_of_two):
    rows = rows_of(view_of(Recording(folder_of_two)), "losses")
    assert [(row["lost_in"], row["cause"]) for row in rows] == [
        ("pipeline", "lost_on_link"),
        ("video", "lost_on_link"),
        ("pipeline", "superseded"),
    ]


def test_a_run_of_frames_with_one_fate_is_one_loss():
    n = 6
    fate = np.array(["processed", "superseded", "superseded", "superseded", "unknown", "processed"])
    times, nowhere = np.arange(n) * 10_000_000, np.full(n, -1)
    recorded = np.full(n, "recorded")
    known = np.array([True] * 4 + [False, True])
    (first, second) = losses_of(
        Slots(np.arange(n), times, known, fate, recorded, nowhere, nowhere, nowhere)
    )
    assert (first.first_index, first.last_index, first.first_ns, first.last_ns) == (
        *(1, 3),
        *(10_000_000, 30_000_000),
    )
    assert (second.cause, second.time_known) == ("unknown", False)


def test_marks_of_people_are_in_the_log(view):
    (mark,) = [row for row in rows_of(view, "log") if row["level"] == "mark"]
    assert (mark["message"], mark["facts"]) == ("door opened", '{"by":"Jane"}')
    assert mark["time_s"] == 0


def test_edges_belong_to_their_stimulus(view):
    (edge,) = rows_of(view, "edges")
    assert edge["time_s"] == pytest.approx(TIMES_S[2] + 0.004)
    assert (edge["rising"], edge["stimulus_id"]) == (True, "wake/1")


class TestBlinded:
    @pytest.fixture
    def blinded(self, tmp_path):
        return session(tmp_path / "s", blinded=frozenset({"wake"}), codec="none")

    def test_nothing_tells_delivered_from_sham(self, blinded):
        delivered, sham, _ = rows_of(view_of(Recording(blinded)), "stimuli")
        times = {"time_s", "received_s", "frame_index", "stimulus_id"}
        assert {k: v for k, v in delivered.items() if k not in times} == {
            k: v for k, v in sham.items() if k not in times
        }
        assert delivered["arm"] == "hidden"
        assert delivered["dose_s"] is None
        assert delivered["confirmed"] is None

    def test_edges_of_its_stimuli_are_left_out(self, blinded):
        assert tables(view_of(Recording(blinded)))["edges"].n_rows == 0

    def test_after_unblinding_everything_is_there(self, blinded):
        unblind(blinded, "Jane")
        view = view_of(Recording(blinded))
        assert [row["arm"] for row in rows_of(view, "stimuli")] == ["real", "sham", "real"]
        assert tables(view)["edges"].n_rows == 1
