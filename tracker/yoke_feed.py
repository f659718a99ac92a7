"""Follows the stimuli of a second rig that runs now, for yoked trials here."""

from collections.abc import Callable

import msgspec

from tracker.controllers.yoke import LiveYoke
from tracker.errors import BadMessage
from tracker.messages import StimulusMessage
from tracker.session_folder.stimulus_lines import row_of
from tracker.subscriber import Subscriber

PATIENCE_S = 0.1
"""Longest wait in one step."""


class YokeFeed:
    """Hands what another rig delivers to a `LiveYoke`; used by a thread of its own.

    What was lost on the way, or could not be read, is not given here: yoking to a rig over a
    network is as good as the network, and `LiveYoke.lost` counts only what came and was not taken.

    Args:
        address: Of the other rig's publisher.
        yoke: Takes its rows.
    """

    def __init__(self, address: str, yoke: LiveYoke) -> None:
        self._address = address
        self._yoke = yoke
        self._subscriber: Subscriber | None = None

    def open(self, _note: Callable[..., None] | None = None, /) -> None:
        """Connect; the other rig need not be there yet. Raises `WireError`."""
        if self._subscriber is None:
            self._subscriber = Subscriber(self._address, ["stimulus/"])

    def step(self) -> bool:
        """Take one message, if one comes. Always True.

        Raises:
            ConfigError: If the other session is blinded.
            WireError: If its publisher turned us away.
        """
        if self._subscriber is None:
            return True
        try:
            received = self._subscriber.receive(PATIENCE_S)
        except BadMessage:
            return True
        if received is not None and isinstance(received.message, StimulusMessage):
            self._yoke.offer(row_of(msgspec.to_builtins(received.message)))
        return True

    def close(self) -> None:
        """Disconnect; twice does no harm."""
        subscriber, self._subscriber = self._subscriber, None
        if subscriber is not None:
            subscriber.close()
