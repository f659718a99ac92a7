"""What each quantity is. docs/features.md is the same table for people; a test compares them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tracker.features import egocentric, measures
from tracker.features.references import Arguments
from tracker.features.scene import Make


@dataclass(frozen=True, slots=True)
class Definition:
    """One kind of quantity.

    Attributes:
        forms: How it can be written.
        unit: With L for the unit of length of the arena.
        says: What it is.
        make: Reads its references, and gives what makes the measure in a scene.
        windows: How many halves of `window_s` it lags behind the animal.
        mask: The measure of the mask that it is read from; None: none.
    """

    forms: tuple[str, ...]
    unit: str
    says: str
    make: Callable[[Arguments], Make]
    windows: int = 0
    mask: str | None = None


DEFINITIONS: Mapping[str, Definition] = {
    "x": Definition(
        ("x", "x(nose)"),
        "L",
        "place to the right: body centre, or a point",
        measures.make_coordinate(0),
    ),
    "y": Definition(
        ("y", "y(nose)"),
        "L",
        "place downwards: body centre, or a point",
        measures.make_coordinate(1),
    ),
    "speed": Definition(
        ("speed", "speed(b)", "speed(b.nose)"),
        "L/s",
        "speed of the animal as a whole (its median keypoint, per axis), or of a keypoint",
        measures.make_speed,
        windows=1,
    ),
    "fastest_keypoint": Definition(
        ("fastest_keypoint", "fastest_keypoint(b)"),
        "L/s",
        "speed of the fastest keypoint; low only if all of the animal is still",
        measures.of_body(lambda body: body.fastest),
        windows=1,
    ),
    "acceleration": Definition(
        ("acceleration", "acceleration(b)", "acceleration(b.nose)"),
        "L/s^2",
        "how fast that speed rises: slope of a line through the speeds of the last window",
        measures.make_acceleration,
        windows=2,
    ),
    "heading": Definition(
        ("heading", "heading(b)"),
        "deg",
        "direction from rear to front in the image, -180 to 180: 0 to the right, 90 down",
        measures.of_body(lambda body: body.heading_deg),
    ),
    "angular_speed": Definition(
        ("angular_speed", "angular_speed(b)"),
        "deg/s",
        "how fast the heading turns, clockwise positive",
        measures.of_body(lambda body: body.turning),
        windows=1,
    ),
    "body_length": Definition(
        ("body_length", "body_length(b)"),
        "L",
        "from rear to front",
        measures.of_body(lambda body: body.length),
    ),
    "body_angle": Definition(
        ("body_angle", "body_angle(b)"),
        "deg",
        "bend of the body at its centre, -180 to 180: 0 straight, clockwise positive",
        measures.of_body(measures.bend),
    ),
    "distance": Definition(
        ("distance(a.nose, b.nose)", "distance(nose, zone.nest)", "distance(nose, wall)"),
        "L",
        "between two points; to the border of a zone (negative inside); to the wall (negative "
        "outside the floor). One thing in the brackets: from the body centre of the first animal",
        measures.make_distance,
    ),
    "nearest": Definition(
        ("nearest(a.nose, b)", "nearest(a, b)"),
        "L",
        "from a point, or from any keypoint of one animal, to the nearest keypoint of another",
        measures.make_nearest,
    ),
    "angle": Definition(
        ("angle(tail_base, nose)", "angle(nose, neck, tail_base)"),
        "deg",
        "direction from one point to another, as heading; or the angle at the middle one of three, "
        "0 to 180",
        measures.make_angle,
    ),
    "approach_speed": Definition(
        ("approach_speed(a, b)", "approach_speed(a.nose, b)"),
        "L/s",
        "speed of the first one's motion towards the second, away negative",
        measures.make_approach,
        windows=1,
    ),
    "facing": Definition(
        ("facing(a, b)", "facing(a, b.nose)"),
        "deg",
        "angle between the heading of an animal and the way from its front to a point, 0 to 180",
        measures.make_facing,
    ),
    "alignment": Definition(
        ("alignment(a, b)",),
        "deg",
        "angle between the headings of two animals, 0 to 180",
        egocentric.make_alignment,
    ),
    "ahead": Definition(
        ("ahead(a, b.nose)", "ahead(a, b)"),
        "L",
        "how far a point lies before the front of an animal, along its heading; behind negative",
        egocentric.make_own_place(ahead=True),
    ),
    "aside": Definition(
        ("aside(a, b.nose)", "aside(a, b)"),
        "L",
        "how far it lies to the right of that line; to the left negative",
        egocentric.make_own_place(ahead=False),
    ),
    "found": Definition(
        ("found", "found(b)"),
        "%",
        "how many of its keypoints were found; 0 if the animal was not seen",
        egocentric.make_found,
    ),
    "inside": Definition(
        ("inside(zone.nest)", "inside(nose, zone.nest)"),
        "1",
        "1 in the zone, border included, 0 outside; `nose in zone.nest` is the same",
        measures.make_inside,
    ),
    "time_since": Definition(
        ("time_since(zone.nest)", "time_since(nose, zone.nest)"),
        "s",
        "since the point was last seen in the zone; since the first frame if it never was",
        measures.make_time_since,
    ),
    "elapsed": Definition(
        ("elapsed",),
        "s",
        "time since the first frame",
        egocentric.make_elapsed,
    ),
    "distance_travelled": Definition(
        ("distance_travelled", "distance_travelled(b)"),
        "L",
        "speed times time, summed over all frames so far in which the speed was known",
        measures.make_travelled,
        windows=1,
    ),
    "area": Definition(
        ("area",),
        "L^2",
        "area of the mask, of all animals together",
        measures.of_mask("mask_area_px2", 2),
        mask="mask_area_px2",
    ),
    "motion_energy": Definition(
        ("motion_energy",),
        "L^2",
        "how much of the mask changed since the frame before: change of coverage, summed as area",
        measures.of_mask("mask_change_px2", 2),
        mask="mask_change_px2",
    ),
    "moving_pixels": Definition(
        ("moving_pixels",),
        "%",
        "cells that joined or left the mask since the frame before, of those in it now",
        measures.of_mask("mask_moving_percent", 0),
        mask="mask_moving_percent",
    ),
}
"""Every quantity, in the order of the documentation."""
