"""Each kind of head, trained in seconds on drawn images, and then run as in a session."""

import numpy as np
import pytest
from drawn_animals import SIDE, draw_animals, draw_scene, write_coco, write_table_of_scenes
from tiny_recipe import SIDE as DOTS_SIDE
from tiny_recipe import draw, write_data, write_recipe

from tracker.arena import Arena, ArenaSettings
from tracker.features import FeatureExtractor, FeatureSettings
from tracker.learning.train import train
from tracker.observers.network import NetworkObserver
from tracker.pipeline import Pipeline
from tracker.runtimes.base import Provider, RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime
from tracker.testing.manual_clock import ManualClock
from tracker.types import Frame

pytestmark = pytest.mark.slow

PX_PER_CM = 10.0
STEADY_LIGHT = {
    "augmentation__light": [1, 1],
    "augmentation__gamma": [1, 1],
    "augmentation__offset": [0, 0],
    "augmentation__shading": 0,
}


class Trained:
    """A network and its card, and a pipeline to show it frames."""

    def __init__(self, folder, **changes):
        result = train(write_recipe(folder, **changes), out=folder / "out")
        self.card = result.card
        runtime = OnnxRuntime(result.network, RuntimeSettings(provider=Provider.CPU))
        observer = NetworkObserver(runtime, ManualClock())
        arena = Arena(ArenaSettings(px_per_cm=PX_PER_CM))
        features = FeatureExtractor(FeatureSettings(), observer.skeleton, arena)
        self.pipeline = Pipeline(observer, features, [], ManualClock())
        self.n_frames = 0

    def see(self, image):
        """What the pipeline makes of the next frame."""
        index, self.n_frames = self.n_frames, self.n_frames + 1
        return self.pipeline.step(Frame(index, index * 10_000_000, index * 10_000_000, image))


def distances(seen, xy):
    """From each true animal (n, keypoints, 2) to the one that is seen nearest to it (px)."""
    apart = np.linalg.norm(seen[None] - xy[:, None], axis=3).mean(2)
    return apart.min(1)


# --- pose of one, usable or not, known or not


