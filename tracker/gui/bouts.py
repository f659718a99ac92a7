"""Episodes by behaviour, as an ethogram shows them; memory of fixed size."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from tracker.messages import EpisodeMessage, EpisodeState

MOST_BOUTS = 4096
"""Episodes kept of each behaviour; then the older half goes, but for its share of time."""

SHARE_S = 10.0
"""Stretch over which the share of time is kept for all of a session (s)."""

MOST_SHARES = 17_280
"""Two days of them."""


@dataclass(slots=True)
class Bout:
    """One episode; times in s on the session clock.

    Attributes:
        episode_id: Of the session.
        onset_s: Capture time of its first frame.
        confirmed_s: When it became certain.
        end_s: Capture time of its last frame; None: it goes on.
    """

    episode_id: str
    onset_s: float
    confirmed_s: float
    end_s: float | None = None


class Bouts:
    """The episodes of one behaviour, by onset. Used by one thread."""

    def __init__(self) -> None:
        self._bouts: list[Bout] = []
        self._by_id: dict[str, Bout] = {}
        self._shares: list[float] = []
        self.n = 0
        """Episodes so far, also those that are not kept."""
        self.subject = ""
        """Whose they are; "" before the first one."""

    def feed(self, message: EpisodeMessage) -> None:
        """Take what is said of an episode; also if its beginning was missed."""
        self.subject = message.subject
        bout = self._by_id.get(message.episode_id)
        if bout is None:
            bout = Bout(message.episode_id, message.onset_ns / 1e9, message.confirmed_ns / 1e9)
            self._insert(bout)
        if message.state is EpisodeState.END and message.end_ns is not None and bout.end_s is None:
            bout.end_s = message.end_ns / 1e9
            self._share(bout.onset_s, bout.end_s)

    def within(self, from_s: float, to_s: float) -> Sequence[Bout]:
        """Return the episodes that touch a span; those of one behaviour do not overlap."""
        first = bisect_left(self._bouts, from_s, key=lambda bout: bout.onset_s)
        end = bisect_left(self._bouts, to_s, key=lambda bout: bout.onset_s)
        if first and (self._bouts[first - 1].end_s or to_s) >= from_s:
            first -= 1
        return self._bouts[first:end]

    def shares(self) -> Sequence[float]:
        """Return the part of each `SHARE_S`, from the session's zero, that was spent in it."""
        return self._shares

    @property
    def going_on(self) -> Bout | None:
        """The one that goes on."""
        last = self._bouts[-1] if self._bouts else None
        return last if last is not None and last.end_s is None else None

    def close(self, at_s: float) -> None:
        """Nothing is heard any more: what goes on ends here."""
        going = self.going_on
        if going is not None:
            going.end_s = max(at_s, going.onset_s)
            self._share(going.onset_s, going.end_s)

    def _insert(self, bout: Bout) -> None:
        place = bisect_left(self._bouts, bout.onset_s, key=lambda each: each.onset_s)
        self._bouts.insert(place, bout)
        self._by_id[bout.episode_id] = bout
        self.n += 1
        if len(self._bouts) > MOST_BOUTS:
            half = len(self._bouts) // 2
            for old in self._bouts[:half]:
                del self._by_id[old.episode_id]
            del self._bouts[:half]

    def _share(self, from_s: float, to_s: float) -> None:
        first, last = int(max(0.0, from_s) // SHARE_S), int(max(0.0, to_s) // SHARE_S)
        last = min(last, MOST_SHARES - 1)
        self._shares.extend([0.0] * (last + 1 - len(self._shares)))
        for place in range(first, last + 1):
            inside_s = min(to_s, (place + 1) * SHARE_S) - max(from_s, place * SHARE_S)
            self._shares[place] = min(1.0, self._shares[place] + inside_s / SHARE_S)
