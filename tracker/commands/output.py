"""What every command does with `--json`."""

from tracker.session_folder.rows import to_json


def print_json(content: object) -> None:
    """Print one JSON object on one line of stdout; what is not known (NaN) is null."""
    print(to_json(content).decode(), flush=True)
