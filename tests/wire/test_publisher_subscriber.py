import re
import sys
import threading
import time
import types
from pathlib import Path

import msgspec
import pytest
from wire_ends import ONSET, TRIES, greet, publishers, receive, receive_until_goodbye, result

from tracker.errors import WireError
from tracker.session_status import Status
from tracker.subscriber import Subscriber
from tracker.testing.manual_clock import ManualClock
from tracker.types import Episode

WIRE_MD = Path(__file__).resolve().parents[2] / "docs" / "wire.md"
S = 1_000_000_000  # ns
EPISODE = Episode(ONSET, end_index=20, end_ns=2_000)


@pytest.fixture
def clock():
    return ManualClock(now_ns=500)


@pytest.fixture
def make(clock):
    with publishers(clock) as make:
        yield make


@pytest.fixture
def subscriber(publisher):
    with Subscriber(publisher.address) as subscriber:
        greet(publisher, subscriber)
        yield subscriber


def test_what_is_offered_arrives(publisher, subscriber):
    publisher.offer(result(7))
    publisher.step(0)
    (received,) = receive(subscriber, 1)
    message = received.message
    assert (received.topic, received.payload, received.lost) == ("observation/top", None, 0)
    assert (message.session, message.seq, message.sent_ns) == ("s1", 0, 500)
    assert (message.frame_index, message.captured_ns) == (7, 700)
    assert message.xy == [[(7.0, 7.0), (7.0, 7.0)]]
    assert message.features == {"speed_cm_s": 1.5}


def test_the_ledger_is_told_when_a_frame_was_handed_over(make, clock):
    told = []
    publisher = make(on=lambda index, now_ns: told.append((index, now_ns)))
    publisher.bind()
    publisher.offer(result(7))
    publisher.offer_log("info", "not about a frame")
    assert told == []
    clock.advance(20)
    publisher.step(0)
    assert told == [(7, 520)]


def test_messages_are_numbered_by_topic(publisher, subscriber):
    for index in range(3):
        publisher.offer(result(index))
    publisher.offer(result(3, ONSET))
    publisher.step(0)
    numbers = [(got.topic, got.message.seq) for got in receive(subscriber, 5)]
    assert numbers == [("episode/top", 0), *(("observation/top", n) for n in range(4))]


def episodes(publisher, subscriber, results):
    """What is said of episodes, as (state, number), when these results are offered."""
    for one in results:
        publisher.offer(one)
    publisher.step(0)
    publisher.close("over")
    got = [received.message for received in receive_until_goodbye(subscriber)]
    return [(m.state.value, m.seq, m) for m in got if hasattr(m, "episode_id")]


def test_an_episode_begins_goes_on_and_ends_under_one_id(publisher, subscriber):
    said = episodes(
        publisher,
        subscriber,
        [result(13, ONSET), result(14, decided_ns=S), result(23, EPISODE, decided_ns=S + 9)],
    )
    assert [(state, seq) for state, seq, _ in said] == [("new", 0), ("update", 1), ("end", 2)]
    new, update, end = (message for _, _, message in said)
    assert {message.episode_id for message in (new, update, end)} == {"rearing/mouse/1"}
    assert (new.onset_index, new.confirmed_index, new.end_index) == (10, 13, None)
    assert (new.frame_index, update.frame_index, end.frame_index) == (13, 14, 23)
    assert (update.end_index, update.decided_ns) == (None, S)
    assert (end.onset_ns, end.end_index, end.end_ns, end.decided_ns) == (1_000, 20, 2_000, S + 9)
    assert (end.model_sha256, end.config_sha256) == ("m", "c")


@pytest.mark.parametrize(
    ("decided_ns", "expected"),
    [
        pytest.param([0, S - 1], ["new"], id="nothing_within_a_second"),
        pytest.param([0, S, S + 1], ["new", "update"], id="once_when_the_second_is_over"),
        pytest.param([0, S, 2 * S], ["new", "update", "update"], id="once_a_second"),
        pytest.param([0, 5 * S, 5 * S + 1], ["new", "update"], id="a_pause_is_not_made_up_for"),
    ],
)
def test_how_often_an_episode_goes_on(publisher, subscriber, decided_ns, expected):
    first, *others = decided_ns
    results = [result(13, ONSET, decided_ns=first)]
    results += [result(14 + n, decided_ns=at) for n, at in enumerate(others)]
    assert [state for state, _, _ in episodes(publisher, subscriber, results)] == expected


