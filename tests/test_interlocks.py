"""What may be done to an animal, and what is refused and why."""

import pytest

from tracker.dose_store import DoseStore
from tracker.interlocks import Interlocks, Situation
from tracker.limits import Limits
from tracker.stimuli import Action, Arm, PulseTrain, Refusal, StimulusCommand

S = 1_000_000_000
ANCHOR = 1_700_000_000 * S
SEEN = Situation(usable=True, identity=1.0, captured_ns=0)
USUAL = {
    "longest_pulse_ms": 100,
    "refractory_s": 1,
    "duty_cycle": 0.5,
    "dose_s_per_minute": 1,
    "dose_s_per_session": 2,
    "dose_s_per_day": 3,
    "deadline_ms": None,
}


@pytest.fixture
def doses(tmp_path):
    with DoseStore(tmp_path / "doses.sqlite") as store:
        yield store


def interlocks(doses, *, subject="m1", anchor=ANCHOR, armed=True, **limits):
    made = Interlocks(
        {"light": Limits(**(USUAL | limits))}, doses, subject=subject, anchor_utc_ns=anchor
    )
    if armed:
        made.arm("a person")
    return made


def pulse(ms=50, n=1, period_ms=None, *, level=1.0, delay_ms=0):
    width = round(ms * 1000)
    return PulseTrain(width, round((period_ms or ms) * 1000), n, delay_ms * 1000, level)


def ask(of, train, at_s=0.0, situation=SEEN, *, arm=Arm.REAL, action=Action.TRAIN):
    command = StimulusCommand("c/1", "c", "light", action, train, arm)
    return of.judge(command, round(at_s * S), situation)


def refusal(*about, **more):
    return ask(*about, **more).refusal


def test_what_is_within_every_limit_is_let_through(doses):
    judged = ask(interlocks(doses), pulse(50))
    assert (judged.refusal, judged.reason, judged.dose_s) == (None, "", pytest.approx(0.05))


def test_nothing_is_let_through_until_somebody_arms(doses):
    made = interlocks(doses, armed=False)
    judged = ask(made, pulse())
    assert judged.refusal is Refusal.NOT_ARMED
    assert judged.reason == "not armed: nobody has armed it yet"
    made.arm("a person")
    assert made.armed_by == "a person"
    assert refusal(made, pulse()) is None


def test_a_fault_disarms_and_its_reason_is_kept(doses):
    made = interlocks(doses)
    made.disarm("the box was unplugged")
    made.disarm("the session has ended")
    assert made.armed_by is None
    assert "the box was unplugged" in ask(made, pulse()).reason


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        pytest.param(Situation(False, 1.0, 0), Refusal.FRAME_UNUSABLE, id="unusable"),
        pytest.param(Situation(True, 0.89, 0), Refusal.IDENTITY_UNCERTAIN, id="uncertain"),
        pytest.param(Situation(True, float("nan"), 0), Refusal.IDENTITY_UNCERTAIN, id="unknown"),
        pytest.param(Situation(True, 0.9, 0), None, id="just_certain_enough"),
        pytest.param(Situation(False, 0.0, None), None, id="a_person_is_not_asked"),
    ],
)
def test_the_frame_decides_too(doses, situation, expected):
    assert refusal(interlocks(doses), pulse(), 0.0, situation) is expected


