"""A whole session that stimulates with a stimulus box at a serial port.

python -m integration.loop_host FOLDER PORT     arms, asks for a pulse, says "on", and runs on
                                                until a line comes in
"""

import sys
import threading
from pathlib import Path

from rigs import SKELETON, at, make_pipeline

from tracker.actuators.stimulus_box import StimulusBox, StimulusBoxSettings
from tracker.cameras.synthetic import SyntheticCamera, SyntheticCameraSettings
from tracker.clock import SystemClock
from tracker.closed_loop import ClosedLoop, Output
from tracker.dose_store import DoseStore
from tracker.errors import DeviceLost, ModelError
from tracker.interlocks import Interlocks
from tracker.ledger import Ledger
from tracker.limits import Limits
from tracker.recorder import Recorder
from tracker.session import Session
from tracker.session_folder.settings import RecorderSettings
from tracker.session_folder.video_encoder import Codec
from tracker.session_parts import Parts, SessionSettings
from tracker.stimuli import PulseTrain

LIMITS = Limits(
    longest_pulse_ms=20_000,
    refractory_s=0,
    duty_cycle=1,
    dose_s_per_minute=60,
    dose_s_per_session=10_000,
    dose_s_per_day=None,
    deadline_ms=None,
)


class Unpluggable(SyntheticCamera):
    """A camera that is there until it is unplugged."""

    def __init__(self, clock):
        super().__init__(SyntheticCameraSettings(width=64, height=48, fps=50), clock)
        self.unplugged = threading.Event()

    def read(self, timeout_s):
        if self.unplugged.is_set():
            raise DeviceLost("the camera was unplugged")
        return super().read(timeout_s)


class LoopRig:
    """A session of a small synthetic camera, an observer by script, and a box with one output.

    Attributes:
        model_fails: Set it, and the network fails.
    """

    def __init__(self, folder, port, *, stall_s=10.0, make_recorder=Recorder, codec=Codec.NONE):
        self.folder = folder
        clock = SystemClock()
        self.clock = clock
        self.camera = Unpluggable(clock)
        self.model_fails = threading.Event()
        pipeline = make_pipeline(self._see, clock)
        self.ledger = Ledger(video=codec is not Codec.NONE, publishing=False)
        doses = DoseStore(folder.parent / f"{folder.name}_doses.sqlite")

        def recorder(info):
            return make_recorder(
                folder,
                RecorderSettings(codec=codec, min_free_mb=0),
                session_id="s1",
                camera=info,
                skeleton=SKELETON,
                features=pipeline.feature_names,
                behaviours=pipeline.behaviours,
                experiment_yaml="{}\n",
                provenance={"model": {"provider": "none"}},
                clock=clock,
                blinded=frozenset(),
            )

        def loop(on_edge, on_fault):
            lines = {"0": LIMITS.for_device(levels=False)}
            return ClosedLoop(
                (),
                {"light": Output("box", "0")},
                {"box": StimulusBox(StimulusBoxSettings(port=str(port)), lines, clock)},
                Interlocks(
                    {"light": LIMITS}, doses, subject="m", anchor_utc_ns=clock.anchor_utc_ns
                ),
                clock,
                stall_s=stall_s,
                on_edge=on_edge,
                on_fault=on_fault,
            )

        parts = Parts(
            camera=self.camera,
            pipeline=pipeline,
            recorder=recorder,
            publisher=None,
            ledger=self.ledger,
            clock=clock,
            video=codec is not Codec.NONE,
            drop_frames=True,
            loop=loop,
        )
        self.session = Session(parts, SessionSettings())

    def arm(self):
        self.session.loop.arm("a person").result(timeout=5)

    def pulse(self, ms):
        """Ask for one; return what became of it."""
        train = PulseTrain(ms * 1000, ms * 1000)
        return self.session.loop.request("light", train, "a person").result(timeout=5)

    def _see(self, _index):
        if self.model_fails.is_set():
            raise ModelError("the GPU fell off the bus")
        return at(5.0)


def main(folder, port):
    rig = LoopRig(Path(folder), port, stall_s=0.5)
    rig.session.start()
    rig.arm()
    row = rig.pulse(10_000)
    print("on" if row.delivery == "delivered" else row.reason, flush=True)
    sys.stdin.readline()
    rig.session.stop()
    rig.session.finish()
    print(rig.session.end_reason, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
