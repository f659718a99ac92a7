"""Labelled images in memory, split by animal or rig, never by frame."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tracker.errors import TrainingError
from tracker.learning.data.drawn import draw_rigs
from tracker.learning.data.formats import read_source
from tracker.learning.data.images import check_memory
from tracker.learning.data.rarity import rarity_of
from tracker.learning.recipe import FileSource, Recipe, SyntheticSource
from tracker.learning.samples import Sample, Split


def load(recipe: Recipe, root: Path) -> Split:
    """Read every source of a recipe into memory.

    Args:
        recipe: Names the sources, what to look for, and the share to learn from.
        root: Folder that theirs are relative to.

    Raises:
        TrainingError: If anything is wrong with the data; every fault is listed, with file
            and row or frame. Or if the images do not fit into memory.
        MissingExtra: If a library of the extra `train` is not installed.
    """
    faults: list[str] = []
    train: list[Sample] = []
    validation: list[Sample] = []
    weights: list[float] = []
    for source in recipe.sources:
        if isinstance(source, SyntheticSource):
            samples = draw_rigs(source, recipe.wanted)
            held_out = {f"rig {n}" for n in range(source.rigs, source.rigs + source.hold_out_rigs)}
            fraction = 1.0
        else:
            samples = read_source(source, recipe.wanted, root, faults)
            held_out = set(source.hold_out)
            faults += _split_faults(source, samples)
            fraction = recipe.schedule.fraction
        learnt = [sample for sample in samples if sample.group not in held_out]
        kept = share_of(learnt, fraction, recipe.schedule.seed)
        validation += [sample for sample in samples if sample.group in held_out]
        train += kept
        weights += _weights(source, kept)
        _check_all_memory([*train, *validation])
    if faults:
        raise TrainingError(_all_faults(faults, root))
    share = np.array(weights)
    return Split(tuple(train), tuple(validation), share / share.sum())


def _weights(source: FileSource | SyntheticSource, samples: Sequence[Sample]) -> list[float]:
    """How often each is drawn; together the source's weight."""
    often = np.ones(len(samples))
    if not isinstance(source, SyntheticSource) and source.rare_poses:
        often = rarity_of(samples)
    return list(source.weight * often / max(1.0, often.sum()))


def share_of(samples: Sequence[Sample], fraction: float, seed: int) -> list[Sample]:
    """A share of the samples drawn at random, as much of each group as of the others.

    Args:
        samples: To draw from.
        fraction: Above 0 and up to 1; at least one sample is drawn.
        seed: The same seed gives the same; a smaller fraction is part of a larger one.

    Returns:
        In the order of `samples`.
    """
    if fraction >= 1 or not samples:
        return list(samples)
    rng = np.random.default_rng(seed)
    places: dict[str, list[int]] = {}
    for index, sample in enumerate(samples):
        places.setdefault(sample.group, []).append(index)
    # Each group is shuffled and spread evenly over 0 to 1; the lowest numbers are taken.
    turn = np.empty(len(samples))
    for group in sorted(places):
        members = rng.permutation(places[group])
        turn[members] = (np.arange(len(members)) + rng.uniform()) / len(members)
    n_kept = max(1, round(fraction * len(samples)))
    return [samples[index] for index in sorted(np.argsort(turn, kind="stable")[:n_kept])]


def _check_all_memory(samples: Sequence[Sample]) -> None:
    n_bytes = sum(sample.image.nbytes for sample in samples)
    check_memory("all sources so far", len(samples), n_bytes / max(1, len(samples)))


def _all_faults(faults: Sequence[str], root: Path) -> str:
    listed = "\n".join(f"  {fault}" for fault in faults)
    return f"the data in {root} have {len(faults)} fault(s):\n{listed}"


def _split_faults(source: FileSource, samples: Sequence[Sample]) -> Iterator[str]:
    groups, held_out = {sample.group for sample in samples}, set(source.hold_out)
    if not held_out:
        yield f"{source.name}: hold_out names no group, but there are {sorted(groups)}"
    elif missing := sorted(held_out - groups):
        yield f"{source.name}: hold_out names {missing}, but the groups are {sorted(groups)}"
    if groups and groups <= held_out:
        yield f"{source.name}: hold_out keeps every group, so nothing is left to learn from"
