"""What may stand in the brackets of a quantity: an animal, a point of one, a zone, the wall."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tracker.errors import close_to
from tracker.expressions.nodes import Call, Name, Node

CENTRE = "centre"
"""Name of the body centre of an animal, beside those of its keypoints."""


@dataclass(frozen=True, slots=True)
class Animal:
    """An animal as a whole, by its place in the observation."""

    number: int


@dataclass(frozen=True, slots=True)
class Point:
    """A keypoint of an animal, by number; its body centre if that is None."""

    animal: int
    keypoint: int | None


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone of the arena."""

    name: str


@dataclass(frozen=True, slots=True)
class Wall:
    """The border of the zone that is the floor."""

    zone: str


Reference = Animal | Point | Zone | Wall


@dataclass(frozen=True, slots=True)
class Names:
    """Everything that a reference may name.

    Attributes:
        keypoints: None: not known, and any name may be one.
        animals: By place in the observation.
        zones: Of the arena.
        floor: The zone whose border is the wall; None: there is none.
    """

    keypoints: tuple[str, ...] | None
    animals: tuple[str, ...]
    zones: tuple[str, ...]
    floor: str | None

    def point_of(self, name: Name) -> Animal | Point:
        """Return the animal or the point that a name means.

        Raises:
            ExpressionError: If it means neither.
        """
        match name.parts:
            case (only,):
                if only == CENTRE or only in (self.keypoints or ()):
                    return Point(0, self._keypoint(name, only))
                if only in self.animals:
                    return Animal(self.animals.index(only))
                if self.keypoints is None:
                    return Point(0, 0)
                known = (CENTRE, *self.keypoints, *self.animals)
                raise name.at.error(
                    f"unknown keypoint or animal {only!r}{close_to(only, known)} "
                    f"There is: {', '.join((CENTRE, *self.keypoints))}; {', '.join(self.animals)}"
                )
            case (animal, part):
                if animal not in self.animals:
                    known = ("zone", *self.animals)
                    raise name.at.error(
                        f"unknown animal {animal!r}{close_to(animal, known)} "
                        f"There is: {', '.join(self.animals)}"
                    )
                return Point(self.animals.index(animal), self._keypoint(name, part))
        raise name.at.error("expected one name, or an animal and a keypoint: nose, a.nose")

    @classmethod
    def of(
        cls,
        keypoints: Sequence[str] | None,
        animals: Sequence[str],
        zones: Sequence[str],
        floor: str | None,
    ) -> "Names":
        """Return the names as rules write them: what is no letter, digit or _ becomes a _."""
        in_rules = None if keypoints is None else tuple(in_rule(name) for name in keypoints)
        return cls(in_rules, tuple(map(in_rule, animals)), tuple(zones), floor)

    def _keypoint(self, name: Name, part: str) -> int | None:
        if part == CENTRE:
            return None
        if self.keypoints is None:
            return 0
        if part not in self.keypoints:
            raise name.at.error(
                f"unknown keypoint {part!r}{close_to(part, self.keypoints)} "
                f"There is: {', '.join((CENTRE, *self.keypoints))}"
            )
        return self.keypoints.index(part)

    def zone_of(self, name: Name) -> str:
        """Return the name of the zone that `zone.<name>` means.

        Raises:
            ExpressionError: If there is no such zone.
        """
        zone = name.parts[-1]
        if len(name.parts) != 2 or zone not in self.zones:
            exist = f"There is: {', '.join(self.zones)}" if self.zones else "The arena has none"
            raise name.at.error(f"unknown zone {zone!r}{close_to(zone, self.zones)} {exist}")
        return zone

    def reference(self, node: Node, forms: str) -> Reference:
        """Return what stands in the brackets of a quantity.

        Raises:
            ExpressionError: If it is nothing of the kind.
        """
        if not isinstance(node, Name):
            raise node.at.error(f"expected a name here, as in {forms}")
        if node.parts[0] == "zone":
            return Zone(self.zone_of(node))
        if node.parts == ("wall",) and "wall" not in (self.keypoints or ()):
            if self.floor is None:
                raise node.at.error(
                    "the arena has no wall: name the zone that is its floor in rig.arena.floor"
                )
            return Wall(self.floor)
        return self.point_of(node)


def in_rule(name: str) -> str:
    """Return a keypoint's name as rules write it: "Left Ear" is Left_Ear, "2nd" is _2nd."""
    word = re.sub(r"\W+", "_", name)
    return word if re.match(r"[^\W\d]", word) else f"_{word}"


class Arguments:
    """The references in the brackets of one quantity, taken one after the other.

    Args:
        call: As it was read.
        forms: How it can be written, for errors.
        names: What may be named.
    """

    def __init__(self, call: Call, forms: Sequence[str], names: Names) -> None:
        self._call = call
        self._forms = " or ".join(forms)
        self._left = [names.reference(node, self._forms) for node in call.arguments]
        self._nodes = list(call.arguments)

    @property
    def animals(self) -> tuple[int, ...]:
        """Animals that are named, by place in the observation; the first if none is."""
        found = [each.number for each in self._left if isinstance(each, Animal)]
        found += [each.animal for each in self._left if isinstance(each, Point)]
        return tuple(dict.fromkeys(found)) or (0,)

    def is_only(self, reference: Reference) -> bool:
        """Whether this and nothing else stands in the brackets."""
        return self._left == [reference]

    def only_zone(self) -> str | None:
        """Return the zone if that and nothing else stands in the brackets."""
        first = self._left[0] if len(self._left) == 1 else None
        return first.name if isinstance(first, Zone) else None

    @property
    def n(self) -> int:
        """How many are left."""
        return len(self._left)

    def next_is(self, *kinds: type) -> bool:
        """Whether the next one is of one of these kinds."""
        return bool(self._left) and isinstance(self._left[0], kinds)

    def animal(self) -> int:
        """Take an animal; where nothing is left it is the first one."""
        if not self._left:
            return 0
        found = self._take()
        if not isinstance(found, Animal):
            raise self._wrong("an animal")
        return found.number

    def point(self) -> Point:
        """Take a point; an animal stands for its body centre."""
        if not self._left:
            raise self._call.at.error(f"something is missing: write {self._forms}")
        found = self._take()
        if isinstance(found, Animal):
            return Point(found.number, None)
        if not isinstance(found, Point):
            raise self._wrong("a keypoint or an animal")
        return found

    def zone(self) -> str:
        """Take a zone."""
        if not self.next_is(Zone):
            raise self._call.at.error(f"a zone is missing: write {self._forms}")
        found = self._take()
        return found.name if isinstance(found, Zone) else ""

    def wall(self) -> str:
        """Take the wall; return the zone that it encloses."""
        found = self._take()
        return found.zone if isinstance(found, Wall) else ""

    def refuse_rest(self) -> None:
        """Refuse what nobody took."""
        if self._left:
            raise self._nodes[0].at.error(f"one too many: write {self._forms}")

    def _take(self) -> Reference:
        self._taken = self._nodes.pop(0)
        return self._left.pop(0)

    def _wrong(self, expected: str) -> Exception:
        return self._taken.at.error(f"expected {expected} here: write {self._forms}")
