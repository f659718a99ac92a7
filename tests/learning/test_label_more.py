"""Which frames are picked, why, and what DeepLabCut and SLEAP get of them."""

import csv
import json
import subprocess
import sys
from fractions import Fraction

import cv2
import numpy as np
import pandas as pd
import pytest
import sleap_io
from data_sets import source_of
from ruamel.yaml import YAML
from tiny_networks import SPOTS, draw_animal, spots
from videos import write_pictures

from tracker.errors import DeviceNotFound, TrainingError
from tracker.learning.data.formats import read_source
from tracker.learning.labelling.doubts import Doubts, Glimpse, Sign, doubts_of
from tracker.learning.labelling.label_more import LabelFormat, label_more
from tracker.learning.labelling.picking import pick_frames
from tracker.learning.samples import Wanted

SIDE = 64  # px, so that the network's input is the image itself
WHOLE = SPOTS.model_copy(update={"crop": None})
WANTED = Wanted(channels=1, keypoints=("bright", "dark"))
NAN = float("nan")


def glimpse(index, *animals, confidence=1.0, novelty=NAN, usable=NAN, picture=0):
    """One frame; an animal is a list of keypoints (x, y)."""
    xy = np.array(animals, np.float32).reshape(len(animals), 2, 2)
    sure = np.full(xy.shape[:2], confidence, np.float32)
    thumbnail = np.full((4, 4), picture, np.uint8)
    return Glimpse(index, index / 10, xy, sure, novelty, usable, thumbnail)


ANIMAL = [[0, 0], [0, 10]]  # 10 px long
STILL = tuple(glimpse(index, ANIMAL) for index in range(9))


def with_third(third):
    return [*STILL[:2], third, *STILL[3:]]


# How unsure a frame is


def test_a_network_that_is_sure_of_a_still_animal_has_no_doubt():
    assert doubts_of(STILL).doubt.tolist() == [0] * 9


@pytest.mark.parametrize(
    ("third", "sign", "strength"),
    [
        pytest.param(
            glimpse(2, ANIMAL, confidence=0.4), Sign.LOW_CONFIDENCE, 0.6, id="low confidence"
        ),
        pytest.param(glimpse(2, [[0, 0], [NAN, NAN]]), Sign.NOT_FOUND, 0.5, id="one not found"),
        pytest.param(glimpse(2), Sign.NOT_FOUND, 1, id="none found"),
        pytest.param(glimpse(2, ANIMAL, ANIMAL), Sign.NOT_FOUND, 1, id="one animal too many"),
        pytest.param(glimpse(2, [[5, 0], [5, 10]]), Sign.JUMP, 0.5, id="jump by half a body"),
        pytest.param(glimpse(2, [[50, 0], [50, 10]]), Sign.JUMP, 1, id="jump by five bodies"),
        pytest.param(glimpse(2, [[0, 0], [0, 20]]), Sign.SIZE, 1, id="twice as long"),
        pytest.param(glimpse(2, [[0, 0], [0, 5]]), Sign.SIZE, 0.5, id="half as long"),
        pytest.param(glimpse(2, ANIMAL, novelty=1.0), Sign.NOVELTY, 0.5, id="as new as training"),
        pytest.param(glimpse(2, ANIMAL, novelty=3.0), Sign.NOVELTY, 1, id="three times as new"),
        pytest.param(glimpse(2, ANIMAL, usable=0.2), Sign.UNUSABLE, 0.8, id="hardly usable"),
    ],
)
def test_each_sign_is_as_strong_as_it_says(third, sign, strength):
    doubts = doubts_of(with_third(third))
    assert doubts.signs[sign][2] == pytest.approx(strength)
    assert doubts.doubt[2] == doubts.doubt.max()


def test_the_confidence_that_counts_is_halfway_between_the_lowest_and_the_mean():
    unsure = glimpse(2, ANIMAL)
    unsure.confidence[0, 1] = 0.5
    assert doubts_of(with_third(unsure)).signs[Sign.LOW_CONFIDENCE][2] == pytest.approx(0.375)


def test_doubt_is_half_the_strongest_sign_and_half_the_mean_of_all():
    doubts = doubts_of(with_third(glimpse(2, ANIMAL, confidence=0.4)))
    # Of low_confidence, not_found, jump and size only the first is not 0.
    assert doubts.doubt[2] == pytest.approx((0.6 + 0.6 / 4) / 2)
    assert doubts.strongest(2) is Sign.LOW_CONFIDENCE


