"""Settings of a camera through Aravis."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tracker.cameras.genicam.load import glib_error
from tracker.cameras.machine_vision.driver import Value
from tracker.errors import DeviceError


class AravisFeatures:
    """Settings through Aravis' device."""

    def __init__(self, aravis: Any, device: Any) -> None:
        self._aravis, self._device = aravis, device

    def has(self, name: str) -> bool:
        """Whether there is such a feature and it can be used now."""
        if self._device.get_feature(name) is None:
            return False
        with suppress(glib_error()):
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
        except (glib_error(), ValueError) as failure:
            words = getattr(failure, "message", str(failure))
            raise DeviceError(f"{name} cannot be {what}{more} ({words})") from failure
