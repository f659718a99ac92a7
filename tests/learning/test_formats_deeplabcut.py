import cv2
import numpy as np
import pandas as pd
import pytest
from data_sets import PARTS, WANTED, label_rows, source_of, write_image, write_rows, write_session

from tracker.learning.data.formats import read_source
from tracker.learning.samples import Wanted

NAN = float("nan")
PAIR = [5, 6, 25, 6]  # nose and tail, 20 px apart


def read(root, faults=None, wanted=WANTED, **fields):
    found = [] if faults is None else faults
    settings = {"keypoints": PARTS, **fields}
    samples = read_source(source_of("deeplabcut", "labeled-data", **settings), wanted, root, found)
    assert faults is not None or not found
    return samples


def session(root, name="s1"):
    return root / "labeled-data" / name


@pytest.mark.parametrize("index_cells", [1, 3], ids=["old_path_in_one_cell", "new_path_in_three"])
def test_images_of_old_and_new_tables_are_found(tmp_path, index_cells):
    write_session(session(tmp_path), [("0.png", PAIR)], index_cells=index_cells)
    (sample,) = read(tmp_path)
    np.testing.assert_array_equal(sample.xy, [[[5, 6], [25, 6]]])
    assert sample.size_px == 20
    assert sample.image.shape == (30, 40)
    assert (sample.key, sample.group, sample.source) == ("s1/0.png", "s1", "set")
    assert sample.where == "labeled-data/s1/CollectedData_me.csv row 4"


def test_windows_paths_in_a_table_are_read_everywhere(tmp_path):
    write_image(session(tmp_path) / "0.png")
    rows = label_rows([(r"labeled-data\s1\0.png", PAIR)], index_cells=1)
    write_rows(session(tmp_path) / "CollectedData_me.csv", rows)
    assert read(tmp_path)[0].key == "s1/0.png"


def test_several_animals_are_individuals(tmp_path):
    rows = [("0.png", [1, 2, 3, 4, 5, 6, 7, 8])]
    write_session(session(tmp_path), rows, individuals=("m1", "m2"))
    np.testing.assert_array_equal(read(tmp_path)[0].xy, [[[1, 2], [3, 4]], [[5, 6], [7, 8]]])


def test_an_animal_without_labels_is_not_in_the_image(tmp_path):
    rows = [("0.png", ["", "", "", "", 5, 6, "", ""])]
    write_session(session(tmp_path), rows, individuals=("m1", "m2"))
    np.testing.assert_array_equal(read(tmp_path)[0].xy, [[[5, 6], [NAN, NAN]]])


def test_of_a_row_without_labels_nothing_is_known(tmp_path):
    write_session(session(tmp_path), [("0.png", ["", "", "", ""]), ("1.png", PAIR)])
    np.testing.assert_array_equal(read(tmp_path)[0].xy, [[[NAN, NAN], [NAN, NAN]]])


def test_unique_bodyparts_are_an_individual_of_their_own(tmp_path):
    write_image(session(tmp_path) / "0.png")
    rows = [
        ["scorer", "", "", *["me"] * 4],
        ["individuals", "", "", "m1", "m1", "single", "single"],
        ["bodyparts", "", "", "NOSE", "NOSE", "TAIL", "TAIL"],
        ["coords", "", "", "x", "y", "x", "y"],
        ["labeled-data", "s1", "0.png", 1, 2, 3, 4],
    ]
    write_rows(session(tmp_path) / "CollectedData_me.csv", rows)
    np.testing.assert_array_equal(
        read(tmp_path)[0].xy, [[[1, 2], [NAN, NAN]], [[NAN, NAN], [3, 4]]]
    )


@pytest.mark.parametrize("key", ["df_with_missing", "keypoints"])
def test_a_session_that_has_only_hdf5_is_read(tmp_path, key):
    write_image(session(tmp_path) / "0.png")
    columns = pd.MultiIndex.from_product(
        [["me"], ["NOSE", "TAIL"], ["x", "y"]], names=["scorer", "bodyparts", "coords"]
    )
    index = pd.MultiIndex.from_tuples([("labeled-data", "s1", "0.png")])
    frame = pd.DataFrame([[5.0, 6.0, 25.0, NAN]], index=index, columns=columns)
    frame["me", "TAIL", "y"] = 6.0
    frame.to_hdf(session(tmp_path) / "CollectedData_me.h5", key=key)
    (sample,) = read(tmp_path)
    np.testing.assert_array_equal(sample.xy, [[[5, 6], [25, 6]]])
    assert sample.where == "labeled-data/s1/CollectedData_me.h5 row 1"


def test_the_csv_counts_where_both_are(tmp_path):
    write_session(session(tmp_path), [("0.png", PAIR)])
    (session(tmp_path) / "CollectedData_me.h5").write_bytes(b"no HDF5")
    assert len(read(tmp_path)) == 1


def test_a_file_that_is_no_hdf5_is_named(tmp_path):
    write_image(session(tmp_path) / "0.png")
    (session(tmp_path) / "CollectedData_me.h5").write_bytes(b"no HDF5")
    faults = []
    read(tmp_path, faults)
    assert len(faults) == 1
    assert faults[0].startswith("labeled-data/s1/CollectedData_me.h5: cannot be read as HDF5")


