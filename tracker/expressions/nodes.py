"""What a rule says, as a tree; every part knows where in the text it stands."""

from dataclasses import dataclass

from tracker.errors import ExpressionError
from tracker.units import Unit


@dataclass(frozen=True, slots=True)
class Source:
    """A text and a stretch of it.

    Attributes:
        text: The whole rule.
        start: First character of the stretch, from 0.
        end: The character after its last.
    """

    text: str
    start: int
    end: int

    def error(self, message: str) -> ExpressionError:
        """Return an error that points here."""
        return ExpressionError(message, self.text, self.start, self.end)

    def to(self, last: "Source") -> "Source":
        """Return the stretch from here to the end of another one."""
        return Source(self.text, self.start, last.end)


@dataclass(frozen=True, slots=True)
class Number:
    """A number, with its unit if one was written: `2 cm`."""

    at: Source
    value: float
    unit: Unit | None


@dataclass(frozen=True, slots=True)
class Name:
    """One or two names joined by a dot: `speed`, `a.nose`, `zone.nest`."""

    at: Source
    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        """As it is written, without blanks."""
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Call:
    """A name with things in brackets: `distance(a.nose, b.nose)`."""

    at: Source
    name: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Negative:
    """A minus before a quantity."""

    at: Source
    of: "Node"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two quantities joined by one of `+ - * /`."""

    at: Source
    sign: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Quantities in a chain: `1 cm < x < 2 cm ~ 0.1 cm`.

    Attributes:
        at: Where it stands.
        operands: Two or more.
        signs: One fewer, each one of `< <= > >= == !=`.
        softness: Distance from a threshold to a score of 0 or 1; None: all or nothing.
    """

    at: Source
    operands: tuple["Node", ...]
    signs: tuple[str, ...]
    softness: "Node | None"


@dataclass(frozen=True, slots=True)
class Inside:
    """A point is in a zone: `nose in zone.nest`.

    Attributes:
        at: Where it stands.
        point: None: the body centre of the first animal.
        zone: The zone's full name.
        negated: True for `not in`.
    """

    at: Source
    point: Name | None
    zone: Name
    negated: bool


@dataclass(frozen=True, slots=True)
class Logic:
    """Conditions joined by `and`, or by `or`."""

    at: Source
    word: str
    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """A condition does not hold."""

    at: Source
    of: "Node"


@dataclass(frozen=True, slots=True)
class After:
    """`A after B within T`: A began no later than T after B last held."""

    at: Source
    what: "Node"
    before: "Node"
    within: Number


@dataclass(frozen=True, slots=True)
class Lasting:
    """`A for T`: A has held for at least T."""

    at: Source
    what: "Node"
    length: Number


@dataclass(frozen=True, slots=True)
class Within:
    """`A within T`, in the brackets of `count`: only what happened in the last T."""

    at: Source
    what: "Node"
    length: Number


Node = (
    Number
    | Name
    | Call
    | Negative
    | Arithmetic
    | Comparison
    | Inside
    | Logic
    | Not
    | After
    | Lasting
    | Within
)
"""Any part of a rule."""


def written(node: Name | Call) -> str:
    """Return the one way to write the name of a quantity: `distance(a.nose,zone.nest)`.

    Raises:
        ExpressionError: If something else than names and numbers stands in its brackets.
    """
    if isinstance(node, Name):
        return node.text
    parts = []
    for argument in node.arguments:
        if isinstance(argument, Name | Call):
            parts.append(written(argument))
        elif isinstance(argument, Number):
            parts.append(f"{argument.value:g}{argument.unit.text if argument.unit else ''}")
        else:
            raise argument.at.error(f"{node.name}() takes names here")
    return f"{node.name}({','.join(parts)})"
