"""Decides again what a session decided, and says whether it comes out the same.

`rerun` runs the session's pipeline and controllers over its record, `verify` compares what comes
out with what was written live, `causes` says why it may differ. docs/replay.md explains both.
"""

from tracker.replay.rerun import Rerun, Source
from tracker.replay.verdict import Cause, Difference, Kind, Verdict, Why
from tracker.replay.verify import verify

__all__ = ["Cause", "Difference", "Kind", "Rerun", "Source", "Verdict", "Why", "verify"]
