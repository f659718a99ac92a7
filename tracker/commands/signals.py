"""Ctrl-C, Ctrl-Break and a polite kill: they ask for the end, and do not cut into a write."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def asked_by_signal(ask: Callable[[], None]) -> Iterator[None]:
    """Call `ask` for each signal that wants the program to end. Main thread."""
    names = ("SIGINT", "SIGTERM", "SIGBREAK")  # the last one: Ctrl-Break on Windows
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, lambda *_: ask()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