@pytest.mark.parametrize(
    ("at_s", "captured_ns", "expected"),
    [
        pytest.param(0.1, 0, None, id="just_in_time"),
        pytest.param(0.101, 0, Refusal.LATE, id="late"),
        pytest.param(0.101, None, None, id="by_hand"),
    ],
)
def test_the_deadline_counts_from_exposure(doses, at_s, captured_ns, expected):
    made = interlocks(doses, deadline_ms=100)
    judged = ask(made, pulse(), at_s, Situation(True, 1.0, captured_ns))
    assert judged.refusal is expected
    assert judged.deadline_ns == (None if captured_ns is None else S // 10)


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        pytest.param(pulse(100), None, id="as_long_as_allowed"),
        pytest.param(pulse(100.1), Refusal.PULSE_TOO_LONG, id="longer"),
        pytest.param(pulse(40, 2, 80), None, id="half_of_the_time"),
        pytest.param(pulse(41, 2, 80), Refusal.DUTY_CYCLE, id="more_than_half"),
        pytest.param(pulse(60, 2, 60), Refusal.PULSE_TOO_LONG, id="no_gap_is_one_pulse"),
        pytest.param(pulse(60, 2, 60.9), Refusal.PULSE_TOO_LONG, id="hardly_a_gap"),
        pytest.param(pulse(100, 11, 200), Refusal.DOSE_PER_MINUTE, id="more_than_a_second"),
        pytest.param(pulse(100, 20, 200, level=0.5), None, id="at_half_the_level"),
        pytest.param(None, Refusal.NO_YOKED_TRAIN, id="nothing_left"),
    ],
)
def test_a_train_has_to_fit_the_limits(doses, train, expected):
    assert refusal(interlocks(doses), train) is expected


@pytest.mark.parametrize(
    ("at_s", "expected"),
    [
        pytest.param(0.02, Refusal.REFRACTORY, id="it_still_goes_on"),
        pytest.param(1.049, Refusal.REFRACTORY, id="too_soon"),
        pytest.param(1.05, None, id="a_second_after_its_end"),
    ],
)
def test_the_next_one_waits_for_the_refractory_time(doses, at_s, expected):
    made = interlocks(doses)
    assert refusal(made, pulse(50)) is None
    assert refusal(made, pulse(50), at_s) is expected


def test_a_delayed_train_counts_from_its_own_end(doses):
    made = interlocks(doses)
    assert refusal(made, pulse(50, delay_ms=500)) is None
    assert refusal(made, pulse(50), 1.549) is Refusal.REFRACTORY
    assert refusal(made, pulse(50), 1.55) is None


def test_a_stimulus_rests_until_its_share_of_the_time_is_small_enough(doses):
    made = interlocks(doses, refractory_s=0, duty_cycle=0.1)
    assert refusal(made, pulse(50)) is None
    assert refusal(made, pulse(50), 0.499) is Refusal.REFRACTORY
    assert refusal(made, pulse(50), 0.5) is None


def test_a_minute_forgets_what_ended_a_minute_ago(doses):
    made = interlocks(doses, refractory_s=0, duty_cycle=1)
    for n in range(10):
        assert refusal(made, pulse(100), n) is None
    assert refusal(made, pulse(100), 10) is Refusal.DOSE_PER_MINUTE
    assert refusal(made, pulse(100), 60.09) is Refusal.DOSE_PER_MINUTE
    assert refusal(made, pulse(100), 60.1) is None


def test_a_session_does_not_forget(doses):
    made = interlocks(doses, refractory_s=0, duty_cycle=1, dose_s_per_minute=60)
    for n in range(20):
        assert refusal(made, pulse(100), 100 * n) is None
    assert refusal(made, pulse(100), 5000) is Refusal.DOSE_PER_SESSION


def test_a_day_counts_over_sessions_and_by_animal(doses):
    about = {"refractory_s": 0, "duty_cycle": 1, "dose_s_per_minute": 60}
    for hour in range(2):
        made = interlocks(doses, anchor=ANCHOR + hour * 3600 * S, **about)
        for n in range(15):
            assert refusal(made, pulse(100), n) is None
    third = interlocks(doses, anchor=ANCHOR + 2 * 3600 * S, **about)
    judged = ask(third, pulse(100))
    assert judged.refusal is Refusal.DOSE_PER_DAY
    assert judged.reason == "m1 has had 3.00 s in 24 hours, and 0.10 s more would exceed 3 s"
    assert refusal(interlocks(doses, subject="m2", **about), pulse(100)) is None
    tomorrow = interlocks(doses, anchor=ANCHOR + 26 * 3600 * S, **about)
    assert refusal(tomorrow, pulse(100)) is None


