"""Stimuli, edges and what is sealed, written and read again."""

import json

import pytest
from session_folders import opened

from tracker.controllers.allocation import Allocation, AllocationSettings
from tracker.errors import RecordingError
from tracker.recording import Recording
from tracker.stimuli import (
    Action,
    Arm,
    Delivery,
    Edge,
    PulseTrain,
    Refusal,
    StimulusCommand,
    StimulusRow,
)
from tracker.unblinding import unblind

TRAIN = PulseTrain(width_us=10_000, period_us=50_000, n_pulses=10)


def command(n=1, *, arm=Arm.REAL, values=None, train=TRAIN):
    return StimulusCommand(
        f"wake/{n}",
        "wake",
        "light",
        Action.TRAIN,
        train,
        arm,
        trigger="freezing/mouse/1",
        values={"speed_cm_s": 0.5} if values is None else values,
        frame_index=30,
        captured_ns=500,
    )


def delivered(n=1, **about):
    return StimulusRow(
        command(n, **about),
        Delivery.DELIVERED,
        received_ns=510,
        observed_ns=520,
        decided_ns=530,
        commanded_ns=540,
        acknowledged_ns=550,
        device_us=7,
        uncertainty_ns=1,
        confirmed=True,
        deadline_ns=900,
        dose_s=0.1,
    )


def sham(n=2):
    return StimulusRow(command(n, arm=Arm.SHAM), Delivery.SHAM, received_ns=510, dose_s=0.1)


def edge(stimulus_id="wake/1", at_ns=550):
    return Edge("0", True, 7, at_ns, 1, stimulus_id)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "session"


def recorded(folder, *things, blinded=frozenset()):
    running = opened(folder, blinded=blinded)
    for thing in things:
        if isinstance(thing, Edge):
            running.write_edge(thing)
        else:
            running.write_stimulus(thing)
    running.close("completed", {})
    return Recording(folder)


def test_what_is_written_is_read_again(folder):
    refused = StimulusRow(command(3), Delivery.REFUSED, Refusal.REFRACTORY, "0.2 s of 1 s")
    stop = StimulusRow(
        StimulusCommand("wake/4", "wake", "light", Action.STOP, None), Delivery.DELIVERED
    )
    rows = (delivered(), sham(), refused, stop)
    recording = recorded(folder, *rows, edge())
    assert recording.stimuli == rows
    assert recording.edges == (edge(),)
    assert not recording.is_blinded


def test_a_feature_that_was_not_known_stays_unknown(folder):
    (row,) = recorded(folder, delivered(values={"speed_cm_s": float("nan")})).stimuli
    assert row.command.values["speed_cm_s"] != row.command.values["speed_cm_s"]


def test_a_session_without_outputs_has_no_such_files(folder):
    recording = recorded(folder, blinded=None)
    assert not recording.has_stimuli
    assert (recording.stimuli, recording.edges) == ((), ())
    assert recording.complete


def test_stimuli_of_an_experiment_without_outputs_are_refused(folder):
    running = opened(folder)
    with pytest.raises(RecordingError, match="was begun without stimuli"):
        running.write_stimulus(delivered())
    running.close("failed", {})


def test_a_blinded_session_does_not_give_its_arms_away(folder):
    recording = recorded(folder, delivered(1), sham(2), edge("wake/1"), blinded={"wake"})
    assert recording.is_blinded
    one, other = recording.stimuli
    assert (one.delivery, other.delivery) == (Delivery.BLINDED, Delivery.BLINDED)
    assert one.blinded() == one
    lines = [json.loads(line) for line in (folder / "stimuli.jsonl").read_text().splitlines()]
    differ = {key for key in lines[0] if lines[0][key] != lines[1][key]}
    assert differ <= {"stimulus_id", "observed_ns", "decided_ns", "deadline_ns"}
    assert recording.edges == ()
    assert (folder / "edges.jsonl").read_text() == ""


@pytest.mark.parametrize("line", ["light", "input 0"])
def test_an_edge_of_no_stimulus_may_tell_an_arm_as_well(folder, line):
    seen = Edge(line, False, 7, 550, 1)
    manual = edge("manual/1")
    assert recorded(folder, seen, manual, blinded={"wake"}).edges == (manual,)
    unblind(folder, by="the statistician")
    assert set(Recording(folder).edges) == {seen, manual}


def test_without_blinding_every_edge_is_open(folder):
    seen = Edge("input 0", True, 7, 550, 1)
    assert recorded(folder, seen).edges == (seen,)


def test_a_yoked_trial_without_a_train_does_not_give_itself_away(folder):
    gone = StimulusRow(
        command(1, arm=Arm.YOKED, train=None),
        Delivery.REFUSED,
        Refusal.NO_YOKED_TRAIN,
        "there is no train to be given",
    )
    (row,) = recorded(folder, gone, blinded={"wake"}).stimuli
    assert (row.delivery, row.refusal, row.reason) == (Delivery.BLINDED, None, "")


def test_another_controllers_stimuli_are_not_hidden(folder):
    (row,) = recorded(folder, delivered(), edge(), blinded={"reward"}).stimuli
    assert row == delivered()


def test_unblinding_shows_everything(folder):
    recorded(folder, delivered(1), sham(2), edge("wake/1"), blinded={"wake"})
    assert unblind(folder, by="the statistician") == {"real": 1, "sham": 1}
    recording = Recording(folder)
    assert recording.stimuli == (delivered(1), sham(2))
    assert recording.edges == (edge("wake/1"),)
    said = json.loads((folder / "unblinding.json").read_text())
    assert said["unblinded_by"] == "the statistician"


@pytest.mark.parametrize(
    ("blinded", "twice", "expected"),
    [
        pytest.param(frozenset(), False, "no blinded session", id="nothing_sealed"),
        pytest.param(frozenset({"wake"}), True, "unblinded already", id="twice"),
    ],
)
def test_what_cannot_be_unblinded_is_refused(folder, blinded, twice, expected):
    recorded(folder, delivered(), blinded=blinded)
    if twice:
        unblind(folder)
    with pytest.raises(RecordingError, match=expected):
        unblind(folder)


@pytest.mark.parametrize(("seed", "is_right"), [("7", True), ("8", False), ("", False)])
def test_a_seed_has_to_be_the_one_that_the_session_committed_itself_to(folder, seed, is_right):
    settings = AllocationSettings(arms={Arm.REAL: 1, Arm.SHAM: 1}, block=4)
    facts = Allocation("wake", settings, "7").facts
    about = {"stimulation": {"controllers": {"wake": dict(facts)}}}
    sealed = {"wake": {"seed": seed}}
    running = opened(folder, blinded=frozenset({"wake"}), sealed=sealed, provenance=about)
    running.write_stimulus(delivered())
    running.close("completed", {})
    if is_right:
        assert unblind(folder) == {"real": 1}
        return
    with pytest.raises(RecordingError, match="one of the two was changed"):
        unblind(folder)
    assert Recording(folder).is_blinded


def test_a_session_that_still_runs_stays_blinded(folder):
    running = opened(folder, blinded=frozenset({"wake"}))
    with pytest.raises(RecordingError, match="still runs"):
        unblind(folder)
    running.close("completed", {})


def test_a_damaged_line_is_an_error_that_says_where(folder):
    recorded(folder, delivered())
    path = folder / "stimuli.jsonl"
    path.write_text(path.read_text().replace('"delivered"', '"perhaps"'))
    with pytest.raises(RecordingError, match=r"StimulusRow is damaged: .*perhaps"):
        _ = Recording(folder).stimuli
