"""Masks, crop and identities over the picture, each switched by itself; offscreen."""

import msgspec
import numpy as np
import pytest
from view_ends import FACTS, MS, SESSION, observation, picture_of, status

pytest.importorskip("PySide6.QtWidgets", reason="Qt cannot be loaded", exc_type=ImportError)

from fake_link import FakeLink, settle
from PySide6.QtCore import QPointF

from tracker.gui.link import Found
from tracker.gui.overlay import LAYERS
from tracker.gui.rig import Picture
from tracker.gui.rig_view import RigView
from tracker.gui.theme import DARK
from tracker.messages import Outline, OverlayMessage
from tracker.session_status import ViewStatus

KEY = {layer: str(place) for place, layer in enumerate(LAYERS, start=1)}
SQUARE = [(16.0, 10.0), (48.0, 10.0), (48.0, 38.0), (16.0, 38.0)]


def overlay(index=5, **fields):
    """What was seen in frame `index` of a camera of 100 frames/s."""
    sent = {"schema": 1, "session": SESSION, "seq": 0, "sent_ns": index * 10 * MS}
    fields = {"frame_index": index, "captured_ns": index * 10 * MS} | fields
    return OverlayMessage(**sent, **fields)


@pytest.fixture
def view(qapp):
    """A view of 64 x 48 px, black, in which nothing but what is asked for is drawn."""
    made = RigView(FakeLink())
    made.dress(DARK)
    made.resize(1280, 800)
    made.show()
    made.link.inbox.append(Found(SESSION, FACTS, 0))
    made.link.hear("observation", observation(5))
    made.link.picture = Picture(picture_of(5), np.zeros((24, 32), np.uint8))
    for layer in ("pose", "trail", "zones", "behaviours", "identity", "mask"):
        made.press(KEY[layer])
    settle(made)
    yield made
    made.close()
    made.deleteLater()
    qapp.processEvents()


def pixels(view):
    """The picture as it is shown: (height, width, 3)."""
    image = view.video.view.grab().toImage()
    image = image.convertToFormat(image.Format.Format_RGBA8888)
    made = np.frombuffer(image.constBits(), np.uint8).copy()
    return made.reshape(image.height(), image.bytesPerLine() // 4, 4)[:, : image.width(), :3]


def at(view, x, y):
    """What is shown where a place of the sensor is."""
    where = view.video.view.mapFromScene(view.video.box.mapViewToScene(QPointF(x, y)))
    return pixels(view)[where.y(), where.x()].astype(int)


def has(view, colour):
    """Whether anything is shown in this colour."""
    wanted = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    return bool((np.abs(pixels(view).astype(int) - wanted).max(axis=2) <= 3).any())


def test_a_mask_is_a_tinted_area_with_a_border_and_can_be_switched(view):
    view.link.overlay = overlay(outlines=[Outline(name="individual 0", points=SQUARE)])
    settle(view)
    assert at(view, 32, 24).max() == 0
    view.press(KEY["mask"])
    settle(view)
    assert at(view, 32, 24).max() > 20, "inside"
    assert at(view, 8, 24).max() == 0, "outside"
    assert has(view, DARK.colour(0))


def test_each_individual_has_a_colour_of_its_own(view):
    right = [(50.0, 10.0), (60.0, 10.0), (60.0, 38.0)]
    pieces = [
        Outline(name="individual 1", points=SQUARE),
        Outline(name="individual 0", points=right),
    ]
    view.link.overlay = overlay(outlines=pieces)
    view.press(KEY["mask"])
    settle(view)
    assert has(view, DARK.colour(0))
    assert has(view, DARK.colour(1))


def test_the_crop_is_a_rectangle_where_the_network_looked(view):
    view.link.overlay = overlay(crop=(16.0, 12.0, 32.0, 24.0))
    settle(view)
    assert not has(view, DARK.accent)
    view.press(KEY["crop"])
    settle(view)
    assert has(view, DARK.accent)
    assert at(view, 32, 24).max() == 0, "it is not filled"


def test_an_animal_has_its_name_and_how_sure_that_is(view):
    known = msgspec.structs.replace(observation(6), identities=["m12"], identity_confidence=[0.87])
    view.link.hear("observation", known)
    view.link.picture = Picture(picture_of(6), np.zeros((24, 32), np.uint8))
    settle(view)
    assert not has(view, DARK.colour(0))
    view.press(KEY["identity"])
    settle(view)
    assert has(view, DARK.colour(0))


def test_nobody_who_is_not_known_is_given_a_name(view):
    unknown = msgspec.structs.replace(observation(6), identities=[""], identity_confidence=[0.0])
    view.link.hear("observation", unknown)
    view.link.picture = Picture(picture_of(6), np.zeros((24, 32), np.uint8))
    view.press(KEY["identity"])
    settle(view)
    assert pixels(view).max() == np.array(picture_ground(view)).max()


def picture_ground(view):
    """Brightness of the ground beside the picture."""
    return [int(DARK.panel[k : k + 2], 16) for k in (1, 3, 5)]


@pytest.mark.parametrize(
    ("index", "shown"), [(5, True), (20, True), (60, False)], ids=["same", "near", "far"]
)
def test_a_mask_of_another_moment_is_not_drawn_over_a_picture(view, index, shown):
    view.link.overlay = overlay(index, outlines=[Outline(name="individual 0", points=SQUARE)])
    view.press(KEY["mask"])
    settle(view)
    assert has(view, DARK.colour(0)) is shown


def test_masks_of_another_session_are_not_taken(view):
    piece = [Outline(name="individual 0", points=SQUARE)]
    view.link.overlay = msgspec.structs.replace(overlay(outlines=piece), session="other")
    settle(view)
    assert view.rig.overlay is None


def test_masks_are_asked_for_only_while_they_are_shown(view):
    assert view.link.overlays is False
    view.press(KEY["crop"])
    settle(view)
    assert view.link.overlays is True
    view.hide()
    settle(view)
    assert view.link.overlays is False


def brightest_in_column(view, x):
    """Of what is shown along a column of the sensor, halfway down."""
    return max(at(view, x, y).max() for y in range(16, 34))


def test_zones_are_drawn_where_they_follow_a_camera_that_was_moved(view):
    view.press(KEY["zones"])
    settle(view)
    assert brightest_in_column(view, 48) > 40, "the right side of the zone"
    assert brightest_in_column(view, 55) == 0
    to_the_right = (1.0, 0.0, 7.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    moved = ViewStatus(state="moved", x_px=7.0, y_px=0.0, turned_deg=0.0, applied=to_the_right)
    view.link.hear("status", status(view=moved))
    settle(view)
    assert brightest_in_column(view, 55) > 40
    assert brightest_in_column(view, 48) == 0
