"""Small session folders with known bouts, and videos with a known animal, for tests of batches."""

from fractions import Fraction

from report_sessions import FPS, frame_ns, session
from tiny_networks import draw_animal, spots
from videos import write_pictures

from tracker.types import Episode, Onset

SHAPE = (96, 128)

CONFIG = """
rig:
  camera: {kind: opencv, device: 0}
  arena: {px_per_cm: 10.0}
model: {network: NETWORK, provider: cpu}
behaviours:
  moving:
    rule: {kind: threshold, feature: speed_cm_s, above: 2.0, softness: 0.5}
    episode: {enter: 0.7, leave: 0.5, min_duration_s: 0.1, max_gap_s: 0.1}
"""


def bout(n, first, last, behaviour="freezing", *, cut=False):
    """A bout from one frame to another, both included."""
    onset = Onset(
        f"{behaviour}/m1/{n}", behaviour, "m1", first, frame_ns(first), last, frame_ns(last)
    )
    return Episode(onset, last, frame_ns(last), ended_by_session=cut)


def session_with(folder, *bouts, seconds=10, **options):
    """A session of a number of seconds at 20 frames/s."""
    return session(folder, n_frames=round(seconds * FPS), episodes=bouts, **options)


def write_config(folder):
    """An experiment with a tiny network that finds the brightest and the darkest pixel."""
    network = spots(folder / "spots.onnx")
    path = folder / "experiment.yaml"
    path.write_text(CONFIG.replace("NETWORK", f"'{network}'"), encoding="utf-8")
    return path


def write_clip(path, n_frames=60, *, pause=range(20, 40), seed=0):
    """An animal that runs 2 px a frame at 25 frames/s (5 cm/s), to and fro, but for a pause."""
    x, step, pictures = 20.0 + seed, 2.0, []
    for index in range(n_frames):
        if index not in pause:
            x += step
        if not 20 < x < 100:
            step = -step
        pictures.append(draw_animal(SHAPE, (x, 30), (x, 60)))
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_pictures(path, pictures, range(n_frames), "ffv1", "gray", Fraction(1, 25))


def cut_short(path):
    """Take away the second half of a file, as a copy that was broken off."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path
