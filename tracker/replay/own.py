"""The experiment of a session, as it ran."""

from tracker.config import Experiment, load
from tracker.errors import RecordingError
from tracker.recording import Recording
from tracker.session_folder.files import EXPERIMENT


def experiment_of(recording: Recording) -> Experiment:
    """Return the experiment of a session, as it ran.

    Raises:
        RecordingError: If its file is missing.
        ConfigError: If its file cannot be used by this version.
    """
    path = recording.folder / EXPERIMENT
    if not path.is_file():
        raise RecordingError(f"{EXPERIMENT} is missing in {recording.folder}")
    return load(path)
