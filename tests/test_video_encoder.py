"""The encoder is chosen, and tried, before a session begins."""

import av
import numpy as np
import pytest
from session_folders import frame, image, lines_of, opened, recorder, row, session_of

from tracker.errors import RecordingError
from tracker.recording import Recording
from tracker.session_folder.video_encoder import Codec, Encoder, choose_encoder
from tracker.session_folder.video_writer import grey_as_yuv

SIZE = (144, 256)


def nvenc_is_here():
    return choose_encoder(Codec.H264, Encoder.AUTO, SIZE, 18).name == "h264_nvenc"


@pytest.fixture(scope="module")
def no_nvenc():
    if nvenc_is_here():
        pytest.skip("there is a GPU with an encoder here")


@pytest.fixture(scope="module")
def nvenc():
    if not nvenc_is_here():
        pytest.skip("there is no GPU with an encoder here")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "session"


@pytest.mark.parametrize(
    ("codec", "shape", "expected"),
    [
        pytest.param(Codec.FFV1, SIZE, ("ffv1", "gray", True), id="ffv1_grey"),
        pytest.param(Codec.FFV1, (*SIZE, 3), ("ffv1", "bgr0", True), id="ffv1_colour"),
        pytest.param(Codec.H264, SIZE, ("libx264", "gray", False), id="h264_grey"),
        pytest.param(Codec.H264, (*SIZE, 3), ("libx264", "yuv420p", False), id="h264_colour"),
    ],
)
def test_on_the_cpu_each_codec_has_one_encoder(codec, shape, expected):
    choice = choose_encoder(codec, Encoder.CPU, shape, 18)
    assert (choice.name, choice.pixel_format, choice.lossless) == expected
    assert choice.fell_back == ""


def test_what_was_taken_stands_in_the_session_file(folder):
    opened(folder, codec="h264", crf=20).close("completed", {})
    video = session_of(folder)["video"]
    assert (video["name"], video["options"]["crf"], video["fell_back"]) == ("libx264", "20", "")


def test_a_session_without_a_video_has_no_encoder(folder):
    opened(folder, codec="none").close("completed", {})
    assert session_of(folder)["video"] is None


def test_nvenc_that_is_not_there_is_refused_before_a_folder_is_made(folder, no_nvenc):
    with pytest.raises(
        RecordingError, match=r"encoder is nvenc, which cannot be opened: .+; choose"
    ):
        recorder(folder, codec="h264", encoder="nvenc").open()
    assert not folder.exists()


def test_a_fall_back_to_the_cpu_is_said_and_kept(folder, no_nvenc):
    running = opened(folder, codec="h264", encoder="auto")
    running.write_frame(frame(0))
    running.write_ledger([row(0)])
    running.close("completed", {})
    (line,) = lines_of(folder, "log.jsonl")
    assert line["level"] == "warning"
    assert "on the CPU, since NVENC cannot be opened" in line["message"]
    video = session_of(folder)["video"]
    assert (video["name"], video["fell_back"]) == ("libx264", line["message"])
    assert Recording(folder).n_video_frames() == 1


def test_odd_sizes_are_not_for_nvenc_whether_it_is_there_or_not():
    choice = choose_encoder(Codec.H264, Encoder.AUTO, (145, 256), 18)
    assert choice.name == "libx264"
    assert "only even sizes, and the images are 256x145" in choice.fell_back
    with pytest.raises(RecordingError, match="only even sizes"):
        choose_encoder(Codec.H264, Encoder.NVENC, (144, 255), 18)


def test_ffv1_does_not_ask_for_a_gpu():
    assert choose_encoder(Codec.FFV1, Encoder.NVENC, SIZE, 18).name == "ffv1"


def test_grey_for_an_encoder_of_colour_is_luma_untouched():
    pixels = image(0, SIZE)
    picture = grey_as_yuv(pixels)
    luma = np.array(memoryview(picture.planes[0])).reshape(-1, picture.planes[0].line_size)
    np.testing.assert_array_equal(luma[:144, :256], pixels)
    assert {int(value) for value in np.array(memoryview(picture.planes[1]))[:128]} == {128}


def test_nvenc_records_what_can_be_read_back(folder, nvenc):
    running = opened(folder, codec="h264", encoder="nvenc", shape=SIZE)
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8), SIZE)
    for i in range(30):
        shown = frame(i, shape=SIZE)
        running.write_frame(type(shown)(i, shown.captured_ns, shown.received_ns, ramp))
    running.write_ledger([row(i) for i in range(30)])
    running.close("completed", {})
    assert session_of(folder)["video"]["name"] == "h264_nvenc"
    frames = list(Recording(folder).frames())
    assert len(frames) == 30
    for read in frames:
        assert np.abs(read.image.astype(int) - ramp).max() <= 12
    with av.open(str(folder / "video.mkv")) as video:
        assert video.streams.video[0].codec_context.name == "h264"
