import numpy as np
import pytest
from data_sets import PARTS, WANTED, label_rows, source_of, write_image, write_rows

from tracker.errors import TrainingError
from tracker.learning.data.formats import read_source
from tracker.learning.data.images import MAX_BYTES
from tracker.learning.samples import Wanted

NAN = float("nan")
PAIR = [5, 6, 25, 6]
JUDGED = Wanted(
    channels=1, keypoints=("nose",), classes=("usable", "rearing"), quantities=("weight_g",)
)


def read(root, kind, path, wanted, **fields):
    faults = []
    return read_source(source_of(kind, path, **fields), wanted, root, faults), faults


# --- Lightning Pose


@pytest.mark.parametrize("scorer", [True, False], ids=["three_header_rows", "two"])
def test_paths_of_lightning_pose_are_relative_to_its_table(tmp_path, scorer):
    write_image(tmp_path / "labeled-data" / "v1" / "img02.png")
    rows = [("labeled-data/v1/img02.png", PAIR)]
    write_rows(tmp_path / "Labels.csv", label_rows(rows, index_cells=1, scorer=scorer))
    (sample,), faults = read(tmp_path, "lightning_pose", "Labels.csv", WANTED, keypoints=PARTS)
    assert not faults
    np.testing.assert_array_equal(sample.xy, [[[5, 6], [25, 6]]])
    assert (sample.key, sample.group) == ("v1/img02.png", "v1")


def test_images_beside_the_table_have_its_folder_as_their_session(tmp_path):
    write_image(tmp_path / "rig2" / "a.png")
    write_rows(tmp_path / "rig2" / "Labels.csv", label_rows([("a.png", PAIR)], index_cells=1))
    (sample,), _ = read(tmp_path, "lightning_pose", "rig2/Labels.csv", WANTED, keypoints=PARTS)
    assert (sample.key, sample.group) == ("rig2/a.png", "rig2")


def test_columns_of_likelihood_are_left_out(tmp_path):
    write_image(tmp_path / "v" / "0.png")
    rows = [
        ["bodyparts", *["NOSE"] * 3, *["TAIL"] * 3],
        ["coords", *["x", "y", "likelihood"] * 2],
        ["v/0.png", 5, 6, 0.9, 25, 6, 0.8],
    ]
    write_rows(tmp_path / "Labels.csv", rows)
    (sample,), _ = read(tmp_path, "lightning_pose", "Labels.csv", WANTED, keypoints=PARTS)
    np.testing.assert_array_equal(sample.xy, [[[5, 6], [25, 6]]])


@pytest.mark.parametrize("kind", ["lightning_pose", "table"])
def test_a_table_that_is_missing_is_named(tmp_path, kind):
    _, faults = read(tmp_path, kind, "none.csv", WANTED)
    assert len(faults) == 1
    assert faults[0].startswith("none.csv: there is no such file")


def test_a_data_set_that_needs_too_much_memory_is_refused_before_it_is_read(tmp_path):
    write_image(tmp_path / "v" / "0.png", size=(1000, 1000))
    rows = [(f"v/{n}.png", PAIR) for n in range(MAX_BYTES // 1_000_000 + 1)]
    write_rows(tmp_path / "Labels.csv", label_rows(rows, index_cells=1))
    with pytest.raises(TrainingError, match=r"4001 images need about 4\.0 GB of memory"):
        read(tmp_path, "lightning_pose", "Labels.csv", WANTED, keypoints=PARTS)


# --- classes and quantities


def table(root, *rows):
    for name in ("0.png", "1.png"):
        write_image(root / "day1" / name)
    return write_rows(root / "day1" / "judged.csv", rows)


def test_classes_and_quantities_come_from_the_columns_of_their_names(tmp_path):
    table(tmp_path, ["image", "Weight-g", "rearing"], ["0.png", 24.5, 1], ["1.png", "", "0.0"])
    (first, second), faults = read(tmp_path, "table", "day1/judged.csv", JUDGED)
    assert not faults
    np.testing.assert_array_equal(first.classes, [1, 1])
    np.testing.assert_array_equal(second.classes, [1, 0])
    np.testing.assert_array_equal([first.quantities, second.quantities], [[24.5], [NAN]])
    assert (first.where, first.key) == ("day1/judged.csv row 2", "day1/0.png")


def test_of_where_animals_are_a_table_of_classes_knows_nothing(tmp_path):
    table(tmp_path, ["image", "rearing"], ["0.png", 1])
    (sample,), _ = read(tmp_path, "table", "day1/judged.csv", JUDGED)
    assert sample.xy.shape == (1, 1, 2)
    assert np.isnan(sample.xy).all()


def test_what_a_table_says_of_usable_counts_before_the_source(tmp_path):
    table(tmp_path, ["image", "usable"], ["0.png", 0], ["1.png", ""])
    (first, second), _ = read(tmp_path, "table", "day1/judged.csv", JUDGED)
    np.testing.assert_array_equal([first.classes, second.classes], [[0, NAN], [1, NAN]])


def test_every_cell_that_cannot_be_is_named_with_its_row(tmp_path):
    table(
        tmp_path,
        ["image", "rearing", "weight_g"],
        ["0.png", "2", "heavy"],
        ["1.png", "yes", "inf"],
        ["1.png", 1, 3],
        ["", 1, 3],
    )
    _, faults = read(tmp_path, "table", "day1/judged.csv", JUDGED)
    row = "day1/judged.csv row"
    assert sorted(faults) == [
        f"{row} 2: rearing is '2', expected 0, 1 or nothing",
        f"{row} 2: weight_g is 'heavy', expected a number or nothing",
        f"{row} 3: rearing is 'yes', expected 0, 1 or nothing",
        f"{row} 3: weight_g is 'inf', expected a number or nothing",
        f"{row} 4: 1.png is there twice, see {row} 3",
        f"{row} 5: (no image named) is missing in {tmp_path / 'day1'}",
    ]


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        pytest.param(["picture", "rearing"], "it has no column 'image'", id="no_image"),
        pytest.param(
            ["image", "raering", "rearing"], r"columns ['raering'] are none", id="unknown"
        ),
        pytest.param(["image"], "none of the columns ['image'] is one of", id="nothing_wanted"),
    ],
)
def test_a_table_whose_columns_do_not_fit_is_a_fault(tmp_path, header, fault):
    table(tmp_path, header, ["0.png", *["1"] * (len(header) - 1)])
    samples, faults = read(tmp_path, "table", "day1/judged.csv", JUDGED)
    assert not samples
    assert fault in faults[0]


def test_a_column_may_be_ignored(tmp_path):
    table(tmp_path, ["image", "rearing", "notes"], ["0.png", 1, "nice"])
    samples, faults = read(tmp_path, "table", "day1/judged.csv", JUDGED, ignore=("notes",))
    assert len(samples) == 1
    assert not faults
