"""`tracker arm | disarm | stimulate | mark | film | status | stop`: ask a session that runs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from tracker.commands import answers
from tracker.control.remote import ADDRESS, Remote
from tracker.controllers.train import TrainSettings
from tracker.errors import ConfigError
from tracker.keys import load_client_keys

Address = Annotated[str, typer.Option(help="Control socket of the session.")]
ServerKey = Annotated[Path | None, typer.Option(help="server.key of the rig, if it uses keys.")]
SecretKey = Annotated[Path | None, typer.Option(help="Our own *.key_secret, if the rig uses keys.")]
By = Annotated[str, typer.Option(help="Who you are; default: the name of your account.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def arm(
    address: Address = ADDRESS,
    by: By = "",
    server_key: ServerKey = None,
    secret_key: SecretKey = None,
    *,
    as_json: Json = False,
) -> None:
    """Let stimuli through from now on, after each actuator has passed its self-test."""
    with _remote(address, server_key, secret_key) as remote:
        answers.arm(remote, by=by, as_json=as_json)


def disarm(
    address: Address = ADDRESS,
    why: Annotated[str, typer.Option(help="Goes into the session's log.")] = "",
    server_key: ServerKey = None,
    secret_key: SecretKey = None,
    *,
    as_json: Json = False,
) -> None:
    """Let nothing through from now on, and bring every output low at once."""
    with _remote(address, server_key, secret_key) as remote:
        answers.disarm(remote, why, as_json=as_json)


def stimulate(
    output: Annotated[str, typer.Argument(help="Name of an output of the experiment.")],
    width_ms: Annotated[float, typer.Option(help="Length of one pulse (ms).")],
    frequency_hz: Annotated[
        float | None, typer.Option(help="Pulses per second; left out: one pulse.")
    ] = None,
    n_pulses: Annotated[int | None, typer.Option(help="Number of pulses.")] = None,
    level: Annotated[float, typer.Option(help="0 to 1.")] = 1.0,
    address: Address = ADDRESS,
    by: By = "",
    server_key: ServerKey = None,
    secret_key: SecretKey = None,
    *,
    as_json: Json = False,
) -> None:
    """Give a pulse train by hand, if the interlocks let it through."""
    try:
        settings = TrainSettings(
            width_ms=width_ms, frequency_hz=frequency_hz, n_pulses=n_pulses, level=level
        )
    except ValidationError as error:
        raise ConfigError("; ".join(problem["msg"] for problem in error.errors())) from None
    with _remote(address, server_key, secret_key) as remote:
        delivered = answers.stimulate(remote, output, settings.pulse_train, by=by, as_json=as_json)
    if not delivered:
        sys.exit(1)


def mark(
    text: Annotated[str, typer.Argument(help="What has happened, in words.")],
    address: Address = ADDRESS,
    by: By = "",
    server_key: ServerKey = None,
    secret_key: SecretKey = None,
    *,
    as_json: Json = False,
) -> None:
    """Write a line into the session's log."""
    with _remote(address, server_key, secret_key) as remote:
        answers.mark(remote, text, by=by, as_json=as_json)


def film(
    what: Annotated[str, typer.Argument(help="start or stop.")],
    address: Address = ADDRESS,
    by: By = "",
    server_key: ServerKey = None,
    secret_key: SecretKey = None,
    *,
    as_json: Json = False,
) -> None:
    """Start or stop the video of a session with outputs.recording.by_hand."""
    if what not in ("start", "stop"):
        raise ConfigError(f"tracker film {what}: expected start or stop")
    with _remote(address, server_key, secret_key) as remote:
        answers.film(remote, on=what == "start", by=by, as_json=as_json)


def status(
    address: Address = ADDRESS,
    server_key: ServerKey = None,
    secret_key: SecretKey = None,
    *,
    as_json: Json = False,
) -> None:
    """Say how the session is doing, and whether it is armed."""
    with _remote(address, server_key, secret_key) as remote:
        answers.status(remote, as_json=as_json)


def stop(
    address: Address = ADDRESS,
    by: By = "",
    server_key: ServerKey = None,
    secret_key: SecretKey = None,
    *,
    as_json: Json = False,
) -> None:
    """End the session in order."""
    with _remote(address, server_key, secret_key) as remote:
        answers.stop(remote, by=by, as_json=as_json)


@contextmanager
def _remote(address: str, server_key: Path | None, secret_key: Path | None) -> Iterator[Remote]:
    if (server_key is None) != (secret_key is None):
        raise ConfigError("--server-key and --secret-key go together: give both or none")
    keys = load_client_keys(server_key, secret_key) if server_key and secret_key else None
    with Remote(address, keys=keys) as remote:
        yield remote
