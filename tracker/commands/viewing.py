"""`tracker view`: the live view, in a process of its own."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from tracker.control.remote import ADDRESS
from tracker.errors import ConfigError, MissingExtra
from tracker.gui.display import has_display, has_extra, step_back
from tracker.keys import load_client_keys

PORT = ADDRESS.rpartition(":")[2]
"""Of the control socket, where an address names none."""


def view(
    addresses: Annotated[
        list[str] | None, typer.Argument(help="Control sockets of the rigs; tcp://HOST will do.")
    ] = None,
    server_key: Annotated[
        Path | None, typer.Option(help="server.key of the rig, if it uses keys.")
    ] = None,
    secret_key: Annotated[
        Path | None, typer.Option(help="Our own *.key_secret, if the rig uses keys.")
    ] = None,
    by: Annotated[str, typer.Option(help="Who you are; default: the name of your account.")] = "",
    theme: Annotated[str | None, typer.Option(help="dark or light; default: as last time.")] = None,
    size: Annotated[str | None, typer.Option(help="Of the window, e.g. 1280x800.")] = None,
    setup: Annotated[
        Path | None, typer.Option(help="Draw zones and the scale into this experiment file.")
    ] = None,
    screenshot: Annotated[
        Path | None, typer.Option(help="Save a picture of the window as PNG, and end; no display.")
    ] = None,
    after: Annotated[
        float, typer.Option(min=0, help="Seconds to look at the session before the screenshot.")
    ] = 5.0,
) -> None:
    """Watch one rig or several, and mark, arm, disarm and stop from there."""
    if (server_key is None) != (secret_key is None):
        raise ConfigError("--server-key and --secret-key go together: give both or none")
    if theme not in (None, "dark", "light"):
        raise ConfigError(f"--theme is {theme!r}, expected dark or light")
    if setup is not None and not setup.is_file():
        raise ConfigError(f"--setup: {setup} is not there: copy a shipped experiment first")
    keys = load_client_keys(server_key, secret_key) if server_key and secret_key else None
    if not has_extra():
        raise MissingExtra("view", "tracker view")
    step_back()
    from tracker.gui.app import ViewOptions, run_view, take_screenshot

    full = [with_port(each) for each in addresses or [ADDRESS]]
    options = ViewOptions(full, keys, theme, _size(size), by, setup)
    if screenshot is not None:
        take_screenshot(options, screenshot, after, patience_s=15.0)
        typer.echo(f"{screenshot}")
        return
    sys.exit(run_view(options))


def with_port(address: str) -> str:
    """Return the address of a control socket, with the usual port where none is named."""
    if (
        address.startswith("tcp://")
        and ":" not in address.removeprefix("tcp://").rpartition("]")[2]
    ):
        return f"{address}:{PORT}"
    return address


def refuse_view(*, wanted: bool | None) -> None:
    """Refuse a view that is asked for and cannot be opened; before the session starts.

    Raises:
        MissingExtra: If it is not installed.
        ConfigError: If there is no display.
    """
    if wanted and not has_extra():
        raise MissingExtra("view", "--view")
    if wanted and not has_display():
        raise ConfigError("--view: there is no display here; `tracker view` works from elsewhere")


def open_beside(address: str | None, *, wanted: bool | None) -> None:
    """Open the view in a process of its own, which may end or hang without anybody noticing.

    Args:
        address: Of the control socket; None: there is none, and so no view.
        wanted: None: if it can be opened here.
    """
    if address is None or wanted is False or not (has_extra() and has_display()):
        return
    command = [sys.executable, "-m", "tracker", "view", address]
    try:
        subprocess.Popen(  # noqa: S603 - our own program
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:  # the session is worth more than its view
        typer.echo(f"no live view: {error}", err=True)


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    width, x, height = text.partition("x")
    if not (x and width.isdecimal() and height.isdecimal()):
        raise ConfigError(f"--size is {text!r}, expected WIDTHxHEIGHT, e.g. 1280x800")
    return int(width), int(height)
