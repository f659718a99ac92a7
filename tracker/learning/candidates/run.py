"""Sessions → a folder for someone to look through and name: sheet, page, films, bouts."""

import csv
import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np

from tracker.annotations.boris import COLUMNS, NOT_KNOWN
from tracker.errors import ConfigError
from tracker.learning.candidates.clusters import CandidateBout, clustered
from tracker.learning.candidates.moments import moments_of
from tracker.learning.candidates.pictures import Picture, examples, picture, strip
from tracker.recording import Recording

SHOWN = 4
"""Examples of each candidate."""

FILM_FPS, FILM_S = 25, 3.0
"""Of the films: pictures per second, and how much of each example they show."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is to be said of a candidate behaviour.

    Attributes:
        number: From 1, the most frequent first.
        share: Of the windows in which an animal is known, 0 to 1.
        bouts: How many.
        median_s: Their median length (s).
        sessions: In how many sessions it is.
    """

    number: int
    share: float
    bouts: int
    median_s: float
    sessions: int


def find_candidates(
    folders: Sequence[Path],
    out: Path,
    *,
    window_s: float = 0.5,
    n_clusters: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Candidate]:
    """Look for candidate behaviours and write `candidates.png`, `.html`, `bouts.csv` and the rest.

    For each session one file of events as BORIS has them; for each candidate a film if there is a
    video.

    Args:
        folders: Session folders.
        out: Folder to make; it must not be there.
        window_s: Length of the windows (s).
        n_clusters: How many candidates; None: as many as the data bear.
        seed: The same gives the same.
        progress: Told how many parts of the work are done, and of how many.

    Raises:
        ConfigError: If `out` is there, or there is too little to go by.
        RecordingError: If a session cannot be read.
    """
    if out.exists():
        raise ConfigError(f"{out} is there already: nothing is overwritten, choose another --out")
    recordings = [Recording(folder) for folder in folders]
    _refuse_unlike(recordings)
    moments = [moments_of(each, window_s) for each in recordings]
    bouts = clustered(moments, n_clusters, seed)
    numbers = sorted({each.candidate for each in bouts})
    n_windows = sum(_windows(each, recordings, window_s) for each in bouts)
    out.mkdir(parents=True)
    found, strips = [], []
    for done, number in enumerate(numbers):
        progress(done, len(numbers) + 1)
        mine = [each for each in bouts if each.candidate == number]
        shown = examples(mine, SHOWN)
        strips.append([strip(recordings[each.session], each) for each in shown])
        _write_film(out / f"candidate_{number}.mp4", recordings, shown)
        lengths = [_length_s(recordings[each.session], each) for each in mine]
        found.append(
            Candidate(
                number,
                sum(_windows(each, recordings, window_s) for each in mine) / n_windows,
                len(mine),
                float(np.median(lengths)),
                len({each.session for each in mine}),
            )
        )
    _write_sheet(out / "candidates.png", found, strips)
    _write_bouts(out / "bouts.csv", recordings, bouts)
    for number, recording in enumerate(recordings):
        mine = [each for each in bouts if each.session == number]
        _write_boris(out / f"{recording.folder.name}_boris.tsv", recording, mine)
    films = {each.number for each in found if (out / f"candidate_{each.number}.mp4").is_file()}
    page = _page(found, films, [each.folder.name for each in recordings], window_s, seed)
    (out / "candidates.html").write_text(page, encoding="utf-8")
    progress(1, 1)
    return found


def _refuse_unlike(recordings: Sequence[Recording]) -> None:
    for one, other in pairwise(recordings):
        if (
            one.skeleton.keypoints != other.skeleton.keypoints
            or one.xy.shape[1] != (other.xy.shape[1])
        ):
            raise ConfigError(
                f"{one.folder.name} and {other.folder.name} have other keypoints or another number "
                f"of animals: look at them one by one"
            )


def _length_s(recording: Recording, bout: CandidateBout) -> float:
    times = recording.captured_ns
    return float(times[bout.last] - times[bout.first]) / 1e9 + recording.frame_interval_s


def _windows(bout: CandidateBout, recordings: Sequence[Recording], window_s: float) -> float:
    return _length_s(recordings[bout.session], bout) / window_s


