"""From maps to keypoints and masks, in operations that every runtime has."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


def decode_one(maps: Mapping[str, Tensor], stride: int) -> tuple[Tensor, Tensor]:
    """Return the best place of each keypoint of the only individual.

    Args:
        maps: `likelihood` and `offset`, see `PoseMaps`.
        stride: Input pixels per cell.

    Returns:
        xy, float32 (n, 1, keypoints, 2), pixels of the input; and confidence, float32
        (n, 1, keypoints), from 0 to 1.
    """
    likelihood = maps["likelihood"].flatten(2)
    best = likelihood.argmax(2, keepdim=True)
    confidence = torch.sigmoid(likelihood.gather(2, best)).squeeze(2)
    return _place(best, maps, stride).unsqueeze(1), confidence.unsqueeze(1)


class Several(NamedTuple):
    """Individuals as found; those that are not there have a confidence near 0.

    Attributes:
        xy: float32 (n, individuals, keypoints, 2), pixels of the input.
        confidence: float32 (n, individuals, keypoints), 0 to 1.
        centre: float32 (n, individuals, 3): column and row (cells), and confidence.
    """

    xy: Tensor
    confidence: Tensor
    centre: Tensor


APART_CELLS = 4.0
"""Two keypoints that mirror each other are taken to be one if they are no farther apart."""

APART_COST = math.log(1.5)
"""One of them moves away if it is at least two thirds as likely elsewhere."""


def decode_several(
    maps: Mapping[str, Tensor],
    individuals: int,
    stride: int,
    radius_cells: Tensor,
    mirror: Sequence[int] = (),
) -> Several:
    """Return the likeliest individuals, most certain first, in one stage.

    Centres are local maxima. Each cell says, for each keypoint, where the centre of the
    individual is that the keypoint there belongs to (as the votes of Neven et al. 2019,
    arXiv:1906.11109, for pixels). An individual's keypoint is the cell where its likelihood
    times a Gaussian of the distance from that place to the centre is largest. A keypoint is no
    more certain than the centre that it belongs to.

    The other way round, from centre to keypoints (Zhou et al. 2019, arXiv:1904.07850, section
    5.2), a spread wing was missed: it is far from where a centre expects wings.

    Args:
        maps: `likelihood`, `offset`, `centre` and `home`, see `PoseMaps`.
        individuals: How many at most.
        stride: Input pixels per cell.
        radius_cells: Sigma of the Gaussian for each keypoint (cells), float32 (keypoints,).
        mirror: For each keypoint, the one that it is confused with: its mirror image, or itself.
            Where both are found in one place, see `_apart`.
    """
    likelihood = maps["likelihood"]
    n, keypoints, height, width = likelihood.shape
    centre = maps["centre"]
    is_peak = centre >= functional.max_pool2d(centre, 5, 1, 2)
    peaks = torch.where(is_peak, centre, torch.full_like(centre, -30.0)).flatten(1)
    score, cell = peaks.topk(individuals, 1)
    row = torch.div(cell, width, rounding_mode="floor").to(torch.float32)
    column = cell.to(torch.float32) - row * width
    columns = torch.arange(width, dtype=torch.float32, device=centre.device)
    rows = torch.arange(height, dtype=torch.float32, device=centre.device)
    home = maps["home"].reshape(n, 1, keypoints, 2, height, width)
    off_x = home[:, :, :, 0] + columns - column[:, :, None, None, None]
    off_y = home[:, :, :, 1] + rows[:, None] - row[:, :, None, None, None]
    scale = (-0.5 / radius_cells.square())[:, None, None]
    near = scale * (off_x * off_x + off_y * off_y)
    here = functional.logsigmoid(likelihood)[:, None] + near
    best = here.flatten(3).argmax(3)
    if any(other != number for number, other in enumerate(mirror)):
        best = _apart(here, best, mirror)
    flat = best.permute(0, 2, 1)  # (n, keypoints, individuals)
    sure = torch.sigmoid(likelihood.flatten(2).gather(2, flat)).permute(0, 2, 1)
    sure = torch.minimum(sure, torch.sigmoid(score)[..., None])
    xy = _place(flat, maps, stride, each=individuals).permute(0, 2, 1, 3)
    return Several(xy, sure, torch.stack([column, row, torch.sigmoid(score)], 2))


def _apart(score: Tensor, best: Tensor, mirror: Sequence[int]) -> Tensor:
    """Return the best cells, but where a pair has been found in one place one of both moves.

    A network that is not sure which wing it sees is so twice, once in each map: the wing
    that is hard to see is found on the other. The one that loses less by it goes to its best
    cell at least `APART_CELLS` away, if that costs no more than `APART_COST`: two folded
    wings, which have no such cell, stay together. Who is far away already loses nothing, and
    stays.

    Args:
        score: Log likelihood (n, individuals, keypoints, height, width).
        best: Its largest cell (n, individuals, keypoints), counted row by row.
        mirror: See `decode_several`.
    """
    height, width = score.shape[3:]
    row = torch.div(best, width, rounding_mode="floor").to(torch.float32)
    column = best.to(torch.float32) - row * width
    columns = torch.arange(width, dtype=torch.float32, device=score.device)
    rows = torch.arange(height, dtype=torch.float32, device=score.device)
    other_row, other_column = row[:, :, mirror], column[:, :, mirror]
    off_x = (columns - other_column[..., None]).square()[..., None, :]
    off_y = (rows - other_row[..., None]).square()[..., :, None]
    away = torch.where(off_x + off_y > APART_CELLS**2, score, torch.full_like(score, -1e4))
    second, elsewhere = away.flatten(3).max(3)
    cost = score.flatten(3).amax(3) - second
    moves = (cost <= APART_COST) & (cost < cost[:, :, mirror])
    return torch.where(moves, elsewhere, best)


def individual_masks(maps: Mapping[str, Tensor], centre: Tensor | None) -> Tensor:
    """Return one mask per individual: each cell goes to the centre nearest to its vote.

    The votes are those of Neven et al. 2019 (arXiv:1906.11109), with a fixed margin.

    Args:
        maps: `mask` (logits) and `vote` (cells), see `Segmentation`.
        centre: As in `Several`; None for one individual, to which everything goes.

    Returns:
        float32 (n, individuals, height, width), probability.
    """
    animal = torch.sigmoid(maps["mask"]).amax(1, keepdim=True)
    if centre is None:
        return animal
    height, width = animal.shape[2:]
    x = torch.arange(width, dtype=torch.float32, device=animal.device) + maps["vote"][:, 0]
    rows = torch.arange(height, dtype=torch.float32, device=animal.device)
    y = rows[:, None] + maps["vote"][:, 1]
    dx = x[:, None] - centre[:, :, 0, None, None]
    dy = y[:, None] - centre[:, :, 1, None, None]
    absent = 1e6 * (centre[:, :, 2, None, None] < LEAST_CENTRE).to(torch.float32)
    distance = dx * dx + dy * dy + absent
    nearest = distance <= distance.amin(1, keepdim=True)
    present = (absent == 0).to(torch.float32)
    return animal * nearest.to(torch.float32) * present


LEAST_CENTRE = 0.1
"""Confidence below which a centre gets no part of the mask."""


def _place(best: Tensor, maps: Mapping[str, Tensor], stride: int, each: int = 1) -> Tensor:
    """Cells (n, keypoints, each), counted row by row, as pixels (n, keypoints, each, 2)."""
    n, keypoints, _, width = maps["likelihood"].shape
    offsets = maps["offset"].reshape(n, keypoints, 2, -1)
    offset = offsets.gather(3, best.unsqueeze(2).expand(-1, -1, 2, -1)).permute(0, 1, 3, 2)
    row = torch.div(best, width, rounding_mode="floor")
    cell = torch.stack([best - row * width, row], 3).to(torch.float32)
    xy = (cell + 0.5 + offset) * stride - 0.5
    return xy.squeeze(2) if each == 1 else xy
