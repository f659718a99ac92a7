"""What there is to measure: gives a name its meaning, and refuses what has none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tracker.arena import Arena
from tracker.errors import ExpressionError, UnknownName, close_to
from tracker.expressions.nodes import Call, Name, written
from tracker.expressions.reading import read
from tracker.features.definitions import DEFINITIONS, Definition
from tracker.features.own import OwnFeature
from tracker.features.references import Animal, Arguments, Names
from tracker.features.scene import Measure, Scene
from tracker.features.settings import LETTERS, FeatureSettings
from tracker.types import Skeleton
from tracker.units import suffix_of

STANDARD = (
    "x",
    "y",
    "speed",
    "fastest_keypoint",
    "heading",
    "angular_speed",
    "body_length",
)
"""What is written down of the first animal where the settings do not say what to write; and
`distance(zone)` and `inside(zone)` of each zone."""

CLASS = "class_"
"""`class_<name>` is how surely the network says that a frame is of a class."""

_AXIS = (
    "heading",
    "angular_speed",
    "body_length",
    "body_angle",
    "facing",
    "alignment",
    "ahead",
    "aside",
)
"""What a skeleton without a front and a rear does not have."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One thing that can be measured in every frame.

    Attributes:
        name: Of the feature, with its unit: "distance(nose,b.nose)_cm".
        unit: "cm", "cm/s", "deg", "1" and so on.
        delay_s: How far it lags behind the animal (s), apart from half a frame.
        make: Gives what measures it in a scene.
        animals: Those that it looks at, by place in the observation.
        moves: Whether it needs speeds of theirs.
        mask: The measure of the mask that it is read from; None: none.
    """

    name: str
    unit: str
    delay_s: float
    make: Callable[[Scene], Measure]
    animals: tuple[int, ...] = (0,)
    moves: bool = False
    mask: str | None = None


class Catalogue:
    """Every quantity of an experiment.

    Args:
        settings: How to measure.
        skeleton: Keypoints; None where they are not known, then any name may be one.
        arena: Scale and zones.
        measures: Names of those measures of every observation that are features as well.
        own: A user's features, by name.
        animals: Their names, by row of the observation; none: a, b, c, ... to j.
    """

    def __init__(
        self,
        settings: FeatureSettings,
        skeleton: Skeleton | None,
        arena: Arena,
        measures: Sequence[str] = (),
        own: Mapping[str, OwnFeature] | None = None,
        animals: Sequence[str] = (),
    ) -> None:
        self._window_s = settings.window_s
        self._unit = arena.unit
        keypoints = None if skeleton is None else skeleton.keypoints
        self._references = Names.of(keypoints, animals or LETTERS, arena.zones, arena.floor)
        self._measures = tuple(measures)
        self._own = own or {}
        has_axis = skeleton is None or (settings.rear or skeleton.keypoints[-1]) != (
            settings.front or skeleton.keypoints[0]
        )
        self._definitions = {
            name: each for name, each in DEFINITIONS.items() if has_axis or name not in _AXIS
        }
        self._short = {
            name + suffix_of(self._in_unit(each)): name
            for name, each in self._definitions.items()
            if name in each.forms
        }
        self._short |= {name + suffix_of(each.unit): name for name, each in self._own.items()}
        for zone in arena.zones:
            self._short[f"distance_to_{zone}_{self._unit}"] = f"distance(zone.{zone})"
            self._short[f"in_{zone}"] = f"inside(zone.{zone})"

    @property
    def references(self) -> Names:
        """What may stand in the brackets of a quantity."""
        return self._references

    @property
    def names(self) -> tuple[str, ...]:
        """Names that a rule may use, without what stands in their brackets."""
        return (*self._definitions, *self._own, *self._measures)

    @property
    def standard(self) -> tuple[Quantity, ...]:
        """What is written down where the settings do not say what to write."""
        wanted = [name for name in STANDARD if name in self._definitions]
        for zone in self._references.zones:
            wanted += [f"distance(zone.{zone})", f"inside(zone.{zone})"]
        return tuple(self.find_text(name, "features") for name in (*wanted, *self._measures))

    def find(self, node: Name | Call) -> Quantity:
        """Return what a name in a rule means.

        Raises:
            ExpressionError: If it means nothing; it points at the word.
        """
        text = node.text if isinstance(node, Name) else node.name
        if isinstance(node, Name) and text in self._measures:
            return _passed_on(text)
        if isinstance(node, Name) and text.startswith(CLASS):
            return _class_score(text)
        own = self._short.get(text, text)
        if isinstance(node, Name) and own in self._own:
            return self._of_own(own)
        if isinstance(node, Name):
            inner = read(self._short.get(text, text))
            node = (
                inner if isinstance(inner, Call) else Call(node.at, self._short.get(text, text), ())
            )
        return self._called(node)

    def find_text(self, text: str, where: str) -> Quantity:
        """Return the quantity that a text names, with or without the unit behind it.

        Raises:
            ConfigError: If it names none.
        """
        bare = text[: text.rindex(")") + 1] if ")" in text else text
        try:
            node = read(bare)
        except ExpressionError:
            node = None
        if not isinstance(node, Name | Call):
            raise UnknownName(where, "feature", text, (*self.names, *self._short))
        known = (*self.names, *self._short)
        if isinstance(node, Name) and not node.text.startswith(CLASS) and node.text not in known:
            raise UnknownName(where, "feature", text, (*self.names, *self._short))
        found = self.find(node)
        if bare != text and found.name != "".join(text.split()):
            raise UnknownName(where, "feature", text, (found.name,))
        return found

    def _called(self, call: Call) -> Quantity:
        definition = self._definitions.get(call.name)
        if definition is None:
            known = self._references.keypoints or ()
            if call.name in known or call.name in self._references.animals:
                raise call.at.error(
                    f"{call.name} is a place, not a quantity: write distance(...), "
                    f"or '{call.name} in zone....'"
                )
            names = (*self.names, *self._short)
            raise call.at.error(
                f"unknown name {call.name!r}{close_to(call.name, names)} "
                f"There is: {', '.join(self.names)}"
            )
        arguments = Arguments(call, definition.forms, self._references)
        animals = arguments.animals
        first_only = not call.arguments or arguments.is_only(Animal(0))
        zone = arguments.only_zone()
        make = definition.make(arguments)
        arguments.refuse_rest()
        unit = self._in_unit(definition)
        name = call.name if first_only else written(call)
        if zone is not None and call.name in ("distance", "inside"):
            name = {"distance": f"distance_to_{zone}", "inside": f"in_{zone}"}[call.name]
        return Quantity(
            name=name + suffix_of(unit),
            unit=unit,
            delay_s=definition.windows * self._window_s / 2,
            make=make,
            animals=animals,
            moves=definition.windows > 0,
            mask=definition.mask,
        )

    def _in_unit(self, definition: Definition) -> str:
        return definition.unit.replace("L", self._unit)

    def _of_own(self, name: str) -> Quantity:
        own = self._own[name]
        names = self._references
        return Quantity(
            name + suffix_of(own.unit),
            own.unit,
            own.delay_s,
            lambda scene: own.in_scene(scene, names),
            animals=tuple(range(own.animals)),
        )


def _passed_on(name: str) -> Quantity:
    """A measure of the observation, as it is."""
    return Quantity(
        name, "1", 0.0, lambda scene: lambda: scene.measures.get(name, float("nan")), animals=()
    )


def _class_score(name: str) -> Quantity:
    """How surely the network says that the frame is of a class."""
    which = name.removeprefix(CLASS)
    return Quantity(
        name,
        "1",
        0.0,
        lambda scene: lambda: scene.class_scores.get(which, float("nan")),
        animals=(),
    )
