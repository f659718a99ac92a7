"""From what was seen to what was done: controllers, interlocks and actuators together."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from tracker.closed_loop import ClosedLoop, Output
from tracker.dose_store import DoseStore
from tracker.errors import DeviceError, DeviceLost, UnknownName
from tracker.interlocks import Interlocks
from tracker.limits import Limits
from tracker.stimuli import Action, Arm, Delivery, Edge, Order, PulseTrain, Refusal, StimulusCommand
from tracker.testing.manual_clock import ManualClock
from tracker.testing.recording_actuator import RecordingActuator
from tracker.types import FrameResult, Observation, Onset, StageTimes

MS = 1_000_000
TRAIN = PulseTrain(10_000, 50_000, 2)


class Scripted:
    """A controller that asks on given frames."""

    outputs = ("light",)

    def __init__(self, script, name="wake", *, blinded=False):
        self.name, self._script = name, script
        self.facts = {"blinded": blinded}
        self.sealed = {}
        self._n = 0

    def update(self, result):
        commands = []
        for action, train, arm in self._script.get(result.observation.frame_index, ()):
            self._n += 1
            about = f"{self.name}/{self._n}", self.name, "light"
            commands.append(StimulusCommand(*about, action, train, arm))
        return commands


def asks(arm=Arm.REAL):
    return [(Action.TRAIN, TRAIN, arm)]


def frame(index, *, individuals=1, abstained=False):
    xy = np.zeros((individuals, 1, 2), np.float32)
    at_ns = index * 10 * MS
    seen = Observation(index, at_ns, xy, xy[..., 0], abstained=abstained)
    return FrameResult(seen, {}, {}, (), StageTimes(at_ns + 1, at_ns + 2, at_ns + 3, at_ns + 4, 0))


class Rig:
    def __init__(self, doses, *controllers):
        self.clock = ManualClock()
        self.actuator = RecordingActuator({}, self.clock)
        limits = Limits(refractory_s=0, duty_cycle=1, deadline_ms=20, dose_s_per_day=None)
        self.interlocks = Interlocks(
            {"light": limits}, doses, subject="m", anchor_utc_ns=self.clock.anchor_utc_ns
        )
        self.edges, self.faults = [], []
        self.loop = ClosedLoop(
            controllers,
            {"light": Output("box", "0")},
            {"box": self.actuator},
            self.interlocks,
            self.clock,
            stall_s=0.1,
            on_edge=self.edges.append,
            on_fault=self.faults.append,
        )

    def run(self, *indices, **about):
        rows = []
        for index in indices:
            self.clock.advance(max(0, index * 10 * MS + 5 - self.clock.now_ns()))
            rows += self.loop.step(frame(index, **about))
        return rows

    def arm(self):
        armed = self.loop.arm("a person")
        self.loop.tend("box")
        armed.result(timeout=0)


@pytest.fixture
def make(tmp_path):
    opened = []

    def rig(*controllers, armed=True):
        doses = DoseStore(tmp_path / "doses.sqlite")
        made = Rig(doses, *controllers)
        opened.append((made.loop, doses))
        made.loop.open()
        if armed:
            made.arm()
        return made

    yield rig
    for loop, doses in opened:
        loop.close()
        doses.close()


def test_what_is_asked_for_reaches_the_line_and_leaves_a_row(make):
    rig = make(Scripted({3: asks()}))
    (row,) = rig.run(2, 3)
    assert rig.actuator.told == [Order("0", Action.TRAIN, TRAIN, "wake/1")]
    assert row.delivery is Delivery.DELIVERED
    stages = row.received_ns, row.observed_ns, row.decided_ns, row.commanded_ns
    at_ns = 30 * MS
    assert stages == (at_ns + 1, at_ns + 3, at_ns + 4, at_ns + 5)
    assert row.acknowledged_ns == at_ns + 5
    assert row.dose_s == pytest.approx(0.02)


def test_nothing_reaches_a_line_before_somebody_arms(make):
    rig = make(Scripted({3: asks()}), armed=False)
    (row,) = rig.run(3)
    assert (row.delivery, row.refusal) == (Delivery.REFUSED, Refusal.NOT_ARMED)
    assert rig.actuator.told == []


@pytest.mark.parametrize(
    ("trigger", "refusal"),
    [
        pytest.param("contact/a/1", None, id="the animal that is certain"),
        pytest.param("contact/b/1", Refusal.IDENTITY_UNCERTAIN, id="the one that is not"),
        pytest.param("state:on", Refusal.IDENTITY_UNCERTAIN, id="nobody in particular"),
    ],
)
def test_a_stimulus_asks_for_the_identity_of_the_animal_that_it_is_for(make, trigger, refusal):
    class About(Scripted):
        def update(self, result):
            return [replace(each, trigger=trigger) for each in super().update(result)]

    rig = make(About({3: asks()}))
    both = frame(3, individuals=2)
    known = {"identities": ("a", "b"), "identity_confidence": (1.0, 0.5)}
    onsets = tuple(Onset(f"contact/{a}/1", "contact", a, 1, 1, 2, 2) for a in "ab")
    rig.clock.advance(30 * MS + 5)
    (row,) = rig.loop.step(
        replace(both, observation=replace(both.observation, **known), events=onsets)
    )
    assert row.refusal is refusal


def test_a_sham_trial_reaches_no_line_and_is_logged_all_the_same(make):
    rig = make(Scripted({3: asks(Arm.SHAM)}))
    (row,) = rig.run(3)
    assert row.delivery is Delivery.SHAM
    assert (row.commanded_ns, row.acknowledged_ns) == (None, None)
    assert row.dose_s == pytest.approx(0.02)
    assert rig.actuator.told == []


def test_a_decision_that_comes_too_late_is_suppressed(make):
    rig = make(Scripted({3: asks()}))
    rig.clock.advance(30 * MS + 21 * MS)
    (row,) = rig.loop.step(frame(3))
    assert (row.delivery, row.refusal) == (Delivery.LATE, Refusal.LATE)
    assert rig.actuator.told == []


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        pytest.param({"abstained": True}, Refusal.FRAME_UNUSABLE, id="unusable"),
        pytest.param({"individuals": 2}, Refusal.IDENTITY_UNCERTAIN, id="two_animals"),
        pytest.param({"individuals": 0}, Refusal.IDENTITY_UNCERTAIN, id="nobody"),
    ],
)
def test_a_frame_that_cannot_be_relied_on_stimulates_nobody(make, about, expected):
    (row,) = make(Scripted({3: asks()})).run(3, **about)
    assert row.refusal is expected


def test_views_of_a_blinded_controller_do_not_learn_the_arm(make):
    script = {3: asks(), 4: [(Action.STOP, None, Arm.REAL)], 8: asks(Arm.SHAM)}
    rig = make(Scripted(script, blinded=True))
    real, _, sham = (rig.loop.shown(row) for row in rig.run(3, 4, 8))
    assert {real.delivery, sham.delivery} == {Delivery.BLINDED}
    assert {real.command.arm, sham.command.arm} == {None}
    assert rig.loop.status.counts == {"blinded": 3}
    assert rig.loop.blinded == {"wake"}


def test_an_actuator_that_fails_disarms_and_goes_safe(make):
    rig = make(Scripted({3: asks(), 4: asks()}))
    rig.actuator.failure = DeviceLost("unplugged")
    failed, after = rig.run(3, 4)
    assert (failed.delivery, failed.reason) == (Delivery.FAILED, "unplugged")
    assert after.refusal is Refusal.NOT_ARMED
    assert "unplugged" in after.reason
    assert rig.actuator.calls[-1] == "make_safe"
    assert rig.faults == ["box: unplugged"]


def test_a_fault_that_is_found_while_tending_disarms(make):
    rig = make()
    rig.actuator.failure = DeviceLost("its watchdog had to restart it")
    assert rig.loop.tend("box")
    assert rig.interlocks.armed_by is None
    assert rig.faults == ["box: its watchdog had to restart it"]
    rig.loop.tend("box")
    assert len(rig.faults) == 1


def test_a_loop_that_stands_still_is_a_loop_that_has_died(make):
    rig = make(Scripted({}))
    rig.run(1)
    rig.loop.tend("box")
    rig.clock.advance(101 * MS)
    rig.loop.tend("box")
    assert rig.actuator.fed[-2:] == [True, False]
    assert rig.interlocks.armed_by is None
    assert "last step was 0.10 s ago" in rig.faults[0]
    assert rig.actuator.calls[-1] == "make_safe"


def test_before_the_first_frame_there_is_nothing_to_fear(make):
    rig = make()
    rig.clock.advance(10_000 * MS)
    rig.loop.tend("box")
    assert rig.actuator.fed[-1]
    assert rig.faults == []


def test_arming_after_a_fault_opens_the_actuator_anew(make):
    rig = make(Scripted({3: asks()}))
    rig.loop.disarm("a person")
    rig.actuator.calls.clear()
    rig.arm()
    assert rig.actuator.calls == ["make_safe", "close", "open"]
    (row,) = rig.run(3)
    assert row.delivery is Delivery.DELIVERED


def test_an_actuator_that_does_not_come_back_stays_disarmed(make):
    rig = make()
    rig.loop.disarm("a person")
    armed = rig.loop.arm("a person")
    rig.actuator.failure = DeviceLost("no answer")
    rig.loop.tend("box")
    with pytest.raises(DeviceError, match="no answer"):
        armed.result(timeout=0)
    assert rig.interlocks.armed_by is None


def test_whoever_disarms_while_another_arms_wins(make):
    rig = make(armed=False)
    armed = rig.loop.arm("a person")
    rig.loop.disarm("another person")
    rig.loop.tend("box")
    with pytest.raises(DeviceError, match="another person"):
        armed.result(timeout=0)
    assert rig.interlocks.armed_by is None


def test_edges_go_to_whoever_keeps_them(make):
    rig = make()
    edge = Edge("0", rising=True, device_us=1, at_ns=1000, uncertainty_ns=1, stimulus_id="wake/1")
    from_input = replace(edge, line="input 0", stimulus_id="")
    rig.actuator.edges += [edge, from_input]
    rig.loop.tend("box")
    assert rig.edges == [replace(edge, line="light"), from_input]


def test_what_an_actuator_has_measured_is_kept_whenever_it_is_closed(make):
    rig = make()
    rig.actuator.measured = {"drift": 1e-5}
    rig.loop.disarm("a person")
    rig.arm()
    rig.actuator.measured = {"drift": 2e-5}
    rig.loop.close()
    rig.loop.close()
    assert rig.loop.measured == {"box": [{"drift": 1e-5}, {"drift": 2e-5}]}


def test_edges_of_going_low_are_kept_as_well(make):
    rig = make()
    rig.loop.disarm("enough")
    rig.actuator.edges.append(Edge("0", rising=False, device_us=2, at_ns=9, uncertainty_ns=1))
    rig.loop.tend("box")
    assert [edge.line for edge in rig.edges] == ["light"]
    assert rig.actuator.fed[-1] is False


def test_a_stop_after_everything_was_made_safe_is_no_fault(make):
    rig = make(Scripted({3: asks(), 4: [(Action.STOP, None, Arm.REAL)]}))
    rig.run(3)
    rig.loop.disarm("a person")
    (row,) = rig.run(4)
    assert row.delivery is Delivery.DELIVERED
    assert row.reason == "the line was made safe before"
    assert rig.faults == []
    assert rig.actuator.calls.count("apply") == 1


@pytest.mark.parametrize(
    ("levels", "level", "dose_s"),
    [
        pytest.param(True, 0.6, 0.012, id="it_holds_levels"),
        pytest.param(False, 0.6, 0.02, id="it_is_all_on"),
        pytest.param(False, 0.4, 0.0, id="it_is_off"),
    ],
)
def test_a_dose_is_what_the_output_really_does(make, levels, level, dose_s):
    rig = make(Scripted({3: [(Action.TRAIN, replace(TRAIN, level=level), Arm.REAL)]}), armed=False)
    rig.loop.close()
    rig.actuator._levels = levels
    rig.loop.open()
    rig.arm()
    (row,) = rig.run(3)
    assert row.dose_s == pytest.approx(dose_s)
    assert row.command.train.level == level


# --- by hand


def test_a_person_gets_a_stimulus_with_the_next_frame(make):
    rig = make(Scripted({}))
    asked = rig.loop.request("light", TRAIN, "Ada")
    assert not asked.done()
    (row,) = rig.run(1)
    assert asked.result(timeout=0) is row
    assert (row.command.stimulus_id, row.command.trigger) == ("manual/1", "Ada")
    assert row.delivery is Delivery.DELIVERED


def test_a_person_gets_it_while_no_frame_comes_too(make):
    rig = make()
    asked = rig.loop.request("light", TRAIN, "Ada")
    assert rig.loop.idle() == [asked.result(timeout=0)]


def test_a_request_whose_turn_comes_too_late_is_not_carried_out(make):
    rig = make()
    asked = rig.loop.request("light", TRAIN, "Ada", not_after_ns=5 * MS)
    rig.clock.advance(6 * MS)
    rig.loop.idle()
    assert asked.result(timeout=0).delivery is Delivery.LATE
    assert rig.actuator.told == []


def test_a_request_for_an_unknown_output_is_refused_at_once(make):
    with pytest.raises(UnknownName, match=r"'lihgt'.*did you mean 'light'"):
        make().loop.request("lihgt", TRAIN, "Ada")


def test_who_still_waits_at_the_end_is_answered(make):
    rig = make()
    asked = rig.loop.request("light", TRAIN, "Ada")
    rig.loop.close()
    assert asked.result(timeout=0).refusal is Refusal.NOT_ARMED


# --- opening


def test_if_one_actuator_cannot_be_opened_none_stays_open(make, tmp_path):
    clock = ManualClock()
    good, bad = RecordingActuator({}, clock), RecordingActuator({}, clock)
    bad.failure = DeviceError("not there")
    with DoseStore(tmp_path / "other.sqlite") as doses:
        interlocks = Interlocks({}, doses, subject="m", anchor_utc_ns=0)
        loop = ClosedLoop(
            (),
            {},
            {"good": good, "bad": bad},
            interlocks,
            clock,
            stall_s=0.1,
            on_edge=lambda edge: None,
            on_fault=lambda why: None,
        )
        with pytest.raises(DeviceError, match="not there"):
            loop.open()
    assert good.calls[-1] == "close"


def test_a_disarm_from_another_thread_in_the_middle_of_a_step_takes_effect(make):
    """The order that is under way may still arrive; whatever comes after it is refused."""
    rig = make(Scripted({3: [*asks(), (Action.LEVEL, TRAIN, Arm.REAL)]}))

    class Stops(RecordingActuator):
        def apply(self, *order):
            receipt = super().apply(*order)
            stopping = threading.Thread(target=rig.loop.disarm, args=("a person",))
            stopping.start()
            stopping.join()
            return receipt

    rig.actuator.__class__ = Stops
    first, second = rig.run(3)
    assert first.delivery is Delivery.DELIVERED
    assert second.refusal is Refusal.NOT_ARMED
    assert rig.actuator.calls[-2:] == ["apply", "make_safe"]
