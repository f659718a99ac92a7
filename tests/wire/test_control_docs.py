"""The specification is right: its examples run, its tables name what there is."""

import json
import re
import sys
import types
from pathlib import Path

import msgspec
import pytest
from control_ends import KINDS, request, serving

from tracker.control import requests
from tracker.control.desk import AHEAD_NS, MAX_PENDING, REMEMBERED
from tracker.control.envelope import Objection
from tracker.control.requests import decode_reply, decode_request, encode
from tracker.control.server import LARGEST_REQUEST, ControlSettings
from tracker.testing.recording_handler import RecordingHandler

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "control.md").read_text()


def code(section, language):
    return re.search(rf"^## {section}.*?```{language}\n(.*?)```", PAGE, re.S | re.M)[1]


def first_column(section):
    """Names in the first column of the tables of a section, without their headings."""
    text = re.search(rf"^## {section}\n(.*?)(^## |\Z)", PAGE, re.S | re.M)[1]
    cells = re.findall(r"^\| ([^|]*)\|.*\n(?!\| ---)", text, re.M)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


@pytest.fixture
def program():
    """Runs a program of the page against a session of its own."""

    def run(text):
        handler = RecordingHandler()
        with serving(handler) as server:
            exec(text.replace("tcp://127.0.0.1:5557", server.address), {})
        return handler

    return run


def test_the_example_with_the_package_runs(program, capsys):
    handler = program(code("With the package", "python"))
    assert capsys.readouterr().out == "delivered \nanna\n"
    assert [each[0] for each in handler.asked] == ["arm", "stimulate", "mark", "disarm"]


def test_the_example_without_the_package_runs(program, capsys, monkeypatch):
    text = code("Without this package", "python")
    assert "tracker" not in text
    msgpack = types.SimpleNamespace(packb=msgspec.msgpack.encode, unpackb=msgspec.msgpack.decode)
    monkeypatch.setitem(sys.modules, "msgpack", msgpack)  # any msgpack will do
    handler = program(text)
    armed, *others = capsys.readouterr().out.splitlines()
    assert "'kind': 'done'" in armed
    assert others == ["delivered", "disarmed"]
    assert [each[0] for each in handler.asked] == ["arm", "stimulate", "disarm"]


def test_the_request_on_the_page_is_one():
    fields = json.loads(code("Requests", "json"))
    got = decode_request(msgspec.msgpack.encode(fields))
    assert msgspec.to_builtins(got) == fields


def test_the_reply_on_the_page_is_one():
    fields = json.loads(code("Replies", "json"))
    got = decode_reply(msgspec.msgpack.encode(fields))
    assert msgspec.to_builtins(got) == fields


def test_every_request_and_every_field_of_one_is_on_the_page():
    written = [msgspec.msgpack.decode(encode(request(kind))) for kind in KINDS]
    fields = {name for each in written for name in each}
    assert first_column("Requests") == fields | {each["kind"] for each in written}


def test_every_reply_and_every_objection_is_on_the_page():
    replies = {kind.__struct_config__.tag for kind in requests.Reply.__args__}
    assert first_column("Replies") == replies | {str(each) for each in Objection}


def test_every_field_of_a_reply_is_on_the_page():
    for kind in requests.Reply.__args__:
        tag = kind.__struct_config__.tag
        row = re.search(rf"^\| `{tag}` \| (.*) \|$", PAGE.partition("## Replies")[2], re.M)[1]
        own = set(kind.__struct_fields__) - {"schema", "id", "session", "now_ns", "anchor_utc_ns"}
        assert own <= set(re.findall(r"`(\w+)`", row)), tag


def test_limits_on_the_page_are_those_of_the_program():
    assert f"at most {LARGEST_REQUEST:,} bytes" in PAGE
    assert f"The last {REMEMBERED:,} answers" in PAGE
    assert f"{MAX_PENDING} requests wait" in PAGE
    assert f"at most {AHEAD_NS // 10**9} s ahead" in PAGE
    assert f"by default at `{ControlSettings().address}`" in PAGE
