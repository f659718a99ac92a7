"""Text of a rule → its tree, by precedence climbing. docs/rules.md has the grammar."""

import re
from collections.abc import Callable

from tracker.errors import close_to
from tracker.expressions.nodes import (
    After,
    Arithmetic,
    Call,
    Comparison,
    Inside,
    Lasting,
    Logic,
    Name,
    Negative,
    Node,
    Not,
    Number,
    Source,
    Within,
)
from tracker.units import NAMES, Unit, unit_of

MAX_LENGTH = 4000
"""Characters of a rule; and it may be nested `MAX_DEPTH` brackets deep."""

MAX_DEPTH = 50

_TOKEN = re.compile(
    r"(?P<number>\d+(\.\d*)?([eE][+-]?\d+)?|\.\d+)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<sign><=|>=|==|!=|[<>~+\-*/().,%])"
)
_UNIT = re.compile(
    r"\s*(?P<unit>(%|[A-Za-z]+)(\^?[1-3])?(\s*/\s*[A-Za-z]+(\^?[1-3])?)?|/\s*(s|min|ms))"
)
_COMPARE = ("<", "<=", ">", ">=", "==", "!=")
_WORDS = ("and", "or", "not", "in", "after", "within", "for")


class _Token:
    __slots__ = ("at", "kind", "text", "unit")

    def __init__(self, at: Source, text: str, kind: str, unit: Unit | None = None) -> None:
        self.at, self.text, self.kind, self.unit = at, text, kind, unit


def read(text: str) -> Node:
    """Return what a rule says.

    Raises:
        ExpressionError: If it is not a rule; it says what was expected, and points there.
    """
    whole = Source(text, 0, len(text))
    if len(text) > MAX_LENGTH:
        raise whole.error(f"the rule has {len(text)} characters, expected {MAX_LENGTH} or fewer")
    reader = _Reader(_tokens(text))
    node = reader.condition()
    reader.expect_end()
    return node


def _tokens(text: str) -> list[_Token]:
    tokens, place = [], 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        match = _TOKEN.match(text, place)
        if match is None:
            raise Source(text, place, place + 1).error(f"{text[place]!r} means nothing here")
        end, unit = match.end(), None
        if match["number"]:
            end, unit = _unit_after(text, end)
        kind = "number" if match["number"] else "name" if match["name"] else "sign"
        tokens.append(_Token(Source(text, place, end), match.group(), kind, unit))
        place = end
    tokens.append(_Token(Source(text, len(text), len(text) + 1), "", "end"))
    return tokens


def _unit_after(text: str, place: int) -> tuple[int, Unit | None]:
    """Return the end of the unit that follows a number, and the unit if there is one."""
    match = _UNIT.match(text, place)
    if match is None:
        return place, None
    start, name = match.start("unit"), re.split(r"[\s/]", match["unit"], maxsplit=1)[0]
    if name in _WORDS:
        return place, None
    whole = "".join(match["unit"].split())
    for candidate, end in ((whole, match.end()), (name, start + len(name))):
        try:
            return end, unit_of(f"1{candidate}" if candidate.startswith("/") else candidate)
        except ValueError:
            continue
    wrong = whole.split("/")[-1] if _is_unit(name) else name
    at = text.index(wrong, start)
    raise Source(text, at, at + len(wrong)).error(
        f"unknown unit {wrong!r}{close_to(wrong, NAMES)} There is: {', '.join(NAMES)}"
    )


def _is_unit(name: str) -> bool:
    try:
        unit_of(name)
    except ValueError:
        return False
    return True


