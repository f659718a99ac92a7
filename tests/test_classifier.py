"""Classifiers of behaviours: what is refused, what they get, and when they say nothing."""

import math
import tracemalloc

import numpy as np
import pytest
from tiny_classifier import card, write_classifier

from tracker.behaviours.learned import BLIND, UNLIKE, WARMS_UP, ClassScore, LearnedBehaviour, Told
from tracker.behaviours.steps import MOST_LOST, Steps
from tracker.errors import ModelError
from tracker.runtimes.classifier import Classifier
from tracker.types import Observation

NAN = math.nan
NOBODY = np.zeros((0, 3, 2), np.float32), np.zeros((0, 3), np.float32)
MS = 1_000_000


def frame(index, time_ms):
    return Observation(index, time_ms * MS, *NOBODY)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_classifier(tmp_path_factory.mktemp("classifier") / "classifier.onnx")


@pytest.fixture
def told(file):
    return Told(Classifier(file), ["x"], step_s=0.1, warm_up_s=0.2, blind_s=0.5)


# --- steps


def steps_of(*frames, step_s=0.1):
    """What comes of frames (ms, value), frame by frame."""
    steps = Steps(["x"], step_s)
    found = []
    for time_ms, value in frames:
        ended = steps.take({"x": value}, time_ms * MS)
        found.append(None if ended is None else [row.tolist() for row in ended])
    return found


def test_the_first_frame_is_a_step_and_the_next_one_ends_a_step_later():
    assert steps_of((0, 1), (50, 2), (100, 4)) == [[[1.0]], [], [[3.0]]]


def test_a_frame_that_comes_a_little_early_ends_its_step_all_the_same():
    assert steps_of((0, 1), (96, 5), (200, 7)) == [[[1.0]], [[5.0]], [[7.0]]]


def test_what_is_not_known_counts_in_no_mean():
    found = steps_of((0, NAN), (50, NAN), (100, 4), (150, NAN), (200, NAN))
    assert math.isnan(found[0][0][0])
    assert found[2] == [[4.0]]
    assert math.isnan(found[4][0][0])


def test_steps_in_which_no_frame_came_are_unknown():
    _, lost = steps_of((0, 1), (350, 5))
    assert [math.isnan(row[0]) for row in lost] == [True, True, False]


def test_after_a_long_gap_it_begins_anew():
    steps = Steps(["x"], 0.1)
    steps.take({"x": 1.0}, 0)
    late_ns = 100 * MS * (MOST_LOST + 3)
    assert steps.take({"x": 5.0}, late_ns) is None
    assert [row.tolist() for row in steps.take({"x": 5.0}, late_ns)] == [[5.0]]


# --- the file


def test_a_step_gives_probabilities_and_novelty(file):
    classifier = Classifier(file)
    probability, novelty = classifier.step(np.array([3.0], np.float32))
    assert probability.tolist() == pytest.approx([0.880797, 0.119203], abs=1e-5)
    assert novelty == pytest.approx(0.03)


def test_the_state_goes_from_step_to_step_until_it_is_reset(file):
    classifier = Classifier(file)
    row = np.zeros(1, np.float32)
    classifier.step(row)
    classifier.step(row)
    assert classifier._state.tolist() == [[2.0]]
    classifier.reset()
    assert classifier._state.tolist() == [[0.0]]


@pytest.mark.parametrize(
    ("graph", "says"),
    [
        pytest.param({"card": False}, "has no card of a classifier", id="no_card"),
        pytest.param({"n_inputs": 2}, "takes features", id="other_inputs_than_its_card"),
        pytest.param({"made": card(classes=("a", "b", "c"))}, "expected one for each", id="class"),
    ],
)
def test_a_file_that_is_not_as_it_says_is_refused(tmp_path, graph, says):
    with pytest.raises(ModelError, match=says):
        Classifier(write_classifier(tmp_path / "c.onnx", **graph))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ModelError, match="cannot read the classifier"):
        Classifier(tmp_path / "none.onnx")


def test_a_file_that_is_no_graph_is_refused(tmp_path):
    (tmp_path / "c.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot load"):
        Classifier(tmp_path / "c.onnx")


# --- what is said of a frame


def run(told, *values, step_ms=100):
    """Probability of `close` in each frame, and why it is not known."""
    found = []
    for index, value in enumerate(values):
        scores = told.update(frame(index, index * step_ms), {"x": value})
        found.append((round(scores[1], 3) if scores else None, told.why))
    return found


def test_it_says_nothing_until_it_has_seen_enough(told):
    assert run(told, 1, 1, 1) == [(None, WARMS_UP), (None, WARMS_UP), (0.881, "")]


def test_between_two_steps_the_last_answer_holds(told):
    assert [each for each, _ in run(told, *[1] * 5, 9, step_ms=50)][-2:] == [0.881, 0.881]


def test_what_is_not_seen_for_long_is_not_known(told):
    found = run(told, 1, 1, 1, *[NAN] * 6, 1)
    assert [why for _, why in found[3:]] == ["", "", "", "", "", BLIND, ""]


def test_what_is_unlike_the_training_data_is_not_known(told):
    assert [why for _, why in run(told, 1, 1, 99, 101, 1)][2:] == ["", UNLIKE, ""]


def test_time_alone_is_no_sight_of_an_animal(file):
    told = Told(Classifier(file), ["elapsed_s"], step_s=0.1, warm_up_s=0, blind_s=0)
    told.update(frame(0, 0), {"elapsed_s": 0.0})
    assert told.why == BLIND


def test_several_classes_ask_it_once_a_frame(told):
    behaviours = [LearnedBehaviour(name, told, k, 0.0, (1, 99)) for k, name in enumerate("pq")]
    for index in range(4):
        seen = frame(index, index * 100)
        scores = [each.update(seen, {"x": 1.0}) for each in behaviours]
    assert scores == pytest.approx([0.119, 0.881], abs=1e-3)
    assert told._n_steps == 4


def test_after_a_long_gap_it_warms_up_again(told):
    run(told, 1, 1, 1)
    told.update(frame(3, 5000), {"x": 1.0})
    assert told.why == WARMS_UP


def test_a_reset_forgets_everything(told):
    first = run(told, 1, 2, 3, 4)
    told.reset()
    assert run(told, 1, 2, 3, 4) == first


def test_what_it_remembers_does_not_grow(told):
    def go(first, n):
        for index in range(first, first + n):
            told.update(frame(index, index * 20), {"x": 1.0 if index % 7 else NAN})

    go(0, 1000)
    tracemalloc.start()
    go(1000, 1000)
    before, _ = tracemalloc.get_traced_memory()
    go(2000, 20_000)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 2048


@pytest.mark.parametrize(
    ("given", "expected"), [(0.3, 0.3), (1.2, 1.0), (NAN, NAN)], ids=["as_is", "cut", "unknown"]
)
def test_the_score_of_a_class_is_that_of_the_network(given, expected):
    behaviour = ClassScore("rearing", "class_rearing")
    found = behaviour.update(frame(0, 0), {"class_rearing": given})
    assert found == pytest.approx(expected, nan_ok=True)
