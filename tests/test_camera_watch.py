import math
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from drawn_arenas import HEIGHT, SHAPE, STILL, WIDTH, moved, seen

from tracker.build import build_session
from tracker.camera_watch import (
    LATEST_S,
    UNSAID_S,
    CameraWatch,
    Judge,
    discs_of,
    in_words,
    status_of,
)
from tracker.changes import Changes
from tracker.clock import SystemClock
from tracker.config import Experiment
from tracker.errors import CameraMoved, RegistrationError, SessionError
from tracker.geometry import apart, mapped, motion_of
from tracker.recording import Recording
from tracker.registration.lines import ViewPicture, ViewRow, ViewState, matrix_of, nine
from tracker.registration.reference import Seen
from tracker.registration.settings import OnMove, RegistrationSettings
from tracker.replay.verify import verify
from tracker.ring_buffer import Read
from tracker.testing.fixed_observer import FixedObserver
from tracker.testing.manual_clock import ManualClock
from tracker.types import Frame, FrameResult, Observation, Skeleton, StageTimes

S = 1_000_000_000
PUSH, PUSHED_ON = moved(9, -6, 1.5), moved(21, 4, -2)
BLACK = np.zeros(SHAPE, np.uint8)


def at(matrix):
    return Seen(matrix, motion_of(matrix, SHAPE))


UNSAID = Seen(None, why="it is dark")


def judged(*looks):
    judge = Judge(3.0, SHAPE)
    return [judge.take(look) for look in looks], judge


def test_a_motion_is_certain_once_two_looks_agree():
    said, judge = judged(at(STILL), at(PUSH), at(moved(9.5, -6, 1.5)), at(PUSH))
    still, moving, moved_ = ViewState.STILL, ViewState.MOVING, ViewState.MOVED
    assert said == [(still, False), (moving, False), (moved_, True), (moved_, False)]
    assert judge.is_moved
    assert apart(judge.settled, moved(9.5, -6, 1.5), SHAPE) == 0


LOOKS = {
    "less_than_the_tolerance": ([at(moved(2, 0)), at(moved(0, 2))], [ViewState.STILL] * 2),
    "a_shake": ([at(PUSH), at(PUSHED_ON), at(STILL)], [ViewState.MOVING] * 2 + [ViewState.STILL]),
    "a_hand": (
        [at(PUSH), UNSAID, at(STILL)],
        [ViewState.MOVING, ViewState.UNKNOWN, ViewState.STILL],
    ),
    "not_said_between": (
        [at(PUSH), UNSAID, at(PUSH)],
        [ViewState.MOVING, ViewState.UNKNOWN, ViewState.MOVING],
    ),
}


@pytest.mark.parametrize(("looks", "states"), LOOKS.values(), ids=LOOKS.keys())
def test_what_does_not_last_is_no_motion(looks, states):
    said, judge = judged(*looks)
    assert said == [(state, False) for state in states]
    assert not judge.is_moved


def test_a_camera_that_is_put_back_is_still_exactly():
    said, judge = judged(*[at(PUSH)] * 2, *[at(moved(0.8, 0.5))] * 2)
    assert [is_new for _, is_new in said] == [False, True, False, True]
    assert said[-1][0] is ViewState.STILL
    assert np.array_equal(judge.settled, np.eye(3))


def test_a_second_push_is_a_motion_of_its_own():
    said, _ = judged(*[at(PUSH)] * 2, *[at(PUSHED_ON)] * 2)
    assert [is_new for _, is_new in said] == [False, True, False, True]


