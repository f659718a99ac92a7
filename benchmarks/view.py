"""The live view: how fast it draws, what it costs, and what the loop feels of it.

Drawing: one window offscreen, fed with messages of sessions of several lengths. The loop: sessions
that have no view, then one, which is then stopped (SIGSTOP) and then killed, as ratios within each.
Memory: an hour of messages at 100 frames/s replayed into what a view knows.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from common import arguments, report

from tracker.build import build_session
from tracker.clock import SystemClock
from tracker.config import load
from tracker.control.description import BehaviourFacts, Facts, Term
from tracker.gui.link import Found, Heard
from tracker.gui.rig import Picture, Rig
from tracker.messages import FrameMessage, ObservationMessage, StatusMessage
from tracker.recording import Recording

MS = 1_000_000
FPS = 100
PICTURE = (1024, 1280)
SENT = {"schema": 1, "session": "s1"}
HASHES = {"model_sha256": "", "config_sha256": ""}


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each phase of a session")
    parser.add_argument("--only", choices=("drawing", "loop", "memory"))
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    if asked.only in (None, "drawing"):
        rows += [drawing(n, minutes) for n, minutes in ((1, 5), (20, 5), (20, 60), (20, 240))]
    if asked.only in (None, "memory"):
        rows.append(memory())
    if asked.only in (None, "loop"):
        rows += loop(asked.seconds, asked.rounds)
    for what in dict.fromkeys(row["table"] for row in rows):
        chosen = [{k: v for k, v in row.items() if k != "table"} for row in rows]
        chosen = [row for row, all_ in zip(chosen, rows, strict=True) if all_["table"] == what]
        report(what, chosen, asked.json)


def facts(n_features: int) -> Facts:
    term = Term(feature="feature_0", side="above", threshold=0.5, softness=0.1)
    behaviour = BehaviourFacts(
        terms=(term,), enter=0.7, leave=0.5, min_duration_s=0.1, max_gap_s=0.1
    )
    return Facts(
        subject="m",
        fps=FPS,
        image_shape=PICTURE,
        keypoints=("a", "b", "c"),
        edges=((0, 1), (1, 2)),
        features={f"feature_{k}": "1" for k in range(n_features)},
        behaviours={"moving": behaviour},
    )


def observation(index: int, values: dict[str, float]) -> ObservationMessage:
    captured_ns = index * (1_000_000_000 // FPS)
    return ObservationMessage(
        **SENT,
        seq=index,
        sent_ns=captured_ns + 5 * MS,
        frame_index=index,
        captured_ns=captured_ns,
        received_ns=captured_ns + MS,
        started_ns=captured_ns + 2 * MS,
        observed_ns=captured_ns + 4 * MS,
        decided_ns=captured_ns + 4 * MS,
        network_ns=MS,
        xy=[[(600.0, 500.0), (620.0, 500.0), (640.0, 500.0)]],
        confidence=[[0.9, 0.8, 0.7]],
        features=values,
        scores={"moving": 0.5},
    )


def status(seq: int, index: int) -> StatusMessage:
    return StatusMessage(
        **SENT,
        **HASHES,
        seq=seq,
        sent_ns=index * (1_000_000_000 // FPS),
        anchor_utc_ns=0,
        state="running",
        fps=FPS,
        counts={"captured": index, "processed": index},
    )


class Silent:
    """A link without a rig."""

    address = "tcp://127.0.0.1:5557"
    silent_s = 0.0

    def __init__(self) -> None:
        self.inbox: deque[Any] = deque()
        self.picture: Picture | None = None
        self.overlays = False

    def take_picture(self) -> Picture | None:
        """Return the newest picture, once."""
        picture, self.picture = self.picture, None
        return picture

    def take_overlay(self) -> None:
        """No masks."""


def drawing(n_traces: int, minutes: float) -> dict[str, Any]:
    """Repaints a second, and the part of a processor that 60 of them take."""
    from tracker.gui.app import application
    from tracker.gui.rig_view import RigView
    from tracker.gui.theme import DARK

    app = application(offscreen=True)
    link = Silent()
    link.inbox.append(Found("s1", facts(n_traces), 0))
    view = RigView(link)  # type: ignore[arg-type]
    view.resize(1280, 800)
    view.dress(DARK)
    view.show()
    view.tick()
    names = list(view.rig.facts.features) if view.rig.facts else []
    random = np.random.default_rng(0)
    n = round(minutes * 60 * FPS)
    noise = random.normal(size=(997, n_traces)).tolist()
    for index in range(n):
        row = dict(zip(names, noise[index % 997], strict=True))
        view.rig.feed("observation/x", observation(index, row))
    view.rig.feed("status/x", status(0, n))
    view.traces.lanes.show_features(names)
    view.timeline.place = 3  # five minutes
    images = [random.integers(0, 255, PICTURE, np.uint8) for _ in range(4)]
    took = []
    began, cpu = time.perf_counter(), time.process_time()
    for k in range(120):
        row = dict(zip(names, noise[k], strict=True))
        link.inbox.append(Heard("observation/x", observation(n + k, row)))
        if k % 2 == 0:
            header = FrameMessage(
                **SENT,
                seq=k,
                sent_ns=0,
                frame_index=n + k,
                captured_ns=0,
                image_shape=PICTURE,
                picture_shape=PICTURE,
            )
            link.picture = Picture(header, images[k % 4])
        once = time.perf_counter()
        view.tick()
        app.processEvents()
        took.append((time.perf_counter() - once) * 1e3)
    passed, used = time.perf_counter() - began, time.process_time() - cpu
    view.close()
    view.deleteLater()
    app.processEvents()
    return {
        "table": "Drawing, 1280x1024 picture at half the rate, traces of 5 minutes",
        "traces": n_traces,
        "session min": minutes,
        "repaints/s": round(120 / passed, 1),
        "p50 ms": round(float(np.percentile(took, 50)), 2),
        "p99 ms": round(float(np.percentile(took, 99)), 2),
        "cores at 60 Hz": round(used / 120 * 60, 2),
    }


def memory() -> dict[str, Any]:
    """Memory of what a view knows, after five minutes and after an hour of messages."""
    rig = Rig("x")
    rig.begin("s1", facts(20), 0)
    names = [f"feature_{k}" for k in range(20)]
    noise = np.random.default_rng(0).normal(size=(997, 20)).tolist()
    sizes, began = [], time.perf_counter()
    for index in range(3600 * FPS):
        row = dict(zip(names, noise[index % 997], strict=True))
        rig.feed("observation/x", observation(index, row))
        if index % 50 == 0:
            rig.feed("status/x", status(index // 50, index))
        if index % (300 * FPS) == 300 * FPS - 1:
            sizes.append(resident_mb())
    passed = time.perf_counter() - began
    return {
        "table": "An hour of messages at 100 frames/s, 20 features",
        "after 5 min MB": round(sizes[0], 1),
        "after 10 min MB": round(sizes[1], 1),
        "after 1 h MB": round(sizes[-1], 1),
        "us a message": round(passed / (3600 * FPS) * 1e6, 1),
    }


def resident_mb() -> float:
    import psutil

    return float(psutil.Process().memory_info().rss) / 1e6


def loop(seconds: float, rounds: int) -> list[dict[str, Any]]:
    """Latency of the loop by what a view does, all phases within one session, several sessions."""
    found: dict[str, list[tuple[float, float]]] = {phase: [] for phase in PHASES}
    for _ in range(rounds):
        for phase, latency_ms in session(seconds).items():
            p50, p99 = np.percentile(latency_ms, (50, 99))
            found[phase].append((float(p50), float(p99)))
    rows = []
    for phase, runs in found.items():
        ratios = np.array(runs) / np.array(found["no view"])
        rows.append(
            {
                "table": "The loop with a view (received to published, 640x480 at 60/s, no video)",
                "view": phase,
                "p50 ms": round(float(np.median([run[0] for run in runs])), 2),
                "p99 ms": round(float(np.median([run[1] for run in runs])), 2),
                "p50 ratio": round(float(np.median(ratios[:, 0])), 2),
                "p99 ratio": round(float(np.median(ratios[:, 1])), 2),
            }
        )
    return rows


PHASES = ("no view", "open", "stopped", "killed")


def session(seconds: float) -> dict[str, Any]:
    """Run a session through all phases; return the latencies (ms) of the frames of each.

    What happens between two phases, such as the start of the view, belongs to none.
    """
    changes = [
        "outputs.recording.codec=none",
        *(f"outputs.{name}.address=tcp://127.0.0.1:0" for name in ("publisher", "control")),
    ]
    clock, spans = SystemClock(), {}
    with tempfile.TemporaryDirectory() as out:
        run, folder = build_session(load(Path("demo"), changes), Path(out), clock)
        run.start()
        command = [sys.executable, "-m", "tracker", "view", str(run.control_address)]
        view: subprocess.Popen[bytes] | None = None
        run.wait(2.0)
        for phase in PHASES:
            if phase == "open":
                view = subprocess.Popen(command, stderr=subprocess.DEVNULL)
                run.wait(8.0)  # it starts, and fetches what was before
            elif view is not None:
                view.send_signal(signal.SIGSTOP if phase == "stopped" else signal.SIGKILL)
                run.wait(1.0)
            began_ns = clock.now_ns()
            run.wait(seconds)
            spans[phase] = began_ns, clock.now_ns()
        run.stop()
        run.finish()
        if view is not None:
            view.wait()
        rows = Recording(folder).ledger.to_pandas().dropna(subset=["published_ns"])
    took_ms = (rows["published_ns"] - rows["received_ns"]) / 1e6
    return {
        phase: took_ms[rows["received_ns"].between(*span)].to_numpy()
        for phase, span in spans.items()
    }


if __name__ == "__main__":
    main()
