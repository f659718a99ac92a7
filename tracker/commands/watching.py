"""`tracker watch`: a line of health in the terminal, or a small page for a phone."""

import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from tracker.commands.viewing import with_port
from tracker.control.remote import ADDRESS
from tracker.errors import ConfigError, MissingExtra
from tracker.gui.follow import take_in
from tracker.gui.judgement import Lamp
from tracker.gui.link import Link
from tracker.gui.rig import Rig
from tracker.keys import load_client_keys
from tracker.messages import Kind

STYLES = {Lamp.GREEN: "green", Lamp.AMBER: "yellow", Lamp.RED: "bold red"}


def watch(
    address: Annotated[str, typer.Argument(help="Control socket; tcp://HOST will do.")] = ADDRESS,
    server_key: Annotated[
        Path | None, typer.Option(help="server.key of the rig, if it uses keys.")
    ] = None,
    secret_key: Annotated[
        Path | None, typer.Option(help="Our own *.key_secret, if the rig uses keys.")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the page.")] = 8080,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", help="Host name under which a tunnel serves the page. Repeatable."),
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Stop after so long.")] = None,
    *,
    html: Annotated[
        bool, typer.Option("--html", help="Serve a read-only page to this computer alone.")
    ] = False,
) -> None:
    """Say in one line how a rig does, over and over; or on a page. It can change nothing."""
    if (server_key is None) != (secret_key is None):
        raise ConfigError("--server-key and --secret-key go together: give both or none")
    keys = load_client_keys(server_key, secret_key) if server_key and secret_key else None
    if html and find_spec("aiohttp") is None:
        raise MissingExtra("watch", "tracker watch --html")
    link = Link(with_port(address), keys, Kind.THUMBNAIL)
    link.start()
    try:
        if html:
            _serve(link, port, name or [])
        else:
            _print(link, seconds)
    except KeyboardInterrupt:
        pass
    finally:
        link.close()


def _serve(link: Link, port: int, names: list[str]) -> None:
    from aiohttp import web

    from tracker.gui.page import make_app

    typer.echo(f"http://127.0.0.1:{port}  (Ctrl-C ends it)")
    try:
        web.run_app(make_app(link, names), host="127.0.0.1", port=port, print=None)
    except OSError as error:
        raise ConfigError(f"--port {port}: {error.strerror or error}; take another one") from error


def _print(link: Link, seconds: float | None) -> None:
    rig, console = Rig(link.address), Console()
    end_s = None if seconds is None else time.monotonic() + seconds
    with Live(console=console, refresh_per_second=4, transient=False) as live:
        while end_s is None or time.monotonic() < end_s:
            take_in(link, rig, 0.2)
            live.update(line_of(rig))
            time.sleep(0.2)


def line_of(rig: Rig) -> Text:
    """Return how a rig does, in a line."""
    judged = rig.judgement
    text = Text("; ".join(judged.reasons), STYLES[judged.lamp])
    if rig.facts is not None and rig.heard:
        now = [name for name, bouts in rig.bouts.items() if bouts.going_on is not None]
        state = "was armed" if rig.is_lost else "ARMED"
        armed = f"  {state} by {rig.armed_by}" if rig.armed_by else ""
        if rig.status is not None and rig.status.filming is not None and rig.goodbye is None:
            armed += "  video runs" if rig.status.filming else "  no video now"
        text.append(f"  {rig.facts.subject}  {rig.elapsed_s:.0f} s{armed}", "default")
        text.append(f"  {', '.join(now)}", "cyan")
    return text
