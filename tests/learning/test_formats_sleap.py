import numpy as np
import pytest
from data_sets import PARTS, WANTED, source_of, write_image, write_slp
from videos import grey_level, write_video

from tracker.learning.data.formats import read_source
from tracker.learning.samples import Wanted

NAN = float("nan")
FLY = [[5, 6], [25, 6]]
OTHER = [[1, 2], [3, 4]]


def read(root, path="labels.slp", wanted=WANTED, **fields):
    faults = []
    source = source_of("sleap", path, keypoints=PARTS, **fields)
    return read_source(source, wanted, root, faults), faults


@pytest.fixture
def folder(tmp_path):
    """A video of 8 flat grey frames (48 x 64), each of another grey."""
    write_video(tmp_path / "clip.mkv", range(0, 320, 40))
    return tmp_path


def slp(folder, frames, video="clip.mkv", **more):
    return write_slp(folder / "labels.slp", frames, video, **more)


def test_each_instance_is_an_individual_of_its_frame(folder):
    slp(folder, {2: [(FLY, False), (OTHER, False)], 5: [(OTHER, False)]})
    (first, second), faults = read(folder)
    assert not faults
    np.testing.assert_array_equal(first.xy, [FLY, OTHER])
    np.testing.assert_array_equal(second.xy, [OTHER])
    assert (first.image == grey_level(2)).all()
    assert (second.image == grey_level(5)).all()
    assert (first.where, first.key, first.group) == ("labels.slp frame 2", "clip/000002", "clip")


def test_frames_are_read_in_their_order_whatever_the_order_of_the_labels(folder):
    slp(folder, {6: [(FLY, False)], 1: [(OTHER, False)]})
    (first, second), _ = read(folder)
    assert [first.key, second.key] == ["clip/000001", "clip/000006"]
    assert (first.image == grey_level(1)).all()


def test_what_a_person_labelled_counts_before_what_was_predicted(folder):
    slp(folder, {2: [(OTHER, True), (FLY, False)], 3: [(OTHER, True)]})
    (first, second), _ = read(folder)
    np.testing.assert_array_equal(first.xy, [FLY])
    np.testing.assert_array_equal(second.xy, [OTHER])


def test_a_node_that_is_not_visible_is_unknown(folder):
    slp(folder, {2: [([[5, 6], [NAN, NAN]], False)]})
    (sample,), _ = read(folder)
    np.testing.assert_array_equal(sample.xy, [[[5, 6], [NAN, NAN]]])


def test_every_nth_labelled_frame_can_be_taken(folder):
    slp(folder, {n: [(FLY, False)] for n in (0, 1, 2, 4, 6, 7)})
    samples, _ = read(folder, every=3)
    assert [sample.key for sample in samples] == ["clip/000000", "clip/000004"]


def test_a_video_whose_path_is_of_another_computer_is_found_beside_the_labels(folder):
    slp(folder, {2: [(FLY, False)]}, video=r"D:\lab\videos\clip.mkv")
    samples, faults = read(folder)
    assert len(samples) == 1
    assert not faults


def test_all_files_of_a_folder_are_read(folder):
    for name in ("one", "two"):
        write_slp(folder / f"{name}.slp", {2: [(FLY, False)]}, "clip.mkv")
    samples, faults = read(folder, path=".")
    assert [sample.where for sample in samples] == ["one.slp frame 2", "two.slp frame 2"]
    assert not faults


def test_images_instead_of_a_video_are_read_as_files(tmp_path):
    names = [str(write_image(tmp_path / "day1" / f"{n}.png", grey=10 * n)) for n in range(3)]
    slp(tmp_path, {1: [(FLY, False)]}, video=names)
    (sample,), faults = read(tmp_path)
    assert not faults
    assert (sample.image == 10).all()
    assert (sample.key, sample.group) == ("day1/1.png", "day1")


