"""Video in several files, and cut out of the camera's images."""

import av
import numpy as np
import pytest
from pydantic import ValidationError
from session_folders import (
    MS,
    SHAPE,
    change_session,
    cut,
    files_of,
    frame,
    image,
    opened,
    recorder,
    result,
    row,
)

from tracker.errors import RecordingError
from tracker.recording import Recording
from tracker.session_folder.settings import RecorderSettings
from tracker.types import Fate

MINUTE = 60_000 * MS
REGION = {"kind": "region", "x_px": 5, "y_px": 3, "width_px": 20, "height_px": 18}
ANIMAL = {"kind": "animal", "width_px": 16, "height_px": 16}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "2026-01-31_mouse"


def write(running, times, *, positions=None, shape=SHAPE):
    """Frames at these times, as a session writes them; the animal is at `positions[i]` (px)."""
    for i, captured_ns in enumerate(times):
        place = running.write_frame(frame(i, captured_ns, shape))
        if positions is not None:
            running.write_result(result(i, xy=np.full((1, 2, 2), positions[i], np.float32)))
        running.write_ledger([row(i, captured_ns=captured_ns, video=place)])
    running.close("completed", {"captured": len(times)})
    return Recording(running._folder)


def videos(folder):
    return sorted(name for name in files_of(folder) if name.endswith(".mkv"))


