import math

import pytest

from tracker.health import WINDOW, Latency, LoopHealth
from tracker.types import Fate, LedgerRow

MS = 1_000_000


def row(i, *, fate=Fate.PROCESSED, published=True, network_ms=3):
    start = i * 10 * MS
    return LedgerRow(
        index=i,
        captured_ns=start,
        received_ns=start + MS,
        started_ns=start + MS,
        observed_ns=start + 4 * MS,
        decided_ns=start + 5 * MS,
        published_ns=start + 6 * MS if published else None,
        network_ns=network_ms * MS,
        fate=fate,
        recording=Fate.RECORDED,
    )


def test_before_the_first_frame_nothing_is_known():
    health = LoopHealth()
    assert math.isnan(health.fps)
    assert math.isnan(health.latency.p50)


def test_the_rate_is_counted_over_the_frames_processed():
    health = LoopHealth()
    health.update(row(i) for i in range(11))
    assert health.fps == pytest.approx(100)


def test_frames_that_were_not_processed_do_not_count():
    health = LoopHealth()
    health.update(row(i, fate=Fate.SUPERSEDED if i % 2 else Fate.PROCESSED) for i in range(11))
    assert health.fps == pytest.approx(50)


def test_latency_runs_from_received_to_published():
    health = LoopHealth()
    health.update([row(0)])
    assert health.latency == Latency(5, 5, 5)


def test_latency_ends_at_the_decision_where_nothing_is_published():
    health = LoopHealth()
    health.update([row(0, published=False)])
    assert health.latency.p50 == 4


def test_overhead_leaves_out_the_bare_network_call():
    health = LoopHealth()
    health.update([row(0, network_ms=3)])
    assert health.overhead.p50 == 2


def test_percentiles_are_of_nearest_rank():
    latency = Latency.of(ms * MS for ms in range(1, 201))
    assert (latency.p50, latency.p99, latency.max) == (101, 198, 200)


def test_only_the_last_frames_are_looked_back_on():
    health = LoopHealth()
    health.update(row(i, network_ms=1) for i in range(WINDOW))
    health.update(row(i, network_ms=2) for i in range(WINDOW, 2 * WINDOW))
    assert health.overhead.max == 3
