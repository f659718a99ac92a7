"""Features of a frame → scores of the behaviours, and the episodes that they make certain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracker.behaviours.base import Behaviour
from tracker.behaviours.text_rule import EPISODE
from tracker.episodes import EpisodeBuilder
from tracker.types import Episode, Observation, Onset


@dataclass(frozen=True, slots=True)
class Watch:
    """A behaviour to look for, and the builder that turns its scores into episodes.

    Attributes:
        behaviour: Gives a score per frame.
        episodes: Makes episodes of it.
        group: Of the behaviours of one group only one can go on at a time; None: it is in none.
    """

    behaviour: Behaviour
    episodes: EpisodeBuilder
    group: str | None = None


class Watching:
    """Looks for all behaviours of an ethogram; used by one thread.

    Of the behaviours of a group the one with the highest score keeps it, and the others count as
    0 in that frame; of equals the one further up in the ethogram. An onset ends whatever episode
    of its group still goes on, at that one's last good frame.

    Args:
        watches: Behaviours, in ethogram order.
    """

    def __init__(self, watches: Sequence[Watch]) -> None:
        self._watches = tuple(watches)
        self._steps = [
            (watch.behaviour.name, watch.behaviour.update, watch.episodes.update, watch.group)
            for watch in self._watches
        ]
        seen = {name for watch in self._watches for name in watch.behaviour.episodes}
        self._seen = tuple(
            (f"{EPISODE}.{watch.behaviour.name}", watch.episodes)
            for watch in self._watches
            if watch.behaviour.name in seen
        )
        self._groups = {
            group: [watch for watch in self._watches if watch.group == group]
            for group in {watch.group for watch in self._watches} - {None}
        }

    @property
    def behaviours(self) -> tuple[str, ...]:
        """Names of the behaviours that are looked for."""
        return tuple(watch.behaviour.name for watch in self._watches)

    @property
    def rules(self) -> dict[str, tuple[str, ...]]:
        """Features that each behaviour looks at, by behaviour."""
        return {watch.behaviour.name: watch.behaviour.features for watch in self._watches}

    @property
    def going_on(self) -> tuple[str, ...]:
        """Names of the behaviours with an open episode. Any thread may ask."""
        return tuple(w.behaviour.name for w in self._watches if w.episodes.going_on)

    def step(
        self, observation: Observation, features: Mapping[str, float]
    ) -> tuple[dict[str, float], tuple[Onset | Episode, ...]]:
        """Return the score of every behaviour, and the events that this frame made certain.

        A rule that looks at episodes knows those of the behaviours above it as of this frame.

        Args:
            observation: What was seen in the frame.
            features: Value by name, of the same frame.
        """
        index, now_ns = observation.frame_index, observation.captured_ns
        scores: dict[str, float] = {}
        if not (self._seen or self._groups):
            events: list[Onset | Episode] = []
            for name, score_of, episode_of, _ in self._steps:
                score = scores[name] = score_of(observation, features)
                event = episode_of(score, index, now_ns)
                if event is not None:
                    events.append(event)
            return scores, tuple(events)
        return self._step_together(observation, features)

    def _step_together(
        self, observation: Observation, features: Mapping[str, float]
    ) -> tuple[dict[str, float], tuple[Onset | Episode, ...]]:
        index, now_ns = observation.frame_index, observation.captured_ns
        known = dict(features)
        scores: dict[str, float] = {}
        events: list[Onset | Episode] = []
        left = {group: len(watches) for group, watches in self._groups.items()}
        for key, episodes in self._seen:
            known[key] = float(episodes.going_on)
        for name, score_of, episode_of, group in self._steps:
            score = scores[name] = score_of(observation, known)
            if group is None:
                event = episode_of(score, index, now_ns)
                if event is None:
                    continue
                events.append(event)
            else:
                left[group] -= 1
                if left[group]:
                    continue
                self._settle(group, scores, index, now_ns, events)
            for key, episodes in self._seen:
                known[key] = float(episodes.going_on)
        return scores, tuple(events)

    def _settle(
        self,
        group: str,
        scores: Mapping[str, float],
        index: int,
        now_ns: int,
        events: list[Onset | Episode],
    ) -> None:
        """Give the frame to the behaviour of a group that has the highest score."""
        watches = self._groups[group]
        best, highest = None, 0.0
        for watch in watches:
            if scores[watch.behaviour.name] > highest:  # never true of NaN
                best, highest = watch, scores[watch.behaviour.name]
        for watch in watches:
            score = scores[watch.behaviour.name]
            if best is not None and watch is not best and score > 0:
                score = 0.0
            onset = self._take(watch, score, index, now_ns, events)
            if onset:
                ended = [other.episodes.cut() for other in watches if other is not watch]
                place = len(events) - 1  # what it ends comes before it
                events[place:place] = [each for each in ended if each is not None]

    @staticmethod
    def _take(
        watch: Watch, score: float, index: int, now_ns: int, events: list[Onset | Episode]
    ) -> bool:
        """Give a score to the builder of a behaviour; return whether an episode has begun."""
        event = watch.episodes.update(score, index, now_ns)
        if event is not None:
            events.append(event)
        return isinstance(event, Onset)

    def finish(self) -> tuple[Episode, ...]:
        """Close the episodes that are still going on, at their last certain frame."""
        ends = (watch.episodes.finish() for watch in self._watches)
        return tuple(episode for episode in ends if episode is not None)