def test_what_the_network_does_not_say_is_no_sign():
    doubts = doubts_of(STILL)
    assert np.isnan(doubts.signs[Sign.NOVELTY]).all()
    assert np.isnan(doubts.signs[Sign.UNUSABLE]).all()


def test_an_animal_that_runs_evenly_does_not_jump():
    runs = [glimpse(index, [[30 * index, 0], [30 * index, 10]]) for index in range(5)]
    assert np.nanmax(doubts_of(runs).signs[Sign.JUMP]) == 0


def test_animals_that_change_places_in_the_list_do_not_jump():
    other = [[100, 100], [100, 110]]
    pairs = [glimpse(i, *((ANIMAL, other) if i % 2 else (other, ANIMAL))) for i in range(5)]
    assert np.nanmax(doubts_of(pairs).signs[Sign.JUMP]) == 0


def test_a_video_in_which_nothing_is_found_is_all_doubt():
    doubts = doubts_of([glimpse(index) for index in range(3)])
    assert (doubts.doubt == 1).all()


# Which frames are picked


def doubts_like(values):
    return Doubts({Sign.JUMP: np.array(values)}, np.array(values))


def different(n):
    """Frames of which none looks like another, as the animal is somewhere else in each."""
    frames = [glimpse(index, ANIMAL) for index in range(n)]
    for index, frame in enumerate(frames):
        frame.thumbnail.ravel()[index % 16] = 200
    return frames


def test_frames_of_which_the_network_is_least_sure_are_picked():
    doubt = [0.1, 0.9, 0.1, 0.8, 0.1, 0.7, 0.1, 0.6]
    picks = pick_frames(different(8), doubts_like(doubt), 2, gap=1, seed=0)
    assert [(pick.place, pick.why) for pick in picks] == [(1, Sign.JUMP), (3, Sign.JUMP)]


def test_of_frames_that_look_alike_only_one_is_picked():
    frames = different(10)
    frames[5].thumbnail[:] = frames[1].thumbnail
    doubt = [0.5, 0.9, 0.5, 0.5, 0.5, 0.9, 0.5, 0.5, 0.5, 0.5]
    picks = pick_frames(frames, doubts_like(doubt), 2, gap=1, seed=0)
    assert [pick.place for pick in picks] == [0, 1]


def test_neighbours_are_not_picked_together():
    doubt = [0.1, 0.9, 0.8, 0.1, 0.1, 0.5, 0.1, 0.1]
    picks = pick_frames(different(8), doubts_like(doubt), 2, gap=3, seed=0)
    assert [pick.place for pick in picks] == [1, 5]


def test_a_fifth_is_drawn_at_random_and_the_seed_says_which():
    frames, doubts = different(100), doubts_like(np.linspace(0, 1, 100))
    chosen = [pick_frames(frames, doubts, 10, gap=1, seed=seed) for seed in (0, 0, 1)]
    assert sum(pick.why is None for pick in chosen[0]) == 2
    assert chosen[0] == chosen[1] != chosen[2]


def test_all_frames_are_picked_once_if_there_are_not_more():
    picks = pick_frames(different(7), doubts_like([0.5] * 7), 20, gap=3, seed=0)
    assert [pick.place for pick in picks] == list(range(7))


def test_a_network_without_doubt_still_gets_different_frames():
    frames = [glimpse(index, ANIMAL, picture=200 * (index >= 4)) for index in range(8)]
    picks = pick_frames(frames, doubts_like([0.0] * 8), 2, gap=1, seed=0)
    assert [pick.place < 4 for pick in picks] == [True, False]


# What is written


def place_of(index):
    """Bright and dark spot of frame `index`; each 7th has no dark spot."""
    bright = (10 + 2 * index, 20)
    return bright, None if index % 7 == 3 else (bright[0], 44)


def write_clip(path, n=20, pix_fmt="gray"):
    pictures = [draw_animal((SIDE, SIDE), *place_of(index)) for index in range(n)]
    return write_pictures(path, pictures, range(n), "ffv1", pix_fmt, Fraction(1, 25))


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.avi")


@pytest.fixture
def network(tmp_path):
    return spots(tmp_path / "n.onnx", WHOLE)


