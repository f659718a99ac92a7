"""Losses: least at the truth, and nothing for what nobody labelled."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tracker.learning.losses import Batch, losses_of, mask_loss, pose_loss, quantity_loss
from tracker.learning.networks import Network
from tracker.learning.recipe import PoseHead, Recipe, SegmentationHead

NAN = float("nan")
STRIDE, ROWS, COLUMNS = 4, 8, 16
HEIGHT, WIDTH = ROWS * STRIDE, COLUMNS * STRIDE
NEVER = -9.0  # logit
ONE = PoseHead(keypoints=("nose",))
SEVERAL = PoseHead(keypoints=("nose",), max_individuals=3)


def batch(xy, *, unlabelled=None, middle=None, size=16.0, known=True):
    """One image; xy is (individuals, keypoints, 2), px."""
    places = torch.tensor([xy], dtype=torch.float32).reshape(1, -1, len(xy[0]), 2)
    individuals, keypoints = places.shape[1:3]
    return Batch(
        image=torch.zeros(1, 1, HEIGHT, WIDTH),
        xy=places,
        unlabelled=torch.tensor([unlabelled or [[False] * keypoints] * individuals]),
        middle=places.nanmean(2) if middle is None else torch.tensor([middle]),
        size=torch.tensor([size]),
        pose_known=torch.tensor([known]),
        mask=torch.full((1, HEIGHT, WIDTH), 255, dtype=torch.uint8),
        owner=torch.full((1, HEIGHT, WIDTH), 255, dtype=torch.uint8),
        classes=torch.full((1, 2), NAN),
        quantities=torch.full((1, 1), NAN),
    )


def pixel(column, row):
    """Middle of a cell (px)."""
    return [(column + 0.5) * STRIDE - 0.5, (row + 0.5) * STRIDE - 0.5]


# --- pose of one


def ways_to(column, row):
    """Cells (2, rows, columns) from each cell to a place."""
    rows, columns = torch.meshgrid(torch.arange(ROWS), torch.arange(COLUMNS), indexing="ij")
    return torch.stack([column - columns, row - rows]).float()


def maps_of(column, row, dx=0.0, dy=0.0):
    """A peak, and offsets that lead to its cell's middle plus (dx, dy) cells."""
    likelihood = torch.full((1, 1, ROWS, COLUMNS), NEVER)
    likelihood[0, 0, row, column] = 9.0
    return {"likelihood": likelihood, "offset": ways_to(column + dx, row + dy)[None]}


def loss(maps, labels, head=ONE):
    return float(pose_loss(maps, labels, head, STRIDE))


def test_the_loss_is_least_at_the_truth():
    labels = batch([[pixel(5, 2)]])
    right = loss(maps_of(5, 2), labels)
    assert right == pytest.approx(0, abs=1e-3)
    assert right < loss(maps_of(5, 2, dx=0.3), labels)
    assert right < loss(maps_of(5, 3), labels)
    assert right < loss(maps_of(12, 6), labels)


def test_a_peak_where_nothing_is_costs():
    nobody = batch([[[NAN, NAN]]])
    nothing = {**maps_of(5, 2), "likelihood": torch.full((1, 1, ROWS, COLUMNS), NEVER)}
    assert loss(nothing, nobody) == pytest.approx(0, abs=1e-4)
    assert loss(maps_of(5, 2), nobody) > 1


def test_where_nobody_looked_for_animals_a_peak_costs_nothing():
    assert loss(maps_of(5, 2), batch([[[NAN, NAN]]], known=False)) == 0


def free_cells(labels, head):
    """Cells (keypoints, rows, columns) whose likelihood the loss leaves alone."""
    n = len(head.keypoints)
    rng = torch.Generator().manual_seed(0)
    maps = {
        name: torch.rand(1, channels, ROWS, COLUMNS, generator=rng).requires_grad_()
        for name, channels in (
            ("likelihood", n),
            ("offset", 2 * n),
            ("centre", 1),
            ("home", 2 * n),
        )
    }
    torch.autograd.backward(pose_loss(maps, labels, head, STRIDE))
    return maps["likelihood"].grad[0] == 0


def cells_within(reach_px, *middles):
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    near = np.zeros((ROWS, COLUMNS), bool)
    for x, y in middles:
        near |= np.hypot(pixel(columns, 0)[0] - x, pixel(0, rows)[1] - y) <= reach_px
    return near


TWO_KEYPOINTS = {"keypoints": ("nose", "tail")}