class _Reader:
    """Reads the tokens from left to right; each method takes what it names."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens, self._next, self._depth = tokens, 0, 0

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, *texts: str) -> _Token | None:
        token = self._token
        if token.kind in ("sign", "name") and token.text in texts:
            self._next += 1
            return token
        return None

    def _expect(self, text: str, why: str) -> _Token:
        found = self._take(text)
        if found is None:
            raise self._unexpected(f"expected {text!r} {why}")
        return found

    def _unexpected(self, expected: str) -> Exception:
        token = self._token
        found = "the rule ends here" if token.kind == "end" else f"found {token.text!r}"
        return token.at.error(f"{expected}, {found}")

    def expect_end(self) -> None:
        """Refuse what is left over."""
        if self._token.kind != "end":
            raise self._unexpected("expected 'and', 'or' or the end of the rule")

    def condition(self) -> Node:
        """`or` binds weakest, then `and`, then `after`/`for`, then `not`."""
        return self._joined("or", lambda: self._joined("and", self._in_time))

    def _joined(self, word: str, part: Callable[[], Node]) -> Node:
        parts = [part()]
        while self._take(word):
            parts.append(part())
        at = parts[0].at.to(parts[-1].at)
        return parts[0] if len(parts) == 1 else Logic(at, word, tuple(parts))

    def _in_time(self) -> Node:
        what = self._not()
        while True:
            if self._take("after"):
                before = self._not()
                self._expect("within", "and a time, e.g. 'within 2 s'")
                length = self._time()
                what = After(what.at.to(length.at), what, before, length)
            elif self._take("for"):
                length = self._time()
                what = Lasting(what.at.to(length.at), what, length)
            else:
                return what

    def _time(self) -> Number:
        number = self._atom()
        if not isinstance(number, Number):
            raise number.at.error("expected a time, e.g. 2 s")
        return number

    def _not(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._token.at.error(f"nested more than {MAX_DEPTH} deep")
        word = self._take("not")
        node = self._comparison() if word is None else self._not()
        self._depth -= 1
        return node if word is None else Not(word.at.to(node.at), node)

    def _comparison(self) -> Node:
        if self._token.kind == "name" and self._token.text == "in":
            return self._inside(None)
        operands, signs = [self._sum()], []
        if self._token.text in ("in", "not") and isinstance(operands[0], Name):
            return self._inside(operands[0])
        while sign := self._take(*_COMPARE):
            signs.append(sign.text)
            operands.append(self._sum())
        if not signs:
            return operands[0]
        softness = self._sum() if self._take("~") else None
        last = operands[-1] if softness is None else softness
        return Comparison(operands[0].at.to(last.at), tuple(operands), tuple(signs), softness)

    def _inside(self, point: Name | None) -> Node:
        first = self._token
        negated = self._take("not") is not None
        self._expect("in", "after 'not'")
        zone = self._atom()
        if not isinstance(zone, Name) or zone.parts[0] != "zone" or len(zone.parts) != 2:
            raise zone.at.error("expected a zone, e.g. zone.nest")
        at = (point.at if point else first.at).to(zone.at)
        return Inside(at, point, zone, negated)

    def _sum(self) -> Node:
        return self._chain(("+", "-"), lambda: self._chain(("*", "/"), self._signed))

    def _chain(self, signs: tuple[str, ...], part: Callable[[], Node]) -> Node:
        left, n = part(), 0
        while sign := self._take(*signs):
            right, n = part(), n + 1
            if n > MAX_DEPTH:
                raise sign.at.error(f"more than {MAX_DEPTH} in a row")
            left = Arithmetic(left.at.to(right.at), sign.text, left, right)
        return left

    def _signed(self) -> Node:
        minus = self._take("-")
        if minus is None:
            return self._atom()
        node = self._atom()
        return Negative(minus.at.to(node.at), node)

    def _atom(self) -> Node:
        token = self._token
        if token.kind == "number":
            self._next += 1
            return Number(token.at, float(token.text), token.unit)
        if self._take("("):
            inner = self.condition()
            self._expect(")", "to close the bracket")
            return inner
        if token.kind != "name" or token.text in _WORDS:
            raise self._unexpected("expected a quantity or a condition")
        self._next += 1
        return self._named(token)

    def _named(self, first: _Token) -> Node:
        if self._take("("):
            return self._call(first)
        parts, last = [first], first
        while self._take("."):
            last = self._token
            if last.kind != "name":
                raise self._unexpected(f"expected a name after '{first.text}.'")
            self._next += 1
            parts.append(last)
        return Name(first.at.to(last.at), tuple(part.text for part in parts))

    def _call(self, first: _Token) -> Node:
        arguments: list[Node] = []
        closed = self._take(")")
        while closed is None:
            argument = self.condition()
            if self._take("within"):
                length = self._time()
                argument = Within(argument.at.to(length.at), argument, length)
            arguments.append(argument)
            closed = self._take(")")
            if closed is None:
                self._expect(",", f"or ')' in the brackets of {first.text}")
        return Call(first.at.to(closed.at), first.text, tuple(arguments))
