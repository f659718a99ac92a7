"""Any GigE Vision or USB3 Vision camera through Aravis; tested on the camera that Aravis plays."""

import functools
import importlib
import importlib.util
import ipaddress
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tracker.cameras.machine_vision import MachineVisionCamera, MachineVisionSettings
from tracker.cameras.machine_vision.driver import Backlog, Buffer, Identity, Value
from tracker.clock import Clock
from tracker.errors import DeviceError, DeviceLost, DeviceNotFound, MissingDriver

GIGE_LAST_NUMBER = 65535
"""Frame ids of GigE Vision have 16 bits, and 0 is not used."""

TICK_HZ = 1e9
"""Aravis turns the camera's ticks into ns."""

SYSTEM_GI = Path("/usr/lib/python3/dist-packages/gi")
"""Where Debian and Ubuntu have PyGObject, which a virtual environment does not see."""

HOW_TO_INSTALL = (
    "on Debian or Ubuntu `sudo apt-get install gir1.2-aravis-0.8 python3-gi`, with the system's "
    "own version of Python; elsewhere Aravis 0.8 with introspection, and PyGObject"
)

COUNTS = (
    *("n_completed_buffers", "n_failures", "n_underruns", "n_timeouts", "n_aborted"),
    *("n_missing_frames", "n_received_packets", "n_missing_packets"),
    *("n_resend_requests", "n_resent_packets"),
)
"""Aravis' figures that are kept."""

FAKE = "Fake_1"
"""Aravis' name of the camera that it plays inside this program."""

_EMPTY = np.empty(0, np.uint8)


class GenicamSettings(MachineVisionSettings):
    """A camera that speaks GigE Vision or USB3 Vision, of any maker."""

    kind: Literal["genicam"] = "genicam"
    emulated: bool = Field(
        default=False, description="a camera that Aravis plays, for trying out; device stays null"
    )
    packet_size: int | None = Field(
        None, ge=220, le=16_384, description="bytes, GigE; null: the largest that gets through"
    )
    resend: bool = Field(default=True, description="GigE: ask for packets that were lost")
    give_up_after_ms: float = Field(
        50.0, ge=1, le=10_000, description="GigE: how long a frame may lack packets"
    )


def load_aravis() -> Any:
    """Return Aravis' module, from the system's PyGObject if this environment has none.

    Raises:
        MissingDriver: If Aravis or PyGObject is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its way to import
            gi = _load_gi()
            gi.require_version("Aravis", "0.8")
            importlib.import_module("gi.repository.GLib")
            return importlib.import_module("gi.repository.Aravis")
    except (ImportError, ValueError) as failure:
        raise MissingDriver("a camera of kind genicam", HOW_TO_INSTALL) from failure


def _load_gi() -> Any:
    """PyGObject; only this one folder of the system's packages is looked into."""
    if "gi" in sys.modules or importlib.util.find_spec("gi") is not None:
        return importlib.import_module("gi")
    spec = importlib.util.spec_from_file_location(
        "gi", SYSTEM_GI / "__init__.py", submodule_search_locations=[str(SYSTEM_GI)]
    )
    if spec is None or spec.loader is None or not SYSTEM_GI.is_dir():
        raise ImportError(f"no PyGObject here, nor at {SYSTEM_GI}")
    gi = importlib.util.module_from_spec(spec)
    sys.modules["gi"] = gi
    try:
        spec.loader.exec_module(gi)
    except BaseException:
        del sys.modules["gi"]
        raise
    return gi


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
    except _glib_error() as failure:
        raise DeviceNotFound(
            f"the camera {name} cannot be opened ({failure.message}): check cable, power and "
            f"address, and that no other program uses it"
        ) from failure
    return AravisConnection(aravis, camera, settings)


def _glib_error() -> type[Any]:
    error: type[Any] = importlib.import_module("gi.repository.GLib").Error
    return error


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
        with suppress(_glib_error()):
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


