"""A task written in the experiment: waits, gives trains, goes on. Times are ms."""

import pytest
from controller_frames import PULSES, TRAIN, all_of, asked, ended, frame, made, onset
from pydantic import ValidationError

from tracker.errors import UnknownName
from tracker.stimuli import Arm, PulseTrain

DROP = {"width_ms": 50}
GO_LEFT = {
    "wait": {"next": [{"on_episode": "left_port", "to": "hold"}]},
    "hold": {
        "next": [
            {"after_s": 2, "to": "reward"},
            {"on_episode": "left_port", "at": "end", "to": "wait"},
        ]
    },
    "reward": {"output": "valve", "train": DROP, "next": [{"after_s": 5, "to": "wait"}]},
}


def task(states, *, first=None, **given):
    return made("task", kind="task", first=first or next(iter(states)), states=states, **given)


def visit(n, from_ms):
    return onset(n, from_ms, behaviour="left_port")


FIRST, SECOND = visit(1, 1000), visit(2, 5000)


def test_who_stays_at_the_port_for_two_seconds_gets_a_drop():
    seen = [frame(0), frame(1000, FIRST), frame(2990), frame(3000), frame(3010)]
    (command,) = all_of(task(GO_LEFT), seen)
    assert (command.frame_index, command.output, command.trigger) == (3000, "valve", "state:reward")
    assert command.train == PulseTrain(50_000, 50_000)
    assert (command.stimulus_id, command.arm, command.values) == ("task/1", Arm.REAL, {})


def test_who_leaves_before_begins_anew():
    seen = [frame(0), frame(1000, FIRST), frame(2500, ended(FIRST, 2400)), frame(3000)]
    seen += [frame(5000, SECOND), frame(6999), frame(7000)]
    assert asked(task(GO_LEFT), seen) == [(7000, "train")]


def test_who_comes_back_too_early_after_a_reward_gets_nothing():
    seen = [frame(0), frame(1000, FIRST), frame(3000), frame(4000, ended(FIRST, 3900))]
    seen += [frame(5000, SECOND), frame(8000), frame(9000), frame(20_000)]
    assert asked(task(GO_LEFT), seen) == [(3000, "train")]


def test_the_first_state_is_entered_by_the_first_frame():
    states = {"cue": {"output": "light", "train": TRAIN}}
    seen = [frame(70), frame(80)]
    assert asked(task(states), seen) == [(70, "train")]


def test_a_time_that_is_up_comes_before_the_events_of_the_same_frame():
    seen = [frame(0), frame(1000, FIRST), frame(3000, ended(FIRST, 2900))]
    assert asked(task(GO_LEFT), seen) == [(3000, "train")]


def test_one_event_is_taken_once():
    one, two = ({"on_episode": "left_port", "to": to} for to in ("b", "c"))
    states = {"a": {"next": [one]}, "b": {"next": [two]}, "c": {"output": "valve", "train": DROP}}
    seen = [frame(0), frame(1000, FIRST), frame(2000), frame(5000, SECOND)]
    assert asked(task(states), seen) == [(5000, "train")]


def test_the_end_of_an_episode_is_another_event_than_its_beginning():
    states = {
        "a": {"next": [{"on_episode": "left_port", "at": "end", "to": "b"}]},
        "b": {"output": "valve", "train": DROP},
    }
    seen = [frame(0), frame(1000, FIRST), frame(1500, ended(FIRST, 1400))]
    assert asked(task(states), seen) == [(1500, "train")]


