"""Aravis' GigE Vision camera, in a process of its own on the loopback interface."""

import shutil
import socket
import subprocess
import time
from contextlib import contextmanager

import pytest

from tracker.cameras.genicam import load_aravis
from tracker.errors import MissingDriver

PROGRAM = "arv-fake-gv-camera-0.8"
ADDRESS = "127.0.0.1"
CONTROL_PORT = 3956
DISCOVERY = bytes.fromhex("4201000200000001")
"""GigE Vision: a request of kind 2 that wants an answer."""


def need_aravis():
    try:
        return load_aravis()
    except MissingDriver as missing:
        pytest.skip(str(missing))


@contextmanager
def alone():
    """One test run at a time: two cameras at one address would get each other's requests."""
    until = time.monotonic() + 120
    with socket.socket() as lock:
        while True:
            try:
                lock.bind((ADDRESS, CONTROL_PORT))
                break
            except OSError:
                assert time.monotonic() < until, "another test run holds the camera's port"
                time.sleep(0.05)
        yield


class FakeGige:
    """A camera that can be unplugged and plugged in again.

    Args:
        lost_per_thousand: Packets of pictures that it loses on purpose.
    """

    def __init__(self, lost_per_thousand=0):
        if shutil.which(PROGRAM) is None:
            pytest.skip(f"{PROGRAM} is not here: apt-get install aravis-tools")
        self._command = [PROGRAM, "-i", ADDRESS, "-s", "GV77", "-r", str(lost_per_thousand)]
        self._process = None

    def plug_in(self):
        self._process = subprocess.Popen(self._command)
        until = time.monotonic() + 10
        with socket.socket(type=socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.05)
            while time.monotonic() < until:
                try:
                    asking.sendto(DISCOVERY, (ADDRESS, CONTROL_PORT))
                    asking.recv(2048)
                except OSError:
                    continue
                return
        raise AssertionError("the camera does not answer")

    def unplug(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
