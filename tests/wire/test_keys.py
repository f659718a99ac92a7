import os
import stat

import pytest
import zmq
from zmq.auth import load_certificate
from zmq.utils import z85

from tracker.errors import ConfigError
from tracker.keys import (
    Client,
    Door,
    Role,
    load_client_keys,
    load_server_keys,
    make_client_keys,
    make_keys,
)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "keys"
    make_keys(made)
    return made


def test_both_ends_agree_on_each_others_public_keys(folder):
    server = load_server_keys(folder)
    client = load_client_keys(folder / "server.key", folder / "client.key_secret")
    assert client.server == server.public
    assert server.clients == {client.public}


def test_public_and_secret_key_are_a_pair(folder):
    server = load_server_keys(folder)
    assert zmq.curve_public(server.secret) == server.public


def test_the_files_are_those_of_pyzmq(folder):
    server = load_server_keys(folder)
    assert load_certificate(folder / "server.key_secret") == (server.public, server.secret)
    assert load_certificate(folder / "server.key") == (server.public, None)


def test_a_public_file_holds_no_secret(folder):
    secret = load_server_keys(folder).secret.decode()
    assert secret not in (folder / "server.key").read_text()
    assert secret in (folder / "server.key_secret").read_text()


@pytest.mark.skipif(os.name != "posix", reason="file modes say nothing on Windows")
@pytest.mark.parametrize("name", ["server.key_secret", "client.key_secret"])
def test_a_secret_file_is_readable_by_its_owner_alone(folder, name):
    assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_each_making_gives_other_keys(tmp_path, folder):
    make_keys(tmp_path / "other")
    assert load_server_keys(tmp_path / "other").public != load_server_keys(folder).public


def test_keys_are_never_overwritten(folder):
    before = (folder / "server.key_secret").read_text()
    with pytest.raises(ConfigError, match=r"server\.key_secret exists already"):
        make_keys(folder)
    assert (folder / "server.key_secret").read_text() == before


def test_another_client_joins_the_list(folder):
    make_client_keys(folder, "office")
    office = load_client_keys(folder / "server.key", folder / "office.key_secret")
    first = load_client_keys(folder / "server.key", folder / "client.key_secret")
    assert load_server_keys(folder).clients == {first.public, office.public}


def public_of(folder, name):
    return load_client_keys(folder / "server.key", folder / f"{name}.key_secret").public


def test_the_first_client_and_every_other_one_watches_unless_it_is_to_control(folder):
    make_client_keys(folder, "office")
    make_client_keys(folder, "anna", Role.CONTROL)
    assert load_server_keys(folder).listed == {
        public_of(folder, "client"): Client("client", Role.WATCH),
        public_of(folder, "office"): Client("office", Role.WATCH),
        public_of(folder, "anna"): Client("anna", Role.CONTROL),
    }


def test_who_may_control_may_also_listen(folder):
    make_client_keys(folder, "anna", Role.CONTROL)
    assert public_of(folder, "anna") in load_server_keys(folder).clients


def test_a_key_file_cannot_give_itself_a_role(folder):
    path = folder / "clients" / "client.key"
    path.write_text(path.read_text().replace("metadata\n", 'metadata\n    role = "control"\n'))
    (client,) = load_server_keys(folder).listed.values()
    assert client.role is Role.WATCH


def test_a_key_on_both_lists_may_control(folder):
    listed = folder / "clients"
    (listed / "control").mkdir()
    (listed / "control" / "client.key").write_text((listed / "client.key").read_text())
    assert [*load_server_keys(folder).listed.values()] == [Client("client", Role.CONTROL)]


def test_two_keys_of_one_name_are_an_error(folder):
    make_client_keys(folder, "anna", Role.CONTROL)
    listed = folder / "clients"
    (listed / "client.key").rename(listed / "anna.key")
    with pytest.raises(ConfigError, match=r"two different keys .* are called anna\.key"):
        load_server_keys(folder)