def test_the_third_visit_counts_from_when_the_state_was_entered():
    states = {
        "a": {"next": [{"on_episode": "left_port", "count": 3, "to": "b"}]},
        "b": {"output": "valve", "train": DROP, "next": [{"after_s": 0, "to": "a"}]},
    }
    seen = [frame(0)] + [frame(ms, visit(ms // 1000, ms)) for ms in range(1000, 8000, 1000)]
    assert asked(task(states), seen) == [(3000, "train"), (6000, "train")]


def test_values_are_those_of_the_rule_that_led_there():
    states = {
        "a": {"next": [{"on_episode": "left_port", "to": "b"}]},
        "b": {"output": "valve", "train": DROP},
    }
    (command,) = all_of(task(states), [frame(0), frame(1000, FIRST, in_left=1.0)])
    assert command.values == {"in_left": 1.0}


@pytest.mark.parametrize(
    "way", [{"after_s": 1}, {"on_episode": "left_port"}], ids=["by_time", "by_episode"]
)
def test_states_that_are_left_at_once_take_no_frame(way):
    states = {
        "a": {"next": [way | {"to": "b"}]},
        "b": {"output": "light", "train": TRAIN, "next": [{"after_s": 0, "to": "c"}]},
        "c": {"output": "valve", "train": DROP},
    }
    commands = all_of(task(states), [frame(0), frame(1000, FIRST)])
    assert [(c.frame_index, c.trigger) for c in commands] == [
        (1000, "state:b"),
        (1000, "state:c"),
    ]


METRONOME = {"beat": {"output": "valve", "train": DROP, "next": [{"after_s": 0.1, "to": "beat"}]}}


def test_a_gap_does_not_let_it_rush_through_its_states():
    seen = [frame(0), frame(10_000), frame(10_099), frame(10_100)]
    assert asked(task(METRONOME), seen) == [(0, "train"), (10_000, "train"), (10_100, "train")]


def test_a_state_may_stop_its_output_when_it_is_left():
    states = {
        "tone": {
            "output": "light",
            "train": TRAIN,
            "stop_on_leaving": True,
            "next": [{"on_episode": "left_port", "to": "drop"}],
        },
        "drop": {"output": "valve", "train": DROP},
    }
    commands = all_of(task(states), [frame(0), frame(1000, FIRST)])
    assert [(c.output, c.action, c.trigger) for c in commands] == [
        ("light", "train", "state:tone"),
        ("light", "stop", "state:tone"),
        ("valve", "train", "state:drop"),
    ]


LASER_THEN_DROP = {
    "laser": {
        "output": "light",
        "train": TRAIN,
        "allocated": True,
        "next": [{"after_s": 1, "to": "drop"}],
    },
    "drop": {"output": "valve", "train": DROP, "next": [{"after_s": 1, "to": "laser"}]},
}


def test_only_states_that_say_so_are_trials_of_the_allocation():
    allocation = {"arms": {"real": 1, "sham": 1}, "block": 4, "seed": 7, "blinded": False}
    controller = task(LASER_THEN_DROP, handed=None, allocation=allocation)
    commands = all_of(controller, [frame(ms) for ms in range(0, 8000, 1000)])
    laser = [c.arm for c in commands if c.output == "light"]
    assert sorted(laser) == ["real", "real", "sham", "sham"]
    assert {c.arm for c in commands if c.output == "valve"} == {Arm.REAL}


def test_a_yoked_trial_gets_the_other_animals_train():
    controller = task(
        LASER_THEN_DROP,
        allocation={"arms": {"yoked": 1}},
        yoke={"session": "sessions/m11"},
        other=[(0, PULSES)],
    )
    commands = all_of(controller, [frame(ms) for ms in range(0, 3000, 1000)])
    assert [(c.output, c.arm, c.train) for c in commands] == [
        ("light", Arm.YOKED, PULSES),
        ("valve", Arm.REAL, PulseTrain(50_000, 50_000)),
        ("light", Arm.YOKED, None),
    ]


def test_it_may_ask_something_of_the_outputs_of_its_states_alone():
    both = task(LASER_THEN_DROP, allocation={"arms": {"sham": 1}})
    assert both.outputs == ("light", "valve")
    assert task(GO_LEFT).outputs == ("valve",)


def state(*ways, **more):
    return {"next": list(ways)} | more


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        pytest.param(
            {"wait": state({"after_s": 1, "to": "wiat"})},
            "state 'wait', to: no state 'wiat'; did you mean 'wait'",
            id="unknown_state",
        ),
        pytest.param(
            {"a": state(), "b": state({"after_s": 1, "to": "c"}), "c": state()},
            "no way leads from 'a' to b, c",
            id="unreachable",
        ),
        pytest.param(
            {
                "a": state({"after_s": 1, "to": "b"}),
                "b": state({"after_s": 0, "to": "c"}),
                "c": state({"after_s": 0, "to": "b"}),
            },
            "b -> c -> b takes no time",
            id="endless",
        ),
        pytest.param({"a": state({"after_s": 0, "to": "a"})}, "a -> a takes no time", id="itself"),
        pytest.param(
            {"a": state({"after_s": 1, "to": "a"}, {"after_s": 2, "to": "a"})},
            "2 ways out by after_s",
            id="two_times",
        ),
        pytest.param(
            {
                "a": state(
                    {"on_episode": "left_port", "to": "a"},
                    {"on_episode": "left_port", "count": 2, "to": "a"},
                )
            },
            "2 ways out by on_episode left_port, begin",
            id="two_ways_by_one_event",
        ),
        pytest.param(
            {
                "a": state({"after_s": 0, "to": "b"}, {"on_episode": "left_port", "to": "b"}),
                "b": state(),
            },
            "after_s: 0 leaves at once",
            id="a_way_never_taken",
        ),
        pytest.param(
            {"a": state({"to": "a"})},
            "exactly one of on_episode and after_s, found neither",
            id="no_cause",
        ),
        pytest.param(
            {"a": state({"after_s": 1, "on_episode": "left_port", "to": "a"})},
            "exactly one of on_episode and after_s, found both",
            id="two_causes",
        ),
        pytest.param(
            {"a": state({"after_s": 1, "count": 2, "to": "a"})},
            "at and count belong to on_episode",
            id="a_count_of_times",
        ),
        pytest.param({"a": state(output="light")}, "train is missing", id="no_train"),
        pytest.param({"a": state(train=TRAIN)}, "output is missing", id="no_output"),
        pytest.param({"a": state(allocated=True)}, "need an output", id="nothing_to_allocate"),
        pytest.param(
            {"a": state(output="light", train=TRAIN, allocated=True)},
            "allocation and allocated go together",
            id="no_allocation",
        ),
        pytest.param({}, "at least 1 item", id="no_state"),
    ],
)
def test_a_task_that_cannot_be_run_is_refused(states, expected):
    with pytest.raises(ValidationError, match=expected):
        task(states, first="a" if "a" in states else "wait")


def test_a_first_state_that_is_not_there_is_refused():
    with pytest.raises(ValidationError, match=r"first: no state 'begin'\. There is: wait, hold"):
        task(GO_LEFT, first="begin")


def test_an_allocation_without_trials_is_refused():
    with pytest.raises(ValidationError, match="allocation and allocated go together"):
        task(GO_LEFT, allocation={"arms": {"sham": 1}})


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        pytest.param(
            {"a": state({"on_episode": "left_prot", "to": "a"})},
            "unknown behaviour 'left_prot'; did you mean 'left_port'",
            id="behaviour",
        ),
        pytest.param(
            {"a": state(output="vavle", train=DROP)},
            "unknown output 'vavle'; did you mean 'valve'",
            id="output",
        ),
    ],
)
def test_names_that_are_not_there_are_refused(states, expected):
    with pytest.raises(UnknownName, match=expected):
        task(states)
