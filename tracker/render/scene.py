"""Puts one picture of the film together: frame, pose, trail, words, strip."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.drawing import (
    GREY,
    SKY,
    VERMILION,
    WHITE,
    Picture,
    View,
    as_bgr,
    draw_path,
    draw_pose,
    text_size,
    write,
)
from tracker.recording import Recording
from tracker.render.moments import Shown
from tracker.render.plan import Page
from tracker.render.strip import GROUND, Strip

STIMULUS_NS = 500_000_000
"""For how long a stimulus is named on the picture (ns): the same for all, whatever they were."""

_LEAST_WIDTH, _MOST_WIDTH = 480, 1920


class Scene:
    """Draws the pictures of a film. One thread.

    Args:
        recording: The session.
        scale: Pixels of the film per pixel of the sensor; None: so that it is 480 to 1,920 wide.
    """

    def __init__(self, recording: Recording, scale: float | None) -> None:
        height, width = recording.session["camera"]["shape"][:2]
        if scale is None:
            scale = float(-(-_LEAST_WIDTH // width)) if width < _LEAST_WIDTH else 1.0
            scale = min(scale, _MOST_WIDTH / width)
        self._size = max(2, round(width * scale)), max(2, round(height * scale))
        self._view = View(self._size[0] / width)
        self._skeleton = recording.skeleton
        film_width = self._size[0] + self._size[0] % 2
        self._strip = Strip(recording, film_width)
        self._radius = min(max(self._size[0] / 160, 3.0), 9.0)
        self._text = min(max(round(film_width / 52), 11), 22)
        rest = (self._size[1] + self._strip.height) % 2
        self.shape = self._size[1] + self._strip.height + rest, film_width
        """Height and width of the film (px), both even, as H.264 wants them."""
        self._drawn: tuple[int | None, Picture] | None = None
        self._page: tuple[Page, Picture] | None = None

    def turn_to(self, page: Page, lost: NDArray[np.int64]) -> None:
        """Draw the strip of a page; `lost` as in `Strip.page`."""
        self._page = page, self._strip.page(page, lost)

    def draw(self, shown: Shown) -> Picture:
        """Return one picture of the film; the page has to be set.

        The frame is the newest at this moment. If newer ones were lost, it is held, and says so.
        """
        if self._page is None:
            raise RuntimeError("turn_to comes before draw")
        page, strip = self._page
        film = np.empty((*self.shape, 3), np.uint8)
        height, width = self._size[1], self._size[0]
        picture = film[:height, :width]
        picture[:] = self._frame(shown)
        film[:height, width:] = GROUND
        film[height + self._strip.height :] = GROUND
        self._words(picture, shown, page)
        below = film[height : height + self._strip.height]
        below[:] = strip
        self._strip.draw_now(below, page, shown.moment_ns)
        return film

    def _frame(self, shown: Shown) -> Picture:
        """The frame with pose and trail; the same one again where it is still the newest."""
        if self._drawn is not None and self._drawn[0] == shown.frame_index:
            return self._drawn[1]
        if shown.image is None:
            picture = np.full((self._size[1], self._size[0], 3), GREY, np.uint8)
        else:
            picture = as_bgr(shown.image)
            if picture.shape[:2] != (self._size[1], self._size[0]):
                way = cv2.INTER_AREA if self._view.scale < 1 else cv2.INTER_LINEAR
                picture = np.asarray(cv2.resize(picture, self._size, interpolation=way), np.uint8)
        for animal in range(shown.trail.shape[1] if len(shown.trail) else 0):
            thick = max(2, round(self._radius / 3))
            draw_path(picture, shown.trail[:, animal], self._view, SKY, thick)
        if shown.xy is not None and shown.confidence is not None:
            draw_pose(picture, shown.xy, shown.confidence, self._skeleton, self._view, self._radius)
        self._drawn = shown.frame_index, picture
        return picture

    def _words(self, picture: Picture, shown: Shown, page: Page) -> None:
        """Behaviours and the bout at the top, stimuli and losses at the bottom."""
        size, edge = self._text, self._text
        x = edge
        for words, colour in self._strip.doing(shown.moment_ns):
            x = write(picture, words, (x, edge), size, colour, backing=GROUND) + size
        if page.cut.title:
            wide = text_size(page.cut.title, size)[0]
            write(
                picture, page.cut.title, (picture.shape[1] - wide - edge, edge), size, WHITE, GROUND
            )
        line = round(size * 1.9)
        y = picture.shape[0] - line
        for words, colour in self._strip.stimulated(shown.moment_ns, STIMULUS_NS):
            write(picture, words, (edge, y), size, colour, backing=GROUND)
            y -= line
        for words in _warnings(shown):
            wide = text_size(words, size)[0]
            place = picture.shape[1] - wide - edge, picture.shape[0] - line
            write(picture, words, place, size, WHITE, backing=VERMILION)
        if shown.n_missing:
            corner = picture.shape[1] - 1, picture.shape[0] - 1
            cv2.rectangle(picture, (0, 0), corner, VERMILION, 4)


def _warnings(shown: Shown) -> list[str]:
    """What the picture does not show; at most one sentence, the gravest."""
    if shown.image is None:
        return ["no frame in the video"]
    if shown.n_missing:
        return [f"held: {shown.n_missing} frame{'s' if shown.n_missing > 1 else ''} missing"]
    if shown.xy is None:
        return ["not processed"]
    return ["not usable"] if shown.abstained else []
