"""Numbers that a generator of barcodes writes onto a line: each says which moment it is.

One pulse to begin with, a pause of the same length, then the bits, the least one first, each as
long as the others: high is 1. So does the Allen Institute's generator (open-ephys/sync-barcodes).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.alignment.matching import Times

START_TOLERANCE = 0.25
"""How far the first pulse may be from its length, as a part of it."""


@dataclass(frozen=True, slots=True)
class Barcode:
    """How a generator writes a number.

    Attributes:
        bits: Per number.
        bit_s: Length of one bit (s).
        start_s: Length of the pulse before the bits, and of the pause after it (s).
    """

    bits: int = 32
    bit_s: float = 0.029
    start_s: float = 0.020

    @property
    def length_s(self) -> float:
        """From the first edge to the end of the last bit."""
        return 2 * self.start_s + self.bits * self.bit_s


def read_barcodes(times_s: Times, high: NDArray[np.bool_], code: Barcode) -> dict[int, int]:
    """Return the numbers on a line, by the place of the edge that each begins with.

    What is no barcode is left out: a first pulse of another length, or edges too close before it.
    A number that the recording breaks off in is read as if the line had stayed as it was.

    Args:
        times_s: All edges, rising and falling, growing.
        high: Whether the line is high after each.
        code: How the generator writes.
    """
    found = {}
    quiet_until_s = -np.inf
    middles_s = 2 * code.start_s + (np.arange(code.bits) + 0.5) * code.bit_s
    for place in np.flatnonzero(high[:-1]):
        begun_s = times_s[place]
        if begun_s < quiet_until_s:
            continue
        width_s = times_s[place + 1] - begun_s
        if abs(width_s - code.start_s) > START_TOLERANCE * code.start_s:
            continue
        at = np.searchsorted(times_s, begun_s + middles_s, side="right") - 1
        found[int(place)] = sum(1 << bit for bit, is_high in enumerate(high[at]) if is_high)
        quiet_until_s = begun_s + code.length_s
    return found


def pairs_by_codes(ours: dict[int, int], theirs: dict[int, int]) -> NDArray[np.int64]:
    """Return pairs of places at which the same number begins, shape (pairs, 2)."""
    places: dict[int, list[int]] = {}
    for place, number in ours.items():
        places.setdefault(number, []).append(place)
    pairs = [(mine, place) for place, number in theirs.items() for mine in places.get(number, ())]
    return np.array(pairs, np.int64).reshape(-1, 2)
