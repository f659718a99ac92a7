"""Images of rare poses are drawn more often."""

import math
from dataclasses import replace

import numpy as np
import pytest
from data_sets import PARTS, recipe_for, source_of, write_session

from tracker.learning.data.loading import load
from tracker.learning.data.rarity import MOST, rarity_of
from tracker.learning.samples import Sample

HEAD, TAIL = (0, 0), (100, 0)
STRETCHED = [(-20, 90), (0, 95), (20, 90), (40, 85), (60, 80)]  # where tips of wings are

NAN = float("nan")


def fly(tip, head=HEAD, tail=TAIL):
    return np.array([head, tail, tip], np.float32)


def image_of(*animals, size_px=100.0):
    xy = np.array(animals, np.float32).reshape(-1, 3, 2)
    return Sample(np.zeros((2, 2), np.uint8), xy, "a", "set", size_px)


def folded(n=200, seed=0):
    """Images of usual flies, whose wing tips are some pixels from each other."""
    tips = np.random.default_rng(seed).normal((90, 15), 4, (n, 2))
    return [image_of(fly(tip)) for tip in tips]


def singing():
    """Five images of flies with a wing stretched out: fewer than one in twenty."""
    return [image_of(fly(tip)) for tip in STRETCHED]


def moved(pose, angle_deg=0.0, scale=1.0, shift=(0, 0)):
    angle = math.radians(angle_deg)
    turn = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    return scale * pose @ np.array(turn).T + np.array(shift)


def test_a_rare_pose_is_drawn_six_times_as_often_as_the_usual_ones():
    often = rarity_of([*folded(), *singing()])
    assert MOST == 6
    np.testing.assert_allclose(often[200:], 6)
    assert np.median(often[:200]) == pytest.approx(1, abs=0.02)
    assert often.min() == 1


def test_a_pose_of_more_than_one_in_twenty_is_not_rare():
    tips = np.random.default_rng(1).normal((0, 90), 2, (20, 2))
    often = rarity_of([*folded(), *[image_of(fly(tip)) for tip in tips], *singing()[-1:]])
    assert np.median(often[200:220]) < 2
    assert often[220] == 6


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"shift": (300, -40)}, id="place"),
        pytest.param({"angle_deg": 130}, id="direction"),
        pytest.param({"scale": 2.0}, id="size"),
    ],
)
def test_where_how_turned_and_how_large_a_fly_is_does_not_matter(change):
    plain = [*folded(), *singing()]
    other = [
        image_of(moved(one.xy[0], **change), size_px=100 * change.get("scale", 1)) if n % 2 else one
        for n, one in enumerate(plain)
    ]
    np.testing.assert_allclose(rarity_of(other), rarity_of(plain), rtol=1e-3)


def test_an_image_is_as_rare_as_its_rarest_animal():
    both = image_of(fly((90, 15)), fly((0, 95)))
    often = rarity_of([*folded(), both])
    assert often[200] == 6
    assert np.median(often) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    "pose",
    [
        pytest.param(fly((NAN, NAN)), id="the_wing"),
        pytest.param(fly((90, 15), tail=(NAN, NAN)), id="the_tail"),
    ],
)
def test_a_keypoint_without_a_label_makes_no_pose_rare(pose):
    often = rarity_of([*folded(), *singing(), image_of(pose)])
    assert often[205] < 1.5
    np.testing.assert_allclose(often[200:205], 6)


def test_an_animal_with_a_single_label_has_no_pose():
    single = image_of(fly((NAN, NAN), tail=(NAN, NAN)))
    assert rarity_of([*folded(), *singing(), single])[205] == 1


def test_a_keypoint_that_nobody_labelled_makes_no_difference():
    samples = [*folded(), *singing()]
    more = [
        replace(one, xy=np.concatenate([one.xy, np.full((1, 1, 2), np.nan, np.float32)], 1))
        for one in samples
    ]
    np.testing.assert_allclose(rarity_of(more), rarity_of(samples))


def test_an_image_of_nobody_is_drawn_as_often_as_a_usual_one():
    assert rarity_of([image_of(), *folded(), *singing()])[0] == 1


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param([], id="no_image"),
        pytest.param([image_of(fly((90, 15)))], id="one_image"),
        pytest.param([image_of(), image_of()], id="nobody"),
        pytest.param([image_of(fly((90, 15)))] * 3, id="the_same_thrice"),
    ],
)
def test_where_nothing_can_be_compared_all_are_drawn_alike(samples):
    np.testing.assert_array_equal(rarity_of(samples), np.ones(len(samples)))


def test_one_pose_among_many_that_are_the_very_same_is_rare():
    often = rarity_of([*[image_of(fly((90, 15)))] * 30, *singing()[:1]])
    np.testing.assert_array_equal(often, [1] * 30 + [6])


def test_a_size_that_nobody_knows_is_no_reason_to_fail():
    often = rarity_of([image_of(fly((90, y)), size_px=NAN) for y in range(20)])
    assert np.isfinite(often).all()


# --- in a recipe


@pytest.fixture
def folder(tmp_path):
    """Thirty mice 20 px long (to a tenth) and one that is curled up; another animal is held out."""
    rows = [(f"{n}.png", [5, 10, 25 + 0.1 * (n % 7), 10]) for n in range(30)]
    write_session(tmp_path / "labeled-data" / "a", [*rows, ("curled.png", [5, 10, 13, 10])])
    write_session(tmp_path / "labeled-data" / "b", rows[:2])
    return tmp_path


def weights_of(folder, **fields):
    """How often each image of a source is drawn, against the first."""
    source = source_of(
        "deeplabcut", "labeled-data", keypoints=PARTS, group="^(.)", hold_out=("b",), **fields
    )
    split = load(recipe_for(source), folder)
    names = [sample.key.partition("/")[2] for sample in split.train]
    return dict(zip(names, split.weights, strict=True)), split.weights


def test_a_source_with_rare_poses_draws_them_more_often(folder):
    by_name, weights = weights_of(folder, rare_poses=True)
    assert by_name["curled.png"] > 3 * by_name["0.png"]
    assert weights.sum() == pytest.approx(1)


def test_a_source_that_does_not_ask_draws_all_alike(folder):
    _, weights = weights_of(folder)
    np.testing.assert_allclose(weights, 1 / 31)


def test_rare_poses_do_not_change_how_often_a_source_is_drawn(folder):
    rare = source_of(
        "deeplabcut",
        "labeled-data",
        keypoints=PARTS,
        group="^(.)",
        hold_out=("b",),
        rare_poses=True,
        weight=3,
    )
    plain = rare.model_copy(update={"name": "plain", "rare_poses": False, "weight": 1})
    split = load(recipe_for(rare, plain), folder)
    is_rare = np.array([sample.source == "set" for sample in split.train])
    assert split.weights[is_rare].sum() == pytest.approx(0.75)
