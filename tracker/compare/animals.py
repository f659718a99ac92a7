"""From the summary table to one value per animal: the animal is the unit, not the bout."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tracker.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Measure:
    """What is compared: a column of the summary table, or a ratio of two.

    Attributes:
        column: Of the table.
        title: What the page calls it.
        unit: Of its values.
        per: Column that it is divided by; None: by nothing.
    """

    column: str
    title: str
    unit: str
    per: str | None = None

    def of(self, row: Mapping[str, Any]) -> float:
        """Return its value in a row; NaN where it is not known."""
        value, by = row[self.column], 1.0 if self.per is None else row[self.per]
        return math.nan if value is None or by is None else float(value) / float(by)


MEASURES = (
    Measure("per_min", "bouts per minute", "1/min"),
    Measure("mean_s", "mean bout", "s"),
    Measure("fraction", "share of time", "0 to 1"),
    Measure("latency_s", "latency to the first", "s"),
)
"""Of each behaviour. Bouts are counted per minute, so that recordings of any length compare."""

WAY = Measure("distance_cm", "way per second", "cm/s", per="duration_s")
"""Of the recording as a whole."""

WHOLE = "whole recording"


@dataclass(frozen=True, slots=True)
class Contrast:
    """One measure of one behaviour in two groups.

    Attributes:
        a_name, b_name: The groups.
        behaviour: Name, or `WHOLE`.
        measure: What is compared.
        a, b: One value per animal that has one. If `paired`, animals stand in the same order.
        paired: Whether every animal was in both groups: then each is its own control.
        without: Animals without a value, e.g. that never did it.
    """

    a_name: str
    b_name: str
    behaviour: str
    measure: Measure
    a: NDArray[np.float64]
    b: NDArray[np.float64]
    paired: bool
    without: tuple[str, ...]


def groups_of(table: pa.Table) -> dict[str, int]:
    """Return the number of animals in each group, of recordings that did not fail."""
    animals: dict[str, set[str]] = {}
    for row in _usable(table):
        animals.setdefault(row["group"], set()).add(row["subject"])
    return {group: len(subjects) for group, subjects in sorted(animals.items())}


def pairs_of(table: pa.Table, a: str | None, b: str | None) -> list[tuple[str, str]]:
    """Return the pairs of groups to compare: the one that was asked for, or all.

    Raises:
        ConfigError: If there is no such group, or fewer than two.
    """
    known = groups_of(table)
    for name in (a, b):
        if name is not None and name not in known:
            raise ConfigError(
                f"no recording is in group {name!r}; there is {', '.join(known) or 'none'}"
            )
    if (a is None) != (b is None) or (a is not None and a == b):
        raise ConfigError("expected two different groups, or none for all pairs: --a A --b B")
    if a is not None and b is not None:
        return [(a, b)]
    if len(known) < 2:
        raise ConfigError(
            f"a comparison needs two groups, found {', '.join(known) or 'none'}: name them with "
            f"tracker batch --groups FILE or --label EXPRESSION"
        )
    return list(combinations(known, 2))


def contrasts_of(table: pa.Table, a: str, b: str) -> list[Contrast]:
    """Return every measure of every behaviour in two groups, the whole recording's last.

    An animal's value is the mean over its recordings in the group.

    Raises:
        ConfigError: If some but not all animals are in both groups.
    """
    rows = _usable(table)
    animals = [_animals(rows, name) for name in (a, b)]
    paired = _is_paired(a, b, *animals)
    behaviours = list(dict.fromkeys(row["behaviour"] for row in rows if row["group"] in (a, b)))
    wanted = [(name, measure) for name in behaviours for measure in MEASURES]
    wanted.append((WHOLE, WAY))
    found = []
    for name, measure in wanted:
        values = [
            _values([row for row in rows if row["group"] == group], name, measure)
            for group in (a, b)
        ]
        found.append(_contrast(a, b, name, measure, values, paired=paired))
    return found


def _contrast(
    a: str,
    b: str,
    behaviour: str,
    measure: Measure,
    values: Sequence[Mapping[str, float]],
    *,
    paired: bool,
) -> Contrast:
    """Values of the animals that have one; if paired, of those that have both."""
    known = [{name for name, value in each.items() if not math.isnan(value)} for each in values]
    if paired:
        known = [known[0] & known[1]] * 2
    without = sorted((set(values[0]) - known[0]) | (set(values[1]) - known[1]))
    in_a, in_b = (
        np.array([each[name] for name in sorted(names)], np.float64)
        for each, names in zip(values, known, strict=True)
    )
    return Contrast(a, b, behaviour, measure, in_a, in_b, paired, tuple(without))


def _values(
    rows: Iterable[Mapping[str, Any]], behaviour: str, measure: Measure
) -> dict[str, float]:
    """One value per animal: the mean over its recordings that have one; NaN if none has."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if behaviour in (WHOLE, row["behaviour"]):
            found.setdefault(row["subject"], {})[row["recording"]] = measure.of(row)
    return {subject: _mean(recordings.values()) for subject, recordings in sorted(found.items())}


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _animals(rows: Sequence[Mapping[str, Any]], group: str) -> set[str]:
    return {row["subject"] for row in rows if row["group"] == group}


def _is_paired(a: str, b: str, in_a: set[str], in_b: set[str]) -> bool:
    both = in_a & in_b
    if both and in_a != in_b:
        raise ConfigError(
            f"{', '.join(sorted(both))} {'is' if len(both) == 1 else 'are'} in both {a} and {b}, "
            f"the other animals are not: neither animals of their own nor each its own control; "
            f"leave some recordings out, or name the groups otherwise"
        )
    return bool(both)


def _usable(table: pa.Table) -> list[dict[str, Any]]:
    """Rows of recordings that did not fail, of a known animal in a known group."""
    return [
        row
        for row in table.to_pylist()
        if row["state"] != "failed" and row["group"] is not None and row["subject"] is not None
    ]
