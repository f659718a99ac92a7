"""Which trial gets what. Hashes in here were worked out with `sha256sum`, not with our code."""

import re
from collections import Counter
from pathlib import Path

import pytest
from controller_frames import PULSES, all_of, bouts, made
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tracker.controllers.allocation import Allocation, AllocationSettings, draw_seed, uniform
from tracker.controllers.commands import Trial, Trials
from tracker.controllers.yoke import RecordedYoke
from tracker.stimuli import Action, Arm, PulseTrain

REAL, SHAM, YOKED = Arm.REAL, Arm.SHAM, Arm.YOKED
TWO_AND_TWO = AllocationSettings(arms={REAL: 1, SHAM: 1}, block=4, blinded=False)
SHA256 = "ffe9b0ac0059147a7231a06c8e68af749265310f3bd88d6851d0885156b6654d"
TRAIN = {"width_ms": 10}
PULSE = {"kind": "pulse", "behaviour": "freezing", "output": "light", "train": TRAIN}
HALF = {"real": 1, "sham": 1}


def arms(allocation, n):
    return [allocation.arm(trial) for trial in range(1, n + 1)]


def test_the_schedule_is_the_one_that_the_documented_hashes_give():
    """printf '7/wake/block/0/0' | sha256sum, and so on: keys sort the places 0 3 1 2, 2 3 1 0."""
    schedule = Allocation("wake", TWO_AND_TWO, "7")
    assert arms(schedule, 8) == [REAL, SHAM, REAL, SHAM, SHAM, SHAM, REAL, REAL]


def test_the_hash_commits_to_the_documented_text():
    schedule = Allocation("wake", TWO_AND_TWO, "7")
    assert schedule.schedule_sha256 == SHA256
    assert schedule.facts == {
        "arms": {"real": 2, "sham": 2, "yoked": 0},
        "block": 4,
        "blinded": False,
        "schedule_sha256": SHA256,
    }


@pytest.mark.parametrize(
    ("controller", "given", "seed"),
    [
        pytest.param("reward", TWO_AND_TWO, "7", id="another_controller"),
        pytest.param("wake", TWO_AND_TWO, "8", id="another_seed"),
        pytest.param(
            "wake", AllocationSettings(arms={REAL: 1, SHAM: 1}, block=2), "7", id="other_blocks"
        ),
    ],
)
def test_the_hash_tells_schedules_apart(controller, given, seed):
    assert Allocation(controller, given, seed).schedule_sha256 != SHA256


def test_whether_it_is_blinded_does_not_change_the_schedule():
    blinded = AllocationSettings(arms={REAL: 1, SHAM: 1}, block=4)
    assert Allocation("wake", blinded, "7").schedule_sha256 == SHA256


@settings(derandomize=True, deadline=None)
@given(
    shares=st.tuples(*[st.integers(0, 4)] * 3).filter(any),
    blocks=st.integers(1, 3),
    seed=st.text(max_size=8),
)
def test_every_block_holds_each_arm_as_often_as_its_share_says(shares, blocks, seed):
    named = dict(zip(Arm, shares, strict=True))
    size = sum(shares) * blocks
    schedule = Allocation("wake", AllocationSettings(arms=named, block=size), seed)
    dealt = arms(schedule, 5 * size)
    for first in range(0, 5 * size, size):
        found = Counter(dealt[first : first + size])
        assert found == Counter({arm: n * blocks for arm, n in named.items()})


@settings(derandomize=True, deadline=None)
@given(asked=st.lists(st.integers(1, 10_000), max_size=30))
def test_the_arm_of_a_trial_does_not_depend_on_what_was_asked_before(asked):
    schedule = Allocation("wake", TWO_AND_TWO, "7")
    assert [schedule.arm(n) for n in asked] == [
        Allocation("wake", TWO_AND_TWO, "7").arm(n) for n in asked
    ]


def test_every_order_of_a_block_comes_up_equally_often():
    """6 orders in 6000 blocks: 1000 each, with a standard deviation of 29."""
    schedule = Allocation("wake", TWO_AND_TWO, "a seed")
    dealt = arms(schedule, 4 * 6000)
    found = Counter(tuple(dealt[first : first + 4]) for first in range(0, 4 * 6000, 4))
    assert len(found) == 6
    assert all(abs(n - 1000) < 4 * 29 for n in found.values())


def test_draws_are_the_first_53_bits_of_the_documented_hash():
    """printf '7/wake/draw/1' | sha256sum begins with b43898df8ed1f2."""
    assert uniform("7", "wake", 1) == (0xB43898DF8ED1F2 >> 3) / 2**53
    assert 0.70 < uniform("7", "wake", 1) < 0.71


def test_drawn_seeds_have_128_bits_and_differ():
    assert re.fullmatch(r"[0-9a-f]{32}", draw_seed())
    assert draw_seed() != draw_seed()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"arms": {}}, "every share is 0", id="no_arm"),
        pytest.param({"arms": {"real": 0}}, "every share is 0", id="no_share"),
        pytest.param({"arms": {"real": -1}}, "greater than or equal to 0", id="below_0"),
        pytest.param({"arms": {"placebo": 1}}, "'real', 'sham' or 'yoked'", id="unknown_arm"),
        pytest.param({"arms": HALF, "block": 3}, "expected a multiple of 2", id="unbalanced_block"),
        pytest.param({"arms": HALF, "seed": 7}, "tells everybody the arms", id="seed_not_hidden"),
    ],
)
def test_an_allocation_that_cannot_be_is_refused(given, expected):
    with pytest.raises(ValidationError, match=expected):
        AllocationSettings(**given)


