"""Tracking, features, 20 rules and a classifier on two animals of eight keypoints, per frame.

Budget: 0.3 ms, the ONNX call of the classifier apart; it is taken five times a second, with the
inputs of the shipped `rats_social`. `--hours` runs for longer: the memory of its last two minutes
may not grow.
"""

import re
import tracemalloc
from time import perf_counter_ns, thread_time_ns
from typing import Any

import numpy as np
from common import arguments, report

from tracker.arena import Arena, ArenaSettings, Circle, Rectangle
from tracker.behaviours.learned import LearnedBehaviour, Told
from tracker.behaviours.text_rule import TextRule
from tracker.build_classifiers import find_classifier
from tracker.episodes import EpisodeBuilder, EpisodeSettings
from tracker.features import FeatureExtractor, FeatureSettings
from tracker.features.catalogue import Catalogue, Quantity
from tracker.runtimes.classifier import Classifier
from tracker.tracking import Tracker, TrackingSettings
from tracker.types import Observation, Skeleton
from tracker.watching import Watch, Watching

KEYPOINTS = ("nose", "left_ear", "right_ear", "neck", "back", "left_hip", "right_hip", "tail_base")
PERIOD_NS = 20_000_000
BUDGET_MS = 0.3
N_FRAMES = 6000
"""Two minutes at 50 frames per second, again and again."""

RULES = {
    "still": "fastest_keypoint < 1.5 cm/s ~ 0.5 cm/s",
    "still_b": "fastest_keypoint(b) < 1.5 cm/s ~ 0.5 cm/s",
    "runs": "speed > 10 cm/s ~ 3 cm/s",
    "runs_b": "speed(b) > 10 cm/s ~ 3 cm/s",
    "turns": "abs(angular_speed) > 120 deg/s and speed < 5 cm/s",
    "starts_off": "acceleration > 20 cm/s2",
    "in_nest": "in zone.nest",
    "sniffs_port": "nose in zone.port and body_length > 4 cm",
    "along_wall": "0 cm < distance(nose, wall) < 3 cm",
    "curled": "body_length < 4 cm or abs(body_angle) > 60 deg",
    "nose_to_nose": "distance(a.nose, b.nose) < 2 cm",
    "nose_to_tail": "distance(a.nose, b.tail_base) < 2 cm and facing(a, b) < 30 deg",
    "investigates": "median(nearest(a.nose, b), 0.3 s) < 2 cm",
    "approaches": "approach_speed(a, b) > 5 cm/s and facing(a, b) < 45 deg",
    "flees": "approach_speed(b, a) < -5 cm/s and distance(a, b) < 20 cm",
    "follows": "episode.approaches and speed(b) > 5 cm/s",
    "third_visit": "entering(zone.port) and count(entering(zone.port)) == 3",
    "stops_outside": "speed < 2 cm/s after leaving(zone.nest) within 2 s",
    "long_away": "time_since(in zone.nest) > 1 min",
    "rests_together": "(distance(a, b) < 6 cm and speed < 2 cm/s and speed(b) < 2 cm/s) for 2 s",
}


def walk(rng: np.random.Generator) -> Any:
    """Positions of two animals that walk about, (frames, animals, keypoints, 2), 5 % not found."""
    turn = np.cumsum(rng.normal(0, 0.2, (N_FRAMES, 2)), axis=0)
    way = np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    speed = np.clip(np.cumsum(rng.normal(0, 0.2, (N_FRAMES, 2)), axis=0) % 8 - 2, 0, None)
    place = np.cumsum(speed[..., None] * way, axis=0)
    place = 400 - np.abs(place % 800 - 400)
    along = np.linspace(40, -40, len(KEYPOINTS))[:, None]
    xy = place[:, :, None] + along * way[:, :, None] + rng.normal(0, 0.4, (N_FRAMES, 2, 8, 2))
    xy[rng.random(xy.shape[:3]) < 0.05] = np.nan
    return xy.astype(np.float32)


class Timed:
    """A classifier, and how long its ONNX calls took (ms)."""

    def __init__(self) -> None:
        self._classifier = Classifier(find_classifier("rats_social"))
        self.card = self._classifier.card
        self.last_ms = 0.0

    def step(self, features: Any) -> Any:
        """Make a step, and note how long it took."""
        began = perf_counter_ns()
        answer = self._classifier.step(features)
        self.last_ms = (perf_counter_ns() - began) / 1e6
        return answer

    def reset(self) -> None:
        """Forget all steps."""
        self._classifier.reset()