class Watched:
    """A camera's watch fed by hand: one picture per look."""

    def __init__(self, xy=None, **settings):
        self.clock = ManualClock(anchor_utc_ns=0)
        self.rows, self.pictures, self.applied, self.notes = [], [], [], []
        self.picture, self.xy, self._index = seen(STILL), xy, -1
        self.watch = CameraWatch(RegistrationSettings(**settings), self.clock)
        self.watch.open(lambda level, text, **facts: self.notes.append((level, text)))
        self.watch.refuse_images(SHAPE)
        self.watch.attach(self, self._result, self._put, self._apply)

    def look(self, picture):
        """Show a picture until it was looked at; return the row, and after how long it came."""
        self.picture, began_ns, n = picture, self.clock.now_ns(), len(self.rows) + len(self.applied)
        while len(self.rows) + len(self.applied) == n:
            self.watch.step()
        rows = [*self.rows, *(row for row, _ in self.applied)]
        return max(rows, key=lambda row: row.index), (self.clock.now_ns() - began_ns) / S

    def read(self, timeout_s):
        self._index += 1
        now_ns = self.clock.now_ns()
        return Read(Frame(self._index, now_ns, now_ns, self.picture), self._index, range(0))

    def _result(self):
        if self.xy is None:
            return None
        xy = np.array(self.xy, np.float32)
        seen_ = Observation(0, 0, xy, np.ones(xy.shape[:2], np.float32))
        return FrameResult(seen_, {}, {}, (), StageTimes(0, 0, 0, 0, 0))

    def _put(self, record):
        (self.pictures if isinstance(record, ViewPicture) else self.rows).append(record)

    def _apply(self, row, to_reference):
        self.applied.append((row, to_reference))


def test_the_first_frame_is_the_reference_where_none_is_given():
    watched = Watched()
    row, _ = watched.look(seen(STILL, noise=1))
    assert row.state is ViewState.STILL
    assert np.array_equal(watched.pictures[0].image, seen(STILL, noise=1))
    assert len(watched.pictures) == 1
    assert watched.look(seen(STILL))[0].largest_px < 0.1


def test_a_bump_is_told_within_five_seconds():
    watched = Watched()
    watched.look(seen(STILL))
    _, first_s = watched.look(seen(PUSH))
    row, second_s = watched.look(seen(PUSH))
    assert first_s + second_s < 5
    assert row.state is ViewState.MOVED
    assert (row.x_px, row.y_px) == pytest.approx((9, -6), abs=0.1)
    assert row.turned_deg == pytest.approx(1.5, abs=0.05)
    level, text = watched.notes[-1]
    assert level == "warning"
    assert text == in_words(motion_of(matrix_of(row.matrix), SHAPE))
    assert "shifted by +9.0 px to the right and -6.0 px down, turned by +1.50 deg" in text
    assert watched.applied == []


def test_zones_follow_a_bump_and_its_end():
    watched = Watched(on_move="follow")
    for picture in (STILL, PUSH, PUSH):
        watched.look(seen(picture, noise=1))
    applied = matrix_of(watched.watch.status.applied)
    assert apart(applied, PUSH, SHAPE) < 0.2
    for picture in (STILL, STILL):
        watched.look(seen(picture, noise=1))
    (there, to_reference), (back, nothing) = watched.applied
    assert apart(to_reference @ PUSH, STILL, SHAPE) < 0.2
    assert np.array_equal(matrix_of(there.to_reference), to_reference)
    assert nothing is None
    assert watched.watch.status.applied == ()
    assert np.array_equal(matrix_of(back.to_reference), np.eye(3))
    assert [text for _, text in watched.notes][1] == (
        "the camera looks again as at first; zones follow it"
    )


def test_a_session_that_has_to_stop_stops():
    watched = Watched(on_move="stop")
    watched.look(seen(STILL))
    watched.look(seen(PUSH))
    with pytest.raises(CameraMoved, match=r"shifted by \+9\.0 px .* the session stops"):
        watched.look(seen(PUSH))
    assert watched.rows[-1].state is ViewState.MOVED


def test_a_session_that_has_to_stop_also_stops_if_nothing_can_be_told():
    watched = Watched(on_move="stop", every_s=UNSAID_S)
    watched.look(BLACK)
    with pytest.raises(CameraMoved, match=r"cannot be said \(the reference view is all dark"):
        watched.look(BLACK)
    watched = Watched(on_move="stop")
    watched.look(seen(STILL))
    for _ in range(5):
        assert watched.look(BLACK)[0].state is ViewState.UNKNOWN  # light that goes out is no motion


