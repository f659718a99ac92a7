"""What a film shows: its rate, its cuts, its moments, and the newest frame of each."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from report_sessions import S, frame_ns, freezing, place, session
from session_folders import MS, change_session, cut, opened
from session_folders import frame as small_frame
from session_folders import result as small_result
from session_folders import row as small_row

from tracker.errors import RecordingError, UnknownName
from tracker.recording import Recording
from tracker.render.moments import PageReader
from tracker.render.plan import Cut, Page, Wanted, course_of, cuts_of, pages_of

EPISODES = (freezing(1, 1, 2.0), freezing(2, 4, 7.5), freezing(3, 8.2, 9.0))
SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def filmed(tmp_path_factory):
    """Ten seconds at 20 frames a second, three bouts, frames 50 to 54 lost."""
    folder = tmp_path_factory.mktemp("filmed") / "s"
    return Recording(session(folder, episodes=EPISODES, video=True, lost=range(50, 55)))


def at_times(folder, times_ms):
    """A session whose frames were captured at these times."""
    new = opened(folder)
    for index, ms in enumerate(times_ms):
        if ms is None:
            new.write_ledger([replace(small_row(index), captured_ns=None)])
            continue
        captured_ns = round(ms * MS)
        where = new.write_frame(small_frame(index, captured_ns))
        seen = small_result(index)
        new.write_result(
            replace(seen, observation=replace(seen.observation, captured_ns=captured_ns))
        )
        new.write_ledger([small_row(index, captured_ns=captured_ns, video=where)])
    new.close("completed", {"captured": len(times_ms)})
    return Recording(folder)


# Rate --------------------------------------------------------------------------------------------

RATES = {
    "a whole number": ([0, 20, 40, 60], Fraction(50)),
    "nearly one": ([0, 33.34, 66.67, 100.0], Fraction(30)),
    "no whole number": ([0, 80, 160, 240], Fraction(25, 2)),
    "faster than screens": ([0, 4, 8, 12], Fraction(60)),
    "one gap is no rate": ([0, 20, 40, 400, 420, 440], Fraction(50)),
    "a frame alone": ([0], Fraction(60)),
}


@pytest.mark.parametrize(("times", "fps"), RATES.values(), ids=RATES.keys())
def test_the_film_runs_at_the_rate_of_the_camera(tmp_path, times, fps):
    """A frame alone goes by the camera's promise of 100 frames a second, 60 at most."""
    assert course_of(at_times(tmp_path / "s", times)).fps == fps


def test_the_last_frame_is_shown_as_long_as_the_others(filmed):
    course = course_of(filmed)
    assert (course.first_ns, course.end_ns) == (frame_ns(0), frame_ns(200))


def test_of_a_session_without_a_frame_there_is_no_film(tmp_path):
    recording = Recording(session(tmp_path / "s", n_frames=0, video=True))
    with pytest.raises(RecordingError, match="no frame was captured"):
        course_of(recording)


# Cuts --------------------------------------------------------------------------------------------


def seconds(cuts):
    return [((c.begin_ns - 5 * S) / S, (c.end_ns - 5 * S) / S, c.title) for c in cuts]


def cuts(recording, **wanted):
    return seconds(cuts_of(recording, Wanted(**wanted), course_of(recording)))


def test_a_film_shows_everything_by_default(filmed):
    assert cuts(filmed) == [(0, 10, "")]


def test_a_film_shows_a_part_if_it_was_asked_to(filmed):
    assert cuts(filmed, from_s=2.5, to_s=7) == [(2.5, 7, "")]


def test_a_part_ends_with_the_session(filmed):
    assert cuts(filmed, from_s=9, to_s=500) == [(9, 10, "")]


@pytest.mark.parametrize(("begin", "end"), [(10, None), (5, 5), (7, 3), (500, 600)])
def test_a_part_without_anything_in_it_is_refused_with_what_there_is(filmed, begin, end):
    with pytest.raises(RecordingError, match=r"lasts from 0 to 10\.00 s"):
        cuts(filmed, from_s=begin, to_s=end)


