"""What would have been decided otherwise: with every frame, with centred filters, other settings.

`price` says what it cost to decide live, by cause; `what_if` tries other settings on a session.
docs/replay.md explains both.
"""

from tracker.parity.match import Agreement, agreement
from tracker.parity.price import Price, Step, price
from tracker.parity.what_if import WhatIf, what_if

__all__ = ["Agreement", "Price", "Step", "WhatIf", "agreement", "price", "what_if"]
