import contextlib
import io
import json
import math
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tracker.errors import BadMessage
from tracker.messages import (
    EpisodeMessage,
    EpisodeState,
    FrameMessage,
    Kind,
    LogMessage,
    ObservationMessage,
    OverlayMessage,
    PointsMessage,
    StatusMessage,
    StimulusMessage,
    episode_fields,
    observation_message,
    topic_of,
)
from tracker.types import Episode, FrameResult, Observation, Onset, StageTimes
from tracker.wire import decode, encode

NAN = float("nan")
WIRE_MD = Path(__file__).resolve().parents[2] / "docs" / "wire.md"

ONSET = Onset("rearing/mouse/1", "rearing", "mouse", 10, 1_000, 13, 1_300)
RESULT = FrameResult(
    observation=Observation(
        frame_index=13,
        captured_ns=1_300,
        xy=np.array([[[1.5, 2.25], [NAN, NAN]]], np.float32),
        confidence=np.array([[0.5, 0.125]], np.float32),
        class_scores={"rearing": 0.75},
        measures={"length_px": 80.0},
        novelty=1.25,
        abstained=True,
        network_ns=40,
    ),
    features={"speed_cm_s": 12.5, "heading_deg": NAN},
    scores={"rearing": 0.75},
    events=(),
    stages=StageTimes(
        received_ns=1_310, started_ns=1_320, observed_ns=1_380, decided_ns=1_390, network_ns=40
    ),
)
LOG = {"schema": 1, "session": "s", "seq": 0, "sent_ns": 5, "level": "info", "text": "hi"}


def observation():
    return observation_message(RESULT, session="s", seq=3, sent_ns=1_400)


def sent_and_got(kind, message):
    return decode([topic_of(kind, "top").encode(), encode(message)])


def header(**changes):
    """A log header as another program may write it; None takes a field away."""
    fields = {name: value for name, value in {**LOG, **changes}.items() if value is not None}
    return msgspec.msgpack.encode(fields)


def test_a_topic_is_kind_and_camera():
    assert topic_of(Kind.EPISODE, "top") == "episode/top"


def test_an_observation_arrives_as_it_was_made():
    topic, got, payload = sent_and_got(Kind.OBSERVATION, observation())
    assert (topic, payload) == ("observation/top", None)
    assert (got.schema, got.session, got.seq, got.sent_ns) == (1, "s", 3, 1_400)
    assert (got.frame_index, got.captured_ns, got.network_ns) == (13, 1_300, 40)
    assert (got.received_ns, got.started_ns, got.observed_ns) == (1_310, 1_320, 1_380)
    assert got.decided_ns == 1_390
    assert got.confidence == [[0.5, 0.125]]
    assert got.scores == {"rearing": 0.75}
    assert got.class_scores == {"rearing": 0.75}
    assert got.measures == {"length_px": 80.0}
    assert (got.novelty, got.abstained) == (1.25, True)


def test_what_was_not_seen_arrives_as_nan():
    _, got, _ = sent_and_got(Kind.OBSERVATION, observation())
    assert got.xy[0][0] == (1.5, 2.25)
    assert all(math.isnan(value) for value in got.xy[0][1])
    assert got.features["speed_cm_s"] == 12.5
    assert math.isnan(got.features["heading_deg"])


def test_a_float32_position_keeps_every_bit():
    xy = np.array([[[0.1, 1e-7]]], np.float32)
    seen = Observation(0, 0, xy, np.ones((1, 1), np.float32))
    result = FrameResult(seen, {}, {}, (), RESULT.stages)
    _, got, _ = sent_and_got(
        Kind.OBSERVATION, observation_message(result, session="s", seq=0, sent_ns=0)
    )
    np.testing.assert_array_equal(np.array(got.xy, np.float32), xy)


@pytest.mark.parametrize(
    "number", [np.float64(0.5), np.float32(0.5)], ids=lambda number: type(number).__name__
)
def test_numpy_numbers_among_the_features_are_numbers(number):
    result = FrameResult(RESULT.observation, {"speed": number}, {}, (), RESULT.stages)
    _, got, _ = sent_and_got(
        Kind.OBSERVATION, observation_message(result, session="s", seq=0, sent_ns=0)
    )
    assert got.features == {"speed": 0.5}


