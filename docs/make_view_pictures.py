"""Makes the pictures of the live view in README.md and docs/view.md.

    python docs/make_view_pictures.py [NAME ...]

Each is made by `tracker view --screenshot` of a session that is started for it with `tracker run`;
the commands are printed. No display is needed. On a computer that is busy with other things a
picture may say so; sessions of a superuser go first (`nice`).
"""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

IMAGES = Path(__file__).parent / "images"
ADDRESS = "tcp://127.0.0.1:6557"
SECOND = "tcp://127.0.0.1:6558"

CALM = (
    "rig.camera.fps=20",
    "outputs.recording.codec=none",
    "outputs.publisher.address=tcp://127.0.0.1:0",
    "stimulation.stall_ms=10000",
    "stimulation.outputs.light.limits.deadline_ms=1000",
    "stimulation.actuators.box={kind: nothing}",
)
"""No video, and a loop that bears a busy computer: what else runs there is not the subject."""

BLINDED = "stimulation.controllers.wake.allocation={arms: {real: 1, sham: 1}, blinded: true}"


def main() -> None:
    chosen = sys.argv[1:] or list(PICTURES)
    for name in chosen:
        PICTURES[name](IMAGES / f"{name}.png")


def busy(path: Path) -> None:
    """The closed-loop demo after a minute: the picture of the README."""
    with Session("closed_loop_demo", "m12", ADDRESS, CALM):
        tracker("mark", "water bottle filled", "--address", ADDRESS)
        view(path, 62, ADDRESS)


def light(path: Path) -> None:
    """The same, light, with hidden arms."""
    with Session("closed_loop_demo", "m12", ADDRESS, (*CALM, BLINDED)):
        view(path, 40, ADDRESS, "--theme", "light")


def masks(path: Path) -> None:
    """Two animals told apart, their names."""
    with Session("two_mice", "pair", ADDRESS, CALM[:3]):
        view(path, 15, ADDRESS)


def lost(path: Path) -> None:
    """A session that was killed ten seconds ago."""
    with Session("closed_loop_demo", "m12", ADDRESS, CALM) as session:
        looking = view_at_once(path, 25, ADDRESS)
        time.sleep(18)
        session.kill()
        looking.wait()


def wall(path: Path) -> None:
    """Two rigs, and one that is not there."""
    first = Session("mouse_without_network", "m12", ADDRESS, CALM[:3])
    second = Session("two_mice", "pair", SECOND, CALM[:3])
    with first, second:
        view(path, 8, ADDRESS, SECOND, "tcp://127.0.0.1:6559")


PICTURES = {
    "view": busy,
    "view_light": light,
    "view_two_mice": masks,
    "view_lost": lost,
    "view_wall": wall,
}


class Session:
    """`tracker run` in a process of its own, its folder thrown away."""

    def __init__(self, config: str, subject: str, control: str, changes: tuple[str, ...]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._control = control
        changes = (*changes, f"outputs.control.address={control}")
        sets = [part for change in changes for part in ("--set", change)]
        self._command = ["run", config, "--subject", subject, *sets, "--seconds", "120"]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Session":
        command = _command(*self._command, "--headless", "--no-view", "--out", self._folder.name)
        first = ["nice", "-n", "-20"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        self._process = subprocess.Popen([*first, *command], stdout=subprocess.DEVNULL)
        tracker("status", "--json", "--address", self._control)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
        self._folder.cleanup()

    def kill(self) -> None:
        """End it without any goodbye."""
        if self._process is not None:
            self._process.kill()


def view(path: Path, after_s: float, *more: str) -> None:
    """Take a picture, some time after a session was found."""
    view_at_once(path, after_s, *more).wait()


def view_at_once(path: Path, after_s: float, *more: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        _command("view", *more, "--screenshot", str(path), "--after", f"{after_s:g}")
    )


def tracker(*arguments: str) -> None:
    """Run a command until it works: the session may still be starting."""
    command = _command(*arguments)
    quiet = subprocess.DEVNULL
    while subprocess.run(command, stdout=quiet, stderr=quiet, check=False).returncode:
        time.sleep(0.5)


def _command(*arguments: str) -> list[str]:
    print("tracker", shlex.join(arguments))
    return [sys.executable, "-m", "tracker", *arguments]


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    main()
