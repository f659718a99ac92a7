"""Writing a frame into the ring buffer, against a bare memcpy into memory as cold as the ring's.

Budget: at most 1.2.
"""

from time import perf_counter_ns

import numpy as np
from common import arguments, report

from tracker.ring_buffer import ReadPolicy, RingBuffer
from tracker.types import Frame

CAPACITY = 64
SHAPES = {"640x480 grey": (480, 640), "1280x1024 grey": (1024, 1280), "colour": (1024, 1280, 3)}


def main() -> None:
    asked = arguments(__doc__ or "", rounds=20).parse_args()
    rows = []
    for name, shape in SHAPES.items():
        image = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
        ring, bare = RingBuffer(CAPACITY, shape), np.ones((CAPACITY, *shape), np.uint8)
        reader = ring.reader(ReadPolicy.NEWEST)
        written, copied, read = [], [], []
        for i in range(asked.rounds * CAPACITY):
            began = perf_counter_ns()
            np.copyto(bare[i % CAPACITY], image)
            copied.append(perf_counter_ns() - began)
            frame = Frame(i, i, i, image)
            began = perf_counter_ns()
            ring.write(frame)
            written.append(perf_counter_ns() - began)
            began = perf_counter_ns()
            reader.read(1)
            read.append(perf_counter_ns() - began)
        rows.append(
            {
                "frame": name,
                "memcpy ms": float(np.median(copied)) / 1e6,
                "write ms": float(np.median(written)) / 1e6,
                "write / memcpy": float(np.median(written) / np.median(copied)),
                "read ms": float(np.median(read)) / 1e6,
            }
        )
    report("Ring buffer, budget 1.2", rows, asked.json)


if __name__ == "__main__":
    main()
