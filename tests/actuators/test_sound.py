"""Sounds through a card that a test plays, and through PortAudio where it is installed."""

import os
import subprocess
import sys
import threading
import wave

import numpy as np
import pytest
from pydantic import ValidationError
from sound_card import Card

from tracker.actuators.sound import SoundOut, SoundSettings
from tracker.errors import ConfigError, DeviceError, DeviceLost, DeviceNotFound, MissingExtra
from tracker.stimuli import Action, LineLimits, Order, PulseTrain
from tracker.testing.manual_clock import ManualClock

MS = 1_000_000
FREE = LineLimits(1_000_000, 0)
PULSE = PulseTrain(10_000, 10_000)
BEEP = {"kind": "tone", "hz": 1000, "rise_ms": 0}


@pytest.fixture
def card():
    return Card()


@pytest.fixture
def make(card):
    made = []

    def one(limits=FREE, clock=None, **about):
        settings = SoundSettings(**({"rate_hz": 8000, "sounds": {"beep": BEEP}} | about))
        lines = dict.fromkeys(settings.sounds, limits)
        made.append(SoundOut(settings, lines, clock or ManualClock(), card.open))
        return made[-1]

    yield one
    for actuator in made:
        actuator.close()


@pytest.fixture
def opened(make):
    actuator = make()
    actuator.open()
    return actuator


def test_opening_it_is_silent(opened, card):
    assert not card.play(50).any()


def test_a_train_is_heard_from_the_next_block_on(opened, card):
    opened.apply(Order("beep", Action.TRAIN, PulseTrain(10_000, 30_000, 2), "a/1"))
    assert np.flatnonzero(card.play(60)).tolist() == [*range(10), *range(30, 40)]


def test_a_stop_silences_it(opened, card):
    opened.apply(Order("beep", Action.TRAIN, PulseTrain(500_000, 500_000), "a/1"))
    assert card.play(10).all()
    opened.apply(Order("beep", Action.STOP, None, "a/2"))
    assert not card.play(50).any()


def test_the_receipt_is_as_uncertain_as_the_latency_of_the_card(make):
    actuator = make(clock=ManualClock(5 * MS))
    actuator.open()
    receipt = actuator.apply(Order("beep", Action.TRAIN, PULSE, "a/1"))
    assert (receipt.acknowledged_ns, receipt.uncertainty_ns) == (5 * MS, 20 * MS)
    assert not receipt.confirmed


def test_a_sound_that_is_too_long_is_refused_and_not_heard(make, card):
    actuator = make(LineLimits(9_000, 0))
    actuator.open()
    with pytest.raises(DeviceError, match="a/1: on for 10 ms"):
        actuator.apply(Order("beep", Action.TRAIN, PULSE, "a/1"))
    assert not card.play(50).any()


def test_a_loop_that_is_not_alive_silences_it(opened, card):
    opened.apply(Order("beep", Action.TRAIN, PulseTrain(500_000, 500_000), "a/1"))
    assert card.play(10).all()
    opened.tend(alive=False)
    assert not card.play(50).any()


def test_if_nobody_tends_it_it_falls_silent_by_itself_which_is_a_fault(opened, card):
    opened.apply(Order("beep", Action.TRAIN, PulseTrain(900_000, 900_000), "a/1"))
    heard = np.concatenate([card.play(10) for _ in range(60)])
    assert np.flatnonzero(heard).tolist() == list(range(260))
    with pytest.raises(DeviceLost, match="nobody looked after it"):
        opened.tend(alive=True)


def test_while_it_is_tended_it_goes_on(opened, card):
    opened.apply(Order("beep", Action.TRAIN, PulseTrain(900_000, 900_000), "a/1"))
    for _ in range(6):
        opened.tend(alive=True)
        assert card.play(100).all()


def test_a_card_that_ran_dry_in_a_sound_is_a_fault(opened, card):
    opened.apply(Order("beep", Action.TRAIN, PULSE, "a/1"))
    card.play(5)
    card.fill(np.empty((8, 2), np.float32), underflow=True)
    with pytest.raises(DeviceLost, match="a sound had a gap"):
        opened.tend(alive=True)


def test_a_card_that_has_stopped_is_lost(opened, card):
    card.is_active = False
    with pytest.raises(DeviceLost, match="has stopped: was it unplugged"):
        opened.tend(alive=True)
    with pytest.raises(DeviceLost, match="open it again"):
        opened.apply(Order("beep", Action.TRAIN, PULSE, "a/1"))


