import threading
import time

import pytest
import zmq
from control_ends import SESSION, TRAIN, serving
from wire_ends import ANY_PORT

from tracker.control.envelope import Objection
from tracker.control.remote import ADDRESS, Remote, RequestRefused
from tracker.control.requests import Done, Pong, decode_request, encode
from tracker.control.server import ControlServer, ControlSettings
from tracker.errors import BadMessage, DeviceError, WireError
from tracker.messages import LogMessage
from tracker.stimuli import Delivery, Refusal
from tracker.testing.manual_clock import ManualClock
from tracker.testing.recording_handler import RecordingHandler
from tracker.wire import encode as encode_message

NOW_NS = 5_000_000_000


@pytest.fixture
def handler():
    return RecordingHandler()


@pytest.fixture
def server(handler):
    with serving(handler) as server:
        yield server


@pytest.fixture
def remote(server):
    with Remote(server.address, name="anna") as remote:
        yield remote


def test_the_address_is_that_of_a_session_with_no_settings():
    assert ControlSettings().address == ADDRESS


def test_arming_stimulating_and_disarming(remote, handler):
    remote.arm()
    got = remote.stimulate("light", TRAIN)
    remote.disarm("lunch")
    assert (got.stimulus_id, got.delivery, got.confirmed) == ("manual/1", Delivery.DELIVERED, True)
    assert [each[0] for each in handler.asked] == ["arm", "stimulate", "disarm"]
    assert handler.asked[1][:4] == ("stimulate", "light", TRAIN, "anna")
    assert handler.asked[2] == ("disarm", "anna: lunch")


def test_marking_and_stopping(remote, handler):
    remote.mark("door opened", by="Anna K.")
    remote.stop()
    assert handler.asked == [("mark", "door opened", "Anna K. (anna)"), ("stop", "anna")]


def test_a_status_comes_with_session_and_holder(remote):
    remote.arm()
    report = remote.status()
    assert (report.session, report.status.state, report.holder) == (SESSION, "running", "anna")


def test_a_stimulus_that_an_interlock_refuses_is_a_result_and_no_error(remote):
    got = remote.stimulate("light", TRAIN)
    assert (got.delivery, got.refusal) == (Delivery.REFUSED, Refusal.NOT_ARMED)


def test_a_refused_request_is_an_error_with_its_reason(remote, server):
    remote.arm()
    with (
        Remote(server.address, name="bob") as bob,
        pytest.raises(RequestRefused, match="anna holds the arm") as error,
    ):
        bob.stimulate("light", TRAIN)
    assert error.value.objection is Objection.HELD


def test_what_the_session_cannot_do_is_an_error_with_its_words(remote, handler):
    handler.fails_with = DeviceError("the box is unplugged")
    with pytest.raises(RequestRefused, match="the box is unplugged"):
        remote.arm()


def test_a_request_that_would_be_wrong_is_an_error_here(remote, handler):
    with pytest.raises(BadMessage, match=r"at `\$\.text`"):
        remote.mark("")
    assert handler.asked == []


def test_an_address_that_is_none_is_an_error():
    with pytest.raises(WireError, match="cannot connect to 'nonsense'"):
        Remote("nonsense")


def test_without_a_name_it_is_the_user(server, handler):
    with Remote(server.address) as remote:
        remote.stop()
    assert handler.asked[0][1]


def test_closing_twice_is_harmless(server):
    remote = Remote(server.address)
    remote.close()
    remote.close()


# Nobody there


def free_address():
    server = ControlServer(
        ControlSettings(address=ANY_PORT),
        RecordingHandler(),
        session_id=SESSION,
        clock=ManualClock(),
        history=ControlSettings().make_history(),
    )
    server.bind()
    address = server.address
    server.close()
    return address


def test_nobody_there_is_an_error_in_time():
    address = free_address()
    began_s = time.monotonic()
    with (
        Remote(address, timeout_s=0.2, resend_s=0.05) as remote,
        pytest.raises(WireError, match=f"nobody answers at {address} within 0.2 s: is a session"),
    ):
        remote.status()
    assert time.monotonic() - began_s < 2


