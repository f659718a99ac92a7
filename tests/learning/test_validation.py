"""Errors on held-out images, worked out by hand; calibration."""

import math

import numpy as np
import pytest
import torch
from tiny_recipe import SIDE, WITHOUT_KEYPOINTS, recipe_of

from tracker.learning.networks import Network, reconstruction_error
from tracker.learning.samples import Sample
from tracker.learning.validation import Judge, live_inputs

STRIDE, CELLS = 4, SIDE // 4
AS_IT_IS = {
    # The animal is in the middle and 24 px long: its augmented views lie where it lay.
    "augmentation__size_px": [24, 24],
    "augmentation__spread": 0,
    "augmentation__rotation_deg": 0,
    "augmentation__flip": False,
    "augmentation__absent": 0,
}
XY = np.array([[[20, 32], [44, 32]]], np.float32)
NO_KEYPOINTS = np.empty((1, 0, 2), np.float32)


def a_sample(xy=XY, **labels):
    image = np.full((SIDE, SIDE), 100, np.uint8)
    return Sample(image, xy, "c", "drawn", 24.0, **labels)


def recipe_for(folder, *, segmentation=None, classification=None, regression=None, **changes):
    """A recipe without a pose head."""
    heads = {
        "segmentation": segmentation,
        "classification": classification,
        "regression": regression,
    }
    return recipe_of(folder, heads=heads, sources=WITHOUT_KEYPOINTS, **changes)


class Told(Network):
    """Says what it is told, whatever it sees."""

    def __init__(self, recipe, **maps):
        super().__init__(recipe)
        self.maps = maps

    def forward(self, image):
        return self.maps


def pose_maps(*places, sure=4.0):
    """Maps of keypoints at these places (px)."""
    likelihood = torch.full((1, len(places), CELLS, CELLS), -9.0)
    offset = torch.zeros(1, 2 * len(places), CELLS, CELLS)
    for number, place in enumerate(places):
        at = (torch.tensor(place, dtype=torch.float32) + 0.5) / STRIDE - 0.5
        column, row = at.round().int().tolist()
        likelihood[0, number, row, column] = sure
        offset[0, 2 * number : 2 * number + 2, row, column] = at - at.round()
    return {"likelihood": likelihood, "offset": offset}


def errors(recipe, sample, **maps):
    return Judge(recipe, [sample]).errors(Told(recipe, **maps))


# --- errors


def test_the_error_of_a_pose_is_a_share_of_the_animals_size(tmp_path):
    recipe = recipe_of(tmp_path, **AS_IT_IS)
    found = errors(recipe, a_sample(), **pose_maps((20, 32), (44, 26)))
    # 0 px and 6 px off, of 24 px: the mean is an eighth.
    assert found["pose"] == pytest.approx(1 / 8, abs=1e-5)
    assert found["all"] == found["pose"]


def test_a_keypoint_that_is_far_off_counts_as_one_length_at_most(tmp_path):
    recipe = recipe_of(tmp_path, **AS_IT_IS)
    found = errors(recipe, a_sample(), **pose_maps((20, 32), (4, 4)))
    assert found["pose"] == pytest.approx(1 / 2, abs=1e-5)


def test_a_keypoint_without_a_label_does_not_count(tmp_path):
    recipe = recipe_of(tmp_path, **AS_IT_IS)
    xy = XY.copy()
    xy[0, 1] = np.nan
    # Alone it is the middle of the animal, so that only the whole frame shows it at (20, 32).
    found = errors(recipe, a_sample(xy), **pose_maps((20, 32), (4, 4)))
    assert found["pose"] == pytest.approx(0.25, abs=1e-5)  # mean of 0 and 12 of 24 px


def test_of_several_each_label_counts_with_the_nearest_that_was_found(tmp_path):
    pose = {"keypoints": ["light", "dark"], "max_individuals": 2}
    recipe = recipe_of(tmp_path, heads__pose=pose, **AS_IT_IS)
    maps = pose_maps((20, 32), (44, 32))
    centre = torch.full((1, 1, CELLS, CELLS), -9.0)
    home = torch.zeros(1, 4, CELLS, CELLS)
    for column, row, sure in ((8, 8, 2.0), (2, 2, 3.0)):  # the surer one is nowhere near
        centre[0, 0, row, column] = sure
    home[0, :, 8, 5] = home[0, :, 8, 11] = torch.tensor([3.0, 0.0, -3.0, 0.0])
    found = errors(recipe, a_sample(), **maps, centre=centre, home=home)
    assert found["pose"] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    ("mirror", "error"),
    [pytest.param([["light", "dark"]], 0, id="a_pair"), pytest.param([], 1 / 2, id="no_pair")],
)
def test_the_recipe_says_which_keypoints_are_not_in_one_place(tmp_path, mirror, error):
    pose = {"keypoints": ["light", "dark"], "max_individuals": 2, "mirror": mirror}
    recipe = recipe_of(tmp_path, heads__pose=pose, **AS_IT_IS)
    maps = pose_maps((20, 32), (44, 32))
    maps["likelihood"][0, 1, 8, 5] = 4.5  # the dark one is a little surer where the light one is
    centre = torch.full((1, 1, CELLS, CELLS), -9.0)
    centre[0, 0, 8, 8] = 2.0
    home = torch.zeros(1, 4, CELLS, CELLS)
    home[0, :, 8, 5] = torch.tensor([3.0, 0.0, 3.0, 0.0])
    home[0, :, 8, 11] = torch.tensor([-3.0, 0.0, -3.0, 0.0])
    found = errors(recipe, a_sample(), **maps, centre=centre, home=home)
    # Without a pair the dark one is on the light one, 24 px off of 24: half of all.
    assert found["pose"] == pytest.approx(error, abs=0.05)


