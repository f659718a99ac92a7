"""Candidate behaviours: moments of sessions that look alike, for a person to name. Offline."""
