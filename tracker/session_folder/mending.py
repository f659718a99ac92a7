"""Closes files that a crash cut off: a new file beside the old one, compared, then in its place.

Until the new file is whole, on the disk and compared with what it was made from, the old one
stays as it is.
"""

import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import av
import pyarrow as pa

from tracker.errors import RecordingError
from tracker.session_folder.files import AppendFile, write_error, write_new
from tracker.session_folder.tables import END_OF_STREAM, read_table
from tracker.session_folder.video_reader import decoding_messages

Progress = Callable[[str, float], None]
"""Told of the name of a file and how much of it is done, 0 to 1."""

_COPY_ROOM = 50_000_000
"""Bytes that stay free beside the copy of a video."""

_SEGMENT = b"\x18\x53\x80\x67"


@dataclass(frozen=True, slots=True)
class FileState:
    """How the end of one file looks.

    Attributes:
        name: Of the file.
        there: Whether it is there at all.
        finished: Whether it was written to its end.
        n_items: Whole rows, lines or frames in it.
        n_bytes: Its length, 0 if it is not there.
        kept_bytes: Of these, bytes that hold something whole; for videos `n_bytes`.
    """

    name: str
    there: bool = True
    finished: bool = False
    n_items: int = 0
    n_bytes: int = 0
    kept_bytes: int = 0


def look_at_table(path: Path) -> FileState:
    """Say how a table ends; one of which not even the columns are there has no rows."""
    if not path.is_file():
        return FileState(path.name, there=False)
    size = path.stat().st_size
    try:
        table, finished = read_table(path)
    except RecordingError:
        return FileState(path.name, n_bytes=size)
    kept = size if finished else _good_bytes(path)
    return FileState(
        path.name, finished=finished, n_items=table.num_rows, n_bytes=size, kept_bytes=kept
    )


def look_at_lines(path: Path) -> FileState:
    """Say how a file of lines ends."""
    if not path.is_file():
        return FileState(path.name, there=False)
    content = path.read_bytes()
    kept = content.rfind(b"\n") + 1
    n = content.count(b"\n", 0, kept)
    size = len(content)
    return FileState(path.name, finished=kept == size, n_items=n, n_bytes=size, kept_bytes=kept)


def look_at_video(path: Path, progress: Progress) -> FileState:
    """Say how many frames of a video can be read; `finished` if its header knows its length."""
    if not path.is_file():
        return FileState(path.name, there=False)
    size = path.stat().st_size
    n = _good_frames(path, size, progress)
    finished = n > 0 and _knows_its_length(path)
    return FileState(path.name, finished=finished, n_items=n, n_bytes=size, kept_bytes=size)


def close_table(path: Path, table: pa.Table) -> None:
    """Put a finished file with these rows in the place of `path`, which may be missing.

    Raises:
        RecordingError: If it cannot be written; `path` is as it was then.
        DiskFull: If there is no room left.
    """
    draft = _draft_of(path)
    checksum = 0
    file = AppendFile(draft)
    try:
        file.append(table.schema.serialize())
        for batch in table.to_batches(max_chunksize=4096):
            content = batch.serialize()
            checksum = zlib.crc32(content, checksum)
            file.append(content)
        file.append(END_OF_STREAM)
    finally:
        file.close()
    again, finished = read_table(draft)
    if not finished or _checksum_of_rows(again) != checksum:
        raise RecordingError(f"{draft.name} is not what was written: is the disk in order?")
    replace(draft, path)


def close_lines(path: Path, kept_bytes: int) -> None:
    """Put a file with the first bytes of `path` in its place; raises as `close_table`."""
    content = path.read_bytes()[:kept_bytes] if path.is_file() else b""
    draft = _draft_of(path)
    write_new(draft, content)
    if draft.read_bytes() != content:
        raise RecordingError(f"{draft.name} is not what was written: is the disk in order?")
    replace(draft, path)