def test_bouts_are_shown_with_what_came_before_and_after(filmed):
    assert cuts(filmed, behaviour="freezing", before_s=0.25, after_s=0.25) == [
        (0.75, 2.25, "freezing 1 of 3"),
        (3.75, 7.75, "freezing 2 of 3"),
        (7.95, 9.25, "freezing 3 of 3"),
    ]


def test_bouts_that_would_overlap_are_shown_in_one_go(filmed):
    """The first ends at 3.5 s, where the second has begun; the third begins before that ends."""
    assert cuts(filmed, behaviour="freezing", before_s=1, after_s=1.5) == [
        (0, 10, "freezing 1 to 3 of 3"),
    ]


def test_bouts_outside_the_part_are_left_out(filmed):
    [(begin, end, title)] = cuts(
        filmed, behaviour="freezing", from_s=3, to_s=6, before_s=2, after_s=2
    )
    assert (begin, end, title) == (3, 6, "freezing 2 of 3")


def test_a_bout_whose_end_was_never_written_goes_on_to_the_end(tmp_path):
    folder = session(tmp_path / "s", open_onsets=(EPISODES[1].onset,), video=True)
    change_session(folder, state="running")
    found = cuts(Recording(folder), behaviour="freezing", before_s=1)
    assert found == [(3, 10, "freezing 1 of 1")]


def test_a_behaviour_that_was_never_done_is_refused(filmed):
    with pytest.raises(RecordingError, match="no bout of locomotion"):
        cuts(filmed, behaviour="locomotion")


def test_a_misspelt_behaviour_is_refused_with_the_right_one(filmed):
    with pytest.raises(UnknownName, match="did you mean 'freezing'"):
        cuts(filmed, behaviour="freezign")


# Pages and moments -------------------------------------------------------------------------------


def test_the_moment_of_a_picture_is_the_middle_of_its_time():
    [page] = pages_of([Cut(0, SECOND)], Fraction(4), 1.0)
    assert page.moments_ns.tolist() == [125 * MS, 375 * MS, 625 * MS, 875 * MS]
    assert (page.begin_ns, page.end_ns) == (0, SECOND)


@pytest.mark.parametrize(("speed", "n"), [(0.5, 80), (1, 40), (4, 10)])
def test_speed_is_session_time_per_film_time(speed, n):
    [page] = pages_of([Cut(0, 2 * SECOND)], Fraction(20), speed)
    assert len(page.moments_ns) == n
    assert np.diff(page.moments_ns) == pytest.approx(speed * 50 * MS)


