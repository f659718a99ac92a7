"""What the command line says of a camera, in place of the config's."""

import json
from typing import Any


def camera_overrides(camera: str | None, *, fast: bool = False, loop: bool = False) -> list[str]:
    """Return the overrides for what the command line says of the camera.

    Args:
        camera: A video file, a stream's URL, the number of a USB camera, or `synthetic`.
        fast: As fast as it goes.
        loop: Begin a video file again at its end.
    """
    changes = []
    if camera is not None:
        settings: dict[str, Any] = {"kind": "video_file", "path": camera}
        if camera == "synthetic":
            settings = {"kind": "synthetic"}
        elif camera.startswith(("rtsp://", "rtsps://")):
            settings = {"kind": "rtsp", "url": camera}
        elif camera.isdecimal() or "://" in camera:
            settings = {"kind": "opencv", "device": int(camera) if camera.isdecimal() else camera}
        changes.append(f"rig.camera={json.dumps(settings)}")  # JSON is YAML
    if fast:
        synthetic = camera == "synthetic"
        changes.append("rig.camera.paced=false" if synthetic else "rig.camera.fast=true")
    if loop:
        changes.append("rig.camera.loop=true")
    return changes
