"""What a person reads, and a program, after asking for something."""

import json

import pytest
from control_ends import SESSION, TRAIN, serving

from tracker.commands import answers
from tracker.control.remote import Remote, RequestRefused
from tracker.errors import DeviceError
from tracker.session_status import OutputStatus, Status
from tracker.testing.recording_handler import RecordingHandler


@pytest.fixture
def handler():
    return RecordingHandler()


@pytest.fixture
def remote(handler):
    with serving(handler) as server, Remote(server.address, name="anna") as remote:
        yield remote


@pytest.fixture
def printed(capsys):
    return lambda: capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "arguments", "said", "asked"),
    [
        ("arm", (), "armed", ("arm", "anna")),
        ("disarm", ("lunch",), "disarmed", ("disarm", "anna: lunch")),
        ("mark", ("door opened",), "marked", ("mark", "door opened", "anna")),
        ("stop", (), "the session ends", ("stop", "anna")),
    ],
)
def test_a_person_reads_one_word_and_a_program_one_object(
    remote, handler, printed, command, arguments, said, asked
):
    run = getattr(answers, command)
    run(remote, *arguments)
    assert printed() == f"{said}\n"
    run(remote, *arguments, as_json=True)
    assert json.loads(printed()) == {"done": said}
    assert handler.asked == [asked, asked]


@pytest.mark.parametrize(
    ("on", "said"), [(True, "the video begins with the next frame"), (False, "the video ends")]
)
def test_the_video_is_started_and_stopped(remote, handler, printed, on, said):
    answers.film(remote, on=on)
    assert printed() == f"{said}\n"
    assert handler.asked == [("film", "anna", on)]


def test_a_stimulus_that_was_delivered(remote, handler, printed):
    handler.armed_by = "anna"
    assert answers.stimulate(remote, "light", TRAIN) is True
    assert printed() == "manual/1: delivered, 1.50 ms after the order\n"


def test_a_stimulus_that_was_refused(remote, printed):
    assert answers.stimulate(remote, "light", TRAIN) is False
    assert printed() == "manual/1: refused: nobody has armed\n"


def test_a_stimulus_for_a_program(remote, printed):
    assert answers.stimulate(remote, "light", TRAIN, as_json=True) is False
    got = json.loads(printed())
    assert (got["delivery"], got["refusal"], got["commanded_ns"]) == (
        "refused",
        "not_armed",
        None,
    )


def test_what_was_refused_is_not_said_to_be_done(remote, handler, printed):
    handler.fails_with = DeviceError("the box is unplugged")
    with pytest.raises(RequestRefused):
        answers.arm(remote)
    assert printed() == ""


class Running(RecordingHandler):
    """One with everything that a status may say."""

    def status(self):
        return Status(
            state="running",
            fps=59.98,
            counts={"captured": 120, "processed": 118, "superseded": 2},
            provider="cpu",
            armed_by=self.armed_by,
            disarmed_why="the box was unplugged" if self.armed_by is None else "",
            outputs={
                "light": OutputStatus(
                    dose_s={"minute": 1.5, "session": 4.0},
                    limit_s={"minute": 6.0, "session": None},
                    ready_in_s=2.5,
                ),
                "sound": OutputStatus(),
            },
            stimuli={"blinded": 3, "late": 1},
        )


def status_lines(printed, handler, *, armed):
    with serving(handler) as server, Remote(server.address, name="anna") as remote:
        if armed:
            remote.arm(lease_s=2.0)
        answers.status(remote)
    return [" ".join(line.split()) for line in printed().splitlines()]


def test_the_status_of_a_session_that_is_armed(printed):
    assert status_lines(printed, Running(), armed=True) == [
        f"session {SESSION}, running",
        "rate 60.0 frames/s on cpu",
        "frames 120 captured, 118 processed, 2 superseded",
        "armed by anna, held by anna for 2.0 s more",
        "light 1.50 s of 6 s per minute, 4.00 s per session, ready in 2.5 s",
        "sound ready",
        "stimuli 3 blinded, 1 late",
    ]


def test_the_status_of_a_session_that_is_not_armed(printed):
    assert "armed no: the box was unplugged" in status_lines(printed, Running(), armed=False)


def test_the_status_of_a_session_that_has_just_begun(printed):
    assert status_lines(printed, RecordingHandler(), armed=False) == [
        f"session {SESSION}, running",
        "rate - frames/s on no network",
        "frames none yet",
        "armed no",
    ]


def test_the_status_for_a_program_has_null_for_what_is_not_known(remote, printed):
    answers.status(remote, as_json=True)
    got = json.loads(printed())
    assert (got["session"], got["status"]["state"], got["status"]["fps"]) == (
        SESSION,
        "running",
        None,
    )
