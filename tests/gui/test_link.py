"""A view finds its rig, late or early, loses it, and finds it again; over real sockets."""

import contextlib
import threading

import numpy as np
import pytest
from control_ends import serving
from view_ends import FACTS
from wire_ends import result

from tracker.clock import SystemClock
from tracker.control.history import History
from tracker.errors import WireError
from tracker.gui.link import Found, Heard, Link, Problem, _reachable
from tracker.messages import Kind, ObservationMessage
from tracker.preview import Preview, PreviewSettings
from tracker.publisher import Publisher, PublisherSettings
from tracker.ring_buffer import ReadPolicy, RingBuffer
from tracker.session_status import Status
from tracker.testing.recording_handler import RecordingHandler
from tracker.types import Frame, FrameResult, Masks, Observation, StageTimes
from tracker.worker import Worker

PATIENCE_S = 60.0


class Described(RecordingHandler):
    facts = FACTS

    def describe(self):
        return self.facts


def masked(index):
    """What was made of a frame that is full of animal."""
    cells = np.full((1, 12, 16), 255, np.uint8)
    seen = Observation(
        index,
        5,
        np.zeros((1, 1, 2), np.float32),
        np.ones((1, 1), np.float32),
        masks=Masks(("individual 0",), cells, 1.5, 1.5, 4, 4),
    )
    return FrameResult(seen, {}, {}, (), StageTimes(0, 0, 0, 0, 0))


@contextlib.contextmanager
def rig(session_id="s1", control="tcp://127.0.0.1:0"):
    """A session that publishes a status over and over, and what the test offers."""
    clock, history, handler = SystemClock(), History(1000, 1_000_000), Described()
    publisher = Publisher(
        PublisherSettings(address="tcp://127.0.0.1:0"),
        session_id=session_id,
        camera="top",
        clock=clock,
        model_sha256="m",
        config_sha256="c",
        on_published=lambda index, now_ns: None,
        on_sent=history.note,
    )
    publisher.bind()
    ring = RingBuffer(4, (48, 64))
    preview = Preview(PreviewSettings(), session_id=session_id, camera="top", clock=clock)
    preview.bind()
    preview.attach(ring.reader(ReadPolicy.NEWEST), lambda *_: None, lambda: masked(10**9))
    handler.facts = FACTS.__class__(
        **{name: getattr(FACTS, name) for name in FACTS.__struct_fields__}
        | {"publisher": publisher.address, "preview": preview.address}
    )
    index = iter(range(10**9))

    def talk():
        publisher.offer_status(Status(state="running"))
        publisher.step(0)
        frame = Frame(next(index), 5, 6, np.full((48, 64), 120, np.uint8))
        ring.write(frame)
        return not quiet.wait(0.02)

    quiet = threading.Event()
    workers = [
        Worker("talk", talk, on_end=lambda: None),
        Worker("preview", preview.step, on_end=lambda: None),
    ]
    serve = serving(handler, clock=clock, address=control, session_id=session_id, history=history)
    with serve as server:
        for worker in workers:
            worker.start()
        try:
            yield server, publisher, handler, quiet
        finally:
            quiet.set()
            for worker in workers:
                worker.stop()
                worker.join(10)
            preview.close()
            publisher.close("test over")


@pytest.fixture
def linked():
    """Gives what makes links, and closes them at the end."""
    made = []

    def link(address):
        made.append(Link(address))
        made[-1].start()
        return made[-1]

    yield link
    for each in made:
        each.close()


def until(condition):
    """Wait until something is so; return it."""
    tick = threading.Event()
    for _ in range(round(PATIENCE_S / 0.01)):
        found = condition()
        if found:
            return found
        tick.wait(0.01)
    pytest.fail("it never happened")
    return None


def take(link, kind, is_it=lambda event: True):
    """Wait for an event of a kind."""
    seen = []

    def found():
        while link.inbox:
            event = link.inbox.popleft()
            seen.append(event)
            if isinstance(event, kind) and is_it(event):
                return event
        return None

    return until(found)


def test_it_finds_the_session_and_listens(linked):
    with rig() as (server, *_):
        link = linked(server.address)
        found = take(link, Found)
        assert (found.session, found.facts.subject) == ("s1", "m12")
        assert take(link, Heard).topic == "status/top"
        until(lambda: link.silent_s < 1)


