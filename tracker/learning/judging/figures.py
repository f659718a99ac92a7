"""Named figures, units in the names; None where a figure cannot be known."""

import math

Figures = dict[str, float | None]
"""Value by name."""


def known(value: float) -> float | None:
    """Return the value as a plain number, or None if it is NaN or infinite."""
    return float(value) if math.isfinite(value) else None
