"""A user's own features: loaded, tried, refused."""

import hashlib
import math

import pytest
from rules_here import MICE, NAN, ZONES, arena, at, seen

from tracker.arena import ArenaSettings
from tracker.behaviours.text_rule import TextRule
from tracker.errors import ConfigError
from tracker.ethogram import Watched, catalogue_of, wanted_by
from tracker.features import FeatureExtractor, FeatureSettings
from tracker.features.own import SLOWEST_MS, hashes_of, load_own

HEAD = "import math\nimport time\nfrom tracker.features.own import feature\n"
STRETCH = (
    HEAD
    + """
@feature(unit="cm")
def stretch(seen, before):
    return seen.distance("nose", "tail_base")


@feature(unit="cm/s", window_s=0.1, delay_s=0.05)
def drift(seen, before):
    if not before:
        return math.nan
    first = before[0]
    return math.dist(seen.at("centre"), first.at("centre")) / (seen.time_s - first.time_s)


@feature(unit="1", animals=2)
def both(seen, before):
    return float(not math.isnan(seen.distance("a.nose", "b.nose")))
"""
)


@pytest.fixture
def file(tmp_path):
    def write(text, name="my_features.py"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def extractor(path, *wanted):
    settings = FeatureSettings(files=(path,), recorded=wanted)
    known = catalogue_of(settings, arena_settings(), MICE)
    return known, FeatureExtractor(settings, MICE, arena(), catalogue=known)


def arena_settings():
    return ArenaSettings(px_per_cm=10, zones=ZONES)


def test_a_function_becomes_a_feature_with_its_unit_and_delay(file):
    known, measure = extractor(file(STRETCH), "stretch", "drift", "both")
    assert measure.names == ("stretch_cm", "drift_cm_s", "both")
    assert measure.group_delay_s["drift_cm_s"] == 0.05
    found = [
        measure.update(seen(at(10 * i, 0), at(0, 0) if i else None, index=i, time_s=i * 0.04))
        for i in range(6)
    ]
    assert [each["stretch_cm"] for each in found] == pytest.approx([8] * 6)
    assert [each["both"] for each in found] == [0, 1, 1, 1, 1, 1]
    assert found[0]["drift_cm_s"] == pytest.approx(NAN, nan_ok=True)
    assert found[5]["drift_cm_s"] == pytest.approx(25)
    rule = TextRule("stretching", "stretch > 79 mm and drift < 1 cm/s", known)
    assert rule.features == ("stretch_cm", "drift_cm_s")
    assert known.find_text("stretch_cm", "here").name == "stretch_cm"


def test_a_rule_alone_makes_it_measured(file):
    settings = FeatureSettings(files=(file(STRETCH),), recorded=())
    known = catalogue_of(settings, arena_settings(), MICE)
    watched = {"long": Watched(rule="stretch > 79 mm and stretch_cm < 1 m")}
    wanted = wanted_by(watched, known)
    measure = FeatureExtractor(settings, MICE, arena(), wanted=wanted, catalogue=known)
    assert measure.names == ("stretch_cm",)


def test_a_function_sees_the_frames_of_its_window_and_no_more(file):
    text = HEAD + (
        '@feature(unit="s", window_s=0.1)\n'
        "def oldest(seen, before):\n"
        "    return seen.time_s - before[0].time_s if before else 0.0\n"
    )
    _, measure = extractor(file(text), "oldest")
    ages = [measure.update(seen(at(0, 0), index=i, time_s=i * 0.04))["oldest_s"] for i in range(6)]
    assert ages == pytest.approx([0, 0.04, 0.08, 0.08, 0.08, 0.08])
    measure.reset()
    assert measure.update(seen(at(0, 0), index=9, time_s=0.4))["oldest_s"] == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("def broken(:\n", "cannot be loaded: SyntaxError", id="syntax"),
        pytest.param("1 / 0\n", "cannot be loaded: ZeroDivisionError", id="raises"),
        pytest.param("x = 1\n", "no function in .* is marked with @feature", id="none"),
        pytest.param(HEAD + "@feature(unit='kg')\ndef f(s, b): return 1.0\n", "unknown unit 'kg'",
                     id="unit"),
        pytest.param(HEAD + "@feature(unit='cm', window_s=90)\ndef f(s, b): return 1.0\n",
                     "expected window_s", id="window"),
        pytest.param(HEAD + "@feature(unit='cm')\ndef f(s, b): return 'fast'\n",
                     "returned 'fast', expected a number", id="no_number"),
        pytest.param(HEAD + "@feature(unit='cm')\ndef f(s, b): return True\n",
                     "returned True, expected a number", id="truth"),
        pytest.param(HEAD + "@feature(unit='cm')\ndef f(s, b): return math.inf\n",
                     "returned inf, expected a finite number", id="endless"),
        pytest.param(HEAD + "@feature(unit='cm')\ndef f(s, b): return s.at('paw')[0]\n",
                     "feature f of .* failed: KeyError: 'paw'", id="keypoint"),
        pytest.param(HEAD + "@feature(unit='cm')\ndef f(s):\n    return 1.0\n",
                     "failed: TypeError", id="arguments"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_before_anything_starts(file, text, said):
    with pytest.raises(ConfigError, match=said):
        extractor(file(text), "f")


def test_a_function_that_is_slow_is_refused(file):
    text = HEAD + (
        "@feature(unit='cm')\ndef slow(seen, before):\n"
        f"    end = time.perf_counter() + {SLOWEST_MS * 3 / 1000}\n"
        "    while time.perf_counter() < end: pass\n"
        "    return 1.0\n"
    )
    with pytest.raises(ConfigError, match=r"slow of .* takes .* ms for one frame"):
        extractor(file(text), "slow")


def test_a_function_that_fails_later_stops_with_its_name(file):
    text = HEAD + (
        '@feature(unit="cm")\ndef f(seen, before):\n'
        "    if seen.time_s > 1: raise RuntimeError('over')\n    return 1.0\n"
    )
    _, measure = extractor(file(text), "f")
    measure.update(seen(at(0, 0), time_s=0))
    with pytest.raises(
        ConfigError, match=r"feature f of .*my_features\.py failed: RuntimeError: over"
    ):
        measure.update(seen(at(0, 0), index=1, time_s=2))


def test_a_name_that_is_there_twice_or_a_file_that_is_not_there_is_refused(file, tmp_path):
    with pytest.raises(ConfigError, match="stretch is there twice"):
        load_own((file(STRETCH), file(STRETCH, "other.py")))
    with pytest.raises(ConfigError, match=r"none\.py cannot be read"):
        load_own((tmp_path / "none.py",))


def test_the_hash_of_a_file_is_kept(file):
    path = file(STRETCH)
    right = {str(path): hashlib.sha256(STRETCH.encode()).hexdigest()}
    assert load_own((path,))[1] == hashes_of((path,)) == right
    path.unlink()
    assert hashes_of((path,)) == {str(path): ""}


def test_a_missing_keypoint_is_nan_to_a_function(file):
    _, measure = extractor(file(STRETCH), "stretch")
    assert math.isnan(measure.update(seen(None))["stretch_cm"])
