import msgspec
import pytest
from control_ends import KINDS, SESSION, TRAIN, request, written
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.control.description import BehaviourFacts, Facts, Term
from tracker.control.envelope import Objection
from tracker.control.requests import (
    Arm,
    CatchUp,
    Change,
    Description,
    Disarm,
    Done,
    Mark,
    Missed,
    Ping,
    Pong,
    Refused,
    Reply,
    StatusReport,
    Stimulate,
    Stimulated,
    decode_reply,
    decode_request,
    encode,
    id_of,
    stimulated,
)
from tracker.errors import BadMessage
from tracker.session_status import Status
from tracker.stimuli import (
    Action,
    Delivery,
    PulseTrain,
    Refusal,
    StimulusCommand,
    StimulusRow,
)

REPLIES = [
    Done(schema=1, id="1", text="armed"),
    Refused(schema=1, id="1", objection=Objection.HELD, reason="bob holds the arm"),
    Stimulated(
        schema=1,
        id="1",
        stimulus_id="manual/1",
        delivery=Delivery.REFUSED,
        refusal=Refusal.NOT_ARMED,
        reason="nobody has armed",
        commanded_ns=None,
        acknowledged_ns=None,
        uncertainty_ns=None,
        confirmed=False,
    ),
    StatusReport(
        schema=1,
        id="1",
        session=SESSION,
        now_ns=5,
        anchor_utc_ns=6,
        status=Status(state="running", fps=60.0),
        holder="anna",
    ),
    Missed(schema=1, id="1", session=SESSION, messages=[("log/top", b"\x80")], complete=True),
    Pong(schema=1, id="1", session=SESSION, now_ns=5, anchor_utc_ns=6),
    Description(
        schema=1,
        id="1",
        session=SESSION,
        facts=Facts(
            subject="m12",
            zones={"centre": {"kind": "circle", "x_px": 3.0, "y_px": 4.0, "radius_px": 5.0}},
            behaviours={
                "freezing": BehaviourFacts(
                    terms=(Term(feature="speed_cm_s", side="below", threshold=1.5, softness=0.5),),
                    enter=0.7,
                )
            },
        ),
    ),
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_arrives_as_it_was_made(kind):
    made = request(kind)
    assert decode_request(encode(made)) == made


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: type(reply).__name__)
def test_a_reply_arrives_as_it_was_made(reply):
    got = decode_reply(encode(reply))
    assert type(got) is type(reply)
    assert encode(got) == encode(reply)


def test_requests_are_told_apart_by_their_kind():
    names = [msgspec.msgpack.decode(encode(request(kind)))["kind"] for kind in KINDS]
    assert names == [
        "arm", "disarm", "stimulate", "mark", "change", "film", "status", "stop", "catch_up",
        "ping", "describe",
    ]  # fmt: skip


