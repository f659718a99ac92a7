"""What a session says, as data frames (pandas) and as a data set (xarray); extra `export`.

Beside each time in ns on the session clock stand seconds since the session's first frame (`_s`),
and for the moment of a row its UTC (`utc`), to the ns.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tracker.errors import MissingExtra
from tracker.session_folder.rows import SCORE
from tracker.session_folder.stretch import Origin, Stretch, numbers
from tracker.stimuli import PulseTrain, StimulusRow, stimulus_fields
from tracker.types import Episode, Onset

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_TRAIN = tuple(field.name for field in fields(PulseTrain))


def ledger_frame(stretch: Stretch) -> "pd.DataFrame":
    """Return one row per frame that the camera counted, lost ones included.

    Indexed by `index`, the camera's count. `time_s` and `utc` are those of its exposure's end; of a
    frame that never arrived they are missing, like its other times. Columns in ns are
    nullable integers.

    Raises:
        MissingExtra: If pandas is not installed.
    """
    pd = _pandas()
    table, origin = stretch.ledger, stretch.origin
    frame = pd.DataFrame(_when(numbers(table, "captured_ns"), origin))
    for name in table.column_names:
        values = table[name].to_pandas(integer_object_nulls=True)
        frame[name] = values.astype("Int64") if name.endswith("_ns") else values
    return frame.set_index("index")


def observations_frame(stretch: Stretch, *, every_slot: bool = False) -> "pd.DataFrame":
    """Return one row per processed frame, or one per frame that the camera counted.

    Indexed by `index`, the camera's count. Columns: `time_s`, `utc`; for each keypoint
    `<name>_x_px`, `<name>_y_px`, `<name>_confidence` (with several individuals `individual_<n>_`
    before it, n from 0); each feature and each measure under its name, `class/<name>`,
    `score/<behaviour>`, `novelty`, `abstained`. With `every_slot` also `fate`, and all else is
    missing in rows of frames that were not processed; `time_s` is known of those that arrived.

    Raises:
        MissingExtra: If pandas is not installed.
    """
    pd = _pandas()
    columns: dict[str, Any] = _when(stretch.captured_ns, stretch.origin)
    columns |= _keypoints(stretch)
    columns |= {name: _by_name(stretch, "measures", name) for name in _names(stretch, "measures")}
    columns |= stretch.features
    for name in _names(stretch, "class_scores"):
        columns[f"class/{name}"] = _by_name(stretch, "class_scores", name)
    columns |= {SCORE + name: values for name, values in stretch.scores.items()}
    columns["novelty"] = numbers(stretch.observations, "novelty")
    columns["abstained"] = numbers(stretch.observations, "abstained")
    frame = pd.DataFrame(columns, index=pd.Index(stretch.frame_indices, name="index"))
    if not every_slot:
        return frame
    slots = ledger_frame(stretch)[["time_s", "utc", "fate"]]
    frame["abstained"] = frame["abstained"].astype("boolean")
    return slots.join(frame.drop(columns=["time_s", "utc"]))


def to_xarray(stretch: Stretch, *, every_slot: bool = False) -> "xr.Dataset":
    """Return observations as a data set, along the dimension `time`: s since the first frame.

    Variables: `position` (time, individual, keypoint, space) in sensor pixels, `confidence`, and
    each feature and `score/<behaviour>` along time. Coordinates along time: `index`, `utc`.

    Args:
        stretch: What to take.
        every_slot: One entry for each frame that the camera counted. The time of a frame that
            never arrived lies on the straight line between those beside it; its values are NaN.

    Raises:
        MissingExtra: If xarray is not installed.
    """
    try:
        import xarray as xr
    except ImportError as failure:
        raise MissingExtra("export", "a data set") from failure
    indices, captured_ns = stretch.frame_indices, stretch.captured_ns.astype(np.float64)
    rows = np.arange(len(indices))
    if every_slot:
        seen, indices = indices, numbers(stretch.ledger, "index")
        rows = np.searchsorted(indices, seen)
        captured_ns = filled_times(
            indices, numbers(stretch.ledger, "captured_ns").astype(np.float64)
        )
    n = len(indices)
    per_frame = stretch.features | {SCORE + name: each for name, each in stretch.scores.items()}
    place = ("time", "individual", "keypoint")
    return xr.Dataset(
        {
            "position": ((*place, "space"), spread_rows(stretch.xy, rows, n)),
            "confidence": (place, spread_rows(stretch.confidence, rows, n)),
            **{name: ("time", spread_rows(each, rows, n)) for name, each in per_frame.items()},
        },
        coords={
            "time": stretch.origin.seconds(captured_ns),
            "individual": np.arange(stretch.xy.shape[1]),
            "keypoint": list(stretch.skeleton.keypoints),
            "space": ["x", "y"],
            "index": ("time", indices),
            "utc": ("time", _utc(captured_ns, stretch.origin).tz_localize(None).to_numpy()),
        },
        attrs={"unit_of_position": "sensor px", "unit_of_time": "s since the first frame"},
    )


def episodes_frame(
    episodes: Iterable[Episode],
    open_onsets: Iterable[Onset],
    origin: Origin,
    frame_interval_s: float,
) -> "pd.DataFrame":
    """Return one row per episode, in the order of their onsets; first and last frame inclusive.

    The end of an episode that was going on when the program died is missing. `end_s` is the capture
    of the last frame; `duration_s` contains that frame, and so `frame_interval_s` more.

    Raises:
        MissingExtra: If pandas is not installed.
    """
    pd = _pandas()
    ended = [(each.onset, each) for each in episodes]
    both = [*ended, *((onset, None) for onset in open_onsets)]
    both.sort(key=lambda each: each[0].onset_ns)
    onsets, ends = [onset for onset, _ in both], [end for _, end in both]

    def seconds(times_ns: Sequence[int | None]) -> NDArray[np.float64]:
        return origin.seconds(_floats(times_ns))

    onset_s = seconds([each.onset_ns for each in onsets])
    end_s = seconds([each.end_ns if each else None for each in ends])
    end_index = [each.end_index if each else None for each in ends]
    by_session = [each.ended_by_session if each else None for each in ends]
    columns = {
        "behaviour": [each.behaviour for each in onsets],
        "subject": [each.subject for each in onsets],
        "onset_s": onset_s,
        "confirmed_s": seconds([each.confirmed_ns for each in onsets]),
        "end_s": end_s,
        "duration_s": end_s - onset_s + frame_interval_s,
        "utc": _utc(_floats([each.onset_ns for each in onsets]), origin),
        "onset_index": [each.onset_index for each in onsets],
        "confirmed_index": [each.confirmed_index for each in onsets],
        "end_index": pd.array(end_index, dtype="Int64"),
        "ended_by_session": pd.array(by_session, dtype="boolean"),
    }
    names = pd.Index([each.episode_id for each in onsets], name="episode_id", dtype="str")
    return pd.DataFrame(columns, index=names)


def stimuli_frame(rows: Iterable[StimulusRow], origin: Origin) -> "pd.DataFrame":
    """Return one row per stimulus command, in the order in which it was known what became of it.

    Columns as in stimuli.jsonl, pulse trains laid flat as `train_<name>`; what the rule looked at
    as `value/<feature>`. `captured_s`, `commanded_s`, `acknowledged_s` are seconds since the first
    frame, and `utc` is that of the acknowledgement, or else of the exposure.

    Raises:
        MissingExtra: If pandas is not installed.
    """
    pd = _pandas()
    flat = [_flat(row) for row in rows]
    times = {
        stage: _floats([row.get(f"{stage}_ns") for row in flat])
        for stage in ("captured", "commanded", "acknowledged")
    }
    about = ("stimulus_id", "controller", "output", "action", "arm", "delivery", "refusal")
    names = list(dict.fromkeys([*about, *(name for row in flat for name in row)]))
    frame = pd.DataFrame({name: [row.get(name) for row in flat] for name in names})
    for name in names:
        if name.endswith(("_ns", "_us", "_index", "_n_pulses")):
            frame[name] = frame[name].astype("Int64")
    for number, (stage, values) in enumerate(times.items()):
        frame.insert(1 + number, f"{stage}_s", origin.seconds(values))
    done_ns = np.where(np.isnan(times["acknowledged"]), times["captured"], times["acknowledged"])
    frame.insert(4, "utc", _utc(done_ns, origin))
    return frame.set_index("stimulus_id")


def _flat(row: StimulusRow) -> dict[str, Any]:
    flat = stimulus_fields(row)
    values, train = flat.pop("values"), flat.pop("train")
    flat = {name: str(each) if name in _WORDS and each else each for name, each in flat.items()}
    flat |= {f"train_{name}": getattr(train, name) if train else None for name in _TRAIN}
    return flat | {f"value/{name}": value for name, value in values.items()}


_WORDS = ("action", "arm", "delivery", "refusal")


def _keypoints(stretch: Stretch) -> dict[str, NDArray[Any]]:
    columns: dict[str, NDArray[Any]] = {}
    n = stretch.xy.shape[1]
    for i in range(max(n, 1)):
        for k, keypoint in enumerate(stretch.skeleton.keypoints):
            name = keypoint if n <= 1 else f"individual_{i}_{keypoint}"
            nothing = np.full(len(stretch.xy), np.nan, np.float32)
            columns[f"{name}_x_px"] = stretch.xy[:, i, k, 0] if n else nothing
            columns[f"{name}_y_px"] = stretch.xy[:, i, k, 1] if n else nothing
            columns[f"{name}_confidence"] = stretch.confidence[:, i, k] if n else nothing
    return columns


def _names(stretch: Stretch, column: str) -> list[str]:
    """Return the names in a column of maps, but for those that are features as well."""
    found: dict[str, None] = {}
    for row in stretch.observations[column].to_pylist():
        found.update(dict.fromkeys(name for name, _ in row))
    return [name for name in found if name not in stretch.features]


def _by_name(stretch: Stretch, column: str, name: str) -> NDArray[np.float64]:
    rows = stretch.observations[column].to_pylist()
    return np.array([dict(row).get(name, math.nan) for row in rows], np.float64)


def _when(captured_ns: NDArray[Any], origin: Origin) -> dict[str, Any]:
    return {"time_s": origin.seconds(captured_ns), "utc": _utc(captured_ns, origin)}


def _utc(times_ns: NDArray[Any], origin: Origin) -> Any:
    """Return moments in UTC to the ns, as pandas keeps them; NaN is NaT.

    Whole numbers are exact; as floats session times are, below 2^53 ns, which is 104 days.
    """
    pd = _pandas()
    known = np.isfinite(times_ns)
    whole = np.where(known, times_ns, 0).astype(np.int64) + origin.anchor_utc_ns
    whole[~known] = np.iinfo(np.int64).min
    return pd.DatetimeIndex(whole.view("datetime64[ns]"), tz="UTC")


def filled_times(
    indices: NDArray[np.int64], captured_ns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return times with those that are NaN put on lines by index; at the ends, on the last line."""
    known = np.flatnonzero(np.isfinite(captured_ns))
    if len(known) < 2:
        return captured_ns
    filled = np.interp(indices, indices[known], captured_ns[known])
    first, last = known[0], known[-1]
    mean_ns = (captured_ns[last] - captured_ns[first]) / (indices[last] - indices[first])
    filled[:first] = captured_ns[first] + (indices[:first] - indices[first]) * mean_ns
    filled[last + 1 :] = captured_ns[last] + (indices[last + 1 :] - indices[last]) * mean_ns
    return np.asarray(filled, np.float64)


def spread_rows(values: NDArray[Any], rows: NDArray[np.int64], n: int) -> NDArray[Any]:
    """Return values put at rows of n, the others NaN."""
    spread = np.full((n, *values.shape[1:]), np.nan, values.dtype)
    spread[rows] = values
    return spread


def _floats(times_ns: Sequence[int | None]) -> NDArray[np.float64]:
    return np.array([math.nan if each is None else each for each in times_ns], np.float64)


def _pandas() -> Any:
    try:
        import pandas as pd
    except ImportError as failure:
        raise MissingExtra("export", "a data frame") from failure
    return pd
