import numpy as np
import pytest
from data_sets import (
    label_rows,
    write_image,
    write_json,
    write_rows,
    write_session,
    write_slp,
)
from videos import write_video

from tracker.errors import TrainingError
from tracker.learning.data.discover import discover, survey
from tracker.learning.data.formats import read_source
from tracker.learning.samples import Wanted
from tracker.runtimes.base import ModelCard

MOUSE = ModelCard(
    name="net",
    version="1",
    keypoints=("nose", "head", "tail_base"),
    label_names={
        "nose": (("NOSE",), ("snout",)),
        "head": (("HEAD",), ("leftear", "rightear")),
        "tail_base": (("TAIL",), ("tailbase",)),
    },
)
PLAIN = ModelCard(name="net", version="1", keypoints=("nose", "tail"))
PAIR = [5, 6, 25, 6]


def read(folder, card, **mapping):
    """The only source in a folder, and its samples."""
    (source,) = discover(folder, card, mapping)
    faults = []
    wanted = Wanted(
        card.channels, card.keypoints, card.mask_classes, card.classes, tuple(card.quantities)
    )
    samples = read_source(source, wanted, folder, faults)
    assert not faults
    return source, samples


# --- each format


@pytest.mark.parametrize("depth", [".", "labeled-data", "one/project/labeled-data"])
def test_sessions_of_deeplabcut_are_found_at_any_depth(tmp_path, depth):
    for session in ("s1", "s2"):
        write_session(tmp_path / depth / session, [("0.png", PAIR)])
    source, samples = read(tmp_path, PLAIN, nose=("NOSE",))
    assert (source.kind, source.path) == ("deeplabcut", depth)
    assert [sample.group for sample in samples] == ["s1", "s2"]


def test_a_session_itself_can_be_the_folder(tmp_path):
    write_session(tmp_path / "s1", [("0.png", PAIR)])
    source, samples = read(tmp_path / "s1", PLAIN)
    assert source.path == "."
    assert samples[0].key == "s1/0.png"


def test_copies_that_deeplabcut_makes_are_left_out(tmp_path):
    path = write_session(tmp_path / "labeled-data" / "s1", [("0.png", PAIR)])
    copy = tmp_path / "training-datasets" / "iteration-0" / path.name
    copy.parent.mkdir(parents=True)
    copy.write_bytes(path.read_bytes())
    assert [source.path for source in discover(tmp_path, PLAIN)] == ["labeled-data"]


def test_a_table_with_paths_from_its_folder_is_of_lightning_pose(tmp_path):
    write_image(tmp_path / "labeled-data" / "v1" / "0.png")
    rows = label_rows([("labeled-data/v1/0.png", PAIR)], index_cells=1)
    write_rows(tmp_path / "CollectedData_me.csv", rows)
    source, samples = read(tmp_path, PLAIN)
    assert (source.kind, source.path) == ("lightning_pose", "CollectedData_me.csv")
    assert samples[0].key == "v1/0.png"


def test_labels_of_sleap_are_found(tmp_path):
    write_video(tmp_path / "clip.mkv", range(0, 120, 40))
    write_slp(tmp_path / "labels.slp", {1: [([[5, 6], [25, 6]], False)]}, "clip.mkv")
    source, samples = read(tmp_path, PLAIN)
    assert (source.kind, source.path) == ("sleap", "labels.slp")
    np.testing.assert_array_equal(samples[0].xy, [[[5, 6], [25, 6]]])


@pytest.mark.parametrize("images", ["", "images", "../images", "train", "../train"])
def test_images_of_coco_are_found_where_they_are(tmp_path, images):
    write_image(tmp_path / "annotations" / images / "0.png")
    content = {
        "images": [{"id": 1, "file_name": "0.png"}],
        "annotations": [
            {
                "image_id": 1,
                "category_id": 1,
                "keypoints": [5, 6, 2, 25, 6, 2],
                "segmentation": [[4, 6, 14, 6, 14, 16, 4, 16]],
            }
        ],
        "categories": [{"id": 1, "name": "mouse", "keypoints": ["nose", "tail"]}],
    }
    write_json(tmp_path / "annotations" / "train.json", content)
    source, samples = read(tmp_path, PLAIN.model_copy(update={"mask_classes": ("mouse",)}))
    assert (source.kind, source.images) == ("coco", images)
    np.testing.assert_array_equal(samples[0].xy, [[[5, 6], [25, 6]]])
    assert samples[0].mask.sum() == 100


def test_a_table_of_classes_is_found_and_its_other_columns_are_ignored(tmp_path):
    write_image(tmp_path / "0.png")
    write_rows(tmp_path / "t.csv", [["image", "rearing", "notes"], ["0.png", 1, "nice"]])
    card = ModelCard(name="net", version="1", classes=("rearing",), quantities={"weight": "g"})
    source, samples = read(tmp_path, card)
    assert (source.kind, source.ignore) == ("table", ("notes",))
    assert samples[0].classes.tolist() == [1]


def test_all_data_sets_of_a_folder_are_found(tmp_path):
    write_session(tmp_path / "dlc" / "s1", [("0.png", PAIR)])
    write_image(tmp_path / "lp" / "v1" / "0.png")
    rows = label_rows([("v1/0.png", PAIR)], index_cells=1)
    write_rows(tmp_path / "lp" / "labels.csv", rows)
    assert [source.name for source in discover(tmp_path, PLAIN)] == [
        f"{tmp_path.name}/dlc",
        f"{tmp_path.name}/lp/labels.csv",
    ]