@pytest.mark.parametrize("channels", [1, 3])
def test_images_embedded_in_the_labels_are_read(folder, channels):
    import sleap_io

    labels = sleap_io.load_slp(str(slp(folder, {3: [(FLY, False)]})))
    labels.videos[0].replace_filename(str(folder / "clip.mkv"))
    sleap_io.save_slp(labels, str(folder / "whole.slp"), embed="user", verbose=False)
    (folder / "clip.mkv").unlink()
    wanted = Wanted(channels=channels, keypoints=("nose", "tail"))
    (sample,), faults = read(folder, path="whole.slp", wanted=wanted)
    assert not faults
    assert sample.image.shape == ((48, 64) if channels == 1 else (48, 64, 3))
    assert abs(int(sample.image.mean()) - grey_level(3)) <= 2
    assert sample.key == "clip/000003"


def test_a_colour_video_is_read_as_rgb(folder):
    slp(folder, {2: [(FLY, False)]})
    (sample,), _ = read(folder, wanted=Wanted(channels=3, keypoints=("nose", "tail")))
    assert sample.image.shape == (48, 64, 3)


def test_a_missing_video_is_named(tmp_path):
    slp(tmp_path, {2: [(FLY, False)]}, video="lost.mp4")
    assert read(tmp_path) == (
        [],
        ["labels.slp: its video lost.mp4 is missing, also beside it"],
    )


def test_a_video_that_is_none_is_named(tmp_path):
    (tmp_path / "clip.mkv").write_text("no video")
    slp(tmp_path, {2: [(FLY, False)]})
    _, faults = read(tmp_path)
    assert len(faults) == 1
    assert "cannot be read as a video" in faults[0]


def test_frames_beyond_the_video_are_named(folder):
    slp(folder, {7: [(FLY, False)], 8: [(FLY, False)], 20: [(FLY, False)]})
    samples, faults = read(folder)
    assert len(samples) == 1
    assert faults == [
        "labels.slp frame 8: clip.mkv has only 8 frames",
        "labels.slp frame 20: clip.mkv has only 8 frames",
    ]


def test_a_label_outside_the_frame_is_named(folder):
    slp(folder, {2: [([[64, 6], [25, 6]], False)]})
    _, faults = read(folder)
    assert faults == [
        "labels.slp frame 2: NOSE at (64.0, 6.0) is outside clip/000002, which is 64 x 48 px"
    ]


def test_nodes_that_nobody_knows_are_named(folder):
    slp(folder, {2: [([*FLY, [1, 1]], False)]}, nodes=("NOSE", "TAIL", "WING"))
    assert read(folder)[1] == ["labels.slp: labels ['WING'] are neither in keypoints nor in ignore"]


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        pytest.param("none.slp", "there is no such file", id="missing"),
        pytest.param("clip.mkv", "cannot be read as a .slp", id="another_file"),
        pytest.param("empty", "no .slp file in this folder", id="empty_folder"),
    ],
)
def test_a_path_without_labels_is_named(folder, path, fault):
    (folder / "empty").mkdir()
    _, faults = read(folder, path=path)
    assert len(faults) == 1
    assert fault in faults[0]


def test_labels_of_real_flies_are_read_with_their_frames(shared_data):
    faults = []
    source = source_of("sleap", "flies/single_fly.slp", every=40, ignore=("eyeL", "eyeR"))
    wanted = Wanted(channels=1, keypoints=("head", "thorax"))
    legs = [f"{leg}leg{side}4" for leg in ("fore", "mid", "hind") for side in "LR"]
    ignored = (*source.ignore, "abdomen", "wingL", "wingR", *legs)
    source = source.model_copy(update={"ignore": ignored})
    samples = read_source(source, wanted, shared_data, faults)
    assert not faults
    assert [sample.key for sample in samples] == [f"single_fly/{n:06d}" for n in (0, 40, 80, 120)]
    assert all(sample.image.shape == (1024, 1024) for sample in samples)
    np.testing.assert_allclose(samples[0].xy[0, 0], [660.2, 590.4], atol=0.05)