def test_a_request_that_was_given_up_is_not_carried_out_later(handler):
    address = free_address()
    with Remote(address, timeout_s=0.1, resend_s=0.05) as remote:
        with pytest.raises(WireError):
            remote.disarm("given up")
        with serving(handler, address=address):
            remote.mark("now somebody is there")
    assert [each[0] for each in handler.asked] == ["mark"]


def test_a_session_that_begins_while_we_wait_answers(handler):
    address = free_address()
    got = []
    with Remote(address, timeout_s=20, resend_s=0.1) as remote:
        asking = threading.Thread(target=lambda: got.append(remote.ping()))
        asking.start()
        with serving(handler, address=address):
            asking.join(20)
    assert [pong.session for pong in got] == [SESSION]


# Lost on the way


class Relay:
    """The way between a remote and a server, on which some replies get lost."""

    def __init__(self, server_address, n_lost):
        self._n_lost = n_lost
        self._context = zmq.Context()
        self._front = self._context.socket(zmq.ROUTER)
        self._back = self._context.socket(zmq.DEALER)
        self._front.bind(ANY_PORT)
        self._back.connect(server_address)
        self.address = self._front.get_string(zmq.LAST_ENDPOINT)
        self.requests = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(10)
        for socket in (self._front, self._back):
            socket.close(0)
        self._context.term()

    def _run(self):
        poller = zmq.Poller()
        poller.register(self._front, zmq.POLLIN)
        poller.register(self._back, zmq.POLLIN)
        while not self._stop.is_set():
            for socket, _ in poller.poll(20):
                parts = socket.recv_multipart()
                if socket is self._front:
                    self.requests.append(decode_request(parts[-1]))
                    self._back.send_multipart(parts)
                elif self._n_lost > 0:
                    self._n_lost -= 1
                else:
                    self._front.send_multipart(parts)


def test_a_lost_reply_does_not_stimulate_twice(server, handler):
    handler.armed_by = "anna"
    with (
        Relay(server.address, n_lost=3) as relay,
        Remote(relay.address, timeout_s=20, resend_s=0.1) as remote,
    ):
        got = remote.stimulate("light", TRAIN)
    assert got.stimulus_id == "manual/1"
    assert len([each for each in handler.asked if each[0] == "stimulate"]) == 1
    asked = [each.id for each in relay.requests]
    assert len(asked) >= 5  # a ping and a stimulus, and three of them again
    assert len(set(asked)) == 2


def test_what_is_slow_is_asked_for_again_and_done_once():
    handler = RecordingHandler(slow=True)
    with (
        serving(handler) as server,
        Relay(server.address, n_lost=0) as relay,
        Remote(relay.address, name="anna", resend_s=0.05) as remote,
    ):
        arming = threading.Thread(target=remote.arm)
        arming.start()
        while len(relay.requests) < 4:
            arming.join(0.01)
        handler.finish_arming()
        arming.join(10)
        assert not arming.is_alive()
    assert handler.asked == [("arm", "anna")]


def test_a_reply_that_was_lost_for_good_says_what_may_have_happened(server):
    with (
        Relay(server.address, n_lost=0) as relay,
        Remote(relay.address, timeout_s=0.2, resend_s=0.05) as remote,
    ):
        remote.ping()
        relay._n_lost = 1000
        with pytest.raises(WireError, match="may have been carried out, and will not be from now"):
            remote.stimulate("light", TRAIN)


def test_what_it_asks_for_is_for_this_session_and_for_now(server):
    with Relay(server.address, n_lost=0) as relay, Remote(relay.address) as remote:
        remote.stimulate("light", TRAIN)
    ping, stimulus = relay.requests
    assert ping.not_after_ns is None
    assert stimulus.session == SESSION
    # the server's clock stands still: 3 s from the ping, and the time between the two
    assert NOW_NS + 3_000_000_000 <= stimulus.not_after_ns < NOW_NS + 8_000_000_000


def test_another_session_at_the_address_is_told_once_and_known_then(handler):
    with serving(session_id="s1") as server:
        address = server.address
        remote = Remote(address, timeout_s=5, resend_s=0.1)
        assert remote.ping().session == "s1"
    with serving(handler, address=address, session_id="s2"), remote:
        with pytest.raises(RequestRefused, match="meant for s1, and s2 is running"):
            remote.arm()
        remote.arm()
    assert [each[0] for each in handler.asked] == ["arm"]


