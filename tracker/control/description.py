"""What a session is: the facts that a view needs and that no message carries."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from tracker.session_status import NAN, Count

Place = Annotated[int, Meta(ge=0, le=1000)]


class Term(Struct, frozen=True, kw_only=True):
    """One condition of a rule. The score is 0.5 at the threshold.

    Attributes:
        feature: What it looks at.
        side: `above` or `below`: where the behaviour is.
        threshold: In the feature's unit, as it is now.
        softness: Distance from the threshold to a score of 0 or 1, in that unit.
        can_change: Whether the threshold may be changed while the session runs.
    """

    feature: str
    side: str
    threshold: float
    softness: float
    can_change: bool = True


class BehaviourFacts(Struct, frozen=True, kw_only=True):
    """How a behaviour is told.

    Attributes:
        terms: All must hold: the score is the smallest of theirs; empty if it is told otherwise.
        enter: Score that may begin an episode.
        leave: Score that keeps it going.
        min_duration_s: From its first frame to the one that confirms it.
        max_gap_s: Longest dip inside one.
    """

    terms: tuple[Term, ...] = ()
    enter: float = NAN
    leave: float = NAN
    min_duration_s: float = NAN
    max_gap_s: float = NAN


class CameraOption(Struct, frozen=True, kw_only=True):
    """A setting that the camera really has.

    Attributes:
        name: Its name in the camera's section of an experiment file.
        value: How it is now; None: the camera's own choice.
        least: Smallest value; NaN if that is not known, or if it is no number.
        most: Largest value; NaN likewise.
        choices: What it can be; empty: any value between the two.
        whole: Whether only whole numbers will do.
    """

    name: str
    value: bool | int | float | str | None = None
    least: float = NAN
    most: float = NAN
    choices: tuple[str, ...] = ()
    whole: bool = False


class Facts(Struct, frozen=True, kw_only=True):
    """What a session is.

    Attributes:
        subject: The animal's name.
        experimenter: Who runs it.
        protocol: Name or number of the approved procedure.
        notes: As in the experiment file.
        duration_s: Planned length of captured time; None: open end.
        began_ns: When it began to run (ns on the session clock).
        folder: Where it is recorded.
        camera: Name of the camera, as in topics.
        fps: Nominal frames per second of the camera; NaN if it does not say.
        camera_options: Settings that the camera really has; empty if it does not say.
        live: False: a file that is read as fast as it goes.
        image_shape: (height, width) or (height, width, 3).
        keypoints: Names, in the order of `xy`.
        edges: Pairs of indices into `keypoints`.
        features: Unit by name; "1" for none.
        px_per_cm: Sensor pixels in one cm.
        zones: By name, as in the experiment file (sensor px).
        arena: Name of the zone whose border is the wall; "" if there is none.
        behaviours: In ethogram order.
        triggers: Behaviour that each controller acts on, by the controller's name; "" if none.
        blinded: Controllers whose arms are hidden.
        outputs: What can be done to the animal.
        provider: What the network runs on.
        network: Its name or path.
        publisher: Where the session publishes; None: it does not.
        preview: Where it sends pictures; None: it does not.
    """

    subject: str
    experimenter: str = ""
    protocol: str = ""
    notes: str = ""
    duration_s: float | None = None
    began_ns: int = 0
    folder: str = ""
    camera: str = ""
    fps: float = NAN
    camera_options: tuple[CameraOption, ...] = ()
    live: bool = True
    image_shape: tuple[Count, ...] = ()
    keypoints: tuple[str, ...] = ()
    edges: tuple[tuple[Count, Count], ...] = ()
    features: dict[str, str] = {}
    px_per_cm: float = NAN
    zones: dict[str, dict[str, Any]] = {}
    arena: str = ""
    behaviours: dict[str, BehaviourFacts] = {}
    triggers: dict[str, str] = {}
    blinded: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    provider: str = ""
    network: str = ""
    publisher: str | None = None
    preview: str | None = None