def test_making_it_safe_silences_it_from_any_thread(opened, card):
    opened.apply(Order("beep", Action.TRAIN, PulseTrain(500_000, 500_000), "a/1"))
    other = threading.Thread(target=opened.make_safe)
    other.start()
    other.join(5)
    assert not card.play(50).any()
    with pytest.raises(DeviceError, match="made safe: open it again"):
        opened.apply(Order("beep", Action.TRAIN, PULSE, "a/2"))


def test_closing_lets_go_of_the_card(opened, card):
    opened.close()
    assert card.is_closed


def test_a_file_is_read_as_one_channel_at_the_rate_of_the_card(make, card, tmp_path):
    path = tmp_path / "click.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 16_000, 0, "NONE", ""))
        file.writeframes(np.full((160, 2), [32_767, 0], np.int16).tobytes())  # 10 ms, left
    click = {"kind": "file", "path": path, "volume": 1, "rise_ms": 0}
    actuator = make(sounds={"click": click})
    actuator.open()
    actuator.apply(Order("click", Action.TRAIN, PulseTrain(50_000, 50_000), "a/1"))
    out = np.empty((400, 2), np.float32)
    card.fill(out, underflow=False)
    assert out[20:60] == pytest.approx(np.full((40, 2), 0.5), abs=0.02)  # away from its ends
    assert not out[100:].any()


def test_a_file_that_is_not_there_is_a_wrong_experiment(make, tmp_path):
    with pytest.raises(ConfigError, match=r"sounds\.call: .*none\.wav is not there"):
        make(sounds={"call": {"kind": "file", "path": tmp_path / "none.wav"}})


def test_a_file_that_is_no_sound_cannot_be_opened(make, tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    actuator = make(sounds={"call": {"kind": "file", "path": tmp_path / "text.wav"}})
    with pytest.raises(DeviceNotFound, match=r"text\.wav cannot be read"):
        actuator.open()


def test_a_line_that_is_no_sound_is_a_wrong_experiment(card):
    settings = SoundSettings(sounds={"beep": BEEP})
    with pytest.raises(ConfigError, match=r"no sound 'boop'; there is \['beep'\]"):
        SoundOut(settings, {"boop": FREE}, ManualClock(), card.open)


@pytest.mark.parametrize(
    ("about", "match"),
    [
        pytest.param({"sounds": {"beep": BEEP | {"speaker": 3}}}, "speaker 3 of 2", id="speaker"),
        pytest.param(
            {"sounds": {"beep": BEEP | {"hz": 30_000}}}, "more than half of rate_hz", id="too high"
        ),
        pytest.param({"sounds": {}}, "at least 1 item", id="none"),
    ],
)
def test_what_cannot_be_heard_is_an_error(about, match):
    with pytest.raises(ValidationError, match=match):
        SoundSettings(**about)


def test_without_its_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    settings = SoundSettings(sounds={"beep": BEEP})
    with pytest.raises(MissingExtra, match=r"behaviour-tracker\[sound\]"):
        SoundOut(settings, {"beep": FREE}, ManualClock()).open()


# PortAudio itself, with a card of ALSA that plays to nobody

PROGRAM = """
from tracker.actuators.sound import SoundOut, SoundSettings
from tracker.clock import SystemClock
from tracker.errors import DeviceNotFound
from tracker.stimuli import Action, LineLimits, Order, PulseTrain

def made(**about):
    settings = SoundSettings(sounds={"beep": {"kind": "tone", "hz": 1000}}, **about)
    return SoundOut(settings, {"beep": LineLimits(10**6, 0)}, SystemClock())

card = made()
card.open()
card.tend(alive=True)
print(card.apply(Order("beep", Action.TRAIN, PulseTrain(1000, 1000), "a/1")).uncertainty_ns > 0)
card.close()
try:
    made(device="no such card").open()
except DeviceNotFound as failure:
    print(failure)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ALSA is Linux's")
def test_portaudio_opens_a_card_and_says_which_there_are(tmp_path):
    try:
        pytest.importorskip("sounddevice")
    except OSError as missing:
        pytest.skip(str(missing))  # PortAudio itself
    config = tmp_path / "asound.conf"
    config.write_text('pcm.!default { type null\n hint { show on\n description "quiet" } }\n')
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "ALSA_CONFIG_PATH": str(config)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "True"
    assert second.startswith("sound card no such card cannot be opened: No output device matching")
    assert second.endswith("There is: default")
