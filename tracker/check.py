"""Would this experiment work now? Runs it for a few seconds and judges what it left behind."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tracker.arena import Arena, ArenaSettings
from tracker.build_rig import build_any
from tracker.clock import Clock
from tracker.config import Experiment
from tracker.recording import Recording
from tracker.registration.lines import ViewState
from tracker.summary import summarise

SPARE = 0.8
"""Part of the frame period that the loop may need before a check warns."""

RATE_TOLERANCE = 0.05
"""How far the camera's true rate may be off what it says of itself."""

ENOUGH_HOURS = 4.0
"""Disk time left below which a check warns."""


class Verdict(StrEnum):
    """How one point of the check came out."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One point of the check.

    Attributes:
        what: What was looked at, e.g. "camera".
        verdict: How it came out.
        text: What was found, with figures, and what to do about it.
    """

    what: str
    verdict: Verdict
    text: str


def check(experiment: Experiment, out: Path, seconds: float, clock: Clock) -> list[Finding]:
    """Run the experiment for some seconds in a folder that is deleted again.

    Args:
        experiment: What to try.
        out: Where session folders will be made: the trial is recorded on the same disk.
        seconds: Length of the trial, captured time.
        clock: The session clock.

    Raises:
        TrackerError: If something cannot even be started; it says what.
    """
    limited = experiment.session.model_copy(update={"duration_s": seconds})
    stimulation = experiment.stimulation
    if (
        stimulation is not None
    ):  # a trial opens the outputs, with their self-tests, and arms nothing
        stimulation = stimulation.model_copy(update={"armed": False})
    trial = experiment.model_copy(update={"session": limited, "stimulation": stimulation})
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="check_", dir=out) as place:
        session, folder = build_any(trial, Path(place), clock)
        session.run()
        found = list(_judge(Recording(folder), experiment, free_bytes=shutil.disk_usage(out).free))
        for name in experiment.rig.more_cameras:
            found += _judge_further(name, Recording(folder.parent / name))
        return found


def _judge(recording: Recording, experiment: Experiment, *, free_bytes: int) -> Iterator[Finding]:
    summary = summarise(recording)
    camera, frames = recording.session["camera"], summary["frames"]
    yield _judge_camera(recording)
    yield from _judge_clocks(recording.session)
    yield Finding(
        "network",
        Verdict.GOOD,
        f"{experiment.seen_by} on {summary['provider']}: "
        f"{summary['network_ms']['p50']:.1f} ms a frame, {summary['network_ms']['p99']:.1f} p99",
    )
    yield _judge_loop(summary["latency_ms"]["p50"], camera["fps"] if camera["live"] else None)
    losses = ", ".join(f"{n} {cause.replace('_', ' ')}" for cause, n in frames["lost"].items())
    yield Finding(
        "frames",
        Verdict.BAD if frames["unexplained"] else Verdict.DOUBTFUL if losses else Verdict.GOOD,
        f"{frames['captured']} captured, {frames['processed']} processed, "
        f"{frames['unexplained']} unexplained" + (f"; {losses}" if losses else ""),
    )
    yield _judge_disk(recording, free_bytes)
    yield from _judge_arena(experiment.rig.arena)
    yield from _judge_view(recording)
    actuators = recording.session["provenance"].get("stimulation", {}).get("actuators", {})
    for name, facts in actuators.items():
        yield _judge_actuator(name, facts)
    publisher = experiment.outputs.publisher
    where = "nothing is published" if publisher is None else f"{publisher.address} was free"
    yield Finding("wire", Verdict.GOOD, where)


def _judge_further(name: str, recording: Recording) -> Iterator[Finding]:
    """A further camera: what it is, how its clock runs, and what became of its frames."""
    totals = recording.totals()
    losses = ", ".join(f"{n} {cause.replace('_', ' ')}" for cause, n in totals["lost"].items())
    about = f"{totals['captured']} frames" + (f"; {losses}" if losses else "")
    first = _judge_camera(recording)
    verdict = Verdict.DOUBTFUL if losses and first.verdict is Verdict.GOOD else first.verdict
    yield Finding(f"camera {name}", verdict, f"{first.text}, {about}")
    for each in _judge_clocks(recording.session):
        yield Finding(f"{each.what} {name}", each.verdict, each.text)


