import math
import time

from tracker.machine import Machine


class Seconds:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_the_room_left_follows_from_the_rate_of_writing(tmp_path):
    clock = Seconds()
    machine = Machine(tmp_path, clock)
    file = tmp_path / "video.mkv"
    file.write_bytes(b"")
    machine.look()
    clock.now += 10
    file.write_bytes(bytes(10_000))  # 1 kB/s
    load = machine.look()
    left_s = load.disk_left_h * 3600
    assert math.isclose(left_s, load.disk_free_mb * 1e6 / 1000)


def test_the_rate_is_that_of_the_last_minute(tmp_path):
    clock = Seconds()
    machine = Machine(tmp_path, clock)
    file = tmp_path / "video.mkv"
    for size in (1_000_000, 1_000_600, 1_001_200):  # a burst, long ago, then 10 bytes/s
        file.write_bytes(bytes(size))
        load = machine.look()
        clock.now += 60
    assert math.isclose(load.disk_left_h * 3600, load.disk_free_mb * 1e6 / 10)


def test_where_nothing_is_written_there_is_room_for_ever(tmp_path):
    clock = Seconds()
    machine = Machine(tmp_path, clock)
    machine.look()
    clock.now += 5
    assert machine.look().disk_left_h == math.inf


def test_at_first_nothing_is_known_of_the_rate(tmp_path):
    assert math.isnan(Machine(tmp_path).look().disk_left_h)


def test_a_folder_that_is_not_there_is_not_known(tmp_path):
    load = Machine(tmp_path / "gone").look()
    assert math.isnan(load.disk_free_mb)
    assert math.isnan(load.disk_left_h)


def test_a_busy_program_keeps_a_core_busy(tmp_path):
    clock = Seconds()
    machine = Machine(tmp_path, clock)
    used = time.process_time()
    while time.process_time() - used < 0.05:
        pass
    clock.now += 0.1
    load = machine.look()
    assert load.cpu_cores >= 0.5
    assert load.n_cores >= 1
