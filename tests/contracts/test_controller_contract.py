"""What every controller promises; one line per kind."""

import time

import pytest
from controller_frames import BEHAVIOURS, OUTPUTS, PULSES, TRAIN, ended, frame, made, onset

from tracker.stimuli import Action

YOKE = {"session": "other"}
MAKERS = {
    "onset": lambda: made(kind="pulse", behaviour="freezing", output="light", train=TRAIN),
    "while": lambda: made(
        kind="pulse", behaviour="freezing", when="while", output="light", train=TRAIN
    ),
    "by chance": lambda: made(
        kind="pulse", behaviour="freezing", output="light", train=TRAIN, probability=0.5
    ),
    "sham": lambda: made(
        kind="pulse",
        behaviour="freezing",
        output="light",
        train=TRAIN,
        allocation={"arms": {"real": 1, "sham": 1}},
    ),
    "level": lambda: made(kind="level", feature="speed_cm_s", low=0, high=10, output="light"),
    "task": lambda: made(
        kind="task",
        first="wait",
        states={
            "wait": {"next": [{"to": "reward", "on_episode": "left_port"}]},
            "reward": {"output": "valve", "train": TRAIN, "next": [{"to": "wait", "after_s": 0.2}]},
        },
    ),
    "yoked": lambda: made(
        kind="yoked", output="light", yoke=YOKE, other=[(30, PULSES), (130, None), (230, PULSES)]
    ),
}


@pytest.fixture(params=MAKERS.values(), ids=MAKERS.keys())
def make(request):
    return request.param


def life(n_frames, *, skip=()):
    """Frames in which each behaviour comes and goes, and the speed rises and falls."""
    begun = {}
    for ms in range(n_frames):
        events = []
        for place, behaviour in enumerate(BEHAVIOURS):
            number, phase = divmod(ms + 13 * place, 97)
            if phase == 20:
                begun[behaviour] = onset(number, ms, behaviour=behaviour)
                events.append(begun[behaviour])
            elif phase == 70 and behaviour in begun:
                events.append(ended(begun.pop(behaviour), ms))
        speed = float("nan") if ms % 50 == 0 else ms % 23 / 2
        if ms not in skip:
            yield frame(ms, *events, speed_cm_s=speed)


def run(controller, frames):
    return [command for each in frames for command in controller.update(each)]


def test_the_same_frames_give_the_same_commands(make):
    first, again = run(make(), life(1000)), run(make(), life(1000))
    assert repr(first) == repr(again)  # NaN among the values is the same NaN here
    assert first


def test_stimuli_are_numbered_from_one_and_bear_its_name(make):
    controller = make()
    ids = [command.stimulus_id for command in run(controller, life(1000))]
    assert ids == [f"{controller.name}/{n}" for n in range(1, len(ids) + 1)]


def test_it_asks_nothing_of_an_output_that_it_does_not_name(make):
    controller = make()
    asked = {command.output for command in run(controller, life(1000))}
    assert asked <= set(controller.outputs) <= set(OUTPUTS)


def test_a_command_follows_from_its_frame(make):
    controller = make()
    for each in life(1000):
        for command in controller.update(each):
            assert command.frame_index == each.observation.frame_index
            assert command.captured_ns == each.observation.captured_ns
            assert command.controller == controller.name
            assert command.trigger


def test_only_a_stop_comes_without_a_train(make):
    for command in run(make(), life(1000)):
        assert (command.train is None) == (command.action is Action.STOP)


def test_frames_may_be_missing(make):
    controller = make()
    run(controller, life(1000, skip=set(range(300, 700))))


def test_what_it_says_of_itself_goes_into_json(make):
    controller = make()
    assert controller.facts["kind"]
    assert ("seed" in controller.sealed) == bool(controller.facts.get("blinded"))


def test_a_frame_without_an_event_costs_next_to_nothing(make):
    controller = make()
    run(controller, life(200))
    frames = [frame(ms, speed_cm_s=5.0) for ms in range(200, 2200)]
    began = time.perf_counter()
    for each in frames:
        controller.update(each)
    assert (time.perf_counter() - began) / len(frames) < 50e-6


def test_its_memory_does_not_grow(make):
    controller = make()
    sizes = []
    for n in (2_000, 20_000):
        run(controller, life(n))
        sizes.append(sum(len(value) for value in vars(controller).values() if _grows(value)))
    assert sizes[1] <= sizes[0] + 10


def _grows(value):
    return hasattr(value, "append") or hasattr(value, "update")
