import threading

import pytest

from tracker.outbox import Outbox


def put(outbox, *items):
    for item in items:
        outbox.put(item[0], item)


def taken(outbox):
    """Everything that is queued, as (number, item)."""
    out = []
    while (message := outbox.take()) is not None:
        out.append(message[1:])
    return out


@pytest.mark.parametrize(
    ("items", "expected", "dropped"),
    [
        pytest.param([], [], 0, id="nothing"),
        pytest.param(["b1", "b2"], [(0, "b1"), (1, "b2")], 0, id="oldest_first"),
        pytest.param(["b1", "a1"], [(0, "a1"), (0, "b1")], 0, id="first_kind_first"),
        pytest.param(
            ["b1", "b2", "b3"], [(1, "b2"), (2, "b3")], 1, id="a_full_queue_drops_its_oldest"
        ),
        pytest.param(
            ["a1", "b1", "b2", "b3", "b4"],
            [(0, "a1"), (2, "b3"), (3, "b4")],
            2,
            id="one_kind_cannot_push_out_another",
        ),
    ],
)
def test_what_comes_out(items, expected, dropped):
    outbox = Outbox("ab", length=2)
    put(outbox, *items)
    assert (taken(outbox), outbox.dropped) == (expected, dropped)


def test_a_message_that_does_not_queue_has_a_number_too():
    outbox = Outbox("ab", length=2)
    put(outbox, "a1")
    assert outbox.number("a") == 1
    put(outbox, "a2")
    assert taken(outbox) == [(0, "a1"), (2, "a2")]


def test_offered_counts_what_was_dropped_as_well():
    outbox = Outbox("ab", length=1)
    put(outbox, "a1", "a2", "b1")
    assert outbox.offered() == {"a": 2, "b": 1}


def test_what_is_put_after_the_end_is_numbered_and_dropped():
    outbox = Outbox("ab", length=2)
    put(outbox, "a1")
    outbox.close()
    put(outbox, "a2")
    assert (taken(outbox), outbox.dropped, outbox.offered()["a"]) == ([(0, "a1")], 1, 2)


def test_waiting_for_nothing_ends_in_time():
    assert not Outbox("ab", length=2).wait(timeout_s=0.01)


def test_what_is_left_from_the_last_round_needs_no_bell():
    outbox = Outbox("ab", length=2)
    put(outbox, "a1", "a2")
    assert outbox.wait(timeout_s=0)
    outbox.take()
    assert outbox.wait(timeout_s=0)


def test_a_bell_of_something_already_taken_does_not_silence_the_next():
    outbox = Outbox("ab", length=2)
    put(outbox, "a1")
    outbox.take()
    assert not outbox.wait(timeout_s=0)  # hears the old bell and finds nothing
    put(outbox, "a2", "a3")
    assert outbox._bell.qsize() == 1


def test_what_is_put_between_bell_and_look_is_not_slept_over():
    outbox = Outbox("ab", length=2)

    class PutInBetween:
        """A bell that somebody puts behind just as the reader has heard it."""

        def get(self, timeout):
            put(outbox, "a1")

        def put(self, token):
            pass

    outbox._bell = PutInBetween()
    outbox._has_rung = True
    assert outbox.wait(timeout_s=0)


def test_a_sleeping_reader_is_woken():
    outbox, awake = Outbox("ab", length=2), threading.Event()

    def read():
        while not outbox.wait(timeout_s=30):
            pass
        awake.set()

    reader = threading.Thread(target=read)
    reader.start()
    put(outbox, "a1")
    assert awake.wait(10)
    reader.join()


def test_numbers_have_no_gap_and_no_double_when_many_threads_put():
    outbox, each = Outbox("a", length=10_000), 2_000
    writers = [
        threading.Thread(target=lambda: put(outbox, *["a"] * each), name=f"writer {n}")
        for n in range(4)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [number for number, _ in taken(outbox)] == list(range(4 * each))
