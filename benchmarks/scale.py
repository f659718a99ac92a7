"""Many cages for a long time, on paper: bytes, cores, money. The arithmetic of docs/batch.md.

    python benchmarks/scale.py                                   # with the figures stated there
    python benchmarks/scale.py --measure mice.mp4                # bytes per frame and rate, here
    python benchmarks/scale.py --cages 24 --days 30 --fps 60 --storage-price 10

bytes = cages x seconds x frames/s x bytes per frame; cores = cages x frames/s / (frames that a core
does in a second); money = bytes x price of storage x months kept + core hours x price of one.
Measured figures and prices are inputs: put your own.
"""

import argparse
import tempfile
from pathlib import Path
from time import process_time
from typing import Any

from common import report, run_recorded

TABLES = ("frames.arrow", "observations.arrow", "episodes.jsonl")

CODECS = ("ffv1", "h264", "none")

DAY_S = 86_400

MONTH_DAYS = 365 / 12


def main() -> None:
    asked = parse()
    if asked.measure:
        rows = [measure(video, asked.config, codec) for video in asked.measure for codec in CODECS]
        report("One frame: bytes, and how many a core does in a second", rows, asked.json)
        return
    part = asked.kept
    some_s = part / asked.h264_fps + (1 - part) / asked.none_fps
    rows = [
        plan(asked, "ffv1", asked.ffv1_bytes, 1 / asked.ffv1_fps),
        plan(asked, "h264", asked.h264_bytes, 1 / asked.h264_fps),
        plan(asked, f"h264, {part:.0%}", asked.h264_bytes * part, some_s),
        plan(asked, "tables", 0.0, 1 / asked.none_fps),
    ]
    title = f"{asked.cages:g} cages, {asked.days:g} days, {asked.fps:g} frames/s"
    report(title, rows, asked.json)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--measure", nargs="+", help="videos: measure in place of planning")
    parser.add_argument("--config", default="open_field", help="of the measurement")
    parser.add_argument("--json", type=Path)
    number = {
        "--cages": (1000, "cages"),
        "--days": (365, "days"),
        "--fps": (30, "frames/s of a camera"),
        "--ffv1-bytes": (175_711, "bytes of a frame, lossless"),
        "--h264-bytes": (18_838, "bytes of a frame, h264 at crf 18"),
        "--table-bytes": (360, "bytes of a frame in all tables"),
        "--ffv1-fps": (81, "frames that a core does in a second, lossless video written"),
        "--h264-fps": (177, "the same, h264 written"),
        "--none-fps": (273, "the same, no video written"),
        "--kept": (0.1, "share of the time whose video is kept"),
        "--storage-price": (20, "of one TB for a month"),
        "--core-price": (0.04, "of a core for an hour"),
        "--kept-months": (12, "that bytes are kept after the end"),
    }
    for name, (default, text) in number.items():
        parser.add_argument(name, type=float, default=default, help=f"{text}; default {default:g}")
    return parser.parse_args()


def plan(
    asked: argparse.Namespace, what: str, video_bytes: float, frame_s: float
) -> dict[str, Any]:
    """One way to record: what it takes. Bytes grow evenly, and are kept for some months then."""
    frames = asked.cages * asked.days * DAY_S * asked.fps
    terabytes = frames * (video_bytes + asked.table_bytes) / 1e12
    months = asked.days / MONTH_DAYS / 2 + asked.kept_months
    core_hours = frames * frame_s / 3600
    return {
        "what": what,
        "TB": terabytes,
        "MB/s": terabytes * 1e6 / (asked.days * DAY_S),
        "cores": asked.cages * asked.fps * frame_s,
        "core hours, 1000": core_hours / 1e3,
        "storage, 1000": terabytes * months * asked.storage_price / 1e3,
        "cores, 1000": core_hours * asked.core_price / 1e3,
    }


def measure(video: str, config: str, codec: str) -> dict[str, Any]:
    """Run a video with one codec; the time is that of the processor, all threads together."""
    camera = f'{{kind: video_file, path: "{Path(video).as_posix()}", fast: true}}'
    with tempfile.TemporaryDirectory() as out:
        began = process_time()
        changes = [f"rig.camera={camera}", f"outputs.recording.codec={codec}"]
        recording = run_recorded(changes, config, Path(out))
        core_s = process_time() - began  # of all threads
        frames = recording.totals()["captured"]
        sizes = {path.name: path.stat().st_size for path in recording.folder.iterdir()}
    video_bytes = sum(size for name, size in sizes.items() if name.startswith("video"))
    return {
        "video": Path(video).name,
        "codec": codec,
        "frames": frames,
        "video bytes": video_bytes / frames,
        "table bytes": sum(sizes.get(name, 0) for name in TABLES) / frames,
        "frames per core second": frames / core_s,
    }


if __name__ == "__main__":
    main()
