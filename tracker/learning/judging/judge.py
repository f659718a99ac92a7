"""`judge`: labelled images through the observer of the live loop, and what came of it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tracker.clock import Clock, SystemClock
from tracker.learning.judging.figures import Figures, known
from tracker.learning.judging.oks import OksImage, oks_figures
from tracker.learning.judging.pose import (
    ImagePose,
    animal_figures,
    compare,
    pose_figures,
    with_guess,
)
from tracker.learning.judging.regions import mask_figures, mask_image, overlap
from tracker.learning.judging.values import class_figures, quantity_figures
from tracker.learning.samples import Sample
from tracker.observers.reading import measure_name
from tracker.runtimes.base import ModelCard
from tracker.types import Frame, Observation

USABLE_THRESHOLD = 0.5
"""Probability from which a class counts as seen, if its card names no other."""


class StillObserver(Protocol):
    """An observer that can be shown images that have nothing to do with each other."""

    def warm_up(self, shape: tuple[int, ...]) -> None:
        """Do all slow first-time work for images of this shape. Raises `ModelError`."""

    def reset(self) -> None:
        """Forget the animal: the next image is of another moment."""

    def observe(self, frame: Frame) -> Observation:
        """Return what is seen in the frame. Raises `ModelError`."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One labelled image and what the network saw in it.

    Attributes:
        sample: Image and labels.
        seen: What the live loop would have had.
        pose: How the keypoints agree.
        observe_ns: Time that `observe` took (ns).
    """

    sample: Sample
    seen: Observation
    pose: ImagePose
    observe_ns: int


@dataclass(frozen=True, eq=False)
class Judgement:
    """How good a network is on labelled images.

    Attributes:
        card: Of the network.
        images: In the order of the samples.
    """

    card: ModelCard
    images: tuple[Judged, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the data sets, in the order of the samples."""
        return tuple(dict.fromkeys(image.sample.source for image in self.images))

    @property
    def keypoints_without_labels(self) -> tuple[str, ...]:
        """Keypoints of the network that no image has a label for."""
        if not self.images:
            return self.card.keypoints
        seen = np.concatenate([image.sample.xy for image in self.images])
        there = np.isfinite(seen).all(-1).any(0)
        return tuple(
            name for name, is_there in zip(self.card.keypoints, there, strict=True) if not is_there
        )

    @property
    def ms_per_image(self) -> float | None:
        """Median time of `observe` (ms): the search in the whole frame and, if any, the crop."""
        times = [image.observe_ns / 1e6 for image in self.images]
        return known(float(np.median(times))) if times else None

    def of(self, source: str | None = None) -> Figures:
        """Return the figures of one data set; None: of all images together.

        A figure that cannot be known is None, e.g. an area under a ROC curve where every
        label says the same.
        """
        images = [i for i in self.images if source is None or i.sample.source == source]
        return self._figures(images)

    def figures(self) -> Figures:
        """Return the figures of each data set, its name and a colon in front."""
        return {
            f"{source}: {name}": value
            for source in self.sources
            for name, value in self.of(source).items()
        }

    def classes_of(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Return label and probability of a class for each image; NaN where there is none."""
        return self._classes(self.images, name)

    def threshold(self, name: str) -> float:
        """Return the probability from which a class counts as seen."""
        return self.card.class_thresholds.get(name, USABLE_THRESHOLD)

    def _figures(self, images: Sequence[Judged]) -> Figures:
        figures: Figures = {"images": len(images)}
        if self.card.novelty or self.card.classes:
            abstained = sum(image.seen.abstained for image in images)
            figures["abstained_share"] = abstained / len(images) if images else None
        if self.card.keypoints:
            figures |= self._pose_figures(images)
        for number, name in enumerate(self.card.mask_classes):
            own = _mask_figures(images, number, name)
            figures |= {f"{name}: {key}": value for key, value in own.items()}
        for name in self.card.classes:
            truth, probability = self._classes(images, name)
            own = class_figures(truth, probability, self.threshold(name))
            figures |= {f"{name}: {key}": value for key, value in own.items()}
        for number, (name, unit) in enumerate(self.card.quantities.items()):
            real = np.array([_entry(i.sample.quantities, number) for i in images], np.float32)
            said, sd = _measured(images, name, unit)
            own = quantity_figures(real, said, sd, unit)
            figures |= {f"{name}: {key}": value for key, value in own.items()}
        return figures

    def _pose_figures(self, images: Sequence[Judged]) -> Figures:
        poses = [image.pose for image in images]
        if not any(pose.labelled.any() for pose in poses):
            return {"labelled_keypoints": 0}
        figures = animal_figures(poses) | oks_figures(
            [_oks(image) for image in images if image.pose.counted]
        )
        return pose_figures(poses, self.card.keypoints) | figures

    def _classes(
        self, images: Sequence[Judged], name: str
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        number = self.card.classes.index(name)
        truth = [_entry(image.sample.classes, number) for image in images]
        said = [image.seen.class_scores.get(name, math.nan) for image in images]
        return np.array(truth, np.float32), np.array(said, np.float64)


def judge(
    observer: StillObserver,
    card: ModelCard,
    samples: Sequence[Sample],
    *,
    guessers: Sequence[StillObserver] = (),
    progress: Callable[[int], None] | None = None,
    clock: Clock | None = None,
) -> Judgement:
    """Show each labelled image to an observer, as if it were the first of a session.

    Args:
        observer: That of the live loop. It is told of each new shape, and reset before each
            image.
        card: Of its network; names and order are those of the samples.
        samples: Images and labels, of any shapes.
        guessers: Observers with a `min_confidence` of 0, for `mean_px_all`. They are asked in
            turn where a keypoint of the only animal was not found.
        progress: Told the number of images done after each.
        clock: Times `observe`; by default the computer's.

    Raises:
        ModelError: If the network fails.
    """
    clock = clock or SystemClock()
    order = sorted(range(len(samples)), key=lambda n: samples[n].image.shape)
    done: dict[int, Judged] = {}
    shape: tuple[int, ...] = ()
    for number in order:
        sample = samples[number]
        if sample.image.shape != shape:
            shape = sample.image.shape
            for each in (observer, *guessers):
                each.warm_up(shape)
        done[number] = _judge_one(observer, guessers, sample, number, clock)
        if progress is not None:
            progress(len(done))
    return Judgement(card, tuple(done[number] for number in range(len(samples))))


def _judge_one(
    observer: StillObserver,
    guessers: Sequence[StillObserver],
    sample: Sample,
    number: int,
    clock: Clock,
) -> Judged:
    frame = Frame(number, 0, 0, sample.image)
    observer.reset()
    started_ns = clock.now_ns()
    seen = observer.observe(frame)
    took_ns = clock.now_ns() - started_ns
    pose = compare(sample.xy, seen.xy, sample.size_px)
    for guesser in guessers if len(pose.labelled) == 1 else ():
        if np.isfinite(pose.guess_px[pose.labelled]).all():
            break
        guesser.reset()
        pose = with_guess(pose, sample.xy, guesser.observe(frame).xy)
    return Judged(sample, seen, pose, took_ns)


def _oks(image: Judged) -> OksImage:
    return OksImage(image.sample.xy, image.seen.xy, image.seen.confidence)


def _mask_figures(images: Sequence[Judged], number: int, name: str) -> Figures:
    """Drawn masks and pseudo-masks are never mixed; without either, the figure is None."""
    figures: Figures = {}
    for pseudo in (False, True):
        overlaps = []
        for image in images:
            truth = image.sample.mask
            if truth is not None and image.sample.pseudo_mask is pseudo:
                seen = mask_image(image.seen.masks, name, (truth.shape[0], truth.shape[1]))
                overlaps.append(overlap(seen, truth == number + 1))
        if overlaps:
            figures |= mask_figures(overlaps, pseudo=pseudo)
    return figures or mask_figures([], pseudo=False)


def _measured(
    images: Sequence[Judged], name: str, unit: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values of a quantity and their standard deviations, as the observer names them."""
    key = measure_name(name, unit)
    said = [image.seen.measures.get(key, math.nan) for image in images]
    sd = [image.seen.measures.get(f"{key}_sd", math.nan) for image in images]
    return np.array(said, np.float64), np.array(sd, np.float64)


def _entry(values: NDArray[np.float32], number: int) -> float:
    """A label, or NaN from a data set that has none of its kind."""
    return float(values[number]) if values.size else math.nan
