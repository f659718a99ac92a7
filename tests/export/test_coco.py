"""COCO keypoints, opened by pycocotools and by our own reader of labels."""

import contextlib
import io

import cv2
import numpy as np
import pytest
from data_sets import source_of
from exported import IN_VIDEO, NO_TAIL, PROCESSED, SHAPE, image, session
from pycocotools.coco import COCO

from tracker.errors import ExportError
from tracker.export import coco
from tracker.export.coco import Choice, chosen
from tracker.export.session_view import view_of
from tracker.learning.data.formats import read_source
from tracker.learning.samples import Wanted
from tracker.recording import Recording

BOTH = sorted(set(PROCESSED) & set(IN_VIDEO))


def written(view, folder, n_images=4, choice=Choice.EVEN):
    coco.write(view, folder, lambda _d, _o: None, n_images=n_images, choice=choice)
    return folder / f"{view.name}_coco"


def opened(folder):
    with contextlib.redirect_stdout(io.StringIO()):  # it says how long it took
        return COCO(str(folder / "annotations.json"))


def test_pycocotools_finds_every_animal_and_its_keypoints(view, tmp_path):
    labels = opened(written(view, tmp_path, n_images=100))
    assert sorted(labels.getImgIds()) == BOTH
    (category,) = labels.loadCats(labels.getCatIds())
    assert category["keypoints"] == ["nose", "tail_base"]
    assert category["skeleton"] == [[1, 2]]
    (animal,) = labels.loadAnns(labels.getAnnIds(imgIds=[4]))
    assert animal["keypoints"] == [4.25, 7.0, 2, 4.25, 11.0, 2]
    assert animal["num_keypoints"] == 2


def test_our_own_training_takes_it(view, tmp_path):
    written(view, tmp_path, n_images=100)
    source = source_of("coco", "s_m12_coco/annotations.json", keypoints={"nose": ["nose"]})
    source = source.model_copy(update={"ignore": ("tail_base",)})
    faults = []
    samples = read_source(source, Wanted(channels=1, keypoints=("nose",)), tmp_path, faults)
    assert faults == []
    assert len(samples) == len(BOTH)
    np.testing.assert_allclose(samples[3].xy[0, 0], [4.25, 7.0])


def test_a_keypoint_that_was_not_found_is_not_labelled(view, tmp_path):
    labels = opened(written(view, tmp_path, n_images=100))
    (animal,) = labels.loadAnns(labels.getAnnIds(imgIds=[NO_TAIL]))
    assert animal["keypoints"][3:] == [0, 0, 0]
    assert animal["num_keypoints"] == 1


def test_a_box_lies_a_tenth_beyond_the_keypoints_and_in_the_picture(view, tmp_path):
    labels = opened(written(view, tmp_path, n_images=100))
    (animal,) = labels.loadAnns(labels.getAnnIds(imgIds=[4]))
    # Keypoints at x 4.25, y 7 and 11: 4 px long, so 0.4 px around.
    assert animal["bbox"] == pytest.approx([3.85, 6.6, 0.8, 4.8])
    (first,) = labels.loadAnns(labels.getAnnIds(imgIds=[0]))
    assert first["bbox"][0] == 0


def test_pictures_are_those_of_the_video(view, tmp_path):
    folder = written(view, tmp_path, n_images=100)
    for about in opened(folder).imgs.values():
        picture = cv2.imread(str(folder / about["file_name"]), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(picture, image(about["id"]))
        assert (about["height"], about["width"]) == SHAPE


def test_colour_stays_colour(tmp_path):
    view = view_of(Recording(session(tmp_path / "s", colour=True)))
    folder = written(view, tmp_path, n_images=1)
    (about,) = opened(folder).imgs.values()
    picture = cv2.imread(str(folder / about["file_name"]), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(picture[..., ::-1], image(about["id"], colour=True))


def test_positions_in_a_cropped_video_are_those_in_its_pictures(tmp_path):
    crop = {"kind": "region", "x_px": 2, "y_px": 3, "width_px": 20, "height_px": 16}
    view = view_of(Recording(session(tmp_path / "s", crop=crop)))
    folder = written(view, tmp_path, n_images=100)
    labels = opened(folder)
    (animal,) = labels.loadAnns(labels.getAnnIds(imgIds=[4]))
    assert animal["keypoints"][:2] == [4.25 - 2, 7 - 3]
    picture = cv2.imread(str(folder / labels.imgs[4]["file_name"]), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(picture, image(4)[3:19, 2:22])


def test_even_frames_are_the_middles_of_equal_stretches(view):
    assert BOTH == [0, 1, 2, 4, 7, 8, 9]
    rows = chosen(view, 3, Choice.EVEN)  # 0 1 2 | 4 7 | 8 9
    assert rows.tolist() == [1, 7, 9]


def test_unsure_frames_are_the_least_confident_of_each_stretch(view):
    rows = chosen(view, 2, Choice.UNSURE)  # 0 1 2 4 | 7 8 9: less by slot, and least at 7
    assert rows.tolist() == [4, NO_TAIL]


def test_no_more_frames_than_there_are(view):
    assert chosen(view, 1000, Choice.UNSURE).tolist() == BOTH


def test_a_session_without_video_is_refused(view_of_two, tmp_path):
    with pytest.raises(ExportError, match="has no video, but coco needs pictures"):
        written(view_of_two, tmp_path)
