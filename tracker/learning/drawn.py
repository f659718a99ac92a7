"""Images from the synthetic camera, each rig with looks of its own."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tracker.cameras.synthetic import SyntheticCamera, SyntheticCameraSettings
from tracker.clock import SystemClock
from tracker.learning.recipe import Recipe, SyntheticSource
from tracker.learning.samples import Sample, extent_of, median_of
from tracker.types import Frame


def draw_rigs(source: SyntheticSource, recipe: Recipe) -> list[Sample]:
    """Images of drawn rigs, each rig a group of its own."""
    samples: list[Sample] = []
    for rig in range(source.rigs + source.hold_out_rigs):
        drawn = list(_rig(source, recipe, source.seed + rig))
        size = median_of([extent_of(xy) for _, xy in drawn])
        samples += [Sample(image, xy, f"rig {rig}", source.name, size) for image, xy in drawn]
    return samples


def _rig(
    source: SyntheticSource, recipe: Recipe, seed: int
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    settings = SyntheticCameraSettings(
        kind="synthetic",
        seed=seed,
        vary_looks=True,
        paced=False,
        colour=recipe.network.channels == 3,
    )
    camera = SyntheticCamera(settings, SystemClock())
    camera.open()
    try:
        for index in range(source.frames_per_rig * source.frame_step):
            frame = camera.read(timeout_s=1.0)
            if isinstance(frame, Frame) and index % source.frame_step == 0:
                truth = camera.truth(index)
                order = [truth.keypoints.index(name) for name in recipe.keypoints]
                yield frame.image.copy(), truth.xy[order].astype(np.float32)
    finally:
        camera.close()
