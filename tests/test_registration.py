from dataclasses import replace

import cv2
import numpy as np
import pytest
from drawn_arenas import HEIGHT, SHAPE, STILL, WIDTH, moved, seen

from tracker.errors import RegistrationError
from tracker.geometry import apart, motion_of
from tracker.pyramid import Pyramid
from tracker.registration.align import Aligned, Template
from tracker.registration.models import Model, moves, step_matrix
from tracker.registration.reference import Reference, as_mask, read_view
from tracker.registration.start import Features, by_phase

MOST_PX, MOST_DEG = 0.2, 0.05  # what is asked of the registration

MOTIONS = {
    "nothing": moved(),
    "a_fifth_of_a_pixel": moved(0.2, -0.1),
    "a_push": moved(6.3, -4.6),
    "a_turn": moved(deg=2.7),
    "both": moved(-9.4, 3.2, -1.6),
    "far": moved(31, 22, 5),
}

HOMOGRAPHY = moved(3, -2, 1) @ np.array([[1, 0.01, 0], [0, 0.99, 0], [4e-5, -6e-5, 1.0]])


def look(picture, model=Model.RIGID, reference=None, **more):
    return Reference(seen(STILL) if reference is None else reference, model).look(
        Pyramid(picture), **more
    )


def off(found, expected):
    """Error of the worst corner (px), of the angle (deg)."""
    turned = found.motion.turned_deg - motion_of(expected, SHAPE).turned_deg
    return apart(found.matrix, expected, SHAPE), abs(turned)


@pytest.mark.parametrize("matrix", MOTIONS.values(), ids=MOTIONS.keys())
def test_a_motion_is_found_again(matrix):
    found = look(seen(matrix, noise=2))
    px, deg = off(found, matrix)
    assert px < MOST_PX
    assert deg < MOST_DEG


@pytest.mark.parametrize(
    ("model", "matrix"),
    [
        pytest.param(Model.TRANSLATION, moved(4.3, -7.8), id="translation"),
        pytest.param(Model.SIMILARITY, moved(4.3, -7.8, 1.5, 1.03), id="similarity"),
        pytest.param(
            Model.AFFINE,
            moved(2, 3) @ np.array([[1.02, 0.02, 0], [0, 0.98, 0], [0, 0, 1]]),
            id="affine",
        ),
        pytest.param(Model.HOMOGRAPHY, HOMOGRAPHY, id="homography"),
    ],
)
def test_each_model_finds_its_own_motion(model, matrix):
    found = look(seen(matrix, noise=1), model)
    assert off(found, matrix)[0] < MOST_PX
    assert found.motion.scale == pytest.approx(motion_of(matrix, SHAPE).scale, abs=1e-3)


@pytest.mark.parametrize("where", [(90, 120), (160, 110), (240, 60)])
def test_an_animal_that_moves_is_no_motion_of_the_camera(where):
    reference = seen(STILL, (150, 120), noise=2, seed=1)
    found = look(seen(STILL, where, noise=2, seed=2), reference=reference)
    assert found.motion.largest_px < MOST_PX


def test_an_animal_that_is_large_and_near_is_hidden():
    here, there = (150, 120), (156, 118)  # a large one that moves by a few pixels
    hidden = as_mask(np.array([[*here, 60.0]]), SHAPE)
    reference = Reference(seen(STILL, here, radius=50), Model.RIGID, hidden)
    view = Pyramid(seen(STILL, there, radius=50))
    found = reference.look(view, animals=np.array([[*there, 60.0]]))
    assert found.motion.largest_px < MOST_PX


@pytest.mark.parametrize("light", [(0.6, 5.0), (1.25, -10.0)], ids=["darker", "brighter"])
def test_light_that_changes_is_no_motion(light):
    found = look(seen(moved(3, 1), light=light, noise=1))
    assert off(found, moved(3, 1))[0] < MOST_PX


def test_what_is_said_to_be_uncertain_is():
    errors, said = [], []
    reference = Reference(seen(STILL), Model.RIGID)
    for seed in range(12):
        found = reference.look(Pyramid(seen(moved(1.3, 0.4, 0.3), noise=12, seed=seed)))
        errors.append(off(found, moved(1.3, 0.4, 0.3))[0])
        said.append(found.uncertainty_px)
    assert 0.5 < np.sqrt(np.mean(np.square(errors))) / np.mean(said) < 2


def test_where_it_was_a_moment_ago_is_looked_at_first():
    far = moved(60, -40, 12)
    reference = Reference(seen(STILL), Model.RIGID)
    found = reference.look(Pyramid(seen(far)), near=moved(59, -40, 12.3))
    assert found.method == "near"
    assert off(found, far)[0] < MOST_PX


def test_a_camera_that_was_moved_far_is_found_by_what_it_sees():
    far = moved(70, -50, 35)
    found = look(seen(far))
    assert found.method in ("phase", "features")
    assert off(found, far)[0] < MOST_PX


def other_scene():
    return cv2.flip(seen(moved(20, 30, 7)), 1)


