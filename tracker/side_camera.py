"""A further camera of a session: a session of its own that begins and ends with the first one."""

from collections.abc import Callable

from tracker.session import Session

PATIENCE_S = 0.1


class SideCamera:
    """Follows a session on one camera; keeps `Feed`. Used by one thread at a time.

    Args:
        name: Of the camera.
        session: Made, not started.
    """

    def __init__(self, name: str, session: Session) -> None:
        self.name = name
        self._session = session
        self._note: Callable[..., None] | None = None
        self._is_over = False

    def open(self, note: Callable[..., None], /) -> None:
        """Start it. Raises `TrackerError`."""
        self._note = note
        self._session.start()

    def step(self) -> bool:
        """Wait a little for its end; always True.

        Raises:
            SessionError: If it failed: the first session fails with it.
        """
        if self._session.wait(PATIENCE_S) and not self._is_over:
            self._is_over = True
            self._session.finish()
            if self._note is not None:
                self._note("info", f"camera {self.name} has ended: {self._session.end_reason}")
        return True

    def close(self) -> None:
        """End it in order. Raises `SessionError` if that fails."""
        self._session.finish()
