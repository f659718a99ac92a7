"""Pictures for views: only for who asks, at a bounded rate, never in the loop's way."""

import cv2
import numpy as np
import pytest

from tracker.clock import SystemClock
from tracker.errors import ConfigError, WireError
from tracker.keys import load_client_keys
from tracker.preview import Preview, PreviewSettings, encode_picture
from tracker.ring_buffer import ReadPolicy, RingBuffer
from tracker.subscriber import Subscriber
from tracker.testing.manual_clock import ManualClock
from tracker.types import Frame, FrameResult, Masks, Observation, StageTimes

SHAPE = (60, 80)
MS = 1_000_000
TRIES = 400


def frame(index, shape=SHAPE, value=90):
    return Frame(index, index * 10 * MS, index * 10 * MS, np.full(shape, value, np.uint8))


class Bench:
    """A preview over a ring buffer, stepped by the test itself."""

    def __init__(self, clock=None, **settings):
        self.clock = clock or SystemClock()
        self.ring = RingBuffer(8, SHAPE)
        self.told = []
        self.preview = Preview(
            PreviewSettings(**settings), session_id="s1", camera="top", clock=self.clock
        )
        self.preview.bind()
        self.reader = self.ring.reader(ReadPolicy.NEWEST)
        self.preview.attach(self.reader, lambda *said: self.told.append(said))

    def step_until(self, done):
        """Step until something is there; return it."""
        for index in range(TRIES):
            self.ring.write(frame(index))
            self.preview.step()
            found = done()
            if found:
                return found
        pytest.fail("it never came")
        return None


@pytest.fixture
def bench():
    made = Bench(fps=120)
    yield made
    made.preview.close()


@pytest.fixture
def view(bench):
    with Subscriber(bench.preview.address, topics=["frame/"]) as subscriber:
        yield subscriber


