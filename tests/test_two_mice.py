"""Two synthetic mice: the first as ever, the second on its visits, and what is known of both."""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from tracker.build import build_observer, build_pipeline
from tracker.cameras.synthetic import (
    MouseScript,
    SyntheticCamera,
    SyntheticCameraSettings,
    VisitorScript,
    positions_of,
    truths_of,
)
from tracker.cameras.synthetic.visitor import CONTACT_CM, touches
from tracker.config import load, shipped
from tracker.errors import ConfigError
from tracker.observers.stand_in import MERGES_PX, NAME
from tracker.scoring import framewise_f1
from tracker.testing.manual_clock import ManualClock
from tracker.types import Episode, Frame, Onset

SETTINGS = SyntheticCameraSettings(animals=2, paced=False, seed=1)
ALONE = SyntheticCameraSettings(animals=1, paced=False, seed=1)
N = 1200  # 20 s; the first contact of this seed comes after 14 s


def camera(settings=SETTINGS):
    made = SyntheticCamera(settings, ManualClock())
    made.open()
    return made


@pytest.fixture(scope="module")
def truths():
    """Of each mouse in the first `N` frames."""
    first, second = truths_of(SETTINGS)
    return [first(i) for i in range(N)], [second(i) for i in range(N)]


def distance_cm(a, b):
    return math.dist(a, b) / SETTINGS.scale_px_per_cm


# The mice


def test_the_first_mouse_does_what_it_does_alone(truths):
    alone = MouseScript(ALONE)
    for index, truth in enumerate(truths[0]):
        expected = alone.truth(index)
        np.testing.assert_array_equal(truth.xy, expected.xy)
        assert truth.behaviours - {"contact"} == expected.behaviours


def test_the_second_mouse_visits_and_touches_the_first(truths):
    behaviours = [each.behaviours for each in truths[1]]
    approach = [i for i, each in enumerate(behaviours) if "approach" in each]
    contact = [i for i, each in enumerate(behaviours) if "contact" in each]
    assert len(contact) > 100
    assert approach[0] < contact[0]
    assert not any({"approach", "contact"} <= each for each in behaviours)


def test_contact_is_a_nose_at_the_others_nose_or_tail_base(truths):
    for first, second in zip(*truths, strict=True):
        (nose, _, base), (their_nose, _, their_base) = first.xy, second.xy
        nearest = min(
            distance_cm(nose, their_nose),
            distance_cm(nose, their_base),
            distance_cm(their_nose, base),
        )
        assert ("contact" in second.behaviours) == (nearest < CONTACT_CM)
        assert ("contact" in first.behaviours) == ("contact" in second.behaviours)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param([(0, 19), (40, 40), (80, 80)], True, id="nose at nose"),
        pytest.param([(0, 21), (40, 40), (80, 80)], False, id="nose near nose"),
        pytest.param([(90, 19), (60, 60), (60, 90)], True, id="its nose at the tail base"),
        pytest.param([(200, 0), (210, 0), (0, 19)], True, id="nose at its tail base"),
        pytest.param([(45, 0), (200, 0), (300, 0)], False, id="nose at the back"),
        pytest.param([(200, 0), (0, 0), (300, 0)], False, id="nose at its head"),
    ],
)
def test_touching(other, expected):
    """Nose, head and tail base at 0, 20 and 90 px, at 10 px/cm."""
    one = np.array([(0.0, 0.0), (20.0, 0.0), (90.0, 0.0)])
    assert touches(one, np.array(other, float), 10.0) is expected


def test_trunks_do_not_lie_in_one_place(truths):
    apart = [
        distance_cm(a.xy.mean(axis=0), b.xy.mean(axis=0)) for a, b in zip(*truths, strict=True)
    ]
    assert min(apart) > 1.5
    assert np.percentile(apart, 5) > 3


def test_the_second_mouse_stays_on_the_floor_and_moves_like_one(truths):
    xy = np.array([each.xy for each in truths[1]])
    floor = SETTINGS.floor
    assert (xy >= (floor.x_px, floor.y_px)).all()
    assert (xy[..., 0] <= floor.x_px + floor.width_px).all()
    assert (xy[..., 1] <= floor.y_px + floor.height_px).all()
    middle = xy.mean(axis=1)
    speed_cm_s = np.hypot(*np.diff(middle, axis=0).T) * 60 / SETTINGS.scale_px_per_cm
    assert speed_cm_s.max() < 60
    assert 10 < np.percentile(speed_cm_s, 95) < 30


def test_the_second_mouse_never_freezes(truths):
    assert not any("freezing" in each.behaviours for each in truths[1])


@pytest.mark.parametrize("seed", [0, 2, 3, 11])
def test_every_seed_has_contacts(seed):
    _, second = truths_of(SETTINGS.model_copy(update={"seed": seed}))
    assert any("contact" in second(i).behaviours for i in range(0, 3600, 6))


def test_any_order_of_asking_gives_the_same(truths):
    script = VisitorScript(SETTINGS)
    for index in (900, 3, 899, 1199, 0, 600):
        np.testing.assert_array_equal(script.truth(index).xy, truths[1][index].xy)


def test_a_first_mouse_that_was_woken_changes_the_second_from_there_on():
    alone = MouseScript(ALONE)
    woken = next(i for i in range(3000) if "freezing" in alone.truth(i).behaviours) + 30
    plain, other = VisitorScript(SETTINGS), VisitorScript(SETTINGS)
    later = woken + 1500
    before = plain.truth(later).xy
    np.testing.assert_array_equal(other.truth(later).xy, before)
    other.follow((woken,))
    np.testing.assert_array_equal(other.truth(woken - 5).xy, plain.truth(woken - 5).xy)
    assert other._host.truth(later).xy.tolist() != plain._host.truth(later).xy.tolist()
    fresh = VisitorScript(SETTINGS, (woken,))
    np.testing.assert_array_equal(other.truth(later).xy, fresh.truth(later).xy)


