"""A board with StandardFirmata, as far as switching its pins goes, at a pseudo-terminal."""

import threading

from pseudo_terminal import PseudoTerminal

INPUT, OUTPUT, PWM = 0, 1, 3


class FirmataBoard:
    """Answers and obeys on a thread of its own.

    Attributes:
        port: Where it is connected.
        modes: Mode of each pin that was set, by number.
        changes: Levels of pins as they changed: pin and level, 0 to 1.
        answers: Whether it still does.
        deaf_to: So many questions for its version are not answered at first, as if it restarted.
    """

    def __init__(self):
        self._terminal = PseudoTerminal()
        self.port = self._terminal.name
        self.modes, self.changes = {}, []
        self.answers, self.deaf_to = True, 0
        self._levels = {}
        self._buffer = b""
        self._news = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.unplug()

    def close(self):
        self.unplug()

    def unplug(self):
        """Pull its cable."""
        self._over = True
        self._thread.join(5)
        if self._terminal is not None:
            self._terminal.unplug()
            self._terminal = None

    def wait_for(self, changes):
        """Return once these are all the changes so far."""
        with self._news:
            came = self._news.wait_for(lambda: self.changes == changes, 5)
        assert came, f"{self.changes}, and not {changes}"

    def _run(self):
        while not self._over:
            self._buffer += self._terminal.receive_some(0.01)
            while (n := self._length()) and len(self._buffer) >= n:
                message, self._buffer = self._buffer[:n], self._buffer[n:]
                with self._news:
                    self._obey(message)
                    self._news.notify_all()

    def _length(self):
        kind = self._buffer[0] if self._buffer else None
        return {None: 0, 0xF9: 1}.get(kind, 3)

    def _obey(self, message):
        kind, low = message[0] & 0xF0, message[0] & 0x0F
        if message[0] == 0xF9:
            if self.deaf_to:
                self.deaf_to -= 1
            elif self.answers:
                self._terminal.send(b"\xf9\x02\x05")
        elif message[0] == 0xF4:
            self.modes[message[1]] = message[2]
        elif kind == 0x90:
            mask = message[1] | message[2] << 7
            for pin in range(low * 8, low * 8 + 8):
                if self.modes.get(pin) == OUTPUT:
                    self._set(pin, mask >> pin % 8 & 1)
        elif kind == 0xE0 and self.modes.get(low) == PWM:
            self._set(low, (message[1] | message[2] << 7) / 255)

    def _set(self, pin, level):
        if self._levels.get(pin, 0) != level:
            self._levels[pin] = level
            self.changes.append((pin, level))