@pytest.mark.parametrize("most", [pytest.param(1, id="one"), pytest.param(3, id="several")])
def test_around_an_animal_whose_keypoint_has_no_label_its_likelihood_is_free(most):
    head = PoseHead(**TWO_KEYPOINTS, max_individuals=most)
    nose = pixel(5, 3)
    labels = batch([[nose, [NAN, NAN]]], unlabelled=[[False, True]], middle=[nose])
    nose_free, tail_free = free_cells(labels, head)
    assert not nose_free.any()
    np.testing.assert_array_equal(tail_free, cells_within(0.75 * 16, nose))


def test_only_the_animal_without_the_label_is_free_among_several():
    head = PoseHead(**TWO_KEYPOINTS, max_individuals=3)
    nose, other, tail = pixel(3, 3), pixel(12, 4), pixel(13, 5)
    labels = batch(
        [[nose, [NAN, NAN]], [other, tail]],
        unlabelled=[[False, True], [False, False]],
        middle=[nose, other],
    )
    nose_free, tail_free = free_cells(labels, head)
    assert not nose_free.any()
    np.testing.assert_array_equal(tail_free, cells_within(0.75 * 16, nose))


# --- pose of several


def maps_of_several(*animals):
    """Peaks, centres and ways home of animals (keypoint cell, centre cell)."""
    maps = {
        "likelihood": torch.full((1, 1, ROWS, COLUMNS), NEVER),
        "offset": torch.zeros(1, 2, ROWS, COLUMNS),
        "centre": torch.full((1, 1, ROWS, COLUMNS), NEVER),
        "home": torch.zeros(1, 2, ROWS, COLUMNS),
    }
    for (x, y), (column, row) in animals:
        maps["likelihood"][0, 0, y, x] = maps["centre"][0, 0, row, column] = 9.0
        for name, place, way in (
            ("offset", (x, y), ways_to(x, y)),
            ("home", (x, y), ways_to(column, row)),
        ):
            near = ways_to(*place).square().sum(0) <= 2.25
            maps[name][0] = torch.where(near, way, maps[name][0])
    return maps


OTHERS_OF_TWO = {"likelihood": 2, "offset": 4, "centre": 1}
"""Channels of the maps of two keypoints, but for the way home."""

LEFT, RIGHT = ((3, 3), (4, 4)), ((12, 3), (11, 4))
TWO_ANIMALS = batch([[pixel(3, 3)], [pixel(12, 3)]], middle=[pixel(4, 4), pixel(11, 4)])


def test_the_loss_of_several_is_least_at_the_truth():
    right = loss(maps_of_several(LEFT, RIGHT), TWO_ANIMALS, SEVERAL)
    assert right == pytest.approx(0, abs=1e-3)
    elsewhere, astray = ((12, 3), (13, 6)), ((9, 6), (11, 4))
    for wrong in (
        (LEFT,),
        (LEFT, elsewhere),
        (LEFT, astray),
        (LEFT, RIGHT, ((8, 6), (8, 6))),
    ):
        assert right < loss(maps_of_several(*wrong), TWO_ANIMALS, SEVERAL) - 0.1


def test_the_order_of_the_animals_does_not_matter():
    swapped = batch([[pixel(12, 3)], [pixel(3, 3)]], middle=[pixel(11, 4), pixel(4, 4)])
    maps = maps_of_several(LEFT, ((12, 4), (11, 4)))
    assert loss(maps, swapped, SEVERAL) == pytest.approx(loss(maps, TWO_ANIMALS, SEVERAL))


def test_a_keypoint_that_says_another_animal_is_its_own_costs():
    maps = maps_of_several(LEFT, RIGHT)
    astray = {**maps, "home": maps["home"].clone()}
    astray["home"][0, :, 3, 3] = torch.tensor([11.0 - 3, 4 - 3])  # the other's centre
    right, wrong = (loss(each, TWO_ANIMALS, SEVERAL) for each in (maps, astray))
    # 7 cells off, smooth L1 6.5, in one of the 18 cells about two keypoints, at half weight.
    assert wrong - right == pytest.approx(0.5 * 6.5 / 18, rel=1e-3)


def test_a_cell_between_two_keypoints_learns_the_way_home_of_the_nearer_one():
    # Column 5 is 1 cell from the first keypoint and 1.4 from the second.
    first, second = pixel(4, 4), pixel(6.4, 4)
    labels = batch([[first], [second]], middle=[pixel(4, 1), pixel(7, 7)])
    maps = maps_of_several(((4, 4), (4, 1)), ((6, 4), (7, 7)))
    astray = {**maps, "home": maps["home"].clone()}
    maps["home"][0, :, 4, 5] = torch.tensor([4.0 - 5, 1 - 4])
    astray["home"][0, :, 4, 5] = torch.tensor([7.0 - 5, 7 - 4])
    assert loss(maps, labels, SEVERAL) < loss(astray, labels, SEVERAL) - 0.1


