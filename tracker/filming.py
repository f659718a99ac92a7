"""Starting and stopping the video by hand while a session runs.

Everything else is recorded from start to end: a frame that nobody wanted to film has its row in the
ledger (`not_wanted`), its observation and its part in episodes all the same.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Turned:
    """The video was started or stopped.

    Attributes:
        on: Whether it runs from now on.
        by: Who asked for it.
        frame_index: First frame for which that holds.
    """

    on: bool
    by: str
    frame_index: int

    @property
    def text(self) -> str:
        """The same in words."""
        if self.on:
            return f"the video begins with frame {self.frame_index}"
        return f"the video has ended before frame {self.frame_index}"

    @property
    def facts(self) -> dict[str, str | int | bool]:
        """The same for log.jsonl."""
        return {"filming": self.on, "by": self.by, "frame_index": self.frame_index}


class Filming:
    """Whether frames go into the video now; they do not at first."""

    def __init__(self) -> None:
        self._asked = (False, "")  # replaced, never changed: other threads read it
        self._is_on = False

    @property
    def is_on(self) -> bool:
        """Whether the last frame went into the video. Any thread."""
        return self._is_on

    def ask(self, by: str, *, on: bool) -> str:
        """Have it started or stopped before the next frame; return that in words. Any thread."""
        if on == self._asked[0]:
            return "the video runs already" if on else "the video does not run"
        self._asked = on, by
        return "the video begins with the next frame" if on else "the video ends"

    def follow(self, frame_index: int) -> Turned | None:
        """Do what was asked for before a frame; None: nothing. The recorder's thread alone."""
        on, by = self._asked
        if on == self._is_on:
            return None
        self._is_on = on
        return Turned(on, by, frame_index)
