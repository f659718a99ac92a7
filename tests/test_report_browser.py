"""The report in a real browser: it loads, asks nothing of a network, and shows every picture."""

import os

import pytest
from browser import CHROMIUM, Browser
from report_sessions import REFUSED, frame_ns, freezing, session, stimulus
from session_folders import change_session

from tracker.recording import Recording
from tracker.report import write_report
from tracker.stimuli import Delivery

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here"),
    pytest.mark.skipif(os.name != "posix", reason="the debugging pipe needs numbered files"),
]

EPISODES = (freezing(1, 1, 2.0), freezing(2, 4, 7.5), freezing(3, 8.2, 9.0))
ROWS = (
    stimulus(1, Delivery.DELIVERED, frame_ns(30)),
    stimulus(2, Delivery.SHAM, frame_ns(90)),
    *REFUSED,
)
SESSIONS = {
    "full": ({"episodes": EPISODES, "rows": ROWS, "video": True, "lost": {50, 51}}, 12),
    "blinded": ({"episodes": EPISODES, "rows": ROWS, "video": True, "blinded": {"wake"}}, 7),
    "no video": ({"episodes": EPISODES}, 5),
    "empty": ({"n_frames": 0, "close": "failed"}, 0),
    "cut off": ({"open_onsets": (EPISODES[1].onset,)}, 5),
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.mark.slow
@pytest.mark.parametrize(("options", "n_images"), SESSIONS.values(), ids=SESSIONS.keys())
def test_a_browser_shows_the_whole_page(browser, tmp_path, options, n_images):
    folder = session(tmp_path / "s", **options)
    if "open_onsets" in options:
        change_session(folder, state="running", end_reason=None)
    page = write_report(Recording(folder))
    browser.open(page)
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]
    sizes = browser.value_of(
        "Array.from(document.images, i => [i.naturalWidth, i.naturalHeight, i.clientWidth])"
    )
    assert len(sizes) == n_images
    assert all(min(size) > 100 for size in sizes)
    wide = browser.value_of("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide[0] <= wide[1]


def test_a_page_that_asks_for_something_is_noticed(browser, tmp_path):
    """The test of the test: a script that is refused, and a picture that is not there."""
    page = tmp_path / "bad.html"
    page.write_text(
        "<meta http-equiv='Content-Security-Policy' content=\"script-src 'none'\">"
        "<script>1</script><img src='missing.png'>",
        encoding="utf-8",
    )
    browser.open(page)
    assert any("script" in text for text in browser.complaints())
    assert (tmp_path / "missing.png").as_uri() in browser.requests()
