"""What a session is made of, and who and how long; `tracker.build` puts it together."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Literal, Protocol

from pydantic import Field

from tracker.camera_watch import CameraWatch
from tracker.cameras.base import Camera
from tracker.cameras.tick_clock import TickClock, TickFit
from tracker.changes import Changes
from tracker.clock import Clock
from tracker.clocks.feed import ClockFeed
from tracker.closed_loop import ClosedLoop
from tracker.errors import ConfigError
from tracker.filming import Filming
from tracker.ledger import Ledger
from tracker.multiview.feed import SetsFeed
from tracker.pipeline import Pipeline
from tracker.preview import Preview
from tracker.publisher import Publisher
from tracker.recorder import Recorder
from tracker.ring_buffer import ReadPolicy, RingBuffer
from tracker.session_status import ViewStatus
from tracker.settings import Settings
from tracker.stages import Record
from tracker.stimuli import Edge
from tracker.types import CameraInfo, Frame


class SessionSettings(Settings):
    """Who and how long."""

    subject: str = Field("mouse", min_length=1, pattern=r"^[\w.-]+$", description="animal's name")
    species: str = Field(
        "",
        pattern=r"^(|[A-Z][a-z]+ [a-z]+|http://purl\.obolibrary\.org/obo/NCBITaxon_\d+)$",
        description="in Latin, e.g. Mus musculus, or a link to NCBI's taxonomy; empty: not said",
    )
    sex: Literal["F", "M", "O", "U"] = Field("U", description="female, male, other, not said")
    age: str = Field(
        "",
        pattern=r"^(|P\d+[YMWD](\d+[MWD])*(/(P\d+[YMWD](\d+[MWD])*)?)?)$",
        description="ISO 8601: P90D is 90 days, P8W/P10W from 8 to 10 weeks; empty: not said",
    )
    experimenter: str = Field("", description="who runs it, best as Family, Given")
    protocol: str = Field("", description="name or number of the approved procedure")
    notes: str = Field("", description="anything worth keeping; marks can be added while it runs")
    duration_s: float | None = Field(
        None, gt=0, description="s of captured time; none: until stopped or the source ends"
    )
    camera_timeout_s: float = Field(
        5.0, gt=0, le=600, description="a live camera silent for so long is lost"
    )
    ring_capacity: int = Field(
        64, ge=2, le=100_000, description="frames kept for readers that are late"
    )


class ControlSocket(Protocol):
    """Takes requests of people; its methods are called by one thread at a time."""

    @property
    def address(self) -> str:
        """Where it is bound."""

    def bind(self) -> None:
        """Open the socket. Raises `WireError`."""

    def step(self, timeout_s: float) -> bool:
        """Answer what came, or wait for it; always True. Raises `WireError`."""

    def close(self) -> None:
        """Close the socket; twice does no harm."""


class Feed(Protocol):
    """Something from outside that is followed while the session runs, on a thread of its own."""

    def open(self, note: Callable[..., None], /) -> None:
        """Connect. `note` is `Session.note`. Raises `TrackerError`."""

    def step(self) -> bool:
        """Take what has come, or wait for it a little; always True. Raises `TrackerError`."""

    def close(self) -> None:
        """Disconnect; twice does no harm."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a session is made of. `tracker.build` makes these from an experiment."""

    camera: Camera
    pipeline: Pipeline
    recorder: Callable[[CameraInfo], Recorder]
    publisher: Publisher | None
    ledger: Ledger
    clock: Clock
    video: bool
    drop_frames: bool
    loop: Callable[[Callable[[Edge], None], Callable[[str], None]], ClosedLoop] | None = None
    """Called with whom to tell of edges and of faults; None: the experiment has no outputs."""
    feeds: Sequence[Feed] = ()
    preview: Preview | None = None
    """Sends pictures to views; None: nobody does."""
    filming: Filming | None = None
    """Starts and stops the video by hand; None: it runs from start to end, or there is none."""
    camera_watch: CameraWatch | None = None
    """Says whether the camera was moved; None: nobody does."""
    armed: bool = False
    end_on_fault: bool = False

    @property
    def followed(self) -> Sequence[Feed]:
        """All that is followed on a thread of its own."""
        watch = self.camera_watch
        return self.feeds if watch is None else (*self.feeds, watch)

    @property
    def view(self) -> ViewStatus | None:
        """Where the camera looks; None: nobody watches that."""
        return None if self.camera_watch is None else self.camera_watch.status

    def refuse_images(self, shape: tuple[int, ...]) -> None:
        """Refuse images that the reference view does not fit. Raises `RegistrationError`."""
        if self.camera_watch is not None:
            self.camera_watch.refuse_images(shape)

    def watch_camera(
        self,
        ring: RingBuffer,
        changes: Changes,
        records: "SimpleQueue[Record]",
        *,
        live: bool,
    ) -> Callable[[Frame], None] | None:
        """Let the camera be watched, if it is to be; before the threads start.

        Of a source that waits, return what has to look between two frames, so that the same film
        gives the same; None: nothing has to.
        """
        watch = self.camera_watch
        if watch is None:
            return None
        newest = ring.reader(ReadPolicy.NEWEST) if live else None
        watch.attach(newest, lambda: self.pipeline.newest, records.put, changes.follow_view)
        return None if live else watch.look_between


