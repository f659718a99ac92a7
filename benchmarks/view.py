"""The live view: how fast it draws, what it costs, and what the loop feels of it.

Drawing: one window offscreen, fed with messages of sessions of several lengths. The loop: sessions
in which a view comes, is stopped (SIGSTOP) or killed, in turns; each turn is a ratio to those
beside it without a view, so that what else the computer does cancels out.
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
    parser.add_argument("--seconds", type=float, default=10.0, help="of each turn of a session")
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
    """Latency of the loop by what a view does, against the turns without one beside it."""
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    for _ in range(rounds):
        turns = session(seconds)
        for place, (state, p50, p99) in enumerate(turns):
            beside = [each for each in turns[max(0, place - 1) : place + 2] if each[0] == NONE]
            if state != NONE and beside:
                ratios = p50 / mean(beside, 1), p99 / mean(beside, 2)
                found.setdefault(state, []).append((p50, p99, *ratios))
    return [
        {
            "table": "The loop with a view (received to published, 640x480 at 60/s, no video)",
            "view": state,
            "turns": len(runs),
            "p50 ms": round(median(runs, 0), 2),
            "p99 ms": round(median(runs, 1), 2),
            "p50 ratio": round(median(runs, 2), 2),
            "p99 ratio": round(median(runs, 3), 2),
            "p99 ratio, quartiles": quartiles([run[3] for run in runs]),
        }
        for state, runs in found.items()
    ]


def mean(turns: list[tuple[str, float, float]], column: int) -> float:
    return float(np.mean([float(turn[column]) for turn in turns]))


def median(runs: list[tuple[float, float, float, float]], column: int) -> float:
    return float(np.median([run[column] for run in runs]))


def quartiles(values: list[float]) -> str:
    low, high = np.percentile(values, (25, 75))
    return f"{low:.2f} to {high:.2f}"


NONE = "none"
TURNS = (NONE, "open", NONE, "stopped", NONE, "open", NONE, "stopped", NONE)
"""What the view does in turn: open and drawing, not there, stopped by a signal, not there, ..."""


def session(seconds: float) -> list[tuple[str, float, float]]:
    """Run a session through all turns; return each one's state, p50 and p99 (ms).

    What happens between two turns, such as the start of the view, belongs to none. A view that
    stopped was open before: what waits for it is then in the session's sockets.
    """
    changes = [
        "outputs.recording.codec=none",
        *(f"outputs.{name}.address=tcp://127.0.0.1:0" for name in ("publisher", "control")),
    ]
    clock = SystemClock()
    spans: list[tuple[str, int, int]] = []
    with tempfile.TemporaryDirectory() as out:
        run, folder = build_session(load(Path("demo"), changes), Path(out), clock)
        run.start()
        command = [sys.executable, "-m", "tracker", "view", str(run.control_address)]
        run.wait(2.0)
        for state in TURNS:
            view: subprocess.Popen[bytes] | None = None
            if state != NONE:
                view = subprocess.Popen(command, stderr=subprocess.DEVNULL)
                while run.parts.preview and not run.parts.preview.is_watched:
                    run.wait(0.2)
                run.wait(4.0)  # it fetches what was before
            if view is not None and state == "stopped":
                view.send_signal(signal.SIGSTOP)
                run.wait(1.0)
            began_ns = clock.now_ns()
            run.wait(seconds)
            spans.append((state, began_ns, clock.now_ns()))
            if view is not None:
                view.kill()
                view.wait()
                run.wait(1.0)
        run.stop()
        run.finish()
        rows = Recording(folder).ledger.to_pandas().dropna(subset=["published_ns"])
    took_ms = (rows["published_ns"] - rows["received_ns"]) / 1e6
    turns = []
    for state, first_ns, last_ns in spans:
        p50, p99 = np.percentile(took_ms[rows["received_ns"].between(first_ns, last_ns)], (50, 99))
        turns.append((state, float(p50), float(p99)))
    return turns


if __name__ == "__main__":
    main()
