"""Settings of any camera to that camera; the only place that names every camera."""

from typing import Annotated, assert_never

from pydantic import Field

from tracker.cameras.base import Camera
from tracker.cameras.basler import BaslerSettings, basler_camera
from tracker.cameras.genicam import GenicamSettings, genicam_camera
from tracker.cameras.images import ImagesCamera, ImagesSettings
from tracker.cameras.opencv import OpenCVCamera, OpenCVSettings
from tracker.cameras.rtsp import RtspCamera, RtspSettings
from tracker.cameras.scene import SceneCamera, SceneCameraSettings
from tracker.cameras.spinnaker import SpinnakerSettings, spinnaker_camera
from tracker.cameras.synthetic import SyntheticCamera, SyntheticCameraSettings
from tracker.cameras.synthetic.camera import Light
from tracker.cameras.tracks_only import TracksOnlyCamera, TracksOnlySettings
from tracker.cameras.video_file import VideoFileCamera, VideoFileSettings
from tracker.cameras.vimba import VimbaSettings, vimba_camera
from tracker.clock import Clock

CameraSettings = Annotated[
    SyntheticCameraSettings
    | VideoFileSettings
    | OpenCVSettings
    | TracksOnlySettings
    | BaslerSettings
    | GenicamSettings
    | ImagesSettings
    | RtspSettings
    | SpinnakerSettings
    | VimbaSettings
    | SceneCameraSettings,
    Field(discriminator="kind"),
]


def make_camera(settings: CameraSettings, clock: Clock, light: Light | None = None) -> Camera:
    """Return the camera of these settings, closed.

    Args:
        settings: Of any kind.
        clock: The session clock.
        light: Seen by a synthetic mouse; None: there is none.
    """
    camera: Camera
    match settings:
        case SyntheticCameraSettings():
            camera = SyntheticCamera(settings, clock, light)
        case VideoFileSettings():
            camera = VideoFileCamera(settings, clock)
        case OpenCVSettings():
            camera = OpenCVCamera(settings, clock)
        case TracksOnlySettings():
            camera = TracksOnlyCamera(settings, clock)
        case BaslerSettings() | GenicamSettings() | SpinnakerSettings() | VimbaSettings():
            camera = _with_driver(settings, clock)
        case ImagesSettings():
            camera = ImagesCamera(settings, clock)
        case RtspSettings():
            camera = RtspCamera(settings, clock)
        case SceneCameraSettings():
            camera = SceneCamera(settings, clock)
        case _:
            assert_never(settings)
    return camera


def _with_driver(
    settings: BaslerSettings | GenicamSettings | SpinnakerSettings | VimbaSettings, clock: Clock
) -> Camera:
    """Return a camera that a maker's driver counts the frames of."""
    match settings:
        case BaslerSettings():
            return basler_camera(settings, clock)
        case GenicamSettings():
            return genicam_camera(settings, clock)
        case SpinnakerSettings():
            return spinnaker_camera(settings, clock)
        case VimbaSettings():
            return vimba_camera(settings, clock)
        case _:
            assert_never(settings)
