import numpy as np
import pytest
from data_sets import HEIGHT, PARTS, WIDTH, source_of, write_image, write_json
from pycocotools import mask as coco_mask

from tracker.learning.data.formats import read_source
from tracker.learning.samples import Wanted

NAN = float("nan")
WANTED = Wanted(channels=1, keypoints=("nose", "tail"), mask_classes=("rat", "mouse"))
BOX = [4, 6, 14, 6, 14, 16, 4, 16]  # polygon around columns 4 to 13, rows 6 to 15
MOUSE = {"id": 7, "name": "Mouse", "keypoints": ["NOSE", "TAIL"]}


def animal(keypoints=(5, 8, 2, 12, 8, 1), **fields):
    return {"image_id": 1, "category_id": 7, "keypoints": list(keypoints), **fields}


def coco(root, *animals, categories=(MOUSE,), file_name="day1/0.png", **image):
    write_image(root / file_name)
    content = {
        "images": [{"id": 1, "file_name": file_name, **image}],
        "annotations": [{"id": n, **item} for n, item in enumerate(animals)],
        "categories": list(categories),
    }
    return write_json(root / "labels.json", content)


def read(root, wanted=WANTED, **fields):
    faults = []
    settings = {"keypoints": PARTS, **fields}
    return read_source(source_of("coco", "labels.json", **settings), wanted, root, faults), faults


def box_mask(columns=slice(4, 14), rows=slice(6, 16)):
    inside = np.zeros((HEIGHT, WIDTH), np.uint8)
    inside[rows, columns] = 1
    return inside


def test_each_annotation_of_an_image_is_an_individual(tmp_path):
    coco(tmp_path, animal(), animal((1, 2, 2, 3, 4, 2)))
    (sample,), faults = read(tmp_path)
    assert not faults
    np.testing.assert_array_equal(sample.xy, [[[5, 8], [12, 8]], [[1, 2], [3, 4]]])
    assert (sample.where, sample.key) == ("labels.json image 1", "day1/0.png")


def test_a_keypoint_with_v_of_0_is_unknown_and_a_hidden_one_is_not(tmp_path):
    coco(tmp_path, animal((0, 0, 0, 12, 8, 1)))
    (sample,), _ = read(tmp_path)
    np.testing.assert_array_equal(sample.xy, [[[NAN, NAN], [12, 8]]])


def test_an_image_without_annotations_shows_no_animal(tmp_path):
    coco(tmp_path)
    (sample,), _ = read(tmp_path)
    assert sample.xy.shape == (0, 2, 2)
    assert not sample.mask.any()
    assert not sample.owner.any()


def rle(inside, *, packed):
    code = coco_mask.encode(np.asfortranarray(inside))
    if packed:
        return {"size": code["size"], "counts": code["counts"].decode()}
    runs, value, length = [], 0, 0
    for pixel in inside.T.ravel():
        if pixel != value:
            runs, value, length = [*runs, length], pixel, 0
        length += 1
    return {"size": list(inside.shape), "counts": [*runs, length]}


@pytest.mark.parametrize(
    "outline",
    [
        pytest.param([BOX], id="polygon"),
        pytest.param([BOX[:6], [4, 6, 14, 16, 4, 16]], id="polygons"),
        pytest.param(rle(box_mask(), packed=True), id="run_lengths_packed"),
        pytest.param(rle(box_mask(), packed=False), id="run_lengths_in_numbers"),
    ],
)
def test_outlines_become_masks_of_their_class(tmp_path, outline):
    coco(tmp_path, animal(segmentation=outline))
    (sample,), faults = read(tmp_path)
    assert not faults
    np.testing.assert_array_equal(sample.mask, 2 * box_mask())  # "mouse" is the second class
    np.testing.assert_array_equal(sample.owner, box_mask())
    assert not sample.pseudo_mask


def test_owners_are_counted_as_the_individuals_are(tmp_path):
    right = [20, 6, 30, 6, 30, 16, 20, 16]
    coco(tmp_path, animal(segmentation=[BOX]), animal(segmentation=[right]))
    (sample,), _ = read(tmp_path)
    np.testing.assert_array_equal(sample.owner, box_mask() + 2 * box_mask(slice(20, 30)))
    np.testing.assert_array_equal(sample.mask, 2 * (sample.owner > 0))


