"""An order to a stimulus box: until its edge, and until the program knows of it.

In simavr (Debian: gcc make gcc-avr avr-libc libsimavr-dev libelf-dev), or simulated, or at a port:
then the line 0 of a real box goes high for 1 ms again and again. Goal: 2 ms p99 to the edge.
"""

import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter_ns, sleep
from typing import Any

import numpy as np
from common import arguments, report

from tracker.actuators.stimulus_box import StimulusBox, StimulusBoxSettings
from tracker.clock import SystemClock
from tracker.stimuli import Action, LineLimits, Order, PulseTrain

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from firmware.simavr_box import LiveBox, build, what_is_missing

PULSE = PulseTrain(1000, 1000)
PAUSE_S = 0.007
"""Between orders, so that they fall anywhere between two keep-alives."""


def main() -> None:
    parser = arguments(__doc__ or "", rounds=2000)
    parser.add_argument("--port", help="of a real box; else one in simavr, and a simulated one")
    asked = parser.parse_args()
    rows = []
    with ExitStack() as stack:
        for name, port in ports(stack, asked.port):
            rows += measure(name, port, asked.rounds)
    report("Stimulus box: ms from the order on", rows, asked.json)


def ports(stack: ExitStack, port: str | None) -> Iterator[tuple[str, str]]:
    if port is not None:
        yield port, port
        return
    yield "simulated", "simulated"
    if what_is_missing() is None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        yield "in simavr", str(stack.enter_context(LiveBox(build(folder), folder / "box")).port)


def measure(name: str, port: str, n: int) -> list[dict[str, Any]]:
    clock = SystemClock()
    box = StimulusBox(StimulusBoxSettings(port=port), {"0": LineLimits(100_000, 0)}, clock)
    began = perf_counter_ns()
    box.open()
    opened_ns = perf_counter_ns() - began
    edges, answers, off, fits = [], [], [], []
    with tended(box):
        for each in range(n + 20):
            sleep(PAUSE_S)
            asked_ns = clock.now_ns()
            receipt = box.apply(Order("0", Action.TRAIN, PULSE, f"benchmark/{each}"))
            if each >= 20:
                answers.append(clock.now_ns() - asked_ns)
                edges.append(receipt.acknowledged_ns - asked_ns)
                off.append(receipt.uncertainty_ns)
                fits.append(box.clock_fit.residual_ns)
    counts = {what: count for what, count in box.counts.items() if count}
    box.close()
    print(f"{name}: opened with its self-test in {opened_ns / 1e6:.0f} ms; {counts or 'no losses'}")
    figures = {"edge": edges, "answer": answers, "uncertainty": off, "residual of clock": fits}
    return [{"box": name, "what": what, "n": n, **spread(ns)} for what, ns in figures.items()]


def spread(ns: list[float]) -> dict[str, float]:
    p50, p99, largest = np.percentile(np.array(ns) / 1e6, [50, 99, 100])
    return {"p50": float(p50), "p99": float(p99), "max": float(largest)}


@contextmanager
def tended(box: StimulusBox) -> Iterator[None]:
    over = threading.Event()

    def tend() -> None:
        while not over.is_set():
            box.tend(alive=True)

    thread = threading.Thread(target=tend)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    main()
