from itertools import pairwise

import numpy as np
import pytest
from data_sets import (
    PARTS,
    recipe_for,
    source_of,
    write_image,
    write_rows,
    write_session,
    write_sessions,
    write_slp,
)
from ruamel.yaml import YAML
from videos import write_video

from tracker.cameras.synthetic import SyntheticCamera, SyntheticCameraSettings
from tracker.clock import SystemClock
from tracker.errors import TrainingError
from tracker.learning.data.loading import load, share_of
from tracker.learning.recipe import InputSettings, SyntheticSource, read_recipe
from tracker.learning.samples import Sample

DRAWN = SyntheticSource(
    kind="synthetic", rigs=2, hold_out_rigs=1, frames_per_rig=2, frame_step=3, seed=4
)


@pytest.fixture
def folder(tmp_path):
    """Sessions a1, a2, b1 and c1 of animals a, b and c, four images each."""
    write_sessions(tmp_path)
    return tmp_path


def animals(**fields):
    settings = {"keypoints": PARTS, "group": "^(.)", "hold_out": ("c",), **fields}
    return source_of("deeplabcut", "labeled-data", **settings)


def faults(folder, *sources, **more):
    with pytest.raises(TrainingError) as caught:
        load(recipe_for(*sources, **more), folder)
    first, *listed = str(caught.value).splitlines()
    assert first == f"the data in {folder} have {len(listed)} fault(s):"
    return sorted(line.strip() for line in listed)


# --- the recipe


def write_recipe(folder, **changes):
    recipe = {
        "name": "dots",
        "version": "1",
        "licence": "BSD-3-Clause",
        "sources": [{"kind": "synthetic"}],
        "heads": {"pose": {"keypoints": ["light", "dark"]}},
    }
    path = folder / "recipe.yaml"
    YAML().dump({**recipe, **changes}, path)
    return path


def test_every_wrong_field_of_a_recipe_is_named(tmp_path):
    path = write_recipe(tmp_path, schedule={"stepps": 3}, input={"channels": 2}, licence="")
    with pytest.raises(TrainingError) as caught:
        read_recipe(path)
    for field in ("schedule.stepps: Extra inputs", "input.channels: Input", "licence: String"):
        assert field in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"augmentation": {"light": [2, 1]}}, r"light is \[2.0, 1.0\]", id="range"),
        pytest.param({"schedule": {"canvas": [64, 65]}}, "multiples of 32", id="canvas"),
        pytest.param({"sources": []}, "at least 1 item", id="no_source"),
    ],
)
def test_a_recipe_that_contradicts_itself_is_an_error(tmp_path, changes, reason):
    with pytest.raises(TrainingError, match=reason):
        read_recipe(write_recipe(tmp_path, **changes))


def test_a_missing_recipe_is_an_error(tmp_path):
    with pytest.raises(TrainingError, match="cannot read the recipe"):
        read_recipe(tmp_path / "recipe.yaml")


def test_a_recipe_that_is_no_yaml_is_an_error(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("a: [")
    with pytest.raises(TrainingError, match="is no YAML"):
        read_recipe(path)


# --- the split


def test_the_split_is_by_animal(folder):
    split = load(recipe_for(animals()), folder)
    assert [sample.group for sample in split.validation] == ["c"] * 4
    assert [sample.group for sample in split.train] == ["a"] * 8 + ["b"] * 4


def test_the_image_name_can_say_the_group(folder):
    split = load(recipe_for(animals(group="/(.)", hold_out=("0",))), folder)
    assert [sample.key for sample in split.validation] == [
        "a1/0.png",
        "a2/0.png",
        "b1/0.png",
        "c1/0.png",
    ]


def test_the_extent_of_an_animal_is_the_median_of_its_group(folder):
    split = load(recipe_for(animals()), folder)
    extents = [np.hypot(20 - n, 2) for n in (0, 1, 2, 3)]
    assert split.validation[0].size_px == pytest.approx(np.median(extents), rel=1e-6)


def test_videos_can_be_split_as_sessions_are(tmp_path):
    for name in ("m1", "m2"):
        write_video(tmp_path / f"{name}.mkv", range(0, 120, 40))
        write_slp(tmp_path / f"{name}.slp", {1: [([[5, 6], [25, 6]], False)]}, f"{name}.mkv")
    source = source_of("sleap", ".", keypoints=PARTS, hold_out=("m2",))
    split = load(recipe_for(source), tmp_path)
    assert [sample.key for sample in split.train] == ["m1/000001"]
    assert [sample.key for sample in split.validation] == ["m2/000001"]


def test_sources_are_drawn_by_weight(folder):
    again = animals(weight=1).model_copy(update={"name": "again"})
    split = load(recipe_for(animals(weight=3), again), folder)
    is_again = [sample.source == "again" for sample in split.train]
    assert split.weights[is_again].sum() == pytest.approx(0.25)
    assert split.weights.sum() == pytest.approx(1)


# --- a share of the data, for learning curves


def test_a_share_takes_as_much_of_each_group_and_leaves_validation_whole(folder):
    split = load(recipe_for(animals(), fraction=0.5), folder)
    assert sorted(sample.group for sample in split.train) == ["a"] * 4 + ["b"] * 2
    assert len(split.validation) == 4
    assert split.weights.sum() == pytest.approx(1)


def test_drawn_rigs_are_taken_whole_whatever_the_share(folder):
    split = load(recipe_for(animals(), DRAWN, fraction=0.25), folder)
    assert sum(sample.source == "synthetic camera" for sample in split.train) == 4


def blank(group, n):
    image, xy = np.zeros((2, 2), np.uint8), np.zeros((1, 1, 2), np.float32)
    return Sample(image, xy, group, "set", 1.0, key=f"{group}/{n}")


ODD = [blank(group, n) for group, size in (("a", 13), ("b", 5), ("c", 2)) for n in range(size)]


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.9])
def test_a_share_is_of_the_size_asked_for(fraction):
    assert len(share_of(ODD, fraction, seed=0)) == round(20 * fraction)