def test_a_mask_is_unknown_if_an_animal_has_no_outline(tmp_path):
    coco(tmp_path, animal(segmentation=[BOX]), animal())
    (sample,), _ = read(tmp_path)
    assert sample.mask is None
    assert sample.owner is None


def test_a_crowd_is_masked_and_no_individual(tmp_path):
    crowd = rle(box_mask(), packed=False)
    coco(tmp_path, animal((), segmentation=crowd, iscrowd=1))
    (sample,), _ = read(tmp_path)
    assert sample.xy.shape == (0, 2, 2)
    np.testing.assert_array_equal(sample.mask, 2 * box_mask())


def test_masks_of_other_kinds_are_not_known(tmp_path):
    coco(tmp_path, animal(segmentation=[BOX]), categories=[{**MOUSE, "name": "cat"}])
    (sample,), _ = read(tmp_path)
    assert sample.mask is None
    np.testing.assert_array_equal(sample.owner, box_mask())


def test_masks_alone_need_no_keypoints(tmp_path):
    coco(
        tmp_path,
        {"image_id": 1, "category_id": 7, "segmentation": [BOX]},
        categories=[{"id": 7, "name": "mouse"}],
    )
    (sample,), faults = read(tmp_path, keypoints={})
    assert not faults
    assert sample.xy.shape == (1, 2, 2)
    assert np.isnan(sample.xy).all()
    np.testing.assert_array_equal(sample.mask, 2 * box_mask())


def test_images_may_lie_in_a_folder_of_their_own(tmp_path):
    coco(tmp_path, animal())
    (tmp_path / "day1").rename(tmp_path / "day2")
    content = (tmp_path / "labels.json").read_text().replace("day1/", "")
    (tmp_path / "labels.json").write_text(content)
    (sample,), _ = read(tmp_path, images="day2")
    assert sample.group == "day2"


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        pytest.param(
            {"segmentation": {"size": [WIDTH, HEIGHT], "counts": [WIDTH * HEIGHT]}},
            "labels.json image 1: a mask is 30 x 40 px, but the image is 40 x 30 px",
            id="mask_of_wrong_size",
        ),
        pytest.param(
            {"segmentation": ["x"]},
            "labels.json: wrong fields of COCO: annotations.0.segmentation",
            id="no_outline",
        ),
        pytest.param(
            {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [7]}},
            "its runs are of 7 px, but its size is 1200 px",
            id="too_few_runs",
        ),
        pytest.param(
            {"keypoints": [1, 2, 2]},
            "labels.json image 1: an animal has 3 numbers as keypoints, expected x, y, v of 2",
            id="too_few_keypoints",
        ),
        pytest.param(
            {"keypoints": [40, 2, 2, 1, 1, 2]},
            "labels.json image 1: NOSE at (40.0, 2.0) is outside day1/0.png",
            id="label_outside",
        ),
        pytest.param({"image_id": 9}, "annotations are of images [9]", id="unknown_image"),
        pytest.param({"category_id": 9}, "annotations are of categories [9]", id="unknown_kind"),
        pytest.param({"keypoints": "x"}, "wrong fields of COCO: annotations.0", id="wrong_field"),
    ],
)
def test_a_fault_of_an_annotation_is_named(tmp_path, made, fault):
    coco(tmp_path, {**animal(), **made})
    _, faults = read(tmp_path)
    assert len(faults) == 1
    assert fault in faults[0]


def test_an_image_of_another_size_than_stated_is_named(tmp_path):
    coco(tmp_path, animal(), width=80, height=60)
    assert read(tmp_path)[1] == [
        "labels.json image 1: it says that day1/0.png is 80 x 60 px, but it is 40 x 30 px"
    ]


def test_a_json_that_is_no_coco_is_named(tmp_path):
    write_json(tmp_path / "labels.json", {"videos": []})
    assert read(tmp_path)[1] == [
        "labels.json: no COCO file (expected JSON with images and annotations)"
    ]
