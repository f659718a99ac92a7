import math

import pytest
from rich.console import Console

from tracker.machine import Load
from tracker.session_state import State, Status
from tracker.session_status import ViewStatus
from tracker.terminal import LivePanel


def shown(load, **more):
    panel = LivePanel("demo", "cpu", ("locomotion",), None, quiet=True)
    console = Console(width=120)
    with console.capture() as caught:
        console.print(panel.render(Status(State.RUNNING, load=load, **more)))
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


MOVED = {"state": "moved", "x_px": 9.0, "y_px": -6.0, "turned_deg": 1.5}


@pytest.mark.parametrize(
    ("view", "says"),
    [
        pytest.param(ViewStatus(state="still"), "as in the reference view", id="still"),
        pytest.param(
            ViewStatus(**MOVED),
            "was moved: the picture shifted by +9.0, -6.0 px, turned by +1.50 deg ",
            id="moved",
        ),
        pytest.param(ViewStatus(**MOVED, applied=(1.0,) * 9), "; zones follow", id="followed"),
        pytest.param(
            ViewStatus(state="unknown", why="it is dark"), "moved: it is dark", id="unknown"
        ),
    ],
)
def test_the_panel_says_where_the_camera_looks(view, says):
    assert says in shown(Load(), view=view)
    assert "camera" not in shown(Load())
