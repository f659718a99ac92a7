"""The server's socket: who comes in, who is who, and that nothing brings it down."""

import msgspec
import pytest
import zmq
from control_ends import SESSION, request, serving, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tracker.control.envelope import Objection
from tracker.control.history import History
from tracker.control.remote import Remote, RequestRefused
from tracker.control.requests import Arm, Ping, decode_reply, encode
from tracker.control.server import LARGEST_REQUEST, ControlServer, ControlSettings
from tracker.errors import AddressInUse, ConfigError, WireError
from tracker.keys import Role, load_client_keys, make_client_keys, make_keys
from tracker.testing.manual_clock import ManualClock
from tracker.testing.recording_handler import RecordingHandler


@pytest.fixture
def connect():
    """Makes plain ZeroMQ sockets, as a program in another language has them."""
    context = zmq.Context()
    made = []

    def connect(kind, address):
        socket = context.socket(kind)
        socket.linger = 0
        socket.connect(address)
        made.append(socket)
        return socket

    yield connect
    for socket in made:
        socket.close()
    context.term()


def reply_on(socket):
    assert socket.poll(5_000)
    return decode_reply(socket.recv_multipart()[-1])


def unbound(address="tcp://127.0.0.1:0", keys=None, clock=None):
    return ControlServer(
        ControlSettings(address=address, keys=keys),
        RecordingHandler(),
        session_id=SESSION,
        clock=clock or ManualClock(),
        history=History(1, 1),
    )


@pytest.mark.parametrize("kind", [zmq.DEALER, zmq.REQ])
def test_dealers_and_reqs_are_answered(connect, kind):
    with serving() as server:
        socket = connect(kind, server.address)
        socket.send(written(Ping))
        assert reply_on(socket).session == SESSION


def test_requests_may_come_through_proxies(connect):
    with serving() as server:
        socket = connect(zmq.DEALER, server.address)
        socket.send_multipart([b"first proxy", b"second proxy", b"", written(Ping)])
        assert socket.poll(5_000)
        assert socket.recv_multipart()[:3] == [b"first proxy", b"second proxy", b""]


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([b"\xc1"], id="no_msgpack"),
        pytest.param([b""], id="nothing"),
        pytest.param([written(Ping)] * 20, id="too_many_parts"),
        pytest.param([written(Ping, schema=2)], id="another_schema"),
    ],
)
def test_what_cannot_be_read_is_refused_and_does_no_harm(connect, parts):
    with serving() as server:
        socket = connect(zmq.DEALER, server.address)
        socket.send_multipart(parts)
        assert reply_on(socket).objection is Objection.BAD_REQUEST
        socket.send(written(Ping))
        assert reply_on(socket).session == SESSION


def test_a_huge_request_ends_its_connection_and_nothing_else(connect):
    with serving() as server:
        huge = connect(zmq.DEALER, server.address)
        monitor = huge.get_monitor_socket(zmq.Event.DISCONNECTED)
        huge.send(written(Ping, padding=bytes(LARGEST_REQUEST)))
        assert monitor.poll(5_000)
        huge.disable_monitor()
        monitor.close()
        socket = connect(zmq.DEALER, server.address)
        socket.send(written(Ping))
        assert reply_on(socket).session == SESSION


