"""The command line: `tracker demo | run | check | listen | keys | schema`, and those of others."""

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from tracker.build_rig import build_any
from tracker.cameras.synthetic import SyntheticCameraSettings
from tracker.check import Verdict, check
from tracker.clock import SystemClock
from tracker.commands import RUN, SET_UP
from tracker.commands import register as register_commands
from tracker.commands.cameras import camera_overrides
from tracker.commands.output import print_json
from tracker.commands.signals import asked_by_signal
from tracker.commands.viewing import open_beside, refuse_view
from tracker.config import Experiment, load, schema
from tracker.errors import ConfigError, SessionError, TrackerError
from tracker.keys import Role, load_client_keys, make_client_keys, make_keys
from tracker.learning.commands import register as register_learning
from tracker.listen import listen_until_stopped, print_message, print_message_json
from tracker.publisher import PublisherSettings
from tracker.recording import Recording
from tracker.session import Session
from tracker.subscriber import Subscriber
from tracker.summary import score_truth, summarise
from tracker.terminal import LivePanel, print_findings, print_summary

ADDRESS = PublisherSettings().address

REFUSED, FAILED = 2, 1
"""Exit codes: nothing was started; something failed while it ran."""


class SeenBy(StrEnum):
    """What sees the mouse of the demo."""

    NETWORK = "network"
    BACKGROUND = "background"
    THRESHOLD = "threshold"
    REGION_GROWING = "region_growing"


app = typer.Typer(
    help="Watches an animal live: camera, pose, behaviour episodes, every frame accounted for.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

Out = Annotated[Path, typer.Option(help="Folder in which session folders are made.")]
Seconds = Annotated[
    float | None, typer.Option(min=0.1, help="End after so many seconds of captured time.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="Replace a setting, e.g. rig.camera.fps=60. Repeatable."),
]
View = Annotated[
    bool | None,
    typer.Option("--view/--no-view", help="Open the live view in a process of its own."),
]
Headless = Annotated[bool, typer.Option("--headless", help="No live panel, only the summary.")]
Json = Annotated[bool, typer.Option("--json", help="Last line of stdout is one JSON object.")]
Camera = Annotated[
    str | None,
    typer.Option(
        help="Instead of the config's camera: a video file, a stream's URL, "
        "the number of a USB camera, or `synthetic`."
    ),
]
Fast = Annotated[
    bool, typer.Option("--fast", help="A file as fast as it goes; every frame is processed.")
]
Loop = Annotated[bool, typer.Option("--loop", help="Begin a video file again at its end.")]
Subject = Annotated[
    str | None, typer.Option(help="The animal's name; part of the session folder's name.")
]
Experimenter = Annotated[str | None, typer.Option(help="Who runs it.")]
Protocol = Annotated[str | None, typer.Option(help="Name or number of the approved procedure.")]
Notes = Annotated[str | None, typer.Option(help="Anything worth keeping about this session.")]
DemoObserver = Annotated[SeenBy, typer.Option(help="What sees the mouse: docs/observers.md.")]
Config = Annotated[Path, typer.Argument(help="Experiment file, or the name of a shipped one.")]


@app.command(
    rich_help_panel=RUN, epilog="Example: `tracker demo --seconds 10 --set rig.camera.seed=3`"
)
def demo(
    seconds: Seconds = 20.0,
    out: Out = Path("sessions"),
    changes: Set = None,
    observer: DemoObserver = SeenBy.NETWORK,
    *,
    view: View = None,
    headless: Headless = False,
    as_json: Json = False,
) -> None:
    """Watch a synthetic mouse with the shipped network, or without one; needs no hardware."""
    method = overrides_of(observer)
    experiment = load(Path("demo"), [*_seconds(seconds), *method, *(changes or [])])
    shows = False if view is None and (headless or as_json) else view
    _run(experiment, "demo", out, headless=headless, as_json=as_json, view=shows)


@app.command(
    rich_help_panel=RUN,
    epilog="Example: `tracker run open_field --camera mouse.mp4 --fast --subject m12`",
)
def run(  # noqa: PLR0917 - each is an option of the command
    config: Config,
    camera: Camera = None,
    seconds: Seconds = None,
    subject: Subject = None,
    experimenter: Experimenter = None,
    protocol: Protocol = None,
    notes: Notes = None,
    out: Out = Path("sessions"),
    changes: Set = None,
    *,
    fast: Fast = False,
    loop: Loop = False,
    view: View = False,
    headless: Headless = False,
    as_json: Json = False,
) -> None:
    """Run an experiment until it is over, or until Ctrl-C."""
    about = {
        "subject": subject,
        "experimenter": experimenter,
        "protocol": protocol,
        "notes": notes,
    }
    facts = [f"session.{name}={json.dumps(text)}" for name, text in about.items() if text]
    source = camera_overrides(camera, fast=fast, loop=loop)
    experiment = load(config, [*source, *_seconds(seconds), *(changes or []), *facts])
    _run(experiment, config.stem, out, headless=headless, as_json=as_json, view=view)


@app.command(
    name="check",
    rich_help_panel=RUN,
    epilog="Example: `tracker check open_field --camera synthetic`",
)
def check_experiment(
    config: Config,
    camera: Camera = None,
    seconds: Annotated[float, typer.Option(min=0.5, help="Length of the trial.")] = 3.0,
    out: Out = Path("sessions"),
    changes: Set = None,
    *,
    as_json: Json = False,
) -> None:
    """Try camera, network, disk and wire for a few seconds, and say whether a run would hold."""
    experiment = load(config, [*camera_overrides(camera), *(changes or [])])
    with Console(stderr=True).status(f"trying {config.stem} for {seconds:g} s"):
        findings = check(experiment, out, seconds, SystemClock())
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings]})
    else:
        print_findings(findings)
    if any(finding.verdict is Verdict.BAD for finding in findings):
        sys.exit(FAILED)


