"""Classifiers of behaviours: from tracks and annotations to a file that tells the same live."""

import numpy as np
import pytest
from learning.drawn_visits import N_FRAMES, visits, write_recipe
from typer.testing import CliRunner

from tracker.cli import app
from tracker.errors import TrainingError
from tracker.evaluation.decide import decide
from tracker.learning.behaviours.judging import (
    fitted_temperature,
    held,
    judge,
    reliability_of,
)
from tracker.learning.behaviours.measuring import HOLD_OUT, Session
from tracker.learning.behaviours.recipe import read_behaviour_recipe
from tracker.learning.behaviours.scaling import (
    class_weights,
    mirror_signs,
    scaling_of,
    swapped_order,
)
from tracker.learning.behaviours.train import train_behaviours
from tracker.learning.behaviours.trees import windowed
from tracker.recording import Recording
from tracker.runtimes.classifier import Classifier
from tracker.track_import.run import Import, import_tracks

NAN = np.nan
GRU = {"kind": "gru", "units": 8, "iterations": 80, "batch": 8, "stretch_s": 8}
TREES = {"kind": "trees", "windows_s": [0.5], "iterations": 10, "least_in_leaf": 5, "every": 1}


@pytest.fixture(scope="module", params=[GRU, TREES], ids=["gru", "trees"])
def trained(request, tmp_path_factory):
    """The folder, and the card of what the command has put there."""
    folder = tmp_path_factory.mktemp("visits")
    result = CliRunner().invoke(app, ["train", str(write_recipe(folder, request.param))])
    assert result.exit_code == 0, (result.output, result.exception)
    assert "macro_f1" in result.output
    return folder, Classifier(folder / "classifier.onnx").card


def test_a_held_out_session_is_told(trained):
    _, card = trained
    assert card.scores["macro_f1"] > 0.85
    assert card.scores["calibration_error"] < 0.15


def test_the_card_says_what_it_needs(trained):
    folder, card = trained
    assert dict(card.inputs) == {
        "distance(a, b)": "px",
        "speed(a)": "px/s",
        "speed(b)": "px/s",
        "nearest(a.nose, b)": "px",
    }
    assert (card.keypoints, card.animals) == (("nose", "neck", "tail_base"), ("a", "b"))
    assert card.fps == (20, 31.25)
    assert "held out: s4" in card.trained_on[0]
    assert (folder / "card.yaml").is_file()
    assert (folder / "reliability.png").read_bytes().startswith(b"\x89PNG")


def test_frame_by_frame_it_tells_what_the_card_says(trained):
    folder, card = trained
    decided = decide(Import(folder / "s4.csv", folder / "two_mice.yaml", fps=25))
    told = decided.scores["visit"] > 0.5
    seen = np.zeros(N_FRAMES, bool)
    for first, last in visits(3):
        seen[first : last + 1] = True
    f1 = 2 * (told & seen).sum() / (told.sum() + seen.sum())
    assert f1 == pytest.approx(card.scores["f1_close"], abs=2e-3)
    assert decided.missing["visit"] == {"the classifier has not seen enough yet": 6}


def test_the_same_tracks_give_the_same_episodes_to_the_bit(trained):
    folder, _ = trained
    wanted = Import(folder / "s4.csv", folder / "two_mice.yaml", fps=25)
    one, other = decide(wanted), decide(wanted)
    assert one.episodes == other.episodes
    assert one.scores["visit"].tobytes() == other.scores["visit"].tobytes()


def test_a_replay_decides_the_same_and_parity_says_what_looking_back_costs(trained, tmp_path):
    folder, _ = trained
    session = import_tracks(Import(folder / "s4.csv", folder / "two_mice.yaml", fps=25), tmp_path)
    replayed = CliRunner().invoke(app, ["replay", str(session), "--verify"])
    assert replayed.exit_code == 0, replayed.output
    recorded = Recording(session)
    again = decide(Import(folder / "s4.csv", folder / "two_mice.yaml", fps=25))
    assert recorded.episodes == again.episodes
    assert len(recorded.episodes) >= 3
    found = CliRunner().invoke(app, ["parity", str(session)])
    assert found.exit_code == 0, found.output
    assert "visit" in found.output


