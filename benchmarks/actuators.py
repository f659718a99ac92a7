"""From an order to a receiver in this program, and the edges of trains that the program plays.

Serial ports are pseudo-terminals, everything else is a real receiver on loopback, so that what a
USB chip, a board or a network adds is not in it. Each is measured alone, and beside the shipped
network running on one thread, with the switch interval of a session.
"""

import os
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from common import SHAPE, arguments, report

from tracker.actuators.base import Actuator
from tracker.actuators.firmata import FirmataSettings, firmata
from tracker.actuators.lsl import LslMarks, LslSettings
from tracker.actuators.osc import OscSettings, osc
from tracker.actuators.serial_ttl import SerialSettings, serial_ttl
from tracker.actuators.zmq_out import ZmqOut, ZmqSettings
from tracker.build import find_network
from tracker.clock import SystemClock
from tracker.preprocess import Preprocessor
from tracker.runtimes.base import RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime
from tracker.session import SWITCH_INTERVAL_S
from tracker.stimuli import Action, LineLimits, Order, PulseTrain

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import lsl_here  # noqa: F401 - before anything touches LSL
import pylsl
from order_receiver import Receiver

CLOCK = SystemClock()
LINES = {"2": LineLimits(10_000_000, 0)}
ORDER = PulseTrain(2_000, 2_000)
WIDTH_US, PERIOD_US = 5_000, 20_000

Hear = Callable[[], int | None]
"""Returns when the next edge or order was heard (ns), None if nothing came within 10 ms."""


@contextmanager
def over_terminal(kind: str) -> Iterator[tuple[Actuator, Hear]]:
    ours, theirs = os.openpty()
    port = os.ttyname(theirs)
    if kind == "serial":
        codes = {"2": {"on": "41", "off": "61"}}
        actuator = serial_ttl(SerialSettings(port=port, codes=codes), LINES, CLOCK)
    else:
        actuator = firmata(FirmataSettings(port=port), LINES, CLOCK)

    def hear() -> int | None:
        if not select.select([ours], [], [], 0.01)[0]:
            return None
        data, at_ns = os.read(ours, 1024), CLOCK.now_ns()
        if data.endswith(b"\xf9"):  # Firmata asks for the version now and then
            os.write(ours, b"\xf9\x02\x05")
            data = data[:-1]
        return at_ns if data else None

    yield actuator, hear
    os.close(ours)
    os.close(theirs)


@contextmanager
def over_osc() -> Iterator[tuple[Actuator, Hear]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(0.01)

        def hear() -> int | None:
            try:
                ear.recv(1024)
            except TimeoutError:
                return None
            return CLOCK.now_ns()

        settings = OscSettings(port=ear.getsockname()[1], repeat_ms=10_000)
        yield osc(settings, LINES, CLOCK), hear


@contextmanager
def over_zmq() -> Iterator[tuple[Actuator, Hear]]:
    receiver = Receiver("order/")

    def hear() -> int | None:
        if receiver.is_silent(0.01):
            return None
        receiver.parts()
        return CLOCK.now_ns()

    yield ZmqOut(ZmqSettings(address=receiver.address), LINES, CLOCK), hear
    receiver.close()


@contextmanager
def over_lsl() -> Iterator[tuple[Actuator, Hear]]:
    marks = LslMarks(LslSettings(name="benchmark"), LINES, CLOCK)
    marks.open()
    inlet = pylsl.StreamInlet(pylsl.resolve_byprop("name", "benchmark", timeout=10)[0])
    inlet.open_stream(timeout=10)

    def hear() -> int | None:
        return None if inlet.pull_sample(timeout=0.01)[0] is None else CLOCK.now_ns()

    yield marks, hear
    inlet.close_stream()


WAYS = {
    "serial": lambda: over_terminal("serial"),
    "firmata": lambda: over_terminal("firmata"),
    "osc": over_osc,
    "zmq": over_zmq,
    "lsl": over_lsl,
}


@contextmanager
def repeating(name: str, step: Callable[[], object]) -> Iterator[None]:
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            step()

    thread = threading.Thread(target=run, name=name)
    thread.start()
    yield
    over.set()
    thread.join()


def network_call() -> Callable[[], object]:
    """Return a call of the shipped network on one image."""
    runtime = OnnxRuntime(find_network("mouse_top_view"), RuntimeSettings())
    card = runtime.card
    prepare = Preprocessor(SHAPE, card.channels, card.long_side, card.multiple_of).prepare
    ready = prepare(np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8))
    return lambda: runtime.run(ready)


def measure(kind: str, beside: str, orders: int, pulses: int) -> list[dict[str, Any]]:
    heard: list[int] = []
    with ExitStack() as stack:
        actuator, hear = stack.enter_context(WAYS[kind]())
        listener = repeating("ear", lambda: [heard.append(at) for at in [hear()] if at is not None])
        stack.enter_context(listener)
        actuator.open()
        stack.callback(actuator.close)
        stack.enter_context(repeating("tend", lambda: actuator.tend(alive=True)))
        if beside:
            stack.enter_context(repeating("network", network_call()))
        wait(0.5)
        del heard[:]
        about = {"kind": kind, "beside": beside or "nothing"}
        rows = [{**about, "what": "order → heard", **spread(order_times(actuator, heard, orders))}]
        if kind in ("serial", "firmata", "osc"):
            late, wide = train_times(actuator, heard, pulses)
            rows.append({**about, "what": "edge of a train late by", **spread(late)})
            rows.append({**about, "what": "pulse too long by", **spread(wide)})
    return rows


def order_times(actuator: Actuator, heard: list[int], n: int) -> list[int]:
    """Return how long each order took to be heard (ns)."""
    took = []
    for number in range(n):
        before, began_ns = len(heard), CLOCK.now_ns()
        actuator.apply(Order("2", Action.TRAIN, ORDER, f"a/{number}"))
        wait(0.015)  # its end is heard as well
        took.append(heard[before] - began_ns)
    return took


def train_times(actuator: Actuator, heard: list[int], n: int) -> tuple[list[int], list[int]]:
    """Return by how much edges came later than their place after the first one, and widths (ns)."""
    before = len(heard)
    actuator.apply(Order("2", Action.TRAIN, PulseTrain(WIDTH_US, PERIOD_US, n), "a/0"))
    wait(n * PERIOD_US / 1e6 + 0.5)
    edges = heard[before : before + 2 * n]
    starts, ends = edges[::2], edges[1::2]
    late = [at - edges[0] - k * PERIOD_US * 1000 for k, at in enumerate(starts)]
    wide = [end - start - WIDTH_US * 1000 for start, end in zip(starts, ends, strict=True)]
    return late[1:], wide


def wait(seconds: float) -> None:
    threading.Event().wait(seconds)


def spread(ns: list[int]) -> dict[str, Any]:
    p50, p99, largest = np.percentile(np.array(ns) / 1e6, [50, 99, 100])
    return {"n": len(ns), "p50": float(p50), "p99": float(p99), "max": float(largest)}


def main() -> None:
    parser = arguments(__doc__ or "", rounds=1)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--pulses", type=int, default=200)
    asked = parser.parse_args()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    rows = [
        row
        for kind in WAYS
        for beside in ("", "network")
        for row in measure(kind, beside, asked.orders, asked.pulses)
    ]
    report("Actuators: ms", rows, asked.json)


if __name__ == "__main__":
    main()
