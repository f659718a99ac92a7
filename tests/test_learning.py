import math
import sys

import numpy as np
import pytest
import torch
from ruamel.yaml import YAML
from tiny_recipe import draw, recipe_of, write_data, write_recipe

from tracker.errors import MissingExtra, TrainingError
from tracker.learning.augment import augment
from tracker.learning.data import load
from tracker.learning.export import check_parity, export
from tracker.learning.fitting import Trainer
from tracker.learning.networks import PoseGraph, PoseNetwork, decode, loss_of
from tracker.learning.recipe import Augmentation, NetworkSettings, Recipe
from tracker.learning.samples import Sample
from tracker.learning.train import train
from tracker.observers.network import NetworkObserver
from tracker.runtimes.base import ModelCard, Provider, RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime, read_card
from tracker.testing.manual_clock import ManualClock
from tracker.types import Frame

NOTHING_CHANGES = Augmentation(
    size_px=(20, 20),
    rotation_deg=0,
    flip=False,
    absent=0,
    light=(1, 1),
    offset=(0, 0),
    gamma=(1, 1),
    shading=0,
    blur_px=0,
    motion_px=0,
    stretch=0,
    noise=0,
    occlusion=0,
)
CANVAS = (96, 128)
NAN = float("nan")


@pytest.fixture
def folder(tmp_path):
    write_data(tmp_path)
    return tmp_path


# --- augmentation


def spot(x=50.0, y=40.0, side=100):
    """A sample with a bright spot at its first keypoint; the second is 20 px to the right."""
    rows, columns = np.mgrid[:side, :side]
    bright = 250 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 3.0**2))
    xy = np.array([[x, y], [x + 20, y]], np.float32)
    return Sample(bright.astype(np.uint8), xy, "a", "spot", 20.0)


def augmented(seed, settings=NOTHING_CHANGES, swap=(0, 1), sample=None):
    rng = np.random.default_rng(seed)
    return augment(sample or spot(), settings, CANVAS, swap, rng)


def centroid_near(image, xy, reach=9):
    """Centroid of what is bright within `reach` px of `xy`."""
    x, y = np.round(xy).astype(int)
    window = image[y - reach : y + reach + 1, x - reach : x + reach + 1].astype(float)
    window[window < 40] = 0
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return x + (window * columns).sum() / window.sum(), y + (window * rows).sum() / window.sum()


def well_inside(xy):
    return np.isfinite(xy).all() and (xy > 25).all() and (xy < np.array(CANVAS[::-1]) - 25).all()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="moved"),
        pytest.param({"rotation_deg": 180}, id="turned"),
        pytest.param({"size_px": (30, 30)}, id="enlarged"),
        pytest.param({"size_px": (9, 9)}, id="halved_and_shrunk"),
        pytest.param({"flip": True}, id="mirrored"),
        pytest.param({"stretch": 0.3}, id="stretched"),
    ],
)
def test_the_keypoint_moves_with_the_picture(changes):
    settings = NOTHING_CHANGES.model_copy(update=changes)
    seen = [augmented(seed, settings) for seed in range(40)]
    inside = [(image, xy) for image, xy in seen if well_inside(xy)]
    assert len(inside) >= 5
    for image, xy in inside:
        np.testing.assert_allclose(centroid_near(image, xy[0]), xy[0], atol=0.25)


def test_the_animal_gets_the_size_that_was_asked_for():
    settings = NOTHING_CHANGES.model_copy(update={"size_px": (30, 40), "rotation_deg": 180})
    sizes = [np.linalg.norm(xy[0] - xy[1]) for _, xy in map(augmented, range(40), [settings] * 40)]
    known = [size for size in sizes if np.isfinite(size)]
    assert len(known) >= 5
    assert all(29.9 <= size <= 40.1 for size in known)
    assert max(known) - min(known) > 4


def test_a_stretched_animal_is_longer_or_shorter_by_its_share():
    settings = NOTHING_CHANGES.model_copy(update={"stretch": 0.25})
    drawn = [augmented(seed, settings)[1] for seed in range(60)]
    sizes = [np.linalg.norm(xy[0] - xy[1]) for xy in drawn if np.isfinite(xy).all()]
    assert min(sizes) >= 20 / 1.25 - 0.1
    assert max(sizes) <= 20 * 1.25 + 0.1
    assert min(sizes) < 18
    assert max(sizes) > 22


def test_a_second_exposure_is_faint_and_close_by():
    plain = [augmented(seed) for seed in range(40)]
    settings = NOTHING_CHANGES.model_copy(update={"motion_px": 3.0})
    moved = [augmented(seed, settings) for seed in range(40)]
    changed = [not np.array_equal(one[0], two[0]) for one, two in zip(plain, moved, strict=True)]
    assert 4 <= sum(changed) <= 24  # three in ten
    for image, xy in moved:
        if well_inside(xy):
            np.testing.assert_allclose(centroid_near(image, xy[0], 12), xy[0], atol=0.4 * 3 + 0.3)


