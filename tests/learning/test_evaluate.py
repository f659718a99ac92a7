"""`tracker evaluate`: a network whose answers are known, on files whose labels are known."""

import csv
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from ruamel.yaml import YAML
from tiny_networks import SPOTS, draw_animal, spots

from tracker.build import find_network
from tracker.errors import MissingExtra, ModelError, TrainingError
from tracker.learning.evaluate import evaluate, judge_file
from tracker.learning.judging.selection import Selection, read_selection
from tracker.learning.samples import Sample
from tracker.runtimes.base import ModelCard

SIDE = 64  # px, so that the network's input is the image itself
CARD = SPOTS.model_copy(update={"crop": None})
OFF = 3  # px by which every label lies above the spot


def write_session(folder, labels=("bright", "dark"), images=4, off=OFF):
    """Write images with a bright and a dark spot, and a DeepLabCut table of their places."""
    folder.mkdir(parents=True)
    with (folder / "CollectedData_me.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        names = [name for label in labels for name in (label, label)]
        table.writerow(["scorer", "", "", *["me"] * 4])
        table.writerow(["bodyparts", "", "", *names])
        table.writerow(["coords", "", "", *["x", "y"] * 2])
        for number in range(images):
            bright, dark = (20 + number, 20), (20 + number, 44)
            image = draw_animal((SIDE, SIDE), bright, dark)
            cv2.imwrite(str(folder / f"img{number}.png"), image)
            places = [bright[0], bright[1] - off, dark[0], dark[1] - off]
            table.writerow(["labeled-data", folder.name, f"img{number}.png", *places])


@pytest.fixture
def data(tmp_path):
    write_session(tmp_path / "data" / "a1", off=OFF)
    write_session(tmp_path / "data" / "b1", off=1)
    return tmp_path / "data"


@pytest.fixture
def network(tmp_path):
    return spots(tmp_path / "spots.onnx", CARD)


def command(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "tracker", "evaluate", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


# --- from files to figures


def test_figures_are_the_distances_between_spots_and_labels(network, data, tmp_path):
    found = evaluate(network, Selection(data), out=tmp_path / "out")
    figures = found.judgement.of()
    assert figures["images"] == 8
    assert figures["found_share"] == 1
    assert figures["median_px"] == pytest.approx(2)  # half are 3 px off, half 1 px
    assert figures["within_5_px_share"] == 1
    assert figures["median_permille_of_extent"] == pytest.approx(1000 * 2 / 24)


def test_the_page_and_the_figures_are_written(network, data, tmp_path):
    found = evaluate(network, Selection(data), out=tmp_path / "out")
    assert found.page == tmp_path / "out" / "report.html"
    figures = json.loads((tmp_path / "out" / "figures.json").read_text(encoding="utf-8"))
    assert figures == found.facts
    assert figures["all"]["mean_px"] == pytest.approx(2)


def test_without_a_folder_the_page_is_named_for_network_and_data(
    network, data, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    evaluate(network, Selection(data))
    assert (tmp_path / "evaluations" / "spots-on-data" / "report.html").is_file()


def test_only_keeps_the_images_whose_session_and_name_match(network, data, tmp_path):
    found = evaluate(network, Selection(data, only=r"^a1/img[01]"), out=tmp_path / "out")
    assert found.judgement.of()["images"] == 2
    assert found.judgement.of()["mean_px"] == pytest.approx(OFF)


def test_a_network_with_a_crop_is_judged_through_it(data, tmp_path):
    network = spots(tmp_path / "crop.onnx", SPOTS)
    found = evaluate(network, Selection(data), out=tmp_path / "out")
    whole = evaluate(network, Selection(data), out=tmp_path / "out", crop=False)
    assert (found.facts["crop"], whole.facts["crop"]) == (True, False)
    assert found.judgement.of()["median_px"] == pytest.approx(2, abs=0.5)
    assert whole.judgement.of()["median_px"] == pytest.approx(2)


def test_a_keypoint_below_the_least_confidence_counts_only_among_all(data, tmp_path):
    sure = CARD.model_copy(update={"min_confidence": 0.95})  # the dark spot has 235 / 255
    network = spots(tmp_path / "sure.onnx", sure)
    figures = evaluate(network, Selection(data), out=tmp_path / "out").judgement.of()
    assert figures["dark: found_share"] == 0
    assert figures["dark: mean_px"] is None
    assert figures["dark: mean_px_all"] == pytest.approx(2)
    assert figures["within_5_px_share"] == 0.5


def test_labels_by_other_names_are_mapped(network, tmp_path):
    write_session(tmp_path / "data" / "a1", labels=("SNOUT", "TAIL"))
    mapping = {"bright": ("SNOUT",), "dark": ("TAIL",)}
    found = evaluate(network, Selection(tmp_path / "data", mapping=mapping), out=tmp_path / "out")
    assert found.judgement.of()["labelled_keypoints"] == 8
    assert found.facts["keypoints_without_labels"] == []


def test_keypoints_that_no_label_is_for_are_named(network, tmp_path):
    write_session(tmp_path / "data" / "a1", labels=("bright", "TAIL"))
    found = evaluate(network, Selection(tmp_path / "data"), out=tmp_path / "out")
    assert found.facts["keypoints_without_labels"] == ["dark"]
    assert found.judgement.of()["dark: median_px"] is None


def test_samples_in_memory_are_judged_as_files_are(network):
    image = draw_animal((SIDE, SIDE), (20, 20), (20, 44))
    xy = np.array([[[20, 20], [20, 49]]], np.float32)
    judgement = judge_file(network, [Sample(image, xy, "a", "lab", 24.0)])
    assert judgement.figures()["lab: mean_px"] == pytest.approx(2.5)
    assert judgement.figures()["lab: images"] == 1


# --- what a recipe holds out


def recipe(folder, **changes):
    content = {
        "name": "spots",
        "version": "1",
        "licence": "CC0-1.0",
        "sources": [
            {
                "kind": "deeplabcut",
                "name": "dots",
                "path": ".",
                "licence": "CC0-1.0",
                "group": "^(.)",
                "hold_out": ["b"],
            },
            {"kind": "synthetic", "rigs": 1},
        ],
        "heads": {"pose": {"keypoints": ["bright", "dark"]}},
        **changes,
    }
    path = folder / "recipe.yaml"
    YAML().dump(content, path)
    return path


def test_of_a_recipe_only_what_it_holds_out_of_its_files_is_judged(network, data, tmp_path):
    chosen = Selection(data, recipe=recipe(tmp_path))
    figures = evaluate(network, chosen, out=tmp_path / "out").judgement.figures()
    assert figures["dots: images"] == 4
    assert figures["dots: mean_px"] == pytest.approx(1)
    assert {name.partition(":")[0] for name in figures} == {"dots"}


@pytest.mark.parametrize(
    ("changes", "mapping", "reason"),
    [
        pytest.param({}, {"dark": ("x",)}, "exclude each other", id="map"),
        pytest.param(
            {"heads": {"pose": {"keypoints": ["dark", "bright"]}}}, {}, "asks for", id="other"
        ),
        pytest.param(
            {"sources": [{"kind": "synthetic"}]}, {}, "no source of files", id="synthetic"
        ),
    ],
)
def test_a_recipe_that_does_not_fit_is_an_error(data, tmp_path, changes, mapping, reason):
    chosen = Selection(data, recipe=recipe(tmp_path, **changes), mapping=mapping)
    with pytest.raises(TrainingError, match=reason):
        read_selection(chosen, CARD)


# --- what is wrong with the data


@pytest.mark.parametrize(
    ("only", "reason"),
    [
        pytest.param(
            "^z", r"found in none of 8 images, the first of which is 'a1/img0.png'", id="none"
        ),
        pytest.param("(", "is no expression", id="no_expression"),
    ],
)
def test_an_expression_that_chooses_nothing_is_an_error(data, only, reason):
    with pytest.raises(TrainingError, match=reason):
        read_selection(Selection(data, only=only), CARD)


def test_every_fault_of_the_data_is_listed(data):
    (data / "a1" / "img1.png").unlink()
    (data / "b1" / "img2.png").unlink()
    with pytest.raises(TrainingError, match=r"2 fault\(s\)") as caught:
        read_selection(Selection(data), CARD)
    assert "img1.png" in str(caught.value)
    assert "img2.png" in str(caught.value)


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(TrainingError, match="is no folder"):
        read_selection(Selection(tmp_path / "nowhere"), CARD)


def test_data_of_other_animals_are_an_error_that_names_both_and_the_way_out(data, tmp_path):
    card = ModelCard(name="horse", version="1", keypoints=("hoof",))
    with pytest.raises(TrainingError, match=r"bright.*hoof.*--map"):
        read_selection(Selection(data), card)


def test_a_folder_that_cannot_be_written_is_an_error(network, data, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="cannot write the page"):
        evaluate(network, Selection(data), out=tmp_path / "file" / "out")


def test_what_is_not_installed_is_named_with_its_extra(network, data, monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(MissingExtra, match=r"behaviour-tracker\[train\]"):
        evaluate(network, Selection(data))


def test_a_network_that_is_not_there_is_an_error(data, tmp_path):
    with pytest.raises(ModelError):
        evaluate(tmp_path / "none.onnx", Selection(data))


# --- the command


def test_the_command_prints_json_on_its_last_line(network, data, tmp_path):
    done = command(network, "--data", data, "--json", "--provider", "cpu", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["model"] == "spots"
    assert said["provider"] == "cpu"
    assert said["images"] == 8
    assert said["all"]["mean_px"] == pytest.approx(2)
    assert list(said["sources"]) == ["data"]
    assert said["ms_per_image"] > 0
    assert (tmp_path / said["page"]).is_file()


def test_the_command_prints_tables_for_a_person_and_says_what_has_no_labels(network, tmp_path):
    write_session(tmp_path / "data" / "a1", labels=("SNOUT", "TAIL"))
    done = command(network, "--data", "data", "--map", "bright=SNOUT", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "median_px" in done.stdout
    assert "No labels for dark" in done.stdout
    assert str(tmp_path / "out" / "report.html").endswith(done.stdout.split()[-1])


@pytest.mark.parametrize("text", ["nose", "=SNOUT", "nose="])
def test_a_map_without_two_sides_is_an_error(network, data, tmp_path, text):
    done = command(network, "--data", data, "--map", text, cwd=tmp_path)
    assert done.returncode == 2
    assert "expected keypoint=label" in done.stderr
    assert "Traceback" not in done.stderr


def test_judging_never_imports_pytorch(network, data, tmp_path):
    code = (
        "import sys; from pathlib import Path; from tracker.learning.evaluate import evaluate; "
        "from tracker.learning.judging.selection import Selection; "
        f"evaluate(Path({str(network)!r}), Selection(Path({str(data)!r}))); "
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# --- real data


@pytest.mark.slow
def test_the_shipped_network_keeps_its_card_on_mice_that_it_has_not_seen(shared_data, tmp_path):
    mapping = {"nose": ("NOSE",), "head": ("HEAD",), "tail_base": ("TAIL",)}
    chosen = Selection(shared_data / "mouse_open_field", only="^(7|9)_", mapping=mapping)
    found = evaluate(find_network("mouse_top_view"), chosen, out=tmp_path)
    figures = found.judgement.of()
    assert figures["images"] == 60
    assert figures["median_px"] <= 2.2
    assert figures["within_10_px_share"] >= 0.98