def test_that_nothing_can_be_said_is_said_once():
    watched = Watched()
    for picture in (seen(STILL), BLACK, BLACK, seen(STILL), BLACK):
        watched.look(picture)
    assert [text for _, text in watched.notes] == [
        "whether the camera was moved cannot be said: the picture is all dark or all the same",
        "it can be said again whether the camera was moved",
    ]
    assert watched.watch.status.state == "unknown"
    assert math.isnan(watched.watch.status.x_px)


def test_a_dark_first_frame_is_no_reference():
    watched = Watched()
    assert watched.look(BLACK)[0].state is ViewState.UNKNOWN
    assert watched.pictures == []
    assert watched.look(seen(STILL))[0].state is ViewState.STILL
    assert len(watched.pictures) == 1


def test_the_next_look_waits_so_that_looks_take_little():
    watched = Watched(every_s=0.1)
    watched.look(seen(STILL))
    row, _ = watched.look(seen(STILL))
    _, waited_s = watched.look(seen(STILL))
    assert row.took_ms / 1e3 <= waited_s * 0.021 or waited_s >= LATEST_S


def test_a_picture_of_the_reference_is_compared_and_kept(tmp_path):
    path = tmp_path / "view.png"
    cv2.imwrite(str(path), seen(STILL))
    watched = Watched(reference=path)
    assert np.array_equal(watched.pictures[0].image, seen(STILL))
    assert watched.look(seen(PUSH))[0].state is ViewState.MOVING
    with pytest.raises(RegistrationError, match="is 320x240, and the camera gives 640x480"):
        watched.watch.refuse_images((480, 640))
    with pytest.raises(RegistrationError, match="cannot be read"):
        Watched(reference=tmp_path / "gone.png")


def test_an_animal_that_was_seen_is_left_out():
    animal = [[[140, 120], [160, 120], [180, 120]]]
    watched = Watched(animal, on_move="follow")
    watched.look(seen(STILL, (160, 120), radius=40))
    watched.xy = [[[146, 120], [166, 120], [186, 120]]]
    row, _ = watched.look(seen(STILL, (166, 120), radius=40))
    assert row.largest_px < 0.2


def test_an_animal_is_a_disc_around_its_keypoints():
    xy = np.array([[[10, 10], [30, 10], [np.nan, 5]], [[np.nan] * 2] * 3], np.float32)
    seen_ = Observation(0, 0, xy, np.ones((2, 3), np.float32))
    result = FrameResult(seen_, {}, {}, (), StageTimes(0, 0, 0, 0, 0))
    assert discs_of(result).tolist() == [[20, 10, 1.5 * 10 + 10]]
    assert discs_of(None) is None


def test_a_row_says_what_was_found():
    found = Seen(PUSH, motion_of(PUSH, SHAPE), "", "near", 0.9, 0.05, 1.2, 0.8)
    row = ViewRow.of(found, 7, 70, ViewState.MOVED, 12.0)
    assert np.array_equal(matrix_of(row.matrix), PUSH)
    assert nine(matrix_of(row.matrix)) == row.matrix
    status = status_of(row)
    assert (status.state, status.matrix) == ("moved", row.matrix)
    assert (status.x_px, status.turned_deg) == pytest.approx((9, 1.5))
    unknown = ViewRow.of(UNSAID, 7, 70, ViewState.UNKNOWN, 1.0)
    assert (unknown.matrix, unknown.likeness, unknown.why) == (None, None, "it is dark")


def test_a_motion_is_applied_from_the_next_frame_on():
    views = []

    class Seeing:
        def see_from(self, matrix):
            views.append(matrix)

    changes, pipeline = Changes(), Seeing()
    row = ViewRow(index=3, captured_ns=30, state=ViewState.MOVED)
    changes.follow_view(row, PUSH)
    (made,) = changes.apply(pipeline, 9)
    assert (made.row.applied_from, made.row.index) == (9, 3)
    assert views == [PUSH]
    changes.follow_view(row, None)
    changes.refuse()  # the session has ended: there is no next frame
    assert changes.apply(pipeline, 10) == []


