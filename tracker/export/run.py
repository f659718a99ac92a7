"""What `tracker export` does: whole files or none, and never one in place of another."""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

from tracker.errors import ExportError
from tracker.export import boris, coco, deeplabcut, movement, nwb, sleap, tabular
from tracker.export.session_view import Rows, SessionView, view_of
from tracker.recording import Recording

EXPORTS = "export"
"""Folder in the session's folder that exports go to unless another is named."""


class Format(StrEnum):
    """What a session can be written as."""

    NWB = "nwb"
    DEEPLABCUT = "deeplabcut"
    SLEAP = "sleap"
    MOVEMENT = "movement"
    BORIS = "boris"
    COCO = "coco"
    CSV = "csv"
    PARQUET = "parquet"


Progress = Callable[[Format, int, int], None]
"""Told the format, and how much of it is done, of how much."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        files: Of every format, in the order asked for; folders for COCO.
        notes: What a reader has to know; in the files as well.
    """

    files: tuple[Path, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pictures:
    """Which frames become pictures in COCO."""

    n_images: int = 40
    choice: coco.Choice = coco.Choice.UNSURE


def export(
    folder: Path,
    formats: Sequence[Format],
    out: Path | None = None,
    *,
    rows: Rows = Rows.SLOTS,
    pictures: Pictures | None = None,
    progress: Progress = lambda _format, _done, _of: None,
) -> Exported:
    """Write a session in formats of other programs; the session itself is not touched.

    Args:
        folder: A session folder; one that was cut off is written up to its last whole row.
        formats: Which; twice the same is once.
        out: Folder for the files, made if need be; None: `export` in the session's folder.
        rows: Which frames have a row.
        pictures: Which frames become pictures in COCO; None: the usual ones.
        progress: Told how far it is.

    Raises:
        ExportError: If a file would be overwritten, cannot be written, or there is nothing to
            write.
        RecordingError: If the folder cannot be read.
        MissingExtra: If the libraries of a format are not installed.
    """
    wanted = tuple(dict.fromkeys(formats))
    view = view_of(Recording(folder), rows)
    home = (out or folder / EXPORTS).resolve()
    planned = {each: [*_names(each, view), _about_name(each, view)] for each in wanted}
    _refuse_existing(home, [name for names in planned.values() for name in names])
    try:
        home.mkdir(parents=True, exist_ok=True)
        files = [
            file
            for each in wanted
            for file in _write(each, view, home, planned[each], pictures or Pictures(), progress)
        ]
    except OSError as failure:
        raise ExportError(f"cannot write into {home}: {failure.strerror or failure}") from failure
    return Exported(tuple(files), view.notes)


def _write(
    what: Format,
    view: SessionView,
    home: Path,
    names: Sequence[str],
    pictures: Pictures,
    progress: Progress,
) -> list[Path]:
    """Write one format beside its place, then move it there whole."""

    def tick(done: int, of: int) -> None:
        progress(what, done, of)

    tick(0, 1)
    with tempfile.TemporaryDirectory(prefix=f".{what}-", dir=home) as unfinished:
        folder = Path(unfinished)
        if what is Format.COCO:
            coco.write(view, folder, tick, n_images=pictures.n_images, choice=pictures.choice)
        else:
            _WRITERS[what](view, folder, home, tick)
        (folder / _about_name(what, view)).write_text(_about(what, view), encoding="utf-8")
        _refuse_existing(home, names)
        for name in names:
            (folder / name).rename(home / name)
    tick(1, 1)
    return [home / name for name in names]


def _refuse_existing(home: Path, names: Sequence[str]) -> None:
    there = [name for name in names if (home / name).exists()]
    if there:
        raise ExportError(
            f"{', '.join(there)} in {home}: there already, and nothing is ever overwritten; move "
            f"them away, or name another folder with --out"
        )


def _about_name(what: Format, view: SessionView) -> str:
    return f"{view.name}.{what}.about.json"


def _about(what: Format, view: SessionView) -> str:
    """What the formats have no place for: where it comes from, its time zero, its notes."""
    session = view.recording.session
    content = {
        "format": what,
        "written_by": f"behaviour-tracker {version('behaviour-tracker')}",
        "session_id": session["session_id"],
        "rows": view.rows,
        "n_rows": len(view.slots.index),
        "time_zero_utc_ns": view.zero_utc_ns,
        "notes": list(view.notes),
        "config_sha256": session["provenance"].get("config_sha256"),
        "model_sha256": session["provenance"].get("model_sha256"),
    }
    return json.dumps(content, indent=2) + "\n"


_Writer = Callable[[SessionView, Path, Path, Callable[[int, int], None]], None]
_WRITERS: dict[Format, _Writer] = {
    Format.NWB: nwb.write,
    Format.DEEPLABCUT: deeplabcut.write,
    Format.SLEAP: sleap.write,
    Format.MOVEMENT: movement.write,
    Format.BORIS: boris.write,
    Format.CSV: tabular.write_csv,
    Format.PARQUET: tabular.write_parquet,
}
_NAMES: dict[Format, Callable[[SessionView], list[str]]] = {
    Format.NWB: nwb.names,
    Format.DEEPLABCUT: deeplabcut.names,
    Format.SLEAP: sleap.names,
    Format.MOVEMENT: movement.names,
    Format.BORIS: boris.names,
    Format.COCO: coco.names,
    Format.CSV: tabular.csv_names,
    Format.PARQUET: tabular.parquet_names,
}


def _names(what: Format, view: SessionView) -> list[str]:
    return _NAMES[what](view)
