import math

import pytest
from rich.console import Console

from tracker.machine import Load
from tracker.session_state import State, Status
from tracker.terminal import LivePanel


def shown(load):
    panel = LivePanel("demo", "cpu", ("locomotion",), None, quiet=True)
    console = Console(width=120)
    with console.capture() as caught:
        console.print(panel.render(Status(State.RUNNING, load=load)))
    return caught.get()


@pytest.mark.parametrize(
    ("load", "says"),
    [
        pytest.param(Load(0.8, 4, 70_000.0, 6.5), "0.8 of 4 cores, disk full in 6.5 h", id="hours"),
        pytest.param(
            Load(0.8, 4, 70_000.0, math.inf), "0.8 of 4 cores, disk 70 GB free", id="no_video"
        ),
        pytest.param(Load(math.nan, 4, 70_000.0), "- of 4 cores, disk 70 GB free", id="at_first"),
    ],
)
def test_the_panel_says_how_the_computer_does(load, says):
    assert says in shown(load)


def test_before_anything_is_known_nothing_is_said():
    assert "cores" not in shown(Load())
