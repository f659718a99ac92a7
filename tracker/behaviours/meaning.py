"""What a rule means: its tree is checked for units and names, and turned into functions, once."""

from collections.abc import Callable, Mapping, Sequence
from typing import assert_never

from tracker.behaviours import logic
from tracker.behaviours.memory import (
    After,
    Count,
    Edge,
    Evaluate,
    Lasting,
    TimeSince,
    Window,
    mean,
    middle,
)
from tracker.behaviours.parts import Meaning, Measurable, Part
from tracker.errors import close_to
from tracker.expressions import nodes
from tracker.expressions.nodes import Call, Comparison, Inside, Logic, Name, Node, Number, Source
from tracker.units import Unit, unit_of

_ONE = unit_of("1")
_SECOND = unit_of("s")
LONGEST_S = 86_400.0
"""A time in a rule is at most this (s); a window at most `LONGEST_WINDOW_S`."""

LONGEST_WINDOW_S = 60.0

EPISODE = "episode"
"""`episode.<name>` holds while an episode of that behaviour is going on."""

FUNCTIONS = (
    "abs",
    "min",
    "max",
    "median",
    "mean",
    "lowest",
    "highest",
    "starts",
    "ends",
    "entering",
    "leaving",
    "count",
    "time_since",
)
"""What a rule can do with quantities and conditions, besides comparing and joining them."""

_STATISTICS: Mapping[str, Callable[[list[float]], float]] = {
    "median": middle,
    "mean": mean,
    "lowest": lambda ordered: ordered[0],
    "highest": lambda ordered: ordered[-1],
}


def meaning_of(tree: Node, measurable: Measurable, behaviours: Sequence[str] = ()) -> Meaning:
    """Return what a rule means.

    Args:
        tree: As it was read.
        measurable: What there is to measure.
        behaviours: Those whose episodes it may look at: the ones above it in the ethogram.

    Raises:
        ExpressionError: If a name is unknown, or units do not go together; it points there.
    """
    binder = _Binder(measurable, tuple(behaviours))
    part = binder.condition(tree)
    binder.found.evaluate, binder.found.delay_s = part.evaluate, part.delay_s
    return binder.found


