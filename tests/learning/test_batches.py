"""Batches: drawn by step, padded, and honest about what is not known."""

import numpy as np
import pytest
import torch
from tiny_recipe import recipe_of

from tracker.learning.batches import as_batch, crop_target, draw_batch, draw_view, whole_target
from tracker.learning.samples import Sample, Split

NAN = float("nan")
CLASSES = {"classes": ["usable", "grooming"]}
SIDE = 64


def sample(xy=((20, 32), (44, 32)), *, size_px=24.0, grey=100, **labels):
    """An image of one grey with a keypoint pair per animal."""
    labels = {
        "classes": np.array([1, 0], np.float32),
        "quantities": np.ones(1, np.float32),
        **labels,
    }
    places = np.array(xy, np.float32).reshape(-1, 2, 2)
    image = np.full((SIDE, SIDE), grey, np.uint8)
    return Sample(image, places, "a", "drawn", size_px, **labels)


def split_of(*samples, weights=None):
    share = np.full(len(samples), 1 / len(samples)) if weights is None else np.array(weights)
    return Split(samples, (), share)


@pytest.fixture
def recipe(tmp_path):
    return recipe_of(
        tmp_path,
        heads__classification=CLASSES,
        heads__regression={"quantities": {"weight": "g"}},
        heads__segmentation={"classes": ["mouse"]},
    )


def spoilt(recipe, share):
    changed = recipe.augmentation.model_copy(update={"spoilt": share})
    return recipe.model_copy(update={"augmentation": changed})


def drawn(recipe, samples, seed=0):
    """One batch with a view of each sample."""
    rng = np.random.default_rng(seed)
    views = [draw_view(recipe, each, whole_target(recipe), rng) for each in samples]
    return as_batch(recipe, samples, views), views


def test_a_step_draws_the_same_batch_each_time(recipe):
    split = split_of(sample(grey=50), sample(grey=200))
    one, again, other = (draw_batch(recipe, split, step) for step in (3, 3, 4))
    assert torch.equal(one.image, again.image)
    assert torch.equal(one.xy.nan_to_num(), again.xy.nan_to_num())
    assert not torch.equal(one.image, other.image)


def test_a_sample_without_weight_is_never_drawn(recipe):
    known, never = sample(quantities=np.array([1.0])), sample(quantities=np.array([2.0]))
    batch = draw_batch(spoilt(recipe, 0.0), split_of(known, never, weights=[1, 0]), 0)
    assert (batch.quantities == 1).all()


def test_crops_take_turns_with_whole_frames(tmp_path):
    crop = {"side": 32, "animal_px": 16}
    recipe = recipe_of(tmp_path, input__crop=crop, schedule__crop_share=0.5)
    shapes = [tuple(draw_batch(recipe, split_of(sample()), step).image.shape) for step in range(40)]
    assert set(shapes) == {(8, 1, SIDE, SIDE), (8, 1, 32, 32)}
    assert 10 <= shapes.count((8, 1, 32, 32)) <= 30


def test_in_a_crop_the_animal_is_about_as_large_as_in_the_live_loop(tmp_path):
    recipe = recipe_of(tmp_path, input__crop={"side": 32, "animal_px": 16}, schedule__crop_share=1)
    sizes = torch.cat([draw_batch(recipe, split_of(sample()), n).size for n in range(5)])
    assert 16 / 1.35 - 0.01 <= sizes.min() < sizes.max() <= 16 * 1.35 + 0.01


def test_without_a_crop_there_is_none(recipe):
    assert crop_target(recipe) is None


def test_fewer_animals_than_in_other_images_are_padded(recipe):
    two = sample(xy=((10, 20), (34, 20), (10, 50), (34, 50)))
    batch, _ = drawn(spoilt(recipe, 0.0), [two, sample(), sample(xy=())])
    assert batch.xy.shape == (3, 2, 2, 2)
    assert torch.isnan(batch.xy[1, 1]).all()
    assert torch.isnan(batch.middle[2]).all()
    assert not batch.unlabelled.any()


@pytest.mark.parametrize(
    ("given", "known"),
    [
        pytest.param(sample(), True, id="labelled"),
        pytest.param(sample(xy=((20, 32), (NAN, NAN))), True, id="labelled_in_part"),
        pytest.param(sample(xy=()), True, id="no_animal"),
        pytest.param(sample(xy=((NAN, NAN), (NAN, NAN))), False, id="nobody_looked"),
        pytest.param(
            sample(xy=((NAN, NAN), (NAN, NAN)), size_px=NAN), False, id="a_set_without_keypoints"
        ),
    ],
)
def test_where_nobody_said_where_animals_are_the_pose_is_not_known(recipe, given, known):
    batch, _ = drawn(spoilt(recipe, 0.0), [given])
    assert batch.pose_known.tolist() == [known]


def test_masks_are_unknown_where_there_is_none(recipe):
    masked = sample(mask=np.ones((SIDE, SIDE), np.uint8))
    batch, _ = drawn(spoilt(recipe, 0.0), [masked, sample()])
    assert batch.mask[0].any()
    assert not (batch.mask[0] == 255).any()
    assert (batch.mask[1] == 255).all()


def test_of_a_spoilt_image_only_one_thing_is_known(recipe):
    samples = [sample(mask=np.ones((SIDE, SIDE), np.uint8)) for _ in range(64)]
    batch, views = drawn(spoilt(recipe, 0.5), samples)
    usable = torch.tensor([view.usable for view in views])
    assert 20 <= int(usable.sum()) <= 44
    assert (batch.classes[usable] == torch.tensor([1.0, 0.0])).all()
    assert (batch.classes[~usable, 0] == 0).all()
    assert torch.isnan(batch.classes[~usable, 1]).all()
    assert torch.isnan(batch.quantities[~usable]).all()
    assert torch.isnan(batch.xy[~usable]).all()
    assert (batch.mask[~usable] == 255).all()
    # Nothing is there to be found, and that is known: a peak in it costs.
    assert not batch.unlabelled[~usable].any()
    assert batch.pose_known.all()


def test_no_image_is_spoilt_for_a_network_that_does_not_say_usable(tmp_path):
    recipe = recipe_of(tmp_path, augmentation__spoilt=0.5)
    _, views = drawn(recipe, [sample() for _ in range(20)])
    assert all(view.usable for view in views)


def test_a_colour_image_becomes_three_planes(tmp_path):
    recipe = recipe_of(tmp_path, input__channels=3)
    image = np.dstack([np.full((SIDE, SIDE), grey, np.uint8) for grey in (200, 100, 0)])
    red = Sample(image, sample().xy, "a", "drawn", 24.0)
    batch, _ = drawn(recipe, [red])
    assert batch.image.shape == (1, 3, SIDE, SIDE)
    assert batch.image[0, 0].mean() > batch.image[0, 1].mean() > batch.image[0, 2].mean()