def test_a_smaller_share_is_part_of_a_larger_one():
    shares = [
        {sample.key for sample in share_of(ODD, fraction, seed=3)}
        for fraction in (0.25, 0.5, 0.75, 1)
    ]
    assert all(small < large for small, large in pairwise(shares))


def test_the_seed_decides_which_images_are_taken():
    first, again, other = (share_of(ODD, 0.5, seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other


# --- faults


def test_every_fault_of_every_source_is_listed_with_file_and_row(folder):
    sessions = folder / "labeled-data"
    rows = [
        ("0.png", [10, 20, 30, 24]),
        ("lost.png", [10, 20, 30, 24]),
        ("1.png", [10, 20, 30, 64]),
        ("0.png", [11, 21, 31, 25]),
        ("2.png", [10, "left", 30, 24]),
        ("3.png", [10, 20, 30, 24]),
    ]
    write_session(sessions / "a1", rows)
    (sessions / "a1" / "lost.png").unlink()
    (sessions / "a1" / "3.png").write_bytes(b"no image")
    write_session(sessions / "b1", [("0.png", [1] * 6)], labels=("NOSE", "TAIL", "WHISKER"))
    (sessions / "a2" / "CollectedData_me.csv").write_text("x,y\n1,2\n")
    write_image(folder / "judged" / "0.png")
    write_rows(folder / "judged" / "t.csv", [["image", "rearing"], ["0.png", "maybe"]])
    judged = source_of("table", "judged/t.csv", hold_out=("x",))
    heads = {
        "pose": {"keypoints": ["nose", "tail"]},
        "classification": {"classes": ["rearing"]},
    }
    table = "labeled-data/a1/CollectedData_me.csv"
    assert faults(folder, animals(), judged, heads=heads) == sorted(
        [
            f"{table} row 5: lost.png is missing in {sessions / 'a1'}",
            f"{table} row 6: TAIL at (30.0, 64.0) is outside a1/1.png, which is 40 x 30 px",
            f"{table} row 7: 0.png is there twice, see {table} row 4",
            f"{table} row 8: a coordinate is no number, or the row is too short",
            f"{table} row 9: 3.png is no image",
            "labeled-data/a2/CollectedData_me.csv: no table of labels (expected rows scorer, "
            "bodyparts, coords and columns x, y)",
            "labeled-data/b1/CollectedData_me.csv: labels ['WHISKER'] are neither in keypoints "
            "nor in ignore",
            "judged/t.csv row 2: rearing is 'maybe', expected 0, 1 or nothing",
            "set: hold_out names ['x'], but the groups are ['judged']",
        ]
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"path": "."}, None, id="a_whole_project_is_none"),
        pytest.param(
            {"path": "nowhere"},
            "nowhere: no table CollectedData_*.csv or .h5 in it or its folders",
            id="no_table",
        ),
        pytest.param(
            {"hold_out": ("z",)},
            "set: hold_out names ['z'], but the groups are ['a', 'b', 'c']",
            id="unknown_group",
        ),
        pytest.param(
            {"hold_out": ()},
            "set: hold_out names no group, but there are ['a', 'b', 'c']",
            id="nothing_held_out",
        ),
        pytest.param(
            {"hold_out": ("a", "b", "c")},
            "set: hold_out keeps every group, so nothing is left to learn from",
            id="all_held_out",
        ),
        pytest.param(
            {"group": "("}, "set: group '(' is no expression: missing ), ", id="no_expression"
        ),
        pytest.param(
            {"group": "^(x)"},
            "labeled-data/a1/CollectedData_me.csv row 4: group '^(x)' finds none in 'a1/0.png'",
            id="no_group_in_the_name",
        ),
        pytest.param(
            {"keypoints": {"nose": ("NOSE",), "tail": ("TIP",)}, "ignore": ("TAIL",)},
            "labeled-data/a1/CollectedData_me.csv: labels ['TIP'] are not in it; it has "
            "['NOSE', 'TAIL']",
            id="a_label_that_the_table_lacks",
        ),
        pytest.param(
            {"keypoints": {"nose": ("NOSE",)}},
            "labeled-data/a1/CollectedData_me.csv: labels ['TAIL'] are neither in keypoints nor "
            "in ignore",
            id="a_label_that_nobody_knows",
        ),
    ],
)
def test_a_source_that_does_not_fit_its_data_is_a_fault(folder, changes, reason):
    source = animals(**{key: value for key, value in changes.items() if key != "path"})
    source = source.model_copy(update={"path": changes.get("path", "labeled-data")})
    if reason is None:
        assert len(load(recipe_for(source), folder).train) == 12
    else:
        assert any(line.startswith(reason) for line in faults(folder, source))


