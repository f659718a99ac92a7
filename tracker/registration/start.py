"""Where to begin when a camera was moved far: phase correlation, and points that look alike."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.geometry import Matrix
from tracker.pyramid import Pyramid
from tracker.registration.models import Model

PHASE_PX = 200
"""Phase correlation looks at the last level that is at least so wide."""

MOST_FEATURES = 1500
FEWEST_MATCHES = 12
"""With fewer that agree, chance may have made them do so."""

SHARE_AGREEING = 0.2
"""Part of the matches that must agree."""

NEAR_PX = 3.0
"""Matches agree if they are so close to where the motion has them."""


def by_phase(template: Pyramid, other: Pyramid) -> tuple[Matrix, float]:
    """Return the shift from one picture to the other, and how sure it is (0 to 1).

    Of the strengths of their edges, so that light counts less: Kuglin and Hines (1975), with
    OpenCV's sub-pixel peak. What moves inside of the picture has a peak of its own, a lower one.
    """
    k = max((k for k in range(template.n_levels) if template.shape[1] >> k >= PHASE_PX), default=0)
    one, two = _edges(template.level(k)), _edges(other.level(k))
    window = np.asarray(cv2.createHanningWindow(one.shape[::-1], cv2.CV_32F))
    (x, y), response = cv2.phaseCorrelate(one, two, window)
    shift = np.eye(3)
    shift[:2, 2] = x * 2**k, y * 2**k
    return shift, float(response)


class Features:
    """Points of a picture that can be told apart (ORB: Rublee et al., ICCV 2011); one thread.

    Args:
        pyramid: The picture.
        hidden: bool, its shape: where no points are taken; None: nowhere.
    """

    def __init__(self, pyramid: Pyramid, hidden: NDArray[np.bool_] | None = None) -> None:
        self._orb: Any = cv2.ORB.create(MOST_FEATURES, fastThreshold=8)
        mask = None if hidden is None else np.where(hidden, 0, 255).astype(np.uint8)
        self._points, self._looks = self._found(pyramid, mask)

    def motion_to(
        self, other: Pyramid, model: Model, hidden: NDArray[np.bool_] | None = None
    ) -> Matrix | None:
        """Return the motion on which most matches agree (RANSAC); None if too few do.

        Args:
            other: The other picture.
            model: A translation is found as such, everything else is begun as a similarity.
            hidden: As for the picture itself.
        """
        here, there = self.matches_with(other, hidden)
        if len(here) < FEWEST_MATCHES:
            return None
        found, agree = self._fit(here, there, model)
        n_agree = 0 if agree is None else int(np.asarray(agree).sum())
        if found is None or n_agree < max(FEWEST_MATCHES, SHARE_AGREEING * len(here)):
            return None
        matrix = np.vstack((found, (0.0, 0.0, 1.0)))
        return _without_scale(matrix, other.shape) if model is Model.RIGID else matrix

    def matches_with(
        self, other: Pyramid, hidden: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return points here and those there that look most alike, (n, 2) px each."""
        mask = None if hidden is None else np.where(hidden, 0, 255).astype(np.uint8)
        points, looks = self._found(other, mask)
        if self._looks is None or looks is None:
            nothing = np.empty((0, 2), np.float32)
            return nothing, nothing
        matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(self._looks, looks)
        here = self._points[[each.queryIdx for each in matches]]
        return here, points[[each.trainIdx for each in matches]]

    @staticmethod
    def _fit(
        here: NDArray[np.float32], there: NDArray[np.float32], model: Model
    ) -> tuple[Any, Any]:
        if model is Model.TRANSLATION:
            shift = np.median(there - here, axis=0)
            near = np.hypot(*(there - here - shift).T) < NEAR_PX
            return np.array([[1, 0, shift[0]], [0, 1, shift[1]]]), near
        return cv2.estimateAffinePartial2D(here, there, ransacReprojThreshold=NEAR_PX)

    def _found(
        self, pyramid: Pyramid, mask: NDArray[np.uint8] | None
    ) -> tuple[NDArray[np.float32], Any]:
        keypoints, looks = self._orb.detectAndCompute(pyramid.level(0), mask)
        return np.array([each.pt for each in keypoints], np.float32).reshape(-1, 2), looks


def _without_scale(matrix: Matrix, shape: tuple[int, int]) -> Matrix:
    """The same turn, and the same way of the picture's middle."""
    middle = np.array(((shape[1] - 1) / 2, (shape[0] - 1) / 2))
    turn = matrix[:2, :2] / np.sqrt(abs(np.linalg.det(matrix[:2, :2])))
    rigid = np.eye(3)
    rigid[:2, :2] = turn
    rigid[:2, 2] = matrix[:2, :2] @ middle + matrix[:2, 2] - turn @ middle
    return rigid


def _edges(level: NDArray[np.uint8]) -> NDArray[np.float32]:
    blurred = cv2.GaussianBlur(level.astype(np.float32), (0, 0), 1.0)
    across, down = cv2.Sobel(blurred, cv2.CV_32F, 1, 0), cv2.Sobel(blurred, cv2.CV_32F, 0, 1)
    return np.asarray(np.sqrt(across**2 + down**2), np.float32)