@pytest.fixture(scope="module")
def dots(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dots")
    write_data(folder)
    return Trained(
        folder,
        heads__classification={"classes": ["usable"]},
        heads__reconstruction={},
        augmentation__spoilt=0.4,
        augmentation__spread=0.15,
        augmentation__absent=0,
        schedule__steps=160,
        schedule__validate_every=80,
    )


def test_a_pose_network_finds_one_animals_keypoints_in_new_images(dots):
    rng = np.random.default_rng(99)
    off = []
    for _ in range(20):
        image, xy = draw(rng)
        result = dots.see(image)
        off.append(np.linalg.norm(result.observation.xy[0] - xy, axis=1))
        assert not result.observation.abstained
        assert result.features["x_cm"] == pytest.approx(xy[:, 0].mean() / PX_PER_CM, abs=0.2)
    assert np.isfinite(off).all()
    assert np.median(off) <= 1.0  # px; a guess in the middle is 12 px off


def test_its_card_tells_how_well_it_did_on_the_held_out_images(dots):
    scores = dots.card.scores
    assert scores["dots: images"] == 6
    assert scores["dots: median_px"] <= 1.0
    assert scores["dots: found_share"] == 1.0
    assert 0 <= scores["dots: usable: ece"] <= 0.2
    assert all(name.startswith("dots: ") for name in scores)


def covered():
    return np.full((DOTS_SIDE, DOTS_SIDE), 77, np.uint8)


def noise():
    return np.random.default_rng(5).integers(0, 256, (DOTS_SIDE, DOTS_SIDE), np.uint8)


def dark():
    return np.zeros((DOTS_SIDE, DOTS_SIDE), np.uint8)


@pytest.mark.parametrize("image", [covered, noise, dark])
def test_a_network_with_the_class_usable_abstains_where_nothing_can_be_seen(dots, image):
    seen = dots.see(image()).observation
    assert seen.class_scores["usable"] < 0.5
    assert seen.abstained
    assert np.isnan(seen.xy).all()


def test_an_image_unlike_all_others_is_more_novel_than_any_usual_one(dots):
    rng = np.random.default_rng(98)
    usual = [dots.see(draw(rng)[0]).observation.novelty for _ in range(20)]
    assert max(usual) <= 1
    rows, columns = np.indices((DOTS_SIDE, DOTS_SIDE)) // 16
    checkers = ((rows + columns) % 2 * 255).astype(np.uint8)
    assert dots.see(checkers).observation.novelty > 1


# --- several animals, with the mask of each


@pytest.fixture(scope="module")
def animals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("animals")
    source = write_coco(folder)
    return Trained(
        folder,
        sources=[source],
        heads={
            "pose": {"keypoints": ["head", "tail"], "max_individuals": 3},
            "segmentation": {"classes": ["animal"], "per_individual": True},
        },
        input__long_side=SIDE,
        augmentation__size_px=[18, 22],
        augmentation__spread=0.3,
        schedule__canvas=[SIDE, SIDE],
        schedule__steps=160,
        schedule__validate_every=80,
    )


def a_few(n_images=12, seed=97):
    """Images of one, two and three animals in turn."""
    rng = np.random.default_rng(seed)
    return [draw_animals(rng, 1 + n % 3) for n in range(n_images)]


def test_a_network_for_several_finds_each_animal_and_no_other(animals):
    right, off = 0, []
    for image, xy, _, _ in a_few():
        seen = animals.see(image).observation.xy
        right += len(seen) == len(xy)
        if len(seen):
            off.append(distances(seen, xy))
    assert right >= 10  # of 12 images, with never more than two animals in training
    assert np.median(np.concatenate(off)) <= 2.0  # px


def test_its_masks_belong_to_the_animals_that_they_are_named_after(animals):
    n_right = n_all = 0
    for image, *_ in a_few():
        seen = animals.see(image).observation
        masks = seen.masks
        assert masks.names == ("animal", *(f"individual {n}" for n in range(len(seen.xy))))
        for own, coverage in zip(seen.xy, masks.coverage[1:], strict=True):
            x, y = own.mean(0)
            column = round((x - masks.x0_px) / masks.step_x_px)
            row = round((y - masks.y0_px) / masks.step_y_px)
            n_right += coverage[row, column] >= 128
            n_all += 1
    assert n_all >= 20
    assert n_right >= 0.9 * n_all


# --- one animal and its mask


@pytest.fixture(scope="module")
def outlines(tmp_path_factory):
    folder = tmp_path_factory.mktemp("outlines")
    source = write_coco(folder, counts=(1,))
    return Trained(
        folder,
        sources=[source],
        heads={
            "pose": {"keypoints": ["head", "tail"]},
            "segmentation": {"classes": ["animal"]},
        },
        input__long_side=SIDE,
        augmentation__size_px=[18, 22],
        augmentation__spread=0.3,
        schedule__canvas=[SIDE, SIDE],
        schedule__steps=140,
        schedule__validate_every=70,
    )


def test_a_segmentation_network_sees_the_animals_outline(outlines):
    rng = np.random.default_rng(96)
    shares, off = [], []
    for _ in range(12):
        image, xy, _, owner = draw_animals(rng, 1)
        seen = outlines.see(image).observation
        shares.append(seen.measures["animal_area_px2"] / np.count_nonzero(owner))
        rows, columns = np.nonzero(seen.masks.coverage[0] >= 128)
        x = seen.masks.x0_px + columns.mean() * seen.masks.step_x_px
        y = seen.masks.y0_px + rows.mean() * seen.masks.step_y_px
        off.append(np.linalg.norm([x, y] - xy[0].mean(0)))
    assert 0.7 <= np.median(shares) <= 1.4  # a cell of the mask is 4 px wide, the animal 9
    assert np.median(off) <= 2.5  # px
    assert outlines.card.scores["animals: animal: dice"] >= 0.7


# --- light and time of day, in a network whose keypoints nobody has labelled yet


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    source = write_table_of_scenes(folder)
    return Trained(
        folder,
        sources=[source],
        heads={
            "pose": {"keypoints": ["head", "tail"]},
            "classification": {"classes": ["night"]},
            "regression": {"quantities": {"light": "percent"}},
        },
        augmentation__size_px=[7.5, 8.5],  # of the eighth of an image that is taken for a size
        augmentation__spread=0.02,
        augmentation__absent=0,
        **STEADY_LIGHT,
    )


def test_a_classification_network_tells_night_from_day(scenes):
    rng = np.random.default_rng(95)
    for _ in range(12):
        image, _, night = draw_scene(rng)
        score = scenes.see(image).observation.class_scores["night"]
        assert (score >= 0.5) == bool(night)
    assert scenes.card.scores["scenes: night: roc_auc"] == 1.0


def test_a_regression_network_measures_the_light(scenes):
    rng = np.random.default_rng(94)
    off, sure = [], []
    for _ in range(12):
        image, light, _ = draw_scene(rng)
        measures = scenes.see(image).observation.measures
        off.append(abs(measures["light_percent"] - light))
        sure.append(measures["light_percent_sd"])
    assert np.mean(off) <= 8  # of 30 to 100; a guess in the middle is 25 off
    assert 0 < np.mean(sure) <= 25
    assert scenes.card.scores["scenes: light: mae_percent"] <= 8


def test_keypoints_that_nobody_labelled_are_not_found(scenes):
    image, _, _ = draw_scene(np.random.default_rng(93))
    seen = scenes.see(image).observation
    assert np.isnan(seen.xy).all()
    assert (seen.confidence < 0.3).all()
    assert "scenes: median_px" not in scenes.card.scores