def test_fields_that_are_not_known_are_ignored():
    assert decode_request(written(Mark, colour="red")) == request(Mark)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "Input data was truncated", id="nothing"),
        pytest.param(b"\xc1", "is not what docs/control.md says", id="no_msgpack"),
        pytest.param(b"\x91" * 5000, "is not what docs/control.md says", id="endless_lists"),
        pytest.param(b"\xa1\xff", "is not what docs/control.md says", id="not_utf8"),
        pytest.param(written(Ping) + b"\x00", "trailing characters", id="something_behind_it"),
        pytest.param(msgspec.msgpack.encode([1]), "Expected `object`, got `array`", id="a_list"),
        pytest.param(written(Ping, kind="fire"), "Invalid value 'fire'", id="unknown_kind"),
        pytest.param(written(Ping, kind=None), "missing required field `kind`", id="no_kind"),
        pytest.param(written(Ping, schema=None), "required field `schema`", id="no_schema"),
        pytest.param(
            written(Ping, schema=2), "schema 2, this program reads schema 1", id="other_schema"
        ),
        pytest.param(written(Ping, id=None), "required field `id`", id="no_id"),
        pytest.param(written(Ping, id=""), "length >= 1 - at `$.id`", id="empty_id"),
        pytest.param(written(Ping, id="x" * 65), "length <= 64 - at `$.id`", id="long_id"),
        pytest.param(written(Ping, sender=""), "at `$.sender`", id="nobody"),
        pytest.param(written(Ping, sender="a\nb"), "at `$.sender`", id="two_lines_as_name"),
        pytest.param(written(Ping, sender="anna\n"), "at `$.sender`", id="line_end_in_name"),
        pytest.param(written(Arm, by="a\x1b[2J"), "at `$.by`", id="escape_in_name"),
        pytest.param(written(Arm, session=None), "session and not_after_ns", id="no_session"),
        pytest.param(written(Arm, session=""), "session and not_after_ns", id="any_session"),
        pytest.param(written(Stimulate, not_after_ns=None), "not_after_ns", id="no_end"),
        pytest.param(written(Arm, not_after_ns=1.5), "got `float`", id="broken_time"),
        pytest.param(written(Change, session=""), "session and not_after_ns", id="change_of_any"),
        pytest.param(written(Change, to=float("inf")), "expected a finite number", id="endless"),
        pytest.param(written(Change, place=-1), "at `$.place`", id="negative_place"),
        pytest.param(written(Arm, lease_s=0.1), "float` >= 0.2", id="short_lease"),
        pytest.param(written(Mark, text=""), "at `$.text`", id="empty_mark"),
        pytest.param(written(Disarm, why="x" * 1001), "at `$.why`", id="long_reason"),
        pytest.param(written(CatchUp, cursor=-1), "at `$.cursor`", id="negative_cursor"),
        pytest.param(
            written(Stimulate, train={"width_us": 5, "period_us": 4}),
            "no period shorter than a pulse",
            id="impossible_train",
        ),
        pytest.param(
            written(Stimulate, train={"width_us": 5, "period_us": 5, "level": float("nan")}),
            "level nan",
            id="level_nan",
        ),
        pytest.param(written(Stimulate, train=None), "required field `train`", id="no_train"),
    ],
)
def test_a_request_that_is_wrong_says_what_is_wrong(content, says):
    with pytest.raises(BadMessage) as error:
        decode_request(content)
    assert says in str(error.value)


def test_a_reply_that_is_wrong_says_what_is_wrong():
    with pytest.raises(BadMessage, match=r"the reply is not what docs/control\.md says"):
        decode_reply(written(Ping))


def test_the_id_of_a_wrong_request_can_be_read():
    assert id_of(written(Ping, id="7", kind="fire")) == "7"
    assert id_of(b"\xc1") == ""


def test_what_became_of_a_stimulus_is_taken_from_its_row():
    command = StimulusCommand("manual/4", "manual", "light", Action.TRAIN, TRAIN)
    row = StimulusRow(
        command,
        Delivery.DELIVERED,
        commanded_ns=10,
        acknowledged_ns=20,
        uncertainty_ns=3,
        confirmed=True,
    )
    assert stimulated("9", row) == Stimulated(
        schema=1,
        id="9",
        stimulus_id="manual/4",
        delivery=Delivery.DELIVERED,
        refusal=None,
        reason="",
        commanded_ns=10,
        acknowledged_ns=20,
        uncertainty_ns=3,
        confirmed=True,
    )


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=9), inner, max_size=4)
        | st.binary(max_size=9)
    ),
    max_leaves=8,
)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_are_a_message_or_a_bad_message(content):
    for decode in (decode_request, decode_reply):
        try:
            got = decode(content)
        except BadMessage:
            continue
        assert isinstance(got, msgspec.Struct)


@settings(derandomize=True, max_examples=500, deadline=None)
@given(kind=st.sampled_from(KINDS), data=st.data())
def test_a_field_of_another_type_is_a_bad_message_or_a_right_one(kind, data):
    fields = msgspec.to_builtins(request(kind))
    fields[data.draw(st.sampled_from(sorted(fields)))] = data.draw(plain)
    try:
        got = decode_request(msgspec.msgpack.encode(fields))
    except BadMessage:
        return
    assert decode_request(encode(got)) == got or "nan" in repr(got)
    train = getattr(got, "train", TRAIN)
    assert isinstance(train, PulseTrain)
    assert train.on_us >= 1


def test_every_reply_has_been_tried():
    assert {type(reply) for reply in REPLIES} == set(Reply.__args__)
