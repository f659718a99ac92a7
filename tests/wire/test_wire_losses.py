"""How a subscriber takes what another program, written by hand, may send."""

import pytest
import zmq
from wire_ends import receive

from tracker.errors import BadMessage
from tracker.messages import LogMessage, StatusMessage
from tracker.subscriber import Subscriber
from tracker.wire import encode


@pytest.fixture
def other_program(tmp_path):
    """A publisher written by hand, and a subscriber that it knows of."""
    sender = zmq.Context.instance().socket(zmq.XPUB)
    sender.bind(f"inproc://{tmp_path}")
    with Subscriber(f"inproc://{tmp_path}", topics=["log/", "status/"]) as subscriber:
        assert sender.poll(5_000)
        assert {sender.recv(), sender.recv()} == {b"\x01log/", b"\x01status/"}
        yield sender, subscriber
    sender.close()


def log_line(seq, session="s1"):
    line = LogMessage(schema=1, session=session, seq=seq, sent_ns=0, level="info", text="hi")
    return [b"log/top", encode(line)]


def goodbye(offered, session="s1"):
    status = StatusMessage(
        schema=1,
        session=session,
        seq=0,
        sent_ns=0,
        state="idle",
        anchor_utc_ns=0,
        model_sha256="",
        config_sha256="",
        offered=offered,
        goodbye="over",
    )
    return [b"status/top", encode(status)]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param([0, 1, 2], [(0, 0), (0, 0), (0, 0)], id="no_gap"),
        pytest.param([0, 2, 3, 7], [(0, 0), (1, 0), (0, 0), (3, 0)], id="each_gap_once"),
        pytest.param([4, 5], [(0, 4), (0, 0)], id="late"),
    ],
)
def test_gaps_are_counted(other_program, sent, expected):
    sender, subscriber = other_program
    for seq in sent:
        sender.send_multipart(log_line(seq))
    got = [(r.lost, r.joined_late) for r in receive(subscriber, len(sent))]
    assert got == expected
    assert subscriber.lost["log/top"] == sum(lost for lost, _ in expected)


def test_the_goodbye_shows_what_was_lost_at_the_end(other_program):
    sender, subscriber = other_program
    sender.send_multipart(log_line(0))
    sender.send_multipart(goodbye({"log/top": 4, "episode/top": 9}))
    receive(subscriber, 2)
    assert subscriber.lost == {"log/top": 3, "status/top": 0}


def test_the_goodbye_of_another_session_says_nothing_about_this_one(other_program):
    sender, subscriber = other_program
    sender.send_multipart(log_line(0))
    sender.send_multipart(goodbye({"log/top": 4}, session="s2"))
    receive(subscriber, 2)
    assert subscriber.lost["log/top"] == 0


def test_a_bad_message_is_told_counted_as_lost_and_does_no_harm(other_program):
    sender, subscriber = other_program
    sender.send_multipart(log_line(0))
    sender.send_multipart([b"log/top", b"\xc1"])  # number 1
    sender.send_multipart(log_line(2))
    receive(subscriber, 1)
    with pytest.raises(BadMessage, match="log/top"):
        subscriber.receive(5)
    (received,) = receive(subscriber, 1)
    assert (received.message.seq, received.lost) == (2, 1)


def test_numbers_that_go_back_are_told(other_program):
    sender, subscriber = other_program
    sender.send_multipart(log_line(5))
    sender.send_multipart(log_line(5))
    receive(subscriber, 1)
    with pytest.raises(BadMessage, match="number 5 came after 5 in session s1"):
        subscriber.receive(5)