def test_a_long_cut_is_several_pages_without_a_moment_lost_between_them():
    """300 s are three pages of 100 s."""
    pages = list(pages_of([Cut(0, 300 * SECOND)], Fraction(10), 1.0))
    moments = np.concatenate([page.moments_ns for page in pages])
    assert len(pages) == 3
    assert (np.diff(moments) == SECOND // 10).all()
    assert [page.end_ns for page in pages[:-1]] == [page.begin_ns for page in pages[1:]]
    assert all(((p.begin_ns < p.moments_ns) & (p.moments_ns < p.end_ns)).all() for p in pages)


def test_a_cut_shorter_than_a_picture_is_one_picture():
    [page] = pages_of([Cut(0, 1000)], Fraction(10), 1.0)
    assert len(page.moments_ns) == 1


# What is shown -----------------------------------------------------------------------------------


def read(recording, begin_s, end_s, n):
    """What `n` pictures from one second to another show."""
    first, last = (recording.origin.at_ns(t) for t in (begin_s, end_s))
    step = (last - first) / n
    moments = first + np.rint((np.arange(n) + 0.5) * step).astype(np.int64)
    return list(PageReader(recording, Page(Cut(first, last), first, last, moments), 20.0).read())


def test_a_steady_camera_has_each_frame_shown_once(filmed):
    assert [each.frame_index for each in read(filmed, 0, 1, 20)] == list(range(20))


def test_slow_motion_shows_frames_again(filmed):
    assert [each.frame_index for each in read(filmed, 0, 0.2, 8)] == [0, 0, 1, 1, 2, 2, 3, 3]


def test_fast_motion_leaves_frames_out(filmed):
    """Pictures stand for 0.1, 0.3 and 0.5 s, where frames 2, 6 and 10 are the newest."""
    assert [each.frame_index for each in read(filmed, 0, 0.6, 3)] == [2, 6, 10]


def test_a_lost_frame_leaves_the_one_before_it_standing_and_is_counted(filmed):
    found = read(filmed, 2.4, 2.9, 10)
    assert [each.frame_index for each in found] == [48, 49, *[49] * 5, 55, 56, 57]
    assert [each.n_missing for each in found] == [0, 0, 1, 2, 3, 4, 5, 0, 0, 0]


def test_losses_are_told_with_their_times(filmed):
    begin, end = (filmed.origin.at_ns(t) for t in (0, 9))
    reader = PageReader(filmed, Page(Cut(begin, end), begin, end, np.array([begin])), 20.0)
    assert reader.lost.tolist() == [[pytest.approx(frame_ns(50), abs=MS), frame_ns(55)]]


def test_time_runs_on_where_the_camera_was_irregular(tmp_path):
    """Frames at 0, 50, 70 and 200 ms, pictures that stand for 25, 75, 125, 175 and 225 ms."""
    recording = at_times(tmp_path / "s", [0, 50, 70, 200])
    found = read(recording, 0, 0.25, 5)
    assert [each.frame_index for each in found] == [0, 2, 2, 2, 3]
    assert [each.n_missing for each in found] == [0] * 5


def test_positions_are_those_of_the_frame_that_is_shown(filmed):
    shown = read(filmed, 1, 1.05, 1)[0]
    assert shown.frame_index == 20
    assert shown.xy[0, 0] == pytest.approx(place(20))
    assert shown.trail[-1, 0] == pytest.approx(place(20) + 15)
    assert len(shown.trail) == 21  # from the first frame on: less than two seconds


def test_the_trail_is_two_seconds_long(filmed):
    assert len(read(filmed, 8, 8.05, 1)[0].trail) in (40, 41)


def test_a_frame_that_was_not_processed_has_no_positions(tmp_path):
    new = opened(tmp_path / "s")
    for index in range(3):
        where = new.write_frame(small_frame(index))
        if index != 1:
            new.write_result(small_result(index))
        new.write_ledger([small_row(index, video=where)])
    new.close("completed", {"captured": 3})
    found = read(Recording(tmp_path / "s"), 0, 0.03, 3)
    assert [each.frame_index for each in found] == [0, 1, 2]
    assert [each.xy is None for each in found] == [False, True, False]


def test_a_video_that_was_cut_off_ends_the_pictures(tmp_path):
    folder = session(tmp_path / "s", video=True)
    change_session(folder, state="running", end_reason=None)
    cut(folder / "video.mkv", (folder / "video.mkv").stat().st_size // 2)
    found = read(Recording(folder), 0, 10, 200)
    assert 20 < len(found) < 190
    assert [each.frame_index for each in found] == list(range(len(found)))


def test_a_crop_lies_where_it_was_on_the_sensor(tmp_path):
    crop = {"kind": "region", "x_px": 100, "y_px": 200, "width_px": 64, "height_px": 48}
    recording = Recording(session(tmp_path / "s", video=True, n_frames=4, crop=crop))
    image = read(recording, 0, 0.05, 1)[0].image
    assert image.shape == (480, 640)
    assert (image[200:248, 100:164] == 180).all()
    assert (image[:200] == 128).all()
