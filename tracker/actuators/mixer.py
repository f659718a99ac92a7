"""Sounds by the sample: which are to be heard when, mixed into the blocks that a sound card wants.

It falls silent by itself if nobody feeds it, as long as the sound card asks for blocks.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.actuators.plan import Plan

Samples = NDArray[np.float32]

DEAD_MAN_S = 0.25
"""Without being fed for so long it drops every train."""


@dataclass(frozen=True, slots=True)
class Sound:
    """What a pulse sounds like.

    Attributes:
        hz: Of a tone; 0: it is `samples`.
        samples: [n] from -1 to 1; silence follows.
        volume: Peak at level 1.
        rise: Samples in which each pulse swells as cos² at its start, and fades at its end.
        speaker: Output channel from 0; None: all.
    """

    hz: float
    samples: Samples
    volume: float
    rise: int
    speaker: int | None

    def at(self, index: NDArray[np.int64], rate_hz: int) -> NDArray[np.float64]:
        """Return it at samples since the start of the pulse, before any envelope."""
        if self.hz > 0:
            wave: NDArray[np.float64] = np.sin(2 * np.pi * self.hz / rate_hz * index)
            return self.volume * wave
        inside = (index >= 0) & (index < len(self.samples))
        heard = np.zeros(len(index))
        heard[inside] = self.volume * self.samples[index[inside]]
        return heard


@dataclass(frozen=True, slots=True)
class _Train:
    """A plan in samples of the stream.

    Attributes:
        heard_from: Since when the sound of the first pulse is to be heard: `begin`, or before if it
            took the place of one that was.
    """

    level: float
    begin: int
    width: int
    period: int
    n: int
    ramp: int
    heard_from: int

    @property
    def end(self) -> int:
        return self.begin + (self.n - 1) * self.period + self.width


class Mixer:
    """Fills blocks of samples; all but `fill`, the sound card's thread, may be any thread.

    Args:
        sounds: By line.
        rate_hz: Samples per second.
    """

    def __init__(self, sounds: Mapping[str, Sound], rate_hz: int) -> None:
        self._sounds = dict(sounds)
        self._rate_hz = rate_hz
        self._lock = threading.Lock()
        self._trains: dict[str, _Train] = {}
        self._at = 0  # the next sample that will be asked for
        self._fed_at = 0
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why a sound was not to be heard as it should; "" if all were."""
        return self._trouble

    def begin(self, line: str, plan: Plan, ordered_ns: int) -> None:
        """Begin a plan with the next block, or after its delay from then."""
        delay = self._samples(plan.begin_ns - ordered_ns)
        with self._lock:
            begin = self._at + delay
            before = self._trains.pop(line, None)
            goes_on = before is not None and delay == 0 and _is_on(before, self._at)
            if plan.level > 0:
                self._trains[line] = _Train(
                    level=plan.level,
                    begin=begin,
                    width=self._samples(plan.width_ns),
                    period=self._samples(plan.period_ns),
                    n=plan.n,
                    ramp=self._samples(plan.ramp_ns),
                    heard_from=before.heard_from if before is not None and goes_on else begin,
                )

    def end(self, line: str) -> None:
        """Silence a line with the next block."""
        with self._lock:
            self._trains.pop(line, None)

    def feed(self) -> None:
        """Say that somebody looks after it."""
        with self._lock:
            self._fed_at = self._at

    def fill(self, out: Samples, *, underflow: bool) -> None:
        """Write the next block.

        Args:
            out: [frame][channel], from -1 to 1; all of it is written.
            underflow: Whether the card had nothing to play before this block.
        """
        out[:] = 0
        frames = len(out)
        with self._lock:
            if underflow and any(_is_on(train, self._at) for train in self._trains.values()):
                self._trouble = self._trouble or "a sound had a gap, since the computer was busy"
            if self._at - self._fed_at > DEAD_MAN_S * self._rate_hz and self._trains:
                self._trains.clear()
                self._trouble = self._trouble or f"nobody looked after it for {DEAD_MAN_S} s"
            for line, train in tuple(self._trains.items()):
                sound = self._sounds[line]
                heard = self._heard(sound, train, self._at + np.arange(frames, dtype=np.int64))
                where = slice(sound.speaker, None if sound.speaker is None else sound.speaker + 1)
                out[:, where] += heard[:, np.newaxis]
                if self._at + frames >= train.end:
                    del self._trains[line]
            self._at += frames
        np.clip(out, -1, 1, out=out)

    def _heard(self, sound: Sound, train: _Train, at: NDArray[np.int64]) -> NDArray[np.float64]:
        into = at - train.begin
        pulse = np.clip(into // train.period, 0, train.n - 1)
        since_start = into - pulse * train.period
        left = train.width - since_start
        on = (since_start >= 0) & (left > 0)
        since_heard = np.where(pulse == 0, at - train.heard_from, since_start)
        envelope = train.level * _swell(since_heard, sound.rise) * _swell(left, sound.rise)
        if train.ramp > 0:
            envelope *= np.clip(np.minimum(into, train.end - at) / train.ramp, 0, 1)
        return np.where(on, envelope * sound.at(since_heard, self._rate_hz), 0.0)

    def _samples(self, ns: int) -> int:
        return round(ns * self._rate_hz / 1e9)


def _is_on(train: _Train, at: int) -> bool:
    into = at - train.begin
    return into >= 0 and at < train.end and into % train.period < train.width


def _swell(samples: NDArray[np.int64], rise: int) -> NDArray[np.float64]:
    """Return 0 to 1 by samples from the edge: half a cosine, the usual gate of psychophysics."""
    if rise == 0:
        return np.ones(len(samples))
    inside = np.clip(samples / rise, 0, 1)
    return np.asarray(np.sin(np.pi / 2 * inside) ** 2)
