"""The shipped network, on rigs and animals that it was not trained on."""

from pathlib import Path

import av
import numpy as np
import pytest
from ruamel.yaml import YAML

from tracker.cameras.synthetic import SyntheticCamera, SyntheticCameraSettings
from tracker.learning.recipe import read_recipe
from tracker.observers.network import NetworkObserver
from tracker.runtimes.base import ModelCard, Provider, RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime, read_card
from tracker.testing.manual_clock import ManualClock
from tracker.types import Frame

FOLDER = Path(__file__).parents[1] / "models" / "mouse_top_view"
NETWORK = FOLDER / "network.onnx"


@pytest.fixture
def observer():
    runtime = OnnxRuntime(NETWORK, RuntimeSettings(provider=Provider.CPU))
    return NetworkObserver(runtime, ManualClock())


def test_the_card_beside_the_network_is_the_one_inside():
    beside = YAML(typ="safe").load(FOLDER / "card.yaml")
    assert ModelCard.model_validate(beside) == read_card(NETWORK)


def test_the_network_is_what_its_recipe_says():
    card, recipe = read_card(NETWORK), read_recipe(FOLDER / "recipe.yaml")
    assert (card.name, card.version, card.keypoints) == (
        recipe.name,
        recipe.version,
        recipe.keypoints,
    )
    assert card.trained_on == tuple(source.described for source in recipe.sources)


def test_the_network_is_small():
    assert NETWORK.stat().st_size <= 5_000_000


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
    assert np.nanmean(off) <= 3.0  # px


def test_it_follows_a_real_mouse_twice_as_large_in_another_box(observer, shared_data):
    seen = []
    with av.open(shared_data / "mouse_open_field_dlc" / "videos" / "m3v1mp4.mp4") as video:
        for index, picture in enumerate(video.decode(video=0)):
            if index == 1000:
                break
            if index % 10 == 0:
                image = np.ascontiguousarray(picture.to_ndarray(format="gray"))
                seen.append(observer.observe(Frame(index, 0, 0, image)).xy[0])
    xy = np.stack(seen)
    assert len(xy) == 100
    assert np.isfinite(xy).all((1, 2)).mean() >= 0.95
    length = np.linalg.norm(xy[:, 0] - xy[:, 2], axis=1)
    assert 95 <= np.nanmedian(length) <= 135  # px; its sister's labels say 117
    nose_to_head = np.linalg.norm(xy[:, 0] - xy[:, 1], axis=1)
    astray = nose_to_head > 60  # px; the head is at the nose, and hardly ever at the tail
    assert astray.mean() <= 0.02
