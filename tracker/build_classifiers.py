"""The classifiers of an experiment: found, opened, and refused where they do not fit it."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tracker.behaviours.learned import LearnedBehaviour, LearnedRule, Told
from tracker.config import Experiment, shipped
from tracker.errors import ConfigError, ModelError, UnknownName
from tracker.features.catalogue import Catalogue, Quantity
from tracker.features.settings import FeatureSettings
from tracker.runtimes.classifier import Classifier
from tracker.runtimes.classifier_card import ClassifierCard
from tracker.types import Skeleton

FILE = "classifier.onnx"
"""Name of the file in the folder of a shipped classifier."""


def find_classifier(name: str) -> Path:
    """Return the file of a classifier that is shipped, or that a path names.

    Raises:
        ModelError: If there is none; it lists the shipped ones.
    """
    file = shipped("classifiers") / name / FILE
    if file.is_file():
        return file
    if Path(name).suffix == ".onnx":
        return Path(name)  # opening it says what is wrong with it, if anything is
    names = sorted(folder.parent.name for folder in shipped("classifiers").glob(f"*/{FILE}"))
    raise ModelError(
        f"the classifier is {name!r}: neither a shipped one "
        f"({', '.join(names) or 'there is none'}) nor a path to an .onnx file"
    )


def classifier_hashes(experiment: Experiment) -> dict[str, str]:
    """Return the SHA-256 of each classifier's file, by the name that the experiment gives it."""
    rules = [each.rule for each in experiment.behaviours.values()]
    names = dict.fromkeys(rule.model for rule in rules if isinstance(rule, LearnedRule))
    return {name: hashlib.sha256(find_classifier(name).read_bytes()).hexdigest() for name in names}


class Classifiers:
    """Those that an experiment's behaviours name, each opened once for all of them.

    Args:
        experiment: Checked settings.

    Raises:
        ModelError: If a file cannot be used.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._features = experiment.features
        rules = {name: each.rule for name, each in experiment.behaviours.items()}
        self._rules = {name: each for name, each in rules.items() if isinstance(each, LearnedRule)}
        names = dict.fromkeys(each.model for each in self._rules.values())
        self._opened = {name: Classifier(find_classifier(name)) for name in names}
        self._told: dict[tuple[str, tuple[str, ...]], Told] = {}

    def wanted(self, catalogue: Catalogue) -> list[Quantity]:
        """Return what they get; raises `ConfigError` if that is not there, or in other units."""
        return [
            quantity
            for name, rule in self._rules.items()
            for quantity in self._inputs(f"behaviour {name!r}", rule, catalogue)
        ]

    def behaviour(
        self,
        name: str,
        catalogue: Catalogue,
        skeleton: Skeleton | None,
        group_delay_s: Mapping[str, float],
    ) -> LearnedBehaviour:
        """Return a behaviour that is a class of one of them.

        Args:
            name: From the ethogram.
            catalogue: What there is to measure.
            skeleton: Keypoints of the session; None: not known, and any will do.
            group_delay_s: How far each feature lags (s).

        Raises:
            ConfigError: If the session does not fit what it was trained on.
        """
        rule, where = self._rules[name], f"behaviour {name!r}"
        card = self._opened[rule.model].card
        if rule.class_name not in card.classes:
            raise UnknownName(where, "class", rule.class_name, card.classes)
        if skeleton is not None:
            refuse_other_body(where, rule.model, card, skeleton, self._features)
        quantities = self._inputs(where, rule, catalogue)
        names = [each.name for each in quantities]
        key = rule.model, rule.animals
        if key not in self._told:
            # a second one of the same file, on other animals, needs a state of its own
            model = self._opened[rule.model]
            if any(other == rule.model for other, _ in self._told):
                model = Classifier(model.path)
            self._told[key] = Told(
                model,
                names,
                step_s=card.step_s,
                warm_up_s=card.warm_up_s,
                blind_s=card.blind_s,
            )
        delay_s = max(group_delay_s.get(each, 0.0) for each in names) + card.step_s / 2
        place = card.classes.index(rule.class_name)
        return LearnedBehaviour(name, self._told[key], place, delay_s, card.fps)

    def _inputs(self, where: str, rule: LearnedRule, catalogue: Catalogue) -> list[Quantity]:
        card = self._opened[rule.model].card
        there = catalogue.references.animals
        animals = rule.animals or there[: len(card.animals)]
        found = []
        for text, unit in card.inputs.items():
            here = renamed(where, text, card, animals)
            quantity = catalogue.find_text(here, f"{where}, classifier {rule.model}")
            if quantity.unit != unit:
                raise ConfigError(
                    f"{where}: the classifier {rule.model} was trained on {text} in {unit}, but "
                    f"here it is in {quantity.unit}: rig.arena.px_per_cm has to be "
                    f"{'null, as there' if 'px' in unit else 'known, as there'}, or train one on "
                    f"data like these"
                )
            found.append(quantity)
        return found


def refuse_other_body(
    where: str, model: str, card: ClassifierCard, skeleton: Skeleton, features: FeatureSettings
) -> None:
    """Refuse a session whose keypoints are others, or are measured otherwise, than in training.

    Raises:
        ConfigError: Saying what was found and what the classifier expects.
    """
    if skeleton.keypoints != card.keypoints:
        raise ConfigError(
            f"{where}: the classifier {model} was trained on the keypoints "
            f"{', '.join(card.keypoints)}, but here there are {', '.join(skeleton.keypoints)}: "
            f"train one on data like these"
        )
    known = skeleton.keypoints
    here = {
        "window_s": features.window_s,
        "centre": features.centre or known,
        "rear": features.rear or known[-1],
        "front": features.front or known[0],
    }
    for name, expected in card.measured.model_dump().items():
        if here[name] != expected:
            shown = ", ".join(expected) if isinstance(expected, tuple) else expected
            raise ConfigError(
                f"{where}: the classifier {model} was trained with features.{name} {shown}, but "
                f"here it is {here[name]}: set it to that, or train one on data like these"
            )


def renamed(where: str, text: str, card: ClassifierCard, animals: Sequence[str]) -> str:
    """Return the text of an input with the names of a session's animals.

    Raises:
        ConfigError: If these are more or fewer than the classifier is about.
    """
    if len(animals) != len(card.animals):
        raise ConfigError(
            f"{where}: the classifier is about {len(card.animals)} animals, but here there are "
            f"{len(animals)} ({', '.join(animals)}): set tracking.animals, or name them in animals"
        )
    return with_animals(text, dict(zip(card.animals, animals, strict=True)))


def with_animals(text: str, names: Mapping[str, str]) -> str:
    """Return a feature with some animals called otherwise."""
    # a word that stands before a dot or alone in the brackets is an animal, not a keypoint
    word = r"(?<![\w.])[^\W\d]\w*(?=\s*[.,)])"
    return re.sub(word, lambda match: names.get(match[0], match[0]), text)
