"""`tracker tune` without a window: a sheet of steps, an empty arena, settings written."""

import json

import cv2
import numpy as np
import pytest

from tracker.cli import app
from tracker.config import load
from tracker.errors import ConfigError

SMALL = [
    *("--set", "rig.camera.width=160", "--set", "rig.camera.height=120"),
    *("--set", "observer.min_area_px2=40", "--set", "observer.difference=45"),
    *("--frames", "60"),
]


def tune(*arguments):
    with pytest.raises(SystemExit) as ended:
        app(["tune", *map(str, arguments)])
    return ended.value.code


def picture(path):
    return cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)


def test_a_sheet_and_the_empty_arena_are_written_and_told(tmp_path, capfd):
    sheet, empty = tmp_path / "steps.png", tmp_path / "empty.png"
    code = tune("mouse_without_network", *SMALL, "--sheet", sheet, "--empty", empty)
    told = capfd.readouterr().out
    assert code == 0
    assert picture(sheet).shape == (2 * (315 + 24) + 4, 3 * 424 + 4, 3)
    assert picture(empty).shape == (120, 160)
    assert "frame 59: 1 found, at (" in told
    assert f"observer:\n  empty: {empty}" in told


def test_nothing_is_overwritten(tmp_path):
    sheet = tmp_path / "steps.png"
    sheet.write_bytes(b"mine")
    with pytest.raises(ConfigError, match="is there already: choose another name"):
        app(["tune", "mouse_without_network", *SMALL, "--sheet", str(sheet)])
    assert sheet.read_bytes() == b"mine"


def test_what_was_set_is_written_into_the_file_and_told_as_json(tmp_path, capfd):
    text = (
        "# mine\nrig: {camera: {kind: synthetic}, arena: {px_per_cm: 10}}\n"
        "observer: {kind: background, difference: 60}  # by eye\n"
        "behaviours:\n  a:\n"
        "    rule: {kind: threshold, feature: speed_cm_s, above: 1, softness: 1}\n"
        "    episode: {enter: 0.7, leave: 0.5, min_duration_s: 0.2, max_gap_s: 0.2}\n"
    )
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    assert tune(file, *SMALL, "--write", "--json") == 0
    said = json.loads(capfd.readouterr().out)
    assert set(said["written"]) == {"min_area_px2", "difference"}
    assert said["n_animals"] == 1
    assert load(file).observer.difference == 45
    assert "# by eye" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("demo",), "sees with the network mouse_top_view: tune is for"),
        (("mouse_without_network", "--frame", "9999", "--frames", "5"), "choose 0 to 39"),
    ],
    ids=["network", "frame"],
)
def test_what_cannot_be_tuned_is_refused_in_words(arguments, said):
    few = ("--set", "rig.camera.n_frames=40", "--json")
    with pytest.raises(ConfigError, match=said):
        app(["tune", *arguments, *few])
