"""One stimulus box from the opening of its port to its closing: what was asked, and what it says.

    quiet ──first order, or first `tend` with a loop that is alive──▶ armed and fed ──▶ over
      └────────────── made safe, or the box went safe by itself ───────────────────────▶ over

Over stays over: nothing arms the box again on this connection, and nothing feeds it.
"""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from tracker.actuators.stimulus_box.link import N_SEQ, Link
from tracker.actuators.stimulus_box.ports import READ_S, Port
from tracker.actuators.stimulus_box.protocol import (
    FIRST_INPUT,
    FORCED,
    RISING,
    Ack,
    Alive,
    ArmBox,
    Cause,
    DisarmBox,
    EdgeReport,
    Message,
    Nack,
    Pong,
    Start,
    Stop,
    Tripped,
    Welcome,
    cause_in_words,
    reason_in_words,
)
from tracker.clock import Clock
from tracker.errors import DeviceError, DeviceLost
from tracker.stimuli import Edge, Receipt

FEEDS = 4
"""Keep-alives within the time of the dead-man."""

MISSED_FEEDS = 3
"""A keep-alive without an answer for so many periods, and the box is lost."""

DISARMED_PONGS = 2
"""So many answers that it is not armed, and it is lost: before the second, it has said why."""

ORDER_S = 0.045
"""Longest time that an order may take, arming included."""

MADE_SAFE = "it was made safe"


