"""How episodes agree with bouts that a person saw."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.annotations.bouts import Bout, covered
from tracker.scoring import framewise_f1

LEAST_IOU = 0.5
"""From this share of frames in common, of those in either, an episode is the bout."""

NEAR_S = 0.5
"""A point event is the bout if it is no farther than this from its first frame (s)."""


@dataclass(frozen=True, slots=True)
class Told:
    """An episode, as it is compared.

    Attributes:
        first: First frame.
        last: Last frame, inclusive.
        known: The frame on which it was confirmed.
    """

    first: int
    last: int
    known: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """How the episodes of one behaviour agree with the bouts of one rater; NaN: not defined.

    Attributes:
        episodes: How many were told.
        bouts: How many the rater saw.
        matched: Episodes that are a bout: `LEAST_IOU` of their frames in common.
        frame_f1: F1 (0 to 1) over frames.
        frame_precision: Share (0 to 1) of the frames told that the rater saw as well.
        frame_recall: Share (0 to 1) of the rater's frames that were told.
        episode_f1: 2 matched / (episodes + bouts), 0 to 1.
        onset_error_ms: Median of onset minus the rater's onset over those that match.
        onset_error_abs_ms: Median size of that.
        delay_ms: Median time from the rater's onset to the frame that confirmed the episode.
        false_triggers: Episodes that share no frame with any bout.
        false_triggers_per_hour: The same per hour of the video.
        missed: Bouts that share no frame with any episode.
    """

    episodes: int
    bouts: int
    matched: int
    frame_f1: float
    frame_precision: float
    frame_recall: float
    episode_f1: float
    onset_error_ms: float
    onset_error_abs_ms: float
    delay_ms: float
    false_triggers: int
    false_triggers_per_hour: float
    missed: int

    def as_dict(self) -> dict[str, Any]:
        """Return the same for JSON, which has no NaN: None in its place."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(self).items()
        }


def agreement(
    told: Sequence[Told],
    bouts: Sequence[Bout],
    frames: tuple[int, int],
    fps: float,
    *,
    is_point: bool = False,
) -> Agreement:
    """Compare episodes with bouts.

    Args:
        told: Episodes of one behaviour.
        bouts: Of the same behaviour, of one rater.
        frames: The stretch that is judged, from and to (exclusive); what begins outside is left
            out, and what goes on beyond it is cut.
        fps: Frames per second.
        is_point: Whether the behaviour is a point event: then nearness counts, not overlap.
    """
    told, bouts = _cut_told(told, frames), _cut(bouts, frames)
    n_frames = frames[1] - frames[0]
    mine = covered([Bout(each.first, each.last, "") for each in told], frames[1])[frames[0] :]
    theirs = covered(bouts, frames[1])[frames[0] :]
    pairs = _near(told, bouts, NEAR_S * fps) if is_point else _overlapping(told, bouts)
    errors = np.array([told[i].first - bouts[k].first for i, k in pairs], np.float64)
    delays = np.array([told[i].known - bouts[k].first for i, k in pairs], np.float64)
    false, missed = _unmet(told, bouts, pairs, is_point=is_point)
    both = int((mine & theirs).sum())
    per_ms = 1000 / fps
    return Agreement(
        episodes=len(told),
        bouts=len(bouts),
        matched=len(pairs),
        frame_f1=framewise_f1(mine, theirs),
        frame_precision=both / int(mine.sum()) if mine.any() else math.nan,
        frame_recall=both / int(theirs.sum()) if theirs.any() else math.nan,
        episode_f1=2 * len(pairs) / (len(told) + len(bouts)) if told or bouts else math.nan,
        onset_error_ms=_median(errors) * per_ms,
        onset_error_abs_ms=_median(np.abs(errors)) * per_ms,
        delay_ms=_median(delays) * per_ms,
        false_triggers=false,
        false_triggers_per_hour=false * 3600 * fps / n_frames if n_frames else math.nan,
        missed=missed,
    )


def kappa(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return Cohen's kappa over frames (Educ. Psychol. Meas. 20, 1960, 37); NaN if undefined."""
    if not len(one):
        return math.nan
    agree = float((one == other).mean())
    by_chance = float(one.mean() * other.mean() + (1 - one.mean()) * (1 - other.mean()))
    return (agree - by_chance) / (1 - by_chance) if by_chance < 1 else math.nan


def _cut(bouts: Sequence[Bout], frames: tuple[int, int]) -> list[Bout]:
    first, after = frames
    return [
        Bout(bout.first, min(bout.last, after - 1), bout.behaviour, bout.subject)
        for bout in bouts
        if first <= bout.first < after
    ]


def _cut_told(told: Sequence[Told], frames: tuple[int, int]) -> list[Told]:
    first, after = frames
    return [
        Told(each.first, min(each.last, after - 1), each.known)
        for each in told
        if first <= each.first < after
    ]


def _overlapping(told: Sequence[Told], bouts: Sequence[Bout]) -> list[tuple[int, int]]:
    """Pairs that share enough; the best first, each of either once."""
    found = []
    for i, mine in enumerate(told):
        for k, theirs in enumerate(bouts):
            shared = min(mine.last, theirs.last) - max(mine.first, theirs.first) + 1
            if shared > 0:
                either = max(mine.last, theirs.last) - min(mine.first, theirs.first) + 1
                if shared / either >= LEAST_IOU:
                    found.append((-shared / either, i, k))
    return _each_once(found)


def _near(told: Sequence[Told], bouts: Sequence[Bout], within: float) -> list[tuple[int, int]]:
    found = [
        (float(abs(mine.first - theirs.first)), i, k)
        for i, mine in enumerate(told)
        for k, theirs in enumerate(bouts)
        if abs(mine.first - theirs.first) <= within
    ]
    return _each_once(found)


def _each_once(found: list[tuple[float, int, int]]) -> list[tuple[int, int]]:
    mine, theirs, pairs = set[int](), set[int](), []
    for _, i, k in sorted(found):
        if i not in mine and k not in theirs:
            mine.add(i)
            theirs.add(k)
            pairs.append((i, k))
    return sorted(pairs)


def _unmet(
    told: Sequence[Told], bouts: Sequence[Bout], pairs: Sequence[tuple[int, int]], *, is_point: bool
) -> tuple[int, int]:
    """How many of each share nothing with any of the other."""
    if is_point:
        return len(told) - len(pairs), len(bouts) - len(pairs)

    def meets(first: int, last: int, others: Sequence[Told] | Sequence[Bout]) -> bool:
        return any(first <= other.last and other.first <= last for other in others)

    false = sum(not meets(each.first, each.last, bouts) for each in told)
    missed = sum(not meets(bout.first, bout.last, told) for bout in bouts)
    return false, missed


def _median(values: NDArray[np.float64]) -> float:
    return float(np.median(values)) if len(values) else math.nan