def test_a_mirror_image_swaps_left_and_right():
    settings = NOTHING_CHANGES.model_copy(update={"flip": True})
    pairs = [(augmented(seed, settings), augmented(seed, settings, (1, 0))) for seed in range(20)]
    swapped = [
        np.array_equal(plain[1], swapped[1][::-1], equal_nan=True)
        and not np.array_equal(plain[1], swapped[1], equal_nan=True)
        for plain, swapped in pairs
    ]
    assert 4 <= sum(swapped) <= 16


def test_a_keypoint_outside_the_picture_is_nan():
    for seed in range(40):
        xy = augmented(seed)[1]
        known = xy[np.isfinite(xy).all(1)]
        assert (known >= -0.5).all()
        assert (known <= np.array(CANVAS[::-1]) - 0.5).all()


def test_without_the_animal_no_keypoint_is_there():
    settings = NOTHING_CHANGES.model_copy(update={"absent": 1.0})
    assert all(np.isnan(augmented(seed, settings)[1]).all() for seed in range(20))


def test_the_same_seed_draws_the_same_picture():
    one, other, third = augmented(3, Augmentation()), augmented(3, Augmentation()), augmented(4)
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])
    assert not np.array_equal(one[0], third[0])


def test_a_colour_sample_stays_in_colour():
    grey = spot()
    sample = Sample(np.dstack([grey.image] * 3), grey.xy, "a", "spot", 20.0)
    image, _ = augmented(0, Augmentation(occlusion=1), sample=sample)
    assert image.shape == (*CANVAS, 3)


# --- the network


def test_the_best_cell_and_its_offset_are_the_keypoint():
    maps = torch.full((1, 3, 8, 16), -9.0)
    maps[0, 1:] = 0.0
    maps[0, 0, 2, 5] = math.log(4)  # sigmoid: 4 / (1 + 4) = 0.8
    maps[0, 1, 2, 5], maps[0, 2, 2, 5] = 0.25, -0.5
    xy, confidence = decode(maps, 1)
    # x: (5 + 0.5 + 0.25) * 4 - 0.5 = 22.5; y: (2 + 0.5 - 0.5) * 4 - 0.5 = 7.5
    np.testing.assert_allclose(xy, [[[[22.5, 7.5]]]], atol=1e-5)
    np.testing.assert_allclose(confidence, [[[0.8]]], atol=1e-6)


def maps_of(column, row, dx, dy):
    maps = torch.full((1, 3, 8, 16), -9.0)
    maps[0, 1], maps[0, 2] = dx, dy
    maps[0, 0, row, column] = 9.0
    return maps


def loss(maps, xy, *, known=True):
    return float(loss_of(maps, torch.tensor([[xy]]), torch.tensor([[known]])))


def test_the_loss_is_least_at_the_truth():
    xy = [21.5, 9.5]  # cell 5, 2; offset (21.5 + 0.5) / 4 - 0.5 - 5 = 0 and 0
    right = loss(maps_of(5, 2, 0.0, 0.0), xy)
    assert right < loss(maps_of(5, 2, 0.3, 0.0), xy)
    assert right < loss(maps_of(5, 3, 0.0, 0.0), xy)
    assert right < loss(maps_of(12, 6, 0.0, 0.0), xy)


def test_a_peak_where_nothing_is_costs():
    nothing = torch.full((1, 3, 8, 16), -9.0)
    assert loss(nothing, [NAN, NAN]) == pytest.approx(0, abs=1e-4)
    assert loss(maps_of(5, 2, 0.0, 0.0), [NAN, NAN]) > 1


def test_a_keypoint_that_nobody_knows_costs_nothing():
    assert loss(maps_of(5, 2, 0.0, 0.0), [NAN, NAN], known=False) == 0


def test_maps_are_a_quarter_of_the_image():
    network = PoseNetwork(2, NetworkSettings(channels=3))
    assert network(torch.zeros(1, 3, 64, 96)).shape == (1, 6, 16, 24)


# --- training


