"""Which labelled images a network is judged by."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tracker.errors import TrainingError
from tracker.learning.data.discover import discover
from tracker.learning.data.formats import read_source
from tracker.learning.data.loading import load
from tracker.learning.recipe import Recipe, SyntheticSource, read_recipe
from tracker.learning.samples import Sample, Wanted
from tracker.runtimes.base import ModelCard


@dataclass(frozen=True, slots=True)
class Selection:
    """What to judge by.

    Attributes:
        data: Folder of labelled data in any format that we read.
        only: Expression; only images whose "<session>/<image name>" it is found in.
        recipe: Recipe; only what it holds out, `data` being its data folder.
        mapping: Keypoint: the labels whose mean it is, for names that differ; not with a
            recipe, which has its own.
    """

    data: Path
    only: str | None = None
    recipe: Path | None = None
    mapping: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_selection(selection: Selection, card: ModelCard) -> Sequence[Sample]:
    """Return the labelled images, labels in the order of the card.

    Raises:
        TrainingError: If the folder has no labelled data for such a network, or they have
            faults, which are all listed; or if nothing is left to judge by.
    """
    if not selection.data.is_dir():
        raise TrainingError(f"{selection.data} is no folder: expected one with labelled images")
    if selection.recipe is None:
        samples = _discovered(selection, card)
    elif selection.mapping:
        raise TrainingError("--map and --recipe exclude each other: a recipe maps keypoints itself")
    else:
        samples = _held_out(read_recipe(selection.recipe), selection, card)
    return _matching(samples, selection.only)


def wanted_by(card: ModelCard) -> Wanted:
    """What a network's card asks of a data set."""
    return Wanted(
        channels=card.channels,
        keypoints=card.keypoints,
        mask_classes=card.mask_classes,
        classes=card.classes,
        quantities=tuple(card.quantities),
    )


def _discovered(selection: Selection, card: ModelCard) -> Sequence[Sample]:
    faults: list[str] = []
    samples: list[Sample] = []
    for source in discover(selection.data, card, selection.mapping):
        samples += read_source(source, wanted_by(card), selection.data, faults)
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise TrainingError(f"the data in {selection.data} have {len(faults)} fault(s):\n{listed}")
    return samples


def _held_out(recipe: Recipe, selection: Selection, card: ModelCard) -> Sequence[Sample]:
    """Held-out images of the recipe's files; drawn ones are not what a user asks about."""
    wanted = wanted_by(card)
    if recipe.wanted != wanted:
        raise TrainingError(
            f"{selection.recipe} asks for {recipe.wanted}, but the network {card.name} gives "
            f"{wanted}: give the recipe that it was trained by"
        )
    files = tuple(item for item in recipe.sources if not isinstance(item, SyntheticSource))
    if not files:
        raise TrainingError(f"{selection.recipe} has no source of files, so it holds out none")
    return load(recipe.model_copy(update={"sources": files}), selection.data).validation


def _matching(samples: Sequence[Sample], only: str | None) -> Sequence[Sample]:
    if not samples:
        raise TrainingError("the data hold no labelled image")
    if only is None:
        return samples
    try:
        wanted = re.compile(only)
    except re.error as error:
        raise TrainingError(f"--only {only!r} is no expression: {error}") from error
    left = [sample for sample in samples if wanted.search(sample.key)]
    if not left:
        raise TrainingError(
            f"--only {only!r} is found in none of {len(samples)} images, the first of which "
            f"is {samples[0].key!r}"
        )
    return left
