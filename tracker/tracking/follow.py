"""Gives the individuals of each frame to the animals that they are."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from tracker.errors import ConfigError
from tracker.tracking.doubts import Doubts
from tracker.tracking.looks import Looks
from tracker.tracking.settings import TrackingSettings
from tracker.tracking.tracks import Candidates, Seen, Tracks
from tracker.types import Masks, Observation, Skeleton

OUT_OF_REACH = 1e6
"""Cost of a pair that cannot be: more than all that can be together."""

SURE = 0.9
"""Confidence from which an animal's looks are learned as its own."""

ANYWHERE_PX = 1e5
"""A gate that holds every place in a picture."""

NOBODY = np.full(1, -1, np.intp)

INDIVIDUAL = "individual "
"""Beginning of the name of an individual's own mask."""


class Tracker:
    """Follows a fixed set of names through the frames; used by one thread.

    Causal, and a function of the observations alone: the same ones give the same bits. The order
    of the individuals and the identities that they may already have make no difference, so that a
    recorded observation is tracked again to itself. State is bounded.

    Rules:

    - An individual is the animal whose expected place (its last one, moved on at its velocity)
      it fits best, all animals together (Hungarian method; Kuhn 1955), on keypoints. What is
      farther than the gate is nobody's; the gate grows in proportion to the time without sight.
    - Animals that are named: a name is given to the first individuals that are seen, from left to
      right, and kept for good. An animal that is not seen is waited for without end.
    - Up to so many: an individual that is nobody's is a new animal once it was seen for `start_s`,
      and has left when it was not seen for `end_s`. A name that is given again begins with
      confidence 0: it is not known to be the same animal.

    Args:
        names: Of the animals, in the order of the rows.
        skeleton: Of the individuals.
        settings: How to follow.

    Raises:
        ConfigError: If the skeleton has one keypoint, so that there are no body lengths, and no
            `gate_px` is set.
    """

    def __init__(
        self, names: Sequence[str], skeleton: Skeleton, settings: TrackingSettings
    ) -> None:
        self._names = tuple(names)
        n, n_keypoints = len(self._names), len(skeleton.keypoints)
        if n_keypoints == 1 and settings.gate_px is None and n > 1:
            raise ConfigError(
                "tracking.gate_px is missing: animals of one keypoint have no body length to "
                "measure distances by; say how far one may get from where it should be (px)"
            )
        self._settings = settings
        gate_px = settings.gate_px
        if n_keypoints == 1 and gate_px is None:
            gate_px = ANYWHERE_PX
        self._tracks = Tracks(n, n_keypoints, gate_px, settings.gate_body_lengths)
        self._doubts = Doubts(n)
        self._looks = Looks(n, skeleton)
        self._was_missing = np.ones(n, bool)
        self._is_used = np.zeros(n, bool)
        self._only: Seen | None = None
        self._is_alone = n == 1 and settings.is_fixed

    @property
    def names(self) -> tuple[str, ...]:
        """Of the animals, in the order of the rows of every observation it returns."""
        return self._names

    def update(self, observation: Observation) -> Observation:
        """Return the same with rows by animal, and who they are.

        The first rows are the animals, in the order of `names`, NaN for one that is not seen; the
        others are individuals that are none of them. Frames come in the order of their capture
        times; some may be missing.
        """
        seen, rows = Seen.of(observation.captured_ns, observation.xy)
        self._is_alone &= len(rows) <= 1
        if self._is_alone:
            return self._alone(observation, seen, rows)
        self._begin(seen)
        of_track = self._follow(seen, observation, rows)
        return self._by_animal(observation, seen, rows, of_track)

    def _alone(self, observation: Observation, seen: Seen, rows: NDArray[np.intp]) -> Observation:
        """One animal, and never more than one individual: there is nothing to find out."""
        if len(rows):
            self._only = seen
        if len(observation.confidence) != 1:
            of_track = np.zeros(1, np.intp) if len(rows) else NOBODY
            return self._by_animal(observation, seen, rows, of_track)
        return replace(observation, identities=self._names, identity_confidence=(1.0,))

    def _begin(self, seen: Seen) -> None:
        """Take over from the time in which nobody else was seen, and go to this frame."""
        if self._only is not None:
            before, self._only = self._only, None
            self._tracks.go_to(before)
            self._start(before, 0, 0)
        self._tracks.go_to(seen)

    def _follow(
        self, seen: Seen, observation: Observation, rows: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """Return the individual of each animal; -1: none."""
        candidates = self._tracks.candidates(seen)
        of_track, of_individual = _assign(candidates)
        chosen = (of_track >= 0).nonzero()[0]
        self._tracks.take(seen, chosen, of_track[chosen])
        self._doubts.note(candidates, of_track, of_individual, self._was_missing)
        self._start_and_end(seen, observation, rows, of_track, of_individual)
        self._was_missing = of_track < 0
        n = len(self._names)
        if self._settings.is_fixed and not self._was_missing.any() and len(of_individual) == n:
            self._doubts.all_are_here()
        if len(chosen) > 1 and self._settings.appearance and self._looks.is_due(seen.now_ns):
            self._look(seen, observation, rows, of_track)
        return of_track

    def _start_and_end(
        self,
        seen: Seen,
        observation: Observation,
        rows: NDArray[np.intp],
        of_track: NDArray[np.intp],
        of_individual: NDArray[np.intp],
    ) -> None:
        tracks, settings = self._tracks, self._settings
        if not settings.is_fixed:
            for track in (tracks.active & (of_track < 0)).nonzero()[0].tolist():
                away_s = (seen.now_ns - tracks.seen_ns[track]) / 1e9
                if away_s > (settings.end_s if self._is_ripe(track) else settings.start_s):
                    tracks.end(track)
        if tracks.active.all() or of_individual.min(initial=0) >= 0:
            return
        free = np.flatnonzero(~tracks.active)
        new = seen.from_left_to_right(np.flatnonzero(of_individual < 0))
        if len(new) > len(free):
            sure = observation.confidence[rows[new]].mean(axis=1)
            new = new[np.argsort(-sure, kind="stable")[: len(free)]]
        new = seen.from_left_to_right(new)
        for one, individual in zip(free.tolist(), new.tolist(), strict=False):
            self._start(seen, one, individual)
            of_track[one], of_individual[individual] = individual, one

    def _start(self, seen: Seen, track: int, individual: int) -> None:
        self._tracks.start(seen, track, individual)
        self._doubts.forget(track, is_known=not self._is_used[track])
        self._looks.forget(track)
        self._is_used[track] |= self._settings.is_fixed

    def _is_ripe(self, track: int) -> bool:
        """Whether an animal was seen for long enough to be one."""
        tracks = self._tracks
        lasted_s = (tracks.seen_ns[track] - tracks.since_ns[track]) / 1e9
        return bool(self._settings.is_fixed or lasted_s >= self._settings.start_s)

    def _look(
        self,
        seen: Seen,
        observation: Observation,
        rows: NDArray[np.intp],
        of_track: NDArray[np.intp],
    ) -> None:
        """Learn what they look like, or tell by it who is who; only of those that stand apart."""
        apart = self._tracks.stand_apart(seen)[of_track] & (of_track >= 0)
        looks, doubts = self._looks, self._doubts
        measured = observation.appearance
        described = looks.describe(seen, None if measured is None else measured[rows], of_track)
        one, two = doubts.open_pairs(apart)
        if len(one):
            told, evidence = looks.compare(described, one, two)
            doubts.judge(one[told], two[told], evidence[told])
            turned = doubts.turned()
            if turned is not None:
                self._exchange(*turned, of_track)
                return
        looks.learn(described, apart & (doubts.confidence >= SURE))

    def _exchange(self, one: int, two: int, of_track: NDArray[np.intp]) -> None:
        """Give two animals their own names back."""
        self._tracks.exchange(one, two)
        self._doubts.exchange(one, two)
        each, swapped = [one, two], [two, one]
        of_track[each] = of_track[swapped]

    def _by_animal(
        self,
        observation: Observation,
        seen: Seen,
        rows: NDArray[np.intp],
        of_track: NDArray[np.intp],
    ) -> Observation:
        """Return the observation with its rows in the order of the names."""
        n = len(self._names)
        if not self._settings.is_fixed:
            of_track = of_track.copy()
            for track in np.flatnonzero(of_track >= 0).tolist():
                if not self._is_ripe(track):
                    of_track[track] = -1
                else:
                    self._is_used[track] = True
        n_others = 0
        if n == len(rows) == len(observation.confidence) and of_track.min() >= 0:
            source = rows[of_track]
        else:
            is_seen = of_track >= 0
            source = np.full(n, -1, np.intp)
            source[is_seen] = rows[of_track[is_seen]]
            source, others = _with_absent(source, seen, rows, len(observation.confidence))
            source, n_others = np.concatenate([source, others]), len(others)
        return _with_rows(
            observation,
            source,
            identities=self._names + ("",) * n_others,
            identity_confidence=self._doubts.rounded + (0.0,) * n_others,
        )


def as_seen(observation: Observation) -> Observation:
    """Return an observation as if nobody had been tracked: individuals from left to right.

    A single individual stays, found or not; of several those of which nothing was found are left
    out.
    """
    source = np.arange(len(observation.confidence))
    if len(source) > 1:
        seen, rows = Seen.of(0, observation.xy)
        source = rows[seen.from_left_to_right(np.arange(len(rows)))]
    return _with_rows(observation, source, identities=(), identity_confidence=())


def _with_absent(
    source: NDArray[np.intp], seen: Seen, rows: NDArray[np.intp], n: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give animals that are not seen the rows of nothing, for the confidences in them.

    Args:
        source: Row of each animal; -1: not seen.
        seen: Individuals of which something was found.
        rows: Theirs.
        n: Of all rows.

    Returns:
        `source` with them, and the rows of individuals that are no animal's.
    """
    is_found, is_taken = np.zeros((2, n), bool)
    is_found[rows], is_taken[source[source >= 0]] = True, True
    missing, absent = np.flatnonzero(source < 0), np.flatnonzero(~is_found)
    kept = min(len(missing), len(absent))
    source[missing[:kept]] = absent[:kept]
    return source, rows[seen.from_left_to_right(np.flatnonzero(~is_taken[rows]))]


def _with_rows(observation: Observation, source: NDArray[np.intp], **about: Any) -> Observation:
    """Return the individuals of these numbers; nothing is known of one of number -1."""
    appearance, absent = observation.appearance, (source < 0).nonzero()[0]
    return replace(
        observation,
        xy=_taken(observation.xy, source, absent, np.nan),
        confidence=_taken(observation.confidence, source, absent, 0.0),
        appearance=None if appearance is None else _taken(appearance, source, absent, np.nan),
        masks=_renamed(observation.masks, source),
        **about,
    )


def _assign(candidates: Candidates) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the individual of each animal and the animal of each individual; -1: none."""
    n, m = candidates.cost.shape
    of_track, of_individual = np.full(n, -1, np.intp), np.full(m, -1, np.intp)
    if len(candidates.track):
        cost = np.fmin(candidates.cost, OUT_OF_REACH)  # which NaN becomes as well
        track, individual = linear_sum_assignment(cost)
        can_be = cost[track, individual] < OUT_OF_REACH
        if not can_be.all():
            track, individual = track[can_be], individual[can_be]
        of_track[track] = individual
        of_individual[individual] = track
    return of_track, of_individual


def _taken(
    values: NDArray[np.float32],
    source: NDArray[np.intp],
    absent: NDArray[np.intp],
    missing: float,
) -> NDArray[np.float32]:
    """Return the rows of these numbers, with `missing` throughout in those that are absent."""
    if not len(values):
        return np.full((len(source), *values.shape[1:]), missing, np.float32)
    taken = values.take(source, axis=0)
    if len(absent):
        taken[absent] = missing
    return taken


def _renamed(masks: Masks | None, source: NDArray[np.intp]) -> Masks | None:
    """Return the masks with those of individuals called by their new rows."""
    if masks is None or not any(name.startswith(INDIVIDUAL) for name in masks.names):
        return masks
    row_of = {f"{INDIVIDUAL}{old}": f"{INDIVIDUAL}{new}" for new, old in enumerate(source.tolist())}
    return replace(masks, names=tuple(row_of.get(name, name) for name in masks.names))
