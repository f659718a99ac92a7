"""What is drawn into a picture of the film, and into the strip below it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from report_sessions import REFUSED, S, frame_ns, freezing, place, session, stimulus
from session_folders import change_session

from tracker.drawing import GREEN, SKY, VERMILION, WHITE, colour_of
from tracker.recording import Recording
from tracker.render.moments import PageReader
from tracker.render.plan import Cut, Page
from tracker.render.scene import Scene
from tracker.render.strip import GROUND, Strip
from tracker.stimuli import Delivery

EPISODES = (freezing(1, 1, 2.0), freezing(2, 4, 7.5), freezing(3, 8.2, 9.0))
DELIVERED = stimulus(1, Delivery.DELIVERED, frame_ns(30))
SHAM = stimulus(2, Delivery.SHAM, frame_ns(90))
LOST = range(50, 55)
SURE = colour_of(float(np.float32(0.9)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Ten seconds at 20 frames a second, three bouts, five stimuli, frames 50 to 54 lost."""
    rows = (DELIVERED, SHAM, *REFUSED)
    path = tmp_path_factory.mktemp("filmed") / "s"
    return session(path, episodes=EPISODES, rows=rows, video=True, lost=LOST)


# What is drawn -----------------------------------------------------------------------------------


def scene_at(folder, at_s, scale=None):
    """The picture of one moment, before it is encoded, and the scene."""
    recording = Recording(folder)
    begin, end = recording.origin.at_ns(0), recording.origin.at_ns(10)
    page = Page(Cut(begin, end), begin, end, np.array([recording.origin.at_ns(at_s)]))
    reader, scene = PageReader(recording, page, 20.0), Scene(recording, scale)
    scene.turn_to(page, reader.lost)
    [shown] = reader.read()
    return scene.draw(shown), scene


def colours_in(picture):
    return {tuple(colour) for colour in np.unique(picture.reshape(-1, 3), axis=0).tolist()}


def near(picture, xy, radius=2):
    x, y = np.rint(xy).astype(int)
    return picture[y - radius : y + radius + 1, x - radius : x + radius + 1]


def test_keypoints_are_drawn_in_the_colour_of_their_confidence(folder):
    picture, _ = scene_at(folder, 1.02)
    assert colours_in(near(picture, place(20))) == {SURE}
    assert colours_in(near(picture, place(20) + 30)) == {SURE}


def test_the_trail_shows_where_the_animal_was(folder):
    picture, _ = scene_at(folder, 8.02)
    assert SKY in colours_in(near(picture, place(140) + 15))
    assert SKY not in colours_in(near(picture, place(100) + 15))


def test_what_the_animal_does_stands_in_words_in_the_colour_of_its_lane(folder):
    corner = np.s_[:40, :200]
    assert SKY in colours_in(scene_at(folder, 1.5)[0][corner])
    assert SKY not in colours_in(scene_at(folder, 3.0)[0][corner])


def test_a_held_frame_has_a_frame_of_its_own_and_says_how_many_are_missing(folder):
    held, normal = scene_at(folder, 2.66)[0], scene_at(folder, 2.4)[0]
    assert (held[0, :640] == VERMILION).all()
    assert not (normal[0, :640] == VERMILION).all()
    sign = held[440:478, 400:630]
    assert (sign == VERMILION).all(axis=2).mean() > 0.1
    assert WHITE in colours_in(sign)


def test_a_stimulus_is_named_for_half_a_second(folder):
    corner = np.s_[440:480, :200]
    shown = [SKY in colours_in(scene_at(folder, t)[0][corner]) for t in (1.48, 1.52, 1.95, 2.05)]
    assert shown == [False, True, True, False]


def test_a_picture_can_be_enlarged_and_stays_even(folder):
    for scale, width in ((0.333, 214), (1, 640), (1.501, 962)):
        picture, scene = scene_at(folder, 1.0, scale)
        assert picture.shape[:2] == scene.shape
        assert abs(scene.shape[1] - width) <= 1
        assert scene.shape[0] % 2 == scene.shape[1] % 2 == 0


@pytest.mark.parametrize(
    ("shape", "width"), [((48, 64), 512), ((480, 640), 640), ((3712, 3712), 1920)]
)
def test_a_film_has_a_width_that_can_be_seen_and_played(tmp_path, shape, width):
    new = session(tmp_path / "s", n_frames=1)
    camera = json.loads((new / "session.json").read_text())["camera"]
    change_session(new, camera={**camera, "shape": shape})
    assert Scene(Recording(new), None).shape[1] == width


# The strip ---------------------------------------------------------------------------------------


