"""What a session says of a stretch of time, or of all of it, as arrays and as tables."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracker.session_folder.recorded_video import RecordedVideo
from tracker.session_folder.rows import FEATURE, SCORE
from tracker.types import Fate, Observation, Skeleton

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_PLAIN = [
    "index",
    "captured_ns",
    "network_ns",
    "class_scores",
    "measures",
    "novelty",
    "abstained",
]
_TRACKED = ["identity", "identity_confidence", "appearance"]
"""Columns that recordings made before there was tracking lack."""


@dataclass(frozen=True, slots=True)
class Origin:
    """From ns on the session clock to seconds since the first frame, and to UTC.

    Attributes:
        start_ns: When the session's first frame was taken (ns).
        anchor_utc_ns: UTC at zero of the session clock (ns since 1970-01-01).
    """

    start_ns: int
    anchor_utc_ns: int

    def seconds(self, times_ns: NDArray[Any]) -> NDArray[np.float64]:
        """Return seconds since the first frame; NaN stays NaN."""
        return np.asarray((times_ns - self.start_ns) / 1e9, np.float64)

    def at_ns(self, seconds: float) -> int:
        """Return the moment (ns) so many seconds after the first frame."""
        return self.start_ns + round(seconds * 1e9)


class Stretch:
    """Frames that follow each other: ledger, observations, images. One thread.

    Made by `Recording.part`, or by `Recording` of all that there is. The unit of each value
    stands in its name. Missing is NaN.

    Args:
        ledger: One row per frame that the camera counted.
        observations: One row per processed frame.
        skeleton: Keypoints of the observations.
        origin: Where seconds are counted from.
        video: Its images; called when they are asked for.
    """

    def __init__(
        self,
        ledger: pa.Table,
        observations: pa.Table,
        skeleton: Skeleton,
        origin: Origin,
        video: Callable[[], RecordedVideo],
    ) -> None:
        self.ledger = ledger
        """One row per frame that the camera counted; columns as in `LedgerRow`."""
        self.observations = observations
        """One row per processed frame; columns as in docs/session_folder.md."""
        self.skeleton = skeleton
        """Keypoints of every observation."""
        self.origin = origin
        """Where seconds are counted from."""
        self._video = video

    @cached_property
    def frame_indices(self) -> NDArray[np.int64]:
        """`Frame.index` of every observation, shape (T,)."""
        return numbers(self.observations, "index")

    @cached_property
    def captured_ns(self) -> NDArray[np.int64]:
        """Capture time of every observation, shape (T,), ns."""
        return numbers(self.observations, "captured_ns")

    @cached_property
    def xy(self) -> NDArray[np.float32]:
        """Positions, shape (T, individuals, keypoints, 2), sensor pixels; NaN: not seen."""
        return self._per_individual("xy", (len(self.skeleton.keypoints), 2))

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """Confidence (0 to 1), shape (T, individuals, keypoints); NaN: no such individual."""
        return self._per_individual("confidence", (len(self.skeleton.keypoints),))

    def each_observation(self) -> Iterator[Observation]:
        """What was seen, frame by frame, as the pipeline was told; masks are not recorded."""
        shape = -1, len(self.skeleton.keypoints)
        for batch in self.observations.to_batches(max_chunksize=1024):
            xy, confidence = batch["xy"], batch["confidence"]
            flat_xy, flat_confidence = xy.flatten().to_numpy(), confidence.flatten().to_numpy()
            ends = np.cumsum(pc.list_value_length(confidence).to_numpy())
            tracked = [name for name in _TRACKED if name in self.observations.column_names]
            rest = batch.select([*_PLAIN, *tracked]).to_pylist()
            begin = 0
            for end, row in zip(ends, rest, strict=True):
                n_individuals = (end - begin) // shape[1]
                yield Observation(
                    frame_index=row["index"],
                    captured_ns=row["captured_ns"],
                    xy=flat_xy[2 * begin : 2 * end].reshape(*shape, 2),
                    confidence=flat_confidence[begin:end].reshape(shape),
                    identities=tuple(row.get("identity", ())),
                    identity_confidence=tuple(row.get("identity_confidence", ())),
                    appearance=_appearance(row, n_individuals),
                    class_scores=dict(row["class_scores"]),
                    measures=dict(row["measures"]),
                    novelty=row["novelty"],
                    abstained=row["abstained"],
                    network_ns=row["network_ns"],
                )
                begin = end

    @cached_property
    def features(self) -> dict[str, NDArray[np.float64]]:
        """Values by name, each of shape (T,); NaN where they could not be known."""
        return self._columns(FEATURE)

    @cached_property
    def scores(self) -> dict[str, NDArray[np.float64]]:
        """Scores (0 to 1) by behaviour, each of shape (T,); NaN where they could not be known."""
        return self._columns(SCORE)

    @cached_property
    def video(self) -> RecordedVideo:
        """Images by index.

        Raises:
            RecordingError: If there is no video.
        """
        return self._video()

    @cached_property
    def recorded(self) -> pa.Table:
        """Rows of the ledger whose frames are in the video, in the order of the video."""
        return self.ledger.filter(pc.equal(self.ledger["recording"], str(Fate.RECORDED)))

    def ledger_frame(self) -> "pd.DataFrame":
        """Return the ledger as a data frame, indexed by `index`; see `data_frames.ledger_frame`."""
        from tracker.session_folder.data_frames import ledger_frame

        return ledger_frame(self)

    def observations_frame(self, *, every_slot: bool = False) -> "pd.DataFrame":
        """Return observations as a data frame; see `data_frames.observations_frame`.

        Args:
            every_slot: One row for each frame that the camera counted, NaN where it was lost.
        """
        from tracker.session_folder.data_frames import observations_frame

        return observations_frame(self, every_slot=every_slot)

    def to_xarray(self, *, every_slot: bool = False) -> "xr.Dataset":
        """Return observations as a data set; see `data_frames.to_xarray`.

        Args:
            every_slot: One entry for each frame that the camera counted, NaN where it was lost.
        """
        from tracker.session_folder.data_frames import to_xarray

        return to_xarray(self, every_slot=every_slot)

    def _columns(self, prefix: str) -> dict[str, NDArray[np.float64]]:
        table = self.observations
        found = [name for name in table.column_names if name.startswith(prefix)]
        return {name.removeprefix(prefix): numbers(table, name) for name in found}

    def _per_individual(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        counts = numbers(self.observations, "individuals")
        most = int(counts.max(initial=0))
        values = np.full((len(counts), most, *shape), np.nan, np.float32)
        flat = pc.list_flatten(self.observations[name]).to_numpy()
        values[np.arange(most) < counts[:, None]] = flat.reshape(-1, *shape)
        return values


def _appearance(row: Mapping[str, Any], n_individuals: int) -> NDArray[np.float32] | None:
    values = row.get("appearance")
    return np.array(values, np.float32).reshape(n_individuals, -1) if values else None


def numbers(table: pa.Table, name: str) -> NDArray[Any]:
    """Return a column as NumPy; null, in a column that can have it, is NaN."""
    values: NDArray[Any] = table[name].to_numpy()
    return values
