"""Pictures of the report that come out of the video, and maps that lie on one."""

import base64
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from report_sessions import S, freezing, image, place, session, stimulus
from report_sessions import frame_ns as at
from session_folders import change_session, cut, flip_a_bit

from tracker.arena import ArenaSettings
from tracker.recording import Recording
from tracker.report import write_report
from tracker.report.bouts import Bout, bouts_of
from tracker.report.maps import maps
from tracker.report.stills import arena_picture, chosen, key_frames, sensor_image, surroundings
from tracker.stimuli import Delivery

EPISODES = (freezing(1, 1, 2.0), freezing(2, 4, 7.5), freezing(3, 8.2, 9.0))
NAN = float("nan")
ZONES = ArenaSettings.model_validate(
    {
        "px_per_cm": 10,
        "zones": {
            "middle": {"kind": "circle", "x_px": 320, "y_px": 240, "radius_px": 60},
            "left_side": {
                "kind": "rectangle",
                "x_px": 0,
                "y_px": 0,
                "width_px": 90,
                "height_px": 99,
            },
            "corner": {"kind": "polygon", "points_px": [[600, 400], [639, 400], [639, 479]]},
        },
    }
)


@pytest.fixture(scope="module")
def filmed(tmp_path_factory):
    """A session with a video, of ten seconds and three bouts."""
    return session(tmp_path_factory.mktemp("filmed") / "s", episodes=EPISODES, video=True)


def bout(onset_s, length_s):
    return Bout("freezing", round(onset_s * 20), round(onset_s * S), length_s, ended=True)


def decoded(uri):
    data = base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


# Which frames ------------------------------------------------------------------------------------


