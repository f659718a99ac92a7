"""movement's dataset, opened by xarray and, where there is one, by movement itself."""

import json
import os
import subprocess

import numpy as np
import pytest
import xarray as xr
from exported import TIMES_S, session

from tracker.export import deeplabcut, movement, nwb, sleap
from tracker.export.session_view import view_of
from tracker.recording import Recording

MOVEMENT = os.environ.get("TRACKER_MOVEMENT_PYTHON", "")


@pytest.fixture
def dataset(view_of_two, write):
    with xr.open_dataset(write(movement.write, view_of_two) / "s_two_movement.nc") as opened:
        yield opened


def test_dimensions_and_coordinates_are_movements(dataset):
    assert dataset["position"].dims == ("time", "space", "keypoint", "individual")
    assert dataset["confidence"].dims == ("time", "keypoint", "individual")
    assert dataset["space"].values.tolist() == ["x", "y"]
    assert dataset["keypoint"].values.tolist() == ["nose", "tail_base"]
    assert dataset["individual"].values.tolist() == ["ada", "bob"]
    assert dataset.attrs["ds_type"] == "poses"
    assert dataset.attrs["time_unit"] == "seconds"
    assert dataset.attrs["fps"] == 100


def test_times_are_the_real_ones(dataset):
    np.testing.assert_allclose(dataset["time"], TIMES_S, atol=1e-12)


def test_values_are_exact(dataset, view_of_two):
    bob = dataset["position"].sel(individual="bob", keypoint="nose")
    np.testing.assert_array_equal(bob.values, view_of_two.xy[:, 1, 0])
    ada = dataset["confidence"].sel(individual="ada", keypoint="tail_base")
    np.testing.assert_array_equal(ada.values, view_of_two.confidence[:, 0, 1])


def test_notes_stand_in_the_attributes(tmp_path, write):
    view = view_of(Recording(session(tmp_path / "s", codec="none", closed=False)))
    with xr.open_dataset(write(movement.write, view) / "s_movement.nc") as opened:
        assert "the session was not closed" in opened.attrs["notes"]


ASK = """
import json, sys
import xarray as xr
from movement.io import load_poses
from movement.kinematics import compute_velocity
from movement.validators import datasets

netcdf, dlc, slp, analysis, nwb = sys.argv[1:]
poses = getattr(datasets, "ValidPosesInputs")
ours = xr.load_dataset(netcdf)
if "individuals" in poses.DIM_NAMES:  # movement up to 0.15
    ours = ours.rename({"individual": "individuals", "keypoint": "keypoints"})
poses.validate(ours)
velocity = compute_velocity(ours.position)
found = {"velocity": velocity.isel(time=8).values.tolist(), "shapes": []}
for load, path in (
    (load_poses.from_dlc_file, dlc),
    (load_poses.from_sleap_file, slp),
    (load_poses.from_sleap_file, analysis),
    (load_poses.from_nwb_file, nwb),
):
    loaded = load(path)
    found["shapes"].append([*loaded.position.shape, float(loaded.position.values[4, 0, 0, 0])])
print(json.dumps(found))
"""


@pytest.mark.skipif(not MOVEMENT, reason="TRACKER_MOVEMENT_PYTHON names no Python with movement")
def test_movement_itself_takes_every_file_it_can_read(view, write):
    for writer in (movement.write, deeplabcut.write, sleap.write, nwb.write):
        folder = write(writer, view)
    slp, analysis = sleap.names(view)
    files = [*movement.names(view), deeplabcut.names(view)[0], slp, analysis, *nwb.names(view)]
    done = subprocess.run(
        [MOVEMENT, "-c", ASK, *(str(folder / name) for name in files)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    # x grows by 1 px a slot: from slot 7 at 71 ms to slot 9 at 91 ms by 2 px in 20 ms.
    assert said["velocity"][0][0][0] == pytest.approx(100, rel=0.05)
    assert said["shapes"] == [[10, 2, 2, 1, 4.25]] * 4
