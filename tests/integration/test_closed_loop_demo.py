"""The closed loop as its user runs it: the demo, a person who asks, a process of its own."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import datetime

import numpy as np
import pytest
from integration.tcp_link import TcpLink

from tracker.recording import Recording
from tracker.stimuli import Arm, Delivery

pytestmark = pytest.mark.slow

SOON = "stimulation.controllers.wake.behaviour=locomotion"
"""The mouse walks within the first second, and freezes only after five."""

PATIENT = (
    "stimulation.stall_ms=10000",
    "stimulation.outputs.light.limits.deadline_ms=5000",
    "stimulation.actuators.box.dead_man_ms=250",
)
"""A machine that is busy with other things is not what is tested here."""


def free_addresses(n):
    sockets = [socket.socket() for _ in range(n)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    addresses = [f"tcp://127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return addresses


def start(*arguments, tmp_path, environment=None):
    doses = {"XDG_DATA_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    return subprocess.Popen(
        [sys.executable, "-m", "tracker", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | doses | (environment or {}),
    )


def run(*arguments, tmp_path, timeout_s=60):
    process = start(*arguments, tmp_path=tmp_path)
    out, err = process.communicate(timeout=timeout_s)
    return process.returncode, out, err


@pytest.fixture
def places(tmp_path):
    """Settings that keep a run away from every other one."""
    publisher, control, own = free_addresses(3)
    changes = (
        f"outputs.publisher.address={publisher}",
        f"outputs.control.address={control}",
    )
    changed = [part for change in changes for part in ("--set", change)]
    patience = [part for change in PATIENT for part in ("--set", change)]
    return {
        "patience": patience,
        "set": changed,
        "publisher": publisher,
        "control": control,
        "own": own,
    }


@pytest.fixture
def session(places, tmp_path):
    """A session of the demo that waits to be armed, until it is stopped."""
    about = (
        "--out",
        str(tmp_path / "s"),
        "--headless",
        "--json",
        "--set",
        "stimulation.armed=false",
    )
    process = start(
        *("run", "closed_loop_demo", *about, "--set", SOON),
        *places["patience"],
        *places["set"],
        tmp_path=tmp_path,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def ask(*arguments, places, tmp_path, address="control"):
    return run(*arguments, "--address", places[address], "--json", tmp_path=tmp_path)


def wait_for(condition, what, timeout_s=30):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"never: {what}")


def test_the_mouse_that_freezes_is_woken_in_every_other_trial(places, tmp_path):
    code, out, err = run(
        "run",
        "closed_loop_demo",
        "--seconds",
        "27",
        "--out",
        str(tmp_path),
        "--headless",
        "--json",
        *places["patience"],
        *places["set"],
        tmp_path=tmp_path,
    )
    assert code == 0, err
    summary = json.loads(out.splitlines()[-1])
    stimuli = summary["stimuli"]
    assert (stimuli["delivered"], stimuli["sham"]) == (1, 1)
    assert stimuli["refused"] == {}
    assert stimuli["late"] == 0
    assert 0 < summary["stimulus_ms"]["p50"] < 1000
    assert summary["frames"]["unexplained"] == 0
    assert summary["truth"]["f1"]["freezing"] > 0.8
    (folder,) = tmp_path.glob("*_mouse")
    recording = Recording(folder)
    rows = {row.command.arm: row for row in recording.stimuli}
    assert rows[Arm.REAL].confirmed
    assert rows[Arm.REAL].received_ns < rows[Arm.REAL].decided_ns < rows[Arm.REAL].acknowledged_ns
    assert len([edge for edge in recording.edges if edge.rising]) == 10
    assert len(recording.session["wakes"]) == 1
    (box,) = recording.session["actuators"]["box"]
    assert abs(box["clock"]["drift"]) < 0.01
    assert box["lost_edges"] == 0
    lasted = {
        episode.onset.episode_id: episode.end_ns - episode.onset.confirmed_ns
        for episode in recording.episodes
    }
    real, sham = (lasted[rows[arm].command.trigger] for arm in (Arm.REAL, Arm.SHAM))
    assert real < 1_000_000_000 < sham
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "delivered" in page
    assert not re.search(r'(src|href)="http', page)


def test_a_person_arms_stimulates_marks_and_stops(session, places, tmp_path):
    about = {"places": places, "tmp_path": tmp_path}

    def status():
        code, out, _ = ask("status", **about)
        return json.loads(out)["status"] if code == 0 else {}

    wait_for(lambda: status().get("state") == "running", "the session answers")
    assert status()["armed_by"] is None
    code, out, _ = ask("stimulate", "light", "--width-ms", "5", **about)
    assert (code, json.loads(out)["refusal"]) == (1, "not_armed")
    assert ask("arm", "--by", "Ada", **about)[0] == 0
    assert status()["armed_by"].startswith("Ada")
    code, out, _ = ask("stimulate", "reply", "--width-ms", "5", **about)
    assert (code, json.loads(out)["delivery"]) == (0, "delivered")
    code, _, err = ask("stimulate", "laser", "--width-ms", "5", **about)
    assert code == 2
    assert "unknown output 'laser'" in err
    assert ask("mark", "door opened", **about)[0] == 0
    assert ask("disarm", "--why", "enough", **about)[0] == 0
    assert "enough" in status()["disarmed_why"]
    assert ask("stop", **about)[0] == 0
    out, err = session.communicate(timeout=30)
    assert session.returncode == 0, err
    (folder,) = (tmp_path / "s").iterdir()
    recording = Recording(folder)
    assert recording.session["end_reason"] == "stopped"
    marks = [line for line in recording.log if line.level == "mark"]
    assert [mark.message for mark in marks] == ["door opened"]
    by_hand = [row for row in recording.stimuli if row.command.controller == "manual"]
    assert [row.delivery for row in by_hand] == [Delivery.REFUSED, Delivery.DELIVERED]


def test_nobody_answers_where_no_session_runs(places, tmp_path):
    code, _, err = ask("status", places=places, tmp_path=tmp_path)
    assert code == 2
    assert "nobody answers" in err


# --- a process of its own


@contextmanager
def controlled(places, tmp_path, *changes, publisher=None):
    """A session that does not stimulate, and a process beside it that does."""
    plain = ("--set", "stimulation=null", "--set", "rig.camera.light=null")
    about = ("--out", str(tmp_path / "s"), "--headless", "--json")
    session = start("run", "closed_loop_demo", *about, *plain, *places["set"], tmp_path=tmp_path)
    control = start(
        "control",
        "closed_loop_demo",
        *("--publisher", publisher or places["publisher"], "--session", places["control"]),
        *("--address", places["own"], "--out", str(tmp_path / "c")),
        *("--set", SOON, "--set", "rig.camera.light=null"),
        *places["patience"],
        *changes,
        tmp_path=tmp_path,
    )
    try:
        yield session, control
    finally:
        for process in (session, control):
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def control(places, tmp_path):
    with controlled(places, tmp_path) as processes:
        yield processes


def lines(tmp_path, name):
    for path in (tmp_path / "c").glob(f"*/{name}"):
        whole = path.read_text(encoding="utf-8").split("\n")[:-1]
        return [json.loads(line) for line in whole]
    return []


def said_silence(tmp_path):
    silent = re.compile(r"disarmed: (no observation for \d+ ms|the loop's last step was)")
    return any(silent.search(line["message"]) for line in lines(tmp_path, "log.jsonl"))


def test_it_stimulates_and_goes_safe_when_the_session_is_killed(control, tmp_path):
    session, controlling = control
    wait_for(lambda: lines(tmp_path, "stimuli.jsonl"), "something is stimulated")
    assert lines(tmp_path, "stimuli.jsonl")[0]["delivery"] in ("delivered", "sham")
    session.kill()
    wait_for(lambda: said_silence(tmp_path), "it says what has happened")
    if hasattr(signal, "SIGTERM"):
        controlling.terminate()
        out, err = controlling.communicate(timeout=20)
        assert controlling.returncode == 0, err
        assert "stopped" in out


def test_a_session_does_not_notice_that_the_controlling_process_dies(control, places, tmp_path):
    session, controlling = control
    wait_for(lambda: lines(tmp_path, "stimuli.jsonl"), "something is stimulated")
    controlling.kill()
    assert ask("stop", places=places, tmp_path=tmp_path)[0] == 0
    out, err = session.communicate(timeout=30)
    assert session.returncode == 0, err
    summary = json.loads(out.splitlines()[-1])
    assert summary["end_reason"] == "stopped"
    assert summary["frames"]["unexplained"] == 0


def test_a_network_that_is_cut_makes_the_controlling_process_safe_and_nothing_else(
    places, tmp_path
):
    quick = "--set", "stimulation.stall_ms=1000"
    with (
        TcpLink(places["publisher"]) as link,
        controlled(places, tmp_path, *quick, publisher=link.address) as (session, controlling),
    ):
        wait_for(lambda: lines(tmp_path, "stimuli.jsonl"), "something is stimulated")
        link.cut()
        wait_for(lambda: said_silence(tmp_path), "it says what has happened")
        assert controlling.poll() is None
        _, out, _ = ask("status", places=places, tmp_path=tmp_path, address="own")
        assert json.loads(out)["status"]["armed_by"] is None
        assert ask("stop", places=places, tmp_path=tmp_path)[0] == 0
        out, _ = session.communicate(timeout=30)
    summary = json.loads(out.splitlines()[-1])
    assert (summary["end_reason"], summary["frames"]["unexplained"]) == ("stopped", 0)


# --- a clock that is set


SET_CLOCK = """
import os, pathlib, time

