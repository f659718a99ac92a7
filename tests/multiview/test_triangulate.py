"""Points whose place is known, seen by four cameras."""

import numpy as np
import pytest
from four_cameras import NAMES, a_stand

from tracker.multiview.triangulate import Triangulator

STAND = a_stand()
POINTS = np.random.default_rng(1).uniform(-12, 12, (200, 3))


def seen(points=POINTS, names=NAMES, noise_px=0.0, seed=2):
    chance = np.random.default_rng(seed)
    return {
        name: STAND.cameras[name].project(points)
        + chance.normal(0, noise_px, (*points.shape[:-1], 2))
        for name in names
    }


@pytest.mark.parametrize("names", [NAMES, NAMES[:3], NAMES[1:3]], ids=["four", "three", "two"])
def test_points_come_out_where_they_are(names):
    """To a thousandth of a millimetre, through lenses that bend by up to some 20 px."""
    found = Triangulator(STAND, names).points(seen(names=names))
    np.testing.assert_allclose(found.xyz_cm, POINTS, atol=1e-4)
    assert found.residual_px.max() < 0.01
    assert np.all(found.n_views == len(names))


def test_noise_of_0_3_px_is_half_a_millimetre():
    """At 1 m a pixel is 1.4 mm. Four cameras state 8 numbers, of which a point uses up 3."""
    found = Triangulator(STAND, NAMES).points(seen(noise_px=0.3))
    off_mm = 10 * np.linalg.norm(found.xyz_cm - POINTS, axis=1)
    assert np.sqrt(np.mean(off_mm**2)) < 0.5
    assert np.sqrt(np.mean(found.residual_px**2)) == pytest.approx(
        0.3 * np.sqrt(2 * 5 / 8), rel=0.1
    )


def test_no_other_place_nearby_fits_better():
    """0.03 mm to any side, cameras see it further off: least squares, in px."""
    xy = seen(noise_px=2.0)
    found = Triangulator(STAND, NAMES).points(xy).xyz_cm

    def squares(points):
        lenses = {name: STAND.cameras[name].lens for name in NAMES}
        off = [
            lenses[name].straighten(STAND.cameras[name].project(points))
            - lenses[name].straighten(xy[name])
            for name in NAMES
        ]
        return np.sum(np.square(off), axis=(0, 2))

    for step in np.concatenate([np.eye(3), -np.eye(3)]) * 0.003:
        assert np.all(squares(found + step) > squares(found))


def test_the_residual_is_how_far_cameras_saw_it_from_where_it_would_be():
    """Noise of s px along each axis: ten times the noise, ten times the residual."""
    few = Triangulator(STAND, NAMES).points(seen(noise_px=0.1)).residual_px
    many = Triangulator(STAND, NAMES).points(seen(noise_px=1.0)).residual_px
    assert np.mean(many) / np.mean(few) == pytest.approx(10, rel=0.1)


def test_a_camera_that_did_not_see_a_point_does_not_count():
    xy = seen()
    xy["left"][:50] = np.nan
    found = Triangulator(STAND, NAMES).points(xy)
    np.testing.assert_allclose(found.xyz_cm, POINTS, atol=1e-4)
    assert found.n_views.tolist() == [3] * 50 + [4] * 150


def test_a_camera_without_a_frame_is_left_out():
    found = Triangulator(STAND, NAMES).points(seen(names=("back", "front")))
    np.testing.assert_allclose(found.xyz_cm, POINTS, atol=1e-4)


def test_a_point_that_one_camera_alone_saw_is_not_known():
    xy = {name: np.full((1, 2), np.nan) for name in NAMES} | {"left": seen()["left"][:1]}
    found = Triangulator(STAND, NAMES).points(xy)
    assert np.isnan(found.xyz_cm).all()
    assert np.isnan(found.residual_px).all()
    assert found.n_views.tolist() == [1]


def test_nothing_seen_gives_nothing():
    found = Triangulator(STAND, NAMES).points({"left": np.full((2, 3, 2), np.nan)})
    assert found.xyz_cm.shape == (2, 3, 3)
    assert np.isnan(found.xyz_cm).all()


@pytest.mark.parametrize("wrong", NAMES)
def test_a_camera_that_saw_something_else_is_left_out(wrong):
    """A nose taken for the tail, 60 px away."""
    xy = seen()
    xy[wrong] = xy[wrong] + [50.0, -33.0]
    found = Triangulator(STAND, NAMES).points(xy)
    np.testing.assert_allclose(found.xyz_cm, POINTS, atol=1e-4)
    assert np.all(found.n_views == 3)


def test_two_cameras_that_contradict_each_other_know_nothing():
    xy = seen(names=("front", "left"))
    xy["left"] = xy["left"] + [0.0, 60.0]
    found = Triangulator(STAND, ("front", "left")).points(xy)
    assert np.isnan(found.xyz_cm).all()
    assert np.all(found.residual_px > 8)


def test_keypoints_of_individuals_keep_their_shape():
    points = POINTS[:6].reshape(2, 3, 3)
    found = Triangulator(STAND, NAMES).points(seen(points))
    np.testing.assert_allclose(found.xyz_cm, points, atol=1e-4)
    assert found.residual_px.shape == found.n_views.shape == (2, 3)
