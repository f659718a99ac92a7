"""The video of one session: cut out of the camera's images, in one file or in several."""

from pathlib import Path

import numpy as np

from tracker.errors import RecordingError
from tracker.session_folder.files import SCHEMA_VERSION, VIDEO, video_segment
from tracker.session_folder.settings import AnimalCrop, RecorderSettings, RegionCrop
from tracker.session_folder.video_encoder import EncoderChoice, refuse_shape
from tracker.session_folder.video_writer import VideoWriter
from tracker.session_folder.work import Busy, Work
from tracker.types import CameraInfo, Frame, InVideo, Observation


class VideoTrack:
    """Writes frames, and says of each where it is. Used by one thread.

    Args:
        folder: The session folder.
        camera: Tells the shape of every frame.
        settings: Codec, segments and crop; the codec is any but `NONE`.
        session_id: Goes into each file.
        encoder: Chosen for the images that `refuse_video` returns.
        work: Told how long encoder and disk take.

    Raises:
        RecordingError: If the codec cannot store such frames, the crop is not inside them, or
            a file cannot be written.
        DiskFull: If there is no room left.
    """

    def __init__(
        self,
        folder: Path,
        camera: CameraInfo,
        settings: RecorderSettings,
        session_id: str,
        encoder: EncoderChoice,
        work: Work,
    ) -> None:
        self._work = work
        self._encoder = encoder
        self._folder = folder
        self._settings = settings
        self._sensor = camera.shape
        self._shape = refuse_video(camera.shape, settings)
        self._tags = {"TRACKER_SESSION": session_id, "TRACKER_SCHEMA": str(SCHEMA_VERSION)}
        self._segment = 0
        self._began_ns: int | None = None
        self._is_cut = False
        self._centre = (camera.shape[1] / 2, camera.shape[0] / 2)
        self._writer: VideoWriter | None = self._open()

    def follow(self, seen: Observation) -> None:
        """Take note of where the animal is: the first one, if there are several."""
        if isinstance(self._settings.crop, AnimalCrop) and len(seen.xy):
            found = seen.xy[0][np.isfinite(seen.xy[0]).all(axis=1)]
            if len(found):
                x, y = found.mean(axis=0)
                self._centre = (float(x), float(y))

    def begin_file(self) -> None:
        """Have the next frame begin a file, if there is one in this file already."""
        self._is_cut = self._began_ns is not None

    def write(self, frame: Frame) -> InVideo:
        """Add one frame; raises as `VideoWriter.write`."""
        with self._work.of(Busy.ENCODER):
            return self._write(frame)

    def _write(self, frame: Frame) -> InVideo:
        if frame.image.shape != self._sensor:
            raise RecordingError(
                f"frame {frame.index} is {frame.image.dtype} {frame.image.shape}, but the camera "
                f"promised uint8 {self._sensor}"
            )
        if self._writer is not None and self._is_full(frame.captured_ns, self._writer.n_bytes):
            finished, self._writer = self._writer, None
            self._segment, self._began_ns, self._is_cut = self._segment + 1, None, False
            finished.close()
        if self._writer is None:
            self._writer = self._open()
        if self._began_ns is None:
            self._began_ns = frame.captured_ns
        x, y = self._origin()
        self._writer.write(self._cut(frame, x, y))
        return InVideo(self._segment, x, y)

    def sync(self) -> None:
        """Return once the disk has all that left the encoder."""
        if self._writer is not None:
            self._writer.sync()

    def close(self) -> None:
        """Finish the file that is open; raises as `write`."""
        if self._writer is not None:
            self._writer.close()

    def _is_full(self, captured_ns: int, n_bytes: int) -> bool:
        if self._began_ns is None or self._is_cut:
            return self._is_cut
        minutes, n_mb = self._settings.segment_minutes, self._settings.segment_mb
        too_long = minutes is not None and captured_ns - self._began_ns >= minutes * 60e9
        return too_long or (n_mb is not None and n_bytes >= n_mb * 1_000_000)

    def _origin(self) -> tuple[int, int]:
        """Column and row of the sensor in which the stored image begins."""
        match self._settings.crop:
            case RegionCrop() as region:
                return region.x_px, region.y_px
            case AnimalCrop():
                height, width = self._shape[:2]
                x, y = self._centre
                return (
                    min(max(round(x - width / 2), 0), self._sensor[1] - width),
                    min(max(round(y - height / 2), 0), self._sensor[0] - height),
                )
            case None:
                return 0, 0

    def _cut(self, frame: Frame, x: int, y: int) -> Frame:
        if self._settings.crop is None:
            return frame
        image = frame.image[y : y + self._shape[0], x : x + self._shape[1]]
        return Frame(frame.index, frame.captured_ns, frame.received_ns, image, frame.device_tick)

    def _open(self) -> VideoWriter:
        settings = self._settings
        name = video_segment(self._segment) if settings.segmented else VIDEO
        return VideoWriter(
            self._folder / name,
            self._shape,
            tags=self._tags | {"TRACKER_SEGMENT": str(self._segment)},
            encoder=self._encoder,
            threads=settings.encoder_threads,
            work=self._work,
        )


def refuse_video(sensor: tuple[int, ...], settings: RecorderSettings) -> tuple[int, ...]:
    """Return the shape of the stored images.

    Args:
        sensor: Shape of the camera's images.
        settings: Codec and crop.

    Raises:
        RecordingError: If the codec cannot store them, or the crop is not inside them.
    """
    crop, shape = settings.crop, sensor
    if crop is not None:
        x, y = (crop.x_px, crop.y_px) if isinstance(crop, RegionCrop) else (0, 0)
        if x + crop.width_px > sensor[1] or y + crop.height_px > sensor[0]:
            raise RecordingError(
                f"outputs.recording.crop wants {crop.width_px}x{crop.height_px} px from "
                f"({x}, {y}), but the camera gives {sensor[1]}x{sensor[0]}: choose a smaller one"
            )
        shape = (crop.height_px, crop.width_px, *sensor[2:])
    refuse_shape(shape, settings.codec)
    return shape
