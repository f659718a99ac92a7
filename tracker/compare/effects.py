"""How far two groups are apart, and how sure one can be: effects, intervals, tests.

Libraries do the statistics: scipy's BCa bootstrap, permutation test, and control of the rate of
false discoveries.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.compare.animals import Contrast

N_RESAMPLES = 9999
SEED = 20_260_101
"""Of every bootstrap and every permutation test, each anew: a figure depends on its data alone."""

CONFIDENCE = 0.95

FEWEST, FEWEST_RESAMPLED = 2, 5
"""Animals per group below which there is no test, and no interval: too few to resample."""

_Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Effect:
    """What two groups differ by, in one measure. NaN: it cannot be known.

    Attributes:
        contrast: The values.
        difference: Mean of b minus mean of a, in the measure's unit.
        difference_ci: Its interval (95 %).
        g: Hedges' g: the difference in standard deviations, corrected for small groups.
        g_ci: Its interval (95 %).
        p: Two-sided permutation test.
        q: The same after correction for the number of tests on the page.
    """

    contrast: Contrast
    difference: float
    difference_ci: tuple[float, float]
    g: float
    g_ci: tuple[float, float]
    p: float
    q: float = math.nan


def effects_of(contrasts: Sequence[Contrast], *, n_resamples: int = N_RESAMPLES) -> list[Effect]:
    """Return the effect of each contrast, corrected for their number.

    The correction is Benjamini and Hochberg's (1995): among the tests with q below 0.05, at most
    5 % are expected to be false.
    """
    from scipy import stats  # slow to import

    effects = [_effect(contrast, stats, n_resamples) for contrast in contrasts]
    known = [place for place, effect in enumerate(effects) if not math.isnan(effect.p)]
    if known:
        qs = stats.false_discovery_control([effects[place].p for place in known], method="bh")
        for place, q in zip(known, qs, strict=True):
            effects[place] = replace(effects[place], q=float(q))
    return effects


def mean_difference(a: _Array, b: _Array, axis: int = -1) -> _Array:
    """Return the mean of b minus the mean of a."""
    difference: _Array = np.mean(b, axis=axis) - np.mean(a, axis=axis)
    return difference


def hedges_g(a: _Array, b: _Array, axis: int = -1) -> _Array:
    """Return the difference of two independent groups in pooled standard deviations.

    Hedges (1981), with his correction 1 - 3 / (4 df - 1), df = n_a + n_b - 2. Infinite where
    all values of each group are the same and the groups differ; 0 where nothing differs at all.
    """
    n_a, n_b = a.shape[axis], b.shape[axis]
    df = n_a + n_b - 2
    within = (n_a - 1) * np.var(a, axis=axis, ddof=1) + (n_b - 1) * np.var(b, axis=axis, ddof=1)
    return _in_deviations(mean_difference(a, b, axis), np.sqrt(within / df), df)


def hedges_g_paired(a: _Array, b: _Array, axis: int = -1) -> _Array:
    """Return the mean difference of pairs in standard deviations of the differences.

    Cohen's d_z with Hedges' correction, df = n - 1 (Lakens 2013, Front. Psychol. 4:863).
    """
    differences = b - a
    deviation = np.std(differences, axis=axis, ddof=1)
    return _in_deviations(np.mean(differences, axis=axis), deviation, a.shape[axis] - 1)


def _in_deviations(difference: _Array, deviation: _Array, df: int) -> _Array:
    correction = 1 - 3 / (4 * df - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        g: _Array = correction * difference / deviation
    return np.where(difference == 0, 0.0, g)


def _effect(contrast: Contrast, stats: Any, n_resamples: int) -> Effect:
    a, b = contrast.a, contrast.b
    nothing = (math.nan, math.nan)
    if not len(a) or not len(b):
        return Effect(contrast, math.nan, nothing, math.nan, nothing, math.nan)
    difference = float(mean_difference(a, b))
    if min(len(a), len(b)) < FEWEST:
        return Effect(contrast, difference, nothing, math.nan, nothing, math.nan)
    g_of = hedges_g_paired if contrast.paired else hedges_g
    return Effect(
        contrast,
        difference,
        _interval(contrast, mean_difference, stats, n_resamples),
        float(g_of(a, b)),
        _interval(contrast, g_of, stats, n_resamples),
        _p_value(contrast, stats, n_resamples),
    )


def _interval(
    contrast: Contrast, statistic: Callable[..., _Array], stats: Any, n_resamples: int
) -> tuple[float, float]:
    """Bias-corrected and accelerated bootstrap (Efron 1987) over animals; NaN if undefined."""
    if min(len(contrast.a), len(contrast.b)) < FEWEST_RESAMPLED:
        return math.nan, math.nan
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # scipy warns where it gives NaN, which says it too
        found = stats.bootstrap(
            (contrast.a, contrast.b),
            statistic,
            n_resamples=n_resamples,
            vectorized=True,
            paired=contrast.paired,
            confidence_level=CONFIDENCE,
            method="BCa",
            rng=np.random.default_rng(SEED),
        ).confidence_interval
    low, high = float(found.low), float(found.high)
    return (low, high) if math.isfinite(low) and math.isfinite(high) else (math.nan, math.nan)


def _p_value(contrast: Contrast, stats: Any, n_resamples: int) -> float:
    """Exact where there are at most `n_resamples` permutations."""
    found = stats.permutation_test(
        (contrast.a, contrast.b),
        mean_difference,
        permutation_type="samples" if contrast.paired else "independent",
        vectorized=True,
        n_resamples=n_resamples,
        rng=np.random.default_rng(SEED),
    )
    return float(found.pvalue)
