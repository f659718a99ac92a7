"""The cable between a program and a simulated stimulus box, which a test can tamper with."""

from collections.abc import Callable

from tracker.actuators.stimulus_box import StimulusBox, StimulusBoxSettings
from tracker.actuators.stimulus_box.protocol import Decoder, Message, encode
from tracker.actuators.stimulus_box.simulated import SimulatedBox
from tracker.stimuli import Action, LineLimits, Order, PulseTrain
from tracker.testing.manual_clock import ManualClock

MS, US = 1_000_000, 1_000
LIMITS = {"0": LineLimits(100_000, 50_000), "1": LineLimits(100_000, 0)}

PULSE = PulseTrain(10_000, 10_000)

Tamper = Callable[[int, Message], list[tuple[int, Message]]]
"""From a frame to the frames that arrive in its place."""


def untouched(seq: int, message: Message) -> list[tuple[int, Message]]:
    return [(seq, message)]


def without(*kinds: type[Message], n: int | None = None) -> Tamper:
    """Loses messages of some kinds, the first `n` of them."""
    left = [n]

    def tamper(seq: int, message: Message) -> list[tuple[int, Message]]:
        if not isinstance(message, kinds) or left[0] == 0:
            return [(seq, message)]
        if left[0] is not None:
            left[0] -= 1
        return []

    return tamper


class Cable:
    """A port whose other end is a simulated box.

    Attributes:
        box: The box.
        to_box: What becomes of frames to it.
        to_host: What becomes of frames from it.
        on_read: Called before each read.
        sent: All requests that the program has sent, with their numbers.
        is_closed: Whether the program has let go of the port.
    """

    def __init__(self, clock: ManualClock, first_us: int = 0) -> None:
        self.box = SimulatedBox(clock, first_us)
        self.to_box: Tamper = untouched
        self.to_host: Tamper = untouched
        self.on_read: Callable[[], None] = lambda: None
        self.sent: list[tuple[int, Message]] = []
        self.is_closed = False
        self._decoders = Decoder(), Decoder()

    def plug(self, name: str = "") -> "Cable":
        self.box.plug()
        self.is_closed = False
        return self

    def read_some(self) -> bytes:
        self.on_read()
        frames = self._decoders[0].feed(self.box.read_some())
        return b"".join(encode(*each) for frame in frames for each in self.to_host(*frame))

    def write(self, data: bytes) -> None:
        for frame in self._decoders[1].feed(data):
            self.sent.append(frame)
            for each in self.to_box(*frame):
                self.box.write(encode(*each))

    def close(self) -> None:
        self.is_closed = True
        self.box.close()

    def requests(self, kind: type[Message]) -> list[Message]:
        """All requests of one kind."""
        return [message for _, message in self.sent if isinstance(message, kind)]


def boxed(cable: Cable, clock: ManualClock, dead_man_ms: int = 100) -> StimulusBox:
    """The program's side, not opened."""
    settings = StimulusBoxSettings(port="COM9", dead_man_ms=dead_man_ms)
    return StimulusBox(settings, LIMITS, clock, cable.plug)


def tend(box, clock, ms, *, alive=True):
    """Tend it for a while; return its edges."""
    edges, end_ns = [], clock.now_ns() + ms * MS
    while clock.now_ns() < end_ns:
        edges += box.tend(alive=alive)
    return edges


def start(box, line="0", train=PULSE, stimulus_id="wake/1"):
    return box.apply(Order(line, Action.TRAIN, train, stimulus_id))


def is_high(cable, clock, line=0):
    return cable.box.level(line, clock.now_ns(), clock.now_ns()) > 0
