"""Whatever is asked for, in whatever order: no line is on longer or more often than allowed.

Sequences of orders, times, faults and restarts are made up, and what comes out of them is held
against the limits, by tests/interlock_lines.py.
"""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from interlock_lines import (
    DAY,
    HOUR,
    LATE_AFTER,
    MINUTE,
    MS,
    OUTPUTS,
    Order,
    Restart,
    Rig,
    S,
    Switch,
    Wait,
    check_all,
)

from tracker.limits import Limits
from tracker.stimuli import Action, Arm, PulseTrain


def trains():
    def train(width_ms, gap_ms, n, delay_ms, level):
        return PulseTrain(
            round(width_ms * 1000),
            round((width_ms + gap_ms) * 1000),
            n,
            round(delay_ms * 1000),
            level,
        )

    return st.builds(
        train,
        st.sampled_from([1, 10, 50, 99.999, 100, 100.001, 150]),
        st.sampled_from([0, 0.5, 1, 50, 100, 400]),
        st.sampled_from([1, 1, 2, 5, 30]),
        st.sampled_from([0, 0, 0, 30, 500, 90_000, 2 * 3_600_000]),
        st.sampled_from([1.0, 1.0, 0.5, 0.1]),
    )


def levels():
    return st.builds(
        lambda width_ms, level, delay_ms: PulseTrain(
            width_ms * 1000, width_ms * 1000, 1, delay_ms * 1000, level
        ),
        st.sampled_from([5, 20, 60, 100]),
        st.sampled_from([1.0, 0.5, 0.0]),
        st.sampled_from([0, 0, 700]),
    )


def usual_trains():
    return st.builds(
        lambda width_ms, gap_ms, n: PulseTrain(width_ms * 1000, (width_ms + gap_ms) * 1000, n),
        st.sampled_from([20, 50, 100]),
        st.sampled_from([100, 900]),
        st.sampled_from([1, 2]),
    )


ARMS = st.sampled_from([Arm.REAL, Arm.REAL, Arm.REAL, Arm.YOKED, Arm.SHAM])
AGES = st.sampled_from([None, 0, LATE_AFTER, LATE_AFTER + 1])
OUTPUT = st.sampled_from([OUTPUTS[0], OUTPUTS[0], OUTPUTS[1]])
EVENTS = st.one_of(
    st.builds(Order, OUTPUT, st.just(Action.TRAIN), st.none() | trains(), ARMS, AGES),
    st.builds(Order, OUTPUT, st.just(Action.TRAIN), trains(), ARMS),
    st.builds(Order, OUTPUT, st.just(Action.LEVEL), levels(), ARMS),
    st.builds(Order, OUTPUT, st.just(Action.STOP), st.none(), ARMS),
    st.builds(
        Wait,
        st.sampled_from(
            [0, 1, MS, 10 * MS, 25 * MS, 100 * MS, S, 20 * S, MINUTE, HOUR, 23 * HOUR, -MS, -HOUR]
        ),
    ),
    st.builds(Wait, st.sampled_from([4 * MS, 10 * MS, 30 * MS, 100 * MS, S, 20 * S])),
    *(st.builds(Order, OUTPUT, st.just(Action.TRAIN), usual_trains(), ARMS) for _ in range(6)),
    *(st.builds(Wait, st.sampled_from([2 * S, 20 * S, 2 * MINUTE])) for _ in range(3)),
    st.builds(Switch, st.sampled_from([True, True, True, False])),
    st.builds(
        Restart,
        st.sampled_from([S, 5 * S, 50 * S, HOUR]),
        st.sampled_from([0, 0, -MINUTE, -HOUR, -3 * DAY, HOUR, DAY]),
        st.sampled_from([True, True, False]),
    ),
)
LIMITS = st.builds(
    Limits,
    longest_pulse_ms=st.just(100),
    refractory_s=st.sampled_from([0, 0, 0.2, 90]),
    duty_cycle=st.sampled_from([1, 0.5, 0.1]),
    dose_s_per_minute=st.sampled_from([0.2, 60]),
    dose_s_per_session=st.sampled_from([0.3, 1000]),
    dose_s_per_day=st.sampled_from([0.4, None]),
    deadline_ms=st.just(LATE_AFTER / MS),
)


