import numpy as np
import pytest

from tracker.ledger import Ledger, Totals
from tracker.types import Fate, Frame, Gap, LedgerRow, StageTimes

IMAGE = np.zeros((2, 2), np.uint8)
NONE = range(0)


def stages(turn):
    base = turn * 1_000
    return StageTimes(base + 100, base + 200, base + 500, base + 600, 250)


def fates(rows):
    return [(row.index, str(row.fate), str(row.recording)) for row in rows]


class Threads:
    """All threads of a session in one, so that a test chooses who speaks when."""

    def __init__(self, *, video=True, publishing=False):
        self.ledger = Ledger(video=video, publishing=publishing)
        self.turn = 0

    def captures(self, *indices):
        for index in indices:
            self.ledger.note_captured(self.turn, Frame(index, self.turn * 1_000, 0, IMAGE))
            self.turn += 1

    def loses(self, first, last, cause=Fate.LOST_BY_SENSOR):
        self.ledger.note_gap(Gap(first, last, cause, 0))

    def processes(self, turn, missed=NONE):
        self.ledger.note_processed(turn, missed, stages(turn), Fate.SUPERSEDED)

    def records(self, turn, missed=NONE, fate=Fate.RECORDED):
        self.ledger.note_recorded(turn, fate, missed=missed)


def test_a_row_comes_out_when_both_pipeline_and_video_are_done_with_the_frame():
    threads = Threads()
    threads.captures(0)
    assert threads.ledger.settle() == []
    threads.processes(0)
    assert threads.ledger.settle() == []
    threads.records(0)
    assert fates(threads.ledger.settle()) == [(0, "processed", "recorded")]
    assert threads.ledger.settle() == []


def test_a_row_carries_the_times_of_every_stage():
    threads = Threads(publishing=True)
    threads.ledger.note_captured(0, Frame(0, 50, 90, IMAGE, device_tick=7))
    threads.ledger.note_processed(0, NONE, StageTimes(90, 200, 500, 600, 250), Fate.SUPERSEDED)
    threads.records(0)
    threads.ledger.note_published(0, 700)
    stages = 90, 200, 500, 600, 700, 250
    assert threads.ledger.settle() == [
        LedgerRow(0, 50, *stages, Fate.PROCESSED, Fate.RECORDED, device_tick=7)
    ]


def test_rows_come_in_the_cameras_order_however_the_threads_hurry():
    threads = Threads()
    threads.captures(0, 1, 2)
    for turn in (2, 0, 1):
        threads.records(turn)
    for turn in (1, 2):
        threads.processes(turn)
    assert threads.ledger.settle() == []
    threads.processes(0)
    assert [row.index for row in threads.ledger.settle()] == [0, 1, 2]


@pytest.mark.parametrize(
    ("happens", "expected"),
    [
        pytest.param(
            lambda t: (t.captures(0, 1, 2), t.processes(2, missed=range(2))),
            [(0, "superseded", "not_wanted"), (1, "superseded", "not_wanted")],
            id="frames_the_pipeline_skipped_were_superseded",
        ),
        pytest.param(
            lambda t: (t.captures(0), t.loses(1, 2), t.captures(3), t.processes(0), t.processes(1)),
            [
                (0, "processed", "not_wanted"),
                (1, "lost_by_sensor", "lost_by_sensor"),
                (2, "lost_by_sensor", "lost_by_sensor"),
                (3, "processed", "not_wanted"),
            ],
            id="frames_that_never_arrived_have_rows_in_their_place",
        ),
    ],
)
def test_what_becomes_of_frames(happens, expected):
    threads = Threads(video=False)
    happens(threads)
    assert fates(threads.ledger.settle())[: len(expected)] == expected


def test_frames_the_recorder_was_too_slow_for_are_in_the_ledger():
    threads = Threads()
    threads.captures(0, 1, 2)
    for turn in range(3):
        threads.processes(turn)
    threads.records(2, missed=range(2))
    assert fates(threads.ledger.settle()) == [
        (0, "processed", "ring_overrun"),
        (1, "processed", "ring_overrun"),
        (2, "processed", "recorded"),
    ]


def test_a_row_waits_for_its_publication():
    threads = Threads(video=False, publishing=True)
    threads.captures(0)
    threads.processes(0)
    assert threads.ledger.settle() == []
    threads.ledger.note_published(0, 700)
    assert threads.ledger.settle()[0].published_ns == 700


def test_a_message_dropped_on_the_way_out_does_not_hold_up_the_rows():
    threads = Threads(video=False, publishing=True)
    threads.captures(0, 1)
    threads.processes(0)
    threads.processes(1)
    threads.ledger.note_published(1, 1_700)
    assert [row.published_ns for row in threads.ledger.settle()] == [None, 1_700]


def test_a_superseded_frame_does_not_wait_for_a_publication():
    threads = Threads(video=False, publishing=True)
    threads.captures(0, 1)
    threads.processes(1, missed=range(1))
    assert fates(threads.ledger.settle()) == [(0, "superseded", "not_wanted")]


def test_frames_left_in_the_buffer_at_the_end_are_accounted_for():
    threads = Threads()
    threads.captures(0, 1, 2)
    threads.processes(0)
    threads.records(0)
    threads.records(1)
    assert fates(threads.ledger.settle()) == [(0, "processed", "recorded")]
    assert fates(threads.ledger.close()) == [
        (1, "session_ended", "recorded"),
        (2, "session_ended", "session_ended"),
    ]
    assert threads.ledger.totals.unexplained == 0


def test_a_frame_that_was_overtaken_without_a_word_is_unexplained():
    threads = Threads(video=False)
    threads.captures(0, 1, 2)
    threads.processes(0)
    threads.processes(2)
    threads.ledger.settle()
    assert fates(threads.ledger.close())[0] == (1, "unknown", "not_wanted")
    assert threads.ledger.totals.unexplained == 1


def test_totals_add_up_to_the_cameras_count():
    threads = Threads()
    threads.captures(0, 1)
    threads.loses(2, 4, Fate.LOST_ON_LINK)
    threads.captures(5)
    threads.processes(0)
    threads.processes(2, missed=range(1, 2))
    threads.records(0)
    threads.records(2, missed=range(1, 2))
    threads.ledger.settle()
    assert threads.ledger.totals == Totals(
        captured=6,
        processed=2,
        recorded=2,
        lost={Fate.SUPERSEDED: 1, Fate.LOST_ON_LINK: 3},
        not_recorded={Fate.RING_OVERRUN: 1, Fate.LOST_ON_LINK: 3},
        unexplained=0,
    )


def test_totals_are_json_ready():
    totals = Totals(captured=2, processed=1, lost={Fate.SUPERSEDED: 1})
    assert totals.as_dict() == {
        "captured": 2,
        "processed": 1,
        "recorded": 0,
        "lost": {"superseded": 1},
        "not_recorded": {},
        "unexplained": 0,
    }


def test_a_finished_frame_leaves_nothing_behind_in_memory():
    threads = Threads(publishing=True)
    for turn in range(100):
        threads.captures(turn)
        threads.processes(turn)
        threads.records(turn)
        threads.ledger.note_published(turn, turn)
        threads.ledger.settle()
    ledger = threads.ledger
    assert not any([ledger._notes, ledger._order, ledger._by_turn, ledger._by_index])