class _Binder:
    def __init__(self, measurable: Measurable, behaviours: tuple[str, ...]) -> None:
        self._measurable, self._behaviours = measurable, behaviours
        self.found = Meaning()

    def condition(self, node: Node) -> Part:
        """Return a part that gives a score."""
        part = self._part(node)
        if part.unit is not None:
            raise node.at.error(
                f"expected a condition, found a quantity{_in(part.unit)}: compare it with "
                f"something, e.g. with <"
            )
        return part

    def _value(self, node: Node) -> tuple[Part, Unit]:
        part = self._part(node)
        if part.unit is None:
            raise node.at.error("expected a quantity, found a condition, which holds or does not")
        return part, part.unit

    def _part(self, node: Node) -> Part:  # noqa: PLR0911, PLR0912, C901 - one for each kind
        match node:
            case Number():
                return Part(logic.constant(node.value), node.unit or _ONE, 0.0, node.value)
            case Name():
                return self._name(node)
            case Call():
                return self._call(node)
            case nodes.Negative():
                part, unit = self._value(node.of)
                fixed = None if part.fixed is None else -part.fixed
                return Part(logic.scaled(part.evaluate, -1.0), unit, part.delay_s, fixed)
            case nodes.Arithmetic():
                return self._arithmetic(node)
            case Comparison():
                return self._comparison(node)
            case Inside():
                return self._inside(node)
            case Logic():
                parts = [self.condition(each) for each in node.parts]
                join = logic.all_of if node.word == "and" else logic.any_of
                return Part(join([each.evaluate for each in parts]), None, _slowest(parts))
            case nodes.Not():
                part = self.condition(node.of)
                return Part(logic.opposite(part.evaluate), None, part.delay_s)
            case nodes.After():
                what, before = self.condition(node.what), self.condition(node.before)
                within_ns = self._time_ns(node.within, LONGEST_S)
                after = After(what.evaluate, before.evaluate, within_ns)
                return self._remember(after, None, what.delay_s)
            case nodes.Lasting():
                what = self.condition(node.what)
                lasting = Lasting(what.evaluate, self._time_ns(node.length, LONGEST_S))
                return self._remember(lasting, None, what.delay_s)
            case nodes.Within():
                raise node.at.error("'within' belongs to count(...) and to 'after'")
            case _:
                assert_never(node)

    def _remember(self, memory: "_Memory", unit: Unit | None, delay_s: float) -> Part:
        self.found.memories.append(memory)
        return Part(memory, unit, delay_s)

    def _name(self, node: Name) -> Part:
        if node.parts[0] == EPISODE and len(node.parts) == 2:
            return self._episode(node)
        if node.parts[0] == "zone":
            raise node.at.error(f"a zone is a place: write 'in {node.text}'")
        return self._measured(node)

    def _measured(self, node: Name | Call) -> Part:
        name = node.text if isinstance(node, Name) else node.name
        if name in FUNCTIONS and name not in self._measurable.names:
            raise node.at.error(f"{name}(...) needs brackets")
        measured = self._measurable.find(node)
        self.found.features[measured.name] = measured
        return Part(logic.value_of(measured.name), unit_of(measured.unit), measured.delay_s)

    def _episode(self, node: Name) -> Part:
        name = node.parts[1]
        if name not in self._behaviours:
            exist = (
                f"There is: {', '.join(self._behaviours)}" if self._behaviours else "There is none"
            )
            raise node.at.error(
                f"there is no behaviour {name!r} above this one{close_to(name, self._behaviours)} "
                f"{exist}"
            )
        if name not in self.found.episodes:
            self.found.episodes.append(name)
        return Part(logic.value_of(f"{EPISODE}.{name}"), None, 0.0)

    def _arithmetic(self, node: nodes.Arithmetic) -> Part:
        (one, unit), (other, of_other) = self._value(node.left), self._value(node.right)
        delay_s = _slowest((one, other))
        if node.sign in "*/":
            power = 1 if node.sign == "*" else -1
            evaluate = logic.arithmetic(node.sign, one.evaluate, other.evaluate)
            return Part(evaluate, unit.times(of_other, power=power), delay_s)
        self._refuse_misfit(node.right.at, of_other, node.left.at, unit)
        right = logic.scaled(other.evaluate, of_other.factor / unit.factor)
        return Part(logic.arithmetic(node.sign, one.evaluate, right), unit, delay_s)

    def _comparison(self, node: Comparison) -> Part:
        softness = None if node.softness is None else self._value(node.softness)
        values = [self._value(each) for each in node.operands]
        if softness is not None:
            values = [
                (part, softness[1])
                if isinstance(each, Number) and each.unit is None
                else (part, unit)
                for each, (part, unit) in zip(node.operands, values, strict=True)
            ]
        parts = [
            self._pair(node, i, values[i], values[i + 1], softness) for i in range(len(node.signs))
        ]
        joined = parts[0] if len(parts) == 1 else logic.all_of(parts)
        return Part(joined, None, _slowest([part for part, _ in values]))

    def _pair(
        self,
        node: Comparison,
        i: int,
        left: tuple[Part, Unit],
        right: tuple[Part, Unit],
        softness: tuple[Part, Unit] | None,
    ) -> Evaluate:
        sign, (a, in_a), (b, in_b) = node.signs[i], left, right
        self._refuse_misfit(node.operands[i + 1].at, in_b, node.operands[i].at, in_a)
        one, other = _in_one_unit(a, in_a, b, in_b)
        common = in_a if a.fixed is None else in_b
        if sign in ("==", "!="):
            if softness is not None:
                raise node.at.error(f"{sign} is all or nothing: it has no softness")
            return logic.equal(one, other, same=sign == "==")
        high, low = (one, other) if sign[0] == ">" else (other, one)
        if softness is None:
            return logic.above(high, low, strict=len(sign) == 1)
        return logic.softly_above(high, low, self._softness(node, softness, common))

    def _softness(self, node: Comparison, softness: tuple[Part, Unit], common: Unit) -> float:
        part, unit = softness
        at = node.at if node.softness is None else node.softness.at
        self._refuse_misfit(at, unit, node.operands[0].at, common)
        if part.fixed is None or part.fixed <= 0:
            raise at.error("expected a number above 0 after ~")
        return unit.to(common, part.fixed)

    def _refuse_misfit(self, at: Source, unit: Unit, with_at: Source, with_unit: Unit) -> None:
        if unit.fits(with_unit):
            return
        what = with_at.text[with_at.start : with_at.end]
        mine = at.text[at.start : at.end]
        if unit.powers == _ONE.powers:
            raise at.error(f"{mine} has no unit, but {what} is in {with_unit.text}")
        if with_unit.powers == _ONE.powers:
            raise with_at.error(f"{what} has no unit, but {mine} is in {unit.text}")
        hint = ""
        if {"px", "cm"} <= {_length(unit), _length(with_unit)}:
            hint = (
                ": rig.arena.px_per_cm is null, so lengths are in px"
                if _length(with_unit) == "px"
                else ": the arena has a scale, so lengths are in cm"
            )
        raise at.error(f"{mine} is in {unit.text}, but {what} is in {with_unit.text}{hint}")

    def _inside(self, node: Inside) -> Part:
        names = (node.zone,) if node.point is None else (node.point, node.zone)
        part = self._measured(Call(node.at, "inside", names))
        evaluate = logic.opposite(part.evaluate) if node.negated else part.evaluate
        return Part(evaluate, None, part.delay_s)

    def _call(self, node: Call) -> Part:
        name, arguments = node.name, node.arguments
        if name not in FUNCTIONS or (name == "time_since" and _is_of_place(node)):
            return self._measured(node)
        if not arguments:
            raise node.at.error(f"{name}(...) needs something in its brackets")
        if name == "abs":
            self._refuse_others(node, 1)
            part, unit = self._value(arguments[0])
            return Part(lambda moment: abs(part.evaluate(moment)), unit, part.delay_s)
        if name in ("min", "max"):
            return self._extreme(node)
        if name in _STATISTICS:
            return self._statistic(node)
        return self._event(node)

    def _extreme(self, node: Call) -> Part:
        values = [self._value(each) for each in node.arguments]
        unit = values[0][1]
        for each, (_, other) in zip(node.arguments, values, strict=True):
            self._refuse_misfit(each.at, other, node.arguments[0].at, unit)
        parts = [logic.scaled(part.evaluate, of.factor / unit.factor) for part, of in values]
        choose = min if node.name == "min" else max
        return Part(logic.least(parts, choose), unit, _slowest([part for part, _ in values]))

    def _statistic(self, node: Call) -> Part:
        self._refuse_others(node, 2)
        part, unit = self._value(node.arguments[0])
        length = node.arguments[-1]
        if len(node.arguments) < 2 or not isinstance(length, Number):
            raise length.at.error("expected a time, e.g. 0.5 s")
        length_ns = self._time_ns(length, LONGEST_WINDOW_S)
        window = Window(part.evaluate, length_ns, _STATISTICS[node.name])
        return self._remember(window, unit, part.delay_s + length_ns / 2e9)

    def _event(self, node: Call) -> Part:
        first = node.arguments[0]
        if node.name in ("entering", "leaving"):
            self._refuse_others(node, 2)
            zone = node.arguments[-1]
            point = first if len(node.arguments) == 2 else None
            if not isinstance(zone, Name) or not isinstance(point, Name | None):
                raise node.at.error(f"write {node.name}(zone.nest) or {node.name}(nose, zone.nest)")
            inside = self._inside(Inside(node.at, point, zone, negated=False))
            edge = Edge(inside.evaluate, rising=node.name == "entering")
            return self._remember(edge, None, inside.delay_s)
        self._refuse_others(node, 1)
        if node.name == "count":
            within_ns = None
            if isinstance(first, nodes.Within):
                within_ns = self._time_ns(first.length, LONGEST_S)
                first = first.what
            part = self.condition(first)
            return self._remember(Count(part.evaluate, within_ns), _ONE, part.delay_s)
        part = self.condition(first)
        if node.name == "time_since":
            return self._remember(TimeSince(part.evaluate), _SECOND, part.delay_s)
        edge = Edge(part.evaluate, rising=node.name == "starts")
        return self._remember(edge, None, part.delay_s)

    def _refuse_others(self, node: Call, most: int) -> None:
        if len(node.arguments) > most:
            raise node.arguments[most].at.error(f"one too many in the brackets of {node.name}")

    def _time_ns(self, number: Number, longest_s: float) -> int:
        unit = number.unit or _ONE
        if not unit.fits(_SECOND):
            raise number.at.error("expected a time, e.g. 2 s or 500 ms")
        time_s = unit.to(_SECOND, number.value)
        if not 0 <= time_s <= longest_s:
            raise number.at.error(f"expected a time from 0 to {longest_s:g} s")
        return round(time_s * 1e9)


_Memory = Edge | Count | TimeSince | After | Lasting | Window


def _in_one_unit(a: Part, in_a: Unit, b: Part, in_b: Unit) -> tuple[Evaluate, Evaluate]:
    """Return both in the unit of the first; of the second if the first is a number."""
    if a.fixed is not None:
        return logic.constant(in_a.to(in_b, a.fixed)), b.evaluate
    if b.fixed is not None:
        return a.evaluate, logic.constant(in_b.to(in_a, b.fixed))
    return a.evaluate, logic.scaled(b.evaluate, in_b.factor / in_a.factor)


def _is_of_place(node: Call) -> bool:
    """Whether nothing but places stands in the brackets: `time_since(nose, zone.nest)`."""
    return bool(node.arguments) and all(
        isinstance(each, Name) and each.parts[0] != EPISODE for each in node.arguments
    )


def _slowest(parts: Sequence[Part]) -> float:
    return max(part.delay_s for part in parts)


def _in(unit: Unit) -> str:
    return "" if unit.text == "1" else f" in {unit.text}"


def _length(unit: Unit) -> str:
    return "cm" if unit.powers[0] else "px" if unit.powers[3] else ""
