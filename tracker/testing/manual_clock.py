"""A clock that a test moves by hand."""


class ManualClock:
    """Stands still until told otherwise; waiting moves it to the moment waited for."""

    def __init__(self, now_ns: int = 0, anchor_utc_ns: int = 1_700_000_000_000_000_000) -> None:
        self._now_ns = now_ns
        self._anchor_utc_ns = anchor_utc_ns

    @property
    def anchor_utc_ns(self) -> int:
        """UTC at the clock's zero (ns since 1970-01-01)."""
        return self._anchor_utc_ns

    def now_ns(self) -> int:
        """The time it was last set to."""
        return self._now_ns

    def advance(self, by_ns: int) -> None:
        """Move on by `by_ns`."""
        self._now_ns += by_ns

    def wait_until(self, due_ns: int, timeout_s: float) -> bool:
        """Jump to `due_ns`, or by `timeout_s` if that comes first. Returns at once."""
        limit_ns = self._now_ns + int(timeout_s * 1e9)
        self._now_ns = max(self._now_ns, min(due_ns, limit_ns))
        return due_ns <= limit_ns
