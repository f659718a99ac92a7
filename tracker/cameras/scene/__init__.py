"""A scene in 3-D whose truth is known, seen by four cameras on one trigger; no hardware."""

from tracker.cameras.scene.camera import SceneCamera
from tracker.cameras.scene.settings import SceneCameraSettings
from tracker.cameras.scene.world import ball_cm, scene_stand

__all__ = ["SceneCamera", "SceneCameraSettings", "ball_cm", "scene_stand"]
