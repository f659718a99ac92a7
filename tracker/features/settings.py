"""How features are measured, and which are written down."""

from pathlib import Path

from pydantic import Field

from tracker.settings import Settings

LETTERS = tuple("abcdefghij")
"""Names of animals where the settings name none."""


class FeatureSettings(Settings):
    """How features are measured. Keypoints left out: first and last of the skeleton."""

    window_s: float = Field(
        0.3, ge=0.02, le=5, description="s, of positions behind a speed; it lags by half of it"
    )
    centre: tuple[str, ...] = Field(
        (), description="keypoints whose mean is the body centre; none named: all of them"
    )
    rear: str | None = Field(None, description="keypoint where heading and length begin: last")
    front: str | None = Field(None, description="keypoint where heading and length end: first")
    recorded: tuple[str, ...] | None = Field(
        None,
        description="features to write down besides those that rules and controllers need; null: "
        "position, speeds, heading, length and zones of the first animal",
    )
    files: tuple[Path, ...] = Field(
        (), max_length=20, description="Python files with features of your own"
    )