@pytest.mark.slow
def test_training_leaves_a_network_that_finds_the_dots_in_new_images(folder):
    out = folder / "out"
    result = train(write_recipe(folder), out=out)
    assert result.network == out / "network.onnx"
    runtime = OnnxRuntime(result.network, RuntimeSettings(provider=Provider.CPU))
    observer = NetworkObserver(runtime, ManualClock())
    rng = np.random.default_rng(99)
    off = []
    for index in range(20):
        image, xy = draw(rng)
        seen = observer.observe(Frame(index, 0, 0, image))
        off.append(np.linalg.norm(seen.xy[0] - xy, axis=1))
    assert np.isfinite(off).mean() >= 0.95
    assert np.nanmedian(off) <= 1.0  # px; a guess in the middle is 12 px off
    card = read_card(result.network)
    assert card == result.card
    assert card == ModelCard.model_validate(YAML(typ="safe").load(out / "card.yaml"))
    assert card.trained_on == ("dots, CC0-1.0; held out: animals c",)
    assert card.scores["dots: images"] == 6
    assert card.scores["dots: median_px"] <= 1.0
    assert sorted(path.name for path in out.iterdir()) == ["card.yaml", "network.onnx"]


class Interrupted(Exception):
    pass


def trained(recipe: Recipe, folder, *, stop_at=None, resume=False):
    def report(progress):
        if progress.step == stop_at:
            raise Interrupted

    trainer = Trainer(recipe, load(recipe, folder))
    checkpoint = folder / "checkpoint.pt"
    if resume:
        trainer.resume(checkpoint)
    return trainer.run(checkpoint, report).state_dict()


def test_an_interrupted_training_ends_as_if_it_had_not_been(folder):
    recipe = recipe_of(folder, schedule__steps=6, schedule__validate_every=2)
    whole = trained(recipe, folder)
    with pytest.raises(Interrupted):
        trained(recipe, folder, stop_at=5)
    resumed = trained(recipe, folder, resume=True)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_another_seed_gives_another_network(folder):
    one = trained(recipe_of(folder, schedule__steps=2), folder)
    other = trained(recipe_of(folder, schedule__steps=2, schedule__seed=1), folder)
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_going_on_with_another_recipe_is_an_error(folder):
    trained(recipe_of(folder, schedule__steps=2), folder)
    with pytest.raises(TrainingError, match="comes from another recipe"):
        trained(recipe_of(folder, schedule__steps=3), folder, resume=True)


def test_a_loss_that_is_not_finite_ends_training(folder):
    recipe = recipe_of(folder, schedule__steps=1)
    trainer = Trainer(recipe, load(recipe, folder))
    with torch.no_grad():
        trainer.network.head.bias[0] = NAN
    with pytest.raises(TrainingError, match="the loss is nan at step 1: lower"):
        trainer.run(folder / "checkpoint.pt", lambda progress: None)


def test_training_without_pytorch_names_the_extra(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"training needs: pip install .*\[train\]"):
        train(write_recipe(folder))


# --- export


class Crooked(PoseGraph):
    """Puts keypoints elsewhere in the file than in PyTorch."""

    def forward(self, image):
        xy, confidence = super().forward(image)
        return (xy + 1 if torch.onnx.is_in_onnx_export() else xy), confidence


class Timid(PoseGraph):
    """Is less sure in the file than in PyTorch."""

    def forward(self, image):
        xy, confidence = super().forward(image)
        return xy, (confidence * 0.99 if torch.onnx.is_in_onnx_export() else confidence)


def a_graph(kind=PoseGraph, seed=0):
    torch.manual_seed(seed)
    network = PoseNetwork(1, NetworkSettings(widths=(8, 8, 8, 8, 8), depth=1))
    torch.nn.init.constant_(network.head.bias[:1], 1.0)
    return kind(network).eval()


CARD = ModelCard(name="x", version="1", keypoints=("dot",), long_side=64, multiple_of=32)


def an_image(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (1, 1, 64, 96), np.uint8)


def test_an_exported_network_gives_the_same_answers(tmp_path):
    path = tmp_path / "network.onnx"
    graph = a_graph()
    export(graph, CARD, [an_image()], path)
    check_parity(graph, path, [an_image(1), an_image(2)])
    assert read_card(path) == CARD


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        pytest.param(Crooked, r"keypoints by 1\.4\d\d px", id="keypoints"),  # 1 px right, 1 down
        pytest.param(Timid, r"confidence by 0\.00\d+ \(at most 0\.001", id="confidence"),
    ],
)
def test_a_file_that_disagrees_with_pytorch_is_not_written(tmp_path, kind, reason):
    path = tmp_path / "network.onnx"
    path.write_bytes(b"the old one")
    with pytest.raises(TrainingError, match=f"disagree on image 0: .*{reason}"):
        export(a_graph(kind), CARD, [an_image()], path)
    assert path.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_of_another_network_is_noticed(tmp_path):
    path = tmp_path / "network.onnx"
    export(a_graph(seed=0), CARD, [], path)
    with pytest.raises(TrainingError, match="disagree on image 0"):
        check_parity(a_graph(seed=1), path, [an_image()])