def test_it_tells_how_the_clocks_stand(linked):
    import time

    with rig() as (server, *_):
        link = linked(server.address)
        offset_ns = take(link, Found).offset_ns
        before = time.perf_counter_ns()
        theirs = server._desk._clock.now_ns()
        after = time.perf_counter_ns()
        off_ns = 200_000_000  # half a ping of a busy computer
        assert before + offset_ns - off_ns < theirs < after + offset_ns + off_ns


def test_who_comes_late_gets_what_was_sent_before(linked):
    with rig() as (server, publisher, *_):
        for index in range(20):
            publisher.offer(result(index))
        until(lambda: not publisher._outbox._has_any())
        link = linked(server.address)
        is_observation = lambda event: isinstance(event.message, ObservationMessage)  # noqa: E731
        got = [take(link, Heard, is_observation).message.frame_index for _ in range(20)]
        assert got == list(range(20))


def test_pictures_come_in_the_size_that_is_wanted(linked):
    with rig() as (server, *_):
        link = linked(server.address)
        picture = until(link.take_picture)
        assert picture.image.shape == (48, 64)
        assert abs(int(picture.image.mean()) - 120) <= 2
        link.pictures = Kind.THUMBNAIL
        until(lambda: link._pictures._now[1] == ("thumbnail/",) and link.take_picture())


def test_masks_come_while_they_are_wanted(linked):
    with rig() as (server, *_):
        link = linked(server.address)
        until(link.take_picture)
        assert link.take_overlay() is None
        link.overlays = True
        (outline,) = until(link.take_overlay).outlines
        assert outline.name == "individual 0"
        assert until(link.take_picture)


def test_what_is_asked_for_is_answered(linked):
    with rig() as (server, _, handler, _):
        link = linked(server.address)
        take(link, Found)
        link.ask(lambda remote: remote.mark("door opened")).result(PATIENCE_S)
        link.ask(lambda remote: remote.disarm("now"), urgent=True).result(PATIENCE_S)
        names = [each[0] for each in handler.asked]
        assert names == ["mark", "disarm"]


def test_what_is_refused_says_why(linked):
    with rig() as (server, _, handler, _):
        handler.fails_with = WireError("not today")
        link = linked(server.address)
        with pytest.raises(WireError, match="not today"):
            link.ask(lambda remote: remote.mark("x")).result(PATIENCE_S)


def test_disarming_does_not_wait_for_what_was_asked_before(linked):
    with rig() as (server, _, handler, _):
        link = linked(server.address)
        take(link, Found)
        gate = threading.Event()
        slow = link.ask(lambda _: gate.wait(PATIENCE_S))
        link.ask(lambda remote: remote.disarm("now"), urgent=True).result(PATIENCE_S)
        assert not slow.done()
        assert [each[0] for each in handler.asked] == ["disarm"]
        gate.set()


def test_where_nobody_is_it_says_so_and_looks_on(linked):
    with rig() as (server, *_):
        address = server.address
    link = linked(address)
    assert "nobody answers" in take(link, Problem).text
    with rig(control=address):
        take(link, Found)


def test_a_session_that_is_gone_and_another_that_comes(linked):
    with rig() as (server, *_):
        address = server.address
        link = linked(address)
        take(link, Heard)
    until(lambda: link.silent_s > 0.9)
    with rig("s2", control=address):
        assert take(link, Found, lambda found: found.session == "s2")
        assert take(link, Heard, lambda heard: heard.message.session == "s2")


def test_a_loop_that_is_silent_is_told_from_a_rig_that_is_gone(linked):
    with rig() as (server, _, _, quiet):
        link = linked(server.address)
        take(link, Heard)
        quiet.set()
        take(link, Problem, lambda problem: problem.loop_silent)


@pytest.mark.parametrize(
    ("bound", "control", "reached"),
    [
        ("tcp://127.0.0.1:5556", "tcp://127.0.0.1:5557", "tcp://127.0.0.1:5556"),
        ("tcp://0.0.0.0:5556", "tcp://rig1:5557", "tcp://rig1:5556"),
        ("tcp://[::]:5556", "tcp://[fe80::1]:5557", "tcp://[fe80::1]:5556"),
        ("ipc:///tmp/x", "ipc:///tmp/y", "ipc:///tmp/x"),
        ("tcp://127.0.0.1:5556", "ipc:///tmp/y", "tcp://127.0.0.1:5556"),
        ("tcp://*:5556", "ipc:///tmp/y", "tcp://127.0.0.1:5556"),
        (None, "tcp://rig1:5557", None),
    ],
)
def test_a_rig_that_is_bound_to_all_addresses_is_reached_as_its_control_socket(
    bound, control, reached
):
    assert _reachable(bound, control) == reached
