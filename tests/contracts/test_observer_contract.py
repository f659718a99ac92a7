"""What every observer promises. A new observer joins by one line in OBSERVERS."""

import json
from pathlib import Path

import numpy as np
import pytest
from drawn_bodies import SHAPE, draw, floor, frame
from tiny_networks import brightest_pixel

from tracker.build import build_observer
from tracker.config import load
from tracker.observers.appearance import AppearanceObserver
from tracker.observers.lamps import LampObserver, LampSettings
from tracker.observers.mask_measures import KINDS, MaskMeasuresObserver
from tracker.observers.network import NetworkObserver
from tracker.observers.recorded import RecordedObserver
from tracker.runtimes.base import Provider, RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime
from tracker.testing.fixed_observer import FixedObserver
from tracker.testing.manual_clock import ManualClock
from tracker.types import Frame, Skeleton

N = 60
PAIR = Skeleton(("nose", "tail_base"), ((0, 1),))


def fixed(_file=None):
    return FixedObserver(PAIR, lambda index: None if index % 7 == 0 else [[index, 20], [9, 30]])


def network(file):
    runtime = OnnxRuntime(file, RuntimeSettings(provider=Provider.CPU))
    return NetworkObserver(runtime, ManualClock())


def recorded(_file):
    seen = [fixed().observe(each) for each in film()]
    return RecordedObserver(PAIR, seen, {"sha256": "abc", "provider": "cpu"})


def without_network(**observer):
    """One of those that need no network file, made as a session makes it."""

    def make(_file):
        experiment = load(Path("demo"), [f"observer={json.dumps(observer)}"])
        return build_observer(experiment, ManualClock())

    return make


OBSERVERS = {
    "network": network,
    "fixed": fixed,
    "recorded": recorded,
    "lamps": lambda file: LampObserver(fixed(), {"led": LampSettings(x_px=30, y_px=30)}),
    "appearance": lambda file: AppearanceObserver(fixed()),
    "mask_measures": lambda file: MaskMeasuresObserver(
        without_network(kind="threshold")(file), KINDS, has_masks=True
    ),
    "threshold": without_network(kind="threshold", highest=80),
    "otsu": without_network(kind="threshold", otsu=True, max_animals=3),
    "background": without_network(kind="background"),
    "background_median": without_network(kind="background", estimator="median", max_animals=3),
    "watershed": without_network(kind="threshold", touching="watershed", max_animals=2),
    "region_growing": without_network(kind="region_growing", max_animals=2),
    "blob": without_network(kind="blob", smallest_px=20, largest_px=50, max_animals=2),
    "background_mog2": without_network(kind="background", estimator="mog2"),
}


def film():
    """One animal and then two; noise, darkness, light that jumps, and frames that are missing."""
    dice = np.random.default_rng(5)
    for index in range(N):
        if index in (17, 18, 40):
            continue
        image = floor()
        if index:
            draw(image, 60 + 3 * index, 100 + 20 * np.sin(index / 5), 4 * index, tail=30)
        if index > 30:
            draw(image, 250 - 3 * index, 60, 10)
        noisy = image * (0.7 if 45 < index < 50 else 1) + dice.normal(0, 2, SHAPE)
        noisy = np.zeros(SHAPE) if index in (24, 25) else noisy
        yield frame(np.clip(noisy, 0, 255).astype(np.uint8), index)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return brightest_pixel(tmp_path_factory.mktemp("network") / "network.onnx")


@pytest.fixture(params=OBSERVERS.values(), ids=OBSERVERS.keys())
def made(request, file):
    """Makes one observer, anew at each call, warmed up."""

    def make():
        observer = request.param(file)
        observer.warm_up(SHAPE)
        return observer

    return make


def told(seen):
    """All that an observation says but for how long it took, to the last bit."""
    masks = seen.masks
    return (
        seen.frame_index,
        seen.captured_ns,
        seen.xy.tobytes(),
        seen.confidence.tobytes(),
        repr(dict(seen.measures)),
        repr(dict(seen.class_scores)),
        None if masks is None else (masks.names, masks.coverage.tobytes()),
        None if seen.appearance is None else seen.appearance.tobytes(),
        repr(seen.novelty),
        seen.abstained,
    )


def all_told(observer, frames):
    return [told(observer.observe(each)) for each in frames]


def test_it_says_which_frame_it_saw(made):
    observer = made()
    for each in film():
        seen = observer.observe(each)
        assert (seen.frame_index, seen.captured_ns) == (each.index, each.captured_ns)


def test_it_finds_something_in_this_film(made):
    observer = made()
    found = [np.isfinite(observer.observe(each).xy).any() for each in film()]
    assert sum(found) > N / 2


def test_positions_are_in_the_picture_whole_or_missing_and_confidence_is_from_0_to_1(made):
    observer = made()
    for each in film():
        seen = observer.observe(each)
        assert seen.xy.dtype == seen.confidence.dtype == np.float32
        assert seen.xy.shape[1] == len(observer.skeleton.keypoints)
        x, y = seen.xy[..., 0], seen.xy[..., 1]
        np.testing.assert_array_equal(np.isnan(x), np.isnan(y))
        found = np.isfinite(x)
        assert ((x[found] >= -0.5) & (x[found] <= SHAPE[1])).all()
        assert ((y[found] >= -0.5) & (y[found] <= SHAPE[0])).all()
        assert ((seen.confidence >= 0) & (seen.confidence <= 1)).all()
        assert not (seen.abstained and found.any())


def test_the_same_frames_give_the_same_bits(made):
    assert all_told(made(), film()) == all_told(made(), film())


def test_what_is_seen_knows_nothing_of_later_frames(made):
    whole = all_told(made(), film())
    assert all_told(made(), list(film())[:35]) == whole[:35]


def test_warming_up_again_forgets_all_frames_and_twice_does_no_harm(made, request):
    if "recorded" in request.node.name:
        pytest.skip("what was recorded is given once")
    observer = made()
    first = all_told(observer, film())
    observer.warm_up(SHAPE)
    observer.warm_up(SHAPE)
    assert all_told(observer, film()) == first


def test_no_frame_is_kept_or_written_in(made):
    """The ring buffer writes the next frame where this one was."""
    expected, observer = all_told(made(), film()), made()
    ring = np.empty(SHAPE, np.uint8)
    for each, before in zip(film(), expected, strict=True):
        ring[:] = each.image
        shown = Frame(each.index, each.captured_ns, each.received_ns, ring)
        seen = observer.observe(shown)
        np.testing.assert_array_equal(ring, each.image)
        ring[:] = 77
        assert told(seen) == before


def test_what_was_said_does_not_change_with_later_frames(made):
    observer = made()
    seen = [observer.observe(each) for each in film()]
    assert [told(each) for each in seen] == all_told(made(), film())


def test_its_facts_go_into_the_record_and_say_what_saw_and_by_which_file(made):
    observer = made()
    facts = observer.facts
    assert json.loads(json.dumps(dict(facts))) == facts
    assert facts["provider"]
    assert facts["sha256"] is None or isinstance(facts["sha256"], str)
    for each in film():
        observer.observe(each)
    assert observer.facts == facts
