"""A link without a rig, for views in tests."""

from collections import deque
from concurrent.futures import Future

from PySide6.QtWidgets import QApplication

from tracker.gui.link import Heard
from tracker.messages import Kind


class Asked:
    """A remote that only writes down what it is asked for."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        def call(*arguments, **more):
            self.calls.append((name, *arguments, *more.values()))
            return "threshold moved" if name == "change" else None

        return call


class FakeLink:
    """A link without a rig: the test puts events in, and sees what was asked for."""

    address = "tcp://127.0.0.1:5557"

    def __init__(self):
        self.inbox = deque()
        self.silent_s = 0.0
        self.pictures = Kind.FRAME
        self.picture = None
        self.overlay = None
        self.overlays = False
        self.remote = Asked()
        self.fails_with = None

    def take_picture(self):
        picture, self.picture = self.picture, None
        return picture

    def take_overlay(self):
        overlay, self.overlay = self.overlay, None
        return overlay

    def ask(self, request, *, urgent=False):
        answer = Future()
        if self.fails_with is not None:
            answer.set_exception(self.fails_with)
        else:
            answer.set_result(request(self.remote))
        return answer

    def hear(self, topic, message):
        self.inbox.append(Heard(f"{topic}/top", message))


def settle(view):
    """Let the view take in all there is."""
    while view.link.inbox:
        view.tick()
    view._slow_due_s = 0.0
    view.tick()
    QApplication.processEvents()