def test_other_files_are_not_labelled_data(tmp_path):
    write_session(tmp_path / "s1", [("0.png", PAIR)])
    predictions = label_rows([(str(n), PAIR) for n in range(3)], index_cells=1)
    write_rows(tmp_path / "videoDLC_resnet.csv", predictions)
    write_rows(tmp_path / "weights.csv", [["mouse", "g"], ["m1", "20"]])
    write_json(tmp_path / "settings.json", {"a": 1})
    (tmp_path / "broken.slp").write_text("no slp")
    assert len(discover(tmp_path, PLAIN)) == 1


# --- names


def test_the_card_knows_the_names_of_other_data_sets(tmp_path):
    labels = ("snout", "leftear", "rightear", "tailbase", "object")
    write_session(tmp_path / "s1", [("0.png", [1, 2, 3, 4, 5, 8, 7, 8, "", ""])], labels=labels)
    source, samples = read(tmp_path, MOUSE)
    assert source.ignore == ("object",)
    np.testing.assert_array_equal(samples[0].xy, [[[1, 2], [4, 6], [7, 8]]])


def test_what_a_person_says_counts_before_the_card(tmp_path):
    write_session(tmp_path / "s1", [("0.png", PAIR)], labels=("NOSE", "tip"))
    source, _ = read(tmp_path, MOUSE, nose=("tip",), head=("NOSE", "tip"))
    assert source.keypoints == {"nose": ("tip",), "head": ("NOSE", "tip")}


def test_a_list_of_labels_counts_only_if_the_data_have_all_of_them(tmp_path):
    write_session(tmp_path / "s1", [("0.png", PAIR)], labels=("NOSE", "leftear"))
    source, samples = read(tmp_path, MOUSE)
    assert source.keypoints == {"nose": ("NOSE",)}
    assert source.ignore == ("leftear",)
    assert np.isnan(samples[0].xy[0, 1:]).all()


def test_equal_names_are_found_however_they_are_written(tmp_path):
    write_session(tmp_path / "s1", [("0.png", PAIR)], labels=("Tail Base", "x"))
    assert read(tmp_path, MOUSE)[0].keypoints == {"tail_base": ("Tail Base",)}


def test_sessions_get_pseudo_masks_if_the_network_has_one_class_of_mask(tmp_path):
    write_session(tmp_path / "s1", [("0.png", PAIR)])
    one = PLAIN.model_copy(update={"mask_classes": ("mouse",)})
    two = PLAIN.model_copy(update={"mask_classes": ("mouse", "rat")})
    assert [discover(tmp_path, card)[0].pseudo_masks for card in (PLAIN, one, two)] == [
        False,
        True,
        False,
    ]


def test_in_a_survey_every_label_is_a_keypoint(tmp_path):
    write_session(tmp_path / "s1", [("0.png", PAIR)])
    write_image(tmp_path / "0.png")
    write_rows(tmp_path / "t.csv", [["image", "rearing"], ["0.png", 1]])
    (source,) = survey(tmp_path)
    assert source.kind == "deeplabcut"
    assert source.keypoints == {"NOSE": ("NOSE",), "TAIL": ("TAIL",)}
    assert source.ignore == ()


# --- errors


def test_data_without_any_of_the_keypoints_are_an_error_that_says_what_to_do(tmp_path):
    write_session(tmp_path / "s1", [("0.png", PAIR)], labels=("wing", "leg"))
    with pytest.raises(TrainingError) as caught:
        discover(tmp_path, PLAIN)
    assert str(caught.value) == (
        f"{tmp_path.name} has keypoints ['wing', 'leg']; but the network net knows keypoints "
        "['nose', 'tail']: say which labels are which keypoint, as in --map nose=LABEL or "
        "--map nose=LABEL,LABEL for their mean"
    )


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        pytest.param(
            {"wing": ("NOSE",)}, r"\['wing'\] are none of the keypoints of net", id="ours"
        ),
        pytest.param(
            {"nose": ("SNOUT",)},
            r"--map nose=SNOUT: no data set has these labels; there are \['NOSE', 'TAIL'\]",
            id="theirs",
        ),
    ],
)
def test_a_map_of_what_is_not_there_is_an_error(tmp_path, mapping, reason):
    write_session(tmp_path / "s1", [("0.png", PAIR)])
    with pytest.raises(TrainingError, match=reason):
        discover(tmp_path, PLAIN, mapping)


@pytest.mark.parametrize(
    ("name", "reason"), [("none", "is no folder"), (".", "no labelled data in")]
)
def test_a_folder_without_labelled_data_is_an_error(tmp_path, name, reason):
    with pytest.raises(TrainingError, match=reason):
        discover(tmp_path / name, PLAIN)


# --- real data


@pytest.mark.parametrize(
    ("name", "kinds", "n_ignored"),
    [("mouse_open_field", {"deeplabcut"}, 1), ("mouse_open_field_dlc", {"deeplabcut"}, 0)],
)
def test_one_card_fits_both_real_sets_of_mice(shared_data, name, kinds, n_ignored):
    sources = discover(shared_data / name, MOUSE)
    assert {source.kind for source in sources} == kinds
    assert [set(source.keypoints) for source in sources] == [set(MOUSE.keypoints)]
    assert [len(source.ignore) for source in sources] == [n_ignored]


def test_the_real_mirror_mouse_and_flies_are_found(shared_data):
    mirror = ModelCard(name="net", version="1", keypoints=("nose_top", "nose_bot"))
    assert [source.kind for source in discover(shared_data / "mouse_mirror", mirror)] == [
        "lightning_pose"
    ]
    flies = ModelCard(name="net", version="1", keypoints=("head", "wingL"), max_individuals=3)
    assert [source.path for source in discover(shared_data / "flies", flies)] == [
        "clip.slp",
        "single_fly.slp",
        "three_flies.slp",
        "two_flies.slp",
    ]