UNKNOWN = {
    "black": (np.zeros(SHAPE, np.uint8), "all dark or all the same"),
    "white": (np.full(SHAPE, 255, np.uint8), "all dark or all the same"),
    "another_scene": (other_scene(), "does not show the reference view"),
    "noise": (
        np.random.default_rng(0).integers(0, 255, SHAPE).astype(np.uint8),
        "does not show the reference view",
    ),
}


@pytest.mark.parametrize(("picture", "why"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_cannot_be_said_is_not_said(picture, why):
    found = look(picture)
    assert found.matrix is None
    assert found.motion is None
    assert why in found.why


def a_stripe():
    """It may slide up and down."""
    stripe = np.full(SHAPE, 60, np.uint8)
    stripe[:, 100:200] = 180
    return cv2.GaussianBlur(stripe, (0, 0), 1)


def test_a_view_that_shows_too_little_of_the_reference_is_not_placed():
    view = np.full(SHAPE, 70, np.uint8)
    view[100:130, 90:130] = seen(STILL)[100:130, 90:130]  # all else is covered
    assert look(view).matrix is None


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        pytest.param(np.zeros(SHAPE, np.uint8), "all dark or all the same", id="black"),
        pytest.param(
            np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1)),
            "places with an edge, expected at least 100",
            id="no_edges",
        ),
        pytest.param(a_stripe(), "leave open how the camera lies", id="edges_of_one_direction"),
    ],
)
def test_a_reference_that_shows_nothing_is_refused(picture, said):
    with pytest.raises(RegistrationError, match=said):
        Reference(picture, Model.RIGID)


def test_a_view_of_another_size_is_refused():
    reference = Reference(seen(STILL), Model.RIGID)
    with pytest.raises(RegistrationError, match="is 320x240, and the camera gives 160x120"):
        reference.look(Pyramid(seen(STILL)[::2, ::2]))


def test_a_picture_of_a_reference_is_read_grey(tmp_path):
    cv2.imwrite(str(tmp_path / "view.png"), seen(STILL))
    assert np.array_equal(read_view(tmp_path / "view.png"), seen(STILL))
    (tmp_path / "text.png").write_text("no picture")
    for name, said in (("gone.png", "cannot be read"), ("text.png", "not a picture")):
        with pytest.raises(RegistrationError, match=said):
            read_view(tmp_path / name)


def test_phase_correlation_finds_the_shift():
    shift, response = by_phase(Pyramid(seen(STILL)), Pyramid(seen(moved(12, -7), noise=2)))
    assert shift[:2, 2] == pytest.approx((12, -7), abs=0.5)
    assert response > 0.2


@pytest.mark.parametrize("model", [*Model])
def test_points_that_look_alike_find_a_turn(model):
    matrix = moved(12, -7) if model is Model.TRANSLATION else moved(25, -10, 15)
    features = Features(Pyramid(seen(STILL)))
    found = features.motion_to(Pyramid(seen(matrix, noise=2)), model)
    assert apart(found, matrix, SHAPE) < 6
    assert features.motion_to(Pyramid(np.full(SHAPE, 90, np.uint8)), model) is None
    assert features.motion_to(Pyramid(other_scene()), model) is None


@pytest.mark.parametrize("model", [*Model])
def test_the_steps_of_a_model_are_the_slopes_of_its_motion(model):
    uv = np.array([[0.3, -0.4], [-0.8, 0.5], [0.1, 0.9]])
    right, down = moves(model, uv)
    for number in range(right.shape[1]):
        p = np.zeros(right.shape[1])
        p[number] = 1e-6
        there = np.column_stack((uv, np.ones(3))) @ step_matrix(model, p).T
        slope = (there[:, :2] / there[:, 2:] - uv) / 1e-6
        assert slope == pytest.approx(
            np.column_stack((right[:, number], down[:, number])), abs=1e-5
        )


def test_edges_are_taken_from_all_over_the_picture():
    picture = seen(STILL)
    picture[:60, :80] = np.random.default_rng(1).integers(0, 255, (60, 80))  # the strongest by far
    points = Template(Pyramid(picture), Model.RIGID)._levels[0].xy1
    in_corner = (points[0] < 82) & (points[1] < 62)
    assert in_corner.mean() < 0.4


NOT_BELIEVED = {
    "edges_that_are_not_alike": {"likeness": 0.59},
    "a_corner_that_is_not_known": {"uncertainty_px": 0.51},
    "a_mirror": {"matrix": np.diag((-1.0, 1.0, 1.0))},
    "a_zoom": {"matrix": moved(scale=1.6)},
}


@pytest.mark.parametrize("changes", NOT_BELIEVED.values(), ids=NOT_BELIEVED.keys())
def test_what_no_bump_does_is_not_believed(changes):
    reference = Reference(seen(STILL), Model.SIMILARITY)
    found = Aligned(moved(3, 2), likeness=0.9, noise=1, share=0.9, uncertainty_px=0.1, n_points=999)
    assert reference._is_right(found)
    assert not reference._is_right(replace(found, **changes))
    assert not reference._is_right(None)