class TestSegments:
    def test_a_new_file_begins_once_the_minutes_are_over(self, folder):
        running = opened(folder, segment_minutes=0.5)
        seconds = [0, 10, 29.999, 30, 45, 59.999, 60, 100]
        recording = write(running, [round(s * 1e9) for s in seconds])
        assert videos(folder) == [f"video_{n:03d}.mkv" for n in range(4)]
        assert recording.ledger["segment"].to_pylist() == [0, 0, 0, 1, 1, 1, 2, 3]
        assert recording.problems == ()

    def test_a_file_has_no_minutes_without_frames(self, folder):
        running = opened(folder, segment_minutes=1)
        recording = write(running, [0, 10 * MINUTE, 10 * MINUTE + MS])
        assert videos(folder) == ["video_000.mkv", "video_001.mkv"]
        assert recording.ledger["segment"].to_pylist() == [0, 1, 1]

    def test_a_new_file_begins_once_the_megabytes_are_full(self, folder):
        shape = (400, 500)  # 0.2 MB of noise each, written in clusters of 0.25 s
        running = opened(folder, shape=shape, segment_mb=2)
        recording = write(running, [i * 300 * MS for i in range(30)], shape=shape)
        sizes = [(folder / name).stat().st_size / 1e6 for name in videos(folder)]
        assert len(sizes) in {3, 4}
        assert all(2.0 <= size < 2.9 for size in sizes[:-1])
        assert recording.ledger["segment"].to_pylist() == sorted(
            recording.ledger["segment"].to_pylist()
        )

    @pytest.mark.parametrize("codec", ["ffv1", "h264"])
    def test_every_frame_is_read_back_by_its_index_whatever_the_file(self, folder, codec):
        running = opened(folder, segment_minutes=0.1, codec=codec, crf=0)
        recording = write(running, [i * 700 * MS for i in range(40)])
        assert len(videos(folder)) == 5
        frames = list(recording.frames())
        assert [read.index for read in frames] == list(range(40))
        for read in frames:
            close = 0 if codec == "ffv1" else 3
            assert np.abs(read.image.astype(int) - image(read.index)).max() <= close
        for index in (39, 0, 8, 9, 10, 25):
            np.testing.assert_array_equal(recording.image(index), frames[index].image)
        assert recording.n_video_frames() == 40

    def test_frames_left_out_do_not_shift_the_others(self, folder):
        running = opened(folder, segment_minutes=0.1)
        for i in range(30):
            place = None if i % 3 == 1 else running.write_frame(frame(i, i * 700 * MS))
            recording = Fate.RECORDED if place else Fate.RING_OVERRUN
            running.write_ledger(
                [row(i, recording=recording, captured_ns=i * 700 * MS, video=place)]
            )
        running.close("completed", {})
        recording = Recording(folder)
        for index in (0, 2, 27, 29):
            np.testing.assert_array_equal(recording.image(index), image(index))
        with pytest.raises(RecordingError, match="frame 28 is not in the video"):
            recording.image(28)

    def test_a_file_of_them_that_is_missing_is_named(self, folder):
        running = opened(folder, segment_minutes=0.5)
        recording = write(running, [0, MINUTE, 2 * MINUTE])
        (folder / "video_001.mkv").unlink()
        assert recording.problems == ("video_001.mkv is missing",)
        np.testing.assert_array_equal(recording.image(2), image(2))
        with pytest.raises(RecordingError, match=r"video_001\.mkv is missing"):
            recording.image(1)

    def test_after_a_crash_only_the_last_file_may_be_short(self, folder):
        running = opened(folder, segment_minutes=0.1)
        write(running, [i * 700 * MS for i in range(20)])
        change_session(folder, state="running")
        last = videos(folder)[-1]
        cut(folder / last, (folder / last).stat().st_size // 2)
        n = len(list(Recording(folder).frames()))
        assert 18 <= n < 20
        cut(folder / "video_000.mkv", (folder / "video_000.mkv").stat().st_size // 2)
        with pytest.raises(RecordingError, match=r"video_000\.mkv .* holds"):
            list(Recording(folder).frames())

    def test_each_file_says_whose_it_is(self, folder):
        write(opened(folder, segment_minutes=0.5), [0, MINUTE])
        for number, name in enumerate(videos(folder)):
            with av.open(str(folder / name)) as video:
                tags = video.metadata
            assert tags["TRACKER_SESSION"] == "s1"
            assert tags["TRACKER_SCHEMA"] == "1"
            assert tags["TRACKER_SEGMENT"] == str(number)


class TestCrop:
    @pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
    def test_a_region_is_kept_bit_by_bit_and_nothing_else(self, folder, colour):
        shape = (*SHAPE, 3) if colour else SHAPE
        running = opened(folder, crop=REGION, shape=shape)
        recording = write(running, [i * 10 * MS for i in range(12)], shape=shape)
        for read in recording.frames():
            whole = image(read.index, shape)
            np.testing.assert_array_equal(read.image, whole[3:21, 5:25])
            assert recording.crop_origin(read.index) == (5, 3)

    def test_the_surroundings_follow_the_animal_and_say_where_they_lie(self, folder):
        positions = [(12, 10), (20, 12), (20, 12)]
        running = opened(folder, crop=ANIMAL)
        recording = write(running, [0, 10 * MS, 20 * MS], positions=positions)
        # Frame 0 is cut around the centre of the image: nothing was seen before it.
        origins = [(8, 4), (4, 2), (12, 4)]
        assert [recording.crop_origin(i) for i in range(3)] == origins
        for i, (x, y) in enumerate(origins):
            np.testing.assert_array_equal(recording.image(i), image(i)[y : y + 16, x : x + 16])

    def test_at_the_edge_the_surroundings_end_with_the_image(self, folder):
        positions = [(0, 0), (31, 23), (31, 23)]
        recording = write(opened(folder, crop=ANIMAL), [0, 10 * MS, 20 * MS], positions=positions)
        assert [recording.crop_origin(i) for i in (1, 2)] == [(0, 0), (16, 8)]

    def test_an_animal_that_is_not_seen_is_where_it_was(self, folder):
        nowhere = (np.nan, np.nan)
        recording = write(
            opened(folder, crop=ANIMAL),
            [0, 10 * MS, 20 * MS],
            positions=[(12, 10), nowhere, nowhere],
        )
        assert [recording.crop_origin(i) for i in (1, 2)] == [(4, 2), (4, 2)]

    def test_without_a_crop_the_image_begins_at_zero(self, folder):
        recording = write(opened(folder), [0, 10 * MS])
        assert recording.crop_origin(1) == (0, 0)

    @pytest.mark.parametrize(
        ("crop", "message"),
        [
            pytest.param(
                REGION | {"x_px": 13},
                r"20x18 px from \(13, 3\), .* gives 32x24",
                id="too_far_right",
            ),
            pytest.param(REGION | {"y_px": 7}, r"from \(5, 7\)", id="too_far_down"),
            pytest.param(ANIMAL | {"width_px": 33}, "33x16 px", id="larger_than_the_image"),
        ],
    )
    def test_a_crop_outside_the_image_is_refused_before_anything_is_made(
        self, folder, crop, message
    ):
        with pytest.raises(RecordingError, match=message):
            recorder(folder, crop=crop).open()
        assert not folder.exists()

    def test_an_odd_crop_in_colour_is_refused_for_h264(self, folder):
        with pytest.raises(RecordingError, match="even sizes"):
            recorder(folder, codec="h264", shape=(24, 32, 3), crop=REGION | {"width_px": 19}).open()


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"segment_minutes": 0}, id="no_minutes"),
        pytest.param({"segment_mb": 0}, id="no_megabytes"),
        pytest.param({"crop": {"kind": "mouse"}}, id="unknown_crop"),
        pytest.param({"crop": REGION | {"x_px": -1}}, id="left_of_the_image"),
    ],
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        RecorderSettings(**wrong)