def test_the_error_of_a_mask_is_one_minus_dice(tmp_path):
    recipe = recipe_for(tmp_path, segmentation={"classes": ["mouse"]}, **AS_IT_IS)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, 16:48] = 1
    logits = torch.full((1, 1, CELLS, CELLS), -9.0)
    logits[..., 4:8] = 9.0  # the left half of it
    # Dice: 2 * 16 / (16 + 32)
    assert errors(recipe, a_sample(NO_KEYPOINTS, mask=mask), mask=logits)[
        "segmentation"
    ] == pytest.approx(1 / 3)


def test_the_error_of_a_class_is_its_brier_score(tmp_path):
    classes = {"classes": ["rearing", "grooming"]}
    recipe = recipe_for(tmp_path, classification=classes, **AS_IT_IS)
    sample = a_sample(NO_KEYPOINTS, classes=np.array([1, np.nan], np.float32))
    logits = torch.tensor([[math.log(3), 5.0]])  # 3 / (1 + 3)
    found = errors(recipe, sample, **{"class": logits})
    assert found["classification"] == pytest.approx(0.25**2)


def test_the_error_of_a_quantity_is_in_spreads_and_at_most_one(tmp_path):
    quantities = {"weight": "g", "age": "d", "length": "cm"}
    recipe = recipe_for(tmp_path, regression={"quantities": quantities}, **AS_IT_IS)
    sample = a_sample(NO_KEYPOINTS, quantities=np.array([30, 70, np.nan], np.float32))
    said = torch.tensor([[0.5, 9.0, 9.0]])
    network = Told(recipe, quantity=said, log_variance=torch.zeros(1, 3))
    head = network.heads["regression"]
    head.get_buffer("middle")[:] = torch.tensor([25.0, 70.0, 0.0])
    head.get_buffer("spread")[:] = torch.tensor([20.0, 7.0, 1.0])
    # 30 g are 0.25 spreads above 25, said were 0.5; the second is off by 9.
    found = Judge(recipe, [sample]).errors(network)
    assert found["regression"] == pytest.approx((0.25 + 1) / 2)


def test_all_is_the_mean_of_the_heads_by_their_weights(tmp_path):
    heads = {
        "pose": {"keypoints": ["light", "dark"], "weight": 3.0},
        "classification": {"classes": ["rearing"], "weight": 1.0},
    }
    recipe = recipe_of(tmp_path, heads=heads, **AS_IT_IS)
    sample = a_sample(classes=np.ones(1, np.float32))
    maps = pose_maps((20, 32), (44, 26)) | {"class": torch.zeros(1, 1)}
    found = errors(recipe, sample, **maps)
    assert found["all"] == pytest.approx((3 * 1 / 8 + 1 * 0.25) / 4, abs=1e-5)


def test_a_network_is_left_in_the_mode_it_was_in(tmp_path):
    recipe = recipe_of(tmp_path)
    network = Network(recipe).train()
    Judge(recipe, [a_sample()]).errors(network)
    assert network.training


# --- calibration


class Overconfident(Network):
    """Says the same of every image, far too surely."""

    def forward(self, image):
        logits = torch.full((len(image), 1), 6.0)  # 99.8 %
        return {"class": logits / self.heads["classification"].temperature}


def test_a_temperature_repairs_a_head_that_is_too_sure(tmp_path):
    recipe = recipe_for(tmp_path, classification={"classes": ["rearing"]})
    samples = [a_sample(NO_KEYPOINTS, classes=np.array([n < 7], np.float32)) for n in range(10)]
    network = Overconfident(recipe)
    Judge(recipe, samples).calibrate(network)
    # Seven in ten: the logit is log(7 / 3) = 0.847, and 6 / 0.847 = 7.08.
    assert float(network.heads["classification"].temperature) == pytest.approx(7.08, abs=0.3)
    said = torch.sigmoid(network(torch.zeros(1, 1, SIDE, SIDE))["class"])
    assert float(said) == pytest.approx(0.7, abs=0.01)


