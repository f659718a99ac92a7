"""Whether a tracker in another process or on another computer can be relied on."""

from pydantic import Field

from tracker.messages import Kind
from tracker.settings import Settings


class LifelineSettings(Settings):
    """When a tracker that we listen to counts as dead."""

    silence_ms: float = Field(
        250,
        ge=20,
        le=10_000,
        description="ms without an observation, or that a message is late",
    )
    status_silence_ms: float = Field(
        2500, ge=1000, le=60_000, description="ms without a status (there are about two a second)"
    )


class Lifeline:
    """Told of every message of a subscriber; says why outputs must be safe, if they must.

        nothing heard ──first observation──▶ alive ──silence, gap, other session, goodbye──▶ dead
              ▲                                                                               │
              └──────────────────────────────── begin_anew ◀──────────────────────────────────┘

    Dead stays dead, whatever comes, until a person begins anew. Used by one thread. Times are ns
    on the session clock; map your own with `Remote.clock_offset`.

    Args:
        settings: When it counts as dead.
    """

    def __init__(self, settings: LifelineSettings) -> None:
        self._limits_ns = {
            Kind.OBSERVATION: round(settings.silence_ms * 1e6),
            Kind.STATUS: round(settings.status_silence_ms * 1e6),
        }
        self.begin_anew()

    @property
    def is_waiting(self) -> bool:
        """Whether no observation has come yet, and nothing speaks against relying on one."""
        return self._dead is None and Kind.OBSERVATION not in self._heard_ns

    def begin_anew(self) -> None:
        """Forget everything, and rely on whoever speaks next."""
        self._session: str | None = None
        self._heard_ns: dict[Kind, int] = {}
        self._dead: str | None = None

    def hear(
        self,
        topic: str,
        *,
        session: str,
        lost: int,
        sent_ns: int,
        now_ns: int,
        goodbye: str | None = None,
    ) -> None:
        """Take note of a message.

        Args:
            topic: `kind/camera`.
            session: Who speaks.
            lost: Messages of this topic that are missing just before it.
            sent_ns: When it was sent.
            now_ns: When it came.
            goodbye: Why the session ended, if this says so.
        """
        self.why_dead(now_ns)  # a message that ends a silence does not undo it
        kind = Kind(topic.partition("/")[0])
        late_ns = now_ns - sent_ns
        if self._session is None:
            self._session = session
        if session != self._session:
            self.fail(f"session {session} speaks in place of {self._session}")
        elif goodbye is not None:
            self.fail(f"the session ended: {goodbye}")
        elif lost:
            self.fail(f"{lost} messages of {topic} were lost on the way")
        elif late_ns > self._limits_ns[Kind.OBSERVATION]:
            self.fail(f"a message of {topic} came {late_ns / 1e6:.0f} ms after it was sent")
        self._heard_ns[kind] = now_ns
        if kind is Kind.OBSERVATION:  # the status has its own time to come, from the first sign
            self._heard_ns.setdefault(Kind.STATUS, now_ns)

    def fail(self, why: str) -> None:
        """Count it as dead for a reason of the caller's: a message that cannot be read."""
        if self._dead is None:
            self._dead = why

    def why_dead(self, now_ns: int) -> str | None:
        """Return why outputs must be safe now, in words; None: it is alive."""
        if self._dead is None and Kind.OBSERVATION in self._heard_ns:
            for kind, limit_ns in self._limits_ns.items():
                silent_ns = now_ns - self._heard_ns[kind]
                if silent_ns > limit_ns:
                    self.fail(f"no {kind} for {silent_ns / 1e6:.0f} ms")
                    break
        if self._dead is None and Kind.OBSERVATION not in self._heard_ns:
            return "no observation yet"
        return self._dead
