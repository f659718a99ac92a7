"""Digital lines of an NI card that a stand-in plays."""

import inspect
import sys
import threading

import pytest
from nidaqmx_stand_in import StandIn, Task

from tracker.actuators.nidaq import NidaqSettings, nidaq
from tracker.errors import DeviceError, DeviceLost, DeviceNotFound, MissingExtra
from tracker.stimuli import Action, LineLimits, Order, PulseTrain
from tracker.testing.manual_clock import ManualClock

MS = 1_000_000
FREE = LineLimits(1_000_000, 0)
PULSE = PulseTrain(5_000, 5_000)
LIGHT, PUMP = "port0/line0", "port0/line3"


@pytest.fixture
def ni():
    return StandIn()


@pytest.fixture
def make(ni):
    made = []

    def one(*lines, device="Dev1", clock=None):
        limits = dict.fromkeys(lines or (LIGHT, PUMP), FREE)
        settings = NidaqSettings(device=device)
        made.append(nidaq(settings, limits, clock or ManualClock(), lambda: ni))
        return made[-1]

    yield one
    for actuator in made:
        actuator.close()
    assert ni.open_tasks == []


def test_opening_it_writes_every_line_low(make, ni):
    make().open()
    assert ni.written == [("Dev1/port0/line0", False), ("Dev1/port0/line3", False)]


def test_an_edge_writes_its_line_alone(make, ni):
    actuator = make()
    actuator.open()
    actuator.apply(Order(PUMP, Action.TRAIN, PULSE, "a/1"))
    actuator.tend(alive=True)
    assert ni.written[2:] == [("Dev1/port0/line3", True), ("Dev1/port0/line3", False)]


def test_making_it_safe_writes_every_line_low_from_any_thread(make, ni):
    actuator = make()
    actuator.open()
    actuator.apply(Order(PUMP, Action.TRAIN, PULSE, "a/1"))
    other = threading.Thread(target=actuator.make_safe)
    other.start()
    other.join(5)
    assert ni.written[3:] == [("Dev1/port0/line0", False), ("Dev1/port0/line3", False)]


def test_closing_writes_every_line_low_before_it_lets_go(make, ni):
    actuator = make(PUMP)
    actuator.open()
    actuator.apply(Order(PUMP, Action.TRAIN, PULSE, "a/1"))
    actuator.close()
    assert ni.written[-1] == ("Dev1/port0/line3", False)
    assert ni.open_tasks == []


def test_a_card_that_is_not_there_is_named_with_those_that_are(make):
    with pytest.raises(DeviceNotFound, match="NI Dev2: there is no such card; there is Dev1"):
        make(device="Dev2").open()


def test_a_line_that_is_not_there_is_named_and_nothing_stays_reserved(make, ni):
    with pytest.raises(DeviceNotFound, match="line port9/line0 cannot be had: Physical channel"):
        make(LIGHT, "port9/line0").open()
    assert ni.open_tasks == []


def test_a_line_that_another_program_has_is_not_opened(make):
    make(LIGHT).open()
    with pytest.raises(DeviceNotFound, match="resource is reserved"):
        make(LIGHT).open()


def test_a_card_that_is_unplugged_is_noticed_without_an_order(make, ni):
    clock = ManualClock()
    actuator = make(LIGHT, clock=clock)
    actuator.open()
    actuator.apply(Order(LIGHT, Action.TRAIN, PulseTrain(800_000, 800_000), "a/1"))
    clock.advance(250 * MS)
    actuator.tend(alive=True)
    actuator.tend(alive=True)
    assert ni.written == [("Dev1/port0/line0", state) for state in (False, True, True)]
    ni.cards.clear()
    clock.advance(250 * MS)
    with pytest.raises(DeviceLost, match="not available"):
        actuator.tend(alive=True)


def test_an_order_to_a_card_that_is_unplugged_fails(make, ni):
    actuator = make()
    actuator.open()
    ni.cards.clear()
    with pytest.raises(DeviceLost, match=r"NI Dev1: line port0/line0 .* not available\.$"):
        actuator.apply(Order(LIGHT, Action.TRAIN, PULSE, "a/1"))
    actuator.make_safe()


def test_without_the_driver_it_says_where_to_get_it(make, ni):
    ni.has_driver = False
    with pytest.raises(DeviceNotFound, match=r"NI-DAQmx from ni\.com"):
        make().open()


def test_without_its_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "nidaqmx", None)
    with pytest.raises(MissingExtra, match=r"behaviour-tracker\[nidaqmx\]"):
        nidaq(NidaqSettings(), {LIGHT: FREE}, ManualClock()).open()


def test_ni_s_own_package_has_no_such_card_here():
    pytest.importorskip("nidaqmx")
    actuator = nidaq(NidaqSettings(device="NoSuchCard"), {LIGHT: FREE}, ManualClock())
    with pytest.raises(DeviceError, match="NI NoSuchCard: "):
        actuator.open()


@pytest.mark.parametrize("method", ["start", "write", "close"])
def test_the_stand_in_has_the_methods_of_the_package(method):
    package = pytest.importorskip("nidaqmx")
    theirs = inspect.signature(getattr(package.Task, method))
    assert list(inspect.signature(getattr(Task, method)).parameters) == list(theirs.parameters)


def test_the_stand_in_has_the_names_of_the_package(ni):
    package = pytest.importorskip("nidaqmx")
    channels = pytest.importorskip("nidaqmx.task.collections").DOChannelCollection
    adding = list(inspect.signature(channels.add_do_chan).parameters)[1:]
    assert list(inspect.signature(ni.Task().do_channels.add_do_chan).parameters) == adding
    ni.open_tasks.clear()
    for name in vars(ni.errors):
        assert issubclass(getattr(package.errors, name), package.errors.Error)
    assert callable(package.system.System.local)
