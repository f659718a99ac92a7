"""`tracker align`: another recording's clock on that of a session."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tracker.alignment.align import AlignOptions, align
from tracker.alignment.barcodes import Barcode
from tracker.commands.output import print_json

USUAL = Barcode()


def align_session(
    folder: Annotated[Path, typer.Argument(help="A session folder.")],
    pulses: Annotated[
        Path,
        typer.Option(
            help="Edges in the other recording: .npy or .csv, a time per edge, perhaps its level."
        ),
    ],
    line: Annotated[
        str | None,
        typer.Option(
            help="What gave the pulses: 'input 0' of the stimulus box, an output, or frames (a "
            "camera's strobe). Default: the input that had edges, else frames."
        ),
    ] = None,
    rate_hz: Annotated[
        float | None, typer.Option(min=1e-3, help="Samples per s, if times are in samples.")
    ] = None,
    first: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Which pulse of the session is the file's first, from 0; for regular pulses.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Of the other recording. Default: the file's name.")
    ] = None,
    tolerance_ms: Annotated[
        float, typer.Option(min=0.01, help="How far two pulses of a pair may lie apart, at most.")
    ] = 10.0,
    offset_ms: Annotated[
        float,
        typer.Option(
            help="How much later the session states a pulse than it came: half the exposure where "
            "a strobe rises as the exposure begins."
        ),
    ] = 0.0,
    bits: Annotated[int, typer.Option(min=4, max=62, help="Of a barcode.")] = USUAL.bits,
    bit_ms: Annotated[
        float, typer.Option(min=0.1, help="Length of a bit of a barcode.")
    ] = USUAL.bit_s * 1e3,
    start_ms: Annotated[
        float, typer.Option(min=0.1, help="Length of the pulse before the bits.")
    ] = USUAL.start_s * 1e3,
    *,
    falling: Annotated[
        bool, typer.Option("--falling", help="Falling edges count, instead of rising ones.")
    ] = False,
    barcode: Annotated[
        bool, typer.Option("--barcode", help="The pulses are barcodes: numbers to be read.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Last line of stdout is one JSON object.")
    ] = False,
) -> None:
    """Match the pulses of another recording with a session's, and write the map of its clock."""
    options = AlignOptions(
        line=line,
        rate_hz=rate_hz,
        rising=not falling,
        first=first,
        tolerance_ms=tolerance_ms,
        barcode=Barcode(bits, bit_ms / 1e3, start_ms / 1e3) if barcode else None,
        offset_ms=offset_ms,
    )
    found, path = align(folder, pulses, options, name)
    if as_json:
        print_json({"file": path, **asdict(found)})
        return
    left = found.residual_ms
    typer.echo(
        f"{found.n_matched} pulses of {found.line} found in {pulses} "
        f"({found.n_missing} missing, {found.n_extra} too many)"
    )
    if found.n_barcodes:
        typer.echo(f"{found.n_barcodes} barcodes in both")
    typer.echo(
        f"a second of the session is {found.drift_ppm:+.2f} ppm longer than one of {found.name}"
    )
    typer.echo(f"zero of {found.name} is {found.zero_ns / 1e9:.6f} s of the session clock")
    typer.echo(
        f"residuals: {left['rms']:.3f} ms (rms), {left['p99']:.3f} ms (99 %), "
        f"{left['max']:.3f} ms (max)"
    )
    typer.echo(path)
