"""One HTML page that shows what happened in a session, made from its folder alone."""

from tracker.report.page import REPORT, write_report

__all__ = ["write_report", "REPORT"]
