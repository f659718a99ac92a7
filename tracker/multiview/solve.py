"""Where cameras stand, from a board that several of them saw at the same moments.

Each camera's view of the board gives the board's pose to it; moments that two cameras share give
their poses to each other; then all poses are moved until corners lie where they were seen (bundle
adjustment: B. Triggs et al., 2000). The lenses stay as they were calibrated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.sparse import lil_matrix

from tracker.calibration.boards import Board, Corners
from tracker.calibration.lens import Lens
from tracker.calibration.stand import Stand, Standing
from tracker.errors import CalibrationError

Pose = NDArray[np.float64]
"""A rotation vector and a translation (cm), (6,)."""

Poses = NDArray[np.float64]
"""Several, (n, 6)."""

FEWEST_MOMENTS = 3
"""Two cameras that share fewer moments do not know each other well."""

LARGEST_ERROR_PX = 2.0

WRONG_PX, WRONG = 5.0, 5.0
"""A view further off than this, and than so many times the median, saw something else."""

MOST_WRONG = 0.25
"""With a larger part of a camera's views wrong, nobody knows which ones are right."""

MOST_ROUNDS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What cameras saw of the board at one moment.

    Attributes:
        name: For a person.
        corners: By camera.
    """

    name: str
    corners: Mapping[str, Corners]


def solve_stand(
    lenses: Mapping[str, Lens],
    moments: Sequence[Moment],
    board: Board,
    floor: str | None = None,
) -> Stand:
    """Return where the cameras stand.

    Args:
        lenses: By camera, the first one first.
        moments: At which the board was seen by one camera or more.
        board: That was seen.
        floor: Name of the moment at which the board lay where z is 0, seen from above: its first
            corner is the world's origin, x runs along its rows, z up. None: the world is that of
            the first camera.

    Raises:
        CalibrationError: If a camera shares too few moments with the others, or nothing fits.
    """
    names = list(lenses)
    shared = [each for each in moments if len(each.corners) >= 2]
    to_cameras = [
        {name: _board_pose(board, lenses[name], corners) for name, corners in each.corners.items()}
        for each in shared
    ]
    cameras = _chain(names, to_cameras)
    boards = [_board_in_world(poses, cameras) for poses in to_cameras]
    views = _right_views(_Views(lenses, shared, board), cameras, boards)
    cameras, boards, errors = _adjust(views, cameras, boards)
    if floor is not None:
        cameras = _on_floor(cameras, boards, [each.name for each in shared], floor)
    total = float(np.sqrt(np.mean(np.concatenate(list(errors.values())) ** 2)))
    if total > LARGEST_ERROR_PX:
        raise CalibrationError(
            f"corners lie {total:.2f} px from where the cameras would see them, expected at most "
            f"{LARGEST_ERROR_PX:g}: were all pictures of a moment taken at the same time, and is "
            f"the board's size right?"
        )
    standing = {
        name: Standing(
            lens=lenses[name],
            rotation=_vector(cameras[name][:3]),
            translation_cm=_vector(cameras[name][3:]),
            error_px=round(float(np.sqrt(np.mean(errors[name] ** 2))), 4),
        )
        for name in names
    }
    return Stand(
        cameras=standing,
        reprojection_error_px=round(total, 4),
        board=board.text,
        moments=len({number for _, number, _ in views.each}),
    )


def _on_floor(
    cameras: Mapping[str, Pose], boards: Sequence[Pose], names: Sequence[str], floor: str
) -> dict[str, Pose]:
    """The same cameras, in the world of the board at one moment."""
    if floor not in names:
        raise CalibrationError(
            f"the floor is that of {floor}, at which two cameras or more did not see the board; "
            f"there is: {', '.join(names)}"
        )
    turned_over = np.array([np.pi, 0.0, 0.0, 0.0, 0.0, 0.0])  # a board's z points into it
    to_world = _after(boards[names.index(floor)], turned_over)
    return {name: _after(camera, to_world) for name, camera in cameras.items()}


def _vector(values: Pose) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def _board_pose(board: Board, lens: Lens, corners: Corners) -> Pose:
    """From the board's axes (cm) to the camera's."""
    points = board.points_mm[corners.ids] / 10
    good, turn, move = cv2.solvePnP(
        points, corners.xy, lens.matrix, np.array(lens.distortion), flags=cv2.SOLVEPNP_IPPE
    )
    if not good:
        raise CalibrationError("a view of the board has no pose: are its corners on one line?")
    turn, move = cv2.solvePnPRefineLM(
        points, corners.xy, lens.matrix, np.array(lens.distortion), turn, move
    )
    return np.concatenate([np.ravel(turn), np.ravel(move)])


def _chain(names: Sequence[str], seen: Sequence[Mapping[str, Pose]]) -> dict[str, Pose]:
    """Poses of all cameras, each from the one known already that it shares most moments with."""
    cameras = {names[0]: np.zeros(6)}
    while len(cameras) < len(names):
        counts = {
            (known, new): [poses for poses in seen if known in poses and new in poses]
            for known in cameras
            for new in names
            if new not in cameras
        }
        (known, new), moments = max(counts.items(), key=lambda item: len(item[1]))
        if len(moments) < FEWEST_MOMENTS:
            lost = ", ".join(name for name in names if name not in cameras)
            raise CalibrationError(
                f"{lost}: the board was seen at the same moment as by {', '.join(cameras)} only "
                f"{len(moments)} times, expected {FEWEST_MOMENTS}: show it where both see it"
            )
        steps = [_after(poses[new], _back(poses[known])) for poses in moments]
        cameras[new] = _after(_middle(steps), cameras[known])
    return cameras


def _board_in_world(poses: Mapping[str, Pose], cameras: Mapping[str, Pose]) -> Pose:
    return _middle([_after(_back(cameras[name]), pose) for name, pose in poses.items()])


def _after(second: Pose, first: Pose) -> Pose:
    """The pose that does `first` and then `second`."""
    turn, move, *_ = cv2.composeRT(first[:3], first[3:], second[:3], second[3:])
    return np.concatenate([np.ravel(turn), np.ravel(move)])


def _back(pose: Pose) -> Pose:
    turn = np.asarray(cv2.Rodrigues(pose[:3])[0])
    return np.concatenate([-pose[:3], -turn.T @ pose[3:]])


def _middle(poses: Sequence[Pose]) -> Pose:
    """The one that lies nearest to all others: an average of turns that a wrong one cannot pull."""
    turns = np.stack([np.asarray(cv2.Rodrigues(pose[:3])[0]) for pose in poses])
    moves = np.stack([pose[3:] for pose in poses])
    cosines = (np.einsum("aij,bij->ab", turns, turns) - 1) / 2
    angles = np.arccos(np.clip(cosines, -1, 1))
    away = np.linalg.norm(moves[:, None] - moves[None], axis=2)
    scale = max(float(np.median(np.linalg.norm(moves, axis=1))), 1.0)
    return poses[int(np.argmin((angles + away / scale).sum(axis=1)))]


class _Views:
    """All views of the board: which camera, which moment, which corners.

    Args:
        lenses: By camera, the first one first.
        moments: At which the board was seen by two cameras or more.
        board: That was seen.
    """

    def __init__(self, lenses: Mapping[str, Lens], moments: Sequence[Moment], board: Board) -> None:
        self.names = list(lenses)
        self._lenses = [(lens.matrix, np.array(lens.distortion)) for lens in lenses.values()]
        self._points = board.points_mm / 10
        self.each = [
            (self.names.index(name), number, corners)
            for number, moment in enumerate(moments)
            for name, corners in moment.corners.items()
        ]

    def off(self, cameras: Poses, boards: Poses) -> list[NDArray[np.float64]]:
        """How far each view's corners lie from where they would be, (corners, 2), px."""
        found = []
        for camera, number, corners in self.each:
            pose = _after(cameras[camera], boards[number])
            points = self._points[corners.ids]
            seen, _ = cv2.projectPoints(points, pose[:3], pose[3:], *self._lenses[camera])
            found.append(np.asarray(seen.reshape(-1, 2) - corners.xy, np.float64))
        return found

    def pattern(self, n_boards: int) -> lil_matrix:
        """Which numbers each residual depends on: one camera's pose and one board's."""
        rows = sum(2 * len(corners.ids) for *_, corners in self.each)
        n_cameras = len(self.names)
        pattern = lil_matrix((rows, 6 * (n_cameras - 1 + n_boards)), dtype=np.int8)
        begin = 0
        for camera, number, corners in self.each:
            end = begin + 2 * len(corners.ids)
            if camera:
                pattern[begin:end, 6 * (camera - 1) : 6 * camera] = 1
            first = 6 * (n_cameras - 1 + number)
            pattern[begin:end, first : first + 6] = 1
            begin = end
        return pattern


