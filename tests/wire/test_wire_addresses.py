import re

import pytest
import zmq
from pydantic import ValidationError
from wire_ends import ANY_PORT, greet

from tracker.errors import AddressInUse, ConfigError, WireError
from tracker.publisher import PublisherSettings
from tracker.subscriber import Subscriber


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
def test_a_camera_that_cannot_be_part_of_a_topic_is_an_error(make, camera):
    with pytest.raises(ConfigError, match="cannot be part of a topic"):
        make(camera=camera)


@pytest.mark.skipif(not zmq.has("ipc"), reason="no ipc:// on this system")
def test_an_address_that_cannot_be_bound_is_an_error(make, tmp_path):
    with pytest.raises(WireError, match=r"cannot bind ipc://.*No such file"):
        make(f"ipc://{tmp_path / 'missing' / 'wire'}").bind()


@pytest.mark.parametrize("address", ["nonsense", "tcp://127.0.0.1:99999", "tcp://127.0.0.1:*"])
def test_a_subscriber_needs_an_address(address):
    with pytest.raises(WireError, match="cannot connect to"):
        Subscriber(address)