def test_nothing_is_said_of_an_episode_after_its_end(publisher, subscriber):
    results = [result(13, ONSET), result(14, EPISODE, decided_ns=S), result(15, decided_ns=9 * S)]
    states = [state for state, _, _ in episodes(publisher, subscriber, results)]
    assert states == ["new", "end"]


def test_an_episode_closed_by_the_session_says_so(publisher, subscriber):
    publisher.offer_ends([Episode(ONSET, 20, 2_000, ended_by_session=True)])
    publisher.step(0)
    (received,) = receive(subscriber, 1)
    message = received.message
    assert (message.state, message.ended_by_session, message.frame_index) == ("end", True, None)


def test_a_log_line_arrives_with_its_facts(publisher, subscriber):
    publisher.offer_log("warning", "frames lost", n=2, cause="lost_on_link")
    publisher.step(0)
    (received,) = receive(subscriber, 1)
    assert (received.message.level, received.message.text) == ("warning", "frames lost")
    assert received.message.facts == {"n": 2, "cause": "lost_on_link"}


def test_a_status_says_what_the_session_and_the_publisher_know(publisher, subscriber, clock):
    publisher.offer(result(13, ONSET))
    publisher.offer_status(Status(state="running", fps=60.0, counts={"processed": 14}))
    publisher.step(0)
    *_, received = receive(subscriber, 3)
    status = received.message
    assert (status.state, status.fps, status.counts) == ("running", 60.0, {"processed": 14})
    assert status.anchor_utc_ns == clock.anchor_utc_ns
    assert [going.episode_id for going in status.episodes] == ["rearing/mouse/1"]
    assert (status.dropped, status.refused, status.goodbye) == (0, 0, None)
    assert status.offered["observation/top"] == status.offered["episode/top"] == 1
    assert status.offered["status/top"] == received.message.seq + 1


def test_an_ended_episode_is_gone_from_the_status(publisher, subscriber):
    publisher.offer(result(13, ONSET))
    publisher.offer(result(14, EPISODE))
    publisher.offer_status(Status(state="running"))
    publisher.step(0)
    assert receive(subscriber, 5)[-1].message.episodes == ()


def test_a_full_queue_drops_the_oldest_and_the_subscriber_sees_the_gap(make):
    publisher = make(queue_length=3)
    publisher.bind()
    with Subscriber(publisher.address) as subscriber:
        greet(publisher, subscriber)
        publisher.offer(result(0))
        publisher.step(0)
        for index in range(1, 6):  # 1 and 2 find no room in the end
            publisher.offer(result(index))
        publisher.step(0)
        got = [(r.message.frame_index, r.lost) for r in receive(subscriber, 4)]
        assert got == [(0, 0), (3, 2), (4, 0), (5, 0)]
        assert publisher.dropped == 2
        assert subscriber.lost["observation/top"] == 2


def test_frames_cannot_push_out_an_episode(make):
    publisher = make(queue_length=3)
    publisher.bind()
    with Subscriber(publisher.address, topics=["episode/", "log/"]) as subscriber:
        greet(publisher, subscriber)
        publisher.offer(result(0, ONSET))
        for index in range(1, 100):
            publisher.offer(result(index))
        publisher.step(0)
        (received,) = receive(subscriber, 1)
        assert (received.message.episode_id, received.lost) == ("rearing/mouse/1", 0)


def test_who_joins_late_has_not_lost_anything(publisher, subscriber):
    for index in range(3):
        publisher.offer(result(index))
    publisher.step(0)
    receive(subscriber, 3)
    with Subscriber(publisher.address) as late:
        greet(publisher, late)
        publisher.offer(result(3))
        publisher.step(0)
        (received,) = receive(late, 1)
        assert (received.message.frame_index, received.joined_late, received.lost) == (3, 3, 0)
        assert late.lost["observation/top"] == 0


def test_a_new_session_at_the_same_address_is_counted_anew(make):
    first = make(session_id="s1")
    first.bind()
    address = first.address
    with Subscriber(address) as subscriber:
        greet(first, subscriber)
        for index in range(5):
            first.offer(result(index))
        first.close("over")
        receive_until_goodbye(subscriber)
        second = make(address, session_id="s2")
        second.bind()
        greet(second, subscriber)
        second.offer(result(0))
        second.step(0)
        (received,) = receive(subscriber, 1)
        assert (received.message.session, received.message.seq) == ("s2", 0)
        assert set(subscriber.lost.values()) == {0}


def test_a_prefix_chooses_topics(publisher):
    with Subscriber(publisher.address, topics=["log/"]) as subscriber:
        greet(publisher, subscriber)
        publisher.offer(result(0))
        publisher.offer_log("info", "hi")
        publisher.step(0)
        assert receive(subscriber, 1)[0].topic == "log/top"
        assert subscriber.receive(0.05) is None


