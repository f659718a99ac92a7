"""Which recordings a batch is about: patterns, folders and lists → videos and session folders."""

import glob
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tracker.errors import ConfigError
from tracker.session_folder.files import SESSION

VIDEO_SUFFIXES = (
    *(".avi", ".h264", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg"),
    *(".mpg", ".mts", ".nut", ".ts", ".webm", ".wmv"),
)
"""Files of a folder that are taken for videos; one that is named may be called as it likes."""


@dataclass(frozen=True, slots=True)
class Source:
    """One recording.

    Attributes:
        name: As it was named, with forward slashes; what the tables call it.
        path: Where it is, absolute.
        is_session: True for a session folder, False for a video file.
    """

    name: str
    path: Path
    is_session: bool

    @property
    def stem(self) -> str:
        """The name of the file or folder itself, without a video's suffix."""
        return self.path.name if self.is_session else self.path.stem


def find_sources(words: Sequence[str]) -> list[Source]:
    """Return the recordings that words of a command line name, each once, sorted by name.

    Args:
        words: Files, session folders, folders of these, patterns (`*`, `?`, `**` for any depth;
            expanded here, since shells of Windows do not; they do not look into session
            folders), and text files (.txt) with one of these per line.

    Raises:
        ConfigError: If a word stands for nothing.
    """
    found: dict[Path, Source] = {}
    for word in words:
        for source in _expand(word):
            found.setdefault(source.path, source)
    return sorted(found.values(), key=lambda source: source.name)


def _expand(word: str) -> list[Source]:
    path = Path(word)
    if path.suffix.lower() == ".txt" and path.is_file():
        return [source for line in _lines(path) for source in _expand(line)]
    if path.exists():
        sources = list(_of_path(path))
        if not sources:
            raise ConfigError(
                f"{word} holds no recordings: neither session folders nor files that end in "
                f"{', '.join(VIDEO_SUFFIXES)}"
            )
        return sources
    hits = glob.glob(word, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    paths = [path for path in map(Path, hits) if not _is_session(path.parent)]
    sources = [each for path in paths for each in _of_path(path)]
    if not sources:
        raise ConfigError(f"{word}: no such file or folder, and no recording has such a name")
    return sources


def _lines(path: Path) -> Iterator[str]:
    """What a list names; a relative path is one from the folder of the list."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as failure:
        raise ConfigError(f"the list {path} cannot be read: {failure}") from failure
    for line in lines:
        text = line.strip()
        if text and not text.startswith("#"):
            yield str(path.parent / text)


def _of_path(path: Path) -> Iterator[Source]:
    if path.is_dir() and not _is_session(path):
        yield from _inside(path)
    else:
        yield Source(path.as_posix(), path.resolve(), path.is_dir())


def _inside(folder: Path) -> Iterable[Source]:
    for path in folder.iterdir():
        if _is_session(path) or (path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES):
            yield Source(path.as_posix(), path.resolve(), path.is_dir())


def _is_session(path: Path) -> bool:
    return (path / SESSION).is_file()