def test_sham_counts_like_real_but_not_against_the_animal(doses):
    made = interlocks(doses)
    assert refusal(made, pulse(50), arm=Arm.SHAM) is None
    assert refusal(made, pulse(50), 0.5) is Refusal.REFRACTORY
    assert made.state(S)["light"].dose_s["session"] == pytest.approx(0.05)
    assert doses.had_ns("m1", "light", ANCHOR) == 0


def test_a_stop_is_never_refused_and_gives_back_what_was_not_delivered(doses):
    made = interlocks(doses, dose_s_per_minute=60, refractory_s=0.1)
    assert refusal(made, pulse(50, 20, 100)) is None  # one second on, over two
    assert doses.had_ns("m1", "light", ANCHOR) / S == pytest.approx(1.0)
    made.disarm("a person")
    assert refusal(made, None, 0.48, action=Action.STOP) is None  # counts until 0.5: five pulses
    assert doses.had_ns("m1", "light", ANCHOR) / S == pytest.approx(0.25)
    assert made.state(S)["light"].dose_s["session"] == pytest.approx(0.25)
    made.arm("a person")
    assert refusal(made, pulse(50), 0.59) is Refusal.REFRACTORY
    assert refusal(made, pulse(50), 0.60) is None


def test_a_stop_when_nothing_goes_on_changes_nothing(doses):
    made = interlocks(doses)
    assert refusal(made, None, 5, action=Action.STOP) is None
    assert refusal(made, pulse(50), 5.001) is None


def level(of, at_s, value=1.0, hold_ms=50):
    return refusal(of, pulse(hold_ms, level=value), at_s, action=Action.LEVEL)


def test_levels_in_a_row_are_one_stretch(doses):
    made = interlocks(doses)
    assert level(made, 0.00) is None
    assert level(made, 0.04) is None  # on until 0.09
    assert level(made, 0.05) is None  # until 0.10
    assert level(made, 0.051) is Refusal.PULSE_TOO_LONG
    assert doses.had_ns("m1", "light", ANCHOR) / S == pytest.approx(0.10)


def test_a_new_row_of_levels_waits_for_the_refractory_time(doses):
    made = interlocks(doses)
    assert level(made, 0.00) is None
    assert level(made, 0.06) is Refusal.REFRACTORY
    assert level(made, 1.05) is None


def test_a_level_is_dosed_by_its_height(doses):
    made = interlocks(doses)
    assert level(made, 0.0, 0.5) is None
    assert level(made, 0.02, 0.25) is None  # 20 ms at a half, then 50 ms at a quarter
    assert doses.had_ns("m1", "light", ANCHOR) / S == pytest.approx(0.01 + 0.0125)


def test_a_train_does_not_take_the_place_of_a_level(doses):
    made = interlocks(doses)
    assert level(made, 0.0) is None
    assert refusal(made, pulse(10), 0.02) is Refusal.REFRACTORY


def test_a_clock_that_goes_back_frees_nothing(doses):
    made = interlocks(doses)
    assert refusal(made, pulse(50), 100) is None
    assert refusal(made, pulse(50), 0) is Refusal.REFRACTORY
    assert refusal(made, pulse(50), 100.5) is Refusal.REFRACTORY


def test_doses_that_cannot_be_kept_are_not_given(doses):
    made = interlocks(doses)
    doses.close()
    judged = ask(made, pulse(50))
    assert judged.refusal is Refusal.DOSE_PER_DAY
    assert "cannot be kept" in judged.reason


def test_the_device_enforces_a_little_less_than_the_program():
    limits = Limits(longest_pulse_ms=250, refractory_s=2)
    assert limits.for_device(levels=False).longest_us == 250_000
    assert limits.for_device(levels=False).least_gap_us == 1_750_000
    assert limits.for_device(levels=True).least_gap_us == 0
    assert Limits(refractory_s=0).for_device(levels=False).least_gap_us == 0
