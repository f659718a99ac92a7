"""See with a network: the whole frame, or a followed animal's surroundings alone."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import Field

from tracker.clock import Clock
from tracker.errors import ModelError
from tracker.observers.eye import Eye
from tracker.observers.following import Follower, box_of
from tracker.observers.reading import Look
from tracker.preprocess import InputGeometry
from tracker.runtimes.base import Runtime
from tracker.settings import Settings
from tracker.types import Frame, Observation, Skeleton

MAX_LOOKS = 2
"""Crops laid after a search: the second around what the first one found."""


ELSEWHERE = 1 / 4
"""Share of the crop's side from which on another place is no longer the same animal's."""


class NetworkObserverSettings(Settings):
    """How frames are looked at with a network."""

    crop: bool = Field(
        default=True, description="follow the animal in a crop, if the network is made for it"
    )
    search_every: int = Field(
        300, ge=0, description="frames from one search of the whole frame to the next; 0: never"
    )
    abstain: bool = Field(
        default=True, description="no positions from frames unlike the training, or not usable"
    )


_USUAL = NetworkObserverSettings()


class NetworkObserver:
    """Runs a network on each frame, and brings what it found back to sensor pixels.

    A keypoint below the card's `min_confidence`, or outside the frame, is NaN; its
    confidence is kept. So are all keypoints of a frame on which the network abstains.

    With a crop, an animal that is not followed is searched in the whole frame, and looked at
    again in a crop of the same frame; from then on the crop alone is looked at. A crop counts
    if half of the keypoints (and at least one) are found in it, not at its border, and the
    network does not abstain. If it does not count, the same frame is searched: the animal is
    never a frame late. If that fails too, nothing is seen. Every `search_every` frames the
    whole frame is searched as well, and if the crop there is the surer one, the observer goes
    on there. All of it follows from the frames alone, so that a replay gives the same.

    Used by one thread.

    Args:
        runtime: The loaded network.
        clock: Times the bare network calls.
        settings: How frames are looked at.
    """

    def __init__(
        self, runtime: Runtime, clock: Clock, settings: NetworkObserverSettings = _USUAL
    ) -> None:
        self._runtime = runtime
        self._clock = clock
        self._settings = settings
        self._skeleton = runtime.card.skeleton
        self._crop = runtime.card.crop if settings.crop else None
        self._eye: Eye | None = None
        self._follower: Follower | None = None
        self._searched_index = 0

    @property
    def skeleton(self) -> Skeleton:
        """Keypoints of every observation it makes."""
        return self._skeleton

    @property
    def facts(self) -> Mapping[str, Any]:
        """The runtime's facts, `min_confidence`, and whether and how it crops and abstains."""
        return {
            **self._runtime.facts,
            "min_confidence": self._runtime.card.min_confidence,
            "crop": None if self._crop is None else self._crop.model_dump(),
            "search_every": None if self._crop is None else self._settings.search_every,
            "abstain": self._settings.abstain,
        }

    def warm_up(self, shape: tuple[int, ...]) -> None:
        """Build all that depends on the shape of the images, and run the network a few times.

        Forgets the animal.

        Raises:
            ModelError: If the network fails, or the shape is not that of a grey or RGB image.
        """
        self._warmed_up(shape)

    def reset(self) -> None:
        """Forget the animal, as before images that do not follow each other. Twice does no harm."""
        if self._follower is not None:
            self._follower.lose()

    def observe(self, frame: Frame) -> Observation:
        """Return what is seen in the frame.

        Raises:
            ModelError: If the network failed or gave values that are not finite, or the
                frame has another shape than the one it was warmed up for.
        """
        eye = self._eye or self._warmed_up(frame.image.shape)
        if frame.image.shape != eye.shape:
            raise ModelError(
                f"frame {frame.index} has shape {frame.image.shape}, but the network was warmed "
                f"up for {eye.shape}"
            )
        eye.network_ns = 0
        if self._follower is None:
            return self._report(frame, eye, eye.look(frame))
        return self._report(frame, eye, self._follow(frame, eye, self._follower))

    def _warmed_up(self, shape: tuple[int, ...]) -> Eye:
        self._eye = Eye(self._runtime, self._clock, shape, self._crop)
        if self._crop is not None:
            self._follower = Follower(self._crop, (shape[0], shape[1]))
        return self._eye

    def _follow(self, frame: Frame, eye: Eye, follower: Follower) -> Look:
        """Look where the animal should be; search the same frame if it is not there."""
        if follower.index is None or frame.index < follower.index:
            return self._search(frame, eye, follower)
        look = eye.look_at(frame, follower.place(frame.index))
        if not self._counts(look, follower):
            return self._search(frame, eye, follower)
        every = self._settings.search_every
        if every and frame.index - self._searched_index >= every:
            self._searched_index = frame.index
            other = self._find_elsewhere(frame, eye, follower, look)
            if other is not None:
                follower.start(frame.index, other.points, other.geometry)
                return other
        follower.go_on(frame.index, look.points, look.geometry)
        return look

    def _search(self, frame: Frame, eye: Eye, follower: Follower) -> Look:
        """Search the whole frame, and follow the animal if a crop confirms it."""
        follower.lose()
        self._searched_index = frame.index
        whole = look = eye.look(frame)
        for _ in range(MAX_LOOKS):
            if not look.has_animal or (look.is_crop and self._abstains(look)):
                break
            look = eye.look_at(frame, follower.place_on(look.points))
            if self._counts(look, follower):
                follower.start(frame.index, look.points, look.geometry)
                return look
        seen = look if self._abstains(look) else whole
        return replace(seen, xy=np.full_like(seen.xy, np.nan))

    def _find_elsewhere(
        self, frame: Frame, eye: Eye, follower: Follower, look: Look
    ) -> Look | None:
        """Search the whole frame; return a crop that counts and is surer than `look`, if any."""
        whole = eye.look(frame)
        if not whole.has_animal:
            return None
        x, y, _ = box_of(whole.points)
        known_x, known_y, _ = box_of(look.points)
        if max(abs(x - known_x), abs(y - known_y)) < ELSEWHERE * look.geometry.covered[0]:
            return None
        other = eye.look_at(frame, follower.place_on(whole.points))
        surer = self._counts(other, follower) and other.confidence > look.confidence
        return other if surer else None

    def _counts(self, look: Look, follower: Follower) -> bool:
        """Whether a crop shows the animal, all of it, and the network believes what it sees."""
        if not look.has_animal or self._abstains(look):
            return False
        return follower.holds(look.points, look.geometry)

    def _abstains(self, look: Look) -> bool:
        return look.abstains and self._settings.abstain

    def _report(self, frame: Frame, eye: Eye, look: Look) -> Observation:
        abstained = self._abstains(look)
        xy, confidence, there = eye.reader.individuals(look)
        novelty = look.answer.novelty
        return Observation(
            frame_index=frame.index,
            captured_ns=frame.captured_ns,
            xy=np.full_like(xy, np.nan) if abstained else xy,
            confidence=confidence,
            class_scores=eye.reader.class_scores(look),
            measures=eye.reader.measures(look),
            masks=eye.reader.masks(look, there),
            novelty=math.nan if novelty is None else float(novelty),
            abstained=abstained,
            network_ns=eye.network_ns,
            crop=_rectangle(look.geometry) if look.is_crop else None,
        )


def _rectangle(crop: InputGeometry) -> tuple[int, int, int, int]:
    height, width = crop.covered
    return crop.left, crop.top, width, height
