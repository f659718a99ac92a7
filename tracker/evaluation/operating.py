"""At which thresholds false triggers, misses and delay are as wanted.

The scores are those of the pipeline, computed once; thresholds and least durations are tried on
them one by one, each with the same `EpisodeBuilder` that runs live.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.annotations.bouts import Bout
from tracker.episodes import EpisodeBuilder, EpisodeSettings
from tracker.errors import ConfigError
from tracker.evaluation.agreement import Agreement, Told, agreement
from tracker.types import Episode

MOST_SCORES = 19
"""Thresholds that are tried, at the quantiles of the scores and at what is set."""

DURATIONS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""Least durations that are tried, as multiples of the one that is set."""

USUAL_S = 0.1
"""What these are multiples of where none is set."""


@dataclass(frozen=True, slots=True)
class Point:
    """One choice of thresholds and what comes of it, over all raters and sessions given.

    Attributes:
        enter: Score that may begin an episode.
        leave: Score that keeps it going.
        min_duration_s: From its first frame to the one that confirms it (s).
        false_per_hour: Episodes that share no frame with any bout, per hour of video.
        missed: Share (0 to 1) of the bouts that share no frame with any episode.
        delay_ms: Median time from a bout's onset to confirmation, of those that match; NaN: none.
        frame_f1: F1 (0 to 1) over frames.
        episode_f1: F1 (0 to 1) over episodes.
    """

    enter: float
    leave: float
    min_duration_s: float
    false_per_hour: float
    missed: float
    delay_ms: float
    frame_f1: float
    episode_f1: float


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """The scores of one behaviour in one video, and the bouts that one rater saw.

    Attributes:
        scores: One per frame, NaN where the rule abstained.
        captured_ns: Capture time of each frame (ns).
        bouts: What the rater saw.
        fps: Frames per second.
    """

    scores: NDArray[np.float64]
    captured_ns: NDArray[np.int64]
    bouts: Sequence[Bout]
    fps: float


def points(
    scored: Sequence[Scored],
    settings: EpisodeSettings,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Point]:
    """Try thresholds and durations; the present ones come first.

    Args:
        scored: Every video with every rater.
        settings: The present ones; gaps, lag and refractory time stay as they are.
        progress: Told how many are done, and of how many.

    Raises:
        ConfigError: If no rater saw a single bout.
    """
    if not any(each.bouts for each in scored):
        raise ConfigError("the annotations hold no bout of it: there is nothing to go by")
    tried = [settings, *_choices(scored, settings)]
    found = []
    for done, choice in enumerate(tried, start=1):
        found.append(_point(scored, choice))
        progress(done, len(tried))
    return found


def proposed(found: Sequence[Point], wanted_per_hour: float) -> Point:
    """Return the point with the fewest misses among those with no more false triggers than wanted.

    Of equals the one with the higher frame F1, and then the earlier one. If none has so few false
    triggers, the one with the fewest.
    """
    allowed = [each for each in found if each.false_per_hour <= wanted_per_hour]
    if not allowed:
        return min(found, key=lambda each: (each.false_per_hour, each.missed))
    return min(allowed, key=lambda each: (each.missed, -_or_zero(each.frame_f1)))


def front(found: Sequence[Point]) -> list[Point]:
    """Return the points that no other one beats in both false triggers and misses, by the first."""
    best: list[Point] = []
    for each in sorted(found, key=lambda p: (p.false_per_hour, p.missed, _or_last(p.delay_ms))):
        if not best or each.missed < best[-1].missed:
            best.append(each)
    return best


def _choices(scored: Sequence[Scored], settings: EpisodeSettings) -> list[EpisodeSettings]:
    scores = np.concatenate([each.scores for each in scored])
    known = scores[np.isfinite(scores) & (scores > 0)]
    quantiles = np.quantile(known, np.linspace(0, 1, MOST_SCORES)) if len(known) else []
    enters = sorted({settings.enter, *(round(float(each), 3) for each in quantiles)})
    enters = [each for each in enters if 0 < each <= 1]
    usual_s = settings.min_duration_s or USUAL_S
    share = settings.leave / settings.enter
    return [
        settings.model_copy(
            update={
                "enter": enter,
                "leave": round(enter * share, 3) or enter,
                "min_duration_s": round(times * usual_s, 3),
            }
        )
        for enter in enters
        for times in DURATIONS
    ]


def _point(scored: Sequence[Scored], settings: EpisodeSettings) -> Point:
    found: list[Agreement] = []
    hours = 0.0
    is_point = settings.kind == "point"
    told_of: dict[int, list[Told]] = {}
    for each in scored:
        told = told_of.setdefault(id(each.scores), [])
        if not told:
            told += episodes_of(each, settings)
        frames = (0, len(each.scores))
        found.append(agreement(told, each.bouts, frames, each.fps, is_point=is_point))
        hours += len(each.scores) / each.fps / 3600
    bouts = sum(each.bouts for each in found)
    delays = [each.delay_ms for each in found if not math.isnan(each.delay_ms)]
    both = sum(each.episodes for each in found) + bouts
    return Point(
        enter=settings.enter,
        leave=settings.leave,
        min_duration_s=settings.min_duration_s,
        false_per_hour=sum(each.false_triggers for each in found) / hours if hours else math.nan,
        missed=sum(each.missed for each in found) / bouts if bouts else math.nan,
        delay_ms=float(np.median(delays)) if delays else math.nan,
        frame_f1=float(np.mean([_or_zero(each.frame_f1) for each in found])),
        episode_f1=2 * sum(each.matched for each in found) / both if both else math.nan,
    )


def episodes_of(scored: Scored, settings: EpisodeSettings) -> list[Told]:
    """Return the episodes that come of scores."""
    builder = EpisodeBuilder("tried", "animal", settings)
    moments = enumerate(zip(scored.scores.tolist(), scored.captured_ns.tolist(), strict=True))
    events = [builder.update(score, index, at_ns) for index, (score, at_ns) in moments]
    return [
        Told(event.onset.onset_index, event.end_index, event.onset.confirmed_index)
        for event in (*events, builder.finish())
        if isinstance(event, Episode)
    ]


def as_settings(point: Point) -> Mapping[str, float]:
    """Return what of `episode` in an experiment has to be set for it."""
    return {
        "enter": point.enter,
        "leave": point.leave,
        "min_duration_s": point.min_duration_s,
    }


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _or_last(value: float) -> float:
    return math.inf if math.isnan(value) else value
