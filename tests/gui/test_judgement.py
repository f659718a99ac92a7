import pytest
from view_ends import status

from tracker.gui.judgement import Lamp, Signs, judge
from tracker.session_status import ViewStatus


def signs(changes=None, **more):
    return Signs(status=status(**(changes or {})), **({"fps": 100.0, "p99_ms": 5.0} | more))


def test_all_is_well():
    judged = judge(signs())
    assert judged.lamp is Lamp.GREEN
    assert judged.reasons == ("all frames processed, 100/s",)


def test_a_camera_that_is_still_is_no_reason_to_worry():
    assert judge(signs({"view": ViewStatus(state="still", x_px=0.1)})).lamp is Lamp.GREEN


def test_what_was_lost_long_ago_is_not_called_all_frames():
    counts = {"captured": 100, "processed": 90, "superseded": 10}
    assert judge(signs({"counts": counts})).reasons == ("nothing lost lately, 100/s",)


def test_one_frame_overtaken_now_and_then_is_no_reason_to_worry():
    judged = judge(signs(lost_lately={"superseded": 10}, processed_lately=990))
    assert judged.lamp is Lamp.GREEN


@pytest.mark.parametrize(
    ("found", "lamp", "says"),
    [
        pytest.param(
            signs({"view": ViewStatus(state="moved", x_px=9.0, y_px=-6.0, turned_deg=1.5)}),
            Lamp.AMBER,
            "the camera was moved: the picture shifted by +9.0, -6.0 px, turned by +1.50 deg",
            id="camera_moved",
        ),
        pytest.param(
            signs({"view": ViewStatus(state="unknown", why="it is dark")}),
            Lamp.AMBER,
            "cannot be said: it is dark",
            id="camera_unknown",
        ),
        pytest.param(Signs(None), Lamp.AMBER, "waiting for the first word", id="nothing_yet"),
        pytest.param(signs(goodbye="failed"), Lamp.RED, "ended: failed", id="failed"),
        pytest.param(signs(goodbye="completed"), Lamp.AMBER, "ended: completed", id="completed"),
        pytest.param(signs({"unexplained": 3}), Lamp.RED, "3 frames are unexpl", id="unexplained"),
        pytest.param(signs(alarm="the box is gone"), Lamp.RED, "the box is gone", id="alarm"),
        pytest.param(
            signs(lost_lately={"superseded": 30}, processed_lately=970),
            Lamp.AMBER,
            "3.0% of the last frames overtaken",
            id="overtaken",
        ),
        pytest.param(
            signs(lost_lately={"lost_on_link": 1}, processed_lately=999),
            Lamp.AMBER,
            "0.1% of the last frames lost on the way from the camera",
            id="one_lost_on_the_link",
        ),
        pytest.param(signs({"fps": 80.0}), Lamp.AMBER, "80 of the camera's 100", id="slow"),
        pytest.param(signs(p99_ms=15.0), Lamp.AMBER, "takes 15 ms, longer than a frame", id="p99"),
        pytest.param(signs({"ring_fill": 0.7}), Lamp.AMBER, "ring buffer is 70% full", id="ring"),
        pytest.param(
            signs({"recorder_fill": 0.3}), Lamp.AMBER, "recorder's queue is 30% full", id="recorder"
        ),
        pytest.param(
            signs({"disk_left_h": 1.5}), Lamp.AMBER, "full in 1.5 hours", id="disk_in_hours"
        ),
        pytest.param(
            signs({"disk_left_h": 0.1}), Lamp.RED, "full in 6 minutes", id="disk_in_minutes"
        ),
        pytest.param(
            signs(not_recorded_lately={"disk_full": 9}),
            Lamp.RED,
            "9 frames missing",
            id="disk_full",
        ),
        pytest.param(
            signs(not_recorded_lately={"ring_overrun": 9}),
            Lamp.AMBER,
            "9 frames",
            id="not_in_video",
        ),
        pytest.param(signs(missed_lately=4), Lamp.AMBER, "4 messages were lost", id="missed"),
    ],
)
def test_what_is_wrong_is_said(found, lamp, says):
    judged = judge(found)
    assert judged.lamp is lamp
    assert says in judged.reasons[0]


def test_the_worst_comes_first():
    judged = judge(signs({"ring_fill": 0.7, "unexplained": 1}, missed_lately=1))
    assert judged.lamp is Lamp.RED
    assert "unexplained" in judged.reasons[0]
    assert len(judged.reasons) == 3


def test_a_file_has_no_rate_to_keep_up_with():
    assert judge(signs({"fps": 700.0}, fps=float("nan"), p99_ms=80.0)).lamp is Lamp.GREEN
