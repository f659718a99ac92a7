"""Connects a view to one rig, and finds it again: threads that fill an inbox. No Qt.

messages ─┐
pictures ─┼──▶ inbox ──▶ the view's thread
asking   ─┘
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import cv2
import numpy as np

from tracker.control.description import Facts
from tracker.control.remote import Remote
from tracker.errors import BadMessage, SessionError, TrackerError, WireError
from tracker.gui.rig import LOST_AFTER_S, Picture
from tracker.keys import ClientKeys
from tracker.messages import FrameMessage, Kind, Message, OverlayMessage
from tracker.subscriber import Subscriber
from tracker.worker import Worker

TOPICS = tuple(
    f"{kind.value}/"
    for kind in (Kind.OBSERVATION, Kind.EPISODE, Kind.STIMULUS, Kind.STATUS, Kind.LOG)
)

PATIENCE_S = 0.1
"""Longest wait inside one step; bounds how long a close takes."""

ASK_S = 1.0
"""Patience with a rig that may not be there."""

INBOX = 40_000
"""Events that may wait for the view; then the oldest go."""

CLOSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Found:
    """A session was found, or found again."""

    session: str
    facts: Facts
    offset_ns: int


@dataclass(frozen=True, slots=True)
class Heard:
    """A message; some were sent before the view was there."""

    topic: str
    message: Message


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no connection, in words; `loop_silent`: the rig answers all the same."""

    text: str
    loop_silent: bool = False


Event = Found | Heard | Problem


class Link:
    """Everything that connects a view to one rig.

    Args:
        address: Of the rig's control socket, e.g. "tcp://127.0.0.1:5557".
        keys: If the rig uses keys.
        pictures: `Kind.FRAME`, or `Kind.THUMBNAIL` where the picture is small.
    """

    def __init__(
        self, address: str, keys: ClientKeys | None = None, pictures: Kind = Kind.FRAME
    ) -> None:
        self.address = address
        self._keys = keys
        self.pictures = pictures
        """May be changed at any time."""
        self.overlays = False
        """Whether masks and crops are wanted as well; may be changed at any time."""
        self.inbox: deque[Event] = deque(maxlen=INBOX)
        self._picture: Picture | None = None
        self._overlay: OverlayMessage | None = None
        self._asked: SimpleQueue[tuple[Callable[[Remote], object], Future[object]]] = SimpleQueue()
        self._target: tuple[str, str | None, str | None] | None = None
        self._heard_s: float | None = None
        self._held: list[Heard] | None = []
        self._mutex = threading.Lock()  # of what is held
        self._word = threading.Event()
        self._last_sent_ns = -1
        self._messages = _Listener(keys, self._on_message)
        self._pictures = _Listener(keys, self._on_picture)
        self._remote = Remote(address, keys=keys, timeout_s=ASK_S)
        self._due_s = 0.0
        self._urgent: list[tuple[Worker, Future[object]]] = []
        self._workers = [
            self._worker("asking", self._ask_step),
            self._worker("messages", self._message_step),
            self._worker("pictures", self._picture_step),
        ]

    def start(self) -> None:
        """Begin to look for the rig."""
        for worker in self._workers:
            worker.start()

    def close(self) -> None:
        """End all threads; takes a second or two if the rig does not answer."""
        workers = [*self._workers, *(worker for worker, _ in self._urgent)]
        for worker in workers:
            worker.stop()
        for worker in workers:
            with suppress(SessionError):  # what failed was said when it happened
                worker.join(CLOSE_S)
        self._messages.close()
        self._pictures.close()
        self._remote.close()

    @property
    def silent_s(self) -> float:
        """Since anything was heard (s); inf: never."""
        heard_s = self._heard_s
        return float("inf") if heard_s is None else time.monotonic() - heard_s

    def take_picture(self) -> Picture | None:
        """Return the newest picture, once."""
        picture, self._picture = self._picture, None
        return picture

    def take_overlay(self) -> OverlayMessage | None:
        """Return the newest masks and crop, once."""
        overlay, self._overlay = self._overlay, None
        return overlay

    def ask(self, request: Callable[[Remote], object], *, urgent: bool = False) -> "Future[object]":
        """Ask the rig for something; any thread, returns at once.

        Args:
            request: Called with a `Remote`; may raise what that raises.
            urgent: Do not wait for what was asked before: disarming, stopping.
        """
        answer: Future[object] = Future()
        if urgent:
            self._urgent = [each for each in self._urgent if not each[1].done()]
            worker = self._worker("urgent", lambda: self._at_once(request, answer))
            self._urgent.append((worker, answer))
            worker.start()
        else:
            self._asked.put((request, answer))
        return answer

    def _worker(self, name: str, step: Callable[[], bool]) -> Worker:
        def on_end() -> None:
            if worker.failure is not None:
                self.inbox.append(Problem(f"the view's own thread has failed: {worker.failure}"))

        worker = Worker(f"view {name}", step, on_end)
        return worker

    def _at_once(self, request: Callable[[Remote], object], answer: "Future[object]") -> bool:
        with Remote(self.address, keys=self._keys) as remote:
            _answer(request, remote, answer)
        return False

    def _ask_step(self) -> bool:
        """Carry out what was asked for, and look for the rig while it is silent."""
        try:
            request, answer = self._asked.get(timeout=PATIENCE_S)
        except Empty:
            pass
        else:
            _answer(request, self._remote, answer)
        if self.silent_s > LOST_AFTER_S and time.monotonic() >= self._due_s:
            self._look()
            self._due_s = time.monotonic() + ASK_S / 2
        return True

    def _look(self) -> None:
        """Ask which session runs; if one does, listen to it and fetch what was missed."""
        try:
            session, facts = self._remote.describe()
            offset_ns = self._remote.clock_offset(pings=5).offset_ns
        except TrackerError as error:
            self.inbox.append(Problem(str(error)))
            return
        known = self._target is not None and self._target[0] == session
        if facts.publisher is None:
            self.inbox.append(Problem("the session publishes nothing: set outputs.publisher"))
            return
        if known:
            self.inbox.append(Problem("the rig answers, and its loop is silent", loop_silent=True))
        after_ns = self._last_sent_ns if known else -1
        with self._mutex:
            self._held = []
        self._word.clear()
        self.inbox.append(Found(session, facts, offset_ns))
        self._target = (
            session,
            _reachable(facts.publisher, self.address),
            _reachable(facts.preview, self.address),
        )
        self._word.wait(ASK_S)  # listen first, then ask what was missed
        self._catch_up(after_ns)

    def _catch_up(self, after_ns: int) -> None:
        """Fetch what was sent before we listened, then let go of what has come since."""
        try:
            missed = self._remote.catch_up(after_ns=after_ns).messages
        except TrackerError as error:
            self.inbox.append(Problem(f"what was sent before cannot be fetched: {error}"))
            missed = []
        self.inbox.extend(Heard(topic, message) for topic, message in missed)
        with self._mutex:
            held, self._held = self._held, None
            self.inbox.extend(held or ())

    def _message_step(self) -> bool:
        target = self._target
        return self._messages.step(target[1] if target else None, TOPICS)

    def _on_message(self, topic: str, message: Message, _payload: bytes | None) -> None:
        self._heard_s = time.monotonic()
        self._last_sent_ns = max(self._last_sent_ns, message.sent_ns)
        self._word.set()
        with self._mutex:
            waiting = self.inbox if self._held is None else self._held
            waiting.append(Heard(topic, message))

    def _picture_step(self) -> bool:
        target = self._target
        kinds = (self.pictures, Kind.OVERLAY) if self.overlays else (self.pictures,)
        topics = tuple(f"{kind.value}/" for kind in kinds)
        return self._pictures.step(target[2] if target else None, topics)

    def _on_picture(self, _topic: str, message: Message, payload: bytes | None) -> None:
        if isinstance(message, OverlayMessage):
            self._overlay = message
        if not isinstance(message, FrameMessage) or payload is None:
            return
        found = cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_UNCHANGED)
        if found is None:
            return
        image = np.asarray(found, np.uint8)
        if image.ndim == 3:
            image = np.ascontiguousarray(image[:, :, ::-1])
        self._picture = Picture(message, image)