class AravisFeatures:
    """Settings through Aravis' device."""

    def __init__(self, aravis: Any, device: Any) -> None:
        self._aravis, self._device = aravis, device

    def has(self, name: str) -> bool:
        """Whether there is such a feature and it can be used now."""
        if self._device.get_feature(name) is None:
            return False
        with suppress(_glib_error()):
            return bool(self._device.is_feature_available(name))
        return False

    def get(self, name: str) -> Value:
        """Return its value. Raises `DeviceError`."""
        device = self._device
        getter = {
            "enumeration": device.get_string_feature_value,
            "boolean": device.get_boolean_feature_value,
            "integer": device.get_integer_feature_value,
            "float": device.get_float_feature_value,
            "text": device.get_string_feature_value,
        }[self._type(name)]
        with self._told(name, "read"):
            value: Value = getter(name)
            return value

    def set(self, name: str, value: Value) -> None:
        """Ask for a value. Raises `DeviceError`."""
        device, kind = self._device, self._type(name)
        with self._told(name, f"set to {value}", self._range(name, kind)):
            if kind == "boolean":
                device.set_boolean_feature_value(name, bool(value))
            elif kind == "integer":
                device.set_integer_feature_value(name, round(float(value)))
            elif kind == "float":
                device.set_float_feature_value(name, float(value))
            else:
                device.set_string_feature_value(name, str(value))

    def choices(self, name: str) -> tuple[str, ...]:
        """Return what can be chosen now. Raises `DeviceError`."""
        self._node(name)
        with self._told(name, "read"):
            return tuple(self._device.dup_available_enumeration_feature_values_as_strings(name))

    def limits(self, name: str) -> tuple[float, float]:
        """Return smallest and largest value of a number, now. Raises `DeviceError`."""
        kind = self._type(name)
        with self._told(name, "read"):
            if kind == "integer":
                least, most = self._device.get_integer_feature_bounds(name)
            else:
                least, most = self._device.get_float_feature_bounds(name)
        return float(least), float(most)

    def run(self, name: str) -> None:
        """Carry out a command. Raises `DeviceError`."""
        self._node(name)
        with self._told(name, "carried out"):
            self._device.execute_command(name)

    def release(self) -> None:
        """Let go of the device."""
        self._device = None

    def _node(self, name: str) -> Any:
        node = self._device.get_feature(name)
        if node is None:
            raise DeviceError(f"the camera has no feature {name}: check its spelling")
        return node

    def _type(self, name: str) -> str:
        """What kind of value it has; an enumeration is also a number and a text."""
        node, aravis = self._node(name), self._aravis
        kinds = (
            ("enumeration", aravis.GcEnumeration),
            ("boolean", aravis.GcBoolean),
            ("float", aravis.GcFloat),
            ("integer", aravis.GcInteger),
        )
        return next((kind for kind, of in kinds if isinstance(node, of)), "text")

    def _range(self, name: str, kind: str) -> str:
        with suppress(DeviceError):
            if kind == "enumeration":
                return f"; it can be {', '.join(self.choices(name))}"
            if kind in {"integer", "float"}:
                return "; it can be {:g} to {:g}".format(*self.limits(name))
        return ""

    @contextmanager
    def _told(self, name: str, what: str, more: str = "") -> Iterator[None]:
        try:
            yield
        except (_glib_error(), ValueError) as failure:
            words = getattr(failure, "message", str(failure))
            raise DeviceError(f"{name} cannot be {what}{more} ({words})") from failure