def test_a_keypoint_whose_centre_is_unknown_learns_no_way_home():
    head = PoseHead(**TWO_KEYPOINTS, max_individuals=3, centre="nose")
    tail = pixel(5, 3)
    labels = batch([[[NAN, NAN], tail]], unlabelled=[[True, False]], middle=[tail])
    home = torch.ones(1, 4, ROWS, COLUMNS, requires_grad=True)
    maps = {name: torch.zeros(1, n, ROWS, COLUMNS) for name, n in OTHERS_OF_TWO.items()}
    torch.autograd.backward(pose_loss({**maps, "home": home}, labels, head, STRIDE))
    assert not home.grad.any()


def test_an_animal_whose_middle_is_outside_has_no_centre():
    outside = batch([[pixel(0, 3)]], middle=[[-3.0, 13.5]])
    without = maps_of_several(((0, 3), (0, 3)))
    without["centre"][:] = NEVER
    assert loss(without, outside, SEVERAL) == pytest.approx(0, abs=1e-3)


def test_a_named_keypoint_is_the_centre():
    head = SEVERAL.model_copy(update={"centre": "nose"})
    labels = batch([[pixel(3, 3)]], middle=[pixel(4, 4)])
    assert loss(maps_of_several(((3, 3), (3, 3))), labels, head) < 0.1
    assert loss(maps_of_several(LEFT), labels, head) > 1


def test_where_the_centre_has_no_label_nobody_says_where_it_is_not():
    head = PoseHead(**TWO_KEYPOINTS, max_individuals=3, centre="nose")
    tail = pixel(5, 3)
    labels = batch([[[NAN, NAN], tail]], unlabelled=[[True, False]], middle=[tail])
    centre = torch.zeros(1, 1, ROWS, COLUMNS, requires_grad=True)
    maps = {name: torch.zeros(1, n, ROWS, COLUMNS) for name, n in OTHERS_OF_TWO.items()}
    maps["home"] = torch.zeros(1, 4, ROWS, COLUMNS)
    torch.autograd.backward(pose_loss({**maps, "centre": centre}, labels, head, STRIDE))
    np.testing.assert_array_equal(centre.grad[0, 0] == 0, cells_within(0.75 * 16, tail))


# --- masks


def masked(mask, owner=None, middle=None):
    """A batch of one mask (rows, columns) of cells; 255 is not known."""
    labels = batch([[[NAN, NAN]]] if middle is None else [[place] for place in middle])

    def fine(cells):
        return torch.tensor(np.kron(cells, np.ones((STRIDE, STRIDE))), dtype=torch.uint8)[None]

    return replace(labels, mask=fine(mask), owner=fine(mask if owner is None else owner))


