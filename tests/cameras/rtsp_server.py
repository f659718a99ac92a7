"""A camera that streams over RTSP: one client, RTP inside the TCP connection, H.264."""

import base64
import socket
import struct
import threading
from fractions import Fraction

import av
import numpy as np

WIDTH, HEIGHT, FPS = 64, 48, 100
FIRST_STAMP = 123_456
"""Cameras begin anywhere; FFmpeg takes 0 for no time."""


def encoded(n):
    """NAL units of `n` pictures, each complete in itself, with grey level 16 + 4 * number."""
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "gray"
    codec.time_base, codec.framerate = Fraction(1, FPS), FPS
    codec.options = {"preset": "ultrafast", "tune": "zerolatency", "g": "1", "qp": "10"}
    pictures = []
    for k in range(n):
        level = 16 + 4 * (k % 50)
        frame = av.VideoFrame.from_ndarray(np.full((HEIGHT, WIDTH), level, np.uint8), format="gray")
        frame.pts = k
        pictures.append(b"".join(bytes(packet) for packet in codec.encode(frame)))
    return [
        [nal for nal in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if nal]
        for data in pictures
    ]


class RtspServer:
    """Serves the same pictures to each client that comes, at FPS, from the first one on.

    Args:
        n: Pictures; after the last one the connection is closed.
        leave_out: Numbers of pictures that are never sent.
    """

    def __init__(self, n, leave_out=()):
        self._pictures, self._leave_out = encoded(n), set(leave_out)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.url = f"rtsp://user:secret@127.0.0.1:{self.port}/cam"
        self.hang_up = threading.Event()
        self.be_silent = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="rtsp server")
        self._thread.start()

    def stop(self):
        self._stop.set()
        self.hang_up.set()
        socket.create_connection(("127.0.0.1", self.port)).close()  # so that accept returns
        self._thread.join()
        self._listening.close()

    def _serve(self):
        while not self._stop.is_set():
            client, _ = self._listening.accept()
            with client:
                try:
                    if self._answer(client):
                        self._play(client)
                except OSError:
                    pass  # the client has gone
            self.hang_up.clear()

    def _answer(self, client):
        """Answer requests until the client wants to see; False if it goes before."""
        lines = client.makefile("rb")
        while not self._stop.is_set():
            request, fields = lines.readline().split(), {}
            if not request:
                return False
            while line := lines.readline().strip():
                name, _, value = line.partition(b":")
                fields[name.lower()] = value.strip()
            method = request[0].decode()
            head = [b"RTSP/1.0 200 OK", b"CSeq: " + fields[b"cseq"], b"Session: 1"]
            body = b""
            if method == "OPTIONS":
                head.append(b"Public: DESCRIBE, SETUP, PLAY, TEARDOWN")
            elif method == "DESCRIBE":
                body = self._description()
                head += [b"Content-Type: application/sdp", b"Content-Length: %d" % len(body)]
            elif method == "SETUP":
                head.append(b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
            client.sendall(b"\r\n".join(head) + b"\r\n\r\n" + body)
            if method == "PLAY":
                return True
        return False

    def _description(self):
        sets = b",".join(
            base64.b64encode(nal) for nal in self._pictures[0] if nal[0] & 31 in {7, 8}
        )
        return (
            b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
            b"a=rtpmap:96 H264/90000\r\na=framerate:%d\r\n"
            b"a=fmtp:96 packetization-mode=1;sprop-parameter-sets=%s\r\na=control:track1\r\n"
            % (FPS, sets)
        )

    def _play(self, client):
        sequence, pause = 0, threading.Event()
        for number, nals in enumerate(self._pictures):
            if self.hang_up.is_set():
                return
            pause.wait(1 / FPS)
            while self.be_silent.is_set() and not self.hang_up.is_set():
                pause.wait(0.01)
            if number in self._leave_out:
                continue
            for nal in nals:
                marker = 0x80 if nal is nals[-1] else 0
                stamp = FIRST_STAMP + number * 90000 // FPS
                head = struct.pack(">BBHII", 0x80, marker | 96, sequence & 0xFFFF, stamp, 7)
                client.sendall(struct.pack(">BBH", 0x24, 0, len(head) + len(nal)) + head + nal)
                sequence += 1
