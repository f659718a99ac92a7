import threading
from queue import Empty
from types import SimpleNamespace

import numpy as np
import pytest

from tracker.ring_buffer import ReadPolicy, RingBuffer
from tracker.types import Fate, Frame

SHAPE = (4, 6)


def frame(i, shape=SHAPE):
    return Frame(i, i * 1_000, i * 1_000 + 5, np.full(shape, i % 256, np.uint8))


def write(ring, indices):
    for i in indices:
        ring.write(frame(i))


def drain(reader):
    reads = []
    while (read := reader.read(timeout_s=0)) is not None:
        reads.append((read.frame.index, list(read.missed)))
    return reads


@pytest.mark.parametrize(
    ("policy", "written", "expected"),
    [
        pytest.param("every", 3, [(0, []), (1, []), (2, [])], id="every_frame_in_order"),
        pytest.param("newest", 3, [(2, [0, 1])], id="newest_skips_and_counts"),
        pytest.param(
            "every", 6, [(2, [0, 1]), (3, []), (4, []), (5, [])], id="overwritten_ones_are_counted"
        ),
        pytest.param("every", 0, [], id="nothing_yet"),
        pytest.param("newest", 0, [], id="nothing_yet_for_newest"),
    ],
)
def test_what_a_reader_gets(policy, written, expected):
    ring = RingBuffer(capacity=4, shape=SHAPE)
    reader = ring.reader(ReadPolicy(policy))
    write(ring, range(written))
    assert drain(reader) == expected


def test_a_reader_starts_with_the_next_frame_written():
    ring = RingBuffer(capacity=4, shape=SHAPE)
    write(ring, range(2))
    late = ring.reader(ReadPolicy.EVERY)
    write(ring, range(2, 4))
    assert drain(late) == [(2, []), (3, [])]


def test_turns_count_frames_written_whatever_the_camera_calls_them():
    ring = RingBuffer(capacity=4, shape=SHAPE)
    reader = ring.reader(ReadPolicy.EVERY)
    write(ring, [10, 17])
    assert [reader.read(0).turn, reader.read(0).turn] == [0, 1]
    assert ring.next_turn == 2


def test_a_missed_frame_was_superseded_for_newest_and_overrun_for_every():
    assert ReadPolicy.NEWEST.fate_of_missed is Fate.SUPERSEDED
    assert ReadPolicy.EVERY.fate_of_missed is Fate.RING_OVERRUN


def test_a_frame_keeps_its_times_and_tick():
    ring = RingBuffer(capacity=2, shape=SHAPE)
    reader = ring.reader(ReadPolicy.NEWEST)
    ring.write(Frame(7, 70, 75, np.zeros(SHAPE, np.uint8), device_tick=123))
    got = reader.read(0).frame
    assert (got.index, got.captured_ns, got.received_ns, got.device_tick) == (7, 70, 75, 123)


def test_the_writer_does_not_change_a_frame_that_was_read():
    ring = RingBuffer(capacity=2, shape=SHAPE)
    reader = ring.reader(ReadPolicy.EVERY)
    write(ring, [1])
    image = reader.read(0).frame.image
    write(ring, [2, 3, 4])
    assert np.unique(image) == [1]


@pytest.mark.parametrize("policy", list(ReadPolicy))
def test_a_frame_overwritten_while_it_is_copied_is_missed_not_mixed(policy):
    ring = RingBuffer(capacity=4, shape=SHAPE)
    reader = ring.reader(policy)
    write(ring, range(4))

    class LapsTheReader:
        """An image whose copying takes so long that the writer comes round."""

        def __init__(self, image):
            self.image = image

        def __array__(self, dtype=None, copy=None):
            write(ring, range(4, 8))
            return self.image

    slot = 3 if policy is ReadPolicy.NEWEST else 0
    held = ring._held[slot]
    ring._held[slot] = Frame(held.index, 0, 0, LapsTheReader(held.image))
    read = reader.read(timeout_s=0)
    expected = 7 if policy is ReadPolicy.NEWEST else 4
    assert (read.frame.index, list(read.missed)) == (expected, list(range(expected)))
    assert np.unique(read.frame.image) == [expected]


def test_a_slot_that_is_being_written_is_passed_over():
    ring = RingBuffer(capacity=4, shape=SHAPE)
    reader = ring.reader(ReadPolicy.EVERY)
    write(ring, range(4))
    ring._held[0] = None  # as in the middle of write(frame 4)
    assert drain(reader) == [(1, [0]), (2, []), (3, [])]


def test_a_source_that_can_wait_is_told_when_there_is_room():
    ring = RingBuffer(capacity=2, shape=SHAPE)
    reader = ring.reader(ReadPolicy.EVERY)
    ring.reader(ReadPolicy.NEWEST)  # never holds anybody up
    write(ring, range(2))
    assert not ring.wait_for_room(timeout_s=0)
    reader.read(0)
    assert ring.wait_for_room(timeout_s=0)


def test_waiting_for_room_ends_when_another_thread_reads():
    ring = RingBuffer(capacity=2, shape=SHAPE)
    reader = ring.reader(ReadPolicy.EVERY)
    write(ring, range(2))
    thread = threading.Thread(target=reader.read, args=[1])
    thread.start()
    assert ring.wait_for_room(timeout_s=5)
    thread.join()


