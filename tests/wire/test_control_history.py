import threading

import msgspec
import pytest

from tracker.control.history import PAGE_MESSAGES, History


def header(seq, sent_ns=None, padding=0):
    """A header of 27 bytes and more."""
    fields = {"seq": seq, "sent_ns": seq * 10 if sent_ns is None else sent_ns}
    return msgspec.msgpack.encode(fields | {"rest": bytes(padding)})


def filled(*seqs, topic=b"log/top", n_messages=100, n_bytes=100_000):
    history = History(n_messages, n_bytes)
    for seq in seqs:
        history.note(topic, header(seq))
    return history


def page(history, topic="", after_seq=None, after_ns=None, cursor=None):
    return history.page(topic, after_seq=after_seq, after_ns=after_ns, cursor=cursor)


def seqs(page):
    return [msgspec.msgpack.decode(header)["seq"] for _, header in page.messages]


def test_an_empty_history_has_missed_nothing():
    got = page(History(1, 1))
    assert (got.messages, got.complete, got.cursor) == ([], True, None)


def test_messages_come_as_they_were_sent():
    got = page(filled(0, 1))
    assert got.messages == [("log/top", header(0)), ("log/top", header(1))]


def test_topics_come_mixed_in_the_order_of_sending():
    history = History(100, 100_000)
    for topic in (b"status/top", b"episode/top", b"status/top"):
        history.note(topic, header(0))
    assert [topic for topic, _ in page(history).messages] == [
        "status/top",
        "episode/top",
        "status/top",
    ]


def test_a_prefix_chooses_topics():
    history = History(100, 100_000)
    for topic in (b"episode/top", b"episode/left", b"log/top"):
        history.note(topic, header(0))
    assert [t for t, _ in page(history, "episode/").messages] == ["episode/top", "episode/left"]
    assert page(history, "stimulus/").messages == []


@pytest.mark.parametrize(
    ("wanted", "expected", "complete"),
    [
        pytest.param({}, [3, 4, 5], False, id="all"),
        pytest.param({"after_seq": 1}, [3, 4, 5], False, id="after_one_that_is_gone"),
        pytest.param({"after_seq": 2}, [3, 4, 5], True, id="after_the_last_one_that_is_gone"),
        pytest.param({"after_seq": 4}, [5], True, id="after_one_that_is_kept"),
        pytest.param({"after_seq": 5}, [], True, id="after_the_newest"),
        pytest.param({"after_seq": 99}, [], True, id="after_one_that_is_to_come"),
        pytest.param({"after_ns": 19}, [3, 4, 5], False, id="after_a_time_before_one_gone"),
        pytest.param({"after_ns": 20}, [3, 4, 5], True, id="after_the_time_of_the_last_one_gone"),
        pytest.param({"after_ns": 45}, [5], True, id="after_a_time"),
        pytest.param({"after_seq": 3, "after_ns": 40}, [5], True, id="after_both"),
    ],
)
def test_what_is_not_kept_any_more_is_told(wanted, expected, complete):
    got = page(filled(0, 1, 2, 3, 4, 5, n_messages=3), **wanted)
    assert (seqs(got), got.complete) == (expected, complete)


@pytest.mark.parametrize(
    ("kept", "after_seq", "complete"),
    [
        pytest.param((0, 1, 2), None, True, id="nothing_missing"),
        pytest.param((1, 2), None, False, id="the_first_one_was_never_sent"),
        pytest.param((1, 2), 0, True, id="the_first_one_was_seen"),
        pytest.param((0, 1, 3), None, False, id="one_between_was_never_sent"),
        pytest.param((0, 1, 3), 1, False, id="the_next_one_was_never_sent"),
        pytest.param((0, 1, 3), 2, True, id="one_never_sent_is_not_asked_for"),
    ],
)
def test_what_was_never_sent_is_told(kept, after_seq, complete):
    assert page(filled(*kept), after_seq=after_seq).complete is complete


def test_one_topic_does_not_push_out_another():
    history = filled(0, topic=b"episode/top", n_messages=3)
    for seq in range(100):
        history.note(b"observation/top", header(seq))
    assert page(history, "episode/").messages == [("episode/top", header(0))]


def test_bytes_are_bounded_but_the_newest_message_is_kept():
    history = History(100, 1_000)
    for seq in range(5):
        history.note(b"log/top", header(seq, padding=300))
    assert seqs(page(history)) == [2, 3, 4]
    history.note(b"log/top", header(5, padding=5_000))
    assert seqs(page(history)) == [5]


def test_pages_follow_each_other_without_a_gap():
    history = filled(*range(2 * PAGE_MESSAGES + 1), n_messages=10_000)
    got, cursor, sizes = [], None, []
    while True:
        one = page(history, cursor=cursor)
        assert one.complete
        got += seqs(one)
        sizes.append(len(one.messages))
        cursor = one.cursor
        if cursor is None:
            break
    assert got == list(range(2 * PAGE_MESSAGES + 1))
    assert sizes == [PAGE_MESSAGES, PAGE_MESSAGES, 1]


def test_large_messages_make_small_pages():
    history = History(100, 10_000_000)
    for seq in range(5):
        history.note(b"log/top", header(seq, padding=400_000))
    first = page(history)
    assert seqs(first) == [0, 1]
    assert seqs(page(history, cursor=first.cursor)) == [2, 3]


def test_what_went_between_two_pages_and_was_handed_out_is_not_missing():
    history = filled(*range(PAGE_MESSAGES + 2), n_messages=PAGE_MESSAGES + 2)
    first = page(history)
    history.note(b"log/top", header(PAGE_MESSAGES + 2))  # pushes out number 0
    second = page(history, cursor=first.cursor)
    assert second.complete
    assert seqs(second) == [PAGE_MESSAGES, PAGE_MESSAGES + 1, PAGE_MESSAGES + 2]


def test_what_went_between_two_pages_and_was_not_handed_out_is_missing():
    history = filled(*range(PAGE_MESSAGES + 2), n_messages=PAGE_MESSAGES + 2)
    first = page(history)
    for seq in range(PAGE_MESSAGES + 2, 2 * PAGE_MESSAGES + 3):  # pushes out number 1000 too
        history.note(b"log/top", header(seq))
    assert not page(history, cursor=first.cursor).complete


def test_one_thread_may_ask_while_another_one_sends():
    history = History(50, 100_000)
    done = threading.Event()

    def send():
        for seq in range(20_000):
            history.note(b"log/top", header(seq))
        done.set()

    sender = threading.Thread(target=send)
    sender.start()
    while not done.is_set():
        got = seqs(page(history))
        assert got == list(range(got[0], got[0] + len(got))) if got else True
    sender.join()
