"""Reading a part of a recording: by index, by time, as arrays, as images."""

import time

import numpy as np
import pytest
from session_folders import MS, cut, frame, image, opened, recorded, result, row

from tracker.errors import RecordingError
from tracker.recording import Recording
from tracker.types import Fate

LEFT_OUT = {2: Fate.RING_OVERRUN, 3: Fate.DISK_FULL}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "2026-01-31_mouse"


@pytest.fixture
def with_losses(folder):
    """Frames 0 to 29, the first at 50 ms; 2 and 3 not in the video, 5 and 6 never arrived."""
    running = opened(folder)
    rows = []
    for i in range(30):
        at_ns = 50 * MS + i * 10 * MS
        if i in (5, 6):
            rows.append(row(i, fate=Fate.LOST_BY_SENSOR, recording=Fate.LOST_BY_SENSOR))
            continue
        if i not in LEFT_OUT:
            running.write_frame(frame(i, at_ns))
        running.write_result(result(i))
        rows.append(row(i, captured_ns=at_ns, recording=LEFT_OUT.get(i, Fate.RECORDED)))
    running.write_ledger(rows)
    running.close("completed", {})
    return folder


class TestPart:
    def test_seconds_count_from_the_first_frame(self, with_losses):
        assert Recording(with_losses).origin.start_ns == 50 * MS

    def test_a_session_without_any_frame_counts_from_when_it_was_opened(self, folder):
        recording = Recording(recorded(folder, 0))
        assert recording.origin.start_ns == recording.session["opened_ns"]

    @pytest.mark.parametrize(
        ("from_s", "to_s", "indices"),
        [
            pytest.param(0.01, 0.03, [1, 2, 3], id="both_ends_belong_to_it"),
            pytest.param(0.0101, 0.0299, [2], id="between_frames"),
            pytest.param(0.04, 0.07, [4, 5, 6, 7], id="lost_frames_in_it_have_rows"),
            pytest.param(-1, 0, [0], id="from_before_the_first"),
            pytest.param(0.28, 99, [28, 29], id="to_after_the_last"),
            pytest.param(5, 6, [], id="after_all"),
        ],
    )
    def test_it_holds_the_frames_captured_then(self, with_losses, from_s, to_s, indices):
        part = Recording(with_losses).part(from_s, to_s)
        assert part.ledger["index"].to_pylist() == indices
        assert part.frame_indices.tolist() == [i for i in indices if i not in (5, 6)]

    def test_its_arrays_are_those_of_the_whole(self, with_losses):
        recording = Recording(with_losses)
        part = recording.part(0.1, 0.15)
        np.testing.assert_array_equal(part.frame_indices, range(10, 16))
        where = slice(8, 14)  # two frames before it were lost
        np.testing.assert_array_equal(part.xy, recording.xy[where])
        np.testing.assert_array_equal(part.confidence, recording.confidence[where])
        np.testing.assert_array_equal(part.captured_ns, recording.captured_ns[where])
        for name, values in recording.features.items():
            np.testing.assert_array_equal(part.features[name], values[where])
        for name, values in recording.scores.items():
            np.testing.assert_array_equal(part.scores[name], values[where])

    def test_a_cut_off_session_has_parts_up_to_its_last_whole_rows(self, folder):
        running = opened(folder)
        for first in (0, 3):
            for i in range(first, first + 3):
                running.write_result(result(i))
            running.write_ledger([row(i) for i in range(first, first + 3)])
            running._clock.advance(400 * MS)
            running.tick()
        running.close("completed", {})
        cut(folder / "observations.arrow", 12)
        part = Recording(folder).part(0, 1)
        assert (len(part.ledger), part.frame_indices.tolist()) == (6, [0, 1, 2])


