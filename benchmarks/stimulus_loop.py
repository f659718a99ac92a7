"""From an image to the edge of a stimulus box: each stage, with a stimulus several times a second.

The box is its firmware in simavr where that can be built (Debian: gcc make gcc-avr avr-libc
libsimavr-dev libelf-dev), and the simulated one otherwise. Goal: decided → acknowledged at most
2 ms p99, and received → acknowledged at most 1.2 times the bare network call and 2 ms p99.
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, report, run_recorded
from numpy.typing import NDArray

from tracker.recording import Recording
from tracker.stimuli import Action, Delivery

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from firmware.simavr_box import LiveBox, build, what_is_missing

LIMITS = (
    "{longest_pulse_ms: 600000, refractory_s: 0, duty_cycle: 1, dose_s_per_minute: 60, "
    "dose_s_per_session: 3600, dose_s_per_day: null, deadline_ms: null}"
)
LEVEL = (
    "{kind: level, feature: speed_cm_s, low: 0, high: 30, level_low: 0.1, step: 0.01, "
    "hold_ms: 150, output: light}"
)


def main() -> None:
    parser = arguments(__doc__ or "", rounds=1)
    parser.add_argument("--seconds", type=float, default=30.0)
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port, box = "simulated", "simulated"
        if what_is_missing() is None:
            live = stack.enter_context(LiveBox(build(folder / "built"), folder / "box"))
            port, box = str(live.port), "firmware in simavr"
        recording = run_recorded(
            [
                f"session.duration_s={asked.seconds}",
                "outputs.recording.codec=none",
                "rig.camera.light=null",
                f"stimulation.doses={folder / 'doses.sqlite'}",
                f"stimulation.actuators.box.port={port}",
                f"stimulation.outputs.light.limits={LIMITS}",
                f"stimulation.controllers={{follow: {LEVEL}}}",
            ],
            "closed_loop_demo",
            folder,
        )
        rows = stages(recording)
    report(f"Stimuli: ms by stage, box: {box}", rows, asked.json)


def stages(recording: Recording) -> list[dict[str, Any]]:
    given = [
        row
        for row in recording.stimuli
        if row.delivery is Delivery.DELIVERED and row.command.action is Action.LEVEL
    ]
    if not given:
        raise SystemExit(f"nothing was delivered: {recording.stimuli[:3]}")
    ways = (
        ("received", "decided"),
        ("decided", "commanded"),
        ("commanded", "acknowledged"),
        ("decided", "acknowledged"),
        ("received", "acknowledged"),
    )
    rows = [
        {
            "from": start,
            "to": end,
            "n": len(given),
            **spread(
                np.array([getattr(r, f"{end}_ns") - getattr(r, f"{start}_ns") for r in given])
            ),
        }
        for start, end in ways
    ]
    network = recording.ledger["network_ns"].drop_null().to_numpy()
    return [*rows, {"from": "network", "to": "", "n": len(network), **spread(network)}]


def spread(ns: NDArray[Any]) -> dict[str, float]:
    p50, p99, largest = np.percentile(ns / 1e6, [50, 99, 100])
    return {"p50": float(p50), "p99": float(p99), "max": float(largest)}


if __name__ == "__main__":
    main()
