"""What every controller promises; tests/contracts/test_controller_contract.py holds them to it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tracker.stimuli import StimulusCommand
from tracker.types import FrameResult


class Controller(Protocol):
    """Decides what to ask of outputs, from what was seen up to now; used by one thread.

    It is a function of the frames' results, its settings and its seed alone: no clock, no random
    numbers of its own, no memory of what the interlocks let through. Times are capture times.
    """

    @property
    def name(self) -> str:
        """As in the experiment; begins the ids of its stimuli."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs that it may ask something of."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What a session keeps of it from the start, JSON-ready: seed, hash of the schedule."""

    @property
    def sealed(self) -> Mapping[str, Any]:
        """What would tell its hidden arms, JSON-ready, for the sealed file alone; may be empty."""

    def update(self, result: FrameResult) -> Sequence[StimulusCommand]:
        """Return what follows from this frame.

        Frames come in the order of their capture times; some may be missing.
        """