def test_a_value_that_is_no_number_does_not_go_out():
    result = FrameResult(RESULT.observation, {"speed": object()}, {}, (), RESULT.stages)
    with pytest.raises(TypeError, match="cannot go over the wire"):
        encode(observation_message(result, session="s", seq=0, sent_ns=0))


def test_an_onset_tells_its_beginning_and_the_frame_that_made_it_certain():
    assert episode_fields(ONSET, RESULT) == {
        "episode_id": "rearing/mouse/1",
        "behaviour": "rearing",
        "subject": "mouse",
        "onset_index": 10,
        "onset_ns": 1_000,
        "confirmed_index": 13,
        "confirmed_ns": 1_300,
        "frame_index": 13,
        "captured_ns": 1_300,
        "received_ns": 1_310,
        "started_ns": 1_320,
        "observed_ns": 1_380,
        "decided_ns": 1_390,
        "network_ns": 40,
    }


def test_an_episode_ended_by_the_session_follows_from_no_frame():
    episode = Episode(ONSET, end_index=20, end_ns=2_000, ended_by_session=True)
    got = EpisodeMessage(
        schema=1,
        session="s",
        seq=0,
        sent_ns=5,
        state=EpisodeState.END,
        model_sha256="m",
        config_sha256="c",
        **episode_fields(episode, None),
    )
    assert (got.end_index, got.end_ns, got.ended_by_session) == (20, 2_000, True)
    assert (got.onset_index, got.frame_index, got.decided_ns) == (10, None, None)


def test_a_payload_is_handed_on():
    assert decode([b"log/top", header(), b"\x00\xff"])[2] == b"\x00\xff"


def test_fields_of_a_later_version_are_ignored():
    _, got, _ = decode([b"log/top", header(colour="red")])
    assert got == LogMessage(**LOG)


def test_an_int_will_do_where_a_float_is_expected():
    fields = msgspec.to_builtins(observation()) | {"xy": [[[1, 2]]], "confidence": [[1]]}
    _, got, _ = decode([b"observation/top", msgspec.msgpack.encode(fields)])
    assert got.xy == [[(1.0, 2.0)]]


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        pytest.param([b"log/top"], "got 1 parts, expected 2 or 3", id="no_header"),
        pytest.param([b"log/top", header(), b"", b""], "got 4 parts", id="too_many_parts"),
        pytest.param([b"\xff/top", header()], "not UTF-8", id="topic_is_no_text"),
        pytest.param([b"pose/top", header()], "'pose/top' is not known", id="unknown_kind"),
        pytest.param([b"log", header()], "expected kind/camera", id="no_camera"),
        pytest.param([b"log/", header()], "expected kind/camera", id="empty_camera"),
        pytest.param([b"log/top", b"hello"], "log/top: the header is not", id="no_msgpack"),
        pytest.param([b"log/top", header()[:-1]], "truncated", id="truncated"),
        pytest.param([b"log/top", header() + b"\x00"], "trailing", id="something_behind_it"),
        pytest.param(
            [b"log/top", header().replace(b"hi", b"\xff\xff")], "can't decode", id="text_not_utf8"
        ),
        pytest.param(
            [b"log/top", header(z=[]).replace(b"\x90", b"\x91" * 100_000 + b"\x01")],
            "recursion",
            id="lists_without_end",
        ),
        pytest.param([b"log/top", b"\x93\x01\x02\x03"], "got `array`", id="no_map"),
        pytest.param(
            [b"log/top", header(seq="3")], r"got `str` - at `\$\.seq`", id="text_for_a_number"
        ),
        pytest.param([b"log/top", header(seq=-1)], r"at `\$\.seq`", id="negative_number"),
        pytest.param([b"log/top", header(seq=1.5)], r"at `\$\.seq`", id="half_a_number"),
        pytest.param([b"log/top", header(session=None)], "`session`", id="field_is_missing"),
        pytest.param(
            [b"log/top", header(schema=2)], "of schema 2, this program reads schema 1", id="schema"
        ),
        pytest.param(
            [b"log/top", header(schema=2, seq="3")], "schema 2", id="another_schema_explains_all"
        ),
        pytest.param([b"log/top", header(schema="1")], r"at `\$\.schema`", id="schema_is_text"),
        pytest.param([b"episode/top", header()], "`state`", id="header_of_another_kind"),
    ],
)
def test_what_is_not_on_the_page_is_refused(parts, says):
    with pytest.raises(BadMessage, match=says):
        decode(parts)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"xy": [[[1.0, 2.0, 3.0], [1.0, 2.0]]]}, "length 2", id="three_coordinates"),
        pytest.param({"xy": [[[1.0, 2.0]]]}, "expected the same", id="keypoints_disagree"),
        pytest.param({"xy": []}, "expected the same", id="individuals_disagree"),
        pytest.param({"features": {"speed": None}}, "Expected `float`", id="none_for_nan"),
        pytest.param({"frame_index": -1}, r"at `\$\.frame_index`", id="negative_frame"),
    ],
)
def test_an_observation_that_cannot_be_is_refused(change, says):
    fields = msgspec.to_builtins(observation()) | change
    with pytest.raises(BadMessage, match=says):
        decode([b"observation/top", msgspec.msgpack.encode(fields)])


