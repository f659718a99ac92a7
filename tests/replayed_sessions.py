"""Sessions out of a script, written frame by frame as a session writes them, without threads."""

import json

import numpy as np
from session_folders import cut, session_of

from tracker.build import build_pipeline
from tracker.build_loop import Bench
from tracker.changes import LEVEL, carry_out
from tracker.config import Experiment
from tracker.provenance import provenance
from tracker.recorder import Recorder
from tracker.recording import Recording
from tracker.session_folder.tables import TableWriter, read_table
from tracker.session_folder.video_encoder import Codec, Encoder, choose_encoder
from tracker.session_folder.video_writer import VideoWriter
from tracker.testing.manual_clock import ManualClock
from tracker.types import CameraInfo, Fate, Frame, LedgerRow, Observation, Skeleton

MS = 1_000_000  # ns
SHAPE = (24, 32)
SKELETON = Skeleton(("nose", "tail_base"), ((0, 1),))
LIMITS = {
    "longest_pulse_ms": 100,
    "refractory_s": 0.05,
    "duty_cycle": 0.9,
    "dose_s_per_minute": 50,
    "dose_s_per_session": 1000,
    "dose_s_per_day": 1000,
    "deadline_ms": 100,
}
FREEZING = {
    "rule": {
        "kind": "threshold",
        "feature": "fastest_keypoint_cm_s",
        "below": 1.6,
        "softness": 0.8,
    },
    "episode": {"enter": 0.7, "leave": 0.5, "min_duration_s": 0.1, "max_gap_s": 0.1},
}
RUNNING = {
    "rule": {"kind": "threshold", "feature": "speed_cm_s", "above": 5, "softness": 1.5},
    "episode": {"enter": 0.7, "leave": 0.5, "min_duration_s": 0.05, "max_gap_s": 0.05},
}
TRAIN = {"width_ms": 5, "frequency_hz": 20, "duration_ms": 100}
WAKE = {"kind": "pulse", "behaviour": "freezing", "output": "light", "train": TRAIN}
SHAM = {"arms": {"real": 1, "sham": 1}, "block": 4, "blinded": False}


def experiment_with(tmp_path, *, controllers=None, lamps=None, behaviours=None, **more):
    """An experiment with two behaviours and, with controllers, a light that does nothing."""
    stimulation = None
    if controllers is not None:
        stimulation = {
            "armed": True,
            "doses": str(tmp_path / "doses.sqlite"),
            "actuators": {"box": {"kind": "nothing"}},
            "outputs": {"light": {"actuator": "box", "limits": LIMITS}},
            "controllers": controllers,
        }
    zones = {"left": {"kind": "rectangle", "x_px": 0, "y_px": 0, "width_px": 60, "height_px": 99}}
    return Experiment.model_validate(
        {
            "rig": {
                "camera": {"kind": "synthetic"},
                "arena": {"px_per_cm": 10, "zones": zones},
                "lamps": lamps or {},
            },
            "features": {"window_s": 0.1},
            "behaviours": behaviours or {"freezing": FREEZING, "running": RUNNING},
            "stimulation": stimulation,
            "outputs": {"recording": {"min_free_mb": 0, "codec": "none", **more}},
        }
    )


class ScriptedObserver:
    """Sees what a script says: index -> what of an observation is not as usual."""

    skeleton = SKELETON

    def __init__(self, script):
        self._script = script
        self.facts = {"observer": "script", "sha256": None, "provider": "none"}

    def warm_up(self, shape):
        pass

    def observe(self, frame):
        seen = {"xy": at(0, 0)} | self._script(frame.index)
        xy = np.asarray(seen.pop("xy"), np.float32).reshape(-1, 2, 2)
        confidence = np.where(np.isnan(xy).any(axis=2), 0, 0.9).astype(np.float32)
        return Observation(frame.index, frame.captured_ns, xy, confidence, **seen)


def at(x, y):
    """One animal, its nose here and its tail base 10 px below."""
    return [[[x, y], [x, y + 10]]]