class Connection:
    """One open box. `order` is called by one thread, `tend` by another, the rest by any.

    Args:
        port: Open; it is closed with the connection.
        clock: The session clock.
        dead_man_s: The box goes safe by itself after so long.

    Attributes:
        link: The frames.
        welcome: What the box has said of itself, and in answer to which request.
        tripped: How the box went safe by itself.
        pong: Its last answer to a keep-alive.
        lost_edges: Reports of edges that never came.
        restarts: How often its watchdog has restarted it, that is, 1 if it has.
    """

    def __init__(self, port: Port, clock: Clock, dead_man_s: float) -> None:
        self.link = Link(port, clock, self._hear)
        self.welcome: tuple[int, Welcome] | None = None
        self.tripped: Tripped | None = None
        self.pong: Pong | None = None
        self.lost_edges = 0
        self.restarts = 0
        self._clock = clock
        self._feed_ns = round(dead_man_s * 1e9 / FEEDS)
        self._is_armed = False
        self._over = ""
        self._is_lost = False
        self._fed_ns: int | None = None
        self._unanswered_ns: int | None = None
        self._disarmed_pongs = 0
        self._first_bad: int | None = None
        self._next_edge = 0
        self._edges: deque[Edge] = deque()
        self._stimuli: dict[tuple[int, int], str] = {}

    @property
    def bad_frames_at_box(self) -> int:
        """Frames that the box could not read since it was opened, modulo 65536."""
        if self.pong is None or self._first_bad is None:
            return 0
        return (self.pong.bad_frames - self._first_bad) % (1 << 16)

    def order(self, request: Start | Stop, stimulus_id: str) -> Receipt:
        """Have it carried out.

        Raises:
            DeviceLost: If the box did not answer; the connection is over then.
            DeviceError: If it was made safe before, or the box refused.
        """
        end_ns = self._clock.now_ns() + round(ORDER_S * 1e9)
        seq = self.link.next_seq()
        try:
            if isinstance(request, Start):
                self._stimuli[request.line, seq] = stimulus_id
                self._arm()
            left_s = (end_ns - self._clock.now_ns()) / 1e9
            answer = self.link.ask(request, seq, left_s)
        except DeviceLost as failure:
            raise self._lost(str(failure)) from failure
        if isinstance(answer, Nack):
            raise DeviceError(f"it refused {stimulus_id}: {reason_in_words(answer.reason)}")
        clock = self.link.device_clock
        at_ns, off_ns = clock.at(answer.device_us)
        return Receipt(at_ns, clock.unwrap(answer.device_us), off_ns, confirmed=True)

    def tend(self, *, alive: bool) -> Sequence[Edge]:
        """Feed the box if the loop is alive, and return the edges that it has reported.

        Raises:
            DeviceLost: If the box went safe by itself, or cannot be reached; not before the last
                edge was returned.
        """
        try:
            if alive and not self._over:
                self._arm()
                self._feed()
            self.link.read(READ_S)
        except DeviceLost as failure:
            self._lost(str(failure))
        except DeviceError:
            if not self._over:  # else it was made safe meanwhile
                raise
        self._look()
        edges = []
        while self._edges:
            edges.append(self._edges.popleft())
        if self._is_lost and not edges:
            raise DeviceLost(self._over)
        return edges

    def make_safe(self) -> None:
        """Bring every line low, as far as the box can be reached; the connection is over."""
        self._over = self._over or MADE_SAFE
        with suppress(DeviceError):  # it cannot be reached: its dead-man brings it low
            self.link.disarm_for_good()

    def close(self) -> None:
        """Bring every line low and let go of the port."""
        self.make_safe()
        with suppress(DeviceError):  # now that it has answered, nothing is left on its way
            self.link.ask(DisarmBox(), self.link.next_seq())
        self.link.close()

    def _arm(self) -> None:
        """Arm the box, once."""
        if self._over:
            kind = DeviceLost if self._is_lost else DeviceError
            raise kind(f"{self._over}: open it again")
        if self._is_armed:
            return
        answer = self.link.ask(ArmBox(), self.link.next_seq())
        if not isinstance(answer, Ack):
            raise DeviceLost("it cannot be armed")
        self._is_armed = True

    def _feed(self) -> None:
        """Send a keep-alive if one is due."""
        now_ns = self._clock.now_ns()
        if self._fed_ns is not None and now_ns - self._fed_ns < self._feed_ns:
            return
        self._fed_ns = now_ns
        if self._unanswered_ns is None:
            self._unanswered_ns = now_ns
        self.link.send(Alive(), self.link.next_seq(alive=True))

    def _look(self) -> None:
        """See whether the box is still what it should be."""
        if self._over:
            return
        if self.tripped is not None:
            self._lost(f"it went safe by itself: {cause_in_words(self.tripped.cause)}")
        elif self._disarmed_pongs >= DISARMED_PONGS:
            self._lost("it is not armed any more: was it reset, or without power for a moment?")
        elif self._unanswered_ns is not None:
            silent_ns = self._clock.now_ns() - self._unanswered_ns
            if silent_ns > MISSED_FEEDS * self._feed_ns:
                self._lost(f"no answer for {silent_ns / 1e6:.0f} ms: check its cable and power")

    def _lost(self, why: str) -> DeviceLost:
        """Note that it is over, and bring every line low."""
        if not self._over:
            self._over, self._is_lost = why, True
            self.make_safe()
        return DeviceLost(why)

    def _hear(self, seq: int, message: Message) -> None:
        """Take in what the box says; on whichever thread reads, one message at a time."""
        match message:
            case Welcome():
                self.welcome = seq, message
                self.tripped, self._next_edge = None, 0
                self._edges.clear()
            case Pong():
                self.pong, self._unanswered_ns = message, None
                if self._first_bad is None:
                    self._first_bad = message.bad_frames
                if self._is_armed and not message.armed:
                    self._disarmed_pongs += 1
            case EdgeReport():
                self._heard_edge(seq, message)
            case Tripped(cause=Cause.WATCHDOG) if not self._is_armed:
                self.restarts += 1  # before it was opened
            case Tripped():
                self.tripped = message
            case _:
                pass  # answers go to whoever asked

    def _heard_edge(self, seq: int, report: EdgeReport) -> None:
        clock = self.link.device_clock
        if not clock.fit.trips:
            return  # it has not answered yet: of the program that had the box before
        self.lost_edges += (seq - self._next_edge) % N_SEQ
        self._next_edge = (seq + 1) % N_SEQ
        at_ns, off_ns = clock.at(report.device_us)
        of_train = report.line < FIRST_INPUT and not report.flags & FORCED
        stimulus_id = self._stimuli.get((report.line, report.start_seq), "") if of_train else ""
        line = (
            str(report.line) if report.line < FIRST_INPUT else f"input {report.line - FIRST_INPUT}"
        )
        self._edges.append(
            Edge(
                line=line,
                rising=bool(report.flags & RISING),
                device_us=clock.unwrap(report.device_us),
                at_ns=at_ns,
                uncertainty_ns=off_ns,
                stimulus_id=stimulus_id,
            )
        )
