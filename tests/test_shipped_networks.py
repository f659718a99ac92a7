"""The shipped networks, on rigs, animals and frames that they were not trained on."""

from pathlib import Path

import av
import numpy as np
import pytest
from ruamel.yaml import YAML

from tracker.cameras.synthetic import SyntheticCamera, SyntheticCameraSettings
from tracker.learning.evaluate import evaluate
from tracker.learning.judging.selection import Selection
from tracker.learning.recipe import read_recipe
from tracker.observers.network import NetworkObserver
from tracker.runtimes.base import ModelCard, Provider, RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime, read_card
from tracker.testing.manual_clock import ManualClock
from tracker.types import Frame

MODELS = Path(__file__).parents[1] / "models"
NAMES = ("flies", "mouse_mirror", "mouse_open_field", "mouse_top_view")


@pytest.fixture
def observer():
    network = MODELS / "mouse_top_view" / "network.onnx"
    runtime = OnnxRuntime(network, RuntimeSettings(provider=Provider.CPU))
    return NetworkObserver(runtime, ManualClock())


def test_every_network_of_the_folder_is_tested():
    assert tuple(sorted(path.name for path in MODELS.iterdir())) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_card_beside_the_network_is_the_one_inside(name):
    beside = YAML(typ="safe").load(MODELS / name / "card.yaml")
    assert ModelCard.model_validate(beside) == read_card(MODELS / name / "network.onnx")


@pytest.mark.parametrize("name", NAMES)
def test_the_network_is_what_its_recipe_says(name):
    card = read_card(MODELS / name / "network.onnx")
    recipe = read_recipe(MODELS / name / "recipe.yaml")
    assert (card.name, card.version) == (name, recipe.version)
    assert (card.keypoints, card.classes) == (recipe.wanted.keypoints, recipe.wanted.classes)
    assert card.trained_on == tuple(source.described for source in recipe.sources)


@pytest.mark.parametrize("name", NAMES)
def test_the_network_is_small(name):
    assert (MODELS / name / "network.onnx").stat().st_size <= 8_000_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "figure", "most"),
    [
        pytest.param("mouse_top_view", "mouse_open_field: median_px", 2.2, id="mouse_top_view"),
        pytest.param("mouse_open_field", "mouse_open_field_dlc: mean_px", 2.9, id="open_field"),
        pytest.param("mouse_mirror", "mouse_mirror: median_px", 4.0, id="mouse_mirror"),
    ],
)
def test_held_out_images_give_the_figures_of_the_card_again(
    shared_data, tmp_path, name, figure, most
):
    recipe = MODELS / name / "recipe.yaml"
    network = MODELS / name / "network.onnx"
    labelled = _without_drawn(recipe, tmp_path)
    selection = Selection(data=shared_data, recipe=labelled)
    found = evaluate(network, selection, out=tmp_path / "page").judgement.figures()[figure]
    assert found <= most
    assert found == pytest.approx(read_card(network).scores[figure], abs=0.02)


def _without_drawn(recipe, folder):
    """The same recipe without the synthetic camera, which takes long to draw."""
    content = YAML(typ="safe").load(recipe)
    content["sources"] = [one for one in content["sources"] if one["kind"] != "synthetic"]
    path = folder / "recipe.yaml"
    YAML().dump(content, path)
    return path


@pytest.mark.parametrize("part", ["head", "thorax", "abdomen", "wingL", "wingR"])
def test_the_parts_of_flies_are_within_ten_pixels(part):
    scores = read_card(MODELS / "flies" / "network.onnx").scores
    assert scores[f"flies: {part}: within_10_px_share"] >= 0.95


@pytest.mark.parametrize(
    ("seed", "vary_looks"),
    [
        pytest.param(7, False, id="the_standard_look"),
        pytest.param(5001, True, id="another_look"),
        pytest.param(5002, True, id="a_third_look"),
    ],
)
def test_it_follows_a_drawn_mouse_to_three_pixels(observer, seed, vary_looks):
    settings = SyntheticCameraSettings(seed=seed, vary_looks=vary_looks, paced=False, n_frames=300)
    camera = SyntheticCamera(settings, ManualClock())
    camera.open()
    off = []
    for index in range(300):
        frame = camera.read(timeout_s=1.0)
        if index % 10 == 0:
            seen = observer.observe(frame)
            off.append(np.linalg.norm(seen.xy[0] - camera.truth(index).xy, axis=1))
    camera.close()
    assert np.isfinite(off).mean() >= 0.98
    assert np.nanmean(off) <= 1.5  # px


def test_it_follows_a_real_mouse_twice_as_large_in_another_box(observer, shared_data):
    seen = []
    with av.open(shared_data / "mouse_open_field_dlc" / "videos" / "m3v1mp4.mp4") as video:
        for index, picture in enumerate(video.decode(video=0)):
            if index == 300:
                break
            image = np.ascontiguousarray(picture.to_ndarray(format="gray"))
            seen.append(observer.observe(Frame(index, 0, 0, image)).xy[0])
    xy = np.stack(seen)
    assert len(xy) == 300
    assert np.isfinite(xy).any((1, 2)).all()  # never lost
    assert np.isfinite(xy).all((1, 2)).mean() >= 0.99
    length = np.linalg.norm(xy[:, 0] - xy[:, 2], axis=1)
    assert 95 <= np.nanmedian(length) <= 135  # px; its sister's labels say 117
    nose_to_head = np.linalg.norm(xy[:, 0] - xy[:, 1], axis=1)
    astray = nose_to_head > 60  # px; the head is at the nose, and hardly ever at the tail
    assert not astray.any()
