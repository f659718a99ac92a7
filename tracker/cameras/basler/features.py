"""Settings of a Basler camera."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tracker.cameras.basler.load import words
from tracker.cameras.machine_vision.driver import Value
from tracker.errors import DeviceError


class PylonFeatures:
    """Settings through pylon's node map."""

    def __init__(self, pylon: Any, camera: Any) -> None:
        self._pylon = pylon
        self._genicam = importlib.import_module("pypylon.genicam")
        self._nodes = camera.GetNodeMap()

    def has(self, name: str) -> bool:
        """Whether it can be read now, or written."""
        node = self._nodes.GetNode(name)
        return node is not None and (
            self._genicam.IsReadable(node) or self._genicam.IsWritable(node)
        )

    def get(self, name: str) -> Value:
        """Return its value. Raises `DeviceError`."""
        with self._told(name, "read"):
            value: Value = self._node(name).GetValue()
            return value

    def set(self, name: str, value: Value) -> None:
        """Ask for a value. Raises `DeviceError`."""
        node = self._node(name)
        if isinstance(node, self._genicam.IInteger) and isinstance(value, float):
            value = round(value)
        with self._told(name, f"set to {value}", self._range(node)):
            node.SetValue(value)

    def choices(self, name: str) -> tuple[str, ...]:
        """Return what can be chosen now. Raises `DeviceError`."""
        with self._told(name, "read"):
            return tuple(
                entry.GetSymbolic()
                for entry in self._node(name).GetEntries()
                if self._genicam.IsAvailable(entry)
            )

    def limits(self, name: str) -> tuple[float, float]:
        """Return smallest and largest value of a number, now. Raises `DeviceError`."""
        with self._told(name, "read"):
            node = self._node(name)
            return float(node.GetMin()), float(node.GetMax())

    def run(self, name: str) -> None:
        """Carry out a command. Raises `DeviceError`."""
        with self._told(name, "carried out"):
            self._node(name).Execute()

    def _node(self, name: str) -> Any:
        node = self._nodes.GetNode(name)
        if node is None or type(node).__name__ == "PlaceholderParameter":
            raise DeviceError(f"the camera has no feature {name}: check its spelling")
        return node

    def _range(self, node: Any) -> str:
        with suppress(self._pylon.GenericException):
            if isinstance(node, self._genicam.IEnumeration):
                return f"; it can be {', '.join(self.choices(node.GetNode().GetName()))}"
            if isinstance(node, (self._genicam.IInteger, self._genicam.IFloat)):
                return f"; it can be {node.GetMin():g} to {node.GetMax():g}"
        return ""

    @contextmanager
    def _told(self, name: str, what: str, more: str = "") -> Iterator[None]:
        try:
            yield
        except (self._pylon.GenericException, TypeError) as failure:
            raise DeviceError(f"{name} cannot be {what}{more} ({words(failure)})") from failure
