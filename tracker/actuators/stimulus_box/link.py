"""Requests to a stimulus box and their answers, over one port that several threads share."""

import threading
from collections.abc import Callable
from contextlib import suppress

from tracker.actuators.stimulus_box.device_clock import DeviceClock
from tracker.actuators.stimulus_box.ports import Port
from tracker.actuators.stimulus_box.protocol import (
    Ack,
    Alive,
    ArmBox,
    Decoder,
    DisarmBox,
    Message,
    Nack,
    Pong,
    Request,
    Welcome,
    encode,
)
from tracker.clock import Clock
from tracker.errors import DeviceError, DeviceLost

ANSWER_S = 0.02
"""How long a request waits for its answer before it is sent once more."""

CLOSE_S = 1.0
"""How long closing waits for a thread that reads; one in a driver that hangs is left there."""

N_SEQ = 256


class Link:
    """Sends, and hears. Whichever thread has time reads for all; none waits for a lock meanwhile.

    Args:
        port: Open.
        clock: The session clock.
        hear: Called with every message and its number, by the thread that happens to read, one
            at a time.

    Attributes:
        device_clock: Fed with every request and its answer.
    """

    def __init__(self, port: Port, clock: Clock, hear: Callable[[int, Message], None]) -> None:
        self.device_clock = DeviceClock()
        self._port = port
        self._clock = clock
        self._hear = hear
        self._writing = threading.Lock()
        self._turn = threading.Condition()
        self._is_read = False
        self._is_closed = False
        self._may_arm = True
        self._decoder = Decoder()
        self._next = {True: 0, False: 0}
        self._asked_ns: dict[tuple[bool, int], int] = {}
        self._answers: dict[int, Welcome | Ack | Nack | None] = {}

    @property
    def bad_frames(self) -> int:
        """Frames from the box that were none."""
        return self._decoder.bad_frames

    def next_seq(self, *, alive: bool = False) -> int:
        """Return a number for a request.

        Keep-alives have numbers of their own, so that those of orders come again only after
        `N_SEQ` orders.
        """
        with self._writing:
            self._next[alive] = (self._next[alive] + 1) % N_SEQ
            return self._next[alive]

    def send(self, request: Request, seq: int) -> None:
        """Send a frame.

        Raises:
            DeviceError: If a value in it is larger than the protocol knows, or if it would arm the
                box after `disarm_for_good`.
            DeviceLost: If the port is gone.
        """
        try:
            frame = encode(seq, request)
        except ValueError as failure:
            raise DeviceError(f"{failure}: more than the box can count") from failure
        with self._writing:  # `disarm_for_good` comes before this or after it, never in between
            if isinstance(request, ArmBox) and not self._may_arm:
                raise DeviceError("it was made safe: open it again")
            self._asked_ns.setdefault((isinstance(request, Alive), seq), self._clock.now_ns())
            self._write(frame)

    def disarm_for_good(self) -> None:
        """Bring every line low; from now on nobody arms the box over this link.

        Raises:
            DeviceLost: If the port is gone.
        """
        frame = encode(self.next_seq(), DisarmBox())
        with self._writing:
            self._may_arm = False
            self._write(frame)

    def ask(
        self, request: Request, seq: int, patience_s: float = 2 * ANSWER_S
    ) -> Welcome | Ack | Nack:
        """Send a request, once more if no answer comes in time, and return its answer.

        Raises:
            DeviceLost: If none comes then either, or the port is gone.
            DeviceError: As `send`.
        """
        end_ns = self._clock.now_ns() + round(patience_s * 1e9)
        self._answers[seq] = None
        try:
            for _ in range(2):
                self.send(request, seq)
                left_s = (end_ns - self._clock.now_ns()) / 1e9
                self.read_until(lambda: self._answers[seq] is not None, min(ANSWER_S, left_s))
                answer = self._answers[seq]
                if answer is not None:
                    return answer
        finally:
            del self._answers[seq]
        raise DeviceLost(f"no answer within {patience_s * 1000:.0f} ms: check its cable and power")

    def read_until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Read, or let another thread read, until something has come; False if it did not.

        Raises:
            DeviceLost: If the port is gone.
        """
        end_ns = self._clock.now_ns() + round(timeout_s * 1e9)
        while not done():
            left_s = (end_ns - self._clock.now_ns()) / 1e9
            if left_s <= 0:
                return False
            self._read_or_wait(left_s, done)
        return True

    def read(self, wait_s: float) -> None:
        """Take in what the box has said, or what it says in a moment.

        Raises:
            DeviceLost: If the port is gone.
        """
        self._read_or_wait(wait_s, lambda: False)

    def close(self) -> None:
        """Let go of the port, once nobody reads. Raises nothing."""
        with self._turn:
            self._turn.wait_for(lambda: not self._is_read, CLOSE_S)
            self._is_closed = True
        with self._writing, suppress(OSError):
            self._port.close()

    def _write(self, frame: bytes) -> None:
        try:
            self._port.write(frame)
        except OSError as failure:
            raise DeviceLost(f"it was unplugged: {failure}") from failure

    def _read_or_wait(self, wait_s: float, done: Callable[[], bool]) -> None:
        """Read once; if another thread does, wait until it has."""
        with self._turn:
            if done():  # what it waits for has come just before
                return
            if self._is_read:
                self._turn.wait(wait_s)
                return
            if self._is_closed:
                raise DeviceLost("it was closed")
            self._is_read = True
        try:
            self._take_in(self._port.read_some())
        except OSError as failure:
            raise DeviceLost(f"it was unplugged: {failure}") from failure
        finally:
            with self._turn:
                self._is_read = False
                self._turn.notify_all()

    def _take_in(self, data: bytes) -> None:
        heard_ns = self._clock.now_ns()
        for seq, message in self._decoder.feed(data):
            if isinstance(message, Welcome | Ack | Nack | Pong):
                self._answered(seq, message, heard_ns)
            self._hear(seq, message)

    def _answered(self, seq: int, answer: Welcome | Ack | Nack | Pong, heard_ns: int) -> None:
        asked_ns = self._asked_ns.pop((isinstance(answer, Pong), seq), None)
        if isinstance(answer, Welcome):
            self.device_clock = DeviceClock(answer.device_us)
        if asked_ns is not None:
            self.device_clock.add(asked_ns, answer.device_us, heard_ns)
        if not isinstance(answer, Pong) and seq in self._answers:
            self._answers[seq] = answer
