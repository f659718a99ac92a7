"""What cameras are there: looked for by every driver that is installed."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import cv2

from tracker.cameras import basler, genicam, spinnaker, vimba
from tracker.cameras.machine_vision.driver import Connection, Identity
from tracker.cameras.opencv import quiet_opencv
from tracker.errors import DeviceError, DeviceNotFound, MissingDriver, MissingExtra

Wishes = dict[str, str | int | bool]

USB_NAMES = Path("/sys/class/video4linux")
"""Where Linux says what its video devices are called."""


@dataclass(frozen=True, slots=True)
class FoundCamera:
    """A camera that answers.

    Attributes:
        kind: Its driver, as `rig.camera.kind`.
        vendor: Its maker; "" if it does not say.
        model: Its model, or the system's name for it.
        serial: Its serial number; "" if it does not say.
        formats: Pixel formats that it offers; empty if they could not be asked for.
        note: Why they could not, or where it is; "" if there is nothing to say.
        wishes: What a config says to get it, by name, beside `kind`.
    """

    kind: str
    vendor: str
    model: str
    serial: str
    formats: tuple[str, ...] = ()
    note: str = ""
    wishes: Wishes = field(default_factory=dict)

    @property
    def line(self) -> str:
        """A line for `rig:` of an experiment file."""
        wishes = "".join(f", {name}: {_yaml(value)}" for name, value in self.wishes.items())
        return f"camera: {{kind: {self.kind}{wishes}}}"

    def as_dict(self) -> dict[str, object]:
        """The same as JSON-ready values."""
        return asdict(self) | {"line": self.line}


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found.

    Attributes:
        cameras: Those that answer.
        missing: Drivers that are not installed or do not start, and what helps; a sentence each.
    """

    cameras: tuple[FoundCamera, ...]
    missing: tuple[str, ...]


def search(*, addresses: Sequence[str] = (), n_usb: int = 4, emulated: bool = False) -> Search:
    """Look for cameras with every driver that is installed. Takes some seconds.

    Each is opened for a moment, to ask for its formats; one that another program uses is listed
    without them.

    Args:
        addresses: GigE cameras that no broadcast reaches, by their addresses.
        n_usb: How many USB cameras are tried, from number 0.
        emulated: List the cameras that drivers play themselves, too.
    """
    looks: tuple[Callable[[], Iterator[FoundCamera]], ...] = (
        lambda: _basler(emulated=emulated),
        lambda: _genicam(addresses, emulated=emulated),
        _spinnaker,
        _vimba,
        lambda: _usb(n_usb),
    )
    cameras: list[FoundCamera] = []
    missing: list[str] = []
    for look in looks:
        try:
            cameras.extend(look())
        except (MissingExtra, MissingDriver, DeviceNotFound) as failure:
            missing.append(str(failure))
    return Search(tuple(cameras), tuple(missing))


def _basler(*, emulated: bool) -> Iterator[FoundCamera]:
    factory = basler.load_pylon().TlFactory.GetInstance()
    for played in (False, True)[: 1 + emulated]:
        for info in basler.devices(factory, emulated=played):
            serial = str(info.GetSerialNumber())
            settings = basler.BaslerSettings(device=serial, emulated=played)
            formats, note = _ask(partial(basler.connect, settings))
            wishes: Wishes = {"device": serial}
            if played:
                wishes |= {"emulated": True}
            vendor, model = str(info.GetVendorName()), str(info.GetModelName())
            yield FoundCamera("basler", vendor, model, serial, formats, note, wishes)


def _genicam(addresses: Sequence[str], *, emulated: bool) -> Iterator[FoundCamera]:
    aravis = genicam.load_aravis()
    for each in genicam.found(aravis):
        device = each["address"] or each["serial"] or each["id"]
        settings = genicam.GenicamSettings(device=device)
        formats, note = _ask(partial(genicam.connect, settings))
        wishes: Wishes = {"device": device}
        found = each["vendor"], each["model"], each["serial"]
        yield FoundCamera("genicam", *found, formats, note or each["protocol"], wishes)
    for address in addresses:
        yield _opened_genicam({"device": address})
    if emulated:
        yield _opened_genicam({"emulated": True})


def _spinnaker() -> Iterator[FoundCamera]:
    for who in spinnaker.found(spinnaker.load_pyspin()):
        settings = spinnaker.SpinnakerSettings(device=who.serial)
        yield _of_maker("spinnaker", who, partial(spinnaker.connect, settings))


def _vimba() -> Iterator[FoundCamera]:
    for who in vimba.found(vimba.load_vmbpy()):
        settings = vimba.VimbaSettings(device=who.serial)
        yield _of_maker("vimba", who, partial(vimba.connect, settings))


def _of_maker(kind: str, who: Identity, connect: Callable[[], Connection]) -> FoundCamera:
    formats, note = _ask(connect)
    wishes: Wishes = {"device": who.serial}
    return FoundCamera(kind, who.vendor, who.model, who.serial, formats, note, wishes)


def _opened_genicam(wishes: Wishes) -> FoundCamera:
    settings = genicam.GenicamSettings.model_validate(wishes)
    try:
        connection = genicam.connect(settings)
    except DeviceError as failure:
        return FoundCamera("genicam", "", str(settings.device), "", note=str(failure))
    who = connection.identity
    try:
        formats = connection.features.choices("PixelFormat")
    finally:
        connection.close()
    return FoundCamera("genicam", who.vendor, who.model, who.serial, formats, "", wishes)


def _ask(connect: Callable[[], Connection]) -> tuple[tuple[str, ...], str]:
    """The formats of a camera, or why it cannot be asked."""
    try:
        connection = connect()
    except DeviceError as failure:
        return (), str(failure)
    try:
        return connection.features.choices("PixelFormat"), ""
    except DeviceError as failure:
        return (), str(failure)
    finally:
        connection.close()


def _usb(n: int) -> Iterator[FoundCamera]:
    """What OpenCV opens under the first numbers."""
    for number in range(n):
        with quiet_opencv():
            capture = cv2.VideoCapture(number)
            is_there = capture.isOpened()
            size = (
                f"{capture.get(cv2.CAP_PROP_FRAME_WIDTH):.0f}x"
                f"{capture.get(cv2.CAP_PROP_FRAME_HEIGHT):.0f}"
                if is_there
                else ""
            )
            capture.release()
        if is_there:
            wishes: Wishes = {"device": number}
            yield FoundCamera("opencv", "", _usb_name(number), "", note=size, wishes=wishes)


def _usb_name(number: int) -> str:
    with suppress(OSError):
        return (USB_NAMES / f"video{number}" / "name").read_text(encoding="utf-8").strip()
    return f"camera {number}"


def _yaml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
