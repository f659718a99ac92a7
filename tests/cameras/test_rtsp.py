"""Streams over the network, from a server on the loopback interface."""

import socket

import numpy as np
import pytest
from cameras.rtsp_server import FPS, RtspServer
from pydantic import ValidationError
from videos import write_video

from tracker.cameras.rtsp import RtspCamera, RtspSettings
from tracker.clock import SystemClock
from tracker.errors import DeviceError, DeviceLost, DeviceNotFound
from tracker.types import Fate, Frame, Gap


@pytest.fixture
def serve():
    servers = []

    def one(n=40, **how):
        servers.append(RtspServer(n, **how))
        return servers[-1]

    yield one
    for server in servers:
        server.stop()


@pytest.fixture
def make():
    made = []

    def one(url, **settings):
        made.append(RtspCamera(RtspSettings(url=url, **settings), SystemClock()))
        return made[-1]

    yield one
    for camera in made:
        camera.close()


def read_to_the_end(camera):
    entries = []
    while True:
        try:
            entry = camera.read(0.1)
        except DeviceLost as lost:
            assert "the stream has ended" in str(lost)  # noqa: PT017 - what came before is wanted
            return entries
        entries += [entry] if entry is not None else []


def read_until(camera, enough):
    entries = []
    while not enough(entries):
        entry = camera.read(0.1)
        entries += [entry] if entry is not None else []
        assert len(entries) < 500
    return entries


def indices(entries):
    return [
        index
        for e in entries
        for index in (range(e.first_index, e.last_index + 1) if isinstance(e, Gap) else [e.index])
    ]


def test_frames_come_with_the_times_that_the_sender_stamped(serve, make):
    camera = make(serve().url)
    camera.open()
    entries = read_to_the_end(camera)
    assert indices(entries) == list(range(len(entries)))
    assert set(np.diff([frame.device_tick for frame in entries])) == {90_000 // FPS}
    steps_ms = np.diff([frame.captured_ns for frame in entries[-10:]]) / 1e6
    assert np.median(steps_ms) == pytest.approx(1000 / FPS, abs=0.1)
    assert all(frame.captured_ns <= frame.received_ns for frame in entries)
    assert camera.tick_clock.fit.n_frames == len(entries)


def test_pictures_are_those_that_were_sent(serve, make):
    """Each is one level brighter than the last: 4 in studio range is 4.66."""
    camera = make(serve().url, colour=True)
    camera.open()
    levels = [frame.image[20, 20].astype(int) for frame in read_to_the_end(camera)]
    assert camera.info.shape == (48, 64, 3)
    np.testing.assert_allclose(np.diff(levels, axis=0), 4.66, atol=2)


def test_with_a_rate_a_time_that_is_left_out_is_a_gap(serve, make):
    camera = make(serve(90, leave_out={28, 29, 80, 81}).url, fps=FPS)
    camera.open()  # the first pictures pass meanwhile
    entries = read_to_the_end(camera)
    gaps = [entry for entry in entries if isinstance(entry, Gap)]
    assert {(gap.last_index - gap.first_index + 1, gap.cause) for gap in gaps} == {
        (2, Fate.LOST_ON_LINK)
    }
    assert indices(entries) == list(range(len(indices(entries))))
    assert camera.account == {"frames": len(indices(entries)), "returns": 0}


def test_without_a_rate_frames_are_counted_as_they_come(serve, make):
    camera = make(serve(90, leave_out={28, 29, 80, 81}).url)
    camera.open()
    assert all(isinstance(entry, Frame) for entry in read_to_the_end(camera))


def test_it_says_what_the_stream_says(serve, make):
    camera = make(serve().url)
    camera.open()
    info = camera.info
    assert (info.shape, info.fps, info.live) == ((48, 64), FPS, True)
    assert info.settings["codec"] == "h264"


def test_nobody_is_told_the_password(serve, make):
    server = serve()
    camera = make(server.url)
    camera.open()
    assert camera.info.name == f"rtsp rtsp://127.0.0.1:{server.port}/cam"
    camera.close()
    with pytest.raises(DeviceError) as raised:
        camera.read(0.1)
    assert "secret" not in str(raised.value)


def test_a_broken_stream_is_opened_again_and_the_frames_that_were_due_are_gaps(serve, make):
    server = serve(60)
    camera = make(server.url, fps=FPS, on_disconnect="wait")
    camera.open()
    before = read_until(camera, lambda entries: len(entries) >= 5)
    server.hang_up.set()
    entries = before + read_until(
        camera,
        lambda found: any(isinstance(e, Gap) for e in found) and isinstance(found[-1], Frame),
    )
    assert indices(entries) == list(range(len(indices(entries))))
    away = [e for e in entries if isinstance(e, Gap) and e.cause is Fate.CAMERA_AWAY]
    gone, back = [
        next(e for e in entries if isinstance(e, Frame) and e.index == index)
        for index in (away[0].first_index - 1, away[-1].last_index + 1)
    ]
    due = (back.received_ns - gone.received_ns) / 1e9 * FPS
    assert back.index - gone.index == pytest.approx(due, abs=3)
    assert gone.captured_ns < back.captured_ns
    assert camera.account["returns"] == 1


def test_a_silent_stream_is_a_lost_one(serve, make):
    server = serve(100)
    camera = make(server.url, silent_s=0.3)
    camera.open()
    camera.read(0.1)
    server.be_silent.set()
    with pytest.raises(DeviceLost, match=r"rtsp://127.*: it was silent for too long"):
        read_until(camera, lambda entries: False)


def test_nobody_answers(make):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(DeviceNotFound, match=rf"rtsp://127.0.0.1:{port}/x cannot be opened"):
        make(f"rtsp://me:secret@127.0.0.1:{port}/x").open()


def test_a_stream_that_stays_away_ends_the_session(tmp_path, make):
    """A file is a stream that breaks off and does not come back."""
    path = write_video(tmp_path / "a.mkv", range(0, 80, 40))
    camera = make(path.as_uri(), on_disconnect="wait", wait_at_most_s=0.3)
    camera.open()
    path.unlink()
    with pytest.raises(DeviceLost, match=r"did not come back within 0\.3 s.*has ended"):
        read_until(camera, lambda entries: False)


@pytest.mark.parametrize("url", ["", "camera", "192.168.1.2/stream"])
def test_an_address_without_a_protocol_is_refused(url):
    with pytest.raises(ValidationError):
        RtspSettings(url=url)