def test_the_goodbye_comes_last_and_says_why(publisher, subscriber):
    publisher.offer_status(Status(state="running", counts={"processed": 1}))
    publisher.offer(result(0))
    publisher.close("completed")
    *before, last = receive_until_goodbye(subscriber)
    assert [received.topic for received in before] == ["observation/top", "status/top"]
    assert (last.message.goodbye, last.message.state) == ("completed", "idle")
    assert last.message.counts == {"processed": 1}
    assert last.message.offered["observation/top"] == 1
    assert subscriber.receive(0.05) is None


def test_what_is_offered_after_the_end_counts_as_dropped(publisher):
    publisher.close("over")
    publisher.offer(result(0))
    assert publisher.dropped == 1


def test_a_subscriber_that_stands_still_slows_nothing_down_and_holds_nothing_up(make):
    publisher = make(queue_length=10)
    publisher.bind()
    with Subscriber(publisher.address, queue_length=1) as stuck:
        greet(publisher, stuck)
        done = threading.Event()

        def send():
            for index in range(2_000):  # 54 MB: more than all the buffers on the way hold
                publisher.offer(result(index, keypoints=1_000))
                publisher.step(0)
            publisher.close("over")
            done.set()

        sender = threading.Thread(target=send)
        sender.start()
        assert done.wait(60)
        sender.join()
        assert publisher.dropped == 0
        got = 0
        while (received := stuck.receive(0.5)) is not None:
            got += received.topic == "observation/top"
        assert 0 < got < 2_000  # so it really was stuck


def test_offers_from_several_threads_arrive_in_order_of_their_numbers(publisher, subscriber):
    def talk():
        for _ in range(100):
            publisher.offer_log("info", "hi")
            publisher.offer(result(0))

    talkers = [threading.Thread(target=talk) for _ in range(2)]
    for talker in talkers:
        talker.start()
    while any(talker.is_alive() for talker in talkers):
        publisher.step(0.001)
    publisher.close("over")
    got = receive_until_goodbye(subscriber)
    assert len(got) == 2 * 200 + 1
    assert set(subscriber.lost.values()) == {0}


def test_one_step_does_not_go_on_for_ever(make):
    publisher = make(queue_length=2, on=lambda index, now_ns: publisher.offer(result(index + 1)))
    publisher.bind()
    publisher.offer(result(0))
    publisher.step(0)  # each message brings the next one
    publisher.step(0)


def test_a_step_with_nothing_to_send_waits(publisher):
    began = time.monotonic()
    publisher.step(0.05)
    assert time.monotonic() - began >= 0.045


def test_a_waiting_step_ends_when_something_is_offered(publisher):
    stepping = threading.Thread(target=publisher.step, args=[30])
    stepping.start()
    publisher.offer(result(0))
    stepping.join(10)
    assert not stepping.is_alive()


def test_the_subscriber_on_the_page_needs_none_of_our_code(make, monkeypatch, capsys):
    publisher = make()
    publisher.bind()
    program = re.search(
        r"^## A subscriber without.*?```python\n(.*?)```", WIRE_MD.read_text(), re.S | re.M
    )[1]
    assert "tracker" not in program
    assert len(program.splitlines()) <= 18
    msgpack = types.SimpleNamespace(unpackb=msgspec.msgpack.decode)  # any msgpack will do
    monkeypatch.setitem(sys.modules, "msgpack", msgpack)
    program = program.replace("tcp://127.0.0.1:5556", publisher.address)
    reader = threading.Thread(target=exec, args=(program, {}), daemon=True)
    reader.start()
    for _ in range(TRIES):
        publisher.offer(result(13, ONSET))
        publisher.step(0)
        if "rearing began in frame 10\n" in capsys.readouterr().out:
            break
        reader.join(0.02)
    else:
        pytest.fail("the program never printed the episode")
    publisher.close("over")
    reader.join(10)
    assert not reader.is_alive()


def test_stepping_before_binding_is_an_error(make):
    with pytest.raises(WireError, match="not bound"):
        make().step(0)


def test_binding_twice_and_closing_twice_are_harmless(publisher):
    address = publisher.address
    publisher.bind()
    assert publisher.address == address
    publisher.close("over")
    publisher.close("over again")


def test_closing_a_subscriber_twice_is_harmless(publisher):
    subscriber = Subscriber(publisher.address)
    subscriber.close()
    subscriber.close()
