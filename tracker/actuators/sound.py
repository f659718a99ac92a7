"""Tones and sound files, timed by the sound card: pulses are exact to a sample, their start is not.

A sound begins with the card's next block, and is heard once that has come out: within the latency
that PortAudio says, which is the receipt's uncertainty. If the card runs dry while a sound is on,
or nobody tends it for a quarter of a second, that is a fault; in the latter case it falls silent.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import av
import numpy as np
from pydantic import Field, model_validator

from tracker.actuators.base import ActuatorInfo
from tracker.actuators.mixer import Mixer, Samples, Sound
from tracker.actuators.planned_lines import PlannedLines
from tracker.actuators.turns import Turns
from tracker.clock import Clock
from tracker.errors import ConfigError, DeviceError, DeviceLost, DeviceNotFound, MissingExtra
from tracker.settings import Settings
from tracker.stimuli import Action, Edge, LineLimits, Order, Receipt

IDLE_S = 0.01
"""How long `tend` waits."""


class _Heard(Settings):
    """What every sound has."""

    volume: float = Field(0.5, ge=0, le=1, description="peak at level 1, 1 being the card's most")
    rise_ms: float = Field(
        5, ge=0, le=1000, description="ms in which each pulse swells, and fades, as half a cosine"
    )
    speaker: int | None = Field(
        None, ge=1, le=64, description="output channel from 1; null: all of them"
    )


class Tone(_Heard):
    """A pure tone."""

    kind: Literal["tone"] = "tone"
    hz: float = Field(gt=0, le=96_000, description="Hz")


class SoundFile(_Heard):
    """A file that FFmpeg reads (WAV, FLAC, ...): in each pulse from its start, and cut off."""

    kind: Literal["file"] = "file"
    path: Path = Field(description="the file; channels are mixed into one")


class SoundSettings(Settings):
    """Sounds, timed by the sound card; lines are the names of `sounds`."""

    kind: Literal["sound"] = "sound"
    device: str | None = Field(
        None, description="name of the card, or part of it; null: the computer's usual one"
    )
    rate_hz: int = Field(48_000, ge=8_000, le=384_000, description="samples per second")
    channels: int = Field(2, ge=1, le=64, description="outputs of the card")
    latency_ms: float = Field(
        20, gt=0, le=1000, description="ms asked of the card; less is sooner, and runs dry sooner"
    )
    sounds: Mapping[str, Annotated[Tone | SoundFile, Field(discriminator="kind")]] = Field(
        min_length=1, description="by name"
    )

    @model_validator(mode="after")
    def _sounds_can_be_heard(self) -> "SoundSettings":
        for name, sound in self.sounds.items():
            if sound.speaker is not None and sound.speaker > self.channels:
                raise ValueError(
                    f"sounds.{name}: speaker {sound.speaker} of {self.channels} channels"
                )
            if isinstance(sound, Tone) and sound.hz * 2 > self.rate_hz:
                raise ValueError(
                    f"sounds.{name}: {sound.hz:g} Hz is more than half of rate_hz {self.rate_hz}"
                )
        return self


class Stream(Protocol):
    """A sound card that asks for blocks."""

    @property
    def latency_s(self) -> float:
        """From a block being written to its sound (s)."""

    @property
    def is_active(self) -> bool:
        """Whether it still asks."""

    def close(self) -> None:
        """Stop asking. Never raises."""


class Fill(Protocol):
    """Writes the next block; see `Mixer.fill`."""

    def __call__(self, out: Samples, *, underflow: bool) -> None:
        """Called by the sound card's thread."""


OpenStream = Callable[[SoundSettings, Fill], Stream]


