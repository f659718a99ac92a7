"""The shipped rules, on the truth of the synthetic mouse with the jitter of a network on top."""

from pathlib import Path

import numpy as np
import pytest

from tracker.arena import Arena
from tracker.behaviours.rule import make_rule
from tracker.cameras.synthetic import MouseScript, SyntheticCameraSettings
from tracker.config import load
from tracker.episodes import EpisodeBuilder
from tracker.features import FeatureExtractor
from tracker.scoring import score
from tracker.testing.fixed_observer import FixedObserver
from tracker.types import Episode, Frame, Skeleton

SECONDS = 40
DEMO = load(Path("demo"))


def watch(settings, script, noise_px):
    """Observations of the script, and its episodes; every 20th frame is lost, one jumps."""
    keypoints = script.truth(0).keypoints
    dice = np.random.default_rng(settings.seed)
    noise = dice.normal(0, noise_px, (round(SECONDS * settings.fps), len(keypoints), 2))
    noise[25::50, 0] += 150
    observer = FixedObserver(Skeleton(keypoints), lambda i: script.truth(i).xy + noise[i])
    features = FeatureExtractor(DEMO.features, observer.skeleton, Arena(DEMO.rig.arena))
    watches = [
        (
            make_rule(name, watched.rule, features.names, features.group_delay_s),
            EpisodeBuilder(name, "mouse", watched.episode),
        )
        for name, watched in DEMO.behaviours.items()
    ]
    image, seen, events = np.zeros((1, 1), np.uint8), [], []
    for i in range(len(noise)):
        if i % 20 == 13:
            continue
        time_ns = round(i * 1e9 / settings.fps)
        observation = observer.observe(Frame(i, time_ns, time_ns, image))
        values = features.update(observation)
        seen.append(observation)
        for rule, builder in watches:
            events.append(builder.update(rule.update(observation, values), i, time_ns))
    events += [builder.finish() for _, builder in watches]
    return seen, [event for event in events if isinstance(event, Episode)]


@pytest.mark.parametrize("seed", [21])
@pytest.mark.parametrize("fps", [30, 60])
@pytest.mark.parametrize(
    ("noise_px", "at_least"),
    [pytest.param(0, 0.94, id="exact"), pytest.param(1.2, 0.92, id="noisy")],
)
def test_the_shipped_rules_find_what_the_mouse_does(noise_px, at_least, fps, seed):
    settings = SyntheticCameraSettings(seed=seed, fps=fps)
    script = MouseScript(settings)
    seen, episodes = watch(settings, script, noise_px)
    found = score(
        np.array([observation.frame_index for observation in seen]),
        np.array([observation.xy[0] for observation in seen]),
        script.truth(0).keypoints,
        episodes,
        list(DEMO.behaviours),
        script.truth,
    )
    assert min(found.f1.values()) >= at_least, found
