"""Throughput of `tracker batch` by the number of workers, each with one thread of the network.

    python benchmarks/batch.py                      # films of the synthetic mouse, made first
    python benchmarks/batch.py 'recordings/*.mp4' --workers 1 2 4

The time is that of the whole command, start of the workers included. The budget is the number of
workers, up to the cores; other programs on the machine count against it.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from common import arguments, report, run_recorded

from tracker.batch.table import read_summary


def main() -> None:
    parser = arguments(__doc__ or "", rounds=1)
    parser.add_argument("recordings", nargs="*", help="as of tracker batch")
    parser.add_argument("--config", default="open_field")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--films", type=int, default=4, help="of the synthetic mouse")
    parser.add_argument("--frames", type=int, default=1800, help="of each film")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        films = asked.recordings or make_films(Path(place), asked.films, asked.frames)
        rows: list[dict[str, Any]] = []
        for n in asked.workers:
            outs = [Path(place) / f"{n}_{k}" for k in range(asked.rounds)]
            runs = [measure(films, asked.config, n, out) for out in outs]
            best = min(runs, key=lambda row: row["s"])
            rows.append(best | {"over the first": rows[0]["s"] / best["s"] if rows else 1.0})
    report("tracker batch by workers", rows, asked.json)


def make_films(place: Path, n_films: int, n_frames: int) -> list[str]:
    """Films of different mice, as a camera with H.264 would leave them."""
    films = []
    for seed in range(n_films):
        changes = ["rig.camera.paced=false", f"rig.camera.n_frames={n_frames}"]
        changes += [f"rig.camera.seed={seed}", "outputs.recording.codec=h264"]
        recording = run_recorded(changes, "demo", place / "films")
        film = place / f"mouse_{seed}.mkv"
        (recording.folder / "video.mkv").rename(film)
        films.append(str(film))
    return films


def measure(films: list[str], config: str, n: int, out: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "tracker", "batch", *films, "--config", config]
    began = perf_counter()
    done = subprocess.run(
        [*command, "--workers", str(n), "--out", str(out), "--json"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    seconds = perf_counter() - began
    rows = read_summary(out / "summary.parquet").to_pylist()
    frames = sum({row["recording"]: row["frames"] for row in rows}.values())
    return {
        "workers": n,
        "recordings": json.loads(done.stdout)["made"],
        "frames": frames,
        "s": seconds,
        "frames/s": frames / seconds,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan"),
    }


if __name__ == "__main__":
    main()
