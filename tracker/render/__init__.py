"""An annotated film of a session, made afterwards from its folder; the raw video stays as it is."""

from tracker.render.film import Film, render
from tracker.render.plan import Wanted

__all__ = ["render", "Film", "Wanted"]
