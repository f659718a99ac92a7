"""The parts of a rule that remember nothing: comparisons, and, or, not, sums."""

import math
from collections.abc import Callable, Sequence

from tracker.behaviours.memory import Evaluate, Moment


def value_of(name: str) -> Evaluate:
    """Return what looks up a feature."""
    return lambda moment: moment.values[name]


def constant(value: float) -> Evaluate:
    """Return what always gives a value."""

    def always(_moment: Moment) -> float:
        return value

    return always


def above(value: Evaluate, threshold: Evaluate, *, strict: bool) -> Evaluate:
    """Return the score of a value that is above a threshold: 1 or 0."""

    def score(moment: Moment) -> float:
        away = value(moment) - threshold(moment)
        if away > 0 or (away == 0 and not strict):
            return 1.0
        return 0.0 if away <= 0 else math.nan

    return score


def softly_above(value: Evaluate, threshold: Evaluate, softness: float) -> Evaluate:
    """Return the score of a value: 0.5 at the threshold, 0 and 1 at one softness from it."""
    slope = 0.5 / softness

    def score(moment: Moment) -> float:
        found = 0.5 + (value(moment) - threshold(moment)) * slope
        if found <= 0.0:
            return 0.0
        return 1.0 if found >= 1.0 else found  # NaN stays NaN

    return score


def equal(one: Evaluate, other: Evaluate, *, same: bool) -> Evaluate:
    """Return the score of two values that are, or are not, the same."""

    def score(moment: Moment) -> float:
        away = one(moment) - other(moment)
        return away if math.isnan(away) else float((away == 0) == same)

    return score


def all_of(parts: Sequence[Evaluate]) -> Evaluate:
    """Return the smallest score; 0 if one is 0, whatever is not known, and else NaN if one is."""
    return _joined(parts, 0.0, min)


def any_of(parts: Sequence[Evaluate]) -> Evaluate:
    """Return the largest score; 1 if one is 1, whatever is not known, and else NaN if one is."""
    return _joined(parts, 1.0, max)


def _joined(
    parts: Sequence[Evaluate], settles: float, choose: Callable[[float, float], float]
) -> Evaluate:
    """Every part is asked in every frame, since some of them remember what they saw."""
    first, *rest = parts

    def score(moment: Moment) -> float:
        result = first(moment)
        for part in rest:
            found = part(moment)
            if settles in (found, result):
                result = settles
            elif math.isnan(found):
                result = found
            elif not math.isnan(result):
                result = choose(result, found)
        return result

    return score


def opposite(condition: Evaluate) -> Evaluate:
    """Return 1 minus the score."""
    return lambda moment: 1.0 - condition(moment)


def scaled(value: Evaluate, factor: float) -> Evaluate:
    """Return the value times a factor."""
    return value if factor == 1.0 else lambda moment: value(moment) * factor


def arithmetic(sign: str, one: Evaluate, other: Evaluate) -> Evaluate:
    """Return one of `+ - * /` of two values; NaN where it would divide by 0."""
    if sign == "+":
        return lambda moment: one(moment) + other(moment)
    if sign == "-":
        return lambda moment: one(moment) - other(moment)
    if sign == "*":
        return lambda moment: one(moment) * other(moment)

    def quotient(moment: Moment) -> float:
        above_line, below_line = one(moment), other(moment)
        return above_line / below_line if below_line else math.nan

    return quotient


def least(parts: Sequence[Evaluate], choose: Callable[[list[float]], float]) -> Evaluate:
    """Return the smallest (or largest) of some values; NaN if one of them is."""

    def found(moment: Moment) -> float:
        values = [part(moment) for part in parts]
        return math.nan if any(map(math.isnan, values)) else choose(values)

    return found
