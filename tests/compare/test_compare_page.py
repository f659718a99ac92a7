import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from tracker.batch.table import to_table, write_tables
from tracker.cli import app
from tracker.compare.animals import pairs_of
from tracker.compare.page import write_comparison
from tracker.errors import ConfigError

rng = np.random.default_rng(0)


def rows_of(group, subjects, per_min):
    for subject in subjects:
        for behaviour in ("freezing", "climbing"):
            yield {
                "recording": f"{group}_{subject}",
                "group": group,
                "subject": subject,
                "state": "done",
                "behaviour": behaviour,
                "per_min": per_min + (float(rng.normal()) if behaviour == "freezing" else 0.0),
                "mean_s": 1.0,
                "fraction": float(rng.uniform()),
                "latency_s": float("nan"),
                "known": 1.0,
                "distance_cm": 100.0,
                "duration_s": 10.0,
            }


def table(*, paired=False, groups=("saline", "drug")):
    rows = []
    for k, group in enumerate(groups):
        names = [f"m{n}" if paired else f"{group}{n}" for n in range(6)]
        rows += rows_of(group, names, 5.0 + 4 * k)
    return to_table(rows)


def compared(tmp_path, table, a="saline", b="drug"):
    path = tmp_path / "compare.html"
    effects = write_comparison(
        table, pairs_of(table, a, b), path, source="summary.parquet", n_resamples=199
    )
    return effects, re.sub(r"\s+", " ", path.read_text(encoding="utf-8"))


def test_the_page_says_what_the_unit_is_and_how_many_there_are(tmp_path):
    _, text = compared(tmp_path, table())
    assert "The unit is the animal" in text
    assert "6 animals in saline, 6 others in drug" in text


def test_the_page_says_if_animals_are_their_own_controls(tmp_path):
    _, text = compared(tmp_path, table(paired=True))
    assert "each is its own control" in text
    assert "(n = 6)" in text


def test_every_number_of_an_effect_is_on_the_page(tmp_path):
    effects, text = compared(tmp_path, table())
    effect = effects[0]
    for number in (effect.difference, *effect.difference_ci, effect.g, *effect.g_ci):
        assert f"{number:.3g}" in text
    assert f"{effect.p:.2g}" in text
    assert "seed 20260101" in text
    assert "199 resamples" in text


def test_the_number_of_tests_is_stated(tmp_path):
    _, text = compared(tmp_path, table())
    # Two behaviours with three measures that are known, and the way.
    assert "corrected for the 7 tests" in text


def test_a_latency_that_nobody_has_is_no_number(tmp_path):
    effects, text = compared(tmp_path, table())
    latency = next(e for e in effects if e.contrast.measure.column == "latency_s")
    assert np.isnan(latency.difference)
    assert "without drug0, drug1" in text
    assert "nan" not in re.sub(r"base64,[^\"]*", "", text).lower()


def test_the_page_is_whole_in_itself(tmp_path):
    _, text = compared(tmp_path, table())
    assert text.count("data:image/svg+xml;base64,") == 2
    assert "https://" not in text


def test_three_groups_are_three_pairs_on_one_page(tmp_path):
    effects, text = compared(tmp_path, table(groups=("a", "b", "c")), None, None)
    assert [f">{pair}<" in text for pair in ("b against a", "c against a", "c against b")] == [
        True
    ] * 3
    assert len(effects) == 3 * 9


def test_the_same_table_gives_the_same_page(tmp_path):
    same = table()
    assert compared(tmp_path, same)[1] == compared(tmp_path, same)[1]


def test_the_command_compares_two_groups_of_a_summary(tmp_path):
    write_tables(table(), tmp_path)
    summary = str(tmp_path / "summary.parquet")
    done = CliRunner().invoke(app, ["compare", summary, "--a", "saline", "--b", "drug", "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    first = said["effects"][0]
    assert (first["a"], first["b"], first["behaviour"]) == ("saline", "drug", "freezing")
    assert first["difference"] == pytest.approx(4, abs=1.5)
    assert said["effects"][3]["difference"] is None  # a latency that nobody has
    assert (tmp_path / "compare.html").is_file()


def test_the_command_refuses_a_group_that_is_not_there(tmp_path):
    write_tables(table(), tmp_path)
    with pytest.raises(ConfigError, match="no recording is in group 'x'; there is drug, saline"):
        CliRunner().invoke(
            app,
            ["compare", str(tmp_path / "summary.parquet"), "--a", "x", "--b", "drug"],
            catch_exceptions=False,
        )
