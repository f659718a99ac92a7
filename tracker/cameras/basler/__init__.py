"""Basler cameras through pylon; tested on pylon's camera emulator."""

import functools
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from tracker.cameras.basler.features import PylonFeatures
from tracker.cameras.basler.load import EMULATED, N_EMULATED, load_pylon, words
from tracker.cameras.basler.stream import PylonStream
from tracker.cameras.machine_vision import MachineVisionCamera, MachineVisionSettings
from tracker.cameras.machine_vision.driver import Identity
from tracker.clock import Clock
from tracker.errors import DeviceError, DeviceNotFound

__all__ = ["BaslerSettings", "basler_camera", "connect", "devices", "load_pylon"]


class BaslerSettings(MachineVisionSettings):
    """A Basler camera (GigE or USB3)."""

    kind: Literal["basler"] = "basler"
    emulated: bool = Field(
        default=False, description="a camera that pylon plays, for trying out; device may be null"
    )
    feature_file: Path | None = Field(
        None, description="settings saved by pylon Viewer (.pfs), loaded before all others"
    )


def basler_camera(settings: BaslerSettings, clock: Clock) -> MachineVisionCamera:
    """Return the camera, closed."""
    return MachineVisionCamera(settings, clock, settings.kind, functools.partial(connect, settings))


def connect(settings: BaslerSettings) -> "PylonConnection":
    """Return the camera, opened and with its feature file loaded.

    Raises:
        MissingExtra: If pypylon is not installed.
        DeviceNotFound: If the camera is not there, or is in use.
        DeviceError: If the feature file cannot be loaded.
    """
    pylon = load_pylon()
    factory = pylon.TlFactory.GetInstance()
    chosen = _choose(devices(factory, emulated=settings.emulated), settings)
    try:
        camera = pylon.InstantCamera(factory.CreateDevice(chosen))
        camera.Open()
    except pylon.GenericException as failure:
        raise DeviceNotFound(
            f"the camera {_named(chosen)} cannot be opened ({words(failure)}): does another "
            f"program use it?"
        ) from failure
    connection = PylonConnection(pylon, camera)
    try:
        if settings.feature_file is not None:
            connection.load(settings.feature_file)
    except DeviceError:
        connection.close()
        raise
    return connection


def devices(factory: Any, *, emulated: bool) -> list[Any]:
    """Return what pylon finds: devices alone, or emulated ones alone."""
    if emulated:
        os.environ.setdefault("PYLON_CAMEMU", N_EMULATED)
        return list(factory.CreateTl(EMULATED).EnumerateDevices())
    return [each for each in factory.EnumerateDevices() if each.GetDeviceClass() != EMULATED]


def _choose(found: list[Any], settings: BaslerSettings) -> Any:
    device = settings.device
    known = ", ".join(_named(each) for each in found) or "none"
    if not found:
        raise DeviceNotFound(
            "no Basler camera is there: check cable and power; `tracker cameras` lists all cameras"
        )
    if device is None:
        if len(found) == 1 or settings.emulated:
            return found[0]
        raise DeviceNotFound(
            f"{len(found)} Basler cameras are there ({known}), expected one: set device to the "
            f"serial number of the one that is meant"
        )
    for each in found:
        if device in (each.GetSerialNumber(), each.GetUserDefinedName(), _address(each)):
            return each
    raise DeviceNotFound(
        f"no Basler camera {device!r} (serial number, own name or address) is there; there is "
        f"{known}: check cable and power"
    )


def _named(info: Any) -> str:
    return f"{info.GetModelName()} {info.GetSerialNumber()}"


def _address(info: Any) -> str:
    return str(info.GetIpAddress()) if info.IsIpAddressAvailable() else ""


class PylonConnection:
    """An open Basler camera.

    Args:
        pylon: The module.
        camera: Its `InstantCamera`, open.
    """

    def __init__(self, pylon: Any, camera: Any) -> None:
        self._pylon, self._camera = pylon, camera
        info = camera.GetDeviceInfo()
        self.identity = Identity(info.GetVendorName(), info.GetModelName(), info.GetSerialNumber())
        self.features = PylonFeatures(pylon, camera)
        self.stream = PylonStream(pylon, camera, self.features)

    def load(self, path: Path) -> None:
        """Load a feature file. Raises `DeviceError`."""
        if not path.is_file():
            raise DeviceError(f"feature_file {path} is not there: check the path")
        try:
            self._pylon.FeaturePersistence.Load(str(path), self._camera.GetNodeMap(), True)  # noqa: FBT003 - pylon takes no names
        except self._pylon.GenericException as failure:
            raise DeviceError(
                f"feature_file {path} cannot be loaded into this camera: {words(failure)}"
            ) from failure

    def close(self) -> None:
        """Release the camera. Never raises."""
        with suppress(self._pylon.GenericException, DeviceError):
            self.stream.stop()
        with suppress(self._pylon.GenericException):
            self._camera.Close()
        with suppress(self._pylon.GenericException):
            self._camera.DestroyDevice()