def test_an_unknown_state_of_an_episode_is_refused():
    fields = documented("episode") | {"state": "paused"}
    with pytest.raises(BadMessage, match="paused"):
        decode([b"episode/top", msgspec.msgpack.encode(fields)])


def test_a_damaged_header_is_a_message_or_a_bad_message_and_nothing_else():
    rng = np.random.default_rng(1)
    kinds = ["observation", "episode", "stimulus", "status", "log"]
    whole = {kind: msgspec.msgpack.encode(documented(kind)) for kind in kinds}
    refused = 0
    for turn in range(4_000):
        kind = kinds[turn % 4]
        damaged = bytearray(whole[kind])
        for at in rng.integers(0, len(damaged), 3):
            damaged[at] = rng.integers(0, 256)
        try:
            decode([f"{kind}/top".encode(), bytes(damaged)])
        except BadMessage:
            refused += 1
    assert 2_000 < refused < 4_000


def documented(kind):
    """The example of a kind on the page; JSON with NaN in it."""
    example = re.search(rf"^### `{kind}`\n.*?```json\n(.*?)```", WIRE_MD.read_text(), re.S | re.M)
    return json.loads(example[1])


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("observation", ObservationMessage),
        ("episode", EpisodeMessage),
        ("stimulus", StimulusMessage),
        ("status", StatusMessage),
        ("log", LogMessage),
        ("points", PointsMessage),
        ("frame", FrameMessage),
        ("overlay", OverlayMessage),
    ],
)
def test_the_example_on_the_page_is_a_message_with_every_field(kind, made):
    fields = documented(kind)
    _, got, _ = decode([f"{kind}/top".encode(), msgspec.msgpack.encode(fields)])
    assert isinstance(got, made)
    assert set(fields) == set(made.__struct_fields__)


@pytest.mark.parametrize(
    "kind", ["observation", "episode", "status", "log", "points", "frame", "overlay"]
)
def test_the_page_explains_every_field(kind):
    page = WIRE_MD.read_text()
    section = re.search(rf"^### `{kind}`\n(.*?)^##", page, re.S | re.M)[1]
    common = {"schema", "session", "seq", "sent_ns"}
    tables = "".join(line for line in section.splitlines() if line.startswith("| `"))
    assert {name for name in documented(kind) if f"`{name}`" not in tables} == common


def test_the_dump_on_the_page_is_what_its_program_prints():
    program, printed = re.search(
        r"^## Byte by byte\n.*?```python\n(.*?)```.*?```text\n(.*?)```",
        WIRE_MD.read_text(),
        re.S | re.M,
    ).groups()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(program, {})
    assert out.getvalue() == printed


def test_the_dump_on_the_page_decodes():
    dump = re.findall(r"^[0-9a-f]{4}  ((?:[0-9a-f]{2} ?)+)", WIRE_MD.read_text(), re.M)
    _, got, _ = decode([b"log/top", bytes.fromhex(" ".join(dump))])
    assert (got.session, got.seq, got.sent_ns, got.facts) == ("s1", 300, -1, {"x": 0.5})
