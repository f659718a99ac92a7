"""Sends what the pipeline made to whoever listens, without the pipeline ever waiting.

    pipeline thread ──offer──▶ [a bounded queue per kind] ──step──▶ publisher thread ──▶ PUB

`offer` gives each message its number and leaves the rest to the publisher's thread. A full
queue drops its oldest message, and ZeroMQ drops for a subscriber that does not keep up; both
show there as a gap in the numbers. The kinds have queues of their own, so that pose cannot
push out the end of an episode, and episodes go first.
"""

import string
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import zmq
from pydantic import Field

from tracker.clock import Clock
from tracker.errors import ConfigError, WireError
from tracker.keys import load_server_keys
from tracker.messages import (
    SCHEMA,
    EpisodeMessage,
    EpisodeState,
    Kind,
    LogMessage,
    PointsMessage,
    StatusMessage,
    episode_fields,
    observation_message,
    stimulus_message,
    topic_of,
)
from tracker.outbox import Outbox
from tracker.session_status import OpenEpisode, Status
from tracker.settings import Settings
from tracker.sockets import BoundSocket, address_like, check_reach
from tracker.stimuli import StimulusRow
from tracker.types import Episode, FrameResult, Onset
from tracker.wire import encode

UPDATE_EVERY_NS = 1_000_000_000
"""How often an episode that goes on is said to go on."""

SEND_QUEUE = 1000
"""Messages that ZeroMQ keeps for each subscriber, beside room for all that is queued here,
before it drops new ones for him."""

LINGER_MS = 400
"""Longest wait at the end for a subscriber that does not keep up."""

DOOR_EVERY_S = 0.05
"""Longest wait of a client at the door, where there is one."""

_MORE, _LAST = int(zmq.SNDMORE | zmq.NOBLOCK), int(zmq.NOBLOCK)
"""How the parts of a message are sent, as plain numbers: joining flags takes its time."""

_NAME = frozenset(string.ascii_letters + string.digits + ".-_")

SERVICE = (
    Kind.STIMULUS,
    Kind.EPISODE,
    Kind.OBSERVATION,
    Kind.POINTS,
    Kind.STATUS,
    Kind.LOG,
)
"""Which queue goes first."""


class PublisherSettings(Settings):
    """Where the session can be listened to, and by whom."""

    address: Annotated[str, address_like("tcp://127.0.0.1:5556")] = Field(
        "tcp://127.0.0.1:5556", description="ZeroMQ address to bind; port 0 takes a free one"
    )
    queue_length: int = Field(
        256,
        ge=1,
        le=100_000,
        description="messages of each kind that may wait to be sent; one more drops the oldest",
    )
    keys: Path | None = Field(
        None,
        description="key folder made by `tracker keys`; needed for any address but this computer's",
    )


