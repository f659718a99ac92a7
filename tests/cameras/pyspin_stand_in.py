"""Stands in for PySpin: shaped like as much of it as the camera uses."""

from cameras.maker_device import (
    HEIGHT,
    WIDTH,
    Choice,
    Command,
    MakerDevice,
    Number,
    Text,
    Unplugged,
)


class SpinnakerException(Exception):
    def __init__(self, message, errorcode=-1001):
        super().__init__(message)
        self.errorcode = errorcode


class _Node:
    def __init__(self, package, name, thing):
        self.package, self.name, self.thing = package, name, thing

    def GetPrincipalInterfaceType(self):
        return self.package.kinds[self.kind]

    @property
    def kind(self):
        if isinstance(self.thing, Number):
            return "float" if isinstance(self.thing.value, float) else "integer"
        return {Choice: "enumeration", Command: "command", Text: "string"}[type(self.thing)]


class _Pointer:
    def __init__(self, node):
        self.node = node
        self.thing = node.thing if node is not None else None

    def GetValue(self):
        return self.thing.value

    def GetMin(self):
        return self.thing.least

    def GetMax(self):
        return self.thing.most

    def SetValue(self, value):
        try:
            self.thing.set(value)
        except ValueError as error:
            raise SpinnakerException(str(error)) from error


class CIntegerPtr(_Pointer):
    def SetValue(self, value):
        if not isinstance(value, int):
            raise TypeError("in method 'IInteger_SetValue', argument 2 of type 'int64_t'")
        super().SetValue(value)


class CFloatPtr(_Pointer):
    pass


class CBooleanPtr(_Pointer):
    pass


class CStringPtr(_Pointer):
    pass


class CCommandPtr(_Pointer):
    def Execute(self):
        self.thing.n_run += 1


class _Entry:
    def __init__(self, choice, place):
        self.choice, self.place, self.thing = choice, place, choice

    def GetSymbolic(self):
        return self.choice.entries[self.place]

    def GetValue(self):
        return self.place


class CEnumEntryPtr:
    def __new__(cls, entry):
        return entry


class CEnumerationPtr(_Pointer):
    def GetCurrentEntry(self):
        return _Entry(self.thing, self.thing.entries.index(self.thing.value))

    def GetEntryByName(self, name):
        if name not in self.thing.entries:
            return None
        return _Entry(self.thing, self.thing.entries.index(name))

    def GetEntries(self):
        return [_Entry(self.thing, place) for place in range(len(self.thing.entries))]

    def SetIntValue(self, place):
        self.thing.set(self.thing.entries[place])


class _NodeMap:
    def __init__(self, package, things):
        self._package, self._things = package, things

    def GetNode(self, name):
        thing = self._things.get(name)
        return None if thing is None else _Node(self._package, name, thing)


class Image:
    def __init__(self, device, picture):
        self._device, self._picture = device, picture

    @staticmethod
    def GetImageStatusDescription(status):
        return status

    def GetFrameID(self):
        return self._picture.number

    def GetTimeStamp(self):
        return self._picture.tick

    def IsIncomplete(self):
        return bool(self._picture.problem)

    def GetImageStatus(self):
        return self._picture.problem

    def GetData(self):
        return self._picture.data

    def GetWidth(self):
        return WIDTH

    def GetHeight(self):
        return HEIGHT

    def GetXPadding(self):
        return 0

    def Release(self):
        self._device.n_lent -= 1


class Camera:
    def __init__(self, package, device):
        self._package, self._device, self._is_streaming = package, device, False

    def Init(self):
        if self._device.is_in_use:
            raise SpinnakerException("Camera is already in use [-1004]", -1004)
        self._device.is_open = True

    def DeInit(self):
        self._device.is_open = False

    def GetNodeMap(self):
        return _NodeMap(self._package, self._device.features)

    def GetTLDeviceNodeMap(self):
        device = self._device
        about = {
            "DeviceVendorName": Text("FLIR"),
            "DeviceModelName": Text("Blackfly S"),
            "DeviceSerialNumber": Text(device.serial),
            "DeviceType": Choice(
                "GigEVision" if device.is_gige else "USB3Vision", ("GigEVision", "USB3Vision")
            ),
        }
        return _NodeMap(self._package, about)

    def GetTLStreamNodeMap(self):
        return _NodeMap(self._package, self._device.statistics | self._package.stream_settings)

    def BeginAcquisition(self):
        self._is_streaming = True
        self._device.n_buffers = self._package.stream_settings["StreamBufferCountManual"].value

    def EndAcquisition(self):
        self._is_streaming = False

    def IsStreaming(self):
        return self._is_streaming

    def GetNextImage(self, timeout_ms):
        assert self._device.n_lent == 0, "a buffer was taken before the last one was released"
        entry = self._device.script.pop(0) if self._device.script else None
        if entry is None:
            raise SpinnakerException("Failed waiting for EventData [-1011]", -1011)
        if isinstance(entry, Unplugged):
            raise SpinnakerException("Stream has been aborted. [-1012]", -1012)
        self._device.n_lent += 1
        return Image(self._device, entry)


class _List:
    def __init__(self, package):
        self._cameras = [Camera(package, device) for device in package.devices]

    def GetSize(self):
        return len(self._cameras)

    def GetByIndex(self, place):
        return self._cameras[place]

    def Clear(self):
        self._cameras = []


class StandIn:
    """The package, its system, and the cameras that are plugged in.

    Attributes:
        devices: What is plugged in.
        n_held: How often the system was taken and not released.
    """

    SpinnakerException = SpinnakerException
    SPINNAKER_ERR_TIMEOUT = -1011
    Image = Image
    CIntegerPtr, CFloatPtr, CBooleanPtr, CStringPtr = (
        CIntegerPtr,
        CFloatPtr,
        CBooleanPtr,
        CStringPtr,
    )
    CEnumerationPtr, CEnumEntryPtr, CCommandPtr = CEnumerationPtr, CEnumEntryPtr, CCommandPtr
    intfIInteger, intfIFloat, intfIBoolean, intfIString = 2, 5, 3, 6
    intfIEnumeration, intfICommand = 9, 4

    def __init__(self, *devices: MakerDevice):
        self.devices, self.n_held = list(devices), 0
        self.kinds = {
            "integer": self.intfIInteger,
            "float": self.intfIFloat,
            "string": self.intfIString,
            "enumeration": self.intfIEnumeration,
            "command": self.intfICommand,
        }
        self.stream_settings = {
            "StreamBufferCountMode": Choice("Auto", ("Auto", "Manual")),
            "StreamBufferCountManual": Number(10, 1, 4096),
            "StreamBufferHandlingMode": Choice("NewestOnly", ("OldestFirst", "NewestOnly")),
        }
        package = self

        class System:
            @staticmethod
            def GetInstance():
                package.n_held += 1
                return System

            @staticmethod
            def GetCameras():
                return _List(package)

            @staticmethod
            def ReleaseInstance():
                package.n_held -= 1

        self.System = System

    @staticmethod
    def IsAvailable(node):
        return node is not None and getattr(node, "thing", None) is not None

    @staticmethod
    def IsReadable(node):
        return not isinstance(node.thing, Command)

    @staticmethod
    def IsWritable(node):
        return not isinstance(node.thing, Text)
