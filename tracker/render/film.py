"""Writes the film: every page, every picture, into a file that is whole or not there."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from tracker.errors import DiskFull, RecordingError
from tracker.recording import Recording
from tracker.render.moments import PageReader
from tracker.render.plan import Wanted, course_of, cuts_of, pages_of
from tracker.render.scene import Scene
from tracker.session_folder.files import write_error

_ENCODER = {"preset": "veryfast", "crf": "20"}
_BT709 = 1  # FFmpeg's number for the colours of HD video, in primaries, transfer and matrix
_LIMITED = 1  # luma from 16 to 235, as players expect


@dataclass(frozen=True, slots=True)
class Film:
    """What was made.

    Attributes:
        path: The file.
        n_pictures: Pictures in it.
        fps: Pictures per second.
        n_cuts: Stretches of the session in it.
        cut_off: Whether the session's video ended before the film was to end.
    """

    path: Path
    n_pictures: int
    fps: float
    n_cuts: int
    cut_off: bool


def render(
    recording: Recording,
    path: Path,
    wanted: Wanted | None = None,
    show: Callable[[int, int], None] | None = None,
) -> Film:
    """Make an annotated film of a session: H.264 in MP4, which browsers and slides play.

    Nothing is written into the session but the film. Its file appears when it is whole: until
    then it is called `.part`, which is removed on every failure and on Ctrl-C.

    Args:
        recording: The session; it may have been cut off.
        path: Where to; a file that is there is refused.
        wanted: What to show; by default all of it.
        show: Told how many pictures are done, of how many; called in this thread.

    Raises:
        RecordingError: If there is no video, nothing to show, the folder cannot be read, or the
            film not be written.
        UnknownName: If there is no such behaviour.
    """
    wanted = wanted or Wanted()
    if not recording.has_video:
        raise RecordingError(
            f"there is no video in {recording.folder}, and so no film of it: it was run with "
            f"outputs.recording.codec: none"
        )
    course = course_of(recording)
    cuts = cuts_of(recording, wanted, course)
    pages = list(pages_of(cuts, course.fps, wanted.speed))
    of = sum(len(page.moments_ns) for page in pages)
    scene, done, cut_off = Scene(recording, wanted.scale), 0, False
    with _film(path, course.fps, scene.shape) as write:
        for page in pages:
            reader = PageReader(recording, page, float(course.fps))
            scene.turn_to(page, reader.lost)
            before = done
            for shown in reader.read():
                write(scene.draw(shown))
                done += 1
                if show is not None:
                    show(done, of)
            cut_off = done - before < len(page.moments_ns)
            if cut_off:
                break
        if not done:
            raise RecordingError(
                f"the video of {recording.folder} was cut off before what the film was to show"
            )
    return Film(path, done, float(course.fps), len(cuts), cut_off)


@contextmanager
def _film(
    path: Path, fps: Fraction, shape: tuple[int, int]
) -> Iterator[Callable[[NDArray[np.uint8]], None]]:
    """A function that adds a BGR picture; the file is there at the end, or nothing is."""
    part = path.with_name(path.name + ".part")
    try:
        if path.exists():
            raise RecordingError(f"{path} is there already: choose another name with --out")
        part.open("xb").close()
    except FileExistsError as failure:
        raise RecordingError(
            f"{part} is there: another film is being made of that name, or one was killed; in "
            f"that case remove it"
        ) from failure
    except OSError as failure:
        raise write_error(path, failure) from failure
    try:
        with _encoder(part, fps, shape) as write:
            yield write
        if path.exists():
            raise RecordingError(f"{path} came to be meanwhile: it was left as it is")
        part.rename(path)
    except OSError as failure:
        raise write_error(path, failure) from failure
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _encoder(
    path: Path, fps: Fraction, shape: tuple[int, int]
) -> Iterator[Callable[[NDArray[np.uint8]], None]]:
    try:
        with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            stream: Any = container.add_stream("libx264", rate=fps, options=_ENCODER)
            stream.height, stream.width = shape
            stream.pix_fmt = "yuv420p"
            codec = stream.codec_context
            codec.gop_size = max(1, round(2 * fps))  # two seconds: seeking is quick
            codec.colorspace = codec.color_primaries = codec.color_trc = _BT709
            codec.color_range = _LIMITED

            def write(picture: NDArray[np.uint8]) -> None:
                colours = av.VideoFrame.from_ndarray(picture, format="bgr24")
                frame = colours.reformat(
                    format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
                )
                container.mux(stream.encode(frame))

            yield write
            container.mux(stream.encode(None))
    except av.FFmpegError as failure:
        name = path.name.removesuffix(".part")
        if failure.errno == errno.ENOSPC:
            raise DiskFull(
                f"no room left for {name} in {path.parent}: free some space, or write it elsewhere"
            ) from failure
        raise RecordingError(f"cannot write {name} in {path.parent}: {failure}") from failure