@settings(
    derandomize=True,
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(parts=st.lists(st.binary(max_size=50), min_size=1, max_size=12))
def test_any_parts_get_one_reply(any_parts, parts):
    any_parts.send_multipart(parts)
    assert reply_on(any_parts).objection is Objection.BAD_REQUEST


@pytest.fixture
def any_parts(connect):
    with serving() as server:
        yield connect(zmq.DEALER, server.address)


def test_who_goes_before_his_reply_does_no_harm(connect):
    handler = RecordingHandler(slow=True)
    with serving(handler) as server:
        gone = connect(zmq.DEALER, server.address)
        gone.send(encode(request(Arm)))
        socket = connect(zmq.DEALER, server.address)
        while not handler.asked:
            socket.send(written(Ping))
            reply_on(socket)
        gone.close()
        handler.finish_arming()
        socket.send(written(Ping))
        assert reply_on(socket).session == SESSION


# Addresses


def test_a_second_server_at_one_address_is_an_error():
    with serving() as server, pytest.raises(AddressInUse, match=f"{server.address} is in use"):
        unbound(server.address).bind()


@pytest.mark.parametrize("address", ["tcp://*:5557", "tcp://192.168.1.5:5557", "tcp://[::]:5557"])
def test_an_address_that_others_can_reach_needs_keys(address):
    with pytest.raises(ConfigError, match=r"other computers.*tracker keys FOLDER"):
        unbound(address)


def test_an_address_within_the_program_takes_no_keys(tmp_path):
    make_keys(tmp_path / "keys")
    with pytest.raises(ConfigError, match="takes no keys"):
        unbound("inproc://control", tmp_path / "keys")


def test_an_address_that_is_none_is_an_error():
    with pytest.raises(ValidationError, match="is no address"):
        ControlSettings(address="127.0.0.1:5557")


def test_stepping_before_binding_is_an_error():
    with pytest.raises(WireError, match="not bound"):
        unbound().step(0)


def test_binding_twice_and_closing_twice_are_harmless():
    server = unbound()
    server.bind()
    address = server.address
    server.bind()
    assert server.address == address
    server.close()
    server.close()


def test_a_step_with_nobody_there_returns_in_time_and_goes_on():
    server = unbound()
    server.bind()
    assert server.step(0.01) is True
    server.close()


def test_the_history_is_as_long_as_the_settings_say():
    history = ControlSettings(history_messages=2, history_mb=1).make_history()
    for seq in range(3):
        history.note(b"log/top", msgspec.msgpack.encode({"seq": seq, "sent_ns": seq}))
    page = history.page("", after_seq=None, after_ns=None, cursor=None)
    assert len(page.messages) == 2


# Keys


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "keys"
    make_keys(made)
    make_client_keys(made, "anna", Role.CONTROL)
    make_client_keys(made, "bob", Role.CONTROL)
    return made


def remote(server, folder, client, **settings):
    keys = load_client_keys(folder / "server.key", folder / f"{client}.key_secret")
    return Remote(server.address, keys=keys, **settings)


def test_the_folder_of_a_key_decides_what_its_owner_may_do(folder):
    handler = RecordingHandler()
    with serving(handler, keys=folder) as server:
        with remote(server, folder, "client", name="anna") as watching:
            assert watching.status().status.state == "running"
            with pytest.raises(RequestRefused, match="the key client may watch and not control"):
                watching.arm()
        with remote(server, folder, "anna", name="Anna K.") as controlling:
            controlling.arm()
            assert controlling.status().holder == "anna"
    assert handler.asked == [("arm", "Anna K. (anna)")]


def test_the_holder_is_the_key_and_not_the_name(folder):
    with serving(keys=folder) as server:
        with remote(server, folder, "anna", name="anna") as anna:
            anna.arm()
        with (
            remote(server, folder, "bob", name="anna") as bob,
            pytest.raises(RequestRefused, match="anna holds the arm"),
        ):
            bob.arm()
        with remote(server, folder, "anna", name="somebody else") as anna:
            anna.arm()


def test_who_is_not_listed_is_told_and_counted(folder):
    with serving(keys=folder) as server:
        make_client_keys(folder, "too_late", Role.CONTROL)
        with (
            remote(server, folder, "too_late") as stranger,
            pytest.raises(WireError, match="our key is not on its list"),
        ):
            stranger.status()
        with remote(server, folder, "client") as watching:
            assert watching.status().turned_away >= 1  # ZeroMQ may have tried again


def test_who_has_no_keys_is_told(folder):
    with (
        serving(keys=folder) as server,
        Remote(server.address) as stranger,
        pytest.raises(WireError, match="it uses keys"),
    ):
        stranger.status()
