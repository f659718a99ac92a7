from fractions import Fraction

import numpy as np
import pytest
from videos import grey_level, write_pictures, write_video

from tracker.cameras.video_file import VideoFileCamera, VideoFileSettings
from tracker.errors import DeviceLost, DeviceNotFound, EndOfStream
from tracker.testing.manual_clock import ManualClock

UNEVEN_MS = (0, 40, 75, 200, 201, 1000)


@pytest.fixture
def clock():
    return ManualClock(now_ns=7_000_000_000)


@pytest.fixture
def play(clock):
    cameras = []

    def open_camera(path, **settings):
        camera = VideoFileCamera(VideoFileSettings(path=path, **settings), clock)
        cameras.append(camera)
        camera.open()
        return camera

    yield open_camera
    for camera in cameras:
        camera.close()


def noisy_pictures(n, size=(96, 128)):
    random = np.random.default_rng(1)
    return [random.integers(0, 255, size, np.uint8) for _ in range(n)]


def read_to_the_end(camera):
    frames = []
    while True:
        try:
            frames.append(camera.read(timeout_s=10))
        except EndOfStream:
            return frames


def test_capture_times_are_the_first_read_plus_the_presentation_times(play, clock, tmp_path):
    camera = play(write_video(tmp_path / "a.mkv", UNEVEN_MS), fast=True)
    clock.advance(500_000_000)
    times = [frame.captured_ns for frame in read_to_the_end(camera)]
    assert times == [7_500_000_000 + 1_000_000 * ms for ms in UNEVEN_MS]


def test_the_files_own_facts_are_kept(play, tmp_path):
    path = write_video(tmp_path / "a.mkv", UNEVEN_MS)
    settings = play(path, fast=True).info.settings
    assert (settings["codec"], settings["pixel_format"]) == ("ffv1", "gray")
    assert settings["time_base_s"] == 0.001
    assert (settings["path"], settings["n_bytes"]) == (str(path), path.stat().st_size)


def test_a_file_whose_times_do_not_start_at_zero_starts_at_the_first_read(play, tmp_path):
    camera = play(write_video(tmp_path / "a.mkv", (300, 340, 400)), fast=True)
    times = [frame.captured_ns for frame in read_to_the_end(camera)]
    assert times == [7_000_000_000, 7_040_000_000, 7_100_000_000]


def test_times_from_zero_are_the_same_whenever_the_file_is_read(play, clock, tmp_path):
    path = write_video(tmp_path / "a.mkv", (300, 340, 400))
    clock.advance(123_456_789)
    times = [frame.captured_ns for frame in read_to_the_end(play(path, fast=True, from_zero=True))]
    assert times == [0, 40_000_000, 100_000_000]


def test_a_paced_video_cannot_begin_at_zero(tmp_path):
    with pytest.raises(ValueError, match="from_zero goes with fast"):
        VideoFileSettings(path=tmp_path / "a.mkv", from_zero=True)


def test_times_that_are_no_whole_number_of_nanoseconds_do_not_drift(play, tmp_path):
    path = write_video(tmp_path / "a.mp4", range(91), codec="mpeg4", pix_fmt="yuv420p",
                       time_base=(1, 30))  # fmt: skip
    frames = read_to_the_end(play(path, fast=True))
    assert frames[1].captured_ns - frames[0].captured_ns == 33_333_333
    assert frames[90].captured_ns - frames[0].captured_ns == 3_000_000_000


def test_pixels_of_a_lossless_file_are_exact(play, tmp_path):
    frames = read_to_the_end(play(write_video(tmp_path / "a.mkv", range(0, 400, 40)), fast=True))
    assert [np.unique(f.image).tolist() for f in frames] == [[grey_level(i)] for i in range(10)]


def test_grey_is_the_luma_plane_as_it_is_stored(play, tmp_path):
    """A width that is no multiple of 32 leaves padding at the end of each row."""
    pictures = [np.tile(np.arange(16, 16 + 70, dtype=np.uint8), (50, 1))]
    camera = VideoFileSettings(path=tmp_path / "a.mkv", fast=True)
    write_luma(camera.path, pictures[0])
    np.testing.assert_array_equal(play(camera.path, fast=True).read(1).image, pictures[0])


