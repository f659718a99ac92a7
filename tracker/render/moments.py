"""What there is to show at each moment of a page: frame, positions, losses."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracker.drawing import centres, on_sensor
from tracker.errors import RecordingError
from tracker.recording import Recording
from tracker.render.plan import Page
from tracker.types import Fate, Frame

TRAIL_S = 2.0
"""How much of its way is drawn behind the animal (s)."""

_LOOK_BACK_S, _LOOK_BACK_STEPS = 5.0, 3.0
"""A frame older than this, and than so many usual steps, is not shown any more (s)."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One picture of the film.

    Attributes:
        moment_ns: The moment that it stands for (ns).
        frame_index: Camera's count of the frame; None: there is none.
        image: uint8, of the whole sensor, grey or RGB; None: there is none.
        xy: Positions, shape (individuals, keypoints, 2), sensor px; None: it was not processed.
        confidence: Shape (individuals, keypoints).
        trail: Way of each individual up to this frame, shape (frames, individuals, 2), sensor px.
        n_missing: Frames that the camera counted since this one and that are not in the video.
        abstained: Whether the frame was not usable for positions.
    """

    moment_ns: int
    frame_index: int | None
    image: NDArray[np.uint8] | None
    xy: NDArray[np.float32] | None
    confidence: NDArray[np.float32] | None
    trail: NDArray[np.float64]
    n_missing: int
    abstained: bool


class PageReader:
    """Reads what a page shows, and no more of the session than it needs. One thread.

    Args:
        recording: The session.
        page: Its moments.
        fps: The camera's usual rate, which says how old a frame may be.
    """

    def __init__(self, recording: Recording, page: Page, fps: float) -> None:
        self._recording = recording
        self._moments = page.moments_ns
        back_ns = round(max(_LOOK_BACK_S, _LOOK_BACK_STEPS / fps) * 1e9)
        origin = recording.origin
        begin_s, end_s = (
            (at - origin.start_ns) / 1e9 for at in (page.begin_ns - back_ns, page.end_ns)
        )
        self._part = recording.part(begin_s, end_s)
        ledger = self._part.ledger
        self._indices: NDArray[np.int64] = ledger["index"].to_numpy()
        self._times = _times_of(ledger["captured_ns"].to_numpy().astype(np.float64))
        in_video = pc.equal(ledger["recording"], str(Fate.RECORDED)).to_numpy()
        self._recorded = np.flatnonzero(in_video)
        self._centres = centres(self._part.xy)
        self._abstained = self._part.observations["abstained"].to_numpy()

    @property
    def lost(self) -> NDArray[np.int64]:
        """Begin and end (ns) of each run of frames that are not in the video: shape (runs, 2)."""
        gone = np.ones(len(self._indices), bool)
        gone[self._recorded] = False
        edges = np.flatnonzero(np.diff(np.r_[False, gone, False]))
        first, after = edges[::2], edges[1::2]
        times = np.r_[self._times, self._times[-1:]].astype(np.int64)
        return (
            np.stack((times[first], times[after]), axis=1)
            if len(first)
            else np.empty((0, 2), np.int64)
        )

    def read(self) -> Iterator[Shown]:
        """Yield every picture of the page; fewer if the video was cut off before its end."""
        recorded_ns = self._times[self._recorded]
        places = np.searchsorted(recorded_ns, self._moments, side="right") - 1
        newest = np.searchsorted(self._times, self._moments, side="right") - 1
        wanted = [None if place < 0 else int(self._recorded[place]) for place in places]
        rows = [row for row in wanted if row is not None]
        images = (
            iter(())
            if not rows
            else self._recording.frames(int(self._indices[rows[0]]), int(self._indices[rows[-1]]))
        )
        held, index = None, -1
        for moment, row, last in zip(self._moments.tolist(), wanted, newest.tolist(), strict=True):
            if row is not None and self._indices[row] != index:
                index = int(self._indices[row])
                frame = self._next(images, index)
                if frame is None:
                    return  # the video was cut off here
                held = self._on_sensor(frame.index, frame.image)
            yield self._shown(
                moment, None if row is None else index, held, 0 if row is None else last - row
            )

    def _next(self, images: Iterator[Frame], index: int) -> Frame | None:
        """The frame with an index; None if the video of a session that was cut off ends before."""
        try:
            return next((frame for frame in images if frame.index == index), None)
        except RecordingError:
            if self._recording.session["state"] == "closed":
                raise
            return None

    def _on_sensor(self, index: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = self._recording.session["camera"]["shape"][:2]
        if image.shape[:2] == (height, width):
            return image
        return on_sensor(image, self._part.video.origin(index), (height, width))

    def _shown(
        self, moment_ns: int, index: int | None, image: NDArray[np.uint8] | None, n_missing: int
    ) -> Shown:
        seen = self._part.frame_indices
        place = -1 if index is None else int(np.searchsorted(seen, index))
        first = int(np.searchsorted(self._part.captured_ns, moment_ns - round(TRAIL_S * 1e9)))
        if not 0 <= place < len(seen) or seen[place] != index:
            trail = self._centres[first : max(place, first)] if place >= 0 else self._centres[:0]
            return Shown(moment_ns, index, image, None, None, trail, n_missing, abstained=False)
        return Shown(
            moment_ns,
            index,
            image,
            self._part.xy[place],
            self._part.confidence[place],
            self._centres[first : place + 1],
            n_missing,
            abstained=bool(self._abstained[place]),
        )


def _times_of(captured: NDArray[np.float64]) -> NDArray[np.float64]:
    """Capture times (ns); those of lost frames lie between their neighbours'."""
    known = np.isfinite(captured)
    places = np.arange(len(captured))
    return np.interp(places, places[known], captured[known]) if known.any() else captured