def _write_sheet(
    path: Path, found: Sequence[Candidate], strips: Sequence[Sequence[Picture]]
) -> None:
    """Draw a row of examples for each candidate."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = max(map(len, strips))
    figure = Figure(figsize=(4.2 * columns, 1.25 * len(found)), layout="constrained", dpi=110)
    axes = figure.subplots(len(found), columns, squeeze=False)
    for row, each, mine in zip(axes, found, strips, strict=True):
        for place, axis in enumerate(row):
            axis.axis("off")
            if place < len(mine):
                axis.imshow(cv2.cvtColor(mine[place], cv2.COLOR_BGR2RGB))
        row[0].set_title(
            f"{each.number}: {each.share:.0%} of the time, {each.bouts} bouts, "
            f"median {each.median_s:.1f} s",
            fontsize=8,
            loc="left",
        )
    FigureCanvasAgg(figure).print_png(str(path))


def _write_film(
    path: Path, recordings: Sequence[Recording], shown: Sequence[CandidateBout]
) -> None:
    """Write the examples one after the other, if there is a video of one of them."""
    if not any(recordings[each.session].has_video for each in shown):
        return
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=FILM_FPS)
        stream.width = stream.height = 0
        for each in shown:
            recording = recordings[each.session]
            times = recording.captured_ns[each.first : each.last + 1]
            wanted = np.arange(times[0], min(times[-1], times[0] + FILM_S * 1e9), 1e9 / FILM_FPS)
            for row in np.searchsorted(times, wanted) + each.first:
                image = picture(recording, each.animal, int(row))
                if not stream.width:
                    stream.height, stream.width = image.shape[:2]
                    stream.pix_fmt = "yuv420p"
                file.mux(stream.encode(av.VideoFrame.from_ndarray(image, "bgr24")))
        file.mux(stream.encode())


def _write_bouts(
    path: Path, recordings: Sequence[Recording], bouts: Sequence[CandidateBout]
) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["candidate", "session", "animal", "first_frame", "last_frame", "start_s",
                         "length_s", "probability"])  # fmt: skip
        for each in bouts:
            recording = recordings[each.session]
            start_s = (recording.captured_ns[each.first] - recording.captured_ns[0]) / 1e9
            writer.writerow(
                [
                    each.candidate,
                    recording.folder.name,
                    each.who,
                    int(recording.frame_indices[each.first]),
                    int(recording.frame_indices[each.last]),
                    f"{start_s:.3f}",
                    f"{_length_s(recording, each):.3f}",
                    f"{each.sure:.3f}",
                ]
            )


def _write_boris(path: Path, recording: Recording, bouts: Sequence[CandidateBout]) -> None:
    """Write a START and a STOP for each bout, by time from the first frame."""
    times, known = recording.captured_ns, dict.fromkeys(COLUMNS, NOT_KNOWN)
    known |= {"Observation id": recording.folder.name, "Time offset (s)": "0.0", "Comment": ""}
    known |= {"Observation type": "Live observation", "Behavioral category": ""}
    known["FPS"] = f"{1 / recording.frame_interval_s:.3f}"
    rows = []
    for each in bouts:
        for kind, row in (("START", each.first), ("STOP", each.last)):
            event = known | {"Subject": each.who, "Behavior": f"candidate_{each.candidate}"}
            event |= {"Behavior type": kind, "Image index": str(int(recording.frame_indices[row]))}
            rows.append((int(times[row]), kind != "START", event))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t")
        writer.writeheader()
        for at_ns, _, event in sorted(rows, key=lambda each: each[:2]):
            writer.writerow(event | {"Time": f"{(at_ns - times[0]) / 1e9:.3f}"})


def _page(
    found: Sequence[Candidate], films: set[int], sessions: Sequence[str], window_s: float, seed: int
) -> str:
    rows = "".join(
        f"<tr><td>{each.number}</td><td>{each.share:.1%}</td><td>{each.bouts}</td>"
        f"<td>{each.median_s:.2f} s</td><td>{each.sessions}</td></tr>"
        for each in found
    )
    clips = "".join(
        f'<figure><video src="candidate_{each.number}.mp4" controls loop muted></video>'
        f"<figcaption>candidate {each.number}</figcaption></figure>"
        for each in found
        if each.number in films
    )
    return f"""<!doctype html>
<meta charset="utf-8"><title>Candidate behaviours</title>
<style>body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 1200px; }}
td, th {{ padding: 0.15em 0.8em; text-align: right; }} img {{ width: 100%; }}
.films {{ display: flex; flex-wrap: wrap; gap: 1em; }} figure {{ margin: 0; }}</style>
<h1>Candidate behaviours</h1>
<p>Moments of {window_s:g} s that look alike (seed {seed}), in {html.escape(", ".join(sessions))}.
They are no behaviours yet: look at them, and name those that are. bouts.csv and the files for BORIS
have every bout.</p>
<table><tr><th>candidate</th><th>of the time</th><th>bouts</th><th>median</th><th>sessions</th></tr>
{rows}</table>
<img src="candidates.png" alt="examples of each candidate, five frames each">
<div class="films">{clips}</div>
"""
