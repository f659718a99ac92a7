"""Who may do what, and what is answered, without any socket."""

import pytest
from control_ends import (
    ANNA,
    BOB,
    COMMANDS,
    EYE,
    KINDS,
    NOW_NS,
    SESSION,
    TRAIN,
    Desk,
    request,
    written,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.control.desk import MAX_PENDING, REMEMBERED
from tracker.control.envelope import Objection
from tracker.control.requests import (
    Arm,
    CatchUp,
    Change,
    Describe,
    Disarm,
    Done,
    GetStatus,
    Mark,
    Missed,
    Ping,
    Pong,
    Refused,
    StatusReport,
    Stimulate,
    Stop,
    encode,
)
from tracker.errors import DeviceError
from tracker.keys import Client, Role
from tracker.stimuli import Delivery, Refusal


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def slow():
    return Desk(slow=True)


def test_a_ping_tells_session_and_clock(desk):
    assert desk.ask(Ping) == Pong(
        schema=1,
        id="1",
        session=SESSION,
        now_ns=NOW_NS,
        anchor_utc_ns=1_700_000_000_000_000_000,
    )


def test_a_status_tells_who_holds_the_arm(desk):
    desk.ask(Arm, ANNA, by="Anna K.")
    report = desk.ask(GetStatus, EYE)
    assert isinstance(report, StatusReport)
    assert (report.session, report.now_ns, report.turned_away) == (SESSION, NOW_NS, 3)
    assert (report.holder, report.lease_left_s) == ("anna", None)
    assert report.status.armed_by == "Anna K. (anna)"


def test_a_late_joiner_gets_what_was_sent(desk):
    header = written(Ping, seq=0, sent_ns=7)
    desk.history.note(b"log/top", header)
    assert desk.ask(CatchUp, EYE, topic="log/") == Missed(
        schema=1, id="1", session=SESSION, messages=[("log/top", header)], complete=True
    )


def test_numbers_of_another_session_are_refused(desk):
    assert desk.ask(CatchUp, session="s1").objection is Objection.OTHER_SESSION


@pytest.mark.parametrize(
    ("kind", "done", "asked"),
    [
        (Arm, "armed", ("arm", "anna")),
        (Disarm, "disarmed", ("disarm", "anna: lunch")),
        (Mark, "marked", ("mark", "door opened", "anna")),
        (Stop, "the session ends", ("stop", "anna")),
    ],
)
def test_what_is_asked_for_is_done_and_said(desk, kind, done, asked):
    assert desk.ask(kind) == Done(schema=1, id="1", text=done)
    assert desk.handler.asked == [asked]


def test_a_stimulus_is_handed_on_with_its_latest_moment(desk):
    desk.ask(Arm)
    reply = desk.ask(Stimulate)
    assert (reply.stimulus_id, reply.delivery) == ("manual/1", Delivery.DELIVERED)
    assert desk.asked("stimulate") == [
        ("stimulate", "light", TRAIN, "anna", NOW_NS + 1_000_000_000)
    ]


def test_what_an_interlock_refuses_is_told(desk):
    reply = desk.ask(Stimulate)
    assert (reply.delivery, reply.refusal) == (Delivery.REFUSED, Refusal.NOT_ARMED)


@pytest.mark.parametrize(
    ("client", "sender", "by", "said"),
    [
        pytest.param(None, "anna", "", "anna", id="loopback"),
        pytest.param(None, "gui", "Anna K.", "Anna K. (gui)", id="a_program_for_a_person"),
        pytest.param(ANNA, "anna", "", "anna", id="key_of_the_same_name"),
        pytest.param(ANNA, "bob", "", "bob (anna)", id="key_of_another_name"),
        pytest.param(ANNA, "bob", "carl", "carl (anna)", id="nobody_passes_for_another"),
    ],
)
def test_the_log_says_who_it_was(desk, client, sender, by, said):
    desk.ask(Stop, client, sender=sender, by=by)
    assert desk.handler.asked == [("stop", said)]


# Roles


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_watches_changes_nothing(desk, kind):
    reply = desk.ask(kind, EYE)
    if kind in COMMANDS:
        assert reply.objection is Objection.ROLE
        assert "the key eye may watch and not control" in reply.reason
    else:
        assert not isinstance(reply, Refused)
    assert desk.handler.asked == []


def test_the_key_counts_and_not_who_one_says_one_is(desk):
    desk.ask(Arm, ANNA, sender="anna")
    assert desk.ask(Stimulate, BOB, sender="anna").objection is Objection.HELD


# The holder of the arm


@pytest.mark.parametrize("kind", [Arm, Stimulate])
def test_one_controller_at_a_time_holds_the_arm(desk, kind):
    desk.ask(Arm, ANNA)
    reply = desk.ask(kind, BOB)
    assert reply.objection is Objection.HELD
    assert reply.reason == ("anna holds the arm: disarm first, which anybody with the role may do")
    assert desk.handler.armed_by == "anna"
    assert desk.asked("stimulate") == []


def test_the_holder_may_arm_again(desk):
    desk.ask(Arm, ANNA)
    assert desk.ask(Arm, ANNA).text == "armed"


@pytest.mark.parametrize("kind", [Disarm, Stop, Mark])
def test_who_does_not_hold_the_arm_may_disarm_stop_and_mark(desk, kind):
    desk.ask(Arm, ANNA)
    assert isinstance(desk.ask(kind, BOB), Done)


def test_after_disarming_another_one_may_arm(desk):
    desk.ask(Arm, ANNA)
    desk.ask(Disarm, BOB)
    assert desk.ask(GetStatus).holder is None
    assert desk.ask(Arm, BOB).text == "armed"
    assert desk.ask(GetStatus).holder == "bob"


def test_a_fault_that_disarms_ends_the_hold(desk):
    desk.ask(Arm, ANNA)
    desk.handler.armed_by = None
    assert desk.ask(Arm, BOB).text == "armed"


def test_what_the_experiment_file_armed_is_held_by_nobody(desk):
    desk.handler.armed_by = "the experiment file"
    assert desk.ask(Stimulate, BOB).delivery is Delivery.DELIVERED


# What takes time


def test_arming_is_answered_when_it_is_done(slow):
    replies = slow.send(encode(request(Arm)))
    assert replies == []
    slow.desk.tend()
    assert replies == []
    slow.handler.finish_arming()
    slow.desk.tend()
    assert [reply.text for reply in replies] == ["armed"]


def test_who_waits_is_looked_after_every_millisecond(slow):
    assert slow.desk.wait_s == 3600
    slow.send(encode(request(Arm)))
    assert slow.desk.wait_s == 0.001


@pytest.mark.parametrize("client", [ANNA, BOB])
def test_nobody_arms_while_one_is_arming(slow, client):
    slow.send(encode(request(Arm)))
    reply = slow.ask(Arm, client, request_id="2")
    assert (reply.objection, reply.reason[:14]) == (Objection.HELD, "anna is arming")


def test_who_disarms_does_not_wait_for_who_is_arming(slow):
    arming = slow.send(encode(request(Arm)), ANNA)
    assert slow.ask(Disarm, BOB).text == "disarmed"
    slow.handler.finish_arming()  # the session had not heard of the disarming in time
    slow.desk.tend()
    assert [reply.objection for reply in arming] == [Objection.FAILED]
    assert slow.handler.armed_by is None
    assert slow.asked("disarm")[1] == ("disarm", "it was disarmed while it was being armed")


def test_arming_that_fails_says_why_and_holds_nothing(slow):
    arming = slow.send(encode(request(Arm)), ANNA)
    slow.handler.finish_arming(DeviceError("the box is unplugged"))
    slow.desk.tend()
    assert [(reply.objection, reply.reason) for reply in arming] == [
        (Objection.FAILED, "the box is unplugged")
    ]
    assert slow.ask(GetStatus).holder is None


def test_a_stimulus_is_answered_when_its_row_is_there(slow):
    replies = slow.send(encode(request(Stimulate)))
    assert replies == []
    slow.handler.armed_by = "anna"
    slow.handler.finish_stimulus()
    slow.desk.tend()
    assert [reply.delivery for reply in replies] == [Delivery.DELIVERED]


def test_too_many_that_wait_are_refused(slow):
    for n in range(MAX_PENDING):
        assert slow.send(encode(request(Stimulate, f"s{n}"))) == []
    assert slow.ask(Stimulate).objection is Objection.BUSY
    assert slow.ask(Disarm).text == "disarmed"


@pytest.mark.parametrize("kind", COMMANDS)
def test_what_the_session_cannot_do_is_told(desk, kind):
    desk.handler.fails_with = DeviceError("the box is unplugged")
    reply = desk.ask(kind)
    assert (reply.objection, reply.reason) == (Objection.FAILED, "the box is unplugged")


# The right session, in time


@pytest.mark.parametrize(
    ("changes", "objection", "says"),
    [
        pytest.param(
            {"session": "s1"},
            Objection.OTHER_SESSION,
            f"it is meant for s1, and {SESSION} is running",
            id="another_session",
        ),
        pytest.param(
            {"not_after_ns": NOW_NS - 1_500_000_000},
            Objection.LATE,
            "it came 1.500 s too late to be carried out",
            id="late",
        ),
        pytest.param(
            {"not_after_ns": NOW_NS + 61_000_000_000},
            Objection.BAD_REQUEST,
            "not_after_ns is 61.0 s ahead: expected 60 s at most",
            id="too_far_ahead",
        ),
    ],
)
@pytest.mark.parametrize("kind", [Arm, Stimulate, Mark, Stop])
def test_a_request_for_another_session_or_time_is_refused(desk, kind, changes, objection, says):
    reply = desk.ask(kind, **changes)
    assert (reply.objection, reply.reason) == (objection, says)
    assert desk.handler.asked == []


@pytest.mark.parametrize("kind", [Arm, Stimulate, Mark, Stop])
def test_at_its_latest_moment_a_request_is_in_time(desk, kind):
    assert not isinstance(desk.ask(kind, not_after_ns=NOW_NS), Refused)


@pytest.mark.parametrize("changes", [{"session": "s1"}, {"not_after_ns": 0}])
def test_disarming_is_never_too_late(desk, changes):
    assert desk.ask(Disarm, **changes).text == "disarmed"


# Repeated requests


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_repeated_request_is_answered_again_and_carried_out_once(desk, kind):
    first = desk.ask(kind, request_id="a")
    n_asked = len(desk.handler.asked)
    assert desk.ask(kind, request_id="a") == first
    assert len(desk.handler.asked) == n_asked == 1


def test_a_refusal_is_repeated_too(desk):
    desk.ask(Arm, ANNA)
    refused = desk.ask(Arm, BOB, request_id="a")
    desk.ask(Disarm, ANNA)
    assert desk.ask(Arm, BOB, request_id="a") == refused


def test_a_repeated_ping_tells_the_time_anew(desk):
    desk.ask(Ping, request_id="a")
    desk.clock.advance(7)
    assert desk.ask(Ping, request_id="a").now_ns == NOW_NS + 7


def test_one_id_for_two_requests_is_refused(desk):
    desk.ask(Mark, request_id="a", text="one")
    reply = desk.ask(Mark, request_id="a", text="two")
    assert reply.objection is Objection.BAD_REQUEST
    assert "'a' was used for another request" in reply.reason


def test_two_clients_may_use_the_same_id(desk):
    desk.ask(Mark, ANNA, request_id="a", text="one")
    assert desk.ask(Mark, BOB, request_id="a", text="two").text == "marked"


def test_who_repeats_while_it_is_going_on_is_answered_over_the_new_connection(slow):
    old = slow.send(encode(request(Stimulate)))
    new = slow.send(encode(request(Stimulate)))
    slow.handler.finish_stimulus()
    slow.desk.tend()
    assert (len(old), len(new)) == (0, 1)
    assert len(slow.asked("stimulate")) == 1


def test_the_oldest_answers_are_forgotten_but_never_what_is_going_on(slow):
    slow.send(encode(request(Stimulate, "going on")))
    slow.ask(Mark, request_id="old")
    for n in range(REMEMBERED):
        slow.ask(Mark, request_id=f"m{n}")
    slow.send(encode(request(Stimulate, "going on")))
    slow.ask(Mark, request_id="m1")
    assert len(slow.asked("stimulate")) == 1
    assert len(slow.asked("mark")) == REMEMBERED + 1
    slow.ask(Mark, request_id="old")
    assert len(slow.asked("mark")) == REMEMBERED + 2


# Leases


def armed_with_lease(desk, client=ANNA):
    return desk.ask(Arm, client, request_id="lease", lease_s=2.0).id


def test_the_silence_of_a_holder_with_a_lease_disarms(desk):
    armed_with_lease(desk)
    desk.clock.advance(1_999_000_000)
    desk.desk.tend()
    assert desk.handler.armed_by == "anna"
    desk.clock.advance(101_000_000)
    desk.desk.tend()
    assert desk.handler.armed_by is None
    assert desk.asked("disarm") == [
        ("disarm", "anna armed with a lease of 2 s and was silent for 2.10 s")
    ]
    desk.desk.tend()
    assert len(desk.asked("disarm")) == 1


@pytest.mark.parametrize("kind", [Ping, GetStatus, Mark, CatchUp, Stimulate])
def test_any_request_that_names_the_lease_renews_it(desk, kind):
    lease = armed_with_lease(desk)
    desk.clock.advance(1_500_000_000)
    desk.ask(kind, lease=lease, **({"not_after_ns": NOW_NS + 2**31} if kind is Stimulate else {}))
    assert desk.ask(GetStatus).lease_left_s == 2.0
    desk.clock.advance(1_500_000_000)
    desk.desk.tend()
    assert desk.handler.armed_by == "anna"


@pytest.mark.parametrize(
    ("client", "lease"),
    [
        pytest.param(ANNA, "", id="another_program_of_the_holder"),
        pytest.param(BOB, "lease", id="another_key"),
        pytest.param(EYE, "lease", id="a_key_that_watches"),
    ],
)
def test_nobody_else_renews_a_lease(desk, client, lease):
    armed_with_lease(desk)
    desk.clock.advance(1_500_000_000)
    desk.ask(Ping, client, lease=lease)
    assert desk.ask(GetStatus).lease_left_s == 0.5


def test_a_request_that_waited_for_too_long_renews_nothing(desk):
    lease = armed_with_lease(desk)
    desk.clock.advance(2_500_000_000)
    desk.ask(Ping, lease=lease)  # `tend` goes first
    assert desk.handler.armed_by is None


def test_a_lease_runs_from_the_moment_when_it_is_armed(slow):
    slow.send(encode(request(Arm, lease_s=2.0)))
    slow.clock.advance(10_000_000_000)
    slow.desk.tend()
    slow.handler.finish_arming()
    slow.desk.tend()
    assert slow.handler.armed_by == "anna"
    slow.clock.advance(500_000_000)
    assert slow.desk.wait_s == 1.5


def test_a_lease_is_not_renewed_before_it_runs(slow):
    slow.send(encode(request(Arm, "lease", lease_s=2.0)))
    slow.ask(Ping, lease="lease")
    assert slow.ask(GetStatus).lease_left_s is None
    assert slow.ask(Arm, BOB, request_id="b").reason.startswith("anna is arming")


def test_a_lease_of_what_a_fault_has_disarmed_disarms_nothing(desk):
    armed_with_lease(desk)
    desk.handler.armed_by = None
    desk.clock.advance(3_000_000_000)
    desk.desk.tend()
    assert desk.asked("disarm") == []


def test_without_a_lease_the_holder_may_be_silent(desk):
    desk.ask(Arm)
    desk.clock.advance(10**15)
    desk.desk.tend()
    assert desk.handler.armed_by == "anna"


# Whatever comes


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_that_are_no_request_are_refused_once_and_do_nothing(content):
    desk = Desk()
    (reply,) = desk.send(content)
    assert reply.objection is Objection.BAD_REQUEST
    assert desk.handler.asked == []


people = st.sampled_from([ANNA, BOB, EYE, Client("carl", Role.CONTROL)])
ids = st.sampled_from(["a", "b", "c"])
steps = st.lists(
    st.tuples(st.sampled_from(KINDS), people, ids, st.integers(0, 1_500_000_000)), max_size=30
)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(steps)
def test_whatever_is_asked_only_the_holder_stimulates_and_every_request_gets_one_reply(taken):
    desk, holder = Desk(), None
    for n, (kind, client, letter, wait_ns) in enumerate(taken):
        desk.clock.advance(wait_ns)
        n_stimuli = len(desk.asked("stimulate"))
        timed = {"not_after_ns": desk.clock.now_ns() + 1} if kind in (Arm, Stimulate) else {}
        reply = desk.ask(kind, client, request_id=f"{letter}{n // 3}", **timed)
        is_new = len(desk.asked("stimulate")) > n_stimuli
        assert not is_new or (client.role is Role.CONTROL and holder in (None, client.name))
        if isinstance(reply, Done) and reply.text == "armed" and desk.handler.armed_by:
            holder = client.name if holder is None else holder
        holder = holder if desk.handler.armed_by else None


def test_anybody_may_ask_what_the_session_is(desk):
    reply = desk.ask(Describe, client=EYE)
    assert (reply.session, reply.facts.subject) == (SESSION, "m12")


def test_a_threshold_is_changed_by_those_who_may_control(desk):
    assert desk.ask(Change, to=3.0) == Done(schema=1, id="1", text="freezing changed to 3")
    assert desk.asked("change") == [("change", "freezing", 1, 3.0, "anna")]
    assert desk.ask(Change, client=EYE).objection is Objection.ROLE


def test_nobody_changes_thresholds_under_the_hands_of_the_holder(desk):
    desk.ask(Arm)
    refused = desk.ask(Change, client=BOB, sender="bob")
    assert refused.objection is Objection.HELD
    assert isinstance(desk.ask(Change), Done)


def test_a_threshold_that_cannot_be_changed_says_why(desk):
    desk.handler.fails_with = DeviceError("freezing has no term 7")
    refused = desk.ask(Change, place=7)
    assert (refused.objection, refused.reason) == (Objection.FAILED, "freezing has no term 7")
