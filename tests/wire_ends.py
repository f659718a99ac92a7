"""Both ends of the wire for tests: publishers, results, and a greeting between the two."""

import contextlib

import numpy as np
import pytest

from tracker.publisher import Publisher, PublisherSettings
from tracker.testing.manual_clock import ManualClock
from tracker.types import FrameResult, Observation, Onset, StageTimes

ANY_PORT = "tcp://127.0.0.1:0"
TRIES = 400
ONSET = Onset("rearing/mouse/1", "rearing", "mouse", 10, 1_000, 13, 1_300)


def result(index, *events, decided_ns=0, keypoints=2):
    xy = np.full((1, keypoints, 2), index, np.float32)
    seen = Observation(index, index * 100, xy, np.ones((1, keypoints), np.float32))
    stages = StageTimes(1, 2, 3, decided_ns, 4)
    return FrameResult(seen, {"speed_cm_s": 1.5}, {"rearing": 0.5}, events, stages)


@contextlib.contextmanager
def publishers(clock=None):
    """Gives what makes publishers, and closes them at the end."""
    made = []

    def make(
        address=ANY_PORT, *, session_id="s1", camera="top", queue_length=256, keys=None, on=None
    ):
        publisher = Publisher(
            PublisherSettings(address=address, queue_length=queue_length, keys=keys),
            session_id=session_id,
            camera=camera,
            clock=clock or ManualClock(),
            model_sha256="m",
            config_sha256="c",
            on_published=on or (lambda index, now_ns: None),
        )
        made.append(publisher)
        return publisher

    yield make
    for publisher in made:
        publisher.close("test over")


def greet(publisher, subscriber):
    """Send log lines until one arrives: from now on the subscriber gets everything."""
    for _ in range(TRIES):
        publisher.offer_log("info", "anybody there?")
        publisher.step(0)
        if subscriber.receive(0.02) is not None:
            break
    else:
        pytest.fail("the subscriber never heard anything")
    publisher.offer_log("info", "that was all")
    publisher.step(0)
    while receive(subscriber, 1)[0].message.text != "that was all":
        pass


def receive(subscriber, n):
    got = [subscriber.receive(5) for _ in range(n)]
    assert None not in got
    return got


def receive_until_goodbye(subscriber):
    got = []
    while not got or getattr(got[-1].message, "goodbye", None) is None:
        got += receive(subscriber, 1)
    return got