class _Listener:
    """A subscription that follows an address; used by one thread, closed after it."""

    def __init__(
        self,
        keys: ClientKeys | None,
        take: Callable[[str, Message, bytes | None], None],
    ) -> None:
        self._keys = keys
        self._take = take
        self._now: tuple[str, tuple[str, ...]] | None = None
        self._subscriber: Subscriber | None = None

    def step(self, address: str | None, topics: tuple[str, ...]) -> bool:
        """Take a message, or wait a little. Always True."""
        if address is None:
            time.sleep(PATIENCE_S / 2)
            return True
        if self._subscriber is None or self._now != (address, topics):
            self.close()
            self._subscriber = Subscriber(address, topics, keys=self._keys)
            self._now = (address, topics)
        try:
            got = self._subscriber.receive(PATIENCE_S)
        except BadMessage:
            return True  # counts as lost when the next one comes
        except WireError:
            self.close()  # turned away: the asking thread is told why
            time.sleep(PATIENCE_S)
            return True
        if got is not None:
            self._take(got.topic, got.message, got.payload)
        return True

    def close(self) -> None:
        subscriber, self._subscriber = self._subscriber, None
        if subscriber is not None:
            subscriber.close()


def _answer(request: Callable[[Remote], object], remote: Remote, answer: "Future[object]") -> None:
    try:
        answer.set_result(request(remote))
    except TrackerError as error:
        answer.set_exception(error)


def _reachable(bound: str | None, control: str) -> str | None:
    """Return where a socket of the rig is reached from here, given where its control socket is.

    A rig that is bound to all of its addresses does not know by which of them we come.
    """
    if bound is None or not bound.startswith("tcp://"):
        return bound
    host, _, port = bound.removeprefix("tcp://").rpartition(":")
    if host in ("0.0.0.0", "[::]", "*"):  # noqa: S104
        is_tcp = control.startswith("tcp://")
        host = control.removeprefix("tcp://").rpartition(":")[0] if is_tcp else "127.0.0.1"
    return f"tcp://{host}:{port}"