def close_video(path: Path, n_frames: int, progress: Progress) -> bool:
    """Copy the first frames of a video, bit by bit, into a file with an index, in its place.

    Returns:
        False if there is no room for a copy: the video stays as it is, which can be read.

    Raises:
        RecordingError: If it cannot be written; `path` is as it was then.
    """
    size = path.stat().st_size
    if shutil.disk_usage(path.parent).free < size + _COPY_ROOM:
        return False
    draft = _draft_of(path)
    try:
        before = _copy_frames(path, draft, n_frames, progress)
        after = _checksum(draft)
    except (av.FFmpegError, OSError) as failure:
        draft.unlink(missing_ok=True)
        raise RecordingError(f"cannot copy {path.name} in {path.parent}: {failure}") from failure
    if before != after:
        raise RecordingError(f"{draft.name} is not what was written: is the disk in order?")
    replace(draft, path)
    return True


def presentation_times(path: Path) -> Iterator[int]:
    """Times (ms) of the frames of a video, up to where the file breaks off."""
    with av.open(str(path)) as container:
        yield from (packet.pts for packet in _packets(container))


def replace(draft: Path, path: Path) -> None:
    """Put a finished draft in the place of a file, in one step."""
    try:
        draft.replace(path)
    except OSError as failure:
        raise write_error(path, failure) from failure


def _draft_of(path: Path) -> Path:
    """Name of the new file; what an earlier try has left there is removed."""
    draft = path.with_name(f"{path.name}.recovered")
    try:
        draft.unlink(missing_ok=True)
    except OSError as failure:
        raise write_error(draft, failure) from failure
    return draft


def _checksum_of_rows(table: pa.Table) -> int:
    checksum = 0
    for batch in table.to_batches():
        checksum = zlib.crc32(batch.serialize(), checksum)
    return checksum


def _good_bytes(path: Path) -> int:
    """Length of a table's file up to its last whole batch."""
    with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
        good: int = file.tell()
        try:
            for _ in stream:
                good = file.tell()
        except (OSError, pa.ArrowException):
            return good
        return good


def _good_frames(path: Path, size: int, progress: Progress) -> int:
    """Frames of which every byte is there: those since the last keyframe are decoded."""
    n = 0
    group: list[Any] = []
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "NONE"  # messages are caught on this thread alone
            for packet in _packets(container):
                if packet.is_keyframe:
                    n, group = n + len(group), []
                    progress(path.name, min(1.0, (packet.pos or 0) / size))
                group.append(packet)
            n += _n_decodable(stream.codec_context, group)
    except (av.FFmpegError, OSError, IndexError):
        pass  # not even its header can be read, or nothing behind it
    progress(path.name, 1.0)
    return n


def _packets(container: Any) -> Iterator[Any]:
    """Packets that hold a frame, up to where the file breaks off."""
    try:
        yield from (packet for packet in container.demux(video=0) if packet.size)
    except av.FFmpegError:
        return


def _n_decodable(decoder: Any, group: list[Any]) -> int:
    """How many of the packets, of which the first is a keyframe, are not damaged."""
    for place, packet in enumerate(group):
        try:
            with decoding_messages() as told:
                decoder.decode(packet)
        except av.FFmpegError:
            return place
        if told:
            return place
    return len(group)


def _copy_frames(path: Path, draft: Path, n_frames: int, progress: Progress) -> int:
    """Write the first frames into a new file; return their checksum."""
    checksum, size = 0, path.stat().st_size
    with av.open(str(path)) as source, av.open(str(draft), "w", format="matroska") as target:
        target.metadata.update(
            {name: text for name, text in source.metadata.items() if name.startswith("TRACKER_")}
        )
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in islice(_packets(source), n_frames):
            checksum = _add(checksum, packet)
            progress(path.name, min(1.0, (packet.pos or 0) / size))
            packet.stream = stream
            target.mux(packet)
    with draft.open("r+b") as file:
        os.fsync(file.fileno())
    return checksum


def _checksum(path: Path) -> int:
    checksum = 0
    with av.open(str(path)) as container:
        for packet in _packets(container):
            checksum = _add(checksum, packet)
    return checksum


def _add(checksum: int, packet: Any) -> int:
    return zlib.crc32(bytes(packet), zlib.crc32(str(packet.pts).encode(), checksum))


def _knows_its_length(path: Path) -> bool:
    """Whether a Matroska file says of itself that it ends where it does.

    The element Segment (RFC 9559, 5.1) has 8 bytes of length in files that FFmpeg writes; they
    are filled in when the file is finished.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    place = head.find(_SEGMENT)
    if place < 0 or len(head) < place + 12:
        return False
    length = int.from_bytes(head[place + 5 : place + 12], "big")
    return place + 12 + length == path.stat().st_size
