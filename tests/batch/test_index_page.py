import math
import re

import pytest

from tracker.batch.page import notices_of, write_index
from tracker.batch.table import to_table

ROW = {
    "recording": "a.mp4",
    "subject": "m1",
    "state": "done",
    "behaviour": "freezing",
    "bouts": 3,
    "fraction": 0.25,
    "known": 1.0,
    "duration_s": 600.0,
    "distance_cm": 1234.0,
    "frames": 18_000,
    "lost": 0,
    "provider": "cpu",
    "session": "a-123",
    "settings_sha256": "5e77",
    "model_sha256": "m0del",
}
FAILED = {"recording": "b <1>.mp4", "state": "failed", "error": "it is damaged"}


@pytest.fixture
def page(tmp_path):
    def make(*rows, **options):
        path = write_index(to_table(rows), tmp_path, **options)
        return re.sub(r"\s+", " ", path.read_text(encoding="utf-8"))

    return make


def test_each_recording_has_a_line_with_its_numbers(page):
    text = page(ROW)
    assert '<td class="n">3, 25 %</td>' in text
    assert "12.3" in text  # metres
    assert "18,000" in text


def test_a_report_that_is_there_is_linked(page, tmp_path):
    (tmp_path / "a-123").mkdir()
    assert '<a href="a-123/report.html">' not in page(ROW)
    (tmp_path / "a-123/report.html").touch()
    assert '<a href="a-123/report.html">a.mp4</a>' in page(ROW)


def test_a_session_elsewhere_is_linked_by_its_way_from_the_page(page, tmp_path):
    (tmp_path / "live one").mkdir()
    (tmp_path / "live one/report.html").touch()
    assert 'href="live%20one/report.html"' in page(ROW | {"session": str(tmp_path / "live one")})


def test_what_failed_is_named_with_its_error_and_cannot_break_the_page(page):
    text = page(ROW, FAILED)
    assert "b &lt;1&gt;.mp4" in text
    assert "it is damaged" in text
    assert "<b>1</b><span>failed</span>" in text


def test_a_page_of_failures_alone_can_be_made(page):
    assert "<b>0</b><span>recordings</span>" in page(FAILED)


def test_numbers_that_are_not_known_are_a_dash(page):
    text = page(ROW | {"distance_cm": math.nan, "duration_s": math.nan})
    assert "nan" not in re.sub(r"base64,[^\"]*", "", text).lower()


def test_the_page_asks_nothing_of_a_network_and_has_its_picture(page):
    text = page(ROW)
    assert 'src="data:image/svg+xml;base64,' in text
    assert "http://" not in text.replace("http-equiv", "")
    assert "https://" not in text


def test_other_pages_are_linked(page):
    assert '<a href="compare.html">groups</a>' in page(ROW, pages=[("groups", "compare.html")])


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([ROW, FAILED], "b <1>.mp4 failed and is in no number.", id="failed"),
        pytest.param([ROW | {"state": "cut_off"}], "a.mp4 was cut off", id="cut_off"),
        pytest.param([ROW | {"known": 0.5}], "a.mp4 has a behaviour that is known", id="unseen"),
        pytest.param([ROW | {"known": math.nan}], "a.mp4 has a behaviour", id="nothing_seen"),
        pytest.param(
            [ROW, ROW | {"recording": "c", "provider": "cuda"}], "different providers", id="cuda"
        ),
        pytest.param(
            [ROW, ROW | {"recording": "c", "settings_sha256": None}], "live sessions", id="live"
        ),
    ],
)
def test_what_a_reader_must_know_comes_first(rows, expected):
    (notice,) = notices_of(to_table(rows))
    assert expected in notice


def test_of_recordings_that_compare_nothing_is_said():
    assert notices_of(to_table([ROW, ROW | {"recording": "c"}])) == []
