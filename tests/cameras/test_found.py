"""What `tracker cameras` finds: cameras that drivers play stand for those that are plugged in."""

import json
import sys

import pytest
from cameras import pyspin_stand_in, vmbpy_stand_in
from cameras.fake_gige import ADDRESS, FakeGige, alone, need_aravis
from cameras.maker_device import MakerDevice
from pydantic import TypeAdapter
from ruamel.yaml import YAML
from typer.testing import CliRunner

from tracker.cameras.found import FoundCamera, search
from tracker.cameras.make import CameraSettings, make_camera
from tracker.cli import app
from tracker.clock import SystemClock
from tracker.commands.cameras import camera_overrides

DRIVERS = ("pypylon.pylon", "gi.repository.Aravis", "PySpin", "vmbpy")


@pytest.fixture(scope="module")
def found():
    need_aravis()
    with alone():
        fake = FakeGige()
        fake.plug_in()
        try:
            yield search(n_usb=1, emulated=True)
        finally:
            fake.unplug()


def by_serial(found, serial):
    return next(camera for camera in found.cameras if camera.serial == serial)


def test_every_driver_lists_its_cameras_with_serial_number_model_and_formats(found):
    basler = by_serial(found, "0815-0001")
    assert (basler.kind, basler.vendor, basler.model) == ("basler", "Basler", "Emulation")
    assert {"Mono8", "Mono12", "BayerRG8"} <= set(basler.formats)
    gige = by_serial(found, "GV77")
    assert (gige.kind, gige.vendor, gige.model) == ("genicam", "Aravis", "Fake")
    assert {"Mono8", "RGB8"} <= set(gige.formats)
    assert not any("basler" in each or "genicam" in each for each in found.missing)


def test_a_line_can_be_pasted_and_opens_that_camera(found):
    for serial in ("0815-0001", "GV77"):
        line = by_serial(found, serial).line
        settings = TypeAdapter(CameraSettings).validate_python(YAML().load(line)["camera"])
        assert settings.device in {serial, ADDRESS}
    settings = TypeAdapter(CameraSettings).validate_python(
        YAML().load(by_serial(found, "0815-0001").line)["camera"]
    )
    camera = make_camera(settings, SystemClock())
    camera.open()
    assert camera.info.settings["serial"] == "0815-0001"
    camera.close()


def test_lines_are_written_as_yaml_reads_them():
    camera = FoundCamera("opencv", "", "webcam", "", wishes={"device": 2, "colour": True})
    assert camera.line == "camera: {kind: opencv, device: 2, colour: true}"
    number = FoundCamera("basler", "", "", "23456789", wishes={"device": "23456789"})
    assert YAML().load(number.line) == {"camera": {"kind": "basler", "device": "23456789"}}


def test_drivers_that_are_missing_are_named_with_what_brings_them(monkeypatch):
    for module in DRIVERS:
        monkeypatch.setitem(sys.modules, module, None)
    found = search(n_usb=0)
    assert found.cameras == ()
    helps = "[basler]", "apt-get install gir1.2-aravis-0.8", "the Spinnaker SDK", "[vimba]"
    for help_, sentence in zip(helps, found.missing, strict=True):
        assert help_ in sentence


def test_cameras_of_makers_drivers_are_listed_too(monkeypatch):
    for module in DRIVERS[:2]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, "PySpin", pyspin_stand_in.StandIn(MakerDevice(serial="11")))
    monkeypatch.setitem(sys.modules, "vmbpy", vmbpy_stand_in.StandIn(MakerDevice(serial="22")))
    cameras = search(n_usb=0).cameras
    assert [(camera.kind, camera.serial) for camera in cameras] == [
        ("spinnaker", "11"),
        ("vimba", "22"),
    ]
    assert all(camera.formats == ("Mono8", "Mono12", "BayerRG8") for camera in cameras)
    assert cameras[0].line == 'camera: {kind: spinnaker, device: "11"}'


def test_the_command_says_what_there_is_and_what_to_write(monkeypatch):
    monkeypatch.setitem(sys.modules, "gi.repository.Aravis", None)
    result = CliRunner().invoke(app, ["cameras", "--emulated", "--usb", "0"])
    assert result.exit_code == 0
    assert 'camera: {kind: basler, device: "0815-0000", emulated: true}' in result.stdout
    assert "not looked for: a camera of kind genicam needs its driver" in result.stdout


def test_the_command_gives_json(monkeypatch):
    for module in DRIVERS:
        monkeypatch.setitem(sys.modules, module, None)
    result = CliRunner().invoke(app, ["cameras", "--usb", "0", "--json"])
    about = json.loads(result.stdout)
    assert about["cameras"] == []
    assert len(about["missing"]) == len(DRIVERS)


@pytest.mark.parametrize(
    ("said", "kind"),
    [("rtsp://h/s", "rtsp"), ("http://h/s", "opencv"), ("1", "opencv"), ("a.mp4", "video_file")],
)
def test_what_the_command_line_says_of_a_camera_chooses_its_driver(said, kind):
    (override,) = camera_overrides(said)
    settings = json.loads(override.removeprefix("rig.camera="))
    assert TypeAdapter(CameraSettings).validate_python(settings).kind == kind


def test_no_camera_at_all_is_said(monkeypatch):
    for module in DRIVERS:
        monkeypatch.setitem(sys.modules, module, None)
    result = CliRunner().invoke(app, ["cameras", "--usb", "1"])
    assert "No camera answers: check cables" in result.stdout
