"""What a stimulus box has to go through before it is used: who it is, its limits, its dead-man.

In the self-test it is armed without a keep-alive and without an order: it has to go safe by
itself, in time by its own clock, and all its lines have to be low then. So nothing is ever
switched on to test it.
"""

from collections.abc import Mapping
from functools import partial

from tracker.actuators.stimulus_box.connection import Connection
from tracker.actuators.stimulus_box.device_clock import WRAP_US
from tracker.actuators.stimulus_box.protocol import (
    PROTOCOL,
    Ack,
    Alive,
    ArmBox,
    Cause,
    Hello,
    Nack,
    Request,
    SetDeadMan,
    SetLimits,
    Welcome,
    reason_in_words,
)
from tracker.errors import DeviceError, DeviceLost, DeviceNotFound
from tracker.stimuli import LineLimits

HELLO_S, HELLOS = 0.25, 14
"""An Uno restarts when its port is opened, and its boot loader takes up to two seconds."""

PONG_S = 0.1
"""How long an answer in the self-test may take."""

TRIP_MARGIN_MS = 10
"""How much later than its dead-man the box may trip, by its own clock."""

TRIP_PATIENCE_S = 0.15
"""How much later than that a busy computer may hear of it."""

MAX_U32 = (1 << 32) - 1


def greet(connection: Connection) -> Welcome:
    """Return what the box says of itself; it has forgotten everything then.

    Raises:
        DeviceNotFound: If nothing answers.
        DeviceError: If something else does than this program can talk to.
    """
    for _ in range(HELLOS):
        seq = connection.link.next_seq()
        connection.link.send(Hello(), seq)
        if connection.link.read_until(partial(_welcomed, connection, seq), HELLO_S):
            break
    if connection.welcome is None:
        raise DeviceNotFound(
            "no stimulus box answers there. Is it the right port, and is the firmware on the "
            "board? `tracker flash` writes it"
        )
    _, welcome = connection.welcome
    if welcome.protocol != PROTOCOL:
        raise DeviceError(
            f"its firmware {welcome.major}.{welcome.minor} speaks protocol {welcome.protocol}, "
            f"this program {PROTOCOL}: write the firmware that belongs to it with `tracker flash`"
        )
    return welcome


def _welcomed(connection: Connection, seq: int) -> bool:
    """Whether the last HELLO was answered: those before it cannot come in between any more."""
    return connection.welcome is not None and connection.welcome[0] == seq


def set_limits(connection: Connection, lines: Mapping[str, LineLimits], dead_man_ms: int) -> None:
    """Give the box what it has to enforce by itself; lines that are not used get none.

    Raises:
        DeviceError: If it does not take it.
    """
    for line, limits in lines.items():
        longest_us, gap_us = (
            min(each, MAX_U32) for each in (limits.longest_us, limits.least_gap_us)
        )
        _must(connection, SetLimits(int(line), longest_us, gap_us))
    _must(connection, SetDeadMan(dead_man_ms))


def prove_dead_man(connection: Connection, dead_man_ms: int) -> None:
    """Arm the box and let it starve; it is disarmed again then.

    Raises:
        DeviceError: If it does not go safe in time, or not wholly.
    """
    armed_us = _must(connection, ArmBox()).device_us
    patience_s = (dead_man_ms + TRIP_MARGIN_MS) / 1000 + TRIP_PATIENCE_S
    connection.link.read_until(lambda: connection.tripped is not None, patience_s)
    tripped, connection.tripped = connection.tripped, None
    if tripped is None or tripped.cause != Cause.NO_KEEP_ALIVE:
        raise DeviceError(
            f"it does not go safe when it hears nothing: its dead-man is {dead_man_ms} ms, and "
            f"after {patience_s * 1000:.0f} ms it has not tripped. Do not use it"
        )
    took_ms = (tripped.device_us - armed_us) % WRAP_US / 1000
    if not dead_man_ms / 2 <= took_ms <= dead_man_ms + TRIP_MARGIN_MS:
        raise DeviceError(
            f"its dead-man is {dead_man_ms} ms and it tripped after {took_ms:.1f} ms: do not use it"
        )
    connection.pong = None
    connection.link.send(Alive(), connection.link.next_seq(alive=True))
    if not connection.link.read_until(lambda: connection.pong is not None, PONG_S):
        raise DeviceLost("it stopped answering in its self-test: check its cable")
    _must_be_safe(connection)


def _must_be_safe(connection: Connection) -> None:
    pong = connection.pong
    if pong is not None and (pong.high or pong.armed):
        high = ", ".join(str(line) for line in pong.high) or "none"
        raise DeviceError(
            f"after it has tripped, every line should be low and the box not armed; lines that "
            f"are high: {high}, armed: {pong.armed}. Do not use it"
        )


def _must(connection: Connection, request: Request) -> Ack:
    answer = connection.link.ask(request, connection.link.next_seq())
    if isinstance(answer, Nack):
        raise DeviceError(f"it refused {request}: {reason_in_words(answer.reason)}")
    if not isinstance(answer, Ack):
        raise DeviceError(f"it answered {request} with {answer}")
    return answer