def test_two_tables_of_one_session_are_a_fault(tmp_path):
    path = write_session(session(tmp_path), [("0.png", PAIR)])
    path.with_name("CollectedData_you.csv").write_bytes(path.read_bytes())
    faults = []
    read(tmp_path, faults)
    assert faults == [
        "labeled-data/s1: ['CollectedData_me.csv', 'CollectedData_you.csv'] are two tables of "
        "the same images"
    ]


def test_a_keypoint_is_the_mean_of_its_labels(tmp_path):
    write_session(session(tmp_path), [("0.png", PAIR)])
    parts = {"nose": ("NOSE", "TAIL")}
    (sample,) = read(tmp_path, keypoints=parts)
    np.testing.assert_array_equal(sample.xy, [[[15, 6], [NAN, NAN]]])


def test_the_mean_of_labels_is_unknown_where_one_of_them_is(tmp_path):
    write_session(session(tmp_path), [("0.png", [5, 6, "", ""]), ("1.png", PAIR)])
    (first, _) = read(tmp_path, keypoints={"nose": ("NOSE", "TAIL")})
    assert np.isnan(first.xy).all()


def test_without_a_map_our_own_names_are_taken_however_they_are_written(tmp_path):
    write_session(session(tmp_path), [("0.png", PAIR)], labels=("Nose", "tail-Base"))
    wanted = Wanted(channels=1, keypoints=("tail_base", "nose"))
    (sample,) = read(tmp_path, wanted=wanted, keypoints={})
    np.testing.assert_array_equal(sample.xy, [[[25, 6], [5, 6]]])


def test_a_whole_project_can_be_given_as_the_path(tmp_path):
    write_session(session(tmp_path), [("0.png", PAIR)])
    source = source_of("deeplabcut", ".", keypoints=PARTS)
    assert [sample.group for sample in read_source(source, WANTED, tmp_path, [])] == ["s1"]


def test_colour_is_read_as_rgb(tmp_path):
    write_session(session(tmp_path), [("0.png", PAIR)])
    (sample,) = read(tmp_path, wanted=Wanted(channels=3, keypoints=("nose", "tail")))
    assert sample.image.shape == (30, 40, 3)


def test_a_usable_source_says_so_and_knows_no_other_class(tmp_path):
    write_session(session(tmp_path), [("0.png", PAIR)])
    wanted = Wanted(channels=1, keypoints=("nose", "tail"), classes=("rearing", "usable"))
    np.testing.assert_array_equal(read(tmp_path, wanted=wanted)[0].classes, [NAN, 1])
    np.testing.assert_array_equal(
        read(tmp_path, wanted=wanted, usable=False)[0].classes, [NAN, NAN]
    )


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        pytest.param(("0.png", [39.5, 29.5, -0.5, -0.5]), None, id="on_the_outer_edges"),
        pytest.param(
            ("0.png", [39.6, 6, 25, 6]),
            "row 4: NOSE at (39.6, 6.0) is outside s1/0.png, which is 40 x 30 px",
            id="to_the_right",
        ),
        pytest.param(
            ("0.png", [5, 6, 25, -0.6]),
            "row 4: TAIL at (25.0, -0.6) is outside s1/0.png, which is 40 x 30 px",
            id="above",
        ),
        pytest.param(("0.png", [5, 6, 25, ""]), "row 4: TAIL has only one of x and y", id="half"),
        pytest.param(
            ("0.png", [5, 6, 25]),
            "row 4: a coordinate is no number, or the row is too short",
            id="short",
        ),
    ],
)
def test_a_label_that_cannot_be_is_named_with_its_row(tmp_path, row, fault):
    write_session(session(tmp_path), [row])
    faults = []
    read(tmp_path, faults)
    table = "labeled-data/s1/CollectedData_me.csv"
    assert faults == ([f"{table} {fault}"] if fault else [])


def test_a_label_that_no_keypoint_uses_may_lie_anywhere(tmp_path):
    write_session(session(tmp_path), [("0.png", [5, 6, 999, 6])])
    assert len(read(tmp_path, keypoints={"nose": ("NOSE",)}, ignore=("TAIL",))) == 1


def test_masks_by_background_are_called_pseudo_masks(tmp_path):
    rows = [(f"{n}.png", [5 + 4 * n, 8, 13 + 4 * n, 8]) for n in range(6)]
    write_session(session(tmp_path), rows)
    for n in range(6):
        image = np.full((30, 40), 180, np.uint8)
        image[5:12, 4 + 4 * n : 15 + 4 * n] = 30
        cv2.imwrite(str(session(tmp_path) / f"{n}.png"), image)
    wanted = Wanted(channels=1, keypoints=("nose", "tail"), mask_classes=("mouse",))
    samples = read(tmp_path, wanted=wanted, pseudo_masks=True)
    assert all(sample.pseudo_mask and sample.mask.max() == 1 for sample in samples)
    np.testing.assert_array_equal(samples[0].owner, samples[0].mask)


def test_pseudo_masks_of_several_classes_are_a_fault(tmp_path):
    write_session(session(tmp_path), [("0.png", PAIR)])
    faults = []
    wanted = Wanted(channels=1, keypoints=("nose", "tail"), mask_classes=("mouse", "rat"))
    read(tmp_path, faults, wanted=wanted, pseudo_masks=True)
    assert faults == [
        "set: pseudo_masks knows one kind of animal, but the mask classes are ['mouse', 'rat']"
    ]
