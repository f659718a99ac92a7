import re
import socket
import sys
import threading
import time
import types
from pathlib import Path

import msgspec
import numpy as np
import pytest
import zmq
from pydantic import ValidationError

from tracker.errors import AddressInUse, BadMessage, ConfigError, WireError
from tracker.keys import load_client_keys, make_client_keys, make_keys
from tracker.messages import LogMessage, Status, StatusMessage, encode
from tracker.publisher import Publisher, PublisherSettings
from tracker.subscriber import HANG_UPS, Subscriber
from tracker.testing.manual_clock import ManualClock
from tracker.types import Episode, FrameResult, Observation, Onset, StageTimes

WIRE_MD = Path(__file__).resolve().parents[1] / "docs" / "wire.md"
S = 1_000_000_000  # ns
ANY_PORT = "tcp://127.0.0.1:0"
TRIES = 400
ONSET = Onset("rearing/mouse/1", "rearing", "mouse", 10, 1_000, 13, 1_300)
EPISODE = Episode(ONSET, end_index=20, end_ns=2_000)


def result(index, *events, decided_ns=0, keypoints=2):
    xy = np.full((1, keypoints, 2), index, np.float32)
    seen = Observation(index, index * 100, xy, np.ones((1, keypoints), np.float32))
    stages = StageTimes(1, 2, 3, decided_ns, 4)
    return FrameResult(seen, {"speed_cm_s": 1.5}, {"rearing": 0.5}, events, stages)


@pytest.fixture
def clock():
    return ManualClock(now_ns=500)


@pytest.fixture
def make(clock):
    """Makes publishers that are closed at the end of the test."""
    made = []

    def make_one(address=ANY_PORT, *, session_id="s1", queue_length=256, keys=None, on=None):
        publisher = Publisher(
            PublisherSettings(address=address, queue_length=queue_length, keys=keys),
            session_id=session_id,
            camera="top",
            clock=clock,
            model_sha256="m",
            config_sha256="c",
            on_published=on or (lambda index, now_ns: None),
        )
        made.append(publisher)
        return publisher

    yield make_one
    for publisher in made:
        publisher.close("test over")


@pytest.fixture
def publisher(make):
    publisher = make()
    publisher.bind()
    return publisher


def greet(publisher, subscriber):
    """Send log lines until one arrives: from now on the subscriber gets everything."""
    for _ in range(TRIES):
        publisher.offer_log("info", "anybody there?")
        publisher.step(0)
        if subscriber.receive(0.02) is not None:
            break
    else:
        pytest.fail("the subscriber never heard anything")
    publisher.offer_log("info", "that was all")
    publisher.step(0)
    while receive(subscriber, 1)[0].message.text != "that was all":
        pass


@pytest.fixture
def subscriber(publisher):
    with Subscriber(publisher.address) as subscriber:
        greet(publisher, subscriber)
        yield subscriber


def receive(subscriber, n):
    got = [subscriber.receive(5) for _ in range(n)]
    assert None not in got
    return got


def receive_until_goodbye(subscriber):
    got = []
    while not got or getattr(got[-1].message, "goodbye", None) is None:
        got += receive(subscriber, 1)
    return got


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


# --- addresses -----------------------------------------------------------------------------


def test_port_0_becomes_a_real_port(publisher):
    assert re.fullmatch(r"tcp://127\.0\.0\.1:[1-9]\d+", publisher.address)


def test_a_second_publisher_at_one_address_is_an_error(publisher, make):
    second = make(publisher.address)
    with pytest.raises(AddressInUse, match=rf"{publisher.address} is in use.*another session"):
        second.bind()


def test_a_publisher_can_bind_once_the_address_is_free(publisher, make):
    address = publisher.address
    second = make(address)
    with pytest.raises(AddressInUse):
        second.bind()
    publisher.close("over")
    second.bind()
    assert second.address == address


@pytest.mark.skipif(not zmq.has("ipc"), reason="no ipc:// on this system")
def test_a_second_publisher_does_not_push_out_the_first_at_ipc(make, tmp_path):
    address = f"ipc://{tmp_path / 'wire'}"
    make(address).bind()
    with pytest.raises(AddressInUse, match="is in use"):
        make(address).bind()


@pytest.mark.parametrize(
    "address",
    [
        ANY_PORT,
        "tcp://localhost:0",
        "tcp://127.0.0.1:*",
        pytest.param("ipc", marks=pytest.mark.skipif(not zmq.has("ipc"), reason="no ipc://")),
        "inproc://wire",
    ],
)
def test_addresses_of_this_computer_need_no_keys(make, tmp_path, address):
    publisher = make(f"ipc://{tmp_path / 'wire'}" if address == "ipc" else address)
    publisher.bind()
    with Subscriber(publisher.address) as subscriber:
        greet(publisher, subscriber)


@pytest.mark.parametrize(
    "address",
    [
        "tcp://*:5556",
        "tcp://0.0.0.0:5556",
        "tcp://192.168.1.5:5556",
        "tcp://[::]:5556",
        "tcp://eth0:5556",
        "tcp://localhost.example.org:5556",
        "tcp://127.0.0.1.example.org:5556",
    ],
)
def test_an_address_that_others_can_reach_needs_keys(make, address):
    with pytest.raises(ConfigError, match=r"other computers.*tracker keys FOLDER"):
        make(address)


def test_with_keys_others_may_reach_it(make, keys):
    assert make("tcp://*:5556", keys=keys).address == "tcp://*:5556"


def test_an_address_within_the_program_takes_no_keys(make, keys):
    with pytest.raises(ConfigError, match="takes no keys"):
        make("inproc://wire", keys=keys)


