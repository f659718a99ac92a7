"""Prints what a session says, as it comes: episodes for a person, or JSON for a program."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
from rich.console import Console
from rich.text import Text

from tracker.errors import BadMessage
from tracker.messages import (
    EpisodeMessage,
    EpisodeState,
    LogMessage,
    ObservationMessage,
    PointsMessage,
    StatusMessage,
    StimulusMessage,
)
from tracker.subscriber import Received, Subscriber

PATIENCE_S = 0.2
"""Longest wait before Ctrl-C takes effect."""

_CONSOLE = Console(highlight=False)
_ERRORS = Console(stderr=True, highlight=False)


def listen_until_stopped(
    subscriber: Subscriber, show: Callable[[Received], None], seconds: float | None
) -> None:
    """Show every message until Ctrl-C, or until `seconds` have passed; then the losses.

    Raises:
        WireError: If the publisher turned us away.
    """
    end = None if seconds is None else time.monotonic() + seconds
    with suppress(KeyboardInterrupt):
        while end is None or time.monotonic() < end:
            try:
                received = subscriber.receive(PATIENCE_S)
            except BadMessage as error:
                _ERRORS.print(Text.assemble(("bad message:", "red"), f" {error}"), soft_wrap=True)
                continue
            if received is not None:
                show(received)
    for topic, lost in subscriber.lost.items():
        if lost:
            _ERRORS.print(f"[yellow]{topic}: {lost} messages were lost on the way[/]")


def print_message_json(received: Received) -> None:
    """Print one message as one line of JSON, its topic and losses with it."""
    content = msgspec.to_builtins(received.message)
    content |= {"topic": received.topic, "lost": received.lost}
    print(msgspec.json.encode(content).decode(), flush=True)


def print_message(received: Received) -> None:
    """Print one message as one line for a person; a status only if it says goodbye."""
    if received.lost:
        _CONSOLE.print(f"[yellow]{received.topic}: {received.lost} messages lost[/]")
    line = _line(received)
    if line is not None:
        _CONSOLE.print(line, soft_wrap=True)


def _line(received: Received) -> Text | None:  # noqa: PLR0911 - one kind of message each
    message = received.message
    match message:
        case EpisodeMessage(state=EpisodeState.UPDATE) | StatusMessage(goodbye=None):
            return None
        case EpisodeMessage():
            return _episode_line(message)
        case StatusMessage():
            return Text(f"session {message.session} ended: {message.goodbye}", "bold")
        case ObservationMessage():
            values = ", ".join(f"{name} {value:.1f}" for name, value in message.features.items())
            return Text(f"frame {message.frame_index}: {values}", "dim")
        case StimulusMessage():
            return _stimulus_line(message)
        case PointsMessage():
            return _points_line(message)
        case LogMessage():
            return Text(f"{message.level}: {message.text}")
    return None


def _episode_line(message: EpisodeMessage) -> Text:
    text = Text(f"{datetime.now(UTC):%H:%M:%S.%f}"[:-3] + "Z  ", "dim")
    text.append(f"{message.subject} {message.behaviour:<12}")
    if message.end_ns is None:
        certain_ms = (message.confirmed_ns - message.onset_ns) / 1e6
        text.append("begins ", "bold green")
        return text.append(f" at frame {message.onset_index}, certain {certain_ms:.0f} ms later")
    lasted_s = (message.end_ns - message.onset_ns) / 1e9
    text.append("ends   ", "bold")
    return text.append(f" at frame {message.end_index}, lasted {lasted_s:.2f} s")


def _points_line(message: PointsMessage) -> Text:
    places = ", ".join(
        f"{name} ({x:.2f}, {y:.2f}, {z:.2f}) cm"
        for name, (x, y, z) in zip(message.keypoints, message.xyz_cm, strict=True)
        if not math.isnan(x)
    )
    return Text(f"set {message.set_number}: {places or 'no place is known'}", "dim")


def _stimulus_line(message: StimulusMessage) -> Text:
    text = Text(f"stimulus {message.stimulus_id} {message.action} on {message.output}: ")
    text.append(str(message.delivery), "bold")
    return text.append(f" ({message.reason})" if message.reason else "")
