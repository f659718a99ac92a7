"""A serial port without hardware: a pseudo-terminal whose other end a test holds."""

import os
import select
import tty

PATIENCE_S = 5


class PseudoTerminal:
    """A port at `name`; this is the end of the device."""

    def __init__(self):
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.name = os.ttyname(self._theirs)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.unplug()

    def receive(self, n):
        """Return the next `n` bytes that the program has written."""
        data = b""
        while len(data) < n:
            assert self._readable(PATIENCE_S), f"only {data.hex(' ')} came"
            data += os.read(self._ours, n - len(data))
        return data

    def receive_some(self, timeout_s):
        """Return what was written, b"" if nothing was; raises `OSError` once it is unplugged."""
        return os.read(self._ours, 1024) if self._readable(timeout_s) else b""

    def is_silent(self):
        """Whether nothing waits to be read."""
        return not self._readable(0)

    def send(self, data):
        os.write(self._ours, data)

    def unplug(self):
        """Pull the cable."""
        for end in (self._theirs, self._ours):
            if end is not None:
                os.close(end)
        self._ours = self._theirs = None

    def _readable(self, timeout_s):
        return bool(select.select([self._ours], [], [], timeout_s)[0])
