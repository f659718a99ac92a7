"""Small video files whose every pixel and time is known."""

from fractions import Fraction

import av
import numpy as np


def grey_level(index):
    """What every pixel of frame `index` is."""
    return 20 + 10 * (index % 20)


def write_video(path, pts, *, size=(48, 64), codec="ffv1", pix_fmt="gray", time_base=(1, 1000)):
    """One flat grey frame for every entry of `pts`, at that time (in units of time_base)."""
    pictures = [np.full(size, grey_level(i), np.uint8) for i in range(len(pts))]
    return write_pictures(path, pictures, pts, codec, pix_fmt, Fraction(*time_base))


def write_pictures(path, pictures, pts, codec, pix_fmt, time_base=Fraction(1, 1000), options=None):
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.time_base = time_base
        for picture, time in zip(pictures, pts, strict=True):
            kind = "rgb24" if picture.ndim == 3 else "gray"
            frame = av.VideoFrame.from_ndarray(picture, format=kind).reformat(format=pix_fmt)
            frame.pts, frame.time_base = time, time_base
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path