def test_a_client_that_only_controls_is_enough(folder):
    make_client_keys(folder, "anna", Role.CONTROL)
    (folder / "clients" / "client.key").unlink()
    assert load_server_keys(folder).clients == {public_of(folder, "anna")}


def test_a_name_is_made_once_whatever_the_role(folder):
    with pytest.raises(ConfigError, match=r"client\.key_secret exists already"):
        make_client_keys(folder, "client", Role.CONTROL)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ConfigError, match="keys cannot be written to"):
        make_keys(tmp_path / "file" / "keys")


def test_keys_do_not_show_their_secret(folder):
    server = load_server_keys(folder)
    client = load_client_keys(folder / "server.key", folder / "client.key_secret")
    assert server.secret.decode() not in repr(server)
    assert client.secret.decode() not in repr(client)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        pytest.param("server.key_secret", None, "there is no key file", id="missing"),
        pytest.param("server.key_secret", "hello", "is no key file", id="not_a_key_file"),
        pytest.param(
            "server.key_secret", 'public-key = "abc"', "40 Z85 characters", id="too_short"
        ),
        pytest.param(
            "server.key_secret", f'public-key = "{" " * 40}"', "is no key file", id="blank"
        ),
        pytest.param(
            "server.key_secret", f'public-key = "{"~" * 40}"', "40 Z85 characters", id="not_z85"
        ),
        pytest.param(
            "server.key_secret", f'public-key = "{"#" * 40}"', "40 Z85 characters", id="too_big"
        ),
        pytest.param(
            "server.key_secret", f'public-key = "{"0" * 40}"', "no secret key", id="public_only"
        ),
        pytest.param("clients/client.key", "hello", "is no key file", id="client_not_a_key_file"),
        pytest.param("clients/client.key", None, "nobody may come in", id="nobody_on_the_list"),
    ],
)
def test_a_folder_with_bad_files_is_an_error(folder, name, text, says):
    (folder / name).unlink()
    if text is not None:
        (folder / name).write_text(text)
    with pytest.raises(ConfigError, match=says):
        load_server_keys(folder)


class Asker:
    """Asks the door as ZeroMQ does (RFC 27)."""

    def __init__(self, context):
        self.socket = context.socket(zmq.REQ)
        self.socket.connect("inproc://zeromq.zap.01")

    def ask(self, door, *credentials, version=b"1.0", mechanism=b"CURVE"):
        request = [version, b"id 7", b"tracker", b"10.0.0.5", b"", mechanism, *credentials]
        self.socket.send_multipart(request)
        door.answer()
        return self.socket.recv_multipart(zmq.NOBLOCK)


@pytest.fixture
def client():
    return zmq.curve_keypair()[0]


@pytest.fixture
def door_and_asker(client):
    context = zmq.Context()
    door, asker = Door(context, frozenset([client])), Asker(context)
    yield door, asker
    asker.socket.close()
    door.close()
    context.term()


def test_a_listed_key_comes_in_and_is_known_by_its_key(door_and_asker, client):
    door, asker = door_and_asker
    reply = asker.ask(door, z85.decode(client))
    assert reply == [b"1.0", b"id 7", b"200", b"OK", client, b""]
    assert door.refused == 0


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"credentials": [bytes(32)]}, id="a_key_that_is_not_listed"),
        pytest.param({"credentials": []}, id="no_key"),
        pytest.param({"credentials": [b"name", b"password"]}, id="a_password"),
        pytest.param({"mechanism": b"NULL"}, id="another_mechanism"),
        pytest.param({"version": b"2.0"}, id="another_protocol_version"),
    ],
)
def test_everything_else_stays_out_and_is_counted(door_and_asker, client, change):
    door, asker = door_and_asker
    credentials = change.pop("credentials", [z85.decode(client)])
    reply = asker.ask(door, *credentials, **change)
    assert reply[1:] == [b"id 7", b"400", b"key is not on the list", b"", b""]
    assert door.refused == 1


def test_nobody_waiting_is_nothing_to_do(door_and_asker):
    door, _ = door_and_asker
    door.answer()
    assert door.refused == 0