def test_it_is_trained_in_one_go(tmp_path):
    result = CliRunner().invoke(app, ["train", str(write_recipe(tmp_path, TREES)), "--resume"])
    assert isinstance(result.exception, TrainingError)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param({"classes": ["apart", "near"]}, "has class number 1", id="class_never_seen"),
        pytest.param({"inputs": ["distance(a, b)", "distance(a,b)"]}, "same feature", id="twice"),
        pytest.param({"symmetric": True}, "add it", id="not_closed_under_a_swap"),
        pytest.param({"rest": "none"}, "which is no class", id="rest_of_no_class"),
        pytest.param({"step": 1}, "step: Extra inputs", id="misspelt"),
    ],
)
def test_a_recipe_that_cannot_be_trained_is_refused(tmp_path, fields, says):
    with pytest.raises(TrainingError, match=says):
        train_behaviours(write_recipe(tmp_path, TREES, **fields))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param({"hold_out": ["s9"]}, "no session s9", id="no_such_session"),
        pytest.param({"hold_out": ["s3"]}, "cannot be in validate_on and in", id="both"),
        pytest.param({"tracks": "t*.csv"}, "no tracks", id="no_tracks"),
        pytest.param({"truth": "{stem}.csv.txt"}, "has no annotations", id="no_annotations"),
        pytest.param({"hold_out": ["s1", "s2", "s4"]}, "none is left", id="nothing_to_learn"),
    ],
)
def test_sessions_that_are_not_there_are_refused(tmp_path, fields, says):
    recipe = write_recipe(tmp_path, TREES)
    plan = read_behaviour_recipe(recipe).model_dump(mode="json")
    plan["sessions"][0] |= fields
    recipe = write_recipe(tmp_path, TREES, sessions=plan["sessions"])
    with pytest.raises(TrainingError, match=says):
        train_behaviours(recipe)


# --- by hand


def test_windows_look_back_over_what_is_known():
    columns = windowed(np.array([[1], [NAN], [3], [7]], np.float32), [2])
    assert columns[:, 1].tolist() == [1.0, 1.0, 3.0, 5.0]  # means of this and the one before
    assert columns[:, 2].tolist() == [0.0, 0.0, 0.0, 2.0]


def test_centred_windows_lie_around_each_step():
    columns = windowed(np.array([[1], [2], [6], [7]], np.float32), [3], centred=True)
    assert columns[:, 1].tolist() == [1.5, 3.0, 5.0, 6.5]  # cut off at both ends


def test_a_swap_of_the_animals_finds_the_other_input():
    inputs = ["speed(a)", "speed(b)", "distance(a, b)", "distance(a.nose, b.tail)"]
    inputs += ["distance(b.nose, a.tail)", "nearest(a.nose, b)", "nearest(b.nose, a)", "elapsed"]
    assert swapped_order(inputs) == [1, 0, 2, 4, 3, 6, 5, 7]


def test_in_the_mirror_signs_turn():
    assert mirror_signs(["aside(a, b)", "ahead(a, b)", "body_angle"]).tolist() == [-1, 1, -1]


@pytest.mark.parametrize(
    ("balance", "expected"), [(0, [1, 1]), (1, [2 / 3, 2]), (0.5, [0.8453, 1.4641])]
)
def test_rare_classes_weigh_more(balance, expected):
    weights = class_weights(np.array([0, 0, 0, 1, -1]), 2, balance)
    # all together weigh as much as without weights: 0.75 w0 + 0.25 w1 = 1
    assert weights.tolist() == pytest.approx(expected, abs=2e-2)
    assert 0.75 * weights[0] + 0.25 * weights[1] == pytest.approx(1)


def test_inputs_are_scaled_by_what_is_known_of_them():
    scaling = scaling_of(np.array([[1, 5], [3, NAN], [NAN, 9]], np.float32), ["px", "s"])
    assert scaling.middle.tolist() == [2, 7]
    assert scaling.spread.tolist() == [1, 2]
    assert scaling.slow == (1,)


def test_an_answer_holds_until_the_next_one():
    session = Session("s", HOLD_OUT, *[np.zeros((2, 1), np.float32)],
                      np.array([0, 1]), np.array([1, 4]), np.array([0, 0, 0, 1, 1, 1]))  # fmt: skip
    assert held(session, np.array([0, 1]), 0).tolist() == [-1, 0, 0, 0, 1, 1]
    judged = judge([session], [np.array([0, 1])], 2, 0)
    assert judged.confusion.tolist() == [[2, 0, 1], [1, 2, 0]]
    assert judged.f1.tolist() == pytest.approx([2 * 2 / 6, 2 * 2 / 5])


def test_the_temperature_makes_probabilities_as_likely_as_they_say():
    # three of four are right: the logit that says so is log 3, a third of the one that was given
    logits = np.tile(np.array([[0, 3 * np.log(3)]], np.float32), (400, 1))
    labels = np.array([1, 1, 1, 0] * 100)
    assert fitted_temperature(logits, labels) == pytest.approx(3, rel=1e-3)


def test_reliability_counts_every_class():
    found = reliability_of(np.array([[0.85, 0.15], [0.85, 0.15]], np.float32), np.array([0, 1]))
    assert [(each.seen, each.moments) for each in found] == [(0.5, 2), (0.5, 2)]
    assert [each.said for each in found] == pytest.approx([0.15, 0.85], abs=1e-3)
