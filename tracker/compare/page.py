"""Makes compare.html: one page that compares groups of animals."""

import math
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
from matplotlib import rc_context

from tracker.batch.page import notices_of, write_page
from tracker.compare import plots
from tracker.compare.animals import contrasts_of
from tracker.compare.effects import FEWEST_RESAMPLED, N_RESAMPLES, SEED, Effect, effects_of
from tracker.report.look import LOOK, data_uri

PAGE = "compare.html"


def write_comparison(
    table: pa.Table,
    pairs: Sequence[tuple[str, str]],
    path: Path,
    *,
    source: str,
    n_resamples: int = N_RESAMPLES,
) -> list[Effect]:
    """Write one HTML page that compares pairs of groups, and return its effects.

    The page holds its pictures and asks nothing of a network. One that is there is replaced.

    Args:
        table: A summary of a batch.
        pairs: First and second group of each comparison.
        path: The file.
        source: What the page calls the table.
        n_resamples: Of every bootstrap and every permutation test.

    Raises:
        ConfigError: If some but not all animals are in both groups of a pair.
        RecordingError: If the page cannot be written.
    """
    contrasts = [contrasts_of(table, a, b) for a, b in pairs]
    effects = effects_of([each for own in contrasts for each in own], n_resamples=n_resamples)
    rest = iter(effects)
    with rc_context(LOOK):
        shown = [_pair([next(rest) for _ in own]) for own in contrasts]
    content = {
        "title": f"{pairs[0][1]} against {pairs[0][0]}" if len(pairs) == 1 else "Groups",
        "notices": notices_of(table),
        "pairs": shown,
        "all_paired": all(pair["paired"] for pair in shown),
        "n_resamples": n_resamples,
        "seed": SEED,
        "fewest": FEWEST_RESAMPLED,
        "n_tests": sum(not math.isnan(effect.p) for effect in effects),
        "scipy": version("scipy"),
        "source": source,
    }
    write_page("tracker.compare", "compare.html.jinja", content, path)
    return effects


def _pair(effects: Sequence[Effect]) -> dict[str, Any]:
    contrasts = [effect.contrast for effect in effects]
    forest = plots.forest(effects)
    rows = [row_of(effect) for effect in effects]
    for place, row in enumerate(rows):
        row["first"] = place == 0 or rows[place - 1]["behaviour"] != row["behaviour"]
    return {
        "a": contrasts[0].a_name,
        "b": contrasts[0].b_name,
        "paired": contrasts[0].paired,
        "n_a": max(len(each.a) for each in contrasts),
        "n_b": max(len(each.b) for each in contrasts),
        "rows": rows,
        "forest": data_uri(forest) if forest else None,
        "animals": data_uri(plots.animals(contrasts)),
    }


def row_of(effect: Effect) -> dict[str, Any]:
    """Return an effect as the page shows it; NaN where something is not known."""
    contrast = effect.contrast
    return {
        "behaviour": contrast.behaviour,
        "title": contrast.measure.title,
        "unit": contrast.measure.unit,
        "n_a": len(contrast.a),
        "n_b": len(contrast.b),
        "mean_a": float(contrast.a.mean()) if len(contrast.a) else math.nan,
        "mean_b": float(contrast.b.mean()) if len(contrast.b) else math.nan,
        "difference": effect.difference,
        "difference_ci": effect.difference_ci,
        "g": effect.g,
        "g_ci": effect.g_ci,
        "p": effect.p,
        "q": effect.q,
        "without": ", ".join(contrast.without),
    }
