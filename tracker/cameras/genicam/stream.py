"""Pictures of a camera through Aravis."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.cameras.genicam.features import AravisFeatures
from tracker.cameras.genicam.load import glib_error
from tracker.cameras.genicam.settings import GenicamSettings
from tracker.cameras.machine_vision.driver import Backlog, Buffer
from tracker.errors import DeviceError, DeviceLost

GIGE_LAST_NUMBER = 65535
"""Frame ids of GigE Vision have 16 bits, and 0 is not used."""

TICK_HZ = 1e9
"""Aravis turns the camera's ticks into ns."""

COUNTS = (
    *("n_completed_buffers", "n_failures", "n_underruns", "n_timeouts", "n_aborted"),
    *("n_missing_frames", "n_received_packets", "n_missing_packets"),
    *("n_resend_requests", "n_resent_packets"),
)
"""Aravis' figures that are kept."""

_EMPTY = np.empty(0, np.uint8)


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
        except glib_error() as failure:
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
        except glib_error() as failure:
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
        except glib_error() as failure:
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
