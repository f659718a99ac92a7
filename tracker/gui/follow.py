"""Takes what a link has brought into what is known of its rig. No Qt."""

import time

from tracker.control.remote import Remote
from tracker.gui.link import Found, Heard, Link, Problem
from tracker.gui.rig import Rig
from tracker.messages import LogMessage

CHANGE = "change"
"""Level of the line that says that a threshold was moved."""


def take_in(link: Link, rig: Rig, budget_s: float) -> None:
    """Take events out of the inbox, but no longer than `budget_s`: the rest comes next time."""
    end_s = time.perf_counter() + budget_s
    inbox = link.inbox

    def describe_again(remote: Remote) -> None:
        """Asking thread: thresholds have moved, by whoever it was."""
        session, facts = remote.describe()
        inbox.append(Found(session, facts, rig.offset_ns))

    while inbox and time.perf_counter() < end_s:
        match inbox.popleft():
            case Heard(topic, message):
                rig.heard = True
                rig.feed(topic, message)
                if isinstance(message, LogMessage) and message.level == CHANGE:
                    link.ask(describe_again)
            case Found(session, facts, offset_ns):
                rig.begin(session, facts, offset_ns)
            case Problem(text, loop_silent):
                rig.problem, rig.loop_silent = text, loop_silent
    rig.silent_s = link.silent_s
    picture = link.take_picture()
    if picture is not None:
        rig.show(picture)
    overlay = link.take_overlay()
    if overlay is not None:
        rig.lay_over(overlay)
