"""Ctrl-C as a question that is asked at a good moment, not an end in the middle of a write."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Give a function that says whether Ctrl-C, Ctrl-Break or a polite kill has come.

    The second signal has its usual effect, at once. Outside the main thread, where no signal
    arrives, the answer is always no.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    names = ("SIGINT", "SIGTERM", "SIGBREAK")  # the last one: Windows
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]

    def stop(number: int, _frame: FrameType | None) -> None:
        asked.set()
        signal.signal(number, before[number])

    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
