"""Who comes in at a publisher with keys, over real connections."""

import socket
import threading

import pytest
from wire_ends import TRIES, greet, receive, receive_until_goodbye, result

from tracker.errors import WireError
from tracker.keys import load_client_keys, make_client_keys, make_keys
from tracker.session_status import Status
from tracker.sockets import HANG_UPS
from tracker.subscriber import Subscriber


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
        monitor = subscriber._connection._monitor
        assert monitor.poll(10_000)  # handshake done
        stop.set()
        stepping.join(10)
        assert not stepping.is_alive()
        assert subscriber.receive(0) is None
