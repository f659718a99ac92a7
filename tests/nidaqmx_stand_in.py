"""Stands in for the package nidaqmx: shaped like as much of it as the actuator uses."""

from types import SimpleNamespace


class Error(Exception):
    pass


class DaqNotFoundError(Error):
    pass


class DaqError(Error):
    pass


class StandIn:
    """The package, its driver and one card.

    Attributes:
        cards: Names of the cards that are plugged in.
        lines: What each card has.
        has_driver: Whether NI-DAQmx is installed.
        written: Physical channel and state, in order.
        open_tasks: Tasks that are not closed.
    """

    def __init__(self):
        self.cards, self.has_driver = ["Dev1"], True
        self.lines = {f"port0/line{n}" for n in range(8)}
        self.written, self.open_tasks = [], []
        self.errors = SimpleNamespace(
            Error=Error, DaqError=DaqError, DaqNotFoundError=DaqNotFoundError
        )
        self.system = SimpleNamespace(System=SimpleNamespace(local=self._local))
        self.Task = lambda new_task_name="": Task(self)

    def _local(self):
        return SimpleNamespace(devices=SimpleNamespace(device_names=self._names()))

    def _names(self):
        if not self.has_driver:
            raise DaqNotFoundError("Could not find an installation of NI-DAQmx.")
        return list(self.cards)


class Task:
    def __init__(self, package):
        self._package, self._channel, self._is_running = package, None, False
        self.do_channels = SimpleNamespace(add_do_chan=self._add)
        package.open_tasks.append(self)

    def start(self):
        if any(
            each is not self and each._is_running and each._channel == self._channel
            for each in self._package.open_tasks
        ):
            raise DaqError("The specified resource is reserved.\n\nStatus Code: -50103")
        self._is_running = True

    def write(self, data, auto_start=None, timeout=10.0):
        assert isinstance(data, bool)
        assert self._is_running
        if self._channel.partition("/")[0] not in self._package.cards:
            raise DaqError("Device is not available.\n\nStatus Code: -201003")
        self._package.written.append((self._channel, data))
        return 1

    def close(self):
        self._is_running = False
        self._package.open_tasks.remove(self)

    def _add(self, lines, name_to_assign_to_lines="", line_grouping=None):
        if lines.partition("/")[2] not in self._package.lines:
            raise DaqError("Physical channel specified does not exist.\n\nStatus Code: -200170")
        self._channel = lines