said, zero = pathlib.Path(os.environ["WALL_CLOCK"]), (time.time, time.time_ns)
time.time = lambda: zero[0]() + int(said.read_text())
time.time_ns = lambda: zero[1]() + int(said.read_text()) * 10**9
"""
"""For a whole process: its wall clock is off by as many seconds as stand in a file."""


def test_a_wall_clock_that_is_set_back_by_an_hour_changes_nothing(places, tmp_path):
    said, at_start = tmp_path / "wall_clock", tmp_path / "start"
    said.write_text("0")
    at_start.mkdir()
    (at_start / "sitecustomize.py").write_text(SET_CLOCK)
    path = os.pathsep.join([str(at_start), os.environ.get("PYTHONPATH", "")])
    environment = {"WALL_CLOCK": str(said), "PYTHONPATH": path}
    changes = ("--set", SOON, *places["patience"], *places["set"])
    about = ("--out", str(tmp_path / "c"), "--headless", "--json", "--seconds", "6")
    session = start(
        *("run", "closed_loop_demo", *about, *changes), tmp_path=tmp_path, environment=environment
    )
    wait_for(lambda: lines(tmp_path, "stimuli.jsonl"), "something is stimulated")
    said.write_text("-3600")
    out, err = session.communicate(timeout=60)
    assert session.returncode == 0, err
    (folder,) = (tmp_path / "c").iterdir()
    recording = Recording(folder)
    captured_ns = np.asarray(recording.captured_ns)
    assert np.all(np.diff(captured_ns) > 0)
    assert captured_ns[-1] - captured_ns[0] == pytest.approx(6e9, abs=0.1e9)
    assert json.loads(out.splitlines()[-1])["frames"]["unexplained"] == 0
    by_wall = datetime.fromisoformat(recording.session["started_utc"]).timestamp()
    assert by_wall == pytest.approx(recording.session["anchor_utc_ns"] / 1e9, abs=60)
    assert {row.delivery for row in recording.stimuli} <= {Delivery.DELIVERED, Delivery.SHAM}


def test_a_check_opens_the_outputs_and_stimulates_nobody(places, tmp_path):
    code, out, err = run(
        "check",
        "closed_loop_demo",
        *("--seconds", "3", "--out", str(tmp_path / "s"), "--json", "--set", SOON),
        *places["set"],
        tmp_path=tmp_path,
    )
    assert code == 0, err
    findings = {each["what"]: each for each in json.loads(out.splitlines()[-1])["findings"]}
    assert findings["output box"]["verdict"] == "good"
    assert "low after 100 ms" in findings["output box"]["text"]
    doses = sqlite3.connect(tmp_path / "behaviour-tracker" / "doses.sqlite")
    assert doses.execute("SELECT COUNT(*) FROM doses").fetchone() == (0,)
    doses.close()
