"""Augmentation: what is known of an image goes where its pixels go."""

import cv2
import numpy as np
import pytest

from tracker.learning.augment import Target, augment, size_of, spoil
from tracker.learning.recipe import Augmentation
from tracker.learning.samples import Sample

NOTHING_CHANGES = Augmentation(
    rotation_deg=0,
    flip=False,
    absent=0,
    light=(1, 1),
    offset=(0, 0),
    gamma=(1, 1),
    shading=0,
    blur_px=0,
    motion_px=0,
    stretch=0,
    noise=0,
    occlusion=0,
)
CANVAS = (96, 128)
NAN = float("nan")
NOISE, HIDDEN, KINDS = 4, 5, 6  # `spoil` draws its kind first, from 0 to 5


def spots(*places, side=120):
    """A sample with a bright spot at each animal's first keypoint; the second is 20 px beside it.

    The mask, and the owner, of each is a disc of 6 px around its first keypoint.
    """
    rows, columns = np.mgrid[:side, :side]
    bright, owner = np.zeros((side, side)), np.zeros((side, side), np.uint8)
    for number, (x, y) in enumerate(places):
        square = (columns - x) ** 2 + (rows - y) ** 2
        bright += 250 * np.exp(-square / (2 * 3.0**2))
        owner[square <= 6**2] = number + 1
    return Sample(
        image=bright.astype(np.uint8),
        xy=np.array([[[x, y], [x + 20, y]] for x, y in places], np.float32).reshape(-1, 2, 2),
        group="a",
        source="spots",
        size_px=20.0,
        mask=(owner > 0).astype(np.uint8),
        owner=owner,
    )


ONE, TWO = spots((50, 40)), spots((35, 40), (75, 70))


def augmented(seed, sample=ONE, swap=(0, 1), size_px=(20, 20), canvas=CANVAS, **changes):
    settings = NOTHING_CHANGES.model_copy(update=changes)
    rng = np.random.default_rng(seed)
    return augment(sample, settings, Target(canvas, size_px, 0.5), swap, rng)


def centroid_near(image, xy, reach=9):
    """Centroid of what is bright within `reach` px of `xy`."""
    x, y = np.round(xy).astype(int)
    window = image[y - reach : y + reach + 1, x - reach : x + reach + 1].astype(float)
    window[window < 40] = 0
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return x + (window * columns).sum() / window.sum(), y + (window * rows).sum() / window.sum()


def well_inside(xy, canvas=CANVAS):
    return np.isfinite(xy).all() and (xy > 25).all() and (xy < np.array(canvas[::-1]) - 25).all()


def centroid(labels, value):
    rows, columns = np.nonzero(labels == value)
    return columns.mean(), rows.mean()


MOVED = [
    pytest.param({}, id="moved"),
    pytest.param({"rotation_deg": 180}, id="turned"),
    pytest.param({"size_px": (30, 30)}, id="enlarged"),
    pytest.param({"size_px": (9, 9)}, id="halved_and_shrunk"),
    pytest.param({"flip": True}, id="mirrored"),
    pytest.param({"stretch": 0.3}, id="stretched"),
]


@pytest.mark.parametrize("changes", MOVED)
@pytest.mark.parametrize("sample", [pytest.param(ONE, id="one"), pytest.param(TWO, id="two")])
def test_the_keypoint_moves_with_the_picture(sample, changes):
    seen = [augmented(seed, sample, **changes) for seed in range(60)]
    inside = [(view, xy) for view in seen for xy in view.xy if well_inside(xy)]
    assert len(inside) >= 5
    for view, xy in inside:
        np.testing.assert_allclose(centroid_near(view.image, xy[0]), xy[0], atol=0.3)


@pytest.mark.parametrize("changes", MOVED)
def test_mask_owner_and_middle_of_each_animal_move_with_its_keypoints(changes):
    canvas = (224, 256)
    seen = [augmented(seed, TWO, canvas=canvas, **changes) for seed in range(60)]
    both = [view for view in seen if all(well_inside(xy, canvas) for xy in view.xy)]
    assert len(both) >= 10
    for view in both:
        for number, xy in enumerate(view.xy):
            np.testing.assert_allclose(centroid(view.owner, number + 1), xy[0], atol=0.5)
            np.testing.assert_allclose(view.middle[number], xy.mean(0), atol=1e-3)
        np.testing.assert_array_equal(view.mask, view.owner > 0)


