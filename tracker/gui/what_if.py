"""Which episodes another threshold would have given, on the last minutes; by the loop's own code.

Causal features do not depend on thresholds, so that the values that came are those that the
rule would have seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.behaviours.rule import Ramp
from tracker.control.description import BehaviourFacts, Term
from tracker.episodes import EpisodeBuilder, EpisodeSettings
from tracker.gui.series import Series
from tracker.types import Episode


@dataclass(frozen=True, slots=True)
class Span:
    """An episode that there would be; times in s on the session clock, end inclusive."""

    onset_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What a change would have made of the last minutes.

    Attributes:
        spans: Episodes with the new threshold.
        n_before: Episodes with the present one, over the same span.
        come: Episodes that overlap none of the present ones.
        go: Present ones that overlap none of the new ones.
    """

    spans: tuple[Span, ...]
    n_before: int
    come: int
    go: int

    @property
    def text(self) -> str:
        """The same in words."""
        return f"{self.n_before} → {len(self.spans)} episodes ({self.come} come, {self.go} go)"


def what_if(
    facts: BehaviourFacts, moved: Mapping[int, float], series: Series, since_s: float
) -> WhatIf:
    """Return what other thresholds would have made of the values that came.

    Args:
        facts: The behaviour, as it is.
        moved: New thresholds, by the place of their term.
        series: Has the features of all terms.
        since_s: Beginning of the span (s on the session clock).
    """
    names = [term.feature for term in facts.terms]
    columns = series.raw_columns(names, since_s)
    now = _spans(facts, facts.terms, *columns)
    terms = [
        _with(term, moved.get(place, term.threshold)) for place, term in enumerate(facts.terms)
    ]
    then = _spans(facts, terms, *columns)
    return WhatIf(then, len(now), _alone(then, now), _alone(now, then))


def _with(term: Term, threshold: float) -> Term:
    return Term(feature=term.feature, side=term.side, threshold=threshold, softness=term.softness)


def _spans(
    facts: BehaviourFacts,
    terms: Sequence[Term],
    times: NDArray[np.float64],
    indices: NDArray[np.int64],
    values: NDArray[np.float32],
) -> tuple[Span, ...]:
    builder = EpisodeBuilder(
        "what if",
        "mouse",
        EpisodeSettings(
            enter=facts.enter,
            leave=facts.leave,
            min_duration_s=facts.min_duration_s,
            max_gap_s=facts.max_gap_s,
        ),
    )
    scores = np.ones(len(times))
    for term, column in zip(terms, values.T, strict=True):
        sign = 1 if term.side == "above" else -1
        ramp = Ramp(term.feature, term.threshold, sign * 0.5 / term.softness)
        raw = 0.5 + (column.astype(np.float64) - ramp.centre) * ramp.slope
        scores = np.minimum(scores, np.clip(raw, 0.0, 1.0))  # NaN where one of them is
    found: list[Episode] = []
    times_ns = np.rint(times * 1e9).astype(np.int64).tolist()
    for score, index, time_ns in zip(scores.tolist(), indices.tolist(), times_ns, strict=True):
        event = builder.update(score, index, time_ns)
        if isinstance(event, Episode):
            found.append(event)
    last = builder.finish()
    if last is not None:
        found.append(last)
    return tuple(Span(each.onset.onset_ns / 1e9, each.end_ns / 1e9) for each in found)


def _alone(these: Sequence[Span], those: Sequence[Span]) -> int:
    """How many of these overlap none of those."""
    return sum(not any(a.onset_s <= b.end_s and b.onset_s <= a.end_s for b in those) for a in these)
