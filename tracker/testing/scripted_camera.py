"""A camera that does exactly what a test has written down."""

from collections.abc import Callable, Sequence

from tracker.errors import DeviceError, EndOfStream
from tracker.types import CameraInfo, Frame, Gap


class ScriptedCamera:
    """Plays a list, one entry per `read`, then raises `EndOfStream`.

    Args:
        script: What each `read` does: a `Frame` or `Gap` is returned, None is a timeout, an
            exception is raised (the entry is used up, so that the next read goes on), a
            function is called and the entry after it is played, so that a test can make
            something happen at a known frame.
        fps: Nominal frames per second; NaN if unknown.
        live: As in `CameraInfo`.
        open_error: Raised by every `open`.
        shape: Of the images; None takes it from the first frame of the script.
    """

    def __init__(
        self,
        script: Sequence[Frame | Gap | Exception | Callable[[], object] | None],
        *,
        fps: float = float("nan"),
        live: bool = False,
        open_error: DeviceError | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> None:
        self._script = tuple(script)
        first = next((entry for entry in self._script if isinstance(entry, Frame)), None)
        if shape is None:
            shape = first.image.shape if first is not None else (1, 1)
        self._info = CameraInfo("scripted", shape, fps, live)
        self._open_error = open_error
        self._place: int | None = None
        self.n_opened = 0
        """How often `open` acquired it."""
        self.n_closed = 0
        """How often `close` was called, open or not."""

    @property
    def info(self) -> CameraInfo:
        """What was passed in. Raises `DeviceError` when closed."""
        if self._place is None:
            raise DeviceError("the scripted camera is closed: call open() first")
        return self._info

    def open(self) -> None:
        """Go to the beginning of the script, or raise `open_error`."""
        if self._open_error is not None:
            raise self._open_error
        if self._place is None:
            self._place = 0
            self.n_opened += 1

    def read(self, timeout_s: float) -> Frame | Gap | None:
        """Do the next entry of the script, without waiting.

        Raises:
            DeviceError: If the camera is closed.
            EndOfStream: After the last entry.
        """
        del timeout_s
        if self._place is None:
            raise DeviceError("the scripted camera is closed: call open() first")
        while self._place < len(self._script):
            entry = self._script[self._place]
            self._place += 1
            if isinstance(entry, Exception):
                raise entry
            if not callable(entry):
                return entry
            entry()
        raise EndOfStream(f"all {len(self._script)} entries of the script were played")

    def close(self) -> None:
        """Stop playing; the next `open` begins again. Never raises."""
        self._place = None
        self.n_closed += 1