def test_the_first_the_median_and_the_longest_bout_are_shown():
    bouts = [bout(1, 2.0), bout(5, 9.0), bout(20, 3.0), bout(30, 1.0), bout(40, 4.0)]
    names = [(name, each.onset_ns // S) for name, each in chosen(bouts)]
    assert names == [("first", 1), ("median length", 20), ("longest", 5)]


def test_of_an_even_number_the_median_is_the_shorter_of_the_middle_two():
    bouts = [bout(1, 1.0), bout(5, 2.0), bout(20, 3.0), bout(30, 4.0)]
    assert dict(chosen(bouts))["median length"].length_s == 2.0


def test_a_bout_that_is_special_twice_is_shown_once():
    assert chosen([bout(1, 1.0)]) == [("first, median length, longest", bout(1, 1.0))]


def test_of_no_bouts_nothing_is_shown():
    assert chosen([]) == []


# What they show ----------------------------------------------------------------------------------


def test_a_key_frame_is_the_frame_at_the_onset_with_its_keypoints(filmed):
    """Around the first keypoint it is yellow (0.9 sure) or black (the animal), far from it grey."""
    recording = Recording(filmed)
    frames = key_frames(recording, bouts_of(recording))["freezing"]
    assert [frame.which for frame in frames] == [
        "first, median length",
        "longest",
    ]
    picture = decoded(frames[0].uri)
    assert picture.shape[:2] == (660, 660)
    left, top, right, _ = surroundings(recording.xy[20], (480, 640))
    x, y = ((place(20) - (left, top) + 0.5) * 660 / (right - left)).astype(int)
    blue, green, red = picture[y, x].astype(int)
    assert (red > 180, blue < 120) == (True, True)
    assert green > 150
    assert abs(picture[5, 5].astype(int) - 180).max() < 12


def test_a_frame_that_is_not_in_the_video_says_so(tmp_path):
    folder = session(tmp_path / "s", episodes=EPISODES, video=True, lost={20})
    recording = Recording(folder)
    first = key_frames(recording, bouts_of(recording))["freezing"][0]
    assert first.uri == ""
    assert "frame 20 is not in the video" in first.why_not


AROUND = {
    "in the middle": ([(300, 200), (340, 240)], (236, 136, 404, 304)),
    "at the edge": ([(5, 5), (25, 10)], (0, 0, 168, 168)),
    "a long one": ([(100, 240), (260, 240)], (20, 80, 340, 400)),
    "as long as the image": ([(10, 240), (600, 240)], (0, 0, 640, 480)),
    "not seen": ([(NAN, NAN), (NAN, 3)], (0, 0, 640, 480)),
}


@pytest.mark.parametrize(("points", "square"), AROUND.values(), ids=AROUND.keys())
def test_the_square_around_the_animal_lies_in_the_image(points, square):
    assert surroundings(np.array([points], np.float32), (480, 640)) == square


def test_the_arena_is_seen_without_the_animal(filmed):
    picture, problem = arena_picture(Recording(filmed))
    assert problem == ""
    assert (picture == 180).mean() > 0.999


def test_a_large_image_is_thinned(filmed):
    assert max(arena_picture(Recording(filmed))[0].shape) <= 900


def test_of_a_blinded_session_the_arena_is_its_first_frame(tmp_path):
    folder = session(tmp_path / "s", video=True, blinded=frozenset({"wake"}), n_frames=40)
    picture, _ = arena_picture(Recording(folder))
    assert (picture == image(0)).all()


def test_without_a_video_there_is_no_picture_of_the_arena(tmp_path):
    assert arena_picture(Recording(session(tmp_path / "s", n_frames=3))) == (None, "")


def test_what_a_crop_left_out_is_grey_and_the_rest_lies_where_it_was(tmp_path):
    """The first frame is not about an animal yet: its crop is the middle of the image."""
    crop = {"kind": "region", "x_px": 100, "y_px": 200, "width_px": 64, "height_px": 48}
    recording = Recording(session(tmp_path / "s", video=True, n_frames=3, crop=crop))
    found = sensor_image(recording, 0)
    assert found.shape == (480, 640)
    assert (found[200:248, 100:164] == image(0)[200:248, 100:164]).all()
    found[200:248, 100:164] = 128
    assert (found == 128).all()


# Maps --------------------------------------------------------------------------------------------


def labels(axes):
    return axes.get_xlabel(), axes.get_ylabel()


def test_maps_are_in_centimetres_with_zones_where_the_scale_is_known(filmed):
    recording = Recording(filmed)
    found = maps(recording, [], ZONES, arena_picture(recording)[0])
    left, right = found.figure.axes[:2]
    assert labels(left) == labels(right) == ("x (cm)", "y (cm)")
    assert [text.get_text() for text in left.texts] == ["middle", "left side", "corner"]
    assert left.get_xlim() == pytest.approx((-0.05, 63.95))
    assert left.get_ylim() == pytest.approx((47.95, -0.05))
    assert (found.seen_s, found.of_s) == (pytest.approx(10), pytest.approx(10))


def test_maps_are_in_pixels_without_a_scale(filmed):
    found = maps(Recording(filmed), [], None, None)
    assert labels(found.figure.axes[0]) == ("x (px)", "y (px)")


def test_the_heat_map_holds_all_the_time(filmed):
    found = maps(Recording(filmed), [], None, None)
    heat = found.figure.axes[1].get_images()[0].get_array()
    assert float(heat.sum()) == pytest.approx(10)


def test_stimuli_are_marked_where_the_animal_was(filmed):
    """Frame 60: the mean of both keypoints, 15 px from the first."""
    row = stimulus(1, Delivery.SHAM, at(60))
    axes = maps(Recording(filmed), [row], None, None).figure.axes[0]
    offsets = [tuple(each.get_offsets()[0]) for each in axes.collections if len(each.get_offsets())]
    assert any(np.allclose(offset, place(60) + 15, atol=0.01) for offset in offsets)


# The page ----------------------------------------------------------------------------------------


def page(recording, tmp_path):
    return write_report(recording, tmp_path / "page.html").read_text(encoding="utf-8")


def stills(html):
    return re.findall(r'<img src="data:image/jpeg[^"]+" alt="([^"]+)"', html)


def test_the_page_holds_the_key_frames(filmed, tmp_path):
    html = page(Recording(filmed), tmp_path)
    assert stills(html) == [
        "Frame at the onset of freezing: the first, median length bout",
        "Frame at the onset of freezing: the longest bout",
    ]
    assert "Under them lies the arena as the camera saw it" in html


def test_a_blinded_session_shows_no_frames(tmp_path):
    rows = (stimulus(1, Delivery.DELIVERED, at(30)),)
    folder = session(
        tmp_path / "s", episodes=EPISODES, rows=rows, video=True, blinded=frozenset({"wake"})
    )
    html = page(Recording(folder), tmp_path)
    assert stills(html) == []
    assert "Frames are hidden until the session is unblinded" in html


def test_a_video_that_was_cut_off_is_shown_as_far_as_it_goes(tmp_path):
    folder = session(tmp_path / "s", episodes=EPISODES, video=True)
    change_session(folder, state="running", end_reason=None)
    cut(folder / "video.mkv", (folder / "video.mkv").stat().st_size * 3 // 4)
    html = page(Recording(folder), tmp_path)
    assert "The session was not closed" in html
    assert "The video cannot be read" not in html
    assert stills(html) == ["Frame at the onset of freezing: the first, median length bout"]
    assert "The video was cut off before this frame." in html


def test_a_damaged_video_is_said_to_be_damaged(tmp_path):
    folder = session(tmp_path / "s", episodes=(replace(EPISODES[0]),), video=True)
    flip_a_bit(folder / "video.mkv", (folder / "video.mkv").stat().st_size // 3)
    html = page(Recording(folder), tmp_path)
    assert "The video cannot be read to its end" in html
