"""Any GigE Vision or USB3 Vision camera through Aravis; tested on the camera that Aravis plays."""

import functools
import ipaddress
from contextlib import suppress
from typing import Any

from tracker.cameras.genicam.features import AravisFeatures
from tracker.cameras.genicam.load import glib_error, load_aravis
from tracker.cameras.genicam.settings import GenicamSettings
from tracker.cameras.genicam.stream import AravisStream
from tracker.cameras.machine_vision import MachineVisionCamera
from tracker.cameras.machine_vision.driver import Identity
from tracker.clock import Clock
from tracker.errors import DeviceError, DeviceNotFound

__all__ = ["GenicamSettings", "connect", "found", "genicam_camera", "load_aravis"]

FAKE = "Fake_1"
"""Aravis' name of the camera that it plays inside this program."""


def genicam_camera(settings: GenicamSettings, clock: Clock) -> MachineVisionCamera:
    """Return the camera, closed."""
    return MachineVisionCamera(settings, clock, settings.kind, functools.partial(connect, settings))


def connect(settings: GenicamSettings) -> "AravisConnection":
    """Return the camera, opened.

    Raises:
        MissingDriver: If Aravis is not installed.
        DeviceNotFound: If the camera is not there, or is in use.
    """
    aravis = load_aravis()
    if settings.emulated:
        aravis.enable_interface("Fake")
        name = FAKE
    elif settings.device is not None and _is_address(settings.device):
        name = settings.device  # asked directly: a search would go to the whole network
    else:
        name = _find(aravis, settings.device)
    try:
        camera = aravis.Camera.new(name)
    except glib_error() as failure:
        raise DeviceNotFound(
            f"the camera {name} cannot be opened ({failure.message}): check cable, power and "
            f"address, and that no other program uses it"
        ) from failure
    return AravisConnection(aravis, camera, settings)


def _is_address(device: str) -> bool:
    with suppress(ValueError):
        return bool(ipaddress.ip_address(device))
    return False


def found(aravis: Any) -> list[dict[str, str]]:
    """Return all cameras that answer a search: id, serial, model, vendor, address, protocol."""
    aravis.update_device_list()
    return [
        {
            "id": aravis.get_device_id(n) or "",
            "serial": aravis.get_device_serial_nbr(n) or "",
            "model": aravis.get_device_model(n) or "",
            "vendor": aravis.get_device_vendor(n) or "",
            "address": aravis.get_device_address(n) or "",
            "protocol": aravis.get_device_protocol(n) or "",
        }
        for n in range(aravis.get_n_devices())
        if aravis.get_device_protocol(n) != "Fake"
    ]


def _find(aravis: Any, device: str | None) -> str:
    there = found(aravis)
    known = ", ".join(f"{each['model']} {each['serial']}" for each in there) or "none"
    if device is None:
        if len(there) == 1:
            return there[0]["id"]
        raise DeviceNotFound(
            f"{len(there)} cameras answer ({known}), expected one: set device to the serial number "
            f"or address of the one that is meant"
            if there
            else "no GigE Vision or USB3 Vision camera answers: check cable, power and address; "
            "`tracker cameras` lists all cameras"
        )
    for each in there:
        if device in (each["id"], each["serial"]):
            return each["id"]
    raise DeviceNotFound(
        f"no camera {device!r} (serial number or address) answers; there is {known}: check cable, "
        f"power and address"
    )


class AravisConnection:
    """An open camera.

    Args:
        aravis: The module.
        camera: Its `Camera`.
        settings: How its packets are to be received.
    """

    def __init__(self, aravis: Any, camera: Any, settings: GenicamSettings) -> None:
        self._camera = camera
        device = camera.get_device()
        device.set_range_check_policy(aravis.RangeCheckPolicy.ENABLE)
        with suppress(glib_error()):
            self.identity = Identity(
                camera.get_vendor_name() or "",
                camera.get_model_name() or "",
                camera.get_device_serial_number() or "",
            )
        self.features = AravisFeatures(aravis, device)
        self.stream = AravisStream(aravis, camera, self.features, settings)

    def close(self) -> None:
        """Release the camera; takes some seconds if it is gone. Never raises."""
        with suppress(DeviceError):
            self.stream.stop()
        self.stream.release()
        self.features.release()
        self._camera = None
