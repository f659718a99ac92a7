"""Sounds by the sample, at a rate of 1000 samples per second: one sample is one millisecond."""

import numpy as np
import pytest

from tracker.actuators.mixer import Mixer, Sound
from tracker.actuators.plan import plan_of
from tracker.stimuli import Action, Order, PulseTrain

ONES = np.ones(1000, np.float32)
STEADY = Sound(hz=0, samples=ONES, volume=1, rise=0, speaker=None)


class Card:
    """Asks a mixer for blocks of `block` samples."""

    def __init__(self, sound=STEADY, *, block=10, channels=1, feed=True, **others):
        self.mixer = Mixer({"a": sound} | others, rate_hz=1000)
        self._shape, self._feed = (block, channels), feed

    def begin(self, width, period=None, n=1, line="a", action=Action.TRAIN, **about):
        us = round(width * 1000), round((period or width) * 1000)
        train = PulseTrain(*us, n, **about)
        self.mixer.begin(line, plan_of(Order(line, action, train, "s/1"), 0), 0)

    def play(self, samples, *, underflow=False):
        """Return what comes out, [sample][channel]."""
        blocks = []
        for _ in range(samples // self._shape[0]):
            if self._feed:
                self.mixer.feed()
            out = np.full(self._shape, 9, np.float32)
            self.mixer.fill(out, underflow=underflow)
            blocks.append(out)
        return np.concatenate(blocks)

    def on(self, samples):
        """Return first and last sample of each stretch that is not silent."""
        heard = np.flatnonzero(self.play(samples)[:, 0])
        breaks = np.flatnonzero(np.diff(heard) > 1)
        return list(zip(heard[np.r_[0, breaks + 1]], heard[np.r_[breaks, -1]], strict=True))


def test_without_a_train_it_is_silent():
    assert not Card().play(50).any()


def test_pulses_are_exact_to_the_sample_whatever_the_blocks():
    card = Card(block=7)
    card.begin(5, 20, 3)
    assert card.on(70) == [(0, 4), (20, 24), (40, 44)]


def test_it_begins_with_the_next_block():
    card = Card()
    card.play(30)
    card.begin(5)
    assert card.on(20) == [(0, 4)]


def test_a_delay_is_counted_from_there():
    card = Card()
    card.begin(5, delay_us=13_000)
    assert card.on(50) == [(13, 17)]


@pytest.mark.parametrize("hz", [0, 130])
def test_before_its_delay_is_over_it_is_silent(hz):
    card = Card(Sound(hz, ONES, volume=1, rise=0, speaker=None))
    card.begin(5, delay_us=2_000_000)
    assert not card.play(2000).any()
    assert card.play(10).any()


def test_the_level_is_the_volume():
    card = Card(Sound(0, ONES, volume=0.5, rise=0, speaker=None))
    card.begin(5, level=0.25)
    assert card.play(10)[:5, 0] == pytest.approx([0.125] * 5)


def test_a_tone_has_its_frequency_and_begins_at_zero_in_each_pulse():
    card = Card(Sound(hz=100, samples=ONES[:0], volume=1, rise=0, speaker=None))
    card.begin(15, 23, 2)
    wave = np.sin(2 * np.pi * 0.1 * np.arange(15))
    heard = card.play(40)[:, 0]
    assert heard[:15] == pytest.approx(wave, abs=1e-6)
    assert heard[23:38] == pytest.approx(wave, abs=1e-6)


def test_a_pulse_swells_and_fades_as_half_a_cosine():
    card = Card(Sound(0, ONES, volume=1, rise=4, speaker=None))
    card.begin(12)
    gate = [0, 0.1464, 0.5, 0.8536, 1, 1, 1, 1, 1, 0.8536, 0.5, 0.1464]
    assert card.play(20)[:12, 0] == pytest.approx(gate, abs=1e-4)


def test_a_train_rises_and_falls_as_a_whole():
    card = Card()
    card.begin(20, ramp_us=8_000)
    heard = card.play(20)[:, 0]
    assert heard[[0, 2, 4, 8, 12, 16, 19]] == pytest.approx([0, 0.25, 0.5, 1, 1, 0.5, 0.125])


def test_a_file_is_heard_from_its_start_in_each_pulse_and_silence_follows_it():
    card = Card(Sound(0, np.array([0.1, 0.2, 0.3], np.float32), 1, 0, None))
    card.begin(5, 8, 2)
    once = [0.1, 0.2, 0.3, 0, 0, 0, 0, 0]
    assert card.play(20)[:16, 0] == pytest.approx(once * 2)


def test_a_speaker_of_its_own():
    card = Card(Sound(0, ONES, 1, 0, speaker=1), channels=3)
    card.begin(5)
    assert card.play(10)[:5].tolist() == [[0, 1, 0]] * 5


def test_sounds_add_up_and_never_exceed_the_most():
    card = Card(Sound(0, ONES, 0.75, 0, None), b=Sound(0, ONES, 0.75, 0, None))
    card.begin(5)
    card.begin(3, line="b")
    assert card.play(10)[:6, 0].tolist() == [1, 1, 1, 0.75, 0.75, 0]


def test_an_end_is_heard_with_the_next_block():
    card = Card()
    card.begin(100)
    assert card.play(20).all()
    card.mixer.end("a")
    assert not card.play(100).any()


def test_a_train_takes_the_place_of_the_one_before():
    card = Card()
    card.begin(5, 10, 8)
    card.play(30)
    card.begin(50)
    assert card.on(70) == [(0, 49)]


def test_a_level_that_is_renewed_goes_on_without_swelling_anew():
    card = Card(Sound(hz=100, samples=ONES[:0], volume=1, rise=5, speaker=None), block=8)
    card.begin(100, action=Action.LEVEL)
    card.play(24)
    card.begin(100, level=0.5, action=Action.LEVEL)
    expected = 0.5 * np.sin(2 * np.pi * 0.1 * np.arange(24, 40))
    assert card.play(16)[:, 0] == pytest.approx(expected, abs=1e-6)


SWELLS = Sound(0, ONES, volume=1, rise=5, speaker=None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({"width": 100, "level": 0}, {}, id="after level zero"),
        pytest.param({"width": 10, "period": 40, "n": 3}, {}, id="in a gap"),
        pytest.param({"width": 100}, {"delay_us": 20_000}, id="after a delay"),
        pytest.param({"width": 20}, {}, id="after one that is over"),
    ],
)
def test_a_train_that_does_not_go_on_from_a_sound_swells_anew(before, after):
    card = Card(SWELLS)
    card.begin(**before)
    card.play(20)
    card.begin(50, **after)
    heard = card.play(40)[:, 0]
    start = after.get("delay_us", 0) // 1000
    assert not heard[:start].any()
    assert heard[start : start + 6] == pytest.approx(
        [0, 0.0955, 0.3455, 0.6545, 0.9045, 1], abs=1e-4
    )