# Programs that answer nonsense


@pytest.fixture
def answering():
    """Gives a remote whose requests are answered by a function, in bytes."""
    context = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    socket.bind(ANY_PORT)
    stop, answers = threading.Event(), []

    def run():
        while not stop.is_set():
            if socket.poll(20):
                *way_back, content = socket.recv_multipart()
                for answer in answers[0](decode_request(content)):
                    socket.send_multipart([*way_back, answer])

    thread = threading.Thread(target=run)
    thread.start()
    with Remote(socket.get_string(zmq.LAST_ENDPOINT), timeout_s=5) as remote:

        def answer_with(function):
            answers[:] = [function]
            return remote

        yield answer_with
    stop.set()
    thread.join(10)
    socket.close(0)
    context.term()


def pong(request, session="s1"):
    return encode(Pong(schema=1, id=request.id, session=session, now_ns=0, anchor_utc_ns=0))


def test_an_answer_that_is_none_is_told(answering):
    remote = answering(lambda request: [b"\xc1"])
    with pytest.raises(BadMessage, match="the reply is not what"):
        remote.ping()


def test_an_answer_to_something_else_is_told(answering):
    remote = answering(lambda request: [encode(Done(schema=1, id=request.id, text="armed"))])
    with pytest.raises(BadMessage, match="answered with Done, expected Pong"):
        remote.ping()


def test_a_late_answer_to_an_earlier_request_is_passed_over(answering):
    late = Done(schema=1, id="earlier", text="armed")
    remote = answering(lambda request: [encode(late), pong(request)])
    assert remote.ping().session == "s1"


# Leases, clocks, what was missed


def test_every_request_of_the_holder_renews_his_lease(server, handler):
    with Relay(server.address, n_lost=0) as relay, Remote(relay.address) as remote:
        remote.arm(lease_s=1.0)
        assert remote.status().lease_left_s == 1.0
        remote.disarm()
        remote.ping()
    arm, status, disarm, ping = relay.requests[1:]
    assert (status.lease, disarm.lease, ping.lease) == (arm.id, arm.id, "")


def test_the_silence_of_a_holder_disarms():
    handler, clock = RecordingHandler(), ManualClock(NOW_NS)
    with serving(handler, clock=clock) as server, Remote(server.address, name="anna") as remote:
        remote.arm(lease_s=1.0)
        clock.advance(1_500_000_000)
        assert remote.status().holder is None
    assert handler.asked[1] == (
        "disarm",
        "anna armed with a lease of 1 s and was silent for 1.50 s",
    )


def test_the_offset_of_a_clock_is_that_of_the_quickest_ping(answering):
    ours = iter([1000, 1400, 2000, 2101, 3000, 3300])  # round trips of 400, 101 and 300 ns
    theirs = iter([11_200, 12_060, 13_150])

    def answer(request):
        reply = Pong(schema=1, id=request.id, session="s1", now_ns=next(theirs), anchor_utc_ns=0)
        return [encode(reply)]

    offset = answering(answer).clock_offset(pings=3, now_ns=lambda: next(ours))
    assert (offset.offset_ns, offset.uncertainty_ns) == (12_060 - 2_050, 51)


def log_line(seq):
    line = LogMessage(schema=1, session=SESSION, seq=seq, sent_ns=seq, level="info", text=f"{seq}")
    return encode_message(line)


def test_a_late_joiner_gets_all_pages_of_what_was_missed():
    settings = ControlSettings(address=ANY_PORT)
    history = settings.make_history()
    for seq in range(2_500):
        history.note(b"log/top", log_line(seq))
    with serving(history=history) as server, Remote(server.address) as remote:
        got = remote.catch_up("log/")
        assert [message.text for _, message in got.messages] == [str(seq) for seq in range(2_500)]
        assert got.messages[0][0] == "log/top"
        assert got.complete
        late = remote.catch_up("log/", after_seq=2_497)
        assert [message.seq for _, message in late.messages] == [2_498, 2_499]
        assert remote.catch_up("episode/").messages == []