def _judge_clocks(session: Mapping[str, Any]) -> Iterator[Finding]:
    """How the clocks of the camera and of other systems stand to the session's, and their sets."""
    own = session.get("camera_clock")
    if own is not None:
        late = f"half of its frames came {own['late_p50_ns'] / 1e6:.2f} ms late or less"
        steps = f", stepped {own['n_steps']} times" if own["n_steps"] else ""
        is_long = own["residual_ns"] is not None
        drift = f"{own['drift_ppm']:+.0f} ppm" if is_long else "drift not known in so short a time"
        worst_ms = own["late_max_ns"] / 1e6
        text = f"{drift}{steps}; {late}, the worst {worst_ms:.1f}"
        yield Finding("clock", Verdict.DOUBTFUL if own["n_steps"] else Verdict.GOOD, text)
    for name, other in session.get("clocks", {}).items():
        known = f"known to {other['uncertainty_ns'] / 1e3:.0f} us, {other['drift_ppm']:+.1f} ppm"
        lost = f", lost {other['n_losses']} times" if other["n_losses"] else ""
        yield Finding(f"clock {name}", Verdict.DOUBTFUL if lost else Verdict.GOOD, known + lost)
    sets = session.get("sets")
    if sets is not None:
        text = (
            f"{sets['complete']} complete, {sets['incomplete']} incomplete (also before all "
            f"cameras ran), {sets['resets']} resets"
        )
        bad = not sets["complete"]
        worst = Verdict.DOUBTFUL if sets["resets"] else Verdict.GOOD
        yield Finding("sets", Verdict.BAD if bad else worst, text)


def _judge_arena(settings: ArenaSettings) -> Iterator[Finding]:
    """How well the points of a plane fit, and how well the lens was known."""
    residuals = Arena(settings).residuals_cm
    if residuals:
        plane = settings.plane
        exact = len(residuals) == 4 and plane is not None and plane.model == "homography"
        text = f"{len(residuals)} points fit within {max(residuals):.2f} cm" + (
            ": four always do, take more to see a mistake" if exact else ""
        )
        yield Finding("plane", Verdict.DOUBTFUL if exact else Verdict.GOOD, text)
    if settings.lens is not None:
        text = f"reprojection error {settings.lens.reprojection_error_px:.2f} px"
        yield Finding("lens", Verdict.GOOD, text)


def _judge_view(recording: Recording) -> Iterator[Finding]:
    """Where the camera looked at last, if that is watched."""
    if not recording.views:
        return
    last = recording.views[-1]
    if last.largest_px is None:
        yield Finding("view", Verdict.DOUBTFUL, f"it cannot be said where it looks: {last.why}")
        return
    text = (
        f"the corner that moved most is {last.largest_px:.1f} px from the reference view, known to "
        f"{last.uncertainty_px or 0:.2f} px"
    )
    is_still = last.state is ViewState.STILL
    yield Finding("view", Verdict.GOOD if is_still else Verdict.DOUBTFUL, text)


def _judge_actuator(name: str, facts: Mapping[str, Any]) -> Finding:
    dead_man_s = facts["dead_man_s"]
    if dead_man_s is None:
        text = f"{facts['name']} opened, but it stays on if this program dies: see its wiring"
        return Finding(f"output {name}", Verdict.DOUBTFUL, text)
    text = (
        f"{facts['name']} opened; without this program it is low after {dead_man_s * 1000:.0f} ms"
    )
    return Finding(f"output {name}", Verdict.GOOD, text)


def _judge_camera(recording: Recording) -> Finding:
    camera = recording.session["camera"]
    shape = "x".join(str(n) for n in reversed(camera["shape"][:2]))
    times = recording.ledger["captured_ns"].drop_null().to_numpy()
    if len(times) < 2:
        return Finding("camera", Verdict.BAD, f"{camera['name']} gave {len(times)} frames")
    fps = (len(times) - 1) * 1e9 / (times[-1] - times[0])
    said = camera["fps"]
    text = f"{camera['name']}, {shape}, {fps:.1f} frames/s"
    if said is not None and abs(fps - said) > RATE_TOLERANCE * said:
        return Finding("camera", Verdict.DOUBTFUL, f"{text}, though it says {said:.1f}")
    return Finding("camera", Verdict.GOOD, text)


def _judge_loop(latency_ms: float, fps: float | None) -> Finding:
    holds = f"the loop takes {latency_ms:.1f} ms a frame: up to {1e3 / latency_ms:.0f} frames/s"
    if fps is None:
        return Finding("loop", Verdict.GOOD, f"{holds}; this source waits for it")
    if latency_ms > 1e3 / fps:
        advice = "newer frames will supersede others: lower rig.camera.fps or take a faster network"
        return Finding("loop", Verdict.DOUBTFUL, f"{holds}, the camera gives {fps:.0f}; {advice}")
    if latency_ms > SPARE * 1e3 / fps:
        return Finding(
            "loop", Verdict.DOUBTFUL, f"{holds}, hardly more than the camera's {fps:.0f}"
        )
    return Finding("loop", Verdict.GOOD, f"{holds}, the camera gives {fps:.0f}")


def _judge_disk(recording: Recording, free_bytes: int) -> Finding:
    used = sum(file.stat().st_size for file in recording.folder.iterdir())
    times = recording.ledger["captured_ns"].drop_null().to_numpy()
    seconds = max(float(times[-1] - times[0]) / 1e9, 1e-3) if len(times) else 1e-3
    hours = free_bytes / (used / seconds) / 3600
    text = f"{used / seconds * 60 / 1e6:.0f} MB a minute, {free_bytes / 1e9:.0f} GB free: "
    verdict = Verdict.GOOD if hours >= ENOUGH_HOURS else Verdict.DOUBTFUL
    return Finding("disk", verdict, f"{text}{hours:.0f} hours")