class Publisher:
    """One PUB socket about one camera of one session.

    `offer...` may be called from any thread, `offer` itself from the pipeline's alone;
    `step` from the publisher's thread; `bind` before that thread starts and `close` after
    it has ended. Making one checks the settings and opens nothing.

    Args:
        settings: Where to, and for whom.
        session_id: Goes into every message.
        camera: Second part of every topic; letters, digits, ".", "-" and "_".
        clock: The session's.
        model_sha256: Hash of the network file, "" where there is none.
        config_sha256: Hash of the resolved experiment.
        on_published: Called with frame index and time (ns) when the message about a frame
            has been handed to ZeroMQ; on the publisher's thread.
        on_sent: Called with topic and header of each message that was; on the same thread.

    Raises:
        ConfigError: If other computers can reach the address and no keys are set, a key
            file is not right, or the camera's name cannot be part of a topic.
    """

    def __init__(  # noqa: PLR0913 - what goes into every message, and who is told
        self,
        settings: PublisherSettings,
        *,
        session_id: str,
        camera: str,
        clock: Clock,
        model_sha256: str,
        config_sha256: str,
        on_published: Callable[[int, int], None],
        on_sent: Callable[[bytes, bytes], None] | None = None,
    ) -> None:
        check_reach(settings.address, settings.keys)
        if not camera or not set(camera) <= _NAME:
            raise ConfigError(
                f"camera name {camera!r} cannot be part of a topic: "
                f'use letters, digits, ".", "-" and "_"'
            )
        self._settings = settings
        self._keys = load_server_keys(settings.keys) if settings.keys is not None else None
        self._header: dict[str, Any] = {"schema": SCHEMA, "session": session_id}
        self._hashes: dict[str, Any] = {
            "model_sha256": model_sha256,
            "config_sha256": config_sha256,
        }
        self._topics = {kind: topic_of(kind, camera).encode() for kind in Kind}
        self._clock = clock
        self._on_published = on_published
        self._on_sent = on_sent
        self._outbox = Outbox(SERVICE, settings.queue_length)
        self._wire: BoundSocket | None = None
        self._status = Status(state="starting")
        self._going: dict[str, Onset] = {}  # replaced, never changed: other threads read it
        self._said_ns: dict[str, int] = {}  # of the pipeline's thread alone

    @property
    def address(self) -> str:
        """Address that a subscriber connects to, with the real port."""
        return self._settings.address if self._wire is None else self._wire.address

    @property
    def dropped(self) -> int:
        """Messages that were thrown away here because the queue was full. Any thread."""
        return self._outbox.dropped

    def bind(self) -> None:
        """Open the socket.

        Raises:
            AddressInUse: If another program is bound there already.
            WireError: If the address cannot be bound for another reason.
        """
        if self._wire is None:
            self._wire = BoundSocket(
                zmq.PUB,
                self._settings.address,
                self._keys,
                linger_ms=LINGER_MS,
                send_queue=SEND_QUEUE + len(SERVICE) * self._settings.queue_length,
            )

    def offer(self, result: FrameResult) -> None:
        """Take what was made of a frame. Never waits; `result` must not change any more."""
        for event in result.events:
            self._offer_event(event, result)
        if self._going:
            self._offer_updates(result)
        self._outbox.put(Kind.OBSERVATION, result)

    def offer_ends(self, episodes: Iterable[Episode]) -> None:
        """Take the episodes that the end of the session has closed. Pipeline's thread."""
        for episode in episodes:
            self._offer_event(episode, None)

    def offer_stimulus(self, row: StimulusRow) -> None:
        """Take what became of a stimulus command, as views may see it. Never waits."""
        self._outbox.put(Kind.STIMULUS, row)

    def offer_status(self, status: Status) -> None:
        """Take how the session is doing. Never waits."""
        self._outbox.put(Kind.STATUS, status)

    def offer_log(self, level: str, text: str, **facts: str | float | bool | None) -> None:
        """Take a line for a person: level info, warning or error. Never waits."""
        self._outbox.put(Kind.LOG, {"level": level, "text": text, "facts": facts})

    def offer_points(self, **points: Any) -> None:
        """Take the fields of a `PointsMessage`. Never waits."""
        self._outbox.put(Kind.POINTS, points)

    def step(self, timeout_s: float) -> None:
        """Send what is queued; if nothing is, wait for it, at most `timeout_s`.

        Raises:
            WireError: If the publisher is not bound, or its socket failed.
        """
        wire = self._bound()
        if wire.door is not None:
            wire.door.answer()
            timeout_s = min(timeout_s, DOOR_EVERY_S)
        if timeout_s <= 0 or self._outbox.wait(timeout_s):
            self._send_queued(wire)

    def close(self, reason: str) -> None:
        """Send what is queued, say goodbye and close the socket; takes half a second at most.

        May be called twice. What is offered afterwards counts as dropped.

        Args:
            reason: Why the session ended; goes into the goodbye.

        Raises:
            WireError: If something could not be sent; the socket is closed all the same.
        """
        self._outbox.close()
        wire, self._wire = self._wire, None
        if wire is None:
            return
        try:
            self._send_queued(wire)
            seq = self._outbox.number(Kind.STATUS)
            last = msgspec.structs.replace(self._status, state="idle")
            header = self._encode_status(seq, last, wire, reason)
            self._send(wire, self._topics[Kind.STATUS], header)
        finally:
            wire.close()

    def _bound(self) -> BoundSocket:
        if self._wire is None:
            raise WireError("the publisher is not bound: call bind() first, and not after close()")
        return self._wire

    def _offer_event(self, event: Onset | Episode, result: FrameResult | None) -> None:
        if isinstance(event, Onset):
            self._going = {**self._going, event.episode_id: event}
            self._said_ns[event.episode_id] = result.stages.decided_ns if result else 0
            state = EpisodeState.NEW
        else:
            gone = event.onset.episode_id
            self._going = {id_: onset for id_, onset in self._going.items() if id_ != gone}
            self._said_ns.pop(gone, None)
            state = EpisodeState.END
        self._outbox.put(Kind.EPISODE, (state, event, result))

    def _offer_updates(self, result: FrameResult) -> None:
        now_ns = result.stages.decided_ns
        for episode_id, onset in self._going.items():
            if now_ns - self._said_ns[episode_id] >= UPDATE_EVERY_NS:
                self._said_ns[episode_id] = now_ns
                self._outbox.put(Kind.EPISODE, (EpisodeState.UPDATE, onset, result))

    def _send_queued(self, wire: BoundSocket) -> None:
        """Send what is there, but not for ever: more may come all the time."""
        for _ in range(len(SERVICE) * self._settings.queue_length):
            taken = self._outbox.take()
            if taken is None:
                return
            kind, seq, item = taken
            self._send(wire, self._topics[kind], self._encode(kind, seq, item, wire))
            if kind is Kind.OBSERVATION:
                self._on_published(item.observation.frame_index, self._clock.now_ns())

    def _send(self, wire: BoundSocket, topic: bytes, header: bytes) -> None:
        """Hand a message to ZeroMQ, which drops it for a subscriber that does not keep up."""
        try:
            wire.socket.send(topic, _MORE)
            wire.socket.send(header, _LAST)
        except zmq.ZMQError as error:
            raise WireError(f"cannot send on {wire.address}: {error.strerror}") from error
        if self._on_sent is not None:
            self._on_sent(topic, header)

    def _encode(self, kind: Kind, seq: int, item: Any, wire: BoundSocket) -> bytes:
        sent_ns = self._clock.now_ns()
        match kind:
            case Kind.OBSERVATION:
                session = self._header["session"]
                return encode(observation_message(item, session=session, seq=seq, sent_ns=sent_ns))
            case Kind.EPISODE:
                state, event, result = item
                fields = episode_fields(event, result) | self._header | self._hashes
                return encode(EpisodeMessage(state=state, seq=seq, sent_ns=sent_ns, **fields))
            case Kind.STIMULUS:
                about = {"session": self._header["session"], "seq": seq, "sent_ns": sent_ns}
                return encode(stimulus_message(item, hashes=self._hashes, **about))
            case Kind.STATUS:
                self._status = item
                return self._encode_status(seq, item, wire, None)
            case Kind.LOG:
                return encode(LogMessage(seq=seq, sent_ns=sent_ns, **self._header, **item))
            case Kind.POINTS:
                return encode(PointsMessage(seq=seq, sent_ns=sent_ns, **self._header, **item))
            case Kind.FRAME | Kind.THUMBNAIL | Kind.OVERLAY:
                raise WireError("pictures go out by the preview, not by the publisher")

    def _encode_status(
        self, seq: int, status: Status, wire: BoundSocket, goodbye: str | None
    ) -> bytes:
        going = tuple(
            OpenEpisode(
                episode_id=onset.episode_id,
                behaviour=onset.behaviour,
                subject=onset.subject,
                onset_ns=onset.onset_ns,
            )
            for onset in self._going.values()
        )
        offered = self._outbox.offered()
        return encode(
            StatusMessage(
                **self._header,
                **self._hashes,
                **msgspec.structs.asdict(status),
                seq=seq,
                sent_ns=self._clock.now_ns(),
                anchor_utc_ns=self._clock.anchor_utc_ns,
                episodes=going,
                offered={self._topics[kind].decode(): n for kind, n in offered.items()},
                dropped=self.dropped,
                refused=wire.turned_away,
                goodbye=goodbye,
            )
        )