def test_a_few_images_without_a_mistake_make_no_class_much_surer(tmp_path):
    recipe = recipe_for(tmp_path, classification={"classes": ["rearing"]})
    network = Overconfident(recipe)
    Judge(recipe, [a_sample(NO_KEYPOINTS, classes=np.ones(1, np.float32))] * 3).calibrate(network)
    assert float(network.heads["classification"].temperature) >= 0.5


def test_a_class_without_labels_keeps_its_temperature(tmp_path):
    recipe = recipe_for(tmp_path, classification={"classes": ["rearing"]})
    network = Overconfident(recipe)
    Judge(recipe, [a_sample(NO_KEYPOINTS, classes=np.full(1, np.nan, np.float32))]).calibrate(
        network
    )
    assert float(network.heads["classification"].temperature) == pytest.approx(1)


class Homeless(Network):
    """Says of each keypoint that it is the centre of its animal."""

    def forward(self, image):
        cells = image.shape[2] // STRIDE, image.shape[3] // STRIDE
        return {"home": torch.zeros(len(image), 4, *cells)}


def radii_after(folder, samples):
    """Radius (cells) of each keypoint, before and after calibration."""
    pose = {"keypoints": ["light", "dark"], "max_individuals": 2}
    recipe = recipe_of(folder, heads__pose=pose, **AS_IT_IS)
    network = Homeless(recipe)
    radius = network.heads["pose"].get_buffer("radius")
    radius[:] = 5.0
    before = radius.tolist()
    Judge(recipe, samples).calibrate(network)
    return before, radius.tolist()


def test_a_keypoints_radius_is_how_far_from_the_end_of_its_way_home_the_centre_is(tmp_path):
    # (20, 32) and (44, 32) px are in the cells (5, 8) and (11, 8); the centre, (32, 32) px, is
    # 7.625 cells from the left and from above, if a cell's middle is a whole number.
    _, after = radii_after(tmp_path, [a_sample()])
    light, dark = np.hypot(7.625 - 5, 0.375), np.hypot(11 - 7.625, 0.375)
    np.testing.assert_allclose(after, [light, dark], rtol=1e-4)


def test_a_keypoint_that_nobody_labelled_keeps_its_first_radius(tmp_path):
    xy = XY.copy()
    xy[0, 1] = np.nan
    before, after = radii_after(tmp_path, [a_sample(xy)])
    assert after[1] == before[1]
    assert after[0] != before[0]


def test_no_radius_is_less_than_two_cells(tmp_path):
    xy = np.array([[[33, 33], [34, 34]]], np.float32)  # next to the middle of their cell
    _, after = radii_after(tmp_path, [a_sample(xy)])
    np.testing.assert_array_equal(after, [2, 2])


def test_without_a_labelled_animal_all_radii_stay(tmp_path):
    before, after = radii_after(tmp_path, [a_sample(np.empty((0, 2, 2), np.float32))])
    assert after == before


def test_novelty_is_one_at_the_quantile_of_the_held_out_errors(tmp_path):
    recipe = recipe_of(tmp_path, heads__reconstruction={"quantile": 0.75})
    rng = np.random.default_rng(0)
    samples = [
        Sample(rng.integers(0, 256, (SIDE, SIDE), np.uint8), XY, "c", "drawn", 24.0)
        for _ in range(6)
    ]
    torch.manual_seed(0)
    network = Network(recipe).eval()
    Judge(recipe, samples).calibrate(network)
    images = [torch.from_numpy(image).float() for image in live_inputs(recipe, samples)]
    with torch.inference_mode():
        off = [reconstruction_error(image, network(image)["image"]) for image in images]
    limit = float(network.heads["reconstruction"].limit)
    assert limit == pytest.approx(float(np.quantile(torch.cat(off), 0.75)), rel=1e-5)
    assert sum(float(each) > limit for each in off) == 3  # of 12


# --- inputs of the live loop


def test_inputs_are_whole_frames_and_crops(tmp_path):
    recipe = recipe_of(tmp_path, input__crop={"side": 32, "animal_px": 16})
    image = np.zeros((48, 60), np.uint8)
    shapes = [each.shape for each in live_inputs(recipe, [Sample(image, XY, "c", "drawn", 24.0)])]
    # 60 x 48 px become 64 x 51, and 51 is filled up to 64.
    assert shapes == [(1, 1, 64, 64), (1, 1, 32, 32), (1, 1, 32, 32)]


def test_the_same_held_out_images_give_the_same_inputs(tmp_path):
    recipe = recipe_of(tmp_path)
    one, other = (list(live_inputs(recipe, [a_sample()])) for _ in range(2))
    assert all(np.array_equal(*pair) for pair in zip(one, other, strict=True))