class TestImages:
    def test_of_a_range_of_indices(self, with_losses):
        read = list(Recording(with_losses).frames(1, 8))
        assert [each.index for each in read] == [1, 4, 7, 8]
        for each in read:
            np.testing.assert_array_equal(each.image, image(each.index))
            assert each.captured_ns == 50 * MS + each.index * 10 * MS

    @pytest.mark.parametrize("whole_first", [False, True], ids=["alone", "after_all_was_read"])
    def test_a_range_over_keyframes(self, folder, whole_first):
        recording = Recording(recorded(folder, 40))
        if whole_first:
            assert len(list(recording.frames())) == 40
        read = list(recording.frames(17, 33))
        assert [each.index for each in read] == [*range(17, 34)]
        for each in read:
            np.testing.assert_array_equal(each.image, image(each.index))

    def test_from_an_index_to_the_end(self, folder):
        read = list(Recording(recorded(folder, 25)).frames(first=22))
        assert [each.index for each in read] == [22, 23, 24]

    def test_of_a_part(self, with_losses):
        part = Recording(with_losses).part(0.2, 0.21)
        read = list(part.video.frames(20, 21))
        assert [each.index for each in read] == [20, 21]
        np.testing.assert_array_equal(read[1].image, image(21))

    @pytest.mark.parametrize(
        ("at_s", "index"),
        [
            pytest.param(0.0, 0, id="the_first"),
            pytest.param(0.1, 10, id="at_its_time"),
            pytest.param(0.1099, 10, id="until_the_next_comes"),
            pytest.param(0.035, 1, id="the_newest_that_is_in_the_video"),
            pytest.param(9.0, 29, id="the_last"),
        ],
    )
    def test_by_time_it_is_the_newest_there_was(self, with_losses, at_s, index):
        np.testing.assert_array_equal(Recording(with_losses).image_at(at_s), image(index))

    @pytest.mark.parametrize("at_s", [-0.1, 300.0], ids=["before_the_first", "long_after"])
    def test_no_image_at_a_time_is_an_error(self, with_losses, at_s):
        with pytest.raises(RecordingError, match="no frame of the minute before"):
            Recording(with_losses).image_at(at_s)

    def test_frames_within_one_millisecond_in_the_middle_are_told_apart(self, folder):
        times = [i * 300_000 for i in range(60)]  # 3,333 frames/s: three or four in each ms
        running = opened(folder)
        for i, captured_ns in enumerate(times):
            running.write_frame(frame(i, captured_ns))
        running.write_ledger([row(i, captured_ns=t) for i, t in enumerate(times)])
        running.close("completed", {})
        recording = Recording(folder)
        for first in range(50):
            for each in recording.frames(first, first + 3):
                np.testing.assert_array_equal(each.image, image(each.index))

    @pytest.mark.parametrize("whole_first", [False, True], ids=["alone", "after_all_was_read"])
    def test_a_range_over_several_video_files(self, folder, whole_first):
        running = opened(folder, segment_minutes=0.1)
        for i in range(40):  # 0.7 s apart: nine frames in each file
            place = running.write_frame(frame(i, i * 700 * MS))
            running.write_ledger([row(i, captured_ns=i * 700 * MS, video=place)])
        running.close("completed", {})
        recording = Recording(folder)
        if whole_first:
            assert recording.n_video_frames() == 40
        read = list(recording.frames(12, 30))
        assert [each.index for each in read] == [*range(12, 31)]
        for each in read:
            np.testing.assert_array_equal(each.image, image(each.index))

    def test_an_error_names_the_frame_that_is_not_in_the_video(self, with_losses):
        with pytest.raises(RecordingError, match="frame 3 is not in the video"):
            Recording(with_losses).image(3)


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """120,000 frames in batches of 12, as a recorder writes them at 30 frames/s."""
    folder = tmp_path_factory.mktemp("long") / "long"
    running = opened(folder, codec="none")
    for first in range(0, 120_000, 12):
        for i in range(first, first + 12):
            running.write_result(result(i))
        running.write_ledger([row(i, recording=Fate.NOT_WANTED) for i in range(first, first + 12)])
        running._files.observations.flush()
        running._files.ledger.flush()
    running.close("completed", {})
    return folder


@pytest.mark.slow
def test_a_minute_out_of_the_middle_of_a_long_session_takes_a_fraction_of_reading_it(long):
    began = time.process_time()
    part = Recording(long).part(600, 660)
    assert part.xy.shape == (6001, 1, 2, 2)
    assert part.xy[0, 0, 0, 0] == 60_000
    a_minute_s = time.process_time() - began
    began = time.process_time()
    assert Recording(long).xy.shape == (120_000, 1, 2, 2)
    assert a_minute_s < time.process_time() - began
    assert a_minute_s < 1
