"""A first recipe: what the labelled images themselves say."""

import pytest
from data_sets import write_session

from tracker.errors import TrainingError
from tracker.learning.data.loading import load
from tracker.learning.new_recipe import mirrored, new_recipe, split_of
from tracker.learning.recipe import read_recipe
from tracker.learning.samples import Sample

SESSIONS = ("a_1", "a_2", "b_1", "b_2", "c_1")
LABELS = ("NOSE", "EAR_left", "EAR_right")
ROW = [5, 10, 8, 7, 8, 13]  # px: 5, 6 and 4.2 between nose and ears


@pytest.fixture
def project(tmp_path):
    for session in SESSIONS:
        rows = [(f"img{n}.png", ROW) for n in range(4)]
        write_session(tmp_path / "project" / "labeled-data" / session, rows, labels=LABELS)
    return tmp_path / "project"


def test_a_recipe_for_a_deeplabcut_project_loads_its_images(project, tmp_path):
    made = new_recipe(project, tmp_path / "my_mouse")
    recipe = read_recipe(made.path)
    split = load(recipe, tmp_path / recipe.data)
    assert (made.images, made.groups, made.keypoints) == (20, 5, LABELS)
    assert (len(split.train), len(split.validation)) == (16, 4)
    assert recipe.name == "my_mouse"


def test_whole_sessions_are_held_out(project, tmp_path):
    made = new_recipe(project, tmp_path / "out")
    assert made.held_out == ("a_2",)


def test_left_and_right_change_places_in_a_mirror_image(project, tmp_path):
    recipe = read_recipe(new_recipe(project, tmp_path / "out").path)
    assert recipe.heads.pose.mirror == (("EAR_left", "EAR_right"),)


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        pytest.param(["leftear", "rightear", "snout"], [["leftear", "rightear"]], id="in_front"),
        pytest.param(["wingL", "wingR"], [["wingL", "wingR"]], id="a_capital"),
        pytest.param(["LEar", "REar", "LEye"], [["LEar", "REar"]], id="one_without_its_twin"),
        pytest.param(["nose", "tail"], [], id="none"),
    ],
)
def test_names_that_differ_in_left_and_right_alone_are_a_pair(names, pairs):
    assert mirrored(names) == pairs


def test_the_skeleton_of_the_project_is_taken_over(project, tmp_path):
    config = "skeleton:\n- [NOSE, EAR_left]\n- [NOSE, no_such_part]\n"
    (project / "config.yaml").write_text(config, encoding="utf-8")
    recipe = read_recipe(new_recipe(project, tmp_path / "out").path)
    assert recipe.heads.pose.edges == (("NOSE", "EAR_left"),)


def test_a_label_that_hardly_any_image_has_is_left_out(project, tmp_path):
    for session in SESSIONS:
        rows = [(f"img{n}.png", [*ROW, "", ""]) for n in range(5)]
        if session == "a_1":
            rows[0] = ("img0.png", [*ROW, 1, 1])  # one image of 25
        write_session(project / "labeled-data" / session, rows, labels=(*LABELS, "object"))
    made = new_recipe(project, tmp_path / "out")
    assert made.left_out == ("object",)
    assert load(read_recipe(made.path), project).train


def test_an_animal_that_is_small_in_the_image_is_followed_with_a_crop(project, tmp_path):
    recipe = read_recipe(new_recipe(project, tmp_path / "out").path)
    assert recipe.input.crop is not None  # 6 px of 40


def test_faults_in_the_data_are_listed_and_nothing_is_written(project, tmp_path):
    rows = [("img0.png", [500, 10, 8, 7, 8, 13])]
    write_session(project / "labeled-data" / "d_1", rows, labels=LABELS)
    with pytest.raises(TrainingError, match=r"1 fault\(s\):\n.*NOSE at \(500\.0, 10\.0\)"):
        new_recipe(project, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_recipe_that_is_there_is_not_overwritten(project, tmp_path):
    new_recipe(project, tmp_path / "out")
    with pytest.raises(TrainingError, match="is there already"):
        new_recipe(project, tmp_path / "out")


def keyed(keys):
    return [Sample(None, None, "", "", 1.0, key=key) for key in keys]


def test_one_session_is_split_by_stretches_of_its_frames():
    split = split_of(keyed(f"video/{n:06d}" for n in range(0, 1000, 5)))
    assert split.groups == 10
    assert split.hold_out == ("video/0001", "video/0006")


def test_images_that_cannot_be_told_apart_are_an_error():
    with pytest.raises(TrainingError, match="2 image"):
        split_of(keyed(["session/one.png", "session/two.png"]))