NOSE_PX, FPS, BUMPED_AT = (200.0, 90.0), 25, 30


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A video of 4 s in which the camera is pushed after 1.2 s."""
    path = tmp_path_factory.mktemp("film") / "bumped.mkv"
    still, pushed = seen(STILL), seen(PUSH)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
        for index in range(4 * FPS):
            image = still if index < BUMPED_AT else pushed
            frame = av.VideoFrame.from_ndarray(image, format="gray")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def run(film, out, on_move, **camera):
    """A session of that film, at its pace, whose animal stands still on the floor."""
    experiment = Experiment.model_validate(
        {
            "rig": {
                "camera": {"kind": "video_file", "path": str(film), **camera},
                "arena": {"px_per_cm": 10},
                "registration": {"on_move": on_move, "every_s": 0.2},
            },
            "behaviours": {"right": {"rule": "x > 19 cm"}},
            "outputs": {
                "recording": {"min_free_mb": 0},
                "publisher": None,
                "control": None,
                "preview": None,
            },
        }
    )
    nose = [NOSE_PX, mapped(PUSH, np.array(NOSE_PX)).tolist()]
    observer = FixedObserver(Skeleton(("nose",)), lambda index: [nose[index >= BUMPED_AT]])
    session, folder = build_session(experiment, out, SystemClock(), observer)
    failure = None
    try:
        session.run()
    except SessionError as error:
        failure = error
    return Recording(folder), failure


@pytest.mark.slow
def test_zones_follow_a_camera_that_is_pushed_live_and_replay_does_the_same(film, tmp_path):
    recording, failure = run(film, tmp_path, "follow")
    assert failure is None
    applied = [row for row in recording.views if row.applied_from is not None]
    assert len(applied) == 1
    assert recording.complete
    reference = cv2.imread(str(recording.folder / "reference.png"), cv2.IMREAD_GRAYSCALE)
    assert np.array_equal(reference, seen(STILL))
    x_cm, from_ = recording.features["x_cm"], applied[0].applied_from
    index = recording.frame_indices
    assert BUMPED_AT < from_ < BUMPED_AT + 2.5 * FPS
    assert x_cm[index < BUMPED_AT] == pytest.approx(20, abs=1e-6)
    assert np.abs(x_cm[(index >= BUMPED_AT) & (index < from_)] - 20).min() > 0.5
    assert x_cm[index >= from_] == pytest.approx(20, abs=0.03)
    assert verify(recording).identical
    assert any("zones follow it" in line.message for line in recording.log)


@pytest.mark.slow
def test_a_session_fails_in_order_when_its_camera_is_pushed(film, tmp_path):
    recording, failure = run(film, tmp_path, OnMove.STOP)
    assert isinstance(failure.__cause__, CameraMoved)
    assert "the camera was moved: the picture shifted by +9.0 px" in str(failure)
    assert recording.session["end_reason"] == "failed"
    assert recording.complete
    assert recording.views[-1].state is ViewState.MOVED
    assert len(recording.frame_indices) < 4 * FPS


def test_the_same_film_as_fast_as_it_goes_gives_the_same_each_time(film, tmp_path):
    found = [run(film, tmp_path / name, "follow", fast=True, from_zero=True)[0] for name in "ab"]
    one, two = ([(row.index, row.state, row.applied_from) for row in each.views] for each in found)
    assert one == two
    applied = [each for each in one if each[2] is not None]
    assert [from_ - index for index, _, from_ in applied] == [1], "from the frame after the look"
    assert BUMPED_AT < applied[0][0] < BUMPED_AT + FPS
    x_cm = [each.features["x_cm"] for each in found]
    assert np.array_equal(*x_cm)
    assert x_cm[0][applied[0][2] :] == pytest.approx(20, abs=0.03)
    assert verify(found[0]).identical