def test_the_animal_gets_the_size_that_was_asked_for():
    views = [augmented(seed, size_px=(30, 40), rotation_deg=180) for seed in range(40)]
    sizes = [np.linalg.norm(view.xy[0, 0] - view.xy[0, 1]) for view in views]
    known = [size for size in sizes if np.isfinite(size)]
    assert len(known) >= 5
    assert all(29.9 <= size <= 40.1 for size in known)
    assert max(known) - min(known) > 4
    for size, view in zip(sizes, views, strict=True):
        assert not abs(size - view.size) > 0.01


def test_an_animal_of_unknown_size_is_taken_for_an_eighth_of_the_image():
    nobody = Sample(ONE.image, np.full((1, 2, 2), NAN, np.float32), "a", "spots", NAN)
    assert size_of(nobody) == 15.0  # 120 px / 8


def test_a_stretched_animal_is_longer_or_shorter_by_its_share():
    drawn = [augmented(seed, stretch=0.25).xy[0] for seed in range(60)]
    sizes = [np.linalg.norm(xy[0] - xy[1]) for xy in drawn if np.isfinite(xy).all()]
    assert 20 / 1.25 - 0.1 <= min(sizes) < 18
    assert 22 < max(sizes) <= 20 * 1.25 + 0.1


def test_a_second_exposure_is_faint_and_close_by():
    plain = [augmented(seed) for seed in range(40)]
    moved = [augmented(seed, motion_px=3.0) for seed in range(40)]
    pairs = zip(plain, moved, strict=True)
    changed = [not np.array_equal(one.image, two.image) for one, two in pairs]
    assert 4 <= sum(changed) <= 24  # three in ten
    for view in moved:
        if well_inside(view.xy[0]):
            place = centroid_near(view.image, view.xy[0, 0], 12)
            np.testing.assert_allclose(place, view.xy[0, 0], atol=0.4 * 3 + 0.3)


def test_a_mirror_image_swaps_left_and_right():
    swapped = []
    for seed in range(20):
        plain = augmented(seed, flip=True).xy[0]
        other = augmented(seed, flip=True, swap=(1, 0)).xy[0]
        assert np.array_equal(plain, other, equal_nan=True) or np.array_equal(
            plain, other[::-1], equal_nan=True
        )
        swapped.append(not np.array_equal(plain, other, equal_nan=True))
    assert 4 <= sum(swapped) <= 16


def test_a_keypoint_outside_the_picture_is_nan_and_yet_labelled():
    views = [augmented(seed) for seed in range(40)]
    for view in views:
        known = view.xy[np.isfinite(view.xy).all(2)]
        assert (known >= -0.5).all()
        assert (known <= np.array(CANVAS[::-1]) - 0.5).all()
        assert not view.unlabelled.any()
    assert any(np.isnan(view.xy).any() for view in views)


def test_a_keypoint_without_a_label_stays_unlabelled():
    xy = np.array([[[50, 40], [NAN, NAN]]], np.float32)
    view = augmented(0, Sample(ONE.image, xy, "a", "spots", 20.0))
    np.testing.assert_array_equal(view.unlabelled, [[False, True]])


def test_an_animal_of_which_nothing_is_labelled_is_nowhere():
    xy = np.concatenate([ONE.xy, np.full((1, 2, 2), NAN, np.float32)])
    view = augmented(0, Sample(ONE.image, xy, "a", "spots", 20.0))
    assert np.isfinite(view.middle[0]).all()
    assert np.isnan(view.middle[1]).all()


def test_an_image_without_animals_has_none_in_its_views():
    view = augmented(0, spots())
    assert view.xy.shape == (0, 2, 2)
    assert view.middle.shape == (0, 2)


