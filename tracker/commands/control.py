"""`tracker control`: controllers and outputs in a process of their own, beside `tracker run`."""

import sys
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tracker.clock import SystemClock
from tracker.commands.control_handler import RemoteControlHandler
from tracker.commands.signals import asked_by_signal
from tracker.config import load
from tracker.control.lifeline import LifelineSettings
from tracker.control.remote import ADDRESS, Remote
from tracker.control.server import ControlServer, ControlSettings
from tracker.errors import ConfigError, TrackerError
from tracker.keys import load_client_keys
from tracker.publisher import PublisherSettings
from tracker.remote_control import RemoteControl
from tracker.subscriber import Subscriber
from tracker.worker import Worker

OWN_ADDRESS = "tcp://127.0.0.1:5558"
"""Where the control process itself takes requests."""

TOPICS = ("episode/", "observation/", "status/")


def control(
    config: Annotated[Path, typer.Argument(help="The experiment file that the session runs.")],
    publisher: Annotated[
        str, typer.Option(help="Where the session publishes.")
    ] = PublisherSettings().address,
    session: Annotated[str, typer.Option(help="Control socket of the session.")] = ADDRESS,
    address: Annotated[
        str, typer.Option(help="Our own control socket, for `tracker arm --address`.")
    ] = OWN_ADDRESS,
    keys: Annotated[
        Path | None, typer.Option(help="Key folder for our own control socket.")
    ] = None,
    server_key: Annotated[
        Path | None, typer.Option(help="server.key of the session, if it uses keys.")
    ] = None,
    secret_key: Annotated[
        Path | None, typer.Option(help="Our own *.key_secret, if the session uses keys.")
    ] = None,
    silence_ms: Annotated[
        float, typer.Option(min=20, help="The session counts as dead after so long without news.")
    ] = 250,
    out: Annotated[Path, typer.Option(help="Folder in which our own folder is made.")] = Path(
        "sessions"
    ),
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Replace a setting. Repeatable.")
    ] = None,
) -> None:
    """Stimulate from another process or computer than the one that watches.

    The session itself is run with `--set stimulation=null`, so that only one of them stimulates.
    """
    if (server_key is None) != (secret_key is None):
        raise ConfigError("--server-key and --secret-key go together: give both or none")
    client = load_client_keys(server_key, secret_key) if server_key and secret_key else None
    experiment = load(config, changes or ())
    lifeline = LifelineSettings(silence_ms=silence_ms)
    stop = threading.Event()
    with (
        Subscriber(publisher, TOPICS, keys=client) as subscriber,
        Remote(session, keys=client) as remote,
        asked_by_signal(stop.set),
    ):
        made = RemoteControl(experiment, subscriber, remote, SystemClock(), out, lifeline)
        settings = ControlSettings(address=address, keys=keys)
        _run(made, settings, stop)


def _run(made: RemoteControl, settings: ControlSettings, stop: threading.Event) -> None:
    server = ControlServer(
        settings,
        RemoteControlHandler(made, stop.set),
        session_id=made.session_id,
        clock=made.clock,
        history=settings.make_history(),
    )
    server.bind()
    answering = Worker("control", lambda: server.step(0.1), on_end=lambda: None)
    workers, reason = made.open(), "failed"
    answering.start()
    console = Console(stderr=True, highlight=False)
    console.print(
        f"following {made.session_id.removesuffix('-control')}; arm with: tracker arm --address "
        f"{server.address}",
        soft_wrap=True,
    )
    try:
        while not stop.is_set() and made.step():
            pass
        reason = "stopped" if stop.is_set() else "completed"
    except TrackerError as failure:
        console.print(f"[red]{failure}[/]", soft_wrap=True)
    finally:
        made.close(workers, reason)
        answering.stop()
        answering.join(2.0)
        server.close()
    typer.echo(f"{made.files.folder}: {reason}, {dict(made.loop.status.counts)}")
    if reason == "failed":
        sys.exit(1)
