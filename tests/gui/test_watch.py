"""The page and the line that only look."""

import asyncio
import time
from collections import deque

import cv2
import numpy as np
import pytest
from view_ends import FACTS, SESSION, episode, observation, picture_of, status

from tracker.commands.watching import line_of
from tracker.gui.link import Found, Heard
from tracker.gui.rig import Picture, Rig

pytest.importorskip("aiohttp", reason="extra watch is not installed")

from aiohttp.test_utils import TestClient, TestServer

from tracker.gui.page import make_app, state_of


@pytest.fixture
def rig():
    made = Rig("tcp://rig1:5557")
    made.begin(SESSION, FACTS, 0)
    made.heard = True
    made.feed("observation/x", observation(7000))
    made.feed("episode/x", episode("new", 1500, seq=0, n=1))
    made.feed("episode/x", episode("end", 1500, 2000, seq=1, n=1))
    made.feed("episode/x", episode("new", 6900, seq=2, n=2))
    made.feed("status/x", status(0, 70.0, armed_by="anna", latency_p99_ms=7.96))
    return made


def test_the_state_says_what_a_phone_has_to_know(rig):
    state = state_of(rig)
    assert (state["lamp"], state["subject"], state["armed_by"]) == ("green", "m12", "anna")
    assert (state["elapsed_s"], state["p99_ms"], state["picture"]) == (70, 8.0, None)
    freezing = state["behaviours"][0]
    assert freezing["on"]
    assert freezing["bouts"] == [[5.0, 10.0], [59.0, 60.0]]


def test_the_line_says_it_in_a_terminal(rig):
    assert line_of(rig).plain == "all frames processed, 100/s  m12  70 s  ARMED by anna  freezing"


def test_a_line_says_that_the_video_does_not_run(rig):
    rig.feed("status/x", status(1, 71.0, filming=False))
    assert "no video now" in line_of(rig).plain
    assert state_of(rig)["filming"] is False


def test_of_a_rig_that_is_lost_it_says_that_it_was_armed(rig):
    rig.silent_s = 5.0
    assert "was armed by anna" in line_of(rig).plain
    assert state_of(rig)["lost"] is True


def test_before_there_is_a_session_the_line_says_so():
    assert line_of(Rig("tcp://rig1:5557")).plain.startswith("looking for a session at tcp://rig1")


class Link:
    address = "tcp://rig1:5557"
    silent_s = 0.0

    def __init__(self):
        self.inbox = deque([Found(SESSION, FACTS, 0), Heard("status/x", status(0, 1.0))])
        self.picture = Picture(picture_of(5), np.full((24, 32, 3), (200, 30, 30), np.uint8))

    def take_picture(self):
        picture, self.picture = self.picture, None
        return picture


def asked(path, host=None, names=(), wait=lambda answer: True):
    """What the page's server answers, as soon as `wait` is content with it."""

    async def ask():
        async with TestClient(TestServer(make_app(Link(), names))) as client:
            end_s = time.monotonic() + 60
            while True:
                headers = {"Host": host} if host else {}
                async with client.get(path, headers=headers) as answer:
                    content = await answer.read()
                    if wait(answer) or time.monotonic() > end_s:
                        return answer, content
                await asyncio.sleep(0.01)

    return asyncio.run(ask())


def test_the_page_shows_the_newest_picture_in_its_colours():
    answer, content = asked("/picture", wait=lambda answer: answer.status == 200)
    assert answer.content_type == "image/jpeg"
    blue, green, red = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[12, 16]
    assert red > 180
    assert max(blue, green) < 60


def test_the_page_is_whole():
    answer, content = asked("/")
    assert answer.status == 200
    assert b"http" not in content.replace(b"http://www.w3.org/2000/svg", b""), "nothing from afar"


def test_nothing_is_kept_by_a_browser():
    assert asked("/state")[0].headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("host", "names", "code"),
    [
        ("127.0.0.1:8080", (), 200),
        ("localhost", (), 200),
        ("evil.example", (), 403),
        ("evil.example:8080", (), 403),
        ("rig.lab.example", ("rig.lab.example",), 200),
    ],
)
def test_another_web_site_cannot_read_it_through_a_browser(host, names, code):
    assert asked("/state", host, names)[0].status == code


def test_it_can_be_asked_for_nothing():
    async def post():
        async with TestClient(TestServer(make_app(Link()))) as client:
            return [(await client.post(path)).status for path in ("/", "/state", "/picture")]

    assert asyncio.run(post()) == [405, 405, 405]