def test_level_zero_is_silence():
    card = Card()
    card.begin(100, action=Action.LEVEL)
    card.play(20)
    card.begin(100, level=0, action=Action.LEVEL)
    assert not card.play(100).any()


def test_unfed_for_a_quarter_of_a_second_it_falls_silent_and_says_so():
    card = Card(feed=False)
    card.begin(900)
    assert card.on(600) == [(0, 259)]
    assert card.mixer.trouble == "nobody looked after it for 0.25 s"


def test_while_it_is_fed_it_goes_on():
    card = Card()
    card.begin(900)
    assert card.play(900).all()


@pytest.mark.parametrize(
    "about",
    [None, pytest.param({"width": 5}, id="over"), pytest.param({"width": 900, "level": 0}, id="0")],
)
def test_unfed_while_it_is_silent_anyway_is_no_trouble(about):
    card = Card(feed=False)
    if about is not None:
        card.begin(**about)
    card.play(600)
    assert card.mixer.trouble == ""


def test_a_card_that_ran_dry_in_a_sound_is_trouble():
    card = Card()
    card.begin(100)
    card.play(10)
    card.play(10, underflow=True)
    assert "a sound had a gap" in card.mixer.trouble


def test_a_card_that_ran_dry_in_silence_is_none():
    card = Card()
    card.play(10, underflow=True)
    card.begin(5, delay_us=50_000)
    card.play(10, underflow=True)
    assert card.mixer.trouble == ""
