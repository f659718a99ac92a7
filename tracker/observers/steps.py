"""Each step of a method on one frame, as pictures: for choosing its settings."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.drawing import (
    BLACK,
    GREEN,
    SKY,
    VERMILION,
    WHITE,
    YELLOW,
    Colour,
    Picture,
    View,
    as_bgr,
    draw_pose,
    text_size,
    write,
)
from tracker.observers.shape import Grey, ShapeObserver, grey_of
from tracker.observers.silhouettes import (
    Contour,
    Silhouette,
    SilhouetteSettings,
    Touching,
    open_specks,
    outlines_of,
    pixels_in,
    silhouette_of,
)
from tracker.types import Frame, Observation

MOST_LABELLED = 30
"""Pieces that words are written beside, the largest."""

FAINT = 0.1
"""Pieces below this share of the smallest animal are drawn without words."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One step of a method.

    Attributes:
        title: What it shows, in few words.
        picture: BGR, uint8, (height, width, 3).
    """

    title: str
    picture: Picture


def steps_of(observer: ShapeObserver, frame: Frame) -> tuple[list[Step], Observation]:
    """Return what an observer makes of its next frame, step by step, and its answer.

    Args:
        observer: Has seen the frames before it; it has seen this one afterwards.
        frame: Not written in.

    Raises:
        ModelError: As of `observe`.
        ConfigError: The same.
    """
    grey, settings = grey_of(frame.image), observer.settings
    steps = [Step("the frame" + (", place in yellow" if settings.within else ""), as_bgr(grey))]
    if settings.within is not None:
        place = outlines_of(observer.place)
        cv2.drawContours(steps[0].picture, place, -1, YELLOW, _thick(grey))
    foreground = observer.method.foreground(grey, frame.captured_ns)
    foreground = None if foreground is None else foreground.copy()
    steps += [Step(title, as_bgr(each)) for title, each in observer.method.pictures(grey)]
    pieces: list[Contour] = []
    if foreground is not None:
        steps.append(Step("what is animal by the method", as_bgr(foreground)))
        inside = np.asarray(cv2.bitwise_and(foreground, observer.place), np.uint8)
        pieces = outlines_of(open_specks(inside, settings.speck_px))
    seen = observer.observe(frame)
    if foreground is None:
        steps.append(Step("nothing can be said of this frame", np.zeros_like(steps[0].picture)))
        return steps, seen
    steps.append(_judged(grey, pieces, settings))
    steps.append(_found(grey, observer, seen))
    return steps, seen


def sheet_of(steps: Sequence[Step], *, columns: int = 3, width: int = 420) -> Picture:
    """Return all steps in one picture, row by row.

    Args:
        steps: At least one; their pictures have one shape.
        columns: At most.
        width: Of each (px).
    """
    tall, wide = steps[0].picture.shape[:2]
    height, bar = round(tall * width / wide), 24
    columns = min(columns, len(steps))
    rows = -(-len(steps) // columns)
    sheet = np.full((rows * (height + bar) + 4, columns * (width + 4) + 4, 3), 40, np.uint8)
    for number, step in enumerate(steps):
        top, left = number // columns * (height + bar) + bar, number % columns * (width + 4) + 4
        way = cv2.INTER_AREA if width < wide else cv2.INTER_NEAREST
        small = cv2.resize(step.picture, (width, height), interpolation=way)
        sheet[top : top + height, left : left + width] = small
        write(sheet, f"{number + 1}. {step.title}", (left + 2, top - bar + 7), 10, WHITE)
    return sheet


def _judged(grey: Grey, pieces: Sequence[Contour], settings: SilhouetteSettings) -> Step:
    """Which pieces are within the limits, and why the others are not."""
    picture = as_bgr(grey)
    sized = sorted(((pixels_in(each), each) for each in pieces), key=lambda each: -each[0])
    n_kept = 0
    for number, (area, contour) in enumerate(sized):
        why = _why_not(contour, area, settings)
        n_kept += not why
        cv2.drawContours(picture, [contour], -1, VERMILION if why else GREEN, _thick(grey))
        if number < MOST_LABELLED and area >= FAINT * settings.min_area_px2:
            left, top, _, height = cv2.boundingRect(contour)
            _beside(picture, f"{area:.0f} px2 {why}", (left, top + height + 4))
    when = ", before they are parted" if settings.touching is Touching.WATERSHED else ""
    return Step(f"{n_kept} of {len(sized)} pieces are within the limits{when}", picture)


def _why_not(contour: Contour, area: float, settings: SilhouetteSettings) -> str:
    if area < settings.min_area_px2:
        return "too small"
    if settings.max_area_px2 is not None and area > settings.max_area_px2:
        return "too large"
    if settings.max_aspect is not None:
        aspect = silhouette_of(contour, area, settings.body).aspect
        if aspect > settings.max_aspect:
            return f"too long: {aspect:.1f} x"
    return ""


def _found(grey: Grey, observer: ShapeObserver, seen: Observation) -> Step:
    """The individuals: outline, body, ellipse, nose and tail base."""
    picture = as_bgr(grey)
    for one in observer.seen:
        cv2.drawContours(picture, [one.contour], -1, GREEN, _thick(grey))
        cv2.drawContours(picture, [one.body_contour], -1, SKY, _thick(grey))
        _ellipse(picture, one, YELLOW)
    draw_pose(picture, seen.xy, seen.confidence, observer.skeleton, View(), 2.5 * _thick(grey))
    n = seen.measures.get("n_animals")
    if n is None:
        return Step("found: nothing can be said", picture)
    kept = f", {len(observer.seen)} kept" if n > len(observer.seen) else ""
    return Step(f"found: {n:.0f}{kept}; body blue, ellipse yellow", picture)


def _ellipse(picture: Picture, one: Silhouette, colour: Colour) -> None:
    angle = float(np.degrees(np.arctan2(one.axis[1], one.axis[0])))
    box = (one.x_px, one.y_px), (one.long_axis_px, one.short_axis_px), angle
    cv2.ellipse(picture, box, colour, _thick(picture), cv2.LINE_AA)


def _beside(picture: Picture, text: str, left_top: tuple[int, int]) -> None:
    """Write words as near to a place as the picture has room for them."""
    size = 12 * _thick(picture)
    width, height = text_size(text, size)
    left = max(4, min(left_top[0], picture.shape[1] - width - 4))
    top = max(4, min(left_top[1], picture.shape[0] - height - 4))
    write(picture, text, (left, top), size, WHITE, BLACK)


def _thick(picture: NDArray[np.uint8]) -> int:
    """Lines that can be seen when the picture is shown small (px)."""
    return max(1, int(picture.shape[1]) // 420)