def test_a_closed_buffer_can_be_emptied_and_then_is_exhausted():
    ring = RingBuffer(capacity=4, shape=SHAPE)
    reader = ring.reader(ReadPolicy.EVERY)
    write(ring, range(2))
    ring.close()
    assert not reader.exhausted
    assert drain(reader) == [(0, []), (1, [])]
    assert reader.exhausted


def test_closing_wakes_a_reader_that_waits():
    ring = RingBuffer(capacity=4, shape=SHAPE)
    reader = ring.reader(ReadPolicy.EVERY)
    got = []
    thread = threading.Thread(target=lambda: got.append(reader.read(timeout_s=60)))
    thread.start()
    ring.close()
    thread.join(5)
    assert got == [None]


class Bell:
    """Runs `meanwhile` in place of a sleep, and then says what a sleeper would hear."""

    def __init__(self, meanwhile, in_time):
        self.meanwhile = meanwhile
        self.in_time = in_time
        self.tokens = 0

    def put(self, token):
        self.tokens += 1

    def get(self, timeout=None):
        if timeout is not None:
            self.meanwhile()
            if not self.in_time:
                raise Empty
        assert self.tokens, "would sleep for ever"
        self.tokens -= 1


@pytest.mark.parametrize("in_time", [True, False], ids=["in_time", "just_as_it_gives_up"])
def test_a_frame_written_while_a_reader_sleeps_is_read_and_leaves_no_token(in_time):
    ring = RingBuffer(capacity=4, shape=SHAPE)
    reader = ring.reader(ReadPolicy.NEWEST)
    reader.bell = Bell(lambda: write(ring, [0, 1]), in_time)
    assert reader.read(timeout_s=1).frame.index == 1
    assert reader.bell.tokens == 0
    assert not reader.sleeps


def test_nobody_sleeps_at_a_closed_buffer():
    ring = RingBuffer(capacity=4, shape=SHAPE)
    reader = ring.reader(ReadPolicy.EVERY)
    ring.close()
    reader.bell = Bell(lambda: pytest.fail("it sleeps"), in_time=True)
    assert reader.read(timeout_s=60) is None


def test_a_source_that_waits_for_room_is_woken_by_a_read():
    ring, woken = RingBuffer(capacity=2, shape=SHAPE), []
    reader = ring.reader(ReadPolicy.EVERY)
    write(ring, range(2))
    ring._writer_waits = True
    ring._room = SimpleNamespace(notify=lambda: woken.append(reader.next_turn))
    reader.read(timeout_s=0)
    assert woken == [1]


def test_a_sleep_that_nobody_ends_is_over_in_time():
    ring = RingBuffer(capacity=4, shape=SHAPE)
    reader = ring.reader(ReadPolicy.NEWEST)
    assert reader.read(timeout_s=0.01) is None
    write(ring, [0])
    assert reader.bell.empty()  # it does not sleep any more, so nobody rings


def test_readers_of_the_newest_frame_are_woken_first():
    ring, woken = RingBuffer(capacity=4, shape=SHAPE), []
    for policy in (ReadPolicy.EVERY, ReadPolicy.NEWEST, ReadPolicy.EVERY):
        reader = ring.reader(policy)
        reader.sleeps = True
        reader.bell = SimpleNamespace(put=lambda token, policy=policy: woken.append(policy))
    write(ring, [0])
    assert woken == [ReadPolicy.NEWEST, ReadPolicy.EVERY, ReadPolicy.EVERY]


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.zeros((4, 5), np.uint8), id="shape"),
        pytest.param(np.zeros(SHAPE, np.float32), id="type"),
    ],
)
def test_an_image_of_another_kind_is_refused(image):
    ring = RingBuffer(capacity=4, shape=SHAPE)
    with pytest.raises(ValueError, match=r"frame 9 is .* expected uint8 \(4, 6\)"):
        ring.write(Frame(9, 0, 0, image))


def test_one_slot_is_too_few():
    with pytest.raises(ValueError, match="expected at least 2"):
        RingBuffer(capacity=1, shape=SHAPE)


def test_under_load_every_frame_is_whole_and_every_loss_is_counted():
    ring, n = RingBuffer(capacity=4, shape=(64, 64)), 3000
    readers = {policy: ring.reader(policy) for policy in ReadPolicy}
    got = {policy: [] for policy in ReadPolicy}

    def consume(policy):
        while not readers[policy].exhausted:
            read = readers[policy].read(timeout_s=1)
            if read is not None:
                assert (read.frame.image == read.frame.index % 256).all()
                got[policy].append((read.frame.index, len(read.missed)))

    threads = [threading.Thread(target=consume, args=[policy]) for policy in ReadPolicy]
    for thread in threads:
        thread.start()
    for i in range(n):
        ring.write(frame(i, (64, 64)))
    ring.close()
    for thread in threads:
        thread.join()
    for reads in got.values():
        assert len(reads) + sum(missed for _, missed in reads) == n
        assert reads[-1][0] == n - 1
