"""Pictures for views: what the camera sees, small and at a bounded rate, on a socket of its own.

    ring buffer ──NEWEST──▶ preview thread: smaller, JPEG ──▶ XPUB ──▶ views

    last result ──────────────▶ borders of masks, crop ──▶

Nothing is read or encoded while nobody has subscribed, and a view that does not keep up loses
pictures: ZeroMQ keeps two for each. The pipeline knows nothing of it; docs/decisions/0013 says why.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import zmq
from numpy.typing import NDArray
from pydantic import Field

from tracker.clock import Clock
from tracker.errors import WireError
from tracker.keys import load_server_keys
from tracker.messages import SCHEMA, FrameMessage, Kind, OverlayMessage, topic_of
from tracker.outlines import outlines_of
from tracker.ring_buffer import Read, Reader
from tracker.settings import Settings
from tracker.sockets import BoundSocket, address_like, check_reach
from tracker.types import Frame, FrameResult
from tracker.wire import encode

KEPT = 2
"""Pictures that ZeroMQ keeps for each view before it drops new ones for him."""

IDLE_S = 0.1
"""How often to look for a view while there is none."""

RETRY_S = 0.004
"""How soon to look again for a frame that is due."""

THUMBNAIL_PX = 320
"""Longest side of a thumbnail."""

THUMBNAIL_FPS = 5.0
"""Thumbnails per second, at most."""

OVERLAY_LATE_NS = 200_000_000
"""How long what was seen in a frame is waited for after its picture went out."""

LARGEST_SUBSCRIPTION = 4096
"""Bytes; who sends more is disconnected. A handshake with keys needs some hundred."""

MOST_SUBSCRIPTIONS = 256
"""Different beginnings of topics that are kept in mind."""


class PreviewSettings(Settings):
    """Pictures for live views."""

    address: Annotated[str, address_like("tcp://127.0.0.1:5558")] = Field(
        "tcp://127.0.0.1:0",
        description="ZeroMQ address to bind; port 0 takes a free one (the control socket tells it)",
    )
    keys: Path | None = Field(
        None,
        description="key folder made by `tracker keys`; needed for any address but this computer's",
    )
    fps: float = Field(30, gt=0, le=120, description="pictures per second, at most")
    longest_side_px: int = Field(
        960, ge=64, le=4096, description="larger images are made smaller for the views"
    )
    quality: int = Field(80, ge=10, le=100, description="of the JPEG")


class Preview:
    """Sends pictures to whoever asks for them; driven by a thread of its own.

    `bind` and `attach` before that thread starts, `step` on it, `close` after it has ended.

    Args:
        settings: Where to, how often, how large.
        session_id: Goes into every message.
        camera: Second part of the topics.
        clock: The session's.

    Raises:
        ConfigError: If other computers can reach the address and no keys are set, or a key file
            is not right.
    """

    def __init__(
        self, settings: PreviewSettings, *, session_id: str, camera: str, clock: Clock
    ) -> None:
        check_reach(settings.address, settings.keys)
        self._settings = settings
        self._keys = load_server_keys(settings.keys) if settings.keys is not None else None
        self._session_id = session_id
        self._clock = clock
        self._wire: BoundSocket | None = None
        self._reader: Reader | None = None
        self._shown: tuple[int, int] | None = (
            None  # frame, and until when its overlay is waited for
        )
        self._wanted: set[bytes] = set()
        side = settings.longest_side_px
        self._streams = [
            _Stream(topic_of(Kind.FRAME, camera).encode(), side, settings.fps),
            _Stream(
                topic_of(Kind.THUMBNAIL, camera).encode(),
                min(side, THUMBNAIL_PX),
                min(settings.fps, THUMBNAIL_FPS),
            ),
        ]
        self._overlays = _Stream(topic_of(Kind.OVERLAY, camera).encode(), 0, settings.fps)

    @property
    def address(self) -> str:
        """Address that a view connects to, with the real port."""
        return self._settings.address if self._wire is None else self._wire.address

    @property
    def is_watched(self) -> bool:
        """Whether anybody takes pictures now. Any thread."""
        return any(stream.is_wanted for stream in self._streams)

    def bind(self) -> None:
        """Open the socket. Twice does no harm.

        Raises:
            AddressInUse: If another program is bound there already.
            WireError: If the address cannot be bound for another reason.
        """
        if self._wire is not None:
            return
        self._wire = BoundSocket(
            zmq.XPUB,
            self._settings.address,
            self._keys,
            linger_ms=0,
            send_queue=KEPT,
            largest_message=LARGEST_SUBSCRIPTION,
        )
        self._poller = zmq.Poller()
        self._poller.register(self._wire.socket, zmq.POLLIN)
        if self._wire.door is not None:
            self._poller.register(self._wire.door.socket, zmq.POLLIN)

    def attach(
        self,
        reader: Reader,
        tell: Callable[[str, str], None],
        newest: Callable[[], FrameResult | None] = lambda: None,
    ) -> None:
        """Say where frames come from, a reader of the newest one, and whom to tell of a failure.

        Args:
            reader: Used by this preview alone.
            tell: Called once with "warning" and what failed, on the preview's thread.
            newest: Returns what was made of the newest frame; called on the preview's thread.
        """
        self._reader, self._tell, self._newest = reader, tell, newest

    def step(self) -> bool:
        """Wait until a picture is due or somebody comes or goes; send what is due.

        Returns:
            False after a failure, of which somebody was told: a view is not worth a session.

        Raises:
            WireError: If it is not bound or not attached.
        """
        wire, reader = self._wire, self._reader
        if wire is None or reader is None:
            raise WireError("the preview has no socket or no frames: call bind() and attach()")
        try:
            self._poller.poll(math.ceil(self._wait_s() * 1000))
            self._hear(wire)
            due = self._due()
            read = reader.read(0.0) if due else None  # never sleeps there: it costs the writer
            self._send_overlay(wire)
            if read is not None:
                self._send(wire, due, read)
            elif due:
                self._poller.poll(math.ceil(RETRY_S * 1000))
        except (zmq.ZMQError, WireError, cv2.error) as error:
            self._tell("warning", f"no more pictures for views: {error}")
            return False
        return True

    def close(self) -> None:
        """Close the socket; twice does no harm."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def _hear(self, wire: BoundSocket) -> None:
        """Take note of who subscribes and who leaves."""
        if wire.door is not None:
            wire.door.answer()
        while wire.socket.poll(0):
            said = wire.socket.recv(zmq.NOBLOCK)
            if said[:1] == b"\x00":
                self._wanted.discard(said[1:])
            elif said[:1] == b"\x01" and len(self._wanted) < MOST_SUBSCRIPTIONS:
                self._wanted.add(said[1:])
        for stream in (*self._streams, self._overlays):
            stream.is_wanted = any(stream.topic.startswith(each) for each in self._wanted)

    def _wait_s(self) -> float:
        now_ns = self._clock.now_ns()
        due = [stream.due_ns - now_ns for stream in self._streams if stream.is_wanted]
        wait_s = max(0.0, min(due) / 1e9) if due else IDLE_S
        return wait_s if self._shown is None else min(wait_s, RETRY_S)

    def _due(self) -> "list[_Stream]":
        now_ns = self._clock.now_ns()
        return [each for each in self._streams if each.is_wanted and each.due_ns <= now_ns]

    def _send(self, wire: BoundSocket, due: "list[_Stream]", read: Read) -> None:
        frame, now_ns = read.frame, self._clock.now_ns()
        for stream in due:
            height, width, content = encode_picture(frame, stream.side_px, self._settings.quality)
            header = FrameMessage(
                schema=SCHEMA,
                session=self._session_id,
                seq=stream.take_number(now_ns),
                sent_ns=self._clock.now_ns(),
                frame_index=frame.index,
                captured_ns=frame.captured_ns,
                image_shape=frame.image.shape,
                picture_shape=(height, width),
            )
            wire.socket.send_multipart([stream.topic, encode(header), content], zmq.NOBLOCK)
        if self._overlays.is_wanted:
            self._shown = frame.index, now_ns + OVERLAY_LATE_NS

    def _send_overlay(self, wire: BoundSocket) -> None:
        """Send what was seen in the frame of the last picture, once the pipeline is so far."""
        shown, result, now_ns = self._shown, self._newest(), self._clock.now_ns()
        if shown is None:
            return
        seen = result.observation if result is not None else None
        if seen is None or seen.frame_index < shown[0]:
            if now_ns > shown[1]:
                self._shown = None
            return
        self._shown = None
        header = OverlayMessage(
            schema=SCHEMA,
            session=self._session_id,
            seq=self._overlays.take_number(now_ns),
            sent_ns=now_ns,
            frame_index=seen.frame_index,
            captured_ns=seen.captured_ns,
            outlines=outlines_of(seen.masks) if seen.masks is not None else [],
            crop=seen.crop,
        )
        wire.socket.send_multipart([self._overlays.topic, encode(header)], zmq.NOBLOCK)


class _Stream:
    """Pictures of one size; a number that a view did not get is a picture that it lost."""

    def __init__(self, topic: bytes, side_px: int, fps: float) -> None:
        self.topic = topic
        self.side_px = side_px
        self.due_ns = 0
        self.is_wanted = False
        self._period_ns = round(1e9 / fps)
        self._next = 0

    def take_number(self, now_ns: int) -> int:
        """Return the number of the next picture, and be due again one period later."""
        is_late = now_ns - self.due_ns > self._period_ns
        self.due_ns = (now_ns if is_late else self.due_ns) + self._period_ns
        self._next += 1
        return self._next - 1


def encode_picture(frame: Frame, side_px: int, quality: int) -> tuple[int, int, bytes]:
    """Return height, width and JPEG of an image, its longest side `side_px` at most."""
    image: NDArray[np.uint8] = frame.image
    height, width = image.shape[:2]
    shrink = side_px / max(height, width)
    if shrink < 1:
        height, width = max(1, round(height * shrink)), max(1, round(width * shrink))
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))
    if image.ndim == 3:
        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), np.uint8)
    done, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise WireError(f"an image of {height} x {width} px cannot be made a JPEG")
    return height, width, content.tobytes()