class AravisStream:
    """Buffers that lie in our own memory, filled by Aravis' thread in the order of the frames."""

    tick_hz = TICK_HZ

    def __init__(
        self, aravis: Any, camera: Any, features: AravisFeatures, settings: GenicamSettings
    ) -> None:
        self._aravis, self._camera, self._features = aravis, camera, features
        self._settings = settings
        self._stream: Any = None
        self._memory: dict[int, tuple[Any, NDArray[np.uint8]]] = {}
        self._numbers: dict[int, int] = {}
        self._taken: Any = None
        self._is_lost = False
        self.last_number = None if camera.is_uv_device() else GIGE_LAST_NUMBER
        camera.get_device().connect("control-lost", self._lose)

    def start(self, n_buffers: int) -> None:
        """Make the buffers and let the camera send. Raises `DeviceError`."""
        try:
            self._make_stream()
            self._numbers.clear()
            size = self._camera.get_payload()
            for _ in range(n_buffers):
                memory = np.empty(size, np.uint8)
                buffer = self._aravis.Buffer.new(size, memory.ctypes.data)
                self._memory[id(buffer)] = buffer, memory  # the pair keeps both alive
                self._stream.push_buffer(buffer)
            self._pixel_format = str(self._features.get("PixelFormat"))
            self._camera.set_acquisition_mode(self._aravis.AcquisitionMode.CONTINUOUS)
            self._camera.start_acquisition()
        except _glib_error() as failure:
            raise DeviceError(f"the camera cannot start: {failure.message}") from failure

    def take(self, timeout_s: float) -> Buffer | None:
        """Return the next buffer. Raises `DeviceLost`."""
        buffer = self._stream.timeout_pop_buffer(round(timeout_s * 1e6))
        if buffer is None:
            if self._is_lost:
                raise DeviceLost("it does not answer any more: it was unplugged or switched off")
            return None
        self._taken = buffer
        number, tick = self._number(buffer), buffer.get_timestamp()
        status = buffer.get_status()
        if status != self._aravis.BufferStatus.SUCCESS:
            return Buffer(number, status.value_nick.replace("-", " "), _EMPTY, 0, 0, 0, "")
        return Buffer(
            number,
            "",
            self._memory[id(buffer)][1],
            buffer.get_image_width(),
            buffer.get_image_height(),
            buffer.get_image_padding()[0],
            self._pixel_format,
            tick,
        )

    def _number(self, buffer: Any) -> int | None:
        """The frame's number; Aravis leaves the last one there if the packet with it was lost."""
        number, before = buffer.get_frame_id(), self._numbers.get(id(buffer), 0)
        self._numbers[id(buffer)] = number
        return None if number == before else int(number)

    def give_back(self) -> None:
        """Let Aravis fill the buffer again."""
        if self._taken is not None:
            self._stream.push_buffer(self._taken)
            self._taken = None

    def trigger(self, timeout_s: float) -> bool:
        """Start one exposure; Aravis cannot say whether the camera is ready."""
        del timeout_s
        try:
            self._camera.software_trigger()
        except _glib_error() as failure:
            raise DeviceLost(failure.message) from failure
        return True

    def backlog(self) -> Backlog:
        """Aravis' filled buffers, and its count of packets without one."""
        n_overruns = self._stream.get_info_uint64_by_name("n_underruns")
        return Backlog(self._stream.get_n_buffers().n_output_buffers, n_overruns)

    def counts(self) -> dict[str, int]:
        """Aravis' statistics, by its own names, and what waits."""
        if self._stream is None:
            return {}
        there = {
            self._stream.get_info_name(n) for n in range(self._stream.get_n_infos())
        }  # USB cameras have fewer
        counts = {
            name: int(self._stream.get_info_uint64_by_name(name))
            for name in COUNTS
            if name in there
        }
        return counts | {"unread": self.backlog().n_waiting}

    def stop(self) -> None:
        """Stop the camera, unless it is gone. Raises `DeviceError`."""
        self.give_back()
        if self._stream is None:
            return
        if self._is_lost:  # it would wait for an answer
            self._stream.stop_thread(True)  # noqa: FBT003 - Aravis takes no names
            return
        try:
            self._camera.stop_acquisition()
        except _glib_error() as failure:
            raise DeviceError(f"the camera cannot stop: {failure.message}") from failure

    def release(self) -> None:
        """Let go of the camera; the buffers' memory goes after Aravis' thread."""
        self._taken = None
        self._stream = self._camera = None
        self._memory.clear()

    def _make_stream(self) -> None:
        settings, aravis = self._settings, self._aravis
        if self._camera.is_gv_device() and settings.packet_size is not None:
            self._camera.gv_set_packet_size(settings.packet_size)
            self._camera.gv_set_packet_size_adjustment(aravis.GvPacketSizeAdjustment.NEVER)
        self._stream = self._camera.create_stream(None, None)
        if self._camera.is_gv_device():
            resend = aravis.GvStreamPacketResend
            self._stream.set_property(
                "packet-resend", resend.ALWAYS if settings.resend else resend.NEVER
            )
            give_up_us = round(settings.give_up_after_ms * 1000)
            self._stream.set_property("frame-retention", give_up_us)
            self._stream.set_property("packet-timeout", max(give_up_us // 4, 1000))

    def _lose(self, *_: object) -> None:
        """Called on Aravis' heartbeat thread."""
        self._is_lost = True