def test_without_the_animal_no_keypoint_and_no_mask_is_there():
    for seed in range(20):
        view = augmented(seed, absent=1.0)
        assert np.isnan(view.xy).all()
        assert not view.mask.any()


def test_masks_that_nobody_drew_stay_unknown():
    view = augmented(0, Sample(ONE.image, ONE.xy, "a", "spots", 20.0))
    assert view.mask is None
    assert view.owner is None
    assert spoil(view, np.random.default_rng(0)).mask is None


def test_the_same_seed_draws_the_same_picture():
    def drawn(seed):
        target = Target(CANVAS, (20, 28), 0.5)
        return augment(TWO, Augmentation(), target, (0, 1), np.random.default_rng(seed))

    np.testing.assert_array_equal(drawn(3).image, drawn(3).image)
    np.testing.assert_array_equal(drawn(3).xy, drawn(3).xy)
    assert not np.array_equal(drawn(3).image, drawn(4).image)


def test_a_colour_sample_stays_in_colour():
    sample = Sample(np.dstack([ONE.image] * 3), ONE.xy, "a", "spot", 20.0)
    view = augmented(0, sample, occlusion=1)
    assert view.image.shape == (*CANVAS, 3)
    assert spoil(view, np.random.default_rng(0)).image.shape == (*CANVAS, 3)


# --- spoilt images


def seeds_of(kind, n=8):
    """Seeds with which `spoil` spoils in this way."""
    drawn = (seed for seed in range(1000) if np.random.default_rng(seed).integers(KINDS) == kind)
    return [seed for seed, _ in zip(drawn, range(n), strict=False)]


def a_view(sample=TWO, seed=0):
    """Both animals of `TWO` as they are, in a canvas of the image's own size."""
    target = Target(sample.image.shape[:2], (20, 20), 0.0)
    return augment(sample, NOTHING_CHANGES, target, (0, 1), np.random.default_rng(seed))


@pytest.mark.parametrize("kind", range(KINDS))
def test_a_spoilt_image_is_not_usable_and_nothing_is_known_of_its_masks(kind):
    view = a_view()
    for seed in seeds_of(kind):
        spoilt = spoil(view, np.random.default_rng(seed))
        assert not spoilt.usable
        assert (spoilt.mask == 255).all()
        assert (spoilt.owner == 255).all()
        assert spoilt.image.dtype == np.uint8
        assert not np.array_equal(spoilt.image, view.image)
    assert view.usable
    assert view.mask.any()


def smooth(image):
    """The image without the noise of single pixels."""
    return cv2.GaussianBlur(image.astype(np.float32), (0, 0), 2)


@pytest.mark.parametrize(
    "kind",
    [pytest.param(n, id=name) for n, name in enumerate(("covered", "dark", "bright", "blur"))],
)
def test_in_a_spoilt_image_little_of_the_contrast_is_left(kind):
    view = a_view()
    for seed in seeds_of(kind):
        spoilt = spoil(view, np.random.default_rng(seed))
        assert np.ptp(smooth(spoilt.image)) < 0.5 * np.ptp(smooth(view.image))


def test_in_an_image_of_noise_single_pixels_outdo_the_animal():
    view = a_view()
    for seed in seeds_of(NOISE):
        image = spoil(view, np.random.default_rng(seed)).image
        assert (image - smooth(image)).std() > 1.5 * smooth(view.image).std()


def test_a_hand_is_laid_over_every_animal():
    view = a_view()
    for seed in seeds_of(HIDDEN):
        image = smooth(spoil(view, np.random.default_rng(seed)).image)
        for x, y in np.round(view.middle).astype(int):
            assert np.ptp(image[y - 4 : y + 5, x - 4 : x + 5]) < 12


def test_where_nobody_knows_an_animal_all_of_the_image_is_hidden():
    sample = Sample(TWO.image, np.full((1, 2, 2), NAN, np.float32), "a", "spots", 20.0)
    for seed in seeds_of(HIDDEN):
        assert np.ptp(smooth(spoil(a_view(sample), np.random.default_rng(seed)).image)) < 20
