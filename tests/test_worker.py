import threading

import pytest

from tracker.errors import SessionError
from tracker.worker import Worker


def nothing():
    """Do nothing when the worker ends."""


def test_a_failure_reaches_whoever_joins():
    told = threading.Event()

    def fail():
        raise OSError("cable pulled")

    worker = Worker("camera", fail, on_end=told.set)
    worker.start()
    assert told.wait(1)
    with pytest.raises(SessionError, match="camera: cable pulled") as caught:
        worker.join(timeout_s=1)
    assert isinstance(caught.value.__cause__, OSError)
    assert worker.failure is caught.value.__cause__


def test_a_stopped_worker_ends_without_an_error():
    worker = Worker("camera", step=lambda: True, on_end=nothing)
    worker.start()
    worker.stop()
    worker.join(timeout_s=1)
    assert worker.failure is None


def test_a_worker_ends_by_itself_when_there_is_no_more_to_do():
    left = [1, 2, 3]

    def step():
        left.pop()
        return bool(left)

    ended = threading.Event()
    worker = Worker("pipeline", step, on_end=ended.set)
    worker.start()
    worker.join(timeout_s=1)
    assert left == []
    assert ended.is_set()


def test_the_end_is_told_once_on_the_workers_own_thread():
    told = []
    worker = Worker("camera", lambda: False, on_end=lambda: told.append(threading.current_thread()))
    worker.start()
    worker.join(timeout_s=1)
    assert [thread.name for thread in told] == ["camera"]


def test_a_worker_that_will_not_stop_is_reported_not_abandoned():
    release = threading.Event()
    worker = Worker("camera", step=release.wait, on_end=nothing)
    worker.start()
    worker.stop()
    with pytest.raises(SessionError, match=r"camera did not stop within 0\.01 s"):
        worker.join(timeout_s=0.01)
    release.set()
    worker.join(timeout_s=1)


def test_a_worker_that_gets_on_with_its_work_may_take_its_time():
    left = iter(range(5))
    pause = threading.Event()

    def step():
        pause.wait(0.15)
        done.append(next(left, None))
        return done[-1] is not None

    done = []
    worker = Worker("pipeline", step, on_end=nothing)
    worker.start()
    worker.join(timeout_s=0.5, done=lambda: len(done))
    assert done == [0, 1, 2, 3, 4, None]


def test_one_that_does_not_is_reported():
    pause = threading.Event()
    worker = Worker("pipeline", lambda: not pause.wait(0.01), on_end=nothing)
    worker.start()
    with pytest.raises(SessionError, match="did not stop"):
        worker.join(timeout_s=0.05, done=lambda: 7)
    worker.stop()
    worker.join(timeout_s=1)


def test_joining_a_worker_that_was_never_started_is_harmless():
    Worker("camera", step=lambda: True, on_end=nothing).join(timeout_s=0)


def test_a_worker_is_prepared_on_its_own_thread_when_start_returns():
    done, go_on = [], threading.Event()

    def step():
        go_on.wait(1)
        done.append("step")
        return False

    worker = Worker(
        "pipeline",
        step,
        on_end=nothing,
        prepare=lambda: done.append(threading.current_thread().name),
    )
    worker.start()
    assert done == ["pipeline"]
    go_on.set()
    worker.join(timeout_s=1)
    assert done == ["pipeline", "step"]


def test_a_worker_that_cannot_be_prepared_takes_no_step_and_says_so():
    def fail():
        raise OSError("out of memory")

    steps, told = [], threading.Event()
    worker = Worker("pipeline", lambda: steps.append(1), on_end=told.set, prepare=fail)
    worker.start()
    assert told.wait(1)
    with pytest.raises(SessionError, match="pipeline: out of memory"):
        worker.join(timeout_s=1)
    assert steps == []
