"""What a session was made with: versions, hashes, machine, network."""

import hashlib
import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Any

from tracker.build_classifiers import classifier_hashes
from tracker.config import Experiment
from tracker.features.own import hashes_of

LIBRARIES = ("numpy", "opencv-python", "onnxruntime-gpu", "onnxruntime", "av", "pyarrow", "pyzmq")
"""Whose versions can change a result, and so stand in the provenance."""


def provenance(experiment: Experiment, model: Any) -> dict[str, Any]:
    """Return what a session was made with: versions, hashes, machine, network."""
    return {
        "tracker": importlib.metadata.version("behaviour-tracker"),
        "code_sha256": code_sha256(),
        "config_sha256": experiment.sha256,
        "model_sha256": model.get("sha256"),
        "model": dict(model),
        "feature_files": hashes_of(experiment.features.files),
        "classifiers": classifier_hashes(experiment),
        "python": platform.python_version(),
        "libraries": _versions(),
        "machine": {
            "platform": platform.platform(),
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
        },
        "command": sys.argv[1:],
        "subject": experiment.session.subject,
        "experimenter": experiment.session.experimenter,
        "protocol": experiment.session.protocol,
        "notes": experiment.session.notes,
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # one of the two ONNX Runtime distributions is never there
    return found


def code_sha256() -> str:
    """Return the hash of every source file of the package, names included."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        digest.update(file.relative_to(package).as_posix().encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