def test_missing_keys_are_an_error_before_anything_starts(make, tmp_path):
    with pytest.raises(ConfigError, match="there is no key file"):
        make(keys=tmp_path / "nowhere")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:5556", "tcp://127.0.0.1", "udp://127.0.0.1:1", "tcp://127.0.0.1:65536", ""],
)
def test_an_address_that_is_none_is_an_error(address):
    with pytest.raises(ValidationError, match="is no address"):
        PublisherSettings(address=address)


@pytest.mark.parametrize("camera", ["", "top/left", "left camera", "käfig"])
def test_a_camera_that_cannot_be_part_of_a_topic_is_an_error(clock, camera):
    with pytest.raises(ConfigError, match="cannot be part of a topic"):
        Publisher(
            PublisherSettings(),
            session_id="s",
            camera=camera,
            clock=clock,
            model_sha256="",
            config_sha256="",
            on_published=lambda index, now_ns: None,
        )


@pytest.mark.skipif(not zmq.has("ipc"), reason="no ipc:// on this system")
def test_an_address_that_cannot_be_bound_is_an_error(make, tmp_path):
    with pytest.raises(WireError, match=r"cannot bind ipc://.*No such file"):
        make(f"ipc://{tmp_path / 'missing' / 'wire'}").bind()


@pytest.mark.parametrize("address", ["nonsense", "tcp://127.0.0.1:99999", "tcp://127.0.0.1:*"])
def test_a_subscriber_needs_an_address(address):
    with pytest.raises(WireError, match="cannot connect to"):
        Subscriber(address)


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


# --- a publisher that speaks otherwise -----------------------------------------------------


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


# --- keys ----------------------------------------------------------------------------------


@pytest.fixture
def keys(tmp_path):
    folder = tmp_path / "keys"
    make_keys(folder)
    return folder


@pytest.fixture
def guarded(make, keys):
    publisher = make(keys=keys)
    publisher.bind()
    return publisher


def reason_to_stay_out(publisher, client_keys):
    """Why the publisher turns this client away; fails if anything gets through."""
    with Subscriber(publisher.address, keys=client_keys) as subscriber:
        for _ in range(TRIES):
            publisher.offer_log("info", "secret")
            publisher.step(0)
            try:
                assert subscriber.receive(0.02) is None
            except WireError as error:
                return str(error)
    return pytest.fail("nobody was turned away")


def test_a_listed_client_gets_everything(guarded, keys):
    client = load_client_keys(keys / "server.key", keys / "client.key_secret")
    with Subscriber(guarded.address, keys=client) as subscriber:
        greet(guarded, subscriber)
        for index in range(5):
            guarded.offer(result(index))
        guarded.step(0)
        assert [r.message.frame_index for r in receive(subscriber, 5)] == [0, 1, 2, 3, 4]


def test_a_client_that_is_not_listed_gets_nothing_and_is_told_and_counted(guarded, keys):
    make_client_keys(keys, "too_late")  # the list was read before
    client = load_client_keys(keys / "server.key", keys / "too_late.key_secret")
    assert "our key is not on its list" in reason_to_stay_out(guarded, client)
    listed = load_client_keys(keys / "server.key", keys / "client.key_secret")
    with Subscriber(guarded.address, topics=["log/", "status/"], keys=listed) as subscriber:
        greet(guarded, subscriber)
        guarded.offer_status(Status(state="running"))
        guarded.step(0)
        assert receive(subscriber, 1)[0].message.refused == 1


def test_a_client_without_keys_gets_nothing_and_is_told(guarded):
    assert "it uses keys" in reason_to_stay_out(guarded, None)


def test_a_client_that_takes_us_for_another_publisher_gets_nothing(guarded, keys, tmp_path):
    make_keys(tmp_path / "other")
    client = load_client_keys(tmp_path / "other" / "server.key", keys / "client.key_secret")
    assert "server.key belongs to another" in reason_to_stay_out(guarded, client)


def test_a_client_with_keys_is_told_that_the_publisher_has_none(publisher, keys):
    client = load_client_keys(keys / "server.key", keys / "client.key_secret")
    assert "it uses no keys" in reason_to_stay_out(publisher, client)


def test_nobody_comes_in_when_nobody_is_at_the_door(guarded, keys):
    client = load_client_keys(keys / "server.key", keys / "client.key_secret")
    guarded._wire.door.close()
    guarded._wire.door = None
    assert "turned us away" in reason_to_stay_out(guarded, client)


def hang_up(port, times):
    """Be a program that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", port)) as server:
        for _ in range(times):
            server.accept()[0].close()


def test_hang_ups_with_a_success_between_them_are_no_refusal(make):
    first = make()
    first.bind()
    address = first.address
    first.close("over")
    port = int(address.rpartition(":")[2])
    with Subscriber(address) as subscriber:
        hang_up(port, HANG_UPS - 1)
        publisher = make(address)
        publisher.bind()
        greet(publisher, subscriber)
        publisher.close("over")
        receive_until_goodbye(subscriber)
        hang_up(port, HANG_UPS - 1)
        assert subscriber.receive(0.05) is None


def test_a_waiting_step_answers_the_door(guarded, keys):
    client = load_client_keys(keys / "server.key", keys / "client.key_secret")
    stop = threading.Event()

    def step():
        while not stop.is_set():
            guarded.step(30)  # nothing is offered: only the door can end it

    stepping = threading.Thread(target=step)
    with Subscriber(guarded.address, keys=client) as subscriber:
        stepping.start()
        monitor = subscriber._monitor
        assert monitor.poll(10_000)  # handshake done
        stop.set()
        stepping.join(10)
        assert not stepping.is_alive()
        assert subscriber.receive(0) is None


# --- docs/wire.md --------------------------------------------------------------------------


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