def strip_of(recording, begin_s=0, end_s=10, width=640):
    begin, end = recording.origin.at_ns(begin_s), recording.origin.at_ns(end_s)
    page = Page(Cut(begin, end), begin, end, np.array([begin]))
    strip = Strip(recording, width)
    return strip, page, strip.page(page, PageReader(recording, page, 20.0).lost)


def lane(picture, colour):
    """Shares of the time axis, first and last, of everything in a colour, by row of the lane."""
    columns = np.flatnonzero((picture == colour).all(axis=2).any(axis=0))
    return columns.min(), columns.max()


def test_bouts_are_bars_at_their_time(folder):
    """Both ends of the axis are where its line ends; bouts go from 1 to 2 s, 4 to 7.5 and so on."""
    strip, page, picture = strip_of(Recording(folder))
    line = np.flatnonzero((picture == (150, 145, 140)).all(axis=2).sum(axis=1) > 300)[0]
    axis = np.flatnonzero((picture[line] == (150, 145, 140)).all(axis=1))
    left, right = axis[0], axis[-1]
    bar = np.bincount(np.nonzero((picture == SKY).all(axis=2))[1], minlength=640)
    ends = np.flatnonzero(np.diff(np.r_[0, bar >= 8, 0]))
    seconds = 10 * (ends - left) / (right - left)
    assert seconds == pytest.approx([1, 2, 4, 7.5, 8.2, 9.0], abs=0.06)
    assert strip.height == picture.shape[0]
    assert page.end_ns - page.begin_ns == 10 * S


def test_lost_frames_are_marked_at_their_time(folder):
    _, _, picture = strip_of(Recording(folder))
    first, last = lane(picture[-45:-30], VERMILION)
    assert 0 < last - first < 25


def test_the_cursor_moves_with_time(folder):
    strip, page, picture = strip_of(Recording(folder))
    found = []
    for at_s in (0, 5, 10):
        now = picture.copy()
        strip.draw_now(now, page, page.begin_ns + at_s * S)
        found.append(np.flatnonzero((now == WHITE).all(axis=2).sum(axis=0) > 40).tolist())
    assert all(len(columns) == 1 for columns in found)
    assert found[1][0] - found[0][0] == pytest.approx(found[2][0] - found[1][0], abs=1)


def test_the_clock_shows_session_time_and_utc(folder):
    """The same moment is drawn the same, another one differently, and a file has no UTC."""
    strip, page, picture = strip_of(Recording(folder))
    clocks = []
    for at_ns in (S, S, S + 1_000_000):
        now = picture.copy()
        strip.draw_now(now, page, page.begin_ns + at_ns)
        clocks.append(now[:18, :400])
    assert (clocks[0] == clocks[1]).all()
    assert (clocks[0] != clocks[2]).any()


def marks(folder):
    recording = Recording(folder)
    strip, page, picture = strip_of(recording)
    words = [strip.stimulated(row.moment_ns, S // 2) for row in recording.stimuli]
    return picture, words, page


def test_stimuli_are_told_apart_by_colour_and_words(folder):
    _, words, _ = marks(folder)
    assert [text for [(text, _)] in words[1:2]] == ["light: sham"]
    assert ("light: delivered", SKY) in words[0]


def test_blinded_stimuli_look_alike_until_they_are_unblinded(tmp_path):
    folders = []
    for name, kinds in (
        ("a", (Delivery.DELIVERED, Delivery.SHAM)),
        ("b", (Delivery.SHAM, Delivery.DELIVERED)),
    ):
        rows = [stimulus(n, kind, frame_ns(40 * n)) for n, kind in enumerate(kinds, 1)]
        folders.append(
            session(
                tmp_path / name, rows=rows, video=True, blinded=frozenset({"wake"}), n_frames=120
            )
        )
    first, second = (marks(each) for each in folders)
    assert (first[0] == second[0]).all()
    assert first[1] == second[1] == [[("light: blinded", WHITE)]] * 2
    assert (scene_at(folders[0], 2.2)[0] == scene_at(folders[1], 2.2)[0]).all()


def test_a_second_behaviour_has_a_lane_and_a_colour_of_its_own(tmp_path):
    walking = replace(EPISODES[0], onset=replace(EPISODES[0].onset, behaviour="locomotion"))
    recording = Recording(session(tmp_path / "s", episodes=(walking,), video=True, n_frames=60))
    _, _, picture = strip_of(recording, 0, 3)
    assert GREEN in colours_in(picture)
    assert SKY not in colours_in(picture)


def test_a_narrow_strip_still_has_room_for_time(folder):
    strip, page, picture = strip_of(Recording(folder), width=120)
    strip.draw_now(picture, page, page.begin_ns)
    assert picture.shape[1] == 120
    assert GROUND in colours_in(picture)