def fit_of(camera: Camera) -> TickFit | None:
    """Return how the camera's own clock stands to the session's; None if it has none."""
    ticks: TickClock | None = getattr(camera, "tick_clock", None)
    return None if ticks is None else ticks.fit


def facts_at_end(
    camera: Camera, loop: ClosedLoop | None, feeds: Sequence[Feed] = ()
) -> dict[str, object]:
    """Return what session.json says of devices that only the end knows."""
    facts: dict[str, object] = {}
    if loop is not None and loop.measured:
        facts["actuators"] = loop.measured
    fit = fit_of(camera)
    if fit is not None:
        facts["camera_clock"] = fit.as_facts()
    clocks = {feed.name: feed.facts for feed in feeds if isinstance(feed, ClockFeed)}
    if clocks:
        facts["clocks"] = clocks
    for feed in feeds:
        if isinstance(feed, SetsFeed):
            facts["sets"] = feed.facts
    account: Mapping[str, int] | None = getattr(camera, "account", None)
    if account is not None:
        facts["camera_account"] = dict(account)
    wakes: Sequence[int] | None = getattr(camera, "wakes", None)
    if wakes is not None:  # what a synthetic camera's truth depends on beside its settings
        facts["wakes"] = list(wakes)
    return facts


def refuse_rate(
    info: CameraInfo, min_fps: float, learned: Mapping[str, tuple[float, float]]
) -> None:
    """Refuse a camera that is too slow for a speed, or unlike what a behaviour was learned on.

    Args:
        info: Of the camera.
        min_fps: Below which a speed could not be known.
        learned: Slowest and fastest rate by behaviour, of those that were learned.

    Raises:
        ConfigError: Saying what the camera gives and what is needed.
    """
    for name, (slowest, fastest) in learned.items():
        if not math.isnan(info.fps) and not slowest <= info.fps <= fastest:
            raise ConfigError(
                f"{info.name} gives {info.fps:g} frames/s, but the classifier of behaviour "
                f"{name!r} was trained for {slowest:g} to {fastest:g}: set the camera's rate, or "
                f"train one on data like these"
            )
    if info.fps < min_fps:
        raise ConfigError(
            f"{info.name} gives {info.fps:g} frames/s, and features.window_s needs at least "
            f"{min_fps:.1f} for a speed: raise features.window_s, or the camera's rate"
        )


def refuse_stall(info: CameraInfo, stall_s: float) -> None:
    """Refuse a camera between whose frames the loop would count as dead. Raises `ConfigError`."""
    if 2 / info.fps > stall_s:
        raise ConfigError(
            f"{info.name} gives {info.fps:g} frames/s: the loop would count as dead between two "
            f"frames; set stimulation.stall_ms above {2000 / info.fps:.0f}"
        )
