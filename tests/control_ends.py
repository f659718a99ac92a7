"""Both ends of the control socket for tests: requests, a desk, and a server on a thread."""

import contextlib

import msgspec

from tracker.control.desk import ControlDesk
from tracker.control.history import History
from tracker.control.requests import (
    Arm,
    CatchUp,
    Change,
    Describe,
    Disarm,
    Film,
    GetStatus,
    Mark,
    Ping,
    Stimulate,
    Stop,
    decode_reply,
    encode,
)
from tracker.control.server import ControlServer, ControlSettings
from tracker.keys import Client, Role
from tracker.stimuli import PulseTrain
from tracker.testing.manual_clock import ManualClock
from tracker.testing.recording_handler import RecordingHandler
from tracker.worker import Worker

SESSION = "2026-11-22T10-15-00_m12"
NOW_NS = 5_000_000_000
TRAIN = PulseTrain(width_us=5_000, period_us=50_000, n_pulses=10)
ANNA, BOB = Client("anna", Role.CONTROL), Client("bob", Role.CONTROL)
EYE = Client("eye", Role.WATCH)

_KINDS = {
    Arm: {},
    Disarm: {"why": "lunch"},
    Stimulate: {"output": "light", "train": TRAIN},
    Mark: {"text": "door opened"},
    Change: {"behaviour": "freezing", "place": 1, "to": 2.5},
    Film: {"on": True},
    GetStatus: {},
    Stop: {},
    CatchUp: {},
    Ping: {},
    Describe: {},
}
KINDS = tuple(_KINDS)
COMMANDS = (Arm, Disarm, Stimulate, Mark, Film, Change, Stop)


def request(kind, request_id="1", sender="anna", **changes):
    """A request that is right but for the changes."""
    fields = {"schema": 1, "id": request_id, "sender": sender}
    if kind in (Arm, Stimulate, Change):
        fields |= {"session": SESSION, "not_after_ns": NOW_NS + 1_000_000_000}
    return kind(**{**fields, **_KINDS[kind], **changes})


def written(kind, /, **changes):
    """The bytes of a request as another program may write it; None takes a field away."""
    fields = {**msgspec.to_builtins(request(kind)), **changes}
    return msgspec.msgpack.encode({k: v for k, v in fields.items() if v is not None})


class Desk:
    """A desk with its session, clock and history, and what was answered."""

    def __init__(self, *, slow=False):
        self.handler = RecordingHandler(slow=slow)
        self.clock = ManualClock(NOW_NS, anchor_utc_ns=1_700_000_000_000_000_000)
        self.history = History(100, 100_000)
        self.desk = ControlDesk(self.handler, self.clock, SESSION, self.history, lambda: 3)
        self.n_asked = 0

    def send(self, content, client=ANNA):
        """Hand in bytes; return the list that the reply gets into."""
        replies = []
        self.desk.tend()
        self.desk.receive(content, client, lambda reply: replies.append(decode_reply(reply)))
        return replies

    def ask(self, kind, client=ANNA, request_id=None, **changes):
        """Return the reply to a request, and let time-taking ones finish."""
        self.n_asked += 1
        replies = self.send(
            encode(request(kind, request_id or str(self.n_asked), **changes)), client
        )
        self.desk.tend()
        (reply,) = replies
        return reply

    def asked(self, method):
        return [each for each in self.handler.asked if each[0] == method]


@contextlib.contextmanager
def serving(
    handler=None,
    *,
    clock=None,
    keys=None,
    address="tcp://127.0.0.1:0",
    session_id=SESSION,
    history=None,
):
    """A bound server, driven by a thread until the end."""
    settings = ControlSettings(address=address, keys=keys)
    server = ControlServer(
        settings,
        handler or RecordingHandler(),
        session_id=session_id,
        clock=clock or ManualClock(NOW_NS),
        history=history or settings.make_history(),
    )
    server.bind()
    worker = Worker("control", lambda: server.step(0.05), on_end=lambda: None)
    worker.start()
    try:
        yield server
    finally:
        worker.stop()
        worker.join(10)
        server.close()
