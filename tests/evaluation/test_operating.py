"""Thresholds for a wanted rate of false triggers, drawn, proposed and written down."""

import json

import numpy as np
import pytest
from evaluation.drawn_tracks import STILL, write_config, write_tracks, write_truth
from typer.testing import CliRunner

from tracker.annotations.bouts import Bout
from tracker.cli import app
from tracker.config import load
from tracker.episodes import EpisodeSettings
from tracker.errors import ConfigError
from tracker.evaluation.operating import Point, Scored, front, points, proposed
from tracker.evaluation.write_point import with_points

FPS = 10
NOISY = EpisodeSettings(enter=0.5, leave=0.5, min_duration_s=0.2, max_gap_s=0.1)


def scored():
    """A quarter of an hour: two bouts of score 0.9, and ten moments of 0.6 that are nothing."""
    scores = np.zeros(9000)
    scores[1000:1100] = scores[5000:5100] = 0.9
    for moment in range(10):
        scores[6000 + 100 * moment :][:20] = 0.6
    times = np.arange(9000, dtype=np.int64) * 100_000_000
    return Scored(scores, times, [Bout(1000, 1099, "a"), Bout(5000, 5099, "a")], FPS)


def test_a_stricter_threshold_has_fewer_false_triggers():
    found = points([scored()], NOISY)
    assert (found[0].false_per_hour, found[0].missed) == (40, 0)
    chosen = proposed(found, 0)
    assert (chosen.false_per_hour, chosen.missed) == (0, 0)
    assert chosen.enter > 0.6 or chosen.min_duration_s > 2
    assert chosen.frame_f1 == 1


def test_the_present_thresholds_come_first():
    first = points([scored()], NOISY)[0]
    assert (first.enter, first.leave, first.min_duration_s) == (0.5, 0.5, 0.2)


def test_gaps_and_refractory_times_stay_as_they_are():
    patient = NOISY.model_copy(update={"refractory_s": 1000.0})
    assert points([scored()], patient)[0].false_per_hour == 0


def test_without_bouts_there_is_nothing_to_go_by():
    empty = Scored(scored().scores, scored().captured_ns, [], FPS)
    with pytest.raises(ConfigError, match="no bout of it"):
        points([empty], NOISY)


def point(false_per_hour, missed, f1=0.5):
    return Point(0.5, 0.5, 0.1, false_per_hour, missed, 100.0, f1, 0.5)


def test_the_fewest_misses_among_those_with_few_enough_false_triggers_are_proposed():
    a, b, c = point(0, 0.5), point(2, 0.1), point(9, 0)
    assert proposed([a, b, c], 5) is b
    assert proposed([a, b, c], 100) is c
    assert proposed([b, c], 1) is b
    assert proposed([point(1, 0.1, 0.3), better := point(1, 0.1, 0.9)], 1) is better


def test_the_front_is_of_points_that_none_beats():
    a, b, c, d = point(0, 0.5), point(2, 0.1), point(2, 0.3), point(9, 0.1)
    assert front([d, c, b, a]) == [a, b]


def test_comments_stay_and_the_origin_is_written():
    text = "# mine\nbehaviours:\n  still:\n    rule: x < 1 cm   # near\n    episode: {enter: 0.7}\n"
    found = with_points(
        text, {"still": {"episode": {"enter": 0.8}, "operating_point": {"bouts": 3}}}
    )
    assert found.startswith("# mine\n")
    assert "# near" in found
    assert "enter: 0.8" in found
    assert "operating_point:" in found
    with pytest.raises(ConfigError, match="no behaviour 'running'"):
        with_points(text, {"running": {"episode": {}, "operating_point": {}}})


@pytest.fixture
def folder(tmp_path):
    write_tracks(tmp_path / "tracks.csv")
    write_truth(tmp_path / "ada.csv")
    write_config(tmp_path / "mine.yaml")
    return tmp_path


def run(folder, *arguments, config="mine.yaml", code=0):
    result = CliRunner().invoke(
        app,
        [
            "operating-point",
            str(folder / config) if config.endswith(".yaml") else config,
            *("--tracks", str(folder / "tracks.csv"), "--truth", str(folder / "ada.csv")),
            *map(str, arguments),
        ],
    )
    assert result.exit_code == code, (result.output, result.exception)
    return result


def test_a_picture_and_a_file_are_made_from_tracks(folder):
    run(folder, "--plots", folder / "plots", "--write", folder / "new.yaml", "--false-per-hour", 10)
    assert (folder / "plots" / "still.png").read_bytes().startswith(b"\x89PNG")
    text = (folder / "new.yaml").read_text(encoding="utf-8")
    assert "# measured" in text
    assert "# soft" in text
    origin = load(folder / "new.yaml").behaviours["still"].operating_point
    assert (origin.bouts, origin.wanted_per_hour) == (len(STILL), 10)
    assert origin.false_per_hour == 0
    assert list(origin.truth) == ["ada.csv"]
    assert load(folder / "mine.yaml").behaviours["still"].operating_point is None


def test_the_file_itself_is_changed_only_if_asked_for_and_the_old_one_is_kept(folder):
    before = (folder / "mine.yaml").read_text(encoding="utf-8")
    run(folder, "--in-place")
    assert (folder / "mine.yaml.before").read_text(encoding="utf-8") == before
    assert load(folder / "mine.yaml").behaviours["still"].operating_point is not None
    assert "is there already" in str(run(folder, "--in-place", code=1).exception)


def test_nothing_is_overwritten(folder):
    (folder / "new.yaml").write_text("mine\n", encoding="utf-8")
    failed = run(folder, "--write", folder / "new.yaml", code=1)
    assert "is there already: nothing is overwritten" in str(failed.exception)
    assert (folder / "new.yaml").read_text(encoding="utf-8") == "mine\n"


def test_a_shipped_experiment_is_not_changed(folder):
    failed = run(folder, "--in-place", config="freezing_from_tracks", code=1)
    assert "is a shipped experiment" in str(failed.exception)


def test_every_point_is_told_as_json(folder):
    found = json.loads(run(folder, "--json").stdout.splitlines()[-1])
    about = found["behaviours"]["still"]
    assert about["as_set"] == about["points"][0]
    assert about["proposed"] in about["points"]
