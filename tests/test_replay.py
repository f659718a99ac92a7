"""A session decides the same again; what was changed is found, and told where."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from replayed_sessions import (
    FREEZING,
    MS,
    RUNNING,
    SHAM,
    TRAIN,
    WAKE,
    at,
    experiment_with,
    record,
    rewrite_table,
    stop_and_go,
)
from session_folders import change_session, cut, lines_of

from tracker.errors import ConfigError, RecordingError
from tracker.recording import Recording
from tracker.replay import Kind, Source, Why, verify
from tracker.replay.outcome import outcome_of
from tracker.session_folder.tables import read_table
from tracker.stimuli import Delivery
from tracker.types import Fate

LEVEL = {
    "kind": "level",
    "feature": "speed_cm_s",
    "low": 1,
    "high": 40,
    "output": "light",
    "hold_ms": 100,
}
TASK = {
    "kind": "task",
    "first": "wait",
    "states": {
        "wait": {"next": [{"to": "reward", "on_episode": "running", "count": 2}]},
        "reward": {
            "output": "light",
            "train": TRAIN,
            "allocated": True,
            "next": [{"to": "wait", "after_s": 0.3}],
        },
    },
    "allocation": SHAM,
}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "session"


def verdict_of(folder):
    return verify(Recording(folder))


def one(verdict, kind):
    """The only kind of difference there is, and the first of it."""
    assert list(verdict.n_different) == [kind]
    return verdict.differences[0]


def rewrite(folder, name, change):
    """Replace a table by another of the same schema; `change` changes its rows."""

    def changed(rows):
        change(rows)
        return rows

    rewrite_table(folder / name, changed)


def rewrite_lines(folder, name, change):
    lines = change(lines_of(folder, name))
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / name).write_text(text, encoding="utf-8")


class TestSameAgain:
    @pytest.mark.parametrize(
        "controllers",
        [
            pytest.param(None, id="no_outputs"),
            pytest.param({"wake": WAKE}, id="at_onset"),
            pytest.param({"wake": WAKE | {"when": "end", "after_s": 0.05}}, id="after_the_end"),
            pytest.param({"wake": WAKE | {"when": "while", "pause_s": 0.02}}, id="while"),
            pytest.param({"wake": WAKE | {"probability": 0.5, "seed": 4}}, id="by_chance"),
            pytest.param({"wake": WAKE | {"allocation": SHAM}}, id="sham"),
            pytest.param({"level": LEVEL}, id="level"),
            pytest.param(
                {"level": LEVEL | {"during": "running", "allocation": SHAM}}, id="level_and_sham"
            ),
            pytest.param({"task": TASK}, id="task"),
            pytest.param({"wake": WAKE, "task": TASK, "level": LEVEL}, id="three_at_once"),
        ],
    )
    def test_whatever_controls(self, tmp_path, folder, controllers):
        record(folder, experiment_with(tmp_path, controllers=controllers), 600)
        verdict = verdict_of(folder)
        assert verdict.identical, verdict
        assert verdict.compared[Kind.FEATURE] == 600
        assert verdict.compared[Kind.EPISODE] > 10
        assert (verdict.compared[Kind.STIMULUS] > 0) == (controllers is not None)
        assert (verdict.causes, verdict.not_compared) == ((), ())

    def test_a_lamp_and_frames_on_which_the_network_abstained(self, tmp_path, folder):
        lit = {
            "rule": {"kind": "threshold", "feature": "lamp_cue", "above": 100, "softness": 50},
            "episode": {"min_duration_s": 0, "max_gap_s": 0.02},
        }
        experiment = experiment_with(
            tmp_path,
            lamps={"cue": {"x_px": 5, "y_px": 5}},
            behaviours={"lit": lit, "freezing": FREEZING},
            controllers={"wake": WAKE},
        )

        def script(index):
            lamp = {"measures": {"lamp_cue": 200.5 if index % 50 < 10 else 3.25}}
            if index % 40 > 37:
                nothing = np.full((1, 2, 2), np.nan)
                return lamp | {"xy": nothing, "abstained": True, "novelty": 1.25}
            return lamp | stop_and_go()(index) | {"class_scores": {"rest": index / 600}}

        record(folder, experiment, 600, script)
        verdict = verdict_of(folder)
        assert verdict.identical, verdict
        assert len([e for e in Recording(folder).episodes if e.onset.behaviour == "lit"]) == 12

    def test_a_session_in_which_nothing_was_seen(self, tmp_path, folder):
        nobody = np.zeros((0, 2, 2), np.float32)
        record(folder, experiment_with(tmp_path), 50, lambda _: {"xy": nobody})
        assert verdict_of(folder).identical

    def test_a_session_without_any_frame(self, tmp_path, folder):
        record(folder, experiment_with(tmp_path), 0)
        verdict = verdict_of(folder)
        assert verdict.identical
        assert verdict.compared[Kind.FRAME] == 0

    def test_an_episode_that_the_end_of_the_session_closed(self, tmp_path, folder):
        record(folder, experiment_with(tmp_path), 100, lambda _: {"xy": at(5, 5)})
        assert Recording(folder).episodes[0].ended_by_session
        assert verdict_of(folder).identical


def episodes_of(draw):
    return {
        "enter": draw(st.sampled_from([0.6, 0.8, 1.0])),
        "leave": draw(st.sampled_from([0.2, 0.5])),
        "min_duration_s": draw(st.sampled_from([0, 0.03, 0.1])),
        "max_gap_s": draw(st.sampled_from([0, 0.03, 0.2])),
    }


@st.composite
def sessions(draw):
    """An experiment, what the animal does, and which frames were lost, all of them random."""
    rule = FREEZING["rule"] | {"below": draw(st.floats(0.5, 60)), "softness": 2.0}
    faster = RUNNING["rule"] | {"above": draw(st.floats(0.5, 60))}
    behaviours = {
        "freezing": {"rule": rule, "episode": episodes_of(draw)},
        "running": {"rule": faster, "episode": episodes_of(draw)},
    }
    allocation = SHAM | {"blinded": draw(st.booleans())}
    wake = WAKE | {
        "when": draw(st.sampled_from(["onset", "end", "while"])),
        "after_s": draw(st.sampled_from([0, 0.015, 0.1])),
        "every": draw(st.integers(1, 3)),
        "probability": draw(st.sampled_from([0.4, 1.0])),
        "allocation": draw(st.sampled_from([None, allocation])),
    }
    known = {"wake": wake, "level": LEVEL, "task": TASK}
    names = draw(st.lists(st.sampled_from(sorted(known)), min_size=1, max_size=3, unique=True))
    n = draw(st.integers(1, 250))
    lost = [Fate.SUPERSEDED, Fate.RING_OVERRUN, Fate.SESSION_ENDED]
    fates = draw(st.dictionaries(st.integers(0, n - 1), st.sampled_from(lost), max_size=n // 2))
    steps_ms = draw(st.lists(st.sampled_from([10, 10, 10, 11, 40, 2]), min_size=n, max_size=n))
    seed = draw(st.integers(0, 2**32 - 1))
    return behaviours, {name: known[name] for name in names}, n, fates, steps_ms, seed


def wandering(seed, n):
    """An animal that runs, stands still, is not seen, is two, and is not believed, by chance."""
    chance = np.random.default_rng(seed)
    script, x, speed = [], 20.0, 0.0
    for _ in range(n):
        if chance.random() < 0.05:
            speed = float(chance.choice([0.0, 0.2, 2.0, -2.0]))
        x += speed
        seen = np.array(at(x, 50), np.float32) + chance.normal(0, 0.05, (1, 2, 2))
        if chance.random() < 0.1:
            seen[0, chance.integers(2)] = np.nan
        if chance.random() < 0.05:
            seen = np.concatenate([seen, seen + 5])
        unsure = chance.random() < 0.05
        script.append({"xy": np.full_like(seen, np.nan) if unsure else seen, "abstained": unsure})
    return script.__getitem__


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(sessions())
@example(({"freezing": FREEZING, "running": RUNNING}, {"wake": WAKE}, 1, {}, [10], 0))
def test_any_session_decides_the_same_again(tmp_path_factory, session):
    behaviours, controllers, n, fates, steps_ms, seed = session
    tmp_path = tmp_path_factory.mktemp("any")
    experiment = experiment_with(tmp_path, behaviours=behaviours, controllers=controllers)
    times_ns = np.cumsum(steps_ms).astype(int) * MS
    about = {"fates": fates, "times_ns": times_ns.tolist()}
    record(tmp_path / "session", experiment, n, wandering(seed, n), **about)
    verdict = verdict_of(tmp_path / "session")
    assert verdict.identical, verdict
    assert verdict.compared[Kind.FRAME] == n - len(fates)


class TestFound:
    @pytest.fixture
    def folder(self, tmp_path, folder):
        controllers = {"wake": WAKE | {"allocation": SHAM}}
        return record(folder, experiment_with(tmp_path, controllers=controllers), 600)

    def test_a_threshold_that_was_changed(self, folder):
        path = folder / "experiment.yaml"
        text = path.read_text(encoding="utf-8")
        assert text.count("below: 1.6") == 1
        path.write_text(text.replace("below: 1.6", "below: 40"), encoding="utf-8")
        verdict = verdict_of(folder)
        assert not verdict.identical
        assert Kind.FEATURE in verdict.n_different
        assert {cause.why for cause in verdict.causes} == {Why.CONFIG}
        first = verdict.differences[0]
        assert "score/freezing was 0, comes out" in first.text
        assert first.causes == (Why.CONFIG,)
        after = [each for each in verdict.differences if each.kind is Kind.EPISODE]
        assert after
        assert all(each.causes == (Why.FOLLOWS,) for each in after)

    def test_one_observation_that_was_changed(self, folder):
        def change(rows):
            rows[300]["xy"][0] += 1.0

        rewrite(folder, "observations.arrow", change)
        verdict = verdict_of(folder)
        first = verdict.differences[0]
        assert (first.kind, first.frame) == (Kind.FEATURE, 300)
        assert first.text.startswith("x_cm was ")
        assert first.causes == (Why.FILE_CHANGED, Why.NOT_RECORDED)

    def test_one_score_that_was_changed(self, folder):
        def change(rows):
            rows[123]["score/running"] = 0.123

        rewrite(folder, "observations.arrow", change)
        first = one(verdict_of(folder), Kind.FEATURE)
        assert first.frame == 123
        assert first.text.startswith("score/running was 0.123, comes out 0.348484")

    def test_the_smallest_change_of_a_number(self, folder):
        def change(rows):
            rows[50]["feature/x_cm"] = np.nextafter(rows[50]["feature/x_cm"], 99)

        rewrite(folder, "observations.arrow", change)
        assert one(verdict_of(folder), Kind.FEATURE).frame == 50

    def test_an_observation_that_is_gone(self, folder):
        rewrite(folder, "observations.arrow", lambda rows: rows.pop(100))
        verdict = verdict_of(folder)
        first = verdict.differences[0]
        assert (first.kind, first.frame) == (Kind.FRAME, 100)
        assert first.text == "it was processed, but not by observations.arrow"

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            pytest.param(
                lambda lines: [lines[0] | {"onset_index": 8}, *lines[1:]],
                "onset_index was 8, comes out 7",
                id="a_field",
            ),
            pytest.param(
                lambda lines: [lines[0] | {"config_sha256": "0"}, *lines[1:]],
                'config_sha256 was "0"',
                id="what_decided_it",
            ),
            pytest.param(lambda lines: lines[1:], "comes out, and was not there live", id="gone"),
            pytest.param(
                lambda lines: [*lines, lines[0] | {"episode_id": "freezing/mouse/99"}],
                "does not come out again",
                id="more",
            ),
            pytest.param(lambda lines: [*lines, lines[0]], "is there twice", id="twice"),
            pytest.param(
                lambda lines: [lines[1], lines[0], *lines[2:]], "in another order", id="order"
            ),
        ],
    )
    def test_a_line_about_an_episode_that_was_changed(self, folder, change, text):
        rewrite_lines(folder, "episodes.jsonl", change)
        first = one(verdict_of(folder), Kind.EPISODE)
        assert text in first.text
        assert first.causes == (Why.FILE_CHANGED,)

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            pytest.param({"arm": "yoked"}, 'arm was "yoked", comes out', id="arm"),
            pytest.param({"frame_index": 3}, "frame_index was 3, comes out", id="frame"),
            pytest.param({"output": "laser"}, 'output was "laser"', id="output"),
            pytest.param({"values": {}}, "values was {}, comes out {", id="values_of_the_rule"),
        ],
    )
    def test_a_stimulus_that_was_changed(self, folder, change, text):
        rewrite_lines(folder, "stimuli.jsonl", lambda lines: [lines[0] | change, *lines[1:]])
        first = one(verdict_of(folder), Kind.STIMULUS)
        assert first.where.startswith("wake/1 on frame ")
        assert text in first.text

    def test_what_became_of_a_stimulus_is_not_compared(self, folder):
        world = {"delivery": "refused", "refusal": "not_armed", "acknowledged_ns": 1}
        rewrite_lines(folder, "stimuli.jsonl", lambda lines: [each | world for each in lines])
        assert verdict_of(folder).identical

    def test_a_seed_that_was_changed(self, folder):
        session = Recording(folder).session
        session["provenance"]["stimulation"]["controllers"]["wake"]["seed"] = "another"
        change_session(folder, provenance=session["provenance"])
        verdict = verdict_of(folder)
        assert {cause.why for cause in verdict.causes} == {Why.SEED}
        first = one(verdict, Kind.STIMULUS)
        assert first.causes == (Why.SEED,)

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            pytest.param({"code_sha256": "0"}, Why.CODE, id="code"),
            pytest.param({"feature_files": {"mine.py": "0"}}, Why.CODE, id="features"),
            pytest.param({"libraries": {"numpy": "1.0"}}, Why.LIBRARIES, id="libraries"),
            pytest.param({"config_sha256": "0"}, Why.CONFIG, id="defaults_of_settings"),
        ],
    )
    def test_what_is_otherwise_is_told_even_if_it_did_no_harm(self, folder, change, why):
        session = Recording(folder).session
        change_session(folder, provenance=session["provenance"] | change)
        verdict = verdict_of(folder)
        assert [cause.why for cause in verdict.causes] == [why]
        assert verdict.identical == (why is not Why.CONFIG)  # its hash stands in each line

    def test_only_the_first_differences_are_kept_and_all_are_counted(self, folder):
        def change(rows):
            for each in rows[100:500]:
                each["score/freezing"] = 0.25

        rewrite(folder, "observations.arrow", change)
        verdict = verdict_of(folder)
        assert verdict.n_different == {Kind.FEATURE: 400}
        assert [each.frame for each in verdict.differences] == [*range(100, 120)]


class TestBlinded:
    @pytest.fixture
    def folder(self, tmp_path, folder):
        controllers = {"wake": WAKE | {"allocation": {"arms": SHAM["arms"], "block": 4}}}
        return record(folder, experiment_with(tmp_path, controllers=controllers), 600)

    def test_it_is_verified_in_full_while_arms_are_hidden(self, folder):
        verdict = verdict_of(folder)
        assert verdict.identical
        assert verdict.compared[Kind.STIMULUS] > 5
        assert verdict.not_compared == ()

    def test_a_replay_does_not_tell_arms(self, folder):
        outcome = outcome_of(Recording(folder), Source.OBSERVATIONS, lambda _done, _of: None)
        assert {each["arm"] for each in outcome.stimuli} == {None}
        assert "sham" not in json.dumps(outcome.as_dict())

    def test_an_arm_that_was_changed_is_found_and_not_told(self, folder):
        def change(lines):
            other = {"real": "sham", "sham": "real"}
            return [lines[0], lines[1] | {"arm": other[lines[1]["arm"]]}, *lines[2:]]

        rewrite_lines(folder, "sealed.jsonl", change)
        verdict = verdict_of(folder)
        first = one(verdict, Kind.STIMULUS)
        assert first.where.startswith("wake/1 on frame")
        assert first.text == "what is sealed does not follow from the sealed seed"
        assert "sham" not in json.dumps(verdict.as_dict())

    def test_without_what_is_sealed_all_but_arms_and_trains_is_compared(self, folder):
        (folder / "sealed.jsonl").unlink()
        verdict = verdict_of(folder)
        assert verdict.identical
        assert [each.why for each in verdict.not_compared] == [Why.SEED]
        rewrite_lines(
            folder, "stimuli.jsonl", lambda lines: [lines[0] | {"frame_index": 1}, *lines[1:]]
        )
        assert one(verdict_of(folder), Kind.STIMULUS).text.startswith("frame_index was 1")


class TestNotCompared:
    def test_stimuli_by_hand_are_no_decisions_of_the_program(self, tmp_path, folder):
        experiment = experiment_with(tmp_path, controllers={"wake": WAKE})
        record(folder, experiment, 300, by_hand_at=(50, 200))
        verdict = verdict_of(folder)
        assert verdict.identical
        assert [each.why for each in verdict.not_compared] == [Why.MANUAL]
        assert verdict.not_compared[0].text.startswith("2 stimuli were asked for by hand")

    @pytest.mark.parametrize("n_frames", [301, 325, 350, 395])
    def test_a_session_that_was_cut_off_is_compared_as_far_as_it_goes(
        self, tmp_path, folder, n_frames
    ):
        experiment = experiment_with(tmp_path, controllers={"wake": WAKE, "level": LEVEL})
        record(folder, experiment, n_frames, end_reason=None)
        verdict = verdict_of(folder)
        assert verdict.identical, verdict
        assert {each.why for each in verdict.not_compared} <= {Why.CUT_OFF}

    def test_a_session_that_failed_and_still_closed_its_episodes_is_compared_to_its_end(
        self, tmp_path, folder
    ):
        record(folder, experiment_with(tmp_path), 325, end_reason="failed")
        assert Recording(folder).episodes[-1].ended_by_session
        verdict = verdict_of(folder)
        assert verdict.identical, verdict
        assert verdict.not_compared == ()

    def test_lines_beyond_the_last_observation_cannot_be_compared(self, tmp_path, folder):
        experiment = experiment_with(tmp_path, controllers={"wake": WAKE, "level": LEVEL})
        record(folder, experiment, 395, end_reason=None)
        n_rows = read_table(folder / "observations.arrow")[0].num_rows
        cut(folder / "observations.arrow", 40)
        left = read_table(folder / "observations.arrow")[0].num_rows
        assert 0 < left < n_rows
        verdict = verdict_of(folder)
        assert verdict.identical, verdict
        told = [each.text for each in verdict.not_compared]
        assert told[0].startswith(f"frames from {left} on")
        assert any(f"stimuli after frame {left - 1}" in text for text in told)

    def test_a_cut_off_session_is_no_excuse_for_what_was_decided_before(self, tmp_path, folder):
        experiment = experiment_with(tmp_path, controllers={"wake": WAKE})
        record(folder, experiment, 395, end_reason=None)
        rewrite_lines(folder, "stimuli.jsonl", lambda lines: lines[1:])
        first = one(verdict_of(folder), Kind.STIMULUS)
        assert first.text == "comes out, and was not there live"

    def test_a_recovered_session_is_compared_like_one_that_was_cut_off(self, tmp_path, folder):
        record(folder, experiment_with(tmp_path), 325, end_reason=None)
        change_session(folder, state="closed", end_reason="crashed", recording_errors=[])
        verdict = verdict_of(folder)
        assert verdict.identical
        assert [each.why for each in verdict.not_compared] == [Why.CUT_OFF]


class TestYoked:
    @pytest.fixture
    def other(self, tmp_path):
        experiment = experiment_with(tmp_path, controllers={"wake": WAKE})
        return record(tmp_path / "other", experiment, 600)

    @pytest.fixture(params=["kind_yoked", "yoked_trials"])
    def controller(self, request, other):
        yoke = {"session": str(other), "controller": "wake"}
        if request.param == "kind_yoked":
            return {"kind": "yoked", "output": "light", "yoke": yoke}
        arms = {"arms": {"yoked": 1, "real": 1}, "block": 4, "blinded": False}
        return WAKE | {"yoke": yoke, "allocation": arms}

    def test_to_a_recorded_session(self, tmp_path, folder, controller):
        experiment = experiment_with(tmp_path, controllers={"copy": controller})
        record(folder, experiment, 600, stop_and_go(period=50))
        verdict = verdict_of(folder)
        assert verdict.identical
        assert verdict.compared[Kind.STIMULUS] > 5
        assert verdict.causes == ()

    def test_to_a_session_that_is_gone_what_it_led_to_is_taken(
        self, tmp_path, folder, controller, other
    ):
        experiment = experiment_with(tmp_path, controllers={"copy": controller})
        record(folder, experiment, 600, stop_and_go(period=50))
        other.rename(tmp_path / "elsewhere")
        verdict = verdict_of(folder)
        assert verdict.identical
        assert [cause.why for cause in verdict.causes] == [Why.YOKE]

    def test_to_a_session_that_has_changed(self, tmp_path, folder, controller, other):
        experiment = experiment_with(tmp_path, controllers={"copy": controller})
        record(folder, experiment, 600, stop_and_go(period=50))
        rewrite_lines(other, "stimuli.jsonl", lambda lines: lines[:2])
        verdict = verdict_of(folder)
        assert Kind.STIMULUS in verdict.n_different
        assert verdict.differences[0].causes == (Why.YOKE,)

    def test_to_a_rig_that_ran_at_the_same_time(self, tmp_path, folder, controller, other):
        yoke = {"address": "tcp://127.0.0.1:1", "controller": "wake"}
        experiment = experiment_with(tmp_path, controllers={"copy": controller | {"yoke": yoke}})
        rows = {row.command.frame_index: row for row in Recording(other).stimuli}
        assert all(row.delivery is Delivery.DELIVERED for row in rows.values())

        def arrive(bench, index):
            if index in rows:
                for feed in bench.feeds:
                    feed._yoke.offer(rows[index])

        record(folder, experiment, 600, stop_and_go(period=50), yoke=arrive)
        verdict = verdict_of(folder)
        assert verdict.compared[Kind.STIMULUS] > 5
        assert verdict.identical, verdict
        assert [cause.why for cause in verdict.causes] == [Why.YOKE]


class TestRefused:
    def test_an_experiment_that_is_missing(self, tmp_path, folder):
        record(folder, experiment_with(tmp_path), 10)
        (folder / "experiment.yaml").unlink()
        with pytest.raises(RecordingError, match=r"experiment\.yaml is missing"):
            verdict_of(folder)

    def test_an_experiment_that_cannot_be_used(self, tmp_path, folder):
        record(folder, experiment_with(tmp_path), 10)
        path = folder / "experiment.yaml"
        path.write_text(path.read_text(encoding="utf-8") + "colour: blue\n", encoding="utf-8")
        with pytest.raises(ConfigError, match="colour"):
            verdict_of(folder)

    def test_a_video_that_is_not_there(self, tmp_path, folder):
        record(folder, experiment_with(tmp_path), 10)
        with pytest.raises(RecordingError, match=r"no video in .*: replay from observations"):
            verify(Recording(folder), Source.VIDEO)

    def test_a_video_that_is_a_crop(self, tmp_path, folder):
        crop = {"kind": "region", "x_px": 1, "y_px": 1, "width_px": 16, "height_px": 16}
        experiment = experiment_with(tmp_path, codec="ffv1", crop=crop)
        record(folder, experiment, 10)
        with pytest.raises(RecordingError, match="is a crop"):
            verify(Recording(folder), Source.VIDEO)
