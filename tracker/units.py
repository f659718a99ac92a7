"""Units: which quantities may be compared with one another, and by what factor.

A unit is a product of powers of cm, s, deg and px times a factor; `%` is a factor of 0.01. So
`mm/s`, `deg/s`, `1/s` and `cm/s2` are all read by one function, and `Hz` is `1/s`.
"""

import re
from dataclasses import dataclass

_Powers = tuple[int, int, int, int]

_NONE: _Powers = (0, 0, 0, 0)

_NAMED: dict[str, tuple[float, _Powers]] = {
    "cm": (1.0, (1, 0, 0, 0)),
    "mm": (0.1, (1, 0, 0, 0)),
    "m": (100.0, (1, 0, 0, 0)),
    "s": (1.0, (0, 1, 0, 0)),
    "ms": (0.001, (0, 1, 0, 0)),
    "min": (60.0, (0, 1, 0, 0)),
    "Hz": (1.0, (0, -1, 0, 0)),
    "deg": (1.0, (0, 0, 1, 0)),
    "rad": (57.29577951308232, (0, 0, 1, 0)),
    "px": (1.0, (0, 0, 0, 1)),
    "%": (0.01, _NONE),
    "1": (1.0, _NONE),
}
"""Factor to cm, s, deg, px, and the powers of these, by the unit's name."""

NAMES = tuple(name for name in _NAMED if name != "1")
"""The units that can be written, each of them alone or in a quotient."""

_FACTOR = re.compile(r"(?P<name>[A-Za-z]+|%|1)\^?(?P<power>[1-3])?")


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measurement.

    Attributes:
        text: As it was written, e.g. "cm/s".
        factor: How many cm, s, deg, px and their products it is.
        powers: Of cm, s, deg and px.
    """

    text: str
    factor: float
    powers: _Powers

    def fits(self, other: "Unit") -> bool:
        """Whether the two measure the same kind of thing."""
        return self.powers == other.powers

    def to(self, other: "Unit", value: float) -> float:
        """Return `value`, which is in this unit, in the other one; they must fit."""
        return value if self.factor == other.factor else value * self.factor / other.factor

    def times(self, other: "Unit", *, power: int = 1) -> "Unit":
        """Return the unit of a product, or with a `power` of -1 of a quotient."""
        if other.powers == _NONE and other.factor == 1.0:
            return self
        powers = _added(self.powers, other.powers, power)
        sign = "*" if power > 0 else "/"
        return Unit(f"{self.text}{sign}{other.text}", self.factor * other.factor**power, powers)


def unit_of(text: str) -> Unit:
    """Return the unit that a text such as "cm/s", "deg", "1/s" or "cm/s^2" names.

    Raises:
        ValueError: If it names none.
    """
    above, *below = text.split("/")
    if len(below) > 1:
        raise ValueError(f"{text!r} has more than one line of division")
    factor, powers = _product(above)
    if below:
        factor_below, powers_below = _product(below[0])
        factor /= factor_below
        powers = _added(powers, powers_below, -1)
    return Unit(text, factor, powers)


def suffix_of(unit: str) -> str:
    """Return what a feature's name ends in for its unit: "_cm_s" for "cm/s", "" for "1"."""
    if unit == "1":
        return ""
    return "_" + unit.replace("%", "percent").replace("/", "_").replace("^", "")


def _product(text: str) -> tuple[float, _Powers]:
    factor, powers = 1.0, _NONE
    for part in text.split("*"):
        match = _FACTOR.fullmatch(part.strip())
        if match is None or match["name"] not in _NAMED:
            raise ValueError(f"unknown unit {part.strip()!r}; there is {', '.join(NAMES)}")
        one, of_one = _NAMED[match["name"]]
        power = int(match["power"] or 1)
        factor *= one**power
        powers = _added(powers, of_one, power)
    return factor, powers


def _added(a: _Powers, b: _Powers, times: int) -> _Powers:
    return (
        a[0] + times * b[0],
        a[1] + times * b[1],
        a[2] + times * b[2],
        a[3] + times * b[3],
    )