def test_a_picture_says_which_frame_it_shows(bench, view):
    got = bench.step_until(lambda: view.receive(0.02))
    message = got.message
    assert (got.topic, message.session) == ("frame/top", "s1")
    assert message.captured_ns == message.frame_index * 10 * MS
    assert (message.image_shape, message.picture_shape) == (SHAPE, SHAPE)
    picture = cv2.imdecode(np.frombuffer(got.payload, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture.shape == SHAPE
    assert abs(int(picture.mean()) - 90) <= 1


def test_nothing_is_read_while_nobody_listens(bench):
    bench.ring.write(frame(0))
    bench.preview.step()
    bench.preview.step()
    assert bench.reader.next_turn == 0


def test_nothing_is_read_any_more_once_the_last_view_has_gone(bench):
    with Subscriber(bench.preview.address, topics=["frame/"]) as view:
        bench.step_until(lambda: view.receive(0.02))
    seen = -1

    def stands_still():
        nonlocal seen
        before, seen = seen, bench.reader.next_turn
        return before == seen

    bench.step_until(stands_still)


def test_the_rate_is_bounded():
    clock = ManualClock(1_000_000_000)
    bench = Bench(clock, fps=10)
    with Subscriber(bench.preview.address, topics=["frame/"]) as view:
        bench.step_until(lambda: view.receive(0.02))
        while view.receive(0.2) is not None:
            pass
        before = bench.reader.next_turn
        clock.advance(99 * MS)
        bench.ring.write(frame(1000))
        bench.preview.step()
        assert bench.reader.next_turn == before, "99 ms after the last one nothing is due"
        clock.advance(101 * MS)
        bench.preview.step()
        assert view.receive(5).message.frame_index == 1000
    bench.preview.close()


def test_thumbnails_go_to_those_who_asked_for_them(bench):
    with Subscriber(bench.preview.address, topics=["thumbnail/"]) as small:
        got = bench.step_until(lambda: small.receive(0.02))
        assert got.topic == "thumbnail/top"


def test_a_failure_is_told_and_ends_only_the_pictures(bench, view):
    bench.step_until(lambda: view.receive(0.02))
    bench.preview._wire.socket.close()
    assert not bench.preview.step()
    ((level, text),) = bench.told
    assert level == "warning"
    assert text.startswith("no more pictures for views: ")


@pytest.mark.parametrize(
    ("shape", "side_px", "size"),
    [
        pytest.param((480, 640), 320, (240, 320), id="halved"),
        pytest.param((480, 640), 960, (480, 640), id="never_larger"),
        pytest.param((640, 480, 3), 64, (64, 48), id="colour_upright"),
        pytest.param((2, 1000), 100, (1, 100), id="never_nothing"),
    ],
)
def test_a_picture_has_its_longest_side(shape, side_px, size):
    height, width, content = encode_picture(frame(0, shape), side_px, 80)
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert (height, width) == picture.shape[:2] == size


def test_red_stays_red():
    image = np.zeros((64, 64, 3), np.uint8)
    image[..., 0] = 255  # RGB
    _, _, content = encode_picture(Frame(0, 0, 0, image), 64, 95)
    blue, green, red = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[32, 32]
    assert red > 245
    assert max(blue, green) < 10


def test_other_computers_need_keys():
    with pytest.raises(ConfigError, match="can be reached from other computers"):
        Preview(
            PreviewSettings(address="tcp://0.0.0.0:5558"),
            session_id="s1",
            camera="top",
            clock=SystemClock(),
        )


def test_it_has_to_be_bound_first():
    preview = Preview(PreviewSettings(), session_id="s1", camera="top", clock=SystemClock())
    with pytest.raises(WireError, match=r"call bind\(\) and attach\(\)"):
        preview.step()


@pytest.fixture
def guarded(keys):
    made = Bench(fps=120, keys=keys)
    yield made
    made.preview.close()


def test_with_keys_only_listed_clients_get_pictures(guarded, keys):
    listed = load_client_keys(keys / "server.key", keys / "client.key_secret")
    with Subscriber(guarded.preview.address, topics=["frame/"], keys=listed) as view:
        assert guarded.step_until(lambda: view.receive(0.02)).topic == "frame/top"


def test_with_keys_a_stranger_is_turned_away(guarded):
    with Subscriber(guarded.preview.address, topics=["frame/"]) as view:

        def turned_away():
            try:
                assert view.receive(0.02) is None
            except WireError as error:
                return str(error)
            return ""

        assert "it uses keys" in guarded.step_until(turned_away)
    assert guarded.reader.next_turn == 0, "nothing was read for him"


def seen_in(index, crop=None):
    """What a pipeline made of a frame: a square of 8 cells of 4 px, and where it looked."""
    coverage = np.zeros((1, 15, 20), np.uint8)
    coverage[0, 4:12, 4:12] = 255
    observation = Observation(
        index,
        index * 10 * MS,
        np.zeros((1, 1, 2), np.float32),
        np.ones((1, 1), np.float32),
        masks=Masks(("individual 0",), coverage, 1.5, 1.5, 4, 4),
        crop=crop,
    )
    return FrameResult(observation, {}, {}, (), StageTimes(0, 0, 0, 0, 0))


def overlays(bench):
    return Subscriber(bench.preview.address, topics=["frame/", "overlay/"])


def test_masks_and_crop_follow_the_picture_of_their_frame(bench):
    results = [None]
    bench.preview.attach(bench.reader, lambda *_: None, lambda: results[-1])
    with overlays(bench) as view:
        picture = bench.step_until(lambda: view.receive(0.02))
        assert picture.topic == "frame/top"
        shown = picture.message.frame_index
        results.append(seen_in(shown, crop=(4, 5, 48, 32)))
        got = bench.step_until(lambda: _of_kind(view, "overlay/top"))
    message = got.message
    assert (message.frame_index, message.captured_ns) == (shown, shown * 10 * MS)
    assert message.crop == (4, 5, 48, 32)
    (outline,) = message.outlines
    points = np.array(outline.points)
    assert points.min(axis=0) == pytest.approx(15.5, abs=2)
    assert points.max(axis=0) == pytest.approx(47.5, abs=2)


def _of_kind(view, topic):
    got = view.receive(0.02)
    return got if got is not None and got.topic == topic else None


def test_what_was_seen_in_an_older_frame_is_not_sent(bench):
    bench.preview.attach(bench.reader, lambda *_: None, lambda: seen_in(0))
    with overlays(bench) as view:
        seen = []

        def pictures_alone():
            got = view.receive(0.01)
            if got is not None:
                seen.append(got)
            return len(seen) >= 5

        bench.step_until(pictures_alone)
    later = [got for got in seen if got.message.frame_index > 0]
    assert {got.topic for got in later} == {"frame/top"}


def test_masks_are_not_made_for_views_that_show_none(bench, view):
    asked = []
    bench.preview.attach(bench.reader, lambda *_: None, lambda: asked.append(1))
    for _ in range(3):
        assert bench.step_until(lambda: view.receive(0.02)).topic == "frame/top"
    assert bench.preview._shown is None


def test_a_mask_that_never_comes_is_not_waited_for_without_end():
    clock = ManualClock(1_000_000_000)
    bench = Bench(clock, fps=10)
    with overlays(bench) as view:
        bench.step_until(lambda: view.receive(0.02))
        assert bench.preview._shown is not None
        clock.advance(250 * MS)
        bench.preview._send_overlay(bench.preview._wire)
        assert bench.preview._shown is None
    bench.preview.close()