def _right_views(views: _Views, cameras: Mapping[str, Pose], boards: Sequence[Pose]) -> _Views:
    """Leave out views that the others contradict; what is left of their moments stays."""
    off = views.off(np.stack([cameras[name] for name in views.names]), np.stack(boards))
    error_px = np.array([np.sqrt(np.mean(each**2)) for each in off])
    right = error_px <= max(WRONG_PX, WRONG * float(np.median(error_px)))
    for place, name in enumerate(views.names):
        here = np.array([camera == place for camera, *_ in views.each])
        if np.mean(~right[here]) > MOST_WRONG or np.median(error_px) > 10 * WRONG_PX:
            raise CalibrationError(
                f"{name}: {np.count_nonzero(~right[here])} of its {np.count_nonzero(here)} views "
                f"contradict the others, half of all by more than {np.median(error_px):.0f} px: "
                f"were all pictures of a moment taken at the same time?"
            )
    views.each = [view for view, good in zip(views.each, right, strict=True) if good]
    return views


def _adjust(
    views: _Views, cameras: Mapping[str, Pose], boards: Sequence[Pose]
) -> tuple[dict[str, Pose], list[Pose], dict[str, NDArray[np.float64]]]:
    """Move all poses but the first camera's; return all, and each camera's errors (px)."""
    names = views.names
    start = np.concatenate([*(cameras[name] for name in names[1:]), *boards])

    def poses(values: Pose) -> tuple[Poses, Poses]:
        grid = np.vstack([np.zeros(6), values.reshape(-1, 6)])
        return grid[: len(names)], grid[len(names) :]

    found = least_squares(
        lambda values: np.concatenate(views.off(*poses(values))).ravel(),
        start,
        jac_sparsity=views.pattern(len(boards)),
        x_scale="jac",
        max_nfev=MOST_ROUNDS,
    )
    at, where = poses(found.x)
    errors: dict[str, list[NDArray[np.float64]]] = {name: [] for name in names}
    for (camera, *_), off in zip(views.each, views.off(at, where), strict=True):
        errors[names[camera]].append(np.hypot(off[:, 0], off[:, 1]))
    return (
        {name: at[place] for place, name in enumerate(names)},
        list(where),
        {name: np.concatenate(each) for name, each in errors.items()},
    )
