"""Random numbers that depend on what they are for, not on how many were drawn before."""

_MASK = 2**64 - 1


def chance(*keys: int) -> float:
    """A number from 0 (inclusive) to 1 (exclusive), always the same for the same keys.

    Each key goes through one round of SplitMix64 (Steele, Lea and Flood 2014).
    """
    state = 0
    for key in keys:
        state = (state + key + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return (state >> 11) / 2**53


def uniform(seed: int, salt: int, low: float, high: float) -> float:
    """A number from `low` to `high`, always the same for the same seed and salt."""
    return low + (high - low) * chance(seed, salt)
