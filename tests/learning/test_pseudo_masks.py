import cv2
import numpy as np
import pytest
from videos import write_pictures

from tracker.errors import TrainingError
from tracker.learning.data.pseudo_masks import background_of, pseudo_masks, pseudo_masks_of_video

HEIGHT, WIDTH = 120, 160
FLOOR, WALL, MOUSE, REFLECTION, PALE = 170, 110, 25, 75, 95
BODY = (20, 9)  # px, half axes
NAN = float("nan")
PLACES = [(35, 30), (110, 80), (60, 90), (125, 35), (80, 60), (35, 80), (100, 45), (60, 40)]


def room(seed=0):
    """A floor with a wall along the top and with the sensor's grain."""
    image = np.full((HEIGHT, WIDTH), FLOOR, np.float64)
    image[:12] = WALL
    return image + np.random.default_rng(seed).normal(0, 2, image.shape)


def inside(place, axes=BODY):
    """Pixels of a mouse that lies along x."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(mask, place, axes, 0, 0, 360, 1, -1)
    return mask > 0


def keypoints(place):
    """Nose, head and tail base of that mouse (1, 3, 2)."""
    x, y = place
    return np.array([[[x + 18, y], [x + 9, y], [x - 18, y]]], np.float32)


def picture(image):
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def shoot(place, seed=0):
    image = room(seed)
    image[inside(place)] = MOUSE
    return image


def overlap(mask, truth):
    """Intersection over union."""
    return (mask & truth).sum() / (mask | truth).sum()


@pytest.fixture
def session():
    """Eight images, the mouse each time elsewhere."""
    return [shoot(place, n) for n, place in enumerate(PLACES)]


def masks_of(session, places=PLACES):
    return pseudo_masks([picture(image) for image in session], [keypoints(p) for p in places])


def test_the_mask_is_the_body(session):
    for mask, place in zip(masks_of(session), PLACES, strict=True):
        assert overlap(mask, inside(place)) > 0.9


def test_colour_images_give_the_same_masks(session):
    images = [np.repeat(picture(image)[..., None], 3, axis=2) for image in session]
    masks = pseudo_masks(images, [keypoints(place) for place in PLACES])
    for mask, grey in zip(masks, masks_of(session), strict=True):
        assert overlap(mask, grey) > 0.98


def test_a_reflection_that_touches_the_animal_is_left_out(session):
    place = (80, 17)
    image = room()
    image[inside((80, 2), (20, 10))] = REFLECTION
    image[inside(place)] = MOUSE
    mask = masks_of([*session, image], [*PLACES, place])[-1]
    assert overlap(mask, inside(place)) > 0.85
    assert not mask[:5].any()


def test_the_thin_tail_is_left_out(session):
    for image, (x, y) in zip(session, PLACES, strict=True):
        cv2.line(image, (x - 18, y), (x - 34, y + 10), MOUSE, 1)
    for mask, (x, y) in zip(masks_of(session), PLACES, strict=True):
        assert overlap(mask, inside((x, y))) > 0.85
        assert not mask[y + 7 :, : x - 28].any()


def test_pale_fur_between_the_ears_belongs_to_the_animal(session):
    for image, (x, y) in zip(session, PLACES, strict=True):
        image[inside((x, y)) & inside((x + 9, y), (2, 9))] = PALE
    for mask, (x, y) in zip(masks_of(session), PLACES, strict=True):
        assert mask[y, x + 9]
        assert overlap(mask, inside((x, y))) > 0.85


def test_other_things_that_moved_are_left_out(session):
    session[0][100:115, 130:150] = MOUSE
    mask = masks_of(session)[0]
    assert overlap(mask, inside(PLACES[0])) > 0.9


def test_an_animal_that_stays_at_one_place_does_not_become_background():
    places = [*[(80, 60)] * 5, (35, 30), (125, 90)]
    session = [shoot(place, n) for n, place in enumerate(places)]
    for mask, place in zip(masks_of(session, places), places, strict=True):
        assert overlap(mask, inside(place)) > 0.9


def test_a_camera_that_was_knocked_does_not_spoil_the_masks(session):
    shift = np.array([[1, 0, 4], [0, 1, 3]], np.float32)
    size = (WIDTH, HEIGHT)
    session[2] = cv2.warpAffine(session[2], shift, size, borderMode=cv2.BORDER_REPLICATE)
    places = [*PLACES]
    places[2] = (PLACES[2][0] + 4, PLACES[2][1] + 3)
    for mask, place in zip(masks_of(session, places), places, strict=True):
        assert overlap(mask, inside(place)) > 0.88


def test_a_light_that_dims_does_not_spoil_the_masks(session):
    session[3] -= 20
    assert overlap(masks_of(session)[3], inside(PLACES[3])) > 0.85


def test_labels_beside_the_animal_give_no_mask(session):
    places = [(PLACES[0][0] + 60, PLACES[0][1] + 60), *PLACES[1:]]
    masks = masks_of(session, places)
    assert masks[0] is None
    assert all(mask is not None for mask in masks[1:])


def test_a_mask_of_an_unusual_area_is_dropped(session):
    large = room()
    large[inside(PLACES[0], (40, 28))] = MOUSE
    assert masks_of([*session, large], [*PLACES, PLACES[0]])[-1] is None


def test_an_image_without_labels_has_no_mask(session):
    labels = [keypoints(place) for place in PLACES]
    labels[0] = np.full((1, 3, 2), NAN, np.float32)
    masks = pseudo_masks([picture(image) for image in session], labels)
    assert masks[0] is None
    assert masks[1] is not None


def test_two_labelled_animals_are_both_in_the_mask():
    pairs = list(zip(PLACES, reversed(PLACES), strict=True))
    session = [shoot(one, n) for n, (one, _) in enumerate(pairs)]
    for image, (_, other) in zip(session, pairs, strict=True):
        image[inside(other)] = MOUSE
    labels = [np.concatenate([keypoints(one), keypoints(other)]) for one, other in pairs]
    masks = pseudo_masks([picture(image) for image in session], labels)
    for mask, (one, other) in zip(masks, pairs, strict=True):
        assert overlap(mask, inside(one) | inside(other)) > 0.9


def test_too_few_images_give_no_masks(session):
    assert masks_of(session[:4], PLACES[:4]) == [None] * 4


def test_images_of_other_sizes_are_taken_apart(session):
    cut = [image[:100] for image in session]
    masks = masks_of([*session, *cut], [*PLACES, *PLACES])
    assert masks[8].shape == (100, WIDTH)
    assert overlap(masks[0], inside(PLACES[0])) > 0.9


def test_what_hides_the_background_is_left_out_of_it():
    images = [picture(shoot((80, 60), n)) for n in range(4)] + [picture(room())]
    hidden = [inside((80, 60), (24, 13))] * 4 + [np.zeros((HEIGHT, WIDTH), np.bool_)]
    assert background_of(images, hidden)[60, 80, 0] == pytest.approx(FLOOR, abs=5)
    assert background_of(images)[60, 80, 0] == pytest.approx(MOUSE, abs=5)


# --- videos


@pytest.fixture
def video(tmp_path):
    """Forty frames of a mouse with a tail that walks to the right, 3 px per frame."""
    pictures = []
    for n in range(40):
        image = shoot((25 + 3 * n, 60), n)
        cv2.line(image, (7 + 3 * n, 60), (3 * n - 10, 66), MOUSE, 2)
        pictures.append(picture(image))
    return write_pictures(tmp_path / "v.mkv", pictures, range(0, 1600, 40), "ffv1", "gray")


def test_in_a_video_the_largest_thing_that_moved_is_the_animal(video):
    for number, mask in zip((4, 30), pseudo_masks_of_video(video, [4, 30]), strict=True):
        assert overlap(mask, inside((25 + 3 * number, 60))) > 0.85


def test_keypoints_say_which_thing_in_a_video_is_the_animal(video):
    labels = [keypoints((25 + 3 * 4, 60)), keypoints((25, 100))]
    first, second = pseudo_masks_of_video(video, [4, 30], labels)
    assert overlap(first, inside((37, 60))) > 0.9
    assert second is None


def test_a_frame_beyond_the_video_has_no_mask(video):
    assert pseudo_masks_of_video(video, [99])[0] is None


def test_a_video_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(TrainingError, match=r"no pseudo-masks: .*none.mp4 does not exist"):
        pseudo_masks_of_video(tmp_path / "none.mp4", [0])
