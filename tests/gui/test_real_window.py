"""A real window on a screen that nobody sees, driven by keys and mouse; a session behind it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from tracker.control.remote import Remote
from tracker.errors import TrackerError
from tracker.gui.arena_file import read_arena
from tracker.recording import Recording

pytest.importorskip("PySide6.QtWidgets", reason="Qt cannot be loaded", exc_type=ImportError)

TOOLS = ("Xvfb", "xdotool")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
PATIENCE_S = 120.0

pytestmark = [
    pytest.mark.alone,
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} missing"),
]


def until(condition, what):
    """Wait until something is so; return it."""
    tick, end_s = threading.Event(), time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        found = condition()
        if found:
            return found
        tick.wait(0.05)
    pytest.fail(f"it never happened: {what}")
    return None


@pytest.fixture
def screen():
    """A screen of its own; gives the environment of programs that are to be shown on it."""
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-nolisten", "tcp"],
        pass_fds=(write,),
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as pipe:
        number = pipe.readline().strip()
    yield os.environ | {"DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb"}
    server.terminate()
    server.wait(10)


@pytest.fixture
def run(control, tmp_path):
    """Gives what starts sessions, and kills those that are left."""
    made = []

    def start(name):
        made.append(Session(tmp_path / name, control))
        return made[-1]

    yield start
    for each in made:
        each.close()


class Session:
    """`tracker run closed_loop_demo` in a process of its own, small and without a video."""

    def __init__(self, out, control):
        settings = {
            "rig.camera.width": 320,
            "rig.camera.height": 240,
            "rig.camera.fps": 30,
            "rig.arena.zones": "{}",
            "stimulation.armed": "false",
            "stimulation.stall_ms": 10_000,
            "stimulation.actuators.box": "{kind: nothing}",
            "outputs.recording.codec": "none",
            "outputs.publisher.address": "tcp://127.0.0.1:0",
            "outputs.control.address": control,
        }
        changes = [f"--set={name}={value}" for name, value in settings.items()]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tracker", "run", "closed_loop_demo", "--json", "--headless",
             "--out", str(out), "--seconds", "300", *changes],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._out = out

    def close(self):
        """Be sure that it is gone."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(20)

    def folder(self):
        """Where it writes; None: nowhere yet."""
        return next(self._out.glob("*/"), None)

    def is_closed(self):
        """Whether its folder is finished; the report is made after that, and not waited for."""
        about = json.loads((self.folder() / "session.json").read_text(encoding="utf-8"))
        return about["state"] == "closed"


class Hand:
    """Somebody at keyboard and mouse."""

    def __init__(self, env):
        self._env = env

    def do(self, *arguments):
        subprocess.run(["xdotool", *map(str, arguments)], env=self._env, check=True, timeout=30)

    def window(self):
        found = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--name", "^tracker view$"],
            env=self._env, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        return found.stdout.split()

    def key(self, *names):
        self.do("key", "--clearmodifiers", *names)

    def take(self):
        """Wait for the window, and give it the keyboard."""
        (window,) = until(self.window, "a window")
        self.do("windowfocus", window)


@pytest.fixture
def control(tmp_path):
    return f"ipc://{tmp_path}/control"


@pytest.fixture
def drawing(tmp_path):
    """An experiment file that zones are drawn into."""
    file = tmp_path / "mine.yaml"
    file.write_text("rig:\n  arena:\n    px_per_cm: 10.0\n    zones: {}\n", encoding="utf-8")
    return file


@pytest.fixture
def view(screen, control, drawing, tmp_path):
    """The program; its window opens by and by."""
    env = screen | {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tracker",
            "view",
            control,
            "--size",
            "1280x800",
            "--by",
            "Ada",
            "--setup",
            str(drawing),
        ],
        env=env,
        stderr=subprocess.DEVNULL,
    )
    hand = Hand(env)
    yield hand
    process.send_signal(signal.SIGTERM)
    process.wait(20)


def test_a_person_runs_an_experiment_from_the_window(view, run, control, drawing, tmp_path):
    session = run("first")
    with Remote(control, timeout_s=2.0) as remote:

        def status():
            try:
                return remote.status().status
            except TrackerError:
                return None

        view.take()
        until(lambda: (status() or None) and status().counts.get("processed", 0) > 10, "frames")

        def armed_by():
            return status() and status().armed_by

        def arms():
            view.key("a", "Return")
            return armed_by()

        assert "Ada" in until(arms, "arming, once the view has found the session")
        view.key("space")
        view.key("n")
        view.do("type", "the door")
        view.key("Return")
        view.key("d")
        until(lambda: not armed_by(), "disarming")

        def threshold():
            return remote.describe()[1].behaviours["locomotion"].terms[0].threshold

        def drags():
            """Take the line of a threshold wherever it is, pull it up, and apply it."""
            for y in range(636, 676, 3):
                drag = ("mousemove", 700, y, "mousedown", 1, "mousemove", 700, y - 3)
                view.do(*drag, "mousemove", 700, y - 8, "mouseup", 1, "key", "Return")
            return threshold() != 5.0

        until(drags, "a threshold that was dragged")
        view.key("z")
        view.do("type", "nest")
        view.key("Return")
        view.do("mousemove", 220, 260, "mousedown", 1, "mousemove", 300, 300)
        view.do("mousemove", 340, 330, "mouseup", 1)
        until(lambda: "nest" in read_arena(drawing).zones, "a zone that was drawn")
        view.key("q", "Return")
    until(session.is_closed, "the end of the first session")
    recording = Recording(session.folder())
    assert recording.session["end_reason"] == "stopped"
    log = [(line.level, line.message) for line in recording.log]
    assert ("mark", "mark") in log
    assert ("mark", "the door") in log
    assert any(level == "change" for level, _ in log)
    assert any("disarmed: " in text and "in the live view" in text for _, text in log)
    _another_is_found(view, run, tmp_path)


def _another_is_found(view, run, tmp_path):
    """The tracker is gone; when one comes back, the same window works with it."""
    run("second")

    def marks():
        view.key("space")
        logs = list((tmp_path / "second").glob("*/log.jsonl"))
        return logs and '"level":"mark"' in logs[0].read_text(encoding="utf-8")

    until(marks, "a mark in the second session")