def stop_and_go(period=60, speed_px=3.0):
    """An animal that runs for half of each period of frames, and stands still for the other."""

    def script(index):
        whole, rest = divmod(index, period)
        steps = whole * (period // 2) + min(rest, period // 2)
        return {"xy": at(steps * speed_px, 50)}

    return script


def record(
    folder,
    experiment,
    n_frames,
    script=None,
    *,
    fates=None,
    times_ns=None,
    end_reason="completed",
    by_hand_at=(),
    yoke=None,
    changes=None,
    observer=None,
    images=None,
):
    """Write a session of this experiment, one frame every 10 ms.

    Args:
        folder: It is not there yet.
        experiment: What is decided, and by whom.
        n_frames: That the camera counts.
        script: What is seen, by index.
        fates: What became of a frame, by index; left out: processed.
        times_ns: Capture times; None: every 10 ms.
        end_reason: Why it ended; None: it was cut off, and nothing was closed.
        by_hand_at: Frames before which a person asks for a stimulus.
        yoke: Called with the bench and each frame's index before it is processed.
        changes: Thresholds that a person moves, by the frame before which it happens.
        observer: What sees the animal, in place of the script.
        images: What the camera gives, by index; they go into the video, also of frames that were
            not processed. None: there is no video.
    """
    clock, fates = ManualClock(), fates or {}
    observer = observer or ScriptedObserver(script or stop_and_go())
    pipeline = build_pipeline(experiment, clock, observer)
    stimulation, loop, controllers = experiment.stimulation, None, []
    if stimulation is not None:
        bench = Bench(experiment, stimulation, clock)
        controllers = bench.controllers(pipeline.rules, pipeline.feature_names)
        loop = bench.loop(controllers, lambda _edge: None, lambda _why: None)
        loop.open()
        loop.interlocks.arm("a test")
    recorder = Recorder(
        folder,
        experiment.outputs.recording,
        session_id="s1",
        camera=CameraInfo("script", images(0).shape if images else SHAPE, 100.0, live=True),
        skeleton=observer.skeleton,
        features=pipeline.feature_names,
        behaviours=pipeline.behaviours,
        experiment_yaml=experiment.as_yaml(),
        provenance=provenance(experiment, observer.facts)
        | ({"stimulation": loop.facts} if loop else {}),
        clock=clock,
        blinded=loop.blinded if loop else None,
        sealed={each.name: dict(each.sealed) for each in controllers if each.sealed},
    )
    recorder.open()
    for index in range(n_frames):
        fate = fates.get(index, Fate.PROCESSED)
        captured_ns = index * 10 * MS if times_ns is None else times_ns[index]
        clock.wait_until(captured_ns + MS, 1e9)
        if index in by_hand_at:
            loop.request("light", stimulation.controllers["wake"].train.pulse_train, "Ada")
        if yoke is not None:
            yoke(bench, index)
        image = images(index) if images else np.zeros(SHAPE, np.uint8)
        frame = Frame(index, captured_ns, captured_ns + MS, image)
        place = recorder.write_frame(frame) if images else None
        if fate is Fate.PROCESSED:
            _change((changes or {}).get(index), pipeline, recorder, index)
            result = pipeline.step(frame)
            for row in loop.step(result) if loop else ():
                recorder.write_stimulus(row)
            recorder.write_result(result)
        recorder.write_ledger([_ledger_row(index, captured_ns, fate, place)])
        recorder.tick()
    if loop:
        loop.close()
        loop.interlocks.close()
    if end_reason is not None:
        recorder.write_events(pipeline.finish())
    recorder.close(end_reason or "", {})
    if end_reason is None:
        leave_open(folder)
    return folder


def _change(change, pipeline, recorder, index):
    if change is not None:
        made = carry_out(change, pipeline, index)
        recorder.log(LEVEL, made.text, **made.facts)


def film_again(folder, change):
    """Write the video anew; `change` gives what is stored of each frame, None: nothing."""
    frames = list(Recording(folder).frames())
    (folder / "video.mkv").unlink()
    shape = frames[0].image.shape
    encoder = choose_encoder(Codec.FFV1, Encoder.CPU, shape, crf=0)
    video = VideoWriter(folder / "video.mkv", shape, encoder=encoder, threads=1, tags={})
    for each in frames:
        pixels = change(each.index, each.image.copy())
        if pixels is not None:
            video.write(Frame(each.index, each.captured_ns, each.received_ns, pixels))
    video.close()


def rewrite_table(path, change):
    """Write a table anew; `change` gets its rows, as dictionaries, and gives those to write."""
    table, _ = read_table(path)
    path.unlink()
    writer = TableWriter(path, table.schema, {})
    for each in change(table.to_pylist()):
        writer.append(list(each.values()))
    writer.close()


def leave_open(folder):
    """Make a closed folder one of a program that has died."""
    session = session_of(folder)
    for name in ("end_reason", "closed_ns", "video_frames", "totals", "recording_errors"):
        del session[name]
    text = json.dumps(session | {"state": "running"})
    (folder / "session.json").write_text(text, encoding="utf-8")
    for name in ("frames.arrow", "observations.arrow"):
        cut(folder / name, 8)  # the mark of a finished stream


def _ledger_row(index, captured_ns, fate, place):
    recording = Fate.NOT_WANTED if place is None else Fate.RECORDED
    if fate is Fate.PROCESSED:
        stages = [captured_ns + MS] * 4
        return LedgerRow(index, captured_ns, *stages, None, 0, fate, recording, place)
    nothing = [None] * 5
    return LedgerRow(index, captured_ns, captured_ns + MS, *nothing, fate, recording, place)
