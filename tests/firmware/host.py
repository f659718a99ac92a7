"""A host that talks to a box in simulated time."""

from dataclasses import replace
from pathlib import Path

from firmware import frames
from firmware.frames import Frame
from firmware.simavr_box import Built, PinChange, SteppedBox

SECOND_US = 1_000_000


class Host(SteppedBox):
    """The box, with a host at the other end of its serial line.

    Attributes:
        frames: All that came from the box, with the time (us, simulated) at which each began.
        garbled: How many frames from the box were none.
    """

    def __init__(self, built: Built, firmware: Path | None = None) -> None:
        super().__init__(built, firmware)
        self.frames: list[tuple[float, Frame]] = []
        self.garbled = 0
        self._seq = 0
        self._n_read = 0
        self._partial: list[tuple[int, int]] = []

    def run_us(self, us: float) -> None:
        super().run_us(us)
        for byte, cycle in self.sent[self._n_read :]:
            if byte != 0:
                self._partial.append((byte, cycle))
                continue
            if not self._partial:
                continue
            frame = frames.decode(bytes(each for each, _ in self._partial))
            if frame is None:
                self.garbled += 1
            else:
                self.frames.append((self._partial[0][1] / 16, frame))
            self._partial = []
        self._n_read = len(self.sent)

    def of(self, kind: int) -> list[Frame]:
        """All frames of one kind."""
        return [frame for _, frame in self.frames if frame.kind == kind]

    def ask(self, kind: int, body: bytes = b"", seq: int | None = None) -> Frame:
        """Send a request and return its answer."""
        self._seq = (self._seq + 1) % 256 if seq is None else seq
        n_before = len(self.frames)
        self.send(frames.encode(kind, self._seq, body))
        for _ in range(200):
            self.run_us(100)
            for _, frame in self.frames[n_before:]:
                if frame.kind not in (frames.EDGE, frames.TRIPPED) and frame.seq == self._seq:
                    return frame
        raise AssertionError(f"no answer to {kind:#x}: {self.frames[n_before:]}")

    def ask_nothing(self, kind: int, body: bytes) -> None:
        """Send a request that gets no answer, and let it arrive."""
        data = frames.encode(kind, 0, body)
        self.send(data)
        self.run_us(20 * len(data) + 200)

    def must(self, kind: int, body: bytes = b"", seq: int | None = None) -> Frame:
        """Send a request that has to be taken."""
        answer = self.ask(kind, body, seq)
        assert answer.kind != frames.NACK, f"{kind:#x}: NACK {answer.body[0]}"
        return answer

    def refused(self, kind: int, body: bytes = b"") -> int:
        """Send a request that has to be refused, and return the reason."""
        answer = self.ask(kind, body)
        assert answer.kind == frames.NACK, answer
        return answer.body[0]

    def clock_offset_us(self) -> float:
        """Simulated time minus the box's own, to about 3 us: from an ALIVE and its PONG."""
        data = frames.encode(frames.ALIVE, 0)
        complete_us = self.us + len(data) * 20
        self.send(data)
        self.run_us(1000)
        return complete_us - self.of(frames.PONG)[-1].device_us

    def armed(self, *, longest_us: int = 10 * SECOND_US, least_gap_us: int = 0) -> "Host":
        """Say hello, give every line limits, and arm."""
        self.run_us(1000)
        self.must(frames.HELLO, b"\x01")
        for line in range(4):
            self.must(frames.LIMITS, frames.limits(line, longest_us, least_gap_us))
        self.must(frames.ARM)
        return self

    def live_us(self, us: float) -> None:
        """Let time go on, with an ALIVE every 40 ms."""
        until = self.us + us
        while self.us < until:
            self.send(frames.encode(frames.ALIVE, 0))
            self.run_us(min(40_000, until - self.us))

    def train_of(self, line: int) -> list[PinChange]:
        """Pin changes of a line, in microseconds since the first of them."""
        changes = self.changes(line)
        return [replace(each, cycle=each.cycle - changes[0].cycle) for each in changes]