def test_no_sequence_of_events_gets_past_a_limit(tmp_path):
    seen = Counter()

    @settings(
        max_examples=500,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(limits=LIMITS, events=st.lists(EVENTS, min_size=20, max_size=80))
    def hold(limits, events):
        seen["runs"] += 1
        rig = Rig(tmp_path / "doses.sqlite", f"m{seen['runs']}", limits)
        try:
            for event in (Switch(armed=True), *events):
                rig.happen(event)
        finally:
            rig.close()
        check_all(rig)
        seen["pulses"] += sum(len(line.pulses) for line in rig.lines.values())

    hold()
    assert seen["pulses"] > 2 * seen["runs"], f"hardly anything was let through: {seen}"


# --- sequences that are rare


def train(width_ms, delay_ms=0):
    return PulseTrain(width_ms * 1000, width_ms * 1000, 1, delay_ms * 1000)


def ask(action, about, arm=Arm.REAL):
    return Order("light", action, about, arm)


PULSE = ask(Action.TRAIN, train(100))
LEVEL = ask(Action.LEVEL, train(90))
DELAYED = ask(Action.TRAIN, train(100, delay_ms=2 * 3_600_000))
DELAYED_LEVEL = ask(Action.LEVEL, train(50, delay_ms=700))
SHORT_LEVEL = ask(Action.LEVEL, train(20))
STOP = ask(Action.STOP, None)
SHAM_LEVEL = ask(Action.LEVEL, train(5), Arm.SHAM)
SHAM_STOP = ask(Action.STOP, None, Arm.SHAM)
DISARM, ARM = Switch(armed=False), Switch(armed=True)
SOON = Restart(5 * S, 0, armed=True)
SET_BACK = Restart(5 * S, -3 * DAY, armed=True)
SET_FORTH = Restart(5 * S, 3 * DAY, armed=True)


@pytest.mark.parametrize(
    ("about", "events", "n_pulses"),
    [
        pytest.param({}, [PULSE, Wait(100 * MS), PULSE], 1, id="two_pulses_are_no_long_one"),
        pytest.param({}, [PULSE, Wait(101 * MS), PULSE], 2, id="but_a_gap_is_enough"),
        pytest.param(
            {"duty_cycle": 0.1}, [PULSE, Wait(999 * MS), PULSE, Wait(MS), PULSE], 2, id="duty"
        ),
        pytest.param(
            {"refractory_s": 1},
            [LEVEL, Wait(10 * MS), DISARM, ARM, Wait(60 * MS), SHORT_LEVEL],
            1,
            id="a_level_does_not_go_on_after_a_disarm",
        ),
        pytest.param(
            {"refractory_s": 0.01},
            [LEVEL, Wait(10 * MS), SHAM_LEVEL, Wait(30 * MS), LEVEL],
            1,
            id="a_sham_level_does_not_end_a_real_one",
        ),
        pytest.param(
            {"dose_s_per_session": 0.15},
            [PULSE, SHAM_STOP, Wait(S), PULSE],
            1,
            id="a_sham_stop_gives_nothing_back",
        ),
        pytest.param(
            {"refractory_s": 0.5},
            [PULSE, Wait(200 * MS), DELAYED_LEVEL],
            1,
            id="the_delay_of_a_level_frees_nothing",
        ),
        pytest.param(
            {"dose_s_per_day": 0.15},
            [DELAYED, Wait(24 * HOUR + MINUTE), PULSE, Wait(3 * HOUR), PULSE],
            2,
            id="a_delayed_train_counts_from_its_end",
        ),
        pytest.param(
            {"dose_s_per_minute": 0.15},
            [PULSE, SOON, PULSE, Wait(2 * MINUTE), PULSE],
            2,
            id="a_minute_outlives_the_program",
        ),
        pytest.param(
            {"refractory_s": 90},
            [PULSE, SOON, PULSE, Wait(90 * S), PULSE],
            2,
            id="a_refractory_time_outlives_the_program",
        ),
        pytest.param(
            {"refractory_s": 1},
            [PULSE, SET_BACK, PULSE, Wait(S), PULSE],
            2,
            id="a_clock_that_was_set_back_makes_no_rest_longer",
        ),
        pytest.param(
            {"dose_s_per_day": 0.15},
            [PULSE, SET_BACK, PULSE, SOON, PULSE, SET_FORTH, PULSE],
            1,
            id="a_clock_that_was_set_back_frees_nothing",
        ),
        pytest.param(
            {"dose_s_per_session": 0.15},
            [PULSE, Wait(80 * MS), Wait(-80 * MS), STOP, Wait(S), PULSE],
            1,
            id="a_session_clock_that_goes_back_frees_nothing",
        ),
    ],
)
def test_a_rare_sequence_does_not_get_past_a_limit(tmp_path, about, events, n_pulses):
    free = {"longest_pulse_ms": 100, "refractory_s": 0, "duty_cycle": 1, "dose_s_per_minute": 60}
    limits = Limits(**(free | {"deadline_ms": LATE_AFTER / MS} | about))
    rig = Rig(tmp_path / "doses.sqlite", "m", limits)
    for event in (ARM, *events):
        rig.happen(event)
    rig.close()
    check_all(rig)
    assert len(rig.lines["light"].pulses) == n_pulses