def reasons_of(folder):
    with (folder / "frames.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_deeplabcut_gets_images_and_a_table_that_our_own_reader_reads(tmp_path, clip, network):
    out = tmp_path / "project"
    made = label_more(clip, network, out, n=20, quiet=True)
    assert made.labels == out / "labeled-data" / "clip" / "CollectedData_network.csv"
    assert made.frames == tuple(range(20))
    faults = []
    samples = read_source(source_of("deeplabcut", "project"), WANTED, tmp_path, faults)
    assert faults == []
    for index, sample in enumerate(samples):
        bright, dark = place_of(index)
        assert sample.key == f"clip/img{index:05d}.png"
        assert sample.xy[0].tolist() == pytest.approx(
            np.array([bright, dark or (NAN, NAN)]), nan_ok=True
        )
        assert np.array_equal(sample.image, draw_animal((SIDE, SIDE), bright, dark))


def test_the_h5_holds_the_same_table_in_the_way_of_deeplabcut(tmp_path, clip, network):
    made = label_more(clip, network, tmp_path / "p", n=5, quiet=True)
    table = pd.read_hdf(made.labels.with_suffix(".h5"), key="df_with_missing")
    assert table.columns.names == ["scorer", "bodyparts", "coords"]
    assert table.columns[0] == ("network", "bright", "x")
    assert table.index[0] == ("labeled-data", "clip", f"img{made.frames[0]:05d}.png")
    again = pd.read_csv(made.labels, header=[0, 1, 2], index_col=[0, 1, 2])
    assert np.array_equal(table.to_numpy(), again.to_numpy(), equal_nan=True)


def test_a_network_for_several_animals_gets_the_columns_for_several(tmp_path, clip):
    card = WHOLE.model_copy(update={"keypoints": ("dot",), "edges": (), "max_individuals": 2})
    made = label_more(clip, spots(tmp_path / "n.onnx", card), tmp_path / "p", n=20, quiet=True)
    table = pd.read_csv(made.labels, header=[0, 1, 2, 3], index_col=[0, 1, 2])
    assert table.columns.names == ["scorer", "individuals", "bodyparts", "coords"]
    assert table["network"]["individual2"]["dot"].iloc[5].tolist() == list(place_of(5)[1])
    assert table["network"]["individual2"]["dot"].iloc[3].isna().all()
    config = YAML(typ="safe").load(tmp_path / "p" / "config.yaml")
    assert config["multianimalbodyparts"] == ["dot"]
    assert config["individuals"] == ["individual1", "individual2"]


def test_frames_csv_says_why_each_frame_was_picked(tmp_path, clip, network):
    made = label_more(clip, network, tmp_path / "p", n=5, quiet=True)
    rows = reasons_of(made.folder)
    assert [int(row["frame"]) for row in rows] == list(made.frames)
    assert {3, 10, 17} <= set(made.frames), "the frames without a dark spot"
    (row,) = [row for row in rows if row["frame"] == "10"]
    assert row["why"] in ("low_confidence", "not_found")
    assert (row["time_s"], row["not_found"], row["novelty"]) == ("0.400", "0.500", "")
    assert sum(row["why"] == "random" for row in rows) == 1


def test_a_project_of_deeplabcut_keeps_its_config_and_its_scorer(tmp_path, clip, network):
    config = tmp_path / "config.yaml"
    config.write_text("scorer: Ada\nbodyparts: [bright, dark]\n", encoding="utf-8")
    made = label_more(clip, network, tmp_path, n=5, quiet=True)
    assert made.labels.name == "CollectedData_Ada.csv"
    assert config.read_text(encoding="utf-8") == "scorer: Ada\nbodyparts: [bright, dark]\n"


@pytest.mark.parametrize(
    ("text", "scorer", "words"),
    [
        ("scorer: Ada\nbodyparts: [nose]\n", None, "body parts"),
        ("scorer: Ada\nbodyparts: [bright, dark]\n", "Bob", "scorer"),
        ("scorer: [", None, "cannot be read"),
        ("", None, "body parts"),
    ],
)
def test_a_project_that_does_not_fit_is_an_error(tmp_path, clip, network, text, scorer, words):
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(TrainingError, match=words):
        label_more(clip, network, tmp_path, n=5, scorer=scorer, quiet=True)
    assert not (tmp_path / "labeled-data").exists()


def test_a_new_project_names_its_body_parts_and_its_video(tmp_path, clip, network):
    label_more(clip, network, tmp_path / "p", n=5, scorer="Ada", quiet=True)
    config = YAML(typ="safe").load(tmp_path / "p" / "config.yaml")
    assert (config["scorer"], config["bodyparts"]) == ("Ada", ["bright", "dark"])
    assert config["video_sets"] == {str(clip): {"crop": "0, 64, 0, 64"}}
    assert config["skeleton"] == [["bright", "dark"]]


@pytest.mark.parametrize("label_format", LabelFormat)
def test_a_folder_that_is_there_is_never_touched(tmp_path, clip, network, label_format):
    parent = tmp_path / "labeled-data" if label_format is LabelFormat.DEEPLABCUT else tmp_path
    (parent / "clip").mkdir(parents=True)
    (parent / "clip" / "mine.txt").write_text("hours of work", encoding="utf-8")
    with pytest.raises(TrainingError, match="is there already"):
        label_more(clip, network, tmp_path, n=5, label_format=label_format, quiet=True)
    assert [path.name for path in (parent / "clip").iterdir()] == ["mine.txt"]


def test_only_every_so_many_frames_are_looked_at(tmp_path, clip, network):
    made = label_more(clip, network, tmp_path / "p", n=20, every=6, quiet=True)
    assert made.frames == (0, 6, 12, 18)
    assert made.n_looked_at == 4


def test_a_video_whose_header_does_not_count_its_frames_will_do(tmp_path, network):
    clip = write_clip(tmp_path / "clip.mkv")
    made = label_more(clip, network, tmp_path / "p", n=30, quiet=True)
    assert made.n_looked_at == 20


def test_names_with_umlauts_and_colour_will_do(tmp_path):
    card = WHOLE.model_copy(update={"channels": 3})
    clip = tmp_path / "Mäuse 1.avi"
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    picture[..., 0], picture[30, 20] = 120, 255
    write_pictures(clip, [picture] * 4, range(4), "ffv1", "bgr0", Fraction(1, 25))
    made = label_more(clip, spots(tmp_path / "n.onnx", card), tmp_path / "ö", n=1, quiet=True)
    (image,) = made.folder.glob("*.png")
    written = cv2.imdecode(np.frombuffer(image.read_bytes(), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.array_equal(written, picture)


def test_a_network_without_keypoints_has_nothing_to_label(tmp_path, clip):
    card = WHOLE.model_copy(update={"keypoints": (), "edges": (), "classes": ("light",)})
    with pytest.raises(TrainingError, match="finds no keypoints"):
        label_more(clip, spots(tmp_path / "n.onnx", card), tmp_path / "p", quiet=True)


def test_a_video_that_is_not_there_is_an_error(tmp_path, network):
    with pytest.raises(DeviceNotFound, match="does not exist"):
        label_more(tmp_path / "none.mp4", network, tmp_path / "p", quiet=True)


def test_frames_that_the_network_would_abstain_from_still_get_its_guesses(tmp_path, clip):
    card = WHOLE.model_copy(update={"novelty": True})
    network = spots(tmp_path / "n.onnx", card, novelty_per_grey=2 / 255)
    made = label_more(clip, network, tmp_path / "p", n=20, quiet=True)
    table = pd.read_csv(made.labels, header=[0, 1, 2], index_col=[0, 1, 2])
    assert table["network"]["bright"].notna().all(axis=None)
    assert {row["novelty"] for row in reasons_of(made.folder)} == {"1.000"}


def test_sleap_gets_predicted_instances_and_the_frames_themselves(tmp_path, clip, network):
    made = label_more(
        clip, network, tmp_path / "p", n=20, label_format=LabelFormat.SLEAP, quiet=True
    )
    labels = sleap_io.load_slp(str(made.labels))
    assert labels.skeletons[0].node_names == ["bright", "dark"]
    assert labels.skeletons[0].edge_names == [("bright", "dark")]
    assert [frame.frame_idx for frame in labels.suggestions] == list(range(20))
    frame = next(frame for frame in labels if frame.frame_idx == 3)
    assert isinstance(frame.instances[0], sleap_io.PredictedInstance)
    assert frame.instances[0].numpy().tolist() == pytest.approx(
        np.array([place_of(3)[0], (NAN, NAN)]), nan_ok=True
    )
    assert np.array_equal(frame.image[..., 0], draw_animal((SIDE, SIDE), *place_of(3)))
    for video in labels.videos:
        video.close()


def test_our_own_reader_reads_the_sleap_project(tmp_path, clip, network):
    label_more(clip, network, tmp_path / "p", n=20, label_format=LabelFormat.SLEAP, quiet=True)
    faults = []
    samples = read_source(source_of("sleap", "p/clip"), WANTED, tmp_path, faults)
    assert faults == []
    assert [sample.xy[0, 0].tolist() for sample in samples] == [
        list(place_of(index)[0]) for index in range(20)
    ]


@pytest.mark.slow
def test_the_command_says_what_it_wrote_as_json(tmp_path, clip, network):
    options = ["--model", network.name, "--n", "5", "--out", "p", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "tracker", "label-more", clip.name, *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    content = json.loads(done.stdout.splitlines()[-1])
    assert len(content["frames"]) == 5
    assert content["reasons"]["random"] == 1
    assert (tmp_path / content["labels"]).is_file()
