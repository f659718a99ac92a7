"""NWB: poses (ndx-pose), features and scores over true times, events, the video beside the file."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tracker.errors import MissingExtra
from tracker.export.session_view import SessionView, unit_of, way_to
from tracker.export.tables import Table, tables_of

if TYPE_CHECKING:
    from pynwb import NWBFile, ProcessingModule, TimeSeries
    from pynwb.device import Device
    from pynwb.event import EventsTable
    from pynwb.file import Subject
    from pynwb.image import ImageSeries

ANY_AGE = "P0D/"
"""Age "0 days or more" (ISO 8601, and DANDI's ranges): how one says that it is not known."""

ANY_ANIMAL = "http://purl.obolibrary.org/obo/NCBITaxon_33208"
"""NCBI's taxon Metazoa, animals: what is known of the species if nobody has said it."""

ANY_SEX = "U"
"""NWB's word for a sex that is not known."""

FACTS = "facts"
"""Column that NWB does not get: it takes no JSON in cells."""

REFERENCE_FRAME = "(0, 0) is the centre of the top left pixel; x to the right, y down"


def names(view: SessionView) -> list[str]:
    """Return the name of the file that `write` makes."""
    return [f"{view.name}.nwb"]


def write(view: SessionView, folder: Path, home: Path, _tick: Callable[[int, int], None]) -> None:
    """Write one NWB file; its times are s since the first frame, which is its start time.

    Args:
        view: What to write.
        folder: Where to write it.
        home: Where the file will lie afterwards, which the video's path is relative to.

    Raises:
        MissingExtra: If pynwb or ndx-pose is not installed.
    """
    try:
        import ndx_pose  # noqa: F401 - registers its types
        from pynwb import NWBHDF5IO
    except ImportError as error:
        raise MissingExtra("export", "writing NWB") from error
    file = _file(view)
    camera = file.create_device(
        name="camera", description=view.recording.session["camera"]["name"] or "a camera"
    )
    video = _add_video(file, view, home, camera)
    behaviour = file.create_processing_module(
        name="behavior", description="poses, features and scores of behaviours, computed live"
    )
    times = _add_poses(behaviour, view, camera, video)
    _add_series(behaviour, view, times)
    for table in tables_of(view):
        if table.n_rows:
            file.add_events_table(_events(table))
    with NWBHDF5IO(folder / names(view)[0], "w") as io:
        io.write(file)


def _file(view: SessionView) -> "NWBFile":
    from pynwb import NWBFile

    session = view.recording.session
    provenance = session["provenance"]
    experimenter = provenance.get("experimenter") or ""
    return NWBFile(
        session_description=f"behaviour of {', '.join(view.individuals)}, watched live",
        identifier=session["session_id"],
        session_id=session["session_id"],
        session_start_time=view.zero_utc,
        experimenter=[experimenter] if experimenter else None,
        notes=_notes(view),
        protocol=provenance.get("protocol") or None,
        source_script=json.dumps(provenance, default=str),
        source_script_file_name="session.json",
        was_generated_by=[["behaviour-tracker", str(provenance.get("tracker", "unknown"))]],
        subject=_subject(view),
    )


def _notes(view: SessionView) -> str | None:
    told = view.recording.session["provenance"].get("notes") or ""
    return "\n".join([*([told] if told else []), *view.notes]) or None


def _subject(view: SessionView) -> "Subject":
    from pynwb.file import Subject

    subject = view.recording.session["provenance"].get("subject") or view.individuals[0]
    return Subject(
        subject_id=subject,
        age=view.session_setting("age") or ANY_AGE,
        species=view.session_setting("species") or ANY_ANIMAL,
        sex=view.session_setting("sex") or ANY_SEX,
        description=f"subject {subject}",
    )


def _add_video(
    file: "NWBFile", view: SessionView, home: Path, camera: "Device"
) -> "ImageSeries | None":
    from pynwb.image import ImageSeries

    in_video = view.every.video_frame >= 0
    if not in_video.any():
        return None
    segments = view.every.segment[in_video]
    crop = view.recording.session["recorder"].get("crop")
    height, width = view.recording.session["camera"]["shape"][:2]
    if crop:
        height, width = min(height, crop["height_px"]), min(width, crop["width_px"])
    video = ImageSeries(
        name="video",
        description="as recorded: one time per frame in the file; the rate is not constant",
        external_file=[way_to(path, home) for path in view.video_files],
        format="external",
        starting_frame=np.searchsorted(segments, np.arange(len(view.video_files))),
        timestamps=(view.every.captured_ns[in_video] - view.zero_ns) / 1e9,
        dimension=[width, height],
        unit="n.a.",
        device=camera,
    )
    file.add_acquisition(video)
    return video


def _add_poses(
    module: "ProcessingModule", view: SessionView, camera: "Device", video: "ImageSeries | None"
) -> Any:
    """Add one PoseEstimation per individual; return what other series take their times from."""
    from ndx_pose import PoseEstimation, PoseEstimationSeries, Skeleton, Skeletons

    skeleton = Skeleton(
        name=_safe(view.network),
        nodes=list(view.keypoints),
        edges=np.array(view.recording.skeleton.edges, np.uint8).reshape(-1, 2),
    )
    module.add(Skeletons(skeletons=[skeleton]))
    times: Any = _packed(view.time_s)
    for k, individual in enumerate(view.individuals):
        series = []
        for n, keypoint in enumerate(view.keypoints):
            series.append(
                PoseEstimationSeries(
                    name=_safe(keypoint),
                    description=f"{keypoint} of {individual}",
                    data=_packed(view.xy[:, k, n]),
                    unit="pixels",
                    reference_frame=REFERENCE_FRAME,
                    confidence=_packed(view.confidence[:, k, n]),
                    confidence_definition="as the network states it, 0 to 1",
                    timestamps=times,
                )
            )
            times = series[0] if k == n == 0 else times
        module.add(
            PoseEstimation(
                name="PoseEstimation" if len(view.individuals) == 1 else _pose_name(individual),
                pose_estimation_series=series,
                description=f"keypoints of {individual}, as they were known in each frame",
                device=camera,
                source_video=video,
                scorer=view.network,
                source_software=view.program,
                source_software_version=_version_of_source(view),
                skeleton=skeleton,
            )
        )
    return times


def _version_of_source(view: SessionView) -> str:
    """Version of what found the keypoints; files of other programs do not say theirs."""
    ours = view.program == "behaviour-tracker"
    return str(view.recording.session["provenance"].get("tracker")) if ours else "unknown"


def _pose_name(individual: str) -> str:
    return f"PoseEstimation_{_safe(individual)}"


def _add_series(module: "ProcessingModule", view: SessionView, times: "TimeSeries") -> None:
    """Add features, scores and all else that has one number per frame."""
    from pynwb import TimeSeries
    from pynwb.behavior import BehavioralTimeSeries

    groups: dict[str, list[TimeSeries]] = {}
    for column, values in view.columns.items():
        kind, _, name = column.rpartition("/")
        unit = unit_of(name) if kind in ("feature", "measure", "clock") else "1"
        series = TimeSeries(
            name=_safe(name),
            description=f"{column}: one value per frame, NaN where it was not known",
            data=_packed(values),
            unit=unit,
            timestamps=times,
        )
        groups.setdefault(_GROUPS.get(kind, "frames"), []).append(series)
    for group, found in groups.items():
        module.add(BehavioralTimeSeries(name=group, time_series=found))


_GROUPS: Mapping[str, str] = {
    "feature": "features",
    "score": "scores",
    "class": "classes",
    "measure": "measures",
    "identity_confidence": "identities",
    "clock": "clocks",
}
"""Container of each kind of column."""


def _events(table: Table) -> "EventsTable":
    from hdmf.common import VectorData
    from pynwb.event import DurationVectorData, EventsTable, TimestampVectorData

    columns: list[Any] = []
    for name, values in table.columns.items():
        if name == FACTS:
            continue
        about = table.about[name]
        if name == "time_s":
            kind, column = TimestampVectorData, "timestamp"
        elif name == "duration_s":
            kind, column = DurationVectorData, "duration"
        else:
            kind, column = VectorData, name
        columns.append(kind(name=column, description=about, data=_without_none(values)))
    return EventsTable(name=table.name, description=table.description, columns=columns)


def _without_none(values: Iterable[Any]) -> list[Any]:
    """The same where NWB has no word for nothing: NaN among numbers, "" among texts."""
    known = [value for value in values if value is not None]
    if len(known) == len(list(values)):
        return list(values)
    if known and isinstance(known[0], str):
        return ["" if value is None else value for value in values]
    return [float("nan") if value is None else float(value) for value in values]


def _packed(values: NDArray[Any]) -> Any:
    from pynwb import H5DataIO

    return H5DataIO(values, compression="gzip", shuffle=True)


def _safe(name: str) -> str:
    """A name that NWB takes: no slash, no colon."""
    return re.sub(r"[/\\:]", "_", name)
