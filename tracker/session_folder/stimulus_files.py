"""Writes stimuli.jsonl and edges.jsonl, and what would unblind a session into sealed.jsonl."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tracker.session_folder.files import EDGES, SEALED, STIMULI, AppendFile
from tracker.session_folder.rows import to_json
from tracker.session_folder.stimulus_lines import edge_line, seed_line, stimulus_line
from tracker.stimuli import Edge, StimulusRow


class StimulusFiles:
    """The files about stimuli in one session folder; every line is with the system at once.

    Used by one thread.

    Args:
        folder: The session folder; it is there, the files are not.
        session_id: Goes into every line.
        blinded: Controllers whose arms are hidden: their lines in full go into sealed.jsonl.
        sealed: What would tell their arms, by controller; its first line.
        hashes: `model_sha256` and `config_sha256`, for every line about a stimulus.

    Raises:
        RecordingError: From every method, if the files cannot be written.
        DiskFull: From every method, if there is no room left.
    """

    def __init__(
        self,
        folder: Path,
        session_id: str,
        blinded: frozenset[str],
        sealed: Mapping[str, Any],
        hashes: Mapping[str, str | None],
    ) -> None:
        self._session_id, self._hashes = session_id, dict(hashes)
        self._blinded = blinded
        with ExitStack() as undo:
            self._stimuli = AppendFile(folder / STIMULI)
            undo.callback(self._stimuli.close)
            self._edges = AppendFile(folder / EDGES)
            undo.callback(self._edges.close)
            self._sealed = AppendFile(folder / SEALED) if blinded else None
            if self._sealed is not None:
                undo.callback(self._sealed.close)
                self._sealed.append(to_json(seed_line(sealed, session_id)) + b"\n")
            undo.pop_all()

    def write_stimulus(self, row: StimulusRow) -> None:
        """Add what became of a stimulus command."""
        if self._sealed is not None and row.command.controller in self._blinded:
            self._sealed.append(self._line(row))
            row = row.blinded()
        self._stimuli.append(self._line(row))

    def write_edge(self, edge: Edge) -> None:
        """Add an edge that a device reported."""
        file = self._edges
        if self._sealed is not None and self._would_tell(edge):
            file = self._sealed
        file.append(to_json(edge_line(edge, self._session_id)) + b"\n")

    def _would_tell(self, edge: Edge) -> bool:
        """Whether an edge may give an arm away.

        One that goes low with a fault says that it was on, and an input may see the output.
        """
        return not edge.stimulus_id or edge.stimulus_id.rpartition("/")[0] in self._blinded

    def sync(self) -> None:
        """Return once the disk has everything."""
        for file in self._each():
            file.sync()

    def close(self) -> None:
        """Finish the files; all are closed, also if one fails."""
        with ExitStack() as last_steps:
            for file in self._each():
                last_steps.callback(file.close)

    def _line(self, row: StimulusRow) -> bytes:
        return to_json(stimulus_line(row, self._session_id, self._hashes)) + b"\n"

    def _each(self) -> list[AppendFile]:
        files = (self._stimuli, self._edges, self._sealed)
        return [file for file in files if file is not None]