def half(value=1):
    """A mask whose left half is of a class."""
    cells = np.zeros((ROWS, COLUMNS), np.uint8)
    cells[:, : COLUMNS // 2] = value
    return cells


MOUSE = SegmentationHead(classes=("mouse",))


def logits_of(cells):
    return torch.where(torch.tensor(cells) == 1, 9.0, -9.0)[None, None]


def test_the_loss_of_a_mask_is_least_at_the_truth():
    right = mask_loss({"mask": logits_of(half())}, masked(half()), MOUSE, STRIDE)
    assert float(right) == pytest.approx(0, abs=1e-2)
    shifted = np.roll(half(), 1, axis=1)
    assert mask_loss({"mask": logits_of(shifted)}, masked(half()), MOUSE, STRIDE) > right + 0.1


def test_cells_of_which_the_mask_says_nothing_are_free():
    cells = half()
    cells[2:4] = 255
    logits = torch.zeros(1, 1, ROWS, COLUMNS, requires_grad=True)
    torch.autograd.backward(mask_loss({"mask": logits}, masked(cells), MOUSE, STRIDE))
    np.testing.assert_array_equal(logits.grad[0, 0] == 0, cells == 255)


def test_each_class_has_a_mask_of_its_own():
    head = SegmentationHead(classes=("mouse", "nest"))
    cells = half() + 2 * (1 - half())  # mouse on the left, nest on the right
    both = torch.cat([logits_of(cells == 1), logits_of(cells == 2)], 1)
    assert float(mask_loss({"mask": both}, masked(cells), head, STRIDE)) < 0.01
    assert float(mask_loss({"mask": both.flip(1)}, masked(cells), head, STRIDE)) > 1


def test_votes_that_point_at_the_owners_middle_cost_nothing():
    head = SegmentationHead(classes=("mouse",), per_individual=True)
    owner = half() + 2 * (1 - half())
    labels = masked(np.ones((ROWS, COLUMNS)), owner, [pixel(3, 4), pixel(12, 4)])
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    way = np.stack([np.where(columns < COLUMNS // 2, 3, 12) - columns, 4 - rows])
    maps = {"mask": logits_of(np.ones_like(rows)), "vote": torch.tensor(way[None]).float()}
    right = float(mask_loss(maps, labels, head, STRIDE))
    assert right == pytest.approx(0, abs=1e-3)
    astray = {**maps, "vote": maps["vote"] + 3}
    # Smooth L1 of 3 is 2.5; x and y; a tenth of it counts.
    assert float(mask_loss(astray, labels, head, STRIDE)) - right == pytest.approx(0.5, abs=1e-4)


# --- quantities


def test_the_loss_of_a_quantity_is_the_normal_distributions():
    maps = {"quantity": torch.tensor([[3.0]]), "log_variance": torch.tensor([[math.log(4)]])}
    # (error 2)² / variance 4 = 1, and log 4; half of both.
    expected = 0.5 * (1 + math.log(4))
    assert float(quantity_loss(maps, torch.tensor([[1.0]]))) == pytest.approx(expected)


def test_a_quantity_that_nobody_measured_is_left_out():
    maps = {"quantity": torch.tensor([[3.0, 9.0]]), "log_variance": torch.zeros(1, 2)}
    assert float(quantity_loss(maps, torch.tensor([[1.0, NAN]]))) == pytest.approx(2.0)


# --- all heads


@pytest.fixture
def everything():
    """A network with every head, for several animals."""
    torch.manual_seed(0)
    heads = {
        "pose": {"keypoints": ["nose"], "max_individuals": 2},
        "segmentation": {"classes": ["mouse"], "per_individual": True},
        "classification": {"classes": ["usable", "grooming"]},
        "regression": {"quantities": {"weight": "g"}},
        "reconstruction": {},
    }
    recipe = {
        "name": "all",
        "version": "1",
        "licence": "x",
        "sources": [{"kind": "synthetic"}],
        "heads": heads,
        "backbone": {"kind": "compact", "widths": [8, 8, 8, 8, 8], "depth": 1},
    }
    return Network(Recipe.model_validate(recipe)).train()


def unlabelled():
    """An image of which nobody knows anything."""
    labels = batch([[[NAN, NAN]]], unlabelled=[[True]], known=False)
    noise = torch.rand(1, 1, 32, 64, generator=torch.Generator().manual_seed(0))
    return replace(labels, image=255 * noise)


@pytest.mark.parametrize("head", ["pose", "segmentation", "classification", "regression"])
def test_a_batch_without_labels_costs_a_head_nothing_and_teaches_it_nothing(everything, head):
    labels = unlabelled()
    loss = losses_of(everything, everything(labels.image), labels)[head]
    assert float(loss.detach()) == 0
    torch.autograd.backward(loss)
    for name, parameter in everything.heads[head].named_parameters():
        assert parameter.grad is None or not parameter.grad.any(), name


def test_an_unusable_image_is_not_to_be_reconstructed(everything):
    labels = replace(unlabelled(), classes=torch.tensor([[0.0, NAN]]))
    loss = losses_of(everything, everything(labels.image), labels)["reconstruction"]
    assert float(loss.detach()) == 0


def test_reconstruction_teaches_the_backbone_nothing(everything):
    labels = unlabelled()
    loss = losses_of(everything, everything(labels.image), labels)["reconstruction"]
    assert float(loss.detach()) > 0
    torch.autograd.backward(loss)
    assert all(each.grad is None for each in everything.backbone.parameters())


@pytest.mark.parametrize("head", ["pose", "segmentation", "classification", "regression"])
def test_each_head_weighs_what_the_recipe_says(everything, head):
    full = replace(
        batch([[pixel(5, 2)]]),
        mask=torch.ones(1, HEIGHT, WIDTH, dtype=torch.uint8),
        classes=torch.tensor([[1.0, 0.0]]),
        quantities=torch.tensor([[25.0]]),
    )
    maps = {name: each.detach() for name, each in everything(full.image).items()}
    before = float(losses_of(everything, maps, full)[head])
    settings = getattr(everything.recipe.heads, head)
    heavier = settings.model_copy(update={"weight": 2 * settings.weight})
    heads = everything.recipe.heads.model_copy(update={head: heavier})
    everything.recipe = everything.recipe.model_copy(update={"heads": heads})
    assert float(losses_of(everything, maps, full)[head]) == pytest.approx(2 * before)
