"""Requests to a stimulus box and their answers, over one port that two threads share."""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from tracker.actuators.stimulus_box import protocol
from tracker.actuators.stimulus_box.ports import Port
from tracker.actuators.stimulus_box.protocol import Kind, Message
from tracker.clock import Clock
from tracker.errors import DeviceLost

ANSWER_S = 0.02
"""How long a request waits for its answer before it is sent once more, and then for good."""

SLICE_S = 0.001
"""How long a thread that waits for something reads, or waits for another one that reads."""


class Link:
    """Sends, and hears. Whoever has time reads for all; each answer goes to whoever asked.

    Args:
        port: Open.
        clock: The session clock.
        hear: Called with every message that is no answer, and when it came (ns), by the thread
            that happens to read.
    """

    def __init__(self, port: Port, clock: Clock, hear: Callable[[Message, int], None]) -> None:
        self._port = port
        self._clock = clock
        self._hear = hear
        self._reading, self._writing = threading.Lock(), threading.Lock()
        self._decoder = protocol.Decoder()
        self._answers: dict[int, SimpleQueue[Message]] = {}
        self._seq = 0

    @property
    def bad_frames(self) -> int:
        """Frames from the box that were none."""
        return self._decoder.bad_frames

    def next_seq(self) -> int:
        """Return a number for a request, 1 to 255."""
        with self._writing:
            self._seq = self._seq % 255 + 1
            return self._seq

    def send(self, kind: Kind, seq: int, *fields: int) -> None:
        """Send a frame. Raises `DeviceLost` if the port is gone."""
        try:
            with self._writing:
                self._port.write(protocol.encode(kind, seq, *fields))
        except OSError as failure:
            raise DeviceLost(f"it was unplugged: {failure}") from failure

    def ask(self, kind: Kind, seq: int, *fields: int) -> Message:
        """Return the answer to a request; it is sent once more if none comes in time.

        Raises:
            DeviceLost: If none comes then either, or the port is gone.
        """
        answers: SimpleQueue[Message] = SimpleQueue()
        self._answers[seq] = answers
        try:
            for _ in range(2):
                self.send(kind, seq, *fields)
                self.read_until(lambda: not answers.empty(), ANSWER_S)
                try:
                    return answers.get_nowait()
                except Empty:
                    continue
        finally:
            del self._answers[seq]
        waited_ms = 2 * ANSWER_S * 1000
        raise DeviceLost(f"no answer within {waited_ms:.0f} ms: check its cable and power")

    def read_until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Read, or let another thread read, until something has come; False if it did not."""
        end_ns = self._clock.now_ns() + round(timeout_s * 1e9)
        while not done():
            if self._clock.now_ns() >= end_ns:
                return False
            self.read(SLICE_S)
        return True

    def read(self, wait_s: float) -> None:
        """Take in what the box has said, or what it says within `wait_s`.

        Raises:
            DeviceLost: If the port is gone.
        """
        if not self._reading.acquire(timeout=wait_s):
            return
        try:
            data = self._port.read_some(wait_s)
            heard_ns = self._clock.now_ns()
            for message in self._decoder.feed(data):
                self._take(message, heard_ns)
        except OSError as failure:
            raise DeviceLost(f"it was unplugged: {failure}") from failure
        finally:
            self._reading.release()

    def _take(self, message: Message, heard_ns: int) -> None:
        if message.kind in (Kind.ACK, Kind.NACK):
            if (answers := self._answers.get(message.seq)) is not None:
                answers.put(message)
        else:
            self._hear(message, heard_ns)

    def close(self) -> None:
        """Let go of the port, once nobody reads."""
        with self._reading:
            self._port.close()
