"""A serial cable between two pseudo-terminals that can be looked at, and that can be bad."""

import os
import random
import select
import threading
import tty

from tracker.actuators.stimulus_box.protocol import Decoder, EdgeReport, Message, Pong, Start


def garbled(data: bytes, chance: random.Random, share: float) -> bytes:
    """The bytes, with each bit flipped with the probability `share`."""
    flips = (sum(1 << bit for bit in range(8) if chance.random() < share) for _ in data)
    return bytes(byte ^ flip for byte, flip in zip(data, flips, strict=True))


class SerialProxy:
    """Carries bytes between a host that opens `port` and the box at `box_port`.

    Args:
        box_port: Where the box is.
        seed: Of the flipped bits.

    Attributes:
        port: For the host.
        share: Each bit is flipped with this probability, either way.
        last_alive_us: Device's time of the last keep-alive that the box has answered.
        edges: What the box said of its lines, oldest first, as long as `share` is 0.
        n_orders: Starts that the box got whole.
        n_flipped: Chunks with a flipped bit.
    """

    def __init__(self, box_port: str, seed: int = 1) -> None:
        self.share = 0.0
        self.last_alive_us = 0
        self.edges: list[EdgeReport] = []
        self.n_orders = self.n_flipped = 0
        self._chance = random.Random(seed)
        self._host, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._box = os.open(box_port, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._box)
        self._decoders = {self._box: Decoder(), self._host: Decoder()}
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._carry, name="serial proxy")

    def __enter__(self) -> "SerialProxy":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self._stop_write)
        self._thread.join()
        for each in (self._stop_read, self._host, self._slave, self._box):
            os.close(each)

    def _carry(self) -> None:
        while True:
            ready, _, _ = select.select([self._stop_read, self._host, self._box], [], [])
            if self._stop_read in ready:
                return
            for source in ready:
                data = os.read(source, 4096)
                if source == self._box:  # what the box has said is known for certain
                    self._look(self._decoders[source].feed(data))
                bad = garbled(data, self._chance, self.share) if self.share else data
                self.n_flipped += bad != data
                if source == self._host:
                    self._look(self._decoders[source].feed(bad))
                os.write(self._host if source == self._box else self._box, bad)

    def _look(self, messages: "list[tuple[int, Message]]") -> None:
        for _, message in messages:
            match message:
                case Pong():
                    self.last_alive_us = message.device_us
                case EdgeReport():
                    self.edges.append(message)
                case Start():
                    self.n_orders += 1
