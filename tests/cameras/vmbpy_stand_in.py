"""Stands in for vmbpy: shaped like as much of it as the camera uses (names: see its test)."""

import ctypes
from enum import IntEnum

from cameras.maker_device import HEIGHT, WIDTH, Choice, Command, MakerDevice, Number, Unplugged


class VmbSystemError(Exception):
    pass


class VmbTransportLayerError(Exception):
    pass


class VmbCameraError(Exception):
    pass


class VmbFeatureError(Exception):
    pass


class FrameStatus(IntEnum):
    Complete = 0
    Incomplete = -1

    def __str__(self):
        return self.name


class CameraEvent(IntEnum):
    Missing = 0
    Detected = 1


class TransportLayerType(IntEnum):
    GEV = 1
    U3V = 2


class _Feature:
    def __init__(self, thing):
        self._thing = thing

    def is_readable(self):
        return not isinstance(self._thing, Command)

    def is_writeable(self):
        return True


class _Valued(_Feature):
    def get(self):
        return self._thing.value

    def set(self, val):
        try:
            self._thing.set(val)
        except ValueError as error:
            raise VmbFeatureError(str(error)) from error


class IntFeature(_Valued):
    def set(self, val):
        if not isinstance(val, int):
            raise TypeError("expected an int")
        super().set(val)

    def get_range(self):
        return self._thing.least, self._thing.most


class FloatFeature(_Valued):
    def set(self, val):
        if not isinstance(val, float):
            raise TypeError("expected a float")
        super().set(val)

    def get_range(self):
        return self._thing.least, self._thing.most


class StringFeature(_Valued):
    pass


class CommandFeature(_Feature):
    def run(self):
        self._thing.n_run += 1


class EnumEntry:
    def __init__(self, name):
        self._name = name

    def __str__(self):
        return self._name


class EnumFeature(_Valued):
    def get(self):
        return EnumEntry(self._thing.value)

    def get_available_entries(self):
        return tuple(EnumEntry(name) for name in self._thing.entries)


class _Container:
    def __init__(self, things):
        self._things = things

    def get_feature_by_name(self, feat_name):
        thing = self._things.get(feat_name)
        if thing is None:
            raise VmbFeatureError(f"Feature '{feat_name}' not found.")
        if isinstance(thing, Number):
            return (FloatFeature if isinstance(thing.value, float) else IntFeature)(thing)
        kinds = {Choice: EnumFeature, Command: CommandFeature}
        return kinds.get(type(thing), StringFeature)(thing)


class Frame:
    def __init__(self, picture):
        self._picture = picture
        self._buffer = (ctypes.c_uint8 * (WIDTH * HEIGHT))(*picture.data.tolist())

    def get_id(self):
        return self._picture.number

    def get_timestamp(self):
        return self._picture.tick

    def get_status(self):
        return FrameStatus.Incomplete if self._picture.problem else FrameStatus.Complete

    def get_width(self):
        return WIDTH

    def get_height(self):
        return HEIGHT

    def get_buffer(self):
        return self._buffer


class TransportLayer:
    def __init__(self, kind):
        self._kind = kind

    def get_type(self):
        return self._kind


class Camera(_Container):
    def __init__(self, package, device):
        super().__init__(device.features)
        self._package, self.device, self._handler = package, device, None

    def __enter__(self):
        if self.device.is_in_use:
            raise VmbCameraError("Accessed Camera is already in use.")
        self.device.is_open = True
        return self

    def __exit__(self, *_):
        self.device.is_open = False

    def get_id(self):
        return f"DEV_{self.device.serial}"

    def get_name(self):
        return "top camera"

    def get_model(self):
        return "Alvium"

    def get_serial(self):
        return self.device.serial

    def get_transport_layer(self):
        return TransportLayer(
            TransportLayerType.GEV if self.device.is_gige else TransportLayerType.U3V
        )

    def get_streams(self):
        return (_Container(self.device.statistics),)

    def start_streaming(self, handler, buffer_count=5):
        self._handler, self.device.n_buffers = handler, buffer_count
        self.device.n_lent = 0
        self._send()

    def stop_streaming(self):
        self._handler = None

    def is_streaming(self):
        return self._handler is not None

    def queue_frame(self, frame):
        self.device.n_lent -= 1
        self._send()

    def _send(self):
        """What Vimba's thread does; one frame at a time, so that each test is the same."""
        if not self.device.script or self._handler is None:
            return
        entry = self.device.script.pop(0)
        if isinstance(entry, Unplugged):
            self._package.tell(self, CameraEvent.Missing)
        elif entry is not None:
            self.device.n_lent += 1
            self._handler(self, None, Frame(entry))


class StandIn:
    """The package, its system, and the cameras that are plugged in.

    Attributes:
        devices: What is plugged in.
        n_held: How often the system was entered and not left.
        has_sdk: Whether Vimba X is installed.
    """

    VmbSystemError, VmbTransportLayerError = VmbSystemError, VmbTransportLayerError
    VmbCameraError, VmbFeatureError = VmbCameraError, VmbFeatureError
    FrameStatus, CameraEvent, TransportLayerType = FrameStatus, CameraEvent, TransportLayerType
    IntFeature, FloatFeature, EnumFeature = IntFeature, FloatFeature, EnumFeature
    StringFeature, CommandFeature, EnumEntry = StringFeature, CommandFeature, EnumEntry
    Camera, Frame, TransportLayer = Camera, Frame, TransportLayer

    def __init__(self, *devices: MakerDevice):
        self.devices, self.n_held, self.has_sdk = list(devices), 0, True
        self._told = []
        package = self

        class System:
            @staticmethod
            def get_instance():
                return System()

            def __enter__(self):
                if not package.has_sdk:
                    raise VmbSystemError("Encountered an error loading Transport Layers")
                package.n_held += 1
                return self

            def __exit__(self, *_):
                package.n_held -= 1

            def get_all_cameras(self):
                return tuple(Camera(package, device) for device in package.devices)

            def register_camera_change_handler(self, handler):
                package._told.append(handler)

            def unregister_camera_change_handler(self, handler):
                package._told.remove(handler)

        self.VmbSystem = System

    def tell(self, camera, event):
        for handler in self._told:
            handler(camera, event)
