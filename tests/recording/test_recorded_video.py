import shutil

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange
from session_folders import (
    MS,
    flip_a_bit,
    frame,
    image,
    opened,
    recorded,
    row,
)

from tracker.errors import RecordingError
from tracker.recording import Recording
from tracker.types import Fate, Frame


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "2026-01-31_mouse"


class TestVideo:
    @pytest.mark.parametrize(
        "shape",
        [
            pytest.param((24, 32), id="grey"),
            pytest.param((33, 47), id="grey_of_odd_size"),
            pytest.param((24, 32, 3), id="colour"),
            pytest.param((33, 47, 3), id="colour_of_odd_size"),
        ],
    )
    def test_ffv1_keeps_every_pixel(self, folder, shape):
        recording = Recording(recorded(folder, 25, shape=shape))
        frames = list(recording.frames())
        assert len(frames) == 25
        for i, read in enumerate(frames):
            np.testing.assert_array_equal(read.image, image(i, shape))

    def test_ffv1_keeps_every_pixel_of_a_real_video(self, folder, shared_data):
        video = shared_data / "mouse_open_field_dlc" / "videos" / "m3v1mp4.mp4"
        with av.open(str(video)) as source:
            real = [
                picture.to_ndarray(format="gray")
                for _, picture in zip(range(12), source.decode(video=0), strict=False)
            ]
        shape = real[0].shape
        running = opened(folder, shape=shape)
        for i, pixels in enumerate(real):
            running.write_frame(Frame(i, i * 10 * MS, i * 10 * MS, pixels))
        running.write_ledger([row(i) for i in range(12)])
        running.close("completed", {})
        for read, pixels in zip(Recording(folder).frames(), real, strict=True):
            np.testing.assert_array_equal(read.image, pixels)

    @pytest.mark.parametrize(
        "shape", [pytest.param((48, 64), id="grey"), pytest.param((48, 64, 3), id="colour")]
    )
    def test_h264_keeps_the_picture_roughly(self, folder, shape):
        ramp = np.broadcast_to(np.arange(64, dtype=np.uint8) * 4, (48, 64))
        pixels = ramp if len(shape) == 2 else np.repeat(ramp[..., None], 3, axis=2)
        running = opened(folder, codec="h264", shape=shape)
        for i in range(10):
            running.write_frame(Frame(i, i * 10 * MS, 0, pixels))
        running.write_ledger([row(i) for i in range(10)])
        running.close("completed", {})
        frames = list(Recording(folder).frames())
        assert len(frames) == 10
        for read in frames:
            assert np.abs(read.image.astype(int) - pixels).max() <= 8

    def test_h264_tells_players_that_grey_has_its_full_range(self, folder):
        running = opened(folder, codec="h264")
        running.write_frame(frame(0))
        running.close("completed", {})
        with av.open(str(folder / "video.mkv")) as video:
            assert next(video.decode(video=0)).color_range == ColorRange.JPEG

    @pytest.mark.parametrize("shape", [(24, 32), (24, 32, 3)], ids=["grey", "colour"])
    def test_an_image_that_is_a_view_of_a_larger_one_is_stored_right(self, folder, shape):
        larger = image(0, (48, 64, *shape[2:]))
        view = larger[::2, 1::2]
        running = opened(folder, shape=shape)
        running.write_frame(Frame(0, 0, 0, view))
        running.write_ledger([row(0)])
        running.close("completed", {})
        np.testing.assert_array_equal(Recording(folder).image(0), view)

    def test_frames_carry_index_and_times_of_the_camera(self, folder):
        read = list(Recording(recorded(folder, 3)).frames())[2]
        assert (read.index, read.captured_ns, read.received_ns) == (2, 20 * MS, 21 * MS)

    def test_presentation_times_are_capture_times_to_the_millisecond(self, folder):
        running = opened(folder)
        for i, captured_ns in enumerate([7_000_000, 17_400_000, 18_600_000, 40_000_000]):
            running.write_frame(frame(i, captured_ns))
        running.close("completed", {})
        with av.open(str(folder / "video.mkv")) as video:
            assert [picture.pts for picture in video.decode(video=0)] == [0, 10, 12, 33]

    def test_times_that_vary_are_read_back_exactly(self, folder):
        times = [5, 17_000_003, 33_499_999, 33_500_700, 250_000_001]
        running = opened(folder)
        for i, captured_ns in enumerate(times):
            running.write_frame(frame(i, captured_ns))
        running.write_ledger([row(i, captured_ns=t) for i, t in enumerate(times)])
        running.close("completed", {})
        assert [read.captured_ns for read in Recording(folder).frames()] == times

    @pytest.mark.parametrize("index", [0, 1, 9, 10, 24], ids=lambda index: f"frame_{index}")
    def test_one_image_by_the_cameras_count(self, folder, index):
        recording = Recording(recorded(folder, 25))
        np.testing.assert_array_equal(recording.image(index), image(index))

    def test_two_frames_within_a_millisecond_are_told_apart(self, folder):
        times = [i * 300_000 for i in range(30)]  # 3 333 frames a second
        running = opened(folder)
        for i, captured_ns in enumerate(times):
            running.write_frame(frame(i, captured_ns))
        running.write_ledger([row(i, captured_ns=t) for i, t in enumerate(times)])
        running.close("completed", {})
        recording = Recording(folder)
        for i in (0, 1, 13, 21, 29):
            np.testing.assert_array_equal(recording.image(i), image(i))

    def test_frames_left_out_of_the_video_do_not_shift_the_others(self, folder):
        running = opened(folder)
        for i in (0, 1, 4, 5):
            running.write_frame(frame(i))
        left_out = {2: Fate.RING_OVERRUN, 3: Fate.DISK_FULL}
        running.write_ledger([row(i, recording=left_out.get(i, Fate.RECORDED)) for i in range(6)])
        running.close("completed", {})
        recording = Recording(folder)
        assert [read.index for read in recording.frames()] == [0, 1, 4, 5]
        np.testing.assert_array_equal(recording.image(4), image(4))
        with pytest.raises(RecordingError, match=r"frame 3 is not in the video"):
            recording.image(3)
        with pytest.raises(RecordingError, match=r"frame 6 is not in the video"):
            recording.image(6)

    def test_frames_in_the_file_can_be_counted(self, folder):
        assert Recording(recorded(folder, 13)).n_video_frames() == 13

    def test_a_session_without_video_says_so(self, folder):
        recording = Recording(recorded(folder, 2, codec="none"))
        assert recording.complete
        assert not recording.has_video
        with pytest.raises(RecordingError, match="there is no video"):
            recording.image(0)

    def test_a_video_that_is_missing_is_a_problem(self, folder):
        (recorded(folder, 2) / "video.mkv").unlink()
        assert Recording(folder).problems == ("video.mkv is missing",)

    def test_a_damaged_picture_is_an_error_not_a_picture(self, folder):
        video = recorded(folder, 25) / "video.mkv"
        flip_a_bit(video, video.stat().st_size // 2)
        with pytest.raises(RecordingError, match="the checksum of a frame near"):
            list(Recording(folder).frames())

    def test_a_damaged_picture_is_an_error_each_time(self, folder):
        video = recorded(folder, 5) / "video.mkv"
        flip_a_bit(video, video.stat().st_size // 2)
        recording = Recording(folder)
        for _ in range(2):
            with pytest.raises(RecordingError, match="checksum"):
                list(recording.frames())

    def test_another_sessions_video_is_an_error(self, folder, tmp_path):
        other = opened(tmp_path / "other")
        for i in range(3):
            other.write_frame(frame(i, i * 11 * MS))
        other.close("completed", {})
        shutil.copy(tmp_path / "other" / "video.mkv", recorded(folder, 3) / "video.mkv")
        with pytest.raises(RecordingError, match=r"frame 1 .* 11 ms, but the ledger says 10 ms"):
            list(Recording(folder).frames())

    def test_frames_missing_from_a_closed_session_are_an_error(self, folder):
        running = opened(folder)
        running.write_frame(frame(0))
        running.write_ledger([row(0), row(1)])
        running.close("completed", {})
        recording = Recording(folder)
        with pytest.raises(RecordingError, match="holds 1 frames, but the ledger says 2"):
            list(recording.frames())
        with pytest.raises(RecordingError, match="holds 1 frames, but none at 10 ms"):
            recording.image(1)

    def test_a_file_that_is_no_video_is_an_error(self, folder):
        (recorded(folder, 2) / "video.mkv").write_bytes(b"no video" * 100)
        with pytest.raises(RecordingError, match=r"cannot read video\.mkv"):
            list(Recording(folder).frames())
