import numpy as np
import pytest
from view_ends import FACTS, episode, log, observation, picture_of, status, stimulus

from tracker.gui.judgement import Lamp
from tracker.gui.rig import N_STIMULI, Picture, Rig


@pytest.fixture
def rig():
    made = Rig("tcp://127.0.0.1:5557")
    made.begin("s1", FACTS, 0)
    made.heard = True
    return made


def test_what_comes_is_known(rig):
    rig.feed("status/top", status(sent_s=1.0))
    rig.feed("observation/top", observation(100, 3.5))
    rig.feed("episode/top", episode("new", 90))
    rig.feed("stimulus/top", stimulus(0, 1.1))
    rig.feed("log/top", log(0, 1.2, "mark", "door opened"))
    assert rig.series.raw("speed_cm_s", 0)[1].tolist() == [3.5]
    assert rig.bouts["freezing"].going_on is not None
    assert (rig.n_stimuli, rig.lines[-1].text) == (1, "door opened")
    assert rig.now_s == 1.0
    assert rig.judgement.lamp is Lamp.GREEN


def test_what_was_fetched_and_comes_again_counts_once(rig):
    for index in (0, 1, 2, 1, 2, 3):
        rig.feed("observation/top", observation(index))
    assert len(rig.series.raw("speed_cm_s", -1)[0]) == 4
    assert rig.missed == 0


def test_a_gap_in_the_numbers_is_missed(rig):
    for index in (5, 6, 9):
        rig.feed("observation/top", observation(index))
    assert rig.missed == 2


def test_what_was_missed_lately_turns_the_lamp_amber(rig):
    rig.feed("status/top", status(0, 1.0))
    rig.feed("observation/top", observation(5))
    rig.feed("observation/top", observation(9))
    rig.feed("status/top", status(1, 1.5))
    assert rig.judgement.lamp is Lamp.AMBER
    assert "3 messages were lost on the way" in rig.judgement.reasons[0]


def test_losses_count_only_lately(rig):
    rig.feed("status/top", status(0, 0.5, counts={"captured": 50, "processed": 50}))
    lossy = {"captured": 100, "processed": 80, "superseded": 20}
    rig.feed("status/top", status(1, 1.0, counts=lossy))
    assert "40.0% of the last frames" in rig.judgement.reasons[0]
    rig.feed("status/top", status(2, 20.0, counts=lossy | {"captured": 2000, "processed": 1980}))
    assert rig.judgement.lamp is Lamp.GREEN


def test_messages_of_another_session_are_not_mixed_in(rig):
    rig.feed("observation/top", observation(1, session="s0"))
    assert rig.now_s == 0.0


def test_another_session_begins_anew(rig):
    rig.feed("observation/top", observation(7))
    assert rig.begin("s2", FACTS, 0)
    assert len(rig.series.raw("speed_cm_s", -1)[0]) == 0
    rig.feed("observation/top", observation(3, session="s2"))
    assert rig.now_s == 0.03


def test_the_same_session_found_again_goes_on(rig):
    rig.feed("observation/top", observation(7))
    assert not rig.begin("s1", FACTS, 5)
    assert len(rig.series.raw("speed_cm_s", -1)[0]) == 1


def test_silence_is_said_within_a_second(rig):
    rig.feed("status/top", status(sent_s=1.0))
    rig.silent_s = 0.8
    assert not rig.is_lost
    rig.silent_s = 0.95
    assert rig.is_lost
    assert rig.judgement.lamp is Lamp.RED
    assert rig.judgement.reasons[0].startswith("connection lost")


def test_a_loop_that_hangs_is_told_from_a_cut_cable(rig):
    rig.silent_s, rig.loop_silent = 4.0, True
    assert rig.judgement.reasons == ("the rig answers, but its loop has sent nothing for 4 s",)


def test_before_anything_was_heard_it_says_what_it_looks_for():
    rig = Rig("tcp://rig1:5557")
    assert rig.judgement.reasons == (
        "looking for a session at tcp://rig1:5557",
        "start one with: tracker demo",
    )
    assert rig.judgement.lamp is Lamp.AMBER
    rig.problem = "our key is not on its list"
    assert rig.judgement.reasons[0] == "our key is not on its list"


def test_the_end_is_no_loss(rig):
    rig.feed("episode/top", episode("new", 90))
    rig.feed("status/top", status(3, 2.0, goodbye="completed"))
    rig.silent_s = 60.0
    assert not rig.is_lost
    assert rig.judgement.reasons == ("the session has ended: completed",)
    assert rig.bouts["freezing"].going_on is None


def test_an_error_keeps_the_lamp_red_for_a_while(rig):
    rig.feed("log/top", log(0, 1.0, "error", "the outputs were disarmed"))
    rig.feed("status/top", status(0, 2.0))
    assert rig.judgement.lamp is Lamp.RED
    assert rig.judgement.reasons[0] == "the outputs were disarmed"
    rig.feed("status/top", status(1, 40.0))
    assert rig.judgement.lamp is Lamp.GREEN


def test_the_overlay_is_of_the_frame_that_the_picture_shows(rig):
    for index in (10, 11, 13, 14):
        rig.feed("observation/top", observation(index))
    shown = {}
    for index in (11, 12, 14):
        rig.show(Picture(picture_of(index), np.zeros((24, 32), np.uint8)))
        shown[index] = rig.observation.frame_index
    assert shown == {11: 11, 12: 11, 14: 14}


def test_a_picture_of_another_session_is_not_shown(rig):
    rig.show(Picture(picture_of(1, "s0"), np.zeros((24, 32), np.uint8)))
    assert rig.picture is None


def test_a_long_session_does_not_grow(rig):
    for n in range(N_STIMULI + 50):
        rig.feed("stimulus/top", stimulus(n, n * 0.1))
    assert (len(rig.stimuli), rig.n_stimuli) == (N_STIMULI, N_STIMULI + 50)


def test_armed_is_what_the_last_status_says(rig):
    rig.feed("status/top", status(0, 1.0, armed_by="anna"))
    assert rig.armed_by == "anna"
    rig.feed("status/top", status(1, 1.5))
    assert rig.armed_by is None