def write_luma(path, luma):
    """A lossless yuv420p file of one frame with exactly this luma plane."""
    import av

    height, width = luma.shape
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        planes = np.concatenate((luma, np.full((height // 2, width), 128, np.uint8)))
        for packet in stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")):
            container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def test_colour_comes_in_rgb_order(play, tmp_path):
    orange = np.full((32, 32, 3), (250, 120, 10), np.uint8)
    path = write_pictures(tmp_path / "a.mkv", [orange], [0], "ffv1", "bgr0")
    assert play(path, colour=True).read(1).image[5, 5].tolist() == [250, 120, 10]


def test_an_rgb_file_read_as_grey_is_grey(play, tmp_path):
    white = np.full((32, 32, 3), 255, np.uint8)
    path = write_pictures(tmp_path / "a.mkv", [white], [0], "ffv1", "bgr0")
    image = play(path).read(1).image
    assert (image.shape, int(image[0, 0])) == ((32, 32), 255)


def test_the_header_is_what_it_says_of_itself(play, tmp_path):
    path = write_video(tmp_path / "a.avi", range(6), time_base=(1, 25))
    info = play(path).info
    assert (info.name, info.shape, info.fps, info.live, info.n_frames) == (
        "video_file a.avi", (48, 64), 25.0, True, 6,
    )  # fmt: skip


def test_fast_is_not_live(play, tmp_path):
    assert not play(write_video(tmp_path / "a.mkv", (0, 40)), fast=True).info.live


def test_fast_does_not_wait(play, clock, tmp_path):
    read_to_the_end(play(write_video(tmp_path / "a.mkv", UNEVEN_MS), fast=True))
    assert clock.now_ns() == 7_000_000_000


def test_at_the_videos_pace_each_frame_comes_when_it_is_due(play, clock, tmp_path):
    camera = play(write_video(tmp_path / "a.mkv", UNEVEN_MS))
    arrivals = [frame.received_ns for frame in read_to_the_end(camera)]
    assert arrivals == [7_000_000_000 + 1_000_000 * ms for ms in UNEVEN_MS]


def test_a_late_reader_gets_the_backlog_at_once(play, clock, tmp_path):
    camera = play(write_video(tmp_path / "a.mkv", UNEVEN_MS))
    camera.read(1)
    clock.advance(150_000_000)
    backlog = [camera.read(timeout_s=0) for _ in range(3)]
    assert [entry and entry.index for entry in backlog] == [1, 2, None]


def test_the_tick_is_the_files_own_time_stamp(play, tmp_path):
    camera = play(write_video(tmp_path / "a.mkv", (0, 40, 75)))
    assert [frame.device_tick for frame in read_to_the_end(camera)] == [0, 40, 75]


def test_a_loop_goes_on_counting(play, tmp_path):
    camera = play(write_video(tmp_path / "a.mkv", (0, 40, 80)), loop=True, fast=True)
    assert [camera.read(1).index for _ in range(8)] == list(range(8))


def test_a_loop_starts_again_one_period_after_the_last_frame(play, tmp_path):
    camera = play(write_video(tmp_path / "a.avi", (0, 1, 2), time_base=(1, 25)), loop=True)
    times = [camera.read(1).captured_ns - 7_000_000_000 for _ in range(8)]
    assert times == [40_000_000 * i for i in range(8)]


def test_a_loop_shows_the_same_pictures_again(play, tmp_path):
    camera = play(write_video(tmp_path / "a.mkv", (0, 40, 80)), loop=True, fast=True)
    levels = [int(camera.read(1).image[0, 0]) for _ in range(6)]
    assert levels == [grey_level(i) for i in (0, 1, 2, 0, 1, 2)]


def test_a_loop_has_no_number_of_frames(play, tmp_path):
    path = write_video(tmp_path / "a.avi", range(3), time_base=(1, 25))
    assert play(path, loop=True).info.n_frames is None


def test_a_missing_file_is_not_found(play, tmp_path):
    with pytest.raises(DeviceNotFound, match="does not exist"):
        play(tmp_path / "nothing.mp4")


def test_a_folder_is_not_found(play, tmp_path):
    with pytest.raises(DeviceNotFound, match="is a folder"):
        play(tmp_path)


NO_VIDEOS = {
    "empty": b"",
    "text": b"frame,x,y\n1,2,3\n" * 50,
    "rubbish": bytes(range(256)) * 40,
}


@pytest.mark.parametrize("name", ["a.mp4", "a.txt", "a.avi"])
@pytest.mark.parametrize("content", NO_VIDEOS.values(), ids=NO_VIDEOS.keys())
def test_a_file_that_is_no_video_is_not_found(play, tmp_path, content, name):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DeviceNotFound, match=name):
        play(path)


def test_a_sound_file_is_not_found(play, tmp_path):
    path = write_sound(tmp_path / "a.wav")
    with pytest.raises(DeviceNotFound, match="no frame of video"):
        play(path)


def write_sound(path):
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    return path


def test_a_file_that_could_not_be_opened_can_be_tried_again(play, clock, tmp_path):
    camera = VideoFileCamera(VideoFileSettings(path=tmp_path / "late.mkv"), clock)
    with pytest.raises(DeviceNotFound):
        camera.open()
    write_video(tmp_path / "late.mkv", (0, 40))
    camera.open()
    assert camera.read(1).index == 0
    camera.close()


def test_a_truncated_video_without_its_index_is_not_found(play, tmp_path):
    whole = write_pictures(tmp_path / "a.mp4", noisy_pictures(10), range(10), "mpeg4", "yuv420p",
                           Fraction(1, 25))  # fmt: skip
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(DeviceNotFound, match="cut off"):
        play(cut)


def test_a_cut_file_without_an_index_is_noticed_by_the_length_that_its_header_states(
    play, tmp_path
):
    whole = write_video(tmp_path / "whole.mkv", range(0, 8_000, 40))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    camera = play(cut, fast=True)
    with pytest.raises(DeviceLost, match=r"ends after \d\.\d of the 8\.0 s .* cut off"):
        read_to_the_end(camera)


def write_cut_avi(folder, frame, extra_bytes):
    """An AVI of 20 frames that was cut off `extra_bytes` after frame `frame` begins."""
    whole = write_pictures(
        folder / "a.avi", noisy_pictures(20), range(20), "mjpeg", "yuvj420p", Fraction(1, 25)
    )
    content = whole.read_bytes()
    index_and_frames = [i for i in range(len(content)) if content.startswith(b"00dc", i)]
    cut = folder / "cut.avi"
    cut.write_bytes(content[: index_and_frames[1 + frame] + extra_bytes])
    return cut


def test_a_truncated_video_with_an_index_is_lost_where_it_ends(play, tmp_path):
    with pytest.raises(DeviceLost, match="after 9 of the 20 frames"):
        read_to_the_end(play(write_cut_avi(tmp_path, 9, 0), fast=True))


def test_a_video_cut_off_within_a_frame_is_lost_at_that_frame(play, tmp_path):
    with pytest.raises(DeviceLost, match="breaks off at frame 9"):
        read_to_the_end(play(write_cut_avi(tmp_path, 9, 500), fast=True))


def test_a_video_that_is_damaged_in_the_middle_is_lost_there(play, tmp_path):
    whole = write_pictures(tmp_path / "a.avi", noisy_pictures(20), range(20), "mjpeg", "yuvj420p",
                           Fraction(1, 25))  # fmt: skip
    content = bytearray(whole.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 5000] = bytes(5000)
    damaged = tmp_path / "damaged.avi"
    damaged.write_bytes(content)
    camera = play(damaged, fast=True)
    assert [camera.read(1).index for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(DeviceLost, match=r"damaged.avi breaks off at frame \d+"):
        read_to_the_end(camera)


def test_a_stream_without_times_is_not_found(play, tmp_path):
    """A bare H.264 stream carries pictures and no times."""
    path = write_pictures(tmp_path / "a.h264", noisy_pictures(5), range(5), "libx264", "yuv420p",
                          Fraction(1, 25))  # fmt: skip
    with pytest.raises(DeviceNotFound, match="genpts"):
        play(path)


def test_a_frame_that_is_not_later_than_the_one_before_is_lost(play, tmp_path):
    """Matroska keeps whole milliseconds here, so 0.4 ms becomes the same time again."""
    path = write_video(tmp_path / "a.mkv", (0, 400, 404), time_base=(1, 10_000))
    camera = play(path, fast=True)
    assert [camera.read(1).index for _ in range(2)] == [0, 1]
    with pytest.raises(DeviceLost, match="frame 2 is not later"):
        camera.read(1)


def test_the_open_field_video_has_all_its_frames_at_30_hz(play, shared_data):
    path = shared_data / "mouse_open_field_dlc" / "videos" / "m3v1mp4.mp4"
    camera = play(path, fast=True)
    frames = [camera.read(1) for _ in range(300)]
    assert camera.info.shape == (480, 640)
    assert camera.info.fps == pytest.approx(30.0, abs=0.01)
    steps = np.diff([frame.captured_ns for frame in frames])
    assert steps.mean() == pytest.approx(1e9 / 30, rel=1e-3)
