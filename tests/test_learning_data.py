import numpy as np
import pytest
from tiny_recipe import RECIPE, SIDE, draw, recipe_of, write_data, write_recipe, write_table

from tracker.errors import TrainingError
from tracker.learning.data import load
from tracker.learning.recipe import read_recipe

NAN = float("nan")


@pytest.fixture
def folder(tmp_path):
    write_data(tmp_path)
    return tmp_path


# --- the recipe


def test_every_wrong_field_of_a_recipe_is_named(tmp_path):
    path = write_recipe(tmp_path, schedule__stepps=3, network__depth=0, licence="")
    with pytest.raises(TrainingError) as caught:
        read_recipe(path)
    for field in ("schedule.stepps: Extra inputs", "network.depth: Input", "licence: String"):
        assert field in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"augmentation__light": [2, 1]}, r"light is \[2.0, 1.0\]", id="range"),
        pytest.param({"augmentation__gamma": [0, 1]}, "must be above 0", id="gamma_of_zero"),
        pytest.param({"edges": [["light", "tail"]]}, r"\['tail'\] are none of", id="edge"),
        pytest.param({"mirror": [["left", "dark"]]}, r"\['left'\] are none of", id="mirror"),
        pytest.param({"schedule__canvas": [64, 65]}, "multiples of 32", id="canvas"),
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


# --- the data


def faults(folder, **changes):
    with pytest.raises(TrainingError) as caught:
        load(recipe_of(folder, **changes), folder)
    return str(caught.value).splitlines()


def source(**changes):
    return [{**RECIPE["sources"][0], **changes}]


def test_the_split_is_by_animal(folder):
    split = load(recipe_of(folder), folder)
    assert [sample.group for sample in split.validation] == ["c"] * 6
    assert [sample.group for sample in split.train] == ["a"] * 12 + ["b"] * 6


def test_labels_are_in_the_order_of_the_keypoints(folder):
    recipe = recipe_of(folder, keypoints=["dark", "light"])
    first = load(recipe, folder).train[0]
    _, xy = draw(np.random.default_rng(0))  # the first image that was written
    np.testing.assert_allclose(first.xy, xy[::-1], atol=1e-3)
    assert first.size_px == pytest.approx(24, abs=1e-3)
    assert first.image.shape == (SIDE, SIDE)


def test_a_keypoint_can_be_the_mean_of_labels(tmp_path):
    write_data(tmp_path)
    table = tmp_path / "labeled-data" / "a1" / "CollectedData_me.csv"
    write_table(table, [("0.png", [10, 20, 30, 24])])
    parts = {"light": ["LIGHT", "DARK"], "dark": ["DARK"]}
    sample = load(recipe_of(tmp_path, sources=source(keypoints=parts)), tmp_path).train[0]
    np.testing.assert_allclose(sample.xy, [[20, 22], [30, 24]])


def test_an_empty_cell_is_a_keypoint_that_nobody_knows(folder):
    table = folder / "labeled-data" / "a1" / "CollectedData_me.csv"
    write_table(table, [("0.png", ["", "", 30, 24])])
    np.testing.assert_allclose(load(recipe_of(folder), folder).train[0].xy, [[NAN, NAN], [30, 24]])


def test_a_keypoint_that_a_source_does_not_have_is_unknown_there(folder):
    only_dark = source(keypoints={"dark": ["DARK"]}, ignore=["LIGHT"])
    sample = load(recipe_of(folder, sources=only_dark), folder).train[0]
    assert np.isnan(sample.xy[0]).all()
    assert np.isfinite(sample.xy[1]).all()


def test_sources_are_drawn_by_weight(folder):
    both = [*source(weight=3), *source(name="again", weight=1)]
    split = load(recipe_of(folder, sources=both), folder)
    again = [sample.source == "again" for sample in split.train]
    assert split.weights[again].sum() == pytest.approx(0.25)
    assert split.weights.sum() == pytest.approx(1)


def test_every_fault_of_the_data_is_listed_with_file_and_row(folder):
    a1 = folder / "labeled-data" / "a1"
    rows = [
        ("0.png", [10, 20, 30, 24]),
        ("lost.png", [10, 20, 30, 24]),
        ("1.png", [10, 20, 30, 64]),
        ("0.png", [11, 21, 31, 25]),
        ("2.png", [10, "left", 30, 24]),
        ("3.png", [10, 20, 30, 24]),
    ]
    write_table(a1 / "CollectedData_me.csv", rows)
    (a1 / "3.png").write_bytes(b"no image")
    b1 = folder / "labeled-data" / "b1" / "CollectedData_me.csv"
    write_table(b1, [("0.png", [1, 2, 3, 4, 5, 6])], labels=("LIGHT", "DARK", "WHISKER"))
    first, *listed = faults(folder)
    assert first.endswith("have 6 fault(s):")
    table = "labeled-data/a1/CollectedData_me.csv"
    assert sorted(line.strip() for line in listed) == sorted(
        [
            f"{table} row 5: lost.png is missing",
            f"{table} row 6: dark at (30.0, 64.0) is outside 1.png, which is 64 x 64 px",
            f"{table} row 7: 0.png is there twice, see row 4",
            f"{table} row 8: a coordinate is no number, or the row is too short",
            f"{table} row 9: 3.png is no image",
            "labeled-data/b1/CollectedData_me.csv: labels ['WHISKER'] are neither in keypoints "
            "nor in ignore",
        ]
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"folder": "nowhere"}, "nowhere: no table", id="no_table"),
        pytest.param({"hold_out": ["z"]}, r"hold_out names \['z'\], but the animals", id="animal"),
        pytest.param({"hold_out": ["a", "b", "c"]}, "nothing is left to learn", id="all_held_out"),
        pytest.param({"animal": "^(x)"}, "finds no animal in 'a1'", id="no_animal_in_the_name"),
        pytest.param(
            {"keypoints": {"light": ["LIGHT"], "dark": ["TAIL"]}, "ignore": ["DARK"]},
            r"labels \['TAIL'\] are not in it; it has \['DARK', 'LIGHT'\]",
            id="a_label_that_the_table_lacks",
        ),
    ],
)
def test_a_source_that_does_not_fit_its_data_is_an_error(folder, changes, reason):
    with pytest.raises(TrainingError, match=reason):
        load(recipe_of(folder, sources=source(**changes)), folder)


def test_a_table_that_is_none_is_an_error(folder):
    (folder / "labeled-data" / "a1" / "CollectedData_me.csv").write_text("x,y\n1,2\n")
    assert any("no DeepLabCut table" in line for line in faults(folder))


def test_synthetic_rigs_are_split_by_rig(folder):
    drawn = {"kind": "synthetic", "rigs": 2, "hold_out_rigs": 1, "frames_per_rig": 2}
    names = ["nose", "head"]
    recipe = recipe_of(folder, keypoints=names, edges=[names], sources=[{**drawn, "frame_step": 3}])
    split = load(recipe, folder)
    assert [sample.group for sample in split.train] == ["rig 0", "rig 0", "rig 1", "rig 1"]
    assert [sample.group for sample in split.validation] == ["rig 2", "rig 2"]
    assert all(sample.xy.shape == (2, 2) for sample in split.train)
