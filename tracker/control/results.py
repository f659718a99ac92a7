"""What a session publishes, put together again into what its pipeline made of each frame."""

import numpy as np

from tracker.messages import EpisodeMessage, EpisodeState, Message, ObservationMessage
from tracker.types import Episode, FrameResult, Observation, Onset, StageTimes


class ResultReader:
    """Turns messages of one session into frame results; used by one thread.

    Onsets and ends are published before the observation of the frame that made them certain, so
    that the observation completes the result. Episodes of frames whose observation was lost come
    with the next one that arrives: a controller would rather know late than never, and the
    deadline decides whether that is too late.
    """

    def __init__(self) -> None:
        self._events: list[Onset | Episode] = []
        self._open: dict[str, Onset] = {}

    def feed(self, message: Message) -> FrameResult | None:
        """Take a message; return a result if it completes one.

        Updates of episodes, statuses, stimuli and log lines complete nothing.
        """
        match message:
            case EpisodeMessage(state=EpisodeState.UPDATE):
                return None
            case EpisodeMessage():
                self._note(_event(message))
                return None
            case ObservationMessage():
                events, self._events = tuple(self._events), []
                return _result(message, events)
        return None

    def forget(self) -> None:
        """Begin anew: what went on until now counts as ended, with the next result.

        Whether it really ended nobody here can know; a controller that stimulates for as long as
        an episode lasts must not wait for an end that was lost.
        """
        self._events = [
            Episode(onset, onset.confirmed_index, onset.confirmed_ns, ended_by_session=True)
            for onset in self._open.values()
        ]
        self._open = {}

    def _note(self, event: Onset | Episode) -> None:
        self._events.append(event)
        if isinstance(event, Onset):
            self._open[event.episode_id] = event
        else:
            self._open.pop(event.onset.episode_id, None)


def _event(message: EpisodeMessage) -> Onset | Episode:
    onset = Onset(
        episode_id=message.episode_id,
        behaviour=message.behaviour,
        subject=message.subject,
        onset_index=message.onset_index,
        onset_ns=message.onset_ns,
        confirmed_index=message.confirmed_index,
        confirmed_ns=message.confirmed_ns,
    )
    if message.end_index is None or message.end_ns is None:
        return onset
    return Episode(onset, message.end_index, message.end_ns, message.ended_by_session)


def _result(message: ObservationMessage, events: tuple[Onset | Episode, ...]) -> FrameResult:
    n, keypoints = len(message.confidence), max(map(len, message.confidence), default=0)
    confidence = np.array(message.confidence, np.float32).reshape(n, keypoints)
    seen = Observation(
        frame_index=message.frame_index,
        captured_ns=message.captured_ns,
        xy=np.array(message.xy, np.float32).reshape(n, keypoints, 2),
        confidence=confidence,
        identities=tuple(message.identities),
        identity_confidence=tuple(message.identity_confidence),
        class_scores=dict(message.class_scores),
        measures=dict(message.measures),
        novelty=message.novelty,
        abstained=message.abstained,
        network_ns=message.network_ns,
    )
    stages = StageTimes(
        received_ns=message.received_ns,
        started_ns=message.started_ns,
        observed_ns=message.observed_ns,
        decided_ns=message.decided_ns,
        network_ns=message.network_ns,
    )
    return FrameResult(seen, dict(message.features), dict(message.scores), events, stages)
