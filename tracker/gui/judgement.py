"""One lamp for the whole rig: green, amber or red, with the reasons in words."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from tracker.session_status import Status

DISK_AMBER_H, DISK_RED_H = 2.0, 0.25
RING_AMBER, RECORDER_AMBER = 0.5, 0.25
SLOW = 0.9
"""Part of the camera's rate below which the loop is said not to keep up."""

WORDS = {
    "lost_by_sensor": "lost by the sensor",
    "lost_on_link": "lost on the way from the camera",
    "incomplete": "arrived with parts missing",
    "driver_overrun": "lost for lack of driver buffers",
    "camera_away": "missing while the camera was unplugged",
    "ring_overrun": "overwritten in the ring buffer",
    "superseded": "overtaken by a newer frame",
    "disk_full": "not written: the disk is full",
    "session_ended": "left at the end",
    "unknown": "unexplained",
}
"""Fates of frames, for a person; of others see `in_words`."""


def in_words(cause: str) -> str:
    """Return the fate of a frame for a person."""
    return WORDS.get(cause, cause.replace("_", " "))


class Lamp(IntEnum):
    """Colour of the lamp; the larger one counts."""

    GREEN = 0
    AMBER = 1
    RED = 2


@dataclass(frozen=True, slots=True)
class Judgement:
    """Colour of the lamp, and why, worst first; one reason at least."""

    lamp: Lamp
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Signs:
    """What a judgement looks at.

    Attributes:
        status: The last one; None: there is none yet.
        silent_s: Since anything was heard.
        fps: Nominal rate of the camera (frames/s); NaN if not known.
        p99_ms: Of the loop, received → sent; NaN if not known.
        lost_lately: Frames not processed in the last seconds, by cause.
        processed_lately: Frames processed in that time.
        not_recorded_lately: Frames not in the video in that time, by cause.
        missed_lately: Messages lost on the way to this view in that time.
        goodbye: Why the session ended; None: it goes on.
        alarm: The last error that the session told; "" if there was none lately.
    """

    status: Status | None
    silent_s: float = 0.0
    fps: float = math.nan
    p99_ms: float = math.nan
    lost_lately: Mapping[str, int] | None = None
    processed_lately: int = 0
    not_recorded_lately: Mapping[str, int] | None = None
    missed_lately: int = 0
    goodbye: str | None = None
    alarm: str = ""


def judge(signs: Signs) -> Judgement:
    """Return the lamp of a rig."""
    if signs.goodbye is not None:
        failed = signs.goodbye == "failed"
        said = f"the session has ended: {signs.goodbye}"
        return Judgement(Lamp.RED if failed else Lamp.AMBER, (said,))
    status = signs.status
    if status is None:
        return Judgement(Lamp.AMBER, ("waiting for the first word of the session",))
    found = [*_loop(signs, status), *_recording(signs, status), *_camera(status), *_view(signs)]
    if not found:
        return Judgement(Lamp.GREEN, (_all_is_well(signs, status),))
    found.sort(key=lambda each: -each[0])
    return Judgement(found[0][0], tuple(text for _, text in found))


def _all_is_well(signs: Signs, status: Status) -> str:
    rate = "" if math.isnan(status.fps) else f", {status.fps:.0f}/s"
    ever = sum(n for cause, n in status.counts.items() if cause not in ("captured", "processed"))
    if not ever:
        return f"all frames processed{rate}"
    lately = sum((signs.lost_lately or {}).values())
    return f"all is well{rate}" if lately else f"nothing lost lately{rate}"


def _loop(signs: Signs, status: Status) -> Iterator[tuple[Lamp, str]]:
    if signs.alarm:
        yield Lamp.RED, signs.alarm
    if status.unexplained:
        yield Lamp.RED, f"{status.unexplained} frames are unexplained"
    for cause, n in (signs.lost_lately or {}).items():
        share = n / max(1, n + signs.processed_lately)
        if cause != "superseded" or share > 0.02:
            yield Lamp.AMBER, f"{share:.1%} of the last frames {in_words(cause)}"
    if status.fps < SLOW * signs.fps:
        yield Lamp.AMBER, f"{status.fps:.0f} of the camera's {signs.fps:.0f} frames/s"
    if signs.p99_ms > 1000 / signs.fps and signs.fps > 0:
        yield Lamp.AMBER, f"1 frame in 100 takes {signs.p99_ms:.0f} ms, longer than a frame lasts"
    if status.ring_fill > RING_AMBER:
        yield Lamp.AMBER, f"the ring buffer is {status.ring_fill:.0%} full"


def _recording(signs: Signs, status: Status) -> Iterator[tuple[Lamp, str]]:
    for cause, n in (signs.not_recorded_lately or {}).items():
        lamp = Lamp.RED if cause == "disk_full" else Lamp.AMBER
        yield lamp, f"{n} frames missing from the video: {in_words(cause)}"
    if status.recorder_fill > RECORDER_AMBER:
        yield Lamp.AMBER, f"the recorder's queue is {status.recorder_fill:.0%} full"
    if status.disk_left_h < DISK_RED_H:
        yield Lamp.RED, f"the disk is full in {status.disk_left_h * 60:.0f} minutes"
    elif status.disk_left_h < DISK_AMBER_H:
        yield Lamp.AMBER, f"the disk is full in {status.disk_left_h:.1f} hours"


def _camera(status: Status) -> Iterator[tuple[Lamp, str]]:
    view = status.view
    if view is None or view.state in ("", "still"):
        return
    if view.state == "unknown":
        yield Lamp.AMBER, f"whether the camera was moved cannot be said: {view.why}"
    else:
        verb = "was moved" if view.state == "moved" else "moves"
        yield (
            Lamp.AMBER,
            (
                f"the camera {verb}: the picture shifted by {view.x_px:+.1f}, {view.y_px:+.1f} px, "
                f"turned by {view.turned_deg:+.2f} deg"
            ),
        )


def _view(signs: Signs) -> Iterator[tuple[Lamp, str]]:
    if signs.missed_lately:
        yield Lamp.AMBER, f"{signs.missed_lately} messages were lost on the way to this view"