class SoundOut:
    """One sound card; keeps `tracker.actuators.base.Actuator`.

    Args:
        settings: Which card, and which sounds.
        lines: Names of sounds; the limits of each are kept here, by the train as it was ordered.
        clock: The session clock.
        open_stream: Opens the card; raises as `Actuator.open`.

    Raises:
        ConfigError: If a line is no sound, or a file is not there.
    """

    def __init__(
        self,
        settings: SoundSettings,
        lines: Mapping[str, LineLimits],
        clock: Clock,
        open_stream: OpenStream | None = None,
    ) -> None:
        for line in lines:
            if line not in settings.sounds:
                raise ConfigError(f"there is no sound {line!r}; there is {list(settings.sounds)}")
            sound = settings.sounds[line]
            if isinstance(sound, SoundFile) and not sound.path.is_file():
                raise ConfigError(f"sounds.{line}: {sound.path} is not there")
        self._settings = settings
        self._limits = dict(lines)
        self._clock = clock
        self._open_stream = open_stream or open_card
        self._never = threading.Event()
        self._opened_now: tuple[Stream, Mixer] | None = None
        self._reset()

    @property
    def info(self) -> ActuatorInfo:
        """What it is. Raises `DeviceError` when closed."""
        self._opened()
        return ActuatorInfo(
            name=f"sound card {self._settings.device or '(usual)'}",
            lines=tuple(self._limits),
            acknowledges=False,
            dead_man_s=None,
            levels=True,
        )

    def open(self) -> None:
        """Read the sounds, and open the card, silent; see `Actuator.open`."""
        if self._opened_now is not None:
            return
        self._reset()
        rate_hz = self._settings.rate_hz
        sounds = {line: _sound_of(self._settings.sounds[line], rate_hz) for line in self._limits}
        mixer = Mixer(sounds, rate_hz)
        self._opened_now = self._open_stream(self._settings, mixer.fill), mixer

    def apply(self, order: Order) -> Receipt:
        """Carry out one order with the card's next block; see `Actuator.apply`."""
        with self._turns.turn():
            stream, mixer = self._opened()
            now_ns = self._clock.now_ns()
            if order.action is Action.STOP:
                self._planned.end(order.line)
                mixer.end(order.line)
            else:
                self._turns.must_go_on()
                plan = self._planned.begin(order)
                mixer.begin(order.line, plan, now_ns)
            return Receipt(now_ns, uncertainty_ns=round(stream.latency_s * 1e9))

    def tend(self, *, alive: bool) -> Sequence[Edge]:
        """Feed the mixer, or silence it if the loop is not alive; see `Actuator.tend`."""
        with self._turns.turn():
            stream, mixer = self._opened()
            self._turns.must_be_there()
            if not self._turns.is_over:
                if not stream.is_active:
                    raise DeviceLost("the sound card has stopped: was it unplugged?")
                if mixer.trouble:
                    raise DeviceLost(mixer.trouble)
                if alive:
                    mixer.feed()
                else:
                    self._go_low()
        self._never.wait(IDLE_S)
        return ()

    def make_safe(self) -> None:
        """Silence every line, until it is opened anew. Never raises, any thread."""
        self._turns.make_safe()

    def close(self) -> None:
        """Silence every line and let go of the card. Never raises; twice does no harm."""
        self.make_safe()
        with self._turns.turn():
            opened, self._opened_now = self._opened_now, None
            if opened is not None:
                opened[0].close()

    def _reset(self) -> None:
        self._planned = PlannedLines(self._limits, self._clock)
        self._turns = Turns(self._go_low)

    def _opened(self) -> tuple[Stream, Mixer]:
        if self._opened_now is None:
            raise DeviceError("the actuator is closed: call open() first")
        return self._opened_now

    def _go_low(self) -> None:
        for line in self._limits:
            self._planned.end(line)
            if self._opened_now is not None:
                self._opened_now[1].end(line)


def open_card(settings: SoundSettings, fill: Fill) -> Stream:
    """Open a sound card of this computer.

    Raises:
        MissingExtra: If sounddevice is not installed.
        DeviceNotFound: If there is no such card, or it cannot do what is asked of it.
    """
    try:
        import sounddevice
    except ImportError as failure:
        raise MissingExtra("sound", "an actuator of kind sound") from failure
    except OSError as failure:
        raise DeviceNotFound(
            f"sound: the library PortAudio is not there ({failure}); on Debian: apt install "
            f"libportaudio2"
        ) from failure
    return _Card(sounddevice, settings, fill)


class _Card:
    """A `Stream` by PortAudio."""

    def __init__(self, sounddevice: Any, settings: SoundSettings, fill: Fill) -> None:
        def callback(out: Samples, frames: int, time: Any, status: Any) -> None:
            del frames, time
            fill(out, underflow=bool(status.output_underflow))

        try:
            self._stream = sounddevice.OutputStream(
                samplerate=settings.rate_hz,
                channels=settings.channels,
                dtype="float32",
                device=settings.device,
                latency=settings.latency_ms / 1000,
                callback=callback,
            )
        except (sounddevice.PortAudioError, ValueError) as failure:
            known = [
                each["name"]
                for each in sounddevice.query_devices()
                if each["max_output_channels"] > 0
            ]
            raise DeviceNotFound(
                f"sound card {settings.device or '(usual)'} cannot be opened: {failure}. There is: "
                f"{', '.join(known) or 'none'}"
            ) from failure
        try:
            self._stream.start()
        except sounddevice.PortAudioError as failure:
            self.close()
            raise DeviceNotFound(f"the sound card does not start: {failure}") from failure

    @property
    def latency_s(self) -> float:
        return float(self._stream.latency)

    @property
    def is_active(self) -> bool:
        return bool(self._stream.active)

    def close(self) -> None:
        self._stream.close(ignore_errors=True)


def _sound_of(sound: Tone | SoundFile, rate_hz: int) -> Sound:
    match sound:
        case Tone():
            hz, samples = sound.hz, np.zeros(0, np.float32)
        case SoundFile():
            hz, samples = 0.0, _read(sound.path, rate_hz)
    return Sound(
        hz=hz,
        samples=samples,
        volume=sound.volume,
        rise=round(sound.rise_ms * rate_hz / 1000),
        speaker=None if sound.speaker is None else sound.speaker - 1,
    )


def _read(path: Path, rate_hz: int) -> Samples:
    """Return a file as one channel, the mean of its own.

    Raises:
        DeviceNotFound: If it cannot be read.
    """
    resampler = av.AudioResampler(format="fltp", rate=rate_hz)
    try:
        with av.open(str(path)) as container:
            frames = [
                resampled
                for frame in (*container.decode(audio=0), None)
                for resampled in resampler.resample(frame)
            ]
    except (OSError, av.FFmpegError, IndexError) as failure:
        raise DeviceNotFound(f"sound file {path} cannot be read: {failure}") from failure
    if not frames:
        raise DeviceNotFound(f"sound file {path} is empty")
    return np.concatenate([frame.to_ndarray().mean(axis=0) for frame in frames])
