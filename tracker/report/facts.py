"""What the page says in words of a session: notices, its header, and the facts at its end."""

from collections.abc import Mapping
from typing import Any

from tracker.recording import Recording
from tracker.report.look import TimeAxis
from tracker.stimuli import Delivery


def notices_of(recording: Recording, *, live: bool) -> list[str]:
    """Return what a reader must know before anything else."""
    notices = [_sentence(problem) for problem in recording.problems]
    if recording.session.get("end_reason") == "failed":
        notices.insert(0, "The session failed: the log at the end of this page says why.")
    if recording.is_blinded:
        notices.append(
            "This session is blinded: which stimuli were delivered and which were sham is hidden, "
            'and so are doses and acknowledgements. The command "tracker unblind" reveals them; '
            "then make this page again."
        )
    if not live:
        notices.append(
            "The source is not live: its capture times are on a time line of its own, so that "
            "nothing can be said of the time from exposure on."
        )
    failed = sum(row.delivery is Delivery.FAILED for row in recording.stimuli)
    if failed:
        notices.append(f"An actuator failed {failed} times: see the log.")
    return notices


def _sentence(text: str) -> str:
    """With a capital and a full stop; a file's name at its beginning stays as it is."""
    first = text.split(maxsplit=1)[0]
    return f"{text}." if "." in first else f"{text[0].upper()}{text[1:]}."


def about_session(session: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the program knew of where the session came from; empty if nothing."""
    found = session.get("provenance")
    return found if isinstance(found, Mapping) else {}


def started(session: Mapping[str, Any]) -> str:
    """Return when the session was started, to the second."""
    return str(session["started_utc"])[:19].replace("T", " ") + " UTC"


def header(recording: Recording, time: TimeAxis) -> list[tuple[str, str]]:
    """Return who, when and with what: names and values."""
    session, about = recording.session, about_session(recording.session)
    camera, model = session["camera"], about.get("model") or {}
    height, width = camera["shape"][:2]
    fps = "rate not known" if camera["fps"] is None else f"{camera['fps']:g} frames/s"
    length = (time.end_ns - time.zero_ns) / 1e9
    parts = (model.get("name") or model.get("network"), model.get("provider"))
    network = " on ".join(str(part) for part in parts if part)
    pairs = [
        ("subject", about.get("subject")),
        ("experimenter", about.get("experimenter")),
        ("protocol", about.get("protocol")),
        ("notes", about.get("notes")),
        ("started", started(session)),
        ("filmed", f"{int(length // 60)} min {length % 60:.1f} s"),
        ("ended", session.get("end_reason", "not closed: the program died or lost its power")),
        ("camera", f"{camera['name']}, {width} x {height}, {fps}"),
        ("network", network or None),
        ("session", session["session_id"]),
    ]
    return [(name, str(value)) for name, value in pairs if value not in (None, "")]


def session_facts(session: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return versions, hashes, camera, network, recorder, clock and machine: names and values."""
    about = about_session(session)
    pairs = [
        ("written by", session.get("written_by")),
        ("program", about.get("tracker")),
        ("code, SHA-256", about.get("code_sha256")),
        ("experiment, SHA-256", session.get("experiment_sha256")),
        ("settings, SHA-256", about.get("config_sha256")),
        ("network, SHA-256", about.get("model_sha256")),
        ("network", in_words(about.get("model"))),
        ("camera", in_words(session.get("camera"))),
        ("recording", in_words(session.get("recorder"))),
        ("UTC at zero of the session clock (ns)", session.get("anchor_utc_ns")),
        ("clock", in_words(session.get("clock"))),
        ("the camera's clock", in_words(session.get("camera_clock"))),
        ("sets of several cameras", in_words(session.get("sets"))),
        ("other clocks", in_words(session.get("clocks"))),
        ("python", about.get("python")),
        ("libraries", in_words(about.get("libraries"))),
        ("machine", in_words(about.get("machine"))),
        ("command", in_words(about.get("command"))),
        *_schedules(about),
    ]
    return [(name, str(value)) for name, value in pairs if value not in (None, "")]


def in_words(value: Any) -> str:
    """Return a value of session.json as a person reads it; empty for none."""
    if isinstance(value, Mapping):
        known = {key: in_words(part) for key, part in value.items()}
        return ", ".join(f"{key} {part}" for key, part in known.items() if part)
    if isinstance(value, list | tuple):
        return " ".join(in_words(part) for part in value)
    return "" if value is None else str(value)


def _schedules(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the session kept of its controllers and actuators from the start."""
    facts = about.get("stimulation") or {}
    return [
        (f"{kind[:-1]} {name}", in_words(each))
        for kind in ("controllers", "actuators")
        for name, each in (facts.get(kind) or {}).items()
    ]
