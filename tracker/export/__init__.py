"""A session in the formats of the field's tools: one file per format."""

from tracker.export.run import Format, export
from tracker.export.session_view import Rows

__all__ = ["export", "Format", "Rows"]