# The camera


def test_both_are_drawn_and_the_second_is_lighter():
    frame, filming = None, camera()
    for _ in range(11):
        frame = filming.read(1.0)
    first, second = (filming.mask(frame.index, animal) > 0 for animal in (0, 1))
    floor = frame.image[~first & ~second].mean()
    assert frame.image[first].mean() < frame.image[second].mean() - 15
    assert frame.image[second].mean() < floor - 40


def test_the_camera_knows_the_truth_of_both(truths):
    filming = camera()
    for index in (0, 850, 1100):
        for animal in (0, 1):
            truth = filming.truth(index, animal)
            np.testing.assert_array_equal(truth.xy, truths[animal][index].xy)
            assert truth.behaviours == truths[animal][index].behaviours


def test_there_is_no_third_mouse():
    with pytest.raises(ValueError, match="there is no mouse 2: there are 2"):
        camera().truth(0, 2)
    with pytest.raises(ValueError, match="there is no mouse 1"):
        camera(ALONE).mask(0, 1)
    with pytest.raises(ValidationError):
        SyntheticCameraSettings(animals=3)


def test_the_first_mouse_and_the_box_look_as_they_do_without_the_second():
    alone, both = camera(ALONE), camera()
    for index in range(5):
        one, two = alone.read(1.0).image, both.read(1.0).image
        rows, columns = np.nonzero(both.mask(index, 1))
        near = np.zeros(one.shape, bool)
        near[max(rows.min() - 60, 0) : rows.max() + 60, max(columns.min() - 60, 0) :] = True
        near[:, columns.max() + 60 :] = False
        assert (one != two).any()
        np.testing.assert_array_equal(one[~near], two[~near])


# The stand-in for a network, and the whole of it


def experiment(*overrides):
    return load(shipped("configs") / "two_mice.yaml", overrides)


def blank(index):
    at_ns = round(index * 1e9 / 60)
    return Frame(index, at_ns, at_ns, np.full((480, 640), 128, np.uint8))


def test_the_stand_in_sees_the_truth_give_or_take_and_in_any_order():
    observer = build_observer(experiment(), ManualClock())
    assert observer.facts["observer"] == NAME
    where = positions_of(SETTINGS)
    orders = set()
    for index in range(0, 600, 10):
        seen, true = observer.observe(blank(index)), np.stack(where(index))
        middles = np.nanmean(seen.xy, axis=1)[:, None] - true.mean(axis=1)
        order = np.argmin(np.linalg.norm(middles, axis=2), axis=1)
        orders.add(tuple(order.tolist()))
        off = seen.xy - true[order]
        assert np.nanmax(np.abs(off)) < 6
    assert orders == {(0, 1), (1, 0)}


def test_the_stand_in_sees_one_in_a_heap(truths):
    observer = build_observer(experiment(), ManualClock())
    middles = np.array([[each.xy.mean(axis=0) for each in both] for both in truths])
    apart = np.hypot(*(middles[0] - middles[1]).T)
    heap = int(np.argmin(apart))
    assert apart[heap] < MERGES_PX
    assert len(observer.observe(blank(heap)).xy) == 1


def test_the_stand_in_sees_the_same_again():
    one, other = (build_observer(experiment(), ManualClock()) for _ in range(2))
    for index in (5, 900, 5):
        np.testing.assert_array_equal(one.observe(blank(index)).xy, other.observe(blank(index)).xy)


@pytest.mark.parametrize(
    "override",
    ["rig.camera={kind: video_file, path: a.mp4}", "rig.camera={kind: opencv, device: 0}"],
    ids=["file", "device"],
)
def test_the_stand_in_is_for_synthetic_mice_alone(override):
    with pytest.raises(ConfigError, match=r"model\.network synthetic_truth knows what synthetic"):
        build_observer(experiment(override), ManualClock())


def test_contact_is_found_by_name_where_it_really_is(truths):
    """`configs/two_mice.yaml` through its own pipeline: names, confidences, episodes."""
    pipeline = build_pipeline(experiment(), ManualClock())
    results = [pipeline.step(blank(index)) for index in range(N)]
    assert {each.observation.identities for each in results} == {("visitor", "resident")}
    for each in results:
        for animal, row in ((1, 0), (0, 1)):  # the visitor is on the left at first
            off = each.observation.xy[row] - truths[animal][each.observation.frame_index].xy
            assert not np.nanmax(np.abs(off), initial=0) > 8
    onsets = [e for each in results for e in each.events if isinstance(e, Onset)]
    contacts = [each for each in onsets if each.behaviour == "contact"]
    true = ["contact" in each.behaviours for each in truths[1]]
    starts = [i for i in range(1, N) if true[i] and not true[i - 1]]
    assert contacts[0].subject == "visitor"
    assert abs(contacts[0].onset_index - starts[0]) <= 3


def test_contact_is_found_by_a_classifier_as_well(truths):
    """`configs/two_mice_learned.yaml`, whose classifier learned from mice of other seeds."""
    learned = load(shipped("configs") / "two_mice_learned.yaml", ["rig.camera.seed=1"])
    pipeline = build_pipeline(learned, ManualClock())
    events = [event for index in range(N) for event in pipeline.step(blank(index)).events]
    events += pipeline.finish()
    told = np.zeros(N, bool)
    for each in events:
        if isinstance(each, Episode) and each.onset.behaviour == "contact":
            told[each.onset.onset_index : each.end_index + 1] = True
    true = np.array(["contact" in each.behaviours for each in truths[1]])
    assert framewise_f1(told, true) > 0.85
