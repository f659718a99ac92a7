"""Tracks that other programs found become a session, so that rules can be tried on old data."""

from tracker.track_import.read import read_tracks
from tracker.track_import.run import Import, ImportRun, import_tracks

__all__ = ["import_tracks", "Import", "ImportRun", "read_tracks"]
