"""Labelled images in memory, split by animal or rig, never by frame."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tracker.errors import TrainingError
from tracker.learning.deeplabcut import read_deeplabcut
from tracker.learning.drawn import draw_rigs
from tracker.learning.recipe import DeepLabCutSource, Recipe
from tracker.learning.samples import Sample, Split


def load(recipe: Recipe, root: Path) -> Split:
    """Read every source of a recipe into memory.

    Args:
        recipe: Names the sources.
        root: Folder that theirs are relative to.

    Raises:
        TrainingError: If anything is wrong with the data; every fault is listed, with file
            and row.
    """
    faults: list[str] = []
    train: list[Sample] = []
    validation: list[Sample] = []
    weights: list[float] = []
    for source in recipe.sources:
        if isinstance(source, DeepLabCutSource):
            samples = read_deeplabcut(source, recipe, root, faults)
            held_out = set(source.hold_out)
            faults += _split_faults(source, samples, held_out)
        else:
            samples = draw_rigs(source, recipe)
            held_out = {f"rig {n}" for n in range(source.rigs, source.rigs + source.hold_out_rigs)}
        kept = [sample for sample in samples if sample.group not in held_out]
        validation += [sample for sample in samples if sample.group in held_out]
        train += kept
        weights += [source.weight / max(1, len(kept))] * len(kept)
    if faults:
        raise TrainingError(_all_faults(faults, root))
    share = np.array(weights)
    return Split(tuple(train), tuple(validation), share / share.sum())


def _all_faults(faults: Sequence[str], root: Path) -> str:
    listed = "\n".join(f"  {fault}" for fault in faults)
    return f"the data in {root} have {len(faults)} fault(s):\n{listed}"


def _split_faults(
    source: DeepLabCutSource, samples: Sequence[Sample], held_out: set[str]
) -> Iterator[str]:
    groups = {sample.group for sample in samples}
    if missing := sorted(held_out - groups):
        yield f"{source.name}: hold_out names {missing}, but the animals are {sorted(groups)}"
    if groups and groups <= held_out:
        yield f"{source.name}: hold_out keeps every animal, so nothing is left to learn from"
