"""Who holds the arm of a session, and how long his lease lasts."""

from dataclasses import dataclass


@dataclass(slots=True)
class Hold:
    """Somebody holds the arm; used by one thread.

    Attributes:
        name: Who.
        lease: What a request has to name to renew the lease.
        lease_s: How long he may be silent; None: for ever.
        heard_ns: When the lease was renewed last; None: it is still being armed.
    """

    name: str
    lease: str
    lease_s: float | None
    heard_ns: int | None = None

    @property
    def arming(self) -> bool:
        """Whether the session is not armed yet."""
        return self.heard_ns is None

    def begin(self, now_ns: int) -> None:
        """The session is armed: the lease runs from now on."""
        self.heard_ns = now_ns

    def renew(self, name: str, lease: str, now_ns: int) -> None:
        """Somebody asked for something, naming a lease."""
        if not self.arming and (name, lease) == (self.name, self.lease):
            self.heard_ns = now_ns

    def left_s(self, now_ns: int) -> float | None:
        """Return how much of the lease is left (s), below 0 if it is over; None: it runs not."""
        if self.lease_s is None or self.heard_ns is None:
            return None
        return self.lease_s - (now_ns - self.heard_ns) / 1e9