def test_a_name_without_a_group_is_one_fault_of_each_session(folder):
    listed = faults(folder, animals(group="^(x)"))
    assert sum("finds none in" in line for line in listed) == 4


# --- drawn rigs


def test_drawn_rigs_are_split_by_rig():
    recipe = recipe_for(DRAWN, heads={"pose": {"keypoints": ["nose", "head"]}})
    split = load(recipe, None)
    assert [sample.group for sample in split.train] == ["rig 0", "rig 0", "rig 1", "rig 1"]
    assert [sample.key for sample in split.validation] == ["rig 2/000000", "rig 2/000003"]
    assert all(sample.xy.shape == (1, 2, 2) for sample in split.train)


@pytest.mark.parametrize("channels", [1, 3])
def test_drawn_images_and_labels_are_those_of_the_camera(channels):
    heads = {"pose": {"keypoints": ["nose", "head", "tail_base"]}}
    recipe = recipe_for(DRAWN, heads=heads).model_copy(
        update={"input": InputSettings(channels=channels)}
    )
    settings = SyntheticCameraSettings(
        seed=DRAWN.seed, vary_looks=True, paced=False, colour=channels == 3
    )
    camera = SyntheticCamera(settings, SystemClock())
    camera.open()
    images = [camera.read(timeout_s=1.0).image.copy() for _ in range(4)]
    for sample, index in zip(load(recipe, None).train[:2], (0, 3), strict=True):
        np.testing.assert_array_equal(sample.image, images[index])
        np.testing.assert_array_equal(sample.xy[0], camera.truth(index).xy)


def test_the_mask_of_a_drawn_mouse_holds_its_head():
    heads = {
        "pose": {"keypoints": ["head", "whisker"]},
        "segmentation": {"classes": ["mouse"]},
        "classification": {"classes": ["rearing", "usable"]},
    }
    for sample in load(recipe_for(DRAWN, heads=heads), None).train:
        (head, whisker) = sample.xy[0]
        assert sample.mask[round(head[1]), round(head[0])] == 1
        assert 0.001 < sample.mask.mean() < 0.2
        np.testing.assert_array_equal(sample.owner, sample.mask)
        assert np.isnan(whisker).all()
        np.testing.assert_array_equal(sample.classes, [np.nan, 1])


def test_which_part_of_a_drawn_mouse_is_which_class_is_not_known():
    heads = {"segmentation": {"classes": ["body", "tail"]}}
    assert all(sample.mask is None for sample in load(recipe_for(DRAWN, heads=heads), None).train)


# --- real data


def test_the_real_sessions_are_split_by_animal(shared_data):
    source = source_of(
        "deeplabcut",
        "mouse_open_field/labeled-data",
        keypoints={"nose": ("NOSE",), "tail": ("TAIL",)},
        ignore=("HEAD", "objectA"),
        group="^([0-9]+)_D",
        hold_out=("7", "9"),
    )
    split = load(recipe_for(source), shared_data)
    assert (len(split.train), len(split.validation)) == (120, 60)
    assert {sample.group for sample in split.validation} == {"7", "9"}