def test_arms_are_hidden_unless_the_file_says_otherwise():
    assert AllocationSettings(arms=HALF).blinded


def test_without_an_allocation_every_trial_is_real():
    trials = Trials()
    assert [trials.begin(PULSES) for _ in range(2)] == [Trial(REAL, PULSES)] * 2


def test_a_yoked_trial_asks_for_the_next_train_of_the_other_animal():
    settings = AllocationSettings(arms={YOKED: 1})
    other = PulseTrain(5000, 5000)
    trials = Trials(Allocation("wake", settings, "7"), RecordedYoke([(0, other)]))
    assert trials.begin(PULSES) == Trial(YOKED, other)


def test_a_yoked_trial_for_which_nothing_is_left_asks_for_no_train():
    """The interlocks refuse a command without one, and its row says why."""
    allocation = {"arms": {"yoked": 1}}
    other = {"session": "sessions/m11"}
    controller = made(**PULSE, allocation=allocation, yoke=other, other=[(0, PULSES)])
    first, second = all_of(controller, bouts(2))
    assert (first.arm, first.action, first.train) == (YOKED, Action.TRAIN, PULSES)
    assert (second.arm, second.action, second.train) == (YOKED, Action.TRAIN, None)


def test_a_controller_follows_its_schedule_by_the_number_of_its_trial():
    allocation = {"arms": HALF, "block": 4, "seed": 7, "blinded": False}
    commands = all_of(made(**PULSE, handed=None, allocation=allocation), bouts(8))
    assert [each.arm for each in commands] == [REAL, SHAM, REAL, SHAM, SHAM, SHAM, REAL, REAL]


def test_triggers_that_do_not_count_are_no_trials():
    allocation = {"arms": HALF, "block": 4, "seed": 7, "blinded": False}
    controller = made(**PULSE, every=2, handed=None, allocation=allocation)
    assert [each.arm for each in all_of(controller, bouts(8))] == [REAL, SHAM, REAL, SHAM]


def test_a_session_that_is_not_blinded_keeps_the_seed_where_everybody_can_read_it():
    allocation = {"arms": HALF, "block": 4, "seed": 7, "blinded": False}
    controller = made(**PULSE, handed=None, allocation=allocation)
    assert controller.facts["seed"] == "7"
    assert controller.facts["schedule_sha256"] == SHA256
    assert controller.sealed == {}


def test_a_blinded_session_tells_the_hash_and_seals_the_seed():
    controller = made(**PULSE, handed=None, allocation={"arms": HALF, "block": 4})
    assert controller.facts == {
        "kind": "pulse",
        "arms": {"real": 2, "sham": 2, "yoked": 0},
        "block": 4,
        "blinded": True,
        "schedule_sha256": controller.facts["schedule_sha256"],
    }
    settings = AllocationSettings(arms={REAL: 1, SHAM: 1}, block=4)
    opened = Allocation("wake", settings, controller.sealed["seed"])
    assert opened.schedule_sha256 == controller.facts["schedule_sha256"]


def test_a_replay_is_handed_the_seed_and_gives_the_same_arms():
    live = made(**PULSE, handed=None, allocation={"arms": HALF})
    again = made(**PULSE, handed=live.sealed["seed"], allocation={"arms": HALF})
    assert all_of(live, bouts(20)) == all_of(again, bouts(20))


def test_two_blinded_sessions_have_two_schedules():
    one, other = (made(**PULSE, handed=None, allocation={"arms": HALF}) for _ in range(2))
    assert one.facts["schedule_sha256"] != other.facts["schedule_sha256"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"allocation": {"arms": {"yoked": 1}}}, "say in yoke", id="no_source"),
        pytest.param(
            {"allocation": {"arms": HALF}, "yoke": {"session": "x"}},
            "yoke without yoked trials",
            id="no_yoked_trials",
        ),
        pytest.param(
            {"seed": 1, "allocation": {"arms": HALF}}, "seed and allocation", id="two_seeds"
        ),
        pytest.param(
            {
                "when": "while",
                "allocation": {"arms": {"yoked": 1}},
                "yoke": {"session": "x"},
            },
            "when: while has no yoked trials",
            id="yoked_while",
        ),
    ],
)
def test_an_allocation_that_does_not_fit_its_controller_is_refused(given, expected):
    with pytest.raises(ValidationError, match=expected):
        made(**PULSE, **given)


def test_the_documented_check_of_a_schedule_works_without_our_code():
    page = Path(__file__).parents[1] / "docs" / "controllers.md"
    code = page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    facts = Allocation("wake", TWO_AND_TWO, "7").facts
    known = {"controller": "wake", "seed": "7", "facts": facts, "n_trials": 8}
    exec(compile(code, str(page), "exec"), known)
    assert known["arms"] == ["real", "sham", "real", "sham", "sham", "sham", "real", "real"]