@app.command(
    rich_help_panel=RUN, epilog="Example: `tracker listen tcp://127.0.0.1:5556 --topic episode/`"
)
def listen(
    address: Annotated[str, typer.Argument(help="Where a session publishes.")] = ADDRESS,
    topics: Annotated[
        list[str] | None,
        typer.Option("--topic", help="Beginning of the topics wanted, e.g. observation/."),
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Stop after so long.")] = None,
    server_key: Annotated[
        Path | None, typer.Option(help="server.key of the publisher, if it uses keys.")
    ] = None,
    secret_key: Annotated[
        Path | None, typer.Option(help="Our own *.key_secret, if it uses keys.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Print episodes as they happen, from any terminal, until Ctrl-C."""
    if (server_key is None) != (secret_key is None):
        raise ConfigError("--server-key and --secret-key go together: give both or none")
    keys = load_client_keys(server_key, secret_key) if server_key and secret_key else None
    show = print_message_json if as_json else print_message
    with Subscriber(address, topics or ["episode/", "status/"], keys=keys) as subscriber:
        listen_until_stopped(subscriber, show, seconds)


@app.command(rich_help_panel=SET_UP, epilog="Example: `tracker keys rig1_keys --client office`")
def keys(
    folder: Annotated[Path, typer.Argument(help="Folder for the keys; made if need be.")],
    client: Annotated[
        str | None, typer.Option(help="Only add keys for one more client of this name.")
    ] = None,
    role: Annotated[
        Role, typer.Option(help="What that client may do: listen, or arm and stimulate too.")
    ] = Role.WATCH,
) -> None:
    """Make CURVE keys, so that a session may be listened to from other computers."""
    if client is None:
        make_keys(folder)
    else:
        make_client_keys(folder, client, role)
    name = client or "client"
    Console().print(
        f"Keys are in {folder}. On the rig: outputs.publisher.keys: {folder}\n"
        f"To the listener go server.key and {name}.key_secret:\n"
        f"  tracker listen tcp://RIG:5556 --server-key server.key --secret-key {name}.key_secret",
        soft_wrap=True,
        highlight=False,
    )


@app.command(
    name="schema",
    rich_help_panel=SET_UP,
    epilog="Example: `tracker schema > experiment.schema.json`",
)
def print_schema() -> None:
    """Print the JSON schema of experiment files, for editors."""
    sys.stdout.write(schema())


register_commands(app)
register_learning(app)


def main() -> None:
    """Run the command line; an error of ours is one sentence on stderr and an exit code."""
    try:
        app()
    except TrackerError as error:
        _fail(error, REFUSED)


def _run(
    experiment: Experiment,
    title: str,
    out: Path,
    *,
    headless: bool,
    as_json: bool,
    view: bool | None,
) -> None:
    refuse_view(wanted=view)
    try:
        session, folder = build_any(experiment, out, SystemClock())
        session.start()
        open_beside(session.control_address, wanted=view)
    except TrackerError as error:
        if as_json:
            print_json({"session": None, "end_reason": "failed", "error": str(error)})
        raise
    failure = _watch(session, experiment, title, headless=headless)
    recording = Recording(folder)
    summary = summarise(recording)
    if isinstance(experiment.rig.camera, SyntheticCameraSettings):
        summary["truth"] = score_truth(recording, experiment.rig.camera)
    if failure is not None:
        summary["error"] = str(failure)
    if as_json:
        print_json(summary)
    else:
        print_summary(summary)
    _write_report(recording)
    if failure is not None:
        _fail(failure, FAILED)


def _write_report(recording: Recording) -> None:
    """Make the page, when all else is done: one that cannot be made does the session no harm."""
    console = Console(stderr=True)
    again = f"make it with: tracker report {recording.folder}"
    try:
        from tracker.report import write_report  # slow to import

        with console.status("making report.html (Ctrl-C: leave it)"):
            write_report(recording)
    except KeyboardInterrupt:
        console.print(f"no report.html; {again}", markup=False, soft_wrap=True)
    except Exception as error:  # noqa: BLE001 - the session is over and whole, whatever this was
        why = str(error) or type(error).__name__
        console.print(f"no report.html: {why}; {again}", markup=False, soft_wrap=True)


def _watch(
    session: Session, experiment: Experiment, title: str, *, headless: bool
) -> SessionError | None:
    """Show the session until it ends; return what failed, if anything did."""
    panel = LivePanel(
        title,
        session.provider,
        tuple(experiment.behaviours),
        experiment.session.duration_s,
        quiet=headless,
    )
    with asked_by_signal(session.stop), panel:
        while not session.wait(0.1):
            panel.show(session.status)
        try:
            session.finish()
        except SessionError as failure:
            return failure
    return None


def overrides_of(observer: SeenBy) -> list[str]:
    """Return the settings with which a method sees the demo's mouse, as overrides."""
    if observer is SeenBy.NETWORK:
        return []
    limits: dict[str, Any] = {"min_area_px2": 800, "max_area_px2": 12000}
    method: dict[str, Any] = {"kind": observer.value, **limits}
    if observer is SeenBy.BACKGROUND:
        method["difference"] = 60
    if observer is SeenBy.THRESHOLD:
        method["highest"] = 70
    return [f"observer={json.dumps(method)}", "features.centre=[centre]"]


def _seconds(seconds: float | None) -> list[str]:
    return [] if seconds is None else [f"session.duration_s={seconds}"]


def _fail(error: Exception, code: int) -> NoReturn:
    line = Text.assemble(("error:", "bold red"), f" {error}")
    Console(stderr=True).print(line, soft_wrap=True)
    sys.exit(code)