def learned(model: Timed, catalogue: Catalogue) -> tuple[LearnedBehaviour, list[Quantity]]:
    """The class `social`, of the same inputs on other keypoints."""
    named = {"top": "nose", "body": "back", "tail": "tail_base"}
    texts = [re.sub(r"(?<=\.)\w+", lambda m: named[m[0]], text) for text in model.card.inputs]
    inputs = [catalogue.find_text(text, "here") for text in texts]
    card = model.card
    told = Told(
        model,
        [each.name for each in inputs],
        step_s=card.step_s,
        warm_up_s=card.warm_up_s,
        blind_s=card.blind_s,
    )
    return LearnedBehaviour("social", told, 1, 0.0, card.fps), inputs


def made(model: Timed) -> tuple[Tracker, FeatureExtractor, Watching]:
    zones = {
        "floor": Rectangle(x_px=0, y_px=0, width_px=400, height_px=400),
        "nest": Rectangle(x_px=0, y_px=0, width_px=100, height_px=100),
        "port": Circle(x_px=350, y_px=350, radius_px=25),
    }
    arena = Arena(ArenaSettings(px_per_cm=10, zones=zones, floor="floor"))
    settings, skeleton = FeatureSettings(), Skeleton(KEYPOINTS)
    catalogue = Catalogue(settings, skeleton, arena)
    names = list(RULES)
    rules = [TextRule(name, RULES[name], catalogue, names[:i]) for i, name in enumerate(names)]
    wanted = [catalogue.find_text(each, "here") for rule in rules for each in rule.features]
    classifier, inputs = learned(model, catalogue)
    wanted += inputs
    watches = [
        Watch(each, EpisodeBuilder(each.name, "a", EpisodeSettings()))
        for each in (*rules, classifier)
    ]
    extractor = FeatureExtractor(settings, skeleton, arena, wanted=wanted, catalogue=catalogue)
    tracker = Tracker(("a", "b"), skeleton, TrackingSettings(animals=("a", "b")))
    return tracker, extractor, Watching(watches)


def main() -> None:
    parser = arguments(__doc__ or "", rounds=5)
    parser.add_argument(
        "--hours", type=float, default=0.0, help="h of captured time for the growth"
    )
    asked = parser.parse_args()
    rounds = max(3, asked.rounds, round(asked.hours * 3600e9 / (N_FRAMES * PERIOD_NS)))
    xy, sure = walk(np.random.default_rng(0)), np.ones((2, len(KEYPOINTS)), np.float32)
    model = Timed()
    tracker, extractor, watching = made(model)
    taken, worked, onnx = np.zeros((2, N_FRAMES)), np.zeros(N_FRAMES), []
    sizes_kib = []
    for turn in range(rounds):
        for i, each in enumerate(xy):
            index = turn * N_FRAMES + i
            seen = Observation(index, index * PERIOD_NS, each, sure)
            model.last_ms = 0.0
            began, busy = perf_counter_ns(), thread_time_ns()
            tracked = tracker.update(seen)
            watching.step(tracked, extractor.update(tracked))
            ended, worked_ns = perf_counter_ns(), thread_time_ns() - busy
            if turn == 0:
                worked[i] = worked_ns / 1e6 - model.last_ms
                onnx += [model.last_ms] if model.last_ms else []
            taken[min(turn, 1), i] = (ended - began) / 1e6 - model.last_ms  # the first, the last
        if turn == max(0, rounds - 3):
            tracemalloc.start()  # it slows everything down: the last two rounds alone
        elif tracemalloc.is_tracing():
            sizes_kib.append(tracemalloc.get_traced_memory()[0] / 1024)
    tracemalloc.stop()
    report(
        f"Tracking, {len(extractor.names)} features, {len(RULES)} rules and a classifier on two "
        f"animals, per frame",
        [
            {
                "median ms": float(np.median(taken[0])),
                "p99 ms": float(np.percentile(taken[0], 99)),
                "mean on the processor ms": float(worked.mean()),
                "budget ms": BUDGET_MS,
                "its ONNX call ms": float(np.median(onnx)),
                "hours": rounds * N_FRAMES * PERIOD_NS / 3600e9,
                "grew by KiB": sizes_kib[-1] - sizes_kib[0] if len(sizes_kib) > 1 else 0.0,
            }
        ],
        asked.json,
    )


if __name__ == "__main__":
    main()
