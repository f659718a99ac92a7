"""Masks of a method without a network as labels: opened by pycocotools and by our own reader."""

import json

import numpy as np
import pytest
from data_sets import source_of
from drawn_bodies import draw, floor

from tracker.cameras.synthetic import SyntheticCameraSettings
from tracker.cli import app
from tracker.errors import ConfigError
from tracker.learning.data.formats.coco import read_coco
from tracker.learning.samples import Wanted
from tracker.observers.background import BackgroundSettings
from tracker.observers.silhouettes import SilhouetteSettings, pieces_of
from tracker.observers.threshold import ThresholdSettings
from tracker.pseudo_masks import runs_of, write_pseudo_masks

CAMERA = SyntheticCameraSettings(width=160, height=120, paced=False, n_frames=60)
METHOD = ThresholdSettings(highest=60, min_area_px2=40)


def always(_):
    return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels") / "masks"
    assert write_pseudo_masks(CAMERA, METHOD, folder, 5, "mouse", always) == 5
    return folder


def test_runs_go_down_the_columns_and_begin_outside():
    image = np.zeros((4, 5), np.uint8)
    image[1:3, 1:3] = 255
    (one,) = pieces_of(image, SilhouetteSettings(min_area_px2=1, body=0)).found
    assert runs_of(one, image.shape) == [5, 2, 2, 2, 9]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_reads_the_mask_to_the_pixel():
    coco_mask = pytest.importorskip("pycocotools.mask")
    image = draw(floor(), 150, 110, 30)
    (one,) = pieces_of((image < 100).astype(np.uint8), SilhouetteSettings()).found
    runs = {"size": [*image.shape], "counts": runs_of(one, image.shape)}
    packed = coco_mask.frPyObjects(runs, *image.shape)
    np.testing.assert_array_equal(coco_mask.decode(packed) > 0, image < 100)


def test_each_picture_has_its_animal_with_mask_box_and_area(folder):
    content = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    assert len(content["images"]) == len(content["annotations"]) == 5
    assert "pseudo-masks" in content["info"]["description"]
    for image, about in zip(content["images"], content["annotations"], strict=True):
        assert about["image_id"] == image["id"]
        assert sum(about["segmentation"]["counts"][1::2]) == about["area"]
        assert (folder / image["file_name"]).is_file()


def test_our_own_reader_trains_on_it(folder):
    source = source_of("coco", f"{folder.name}/annotations.json")
    faults = []
    wanted = Wanted(channels=1, mask_classes=("mouse",))
    samples = read_coco(source, wanted, folder.parent, faults)
    assert not faults
    assert len(samples) == 5
    mean = [sample.image[sample.mask > 0].mean() for sample in samples]
    assert max(mean) < 60  # the mouse is dark


def test_pictures_are_spread_over_the_film(folder):
    numbers = [int(path.stem.removeprefix("frame")) for path in (folder / "images").iterdir()]
    assert min(numbers) < 10
    assert max(numbers) > 50


def test_nothing_is_overwritten(folder):
    with pytest.raises(ConfigError, match="is there already"):
        write_pseudo_masks(CAMERA, METHOD, folder, 5, "mouse", always)


def test_a_film_in_which_nobody_is_seen_makes_no_folder(tmp_path):
    method = BackgroundSettings(min_area_px2=10_000)
    with pytest.raises(ConfigError, match="in no frame 1 animals"):
        write_pseudo_masks(CAMERA, method, tmp_path / "masks", 5, "mouse", always)
    assert not (tmp_path / "masks").exists()


def test_the_command_says_what_it_wrote(tmp_path, capfd):
    small = ("--set", "rig.camera.width=160", "--set", "rig.camera.height=120")
    seen = ("--set", "observer={kind: threshold, highest: 60, min_area_px2: 40}")
    few = ("--set", "rig.camera.n_frames=20", "--images", "2", "--out", str(tmp_path / "masks"))
    with pytest.raises(SystemExit) as ended:
        app(["label-masks", "demo", *small, *seen, *few, "--json"])
    assert ended.value.code == 0
    assert json.loads(capfd.readouterr().out)["images"] == 2


def test_a_network_is_no_method_without_one():
    with pytest.raises(ConfigError, match="demo has no observer"):
        app(["label-masks", "demo"])
