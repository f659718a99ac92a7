"""What training makes small, one loss per head; what nobody labelled costs nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from tracker.learning.networks import RECONSTRUCTION_STRIDE, Network, small_image
from tracker.learning.recipe import PoseHead, SegmentationHead

SPREAD_CELLS = 1.0
"""Sigma of the target around a keypoint (cells)."""

CLOSE_CELLS = 1.5
"""Cells around a keypoint in which its offset is learnt."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Images and what is known of them.

    Attributes:
        image: float32 (n, channels, height, width), 0 to 255.
        xy: float32 (n, individuals, keypoints, 2), pixels; NaN where not in the image or not
            labelled; individuals are padded with NaN.
        unlabelled: bool (n, individuals, keypoints): nobody knows where it is.
        middle: float32 (n, individuals, 2), pixels: middle of the animal, in the image or
            not; NaN where there is none.
        size: float32 (n,), px of the image: extent of an animal.
        pose_known: bool (n,): False where nobody looked for animals.
        mask: uint8 (n, height, width), 0 none, n + 1 class n, 255 not known.
        owner: uint8 (n, height, width), 0 nobody, n + 1 individual n, 255 not known.
        classes: float32 (n, classes), 0, 1 or NaN.
        quantities: float32 (n, quantities), NaN where not known.
    """

    image: Tensor
    xy: Tensor
    unlabelled: Tensor
    middle: Tensor
    size: Tensor
    pose_known: Tensor
    mask: Tensor
    owner: Tensor
    classes: Tensor
    quantities: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""
        fields = ((name, getattr(self, name)) for name in self.__dataclass_fields__)
        return Batch(**{name: value.to(device) for name, value in fields})


def losses_of(network: Network, maps: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
    """Return the loss of each head, times its weight."""
    heads = network.recipe.heads
    found: dict[str, Tensor] = {}
    if heads.pose:
        found["pose"] = heads.pose.weight * pose_loss(maps, batch, heads.pose, network.stride)
    if heads.segmentation:
        loss = mask_loss(maps, batch, heads.segmentation, network.stride)
        found["segmentation"] = heads.segmentation.weight * loss
    if heads.classification:
        known = torch.isfinite(batch.classes)
        found["classification"] = heads.classification.weight * _mean_where(
            functional.binary_cross_entropy_with_logits(
                maps["class"], torch.nan_to_num(batch.classes), reduction="none"
            ),
            known,
        )
    if heads.regression:
        head = network.heads["regression"]
        target = (batch.quantities - head.get_buffer("middle")) / head.get_buffer("spread")
        found["regression"] = heads.regression.weight * quantity_loss(maps, target)
    if heads.reconstruction:
        usable = batch.image.new_ones(len(batch.image), dtype=torch.bool)
        if heads.classification and "usable" in heads.classification.classes:
            usable = batch.classes[:, heads.classification.classes.index("usable")] != 0
        error = (maps["image"] - small_image(batch.image)).square().flatten(1).mean(1)
        found["reconstruction"] = (
            heads.reconstruction.weight * RECONSTRUCTION_STRIDE * _mean_where(error, usable)
        )
    return found


def _mean_where(loss: Tensor, known: Tensor) -> Tensor:
    return (loss * known).sum() / known.sum().clamp(min=1)


def quantity_loss(maps: Mapping[str, Tensor], target: Tensor) -> Tensor:
    """Negative log likelihood of a normal distribution, but for a constant.

    Kendall and Gal 2017 (arXiv:1703.04977), eq. 8.
    """
    known = torch.isfinite(target)
    log_variance = maps["log_variance"]
    error = (maps["quantity"] - torch.nan_to_num(target)).square()
    return 0.5 * _mean_where(torch.exp(-log_variance) * error + log_variance, known)


def pose_loss(maps: Mapping[str, Tensor], batch: Batch, head: PoseHead, stride: int) -> Tensor:
    """Focal loss of likelihoods and centres, plus error of offsets and ways home.

    The focal loss is that of CenterNet (Zhou et al. 2019, arXiv:1904.07850, eq. 1, alpha 2,
    beta 4). Around an individual whose keypoint is not labelled, that keypoint's map is free.
    """
    n_keypoints = len(head.keypoints)
    height, width = maps["likelihood"].shape[2:]
    grid = _Grid(height, width, maps["likelihood"].device)
    cells = (batch.xy + 0.5) / stride - 0.5
    free = _free(batch, grid, stride)
    dx, dy = grid.from_nearest(cells)  # (n, keypoints, height, width)
    loss = _focal(maps["likelihood"], dx, dy, free)
    offsets = maps["offset"].reshape(-1, n_keypoints, 2, height, width)
    loss = loss + _error_near(offsets, dx, dy)
    if head.max_individuals == 1:
        return loss
    centre = (centres_of(batch, head) + 0.5) / stride - 0.5  # (n, individuals, 2)
    dx, dy = grid.from_nearest(centre[:, :, None])
    unknown = ~batch.pose_known[:, None, None, None].expand_as(dx)
    if head.centre is not None:
        number = head.keypoints.index(head.centre)
        unknown = free[:, number : number + 1]
    loss = loss + _focal(maps["centre"], dx, dy, unknown)
    return loss + 0.5 * _home_loss(maps["home"], cells, centre, grid)


class _Grid:
    """Centres of all cells."""

    def __init__(self, height: int, width: int, device: torch.device) -> None:
        self.columns = torch.arange(width, dtype=torch.float32, device=device)
        self.rows = torch.arange(height, dtype=torch.float32, device=device)

    def from_nearest(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and y (n, k, height, width): cells to the nearest individual's point.

        `points` are (n, individuals, k, 2); without one the way is 1e4.
        """
        points = torch.nan_to_num(points, nan=1e4)
        dx = points[..., 0, None, None] - self.columns
        dy = points[..., 1, None, None] - self.rows[:, None]
        if points.shape[1] == 1:
            return self._over_all(dx[:, 0]), self._over_all(dy[:, 0])
        dx, dy = self._over_all(dx), self._over_all(dy)
        nearest = (dx.square() + dy.square()).argmin(1, keepdim=True)
        return dx.gather(1, nearest)[:, 0], dy.gather(1, nearest)[:, 0]

    def _over_all(self, ways: Tensor) -> Tensor:
        """Ways along one axis, (..., 1, width) or (..., height, 1), for every cell."""
        return ways.expand(*ways.shape[:-2], len(self.rows), len(self.columns))


def _focal(logits: Tensor, dx: Tensor, dy: Tensor, free: Tensor) -> Tensor:
    near = torch.exp((dx.square() + dy.square()) * (-0.5 / SPREAD_CELLS**2))
    peak = (dx.abs() <= 0.5) & (dy.abs() <= 0.5)
    log_yes, log_no = functional.logsigmoid(logits), functional.logsigmoid(-logits)
    yes = log_yes.exp()
    focal = torch.where(peak, (1 - yes) ** 2 * log_yes, (1 - near) ** 4 * yes**2 * log_no)
    return -(focal * ~free).sum() / peak.sum().clamp(min=1)


def _error_near(offsets: Tensor, dx: Tensor, dy: Tensor) -> Tensor:
    """Error of offsets (n, k, 2, height, width) in the cells around each point."""
    close = dx.square() + dy.square() <= CLOSE_CELLS**2
    error = functional.smooth_l1_loss(
        offsets, torch.stack([dx, dy], 2), reduction="none", beta=0.1
    ).sum(2)
    return torch.where(close, error, 0.0).sum() / close.sum().clamp(min=1)


def _free(batch: Batch, grid: _Grid, stride: int) -> Tensor:
    """Cells (n, keypoints, height, width) of whose likelihood nobody knows what it should be."""
    middle = (torch.nan_to_num(batch.middle, nan=1e5) + 0.5) / stride - 0.5
    dx = middle[..., 0, None, None] - grid.columns
    dy = middle[..., 1, None, None] - grid.rows[:, None]
    reach = (0.75 * batch.size / stride)[:, None, None, None]
    around = dx.square() + dy.square() <= reach.square()  # (n, individuals, height, width)
    unknown = batch.unlabelled[..., None, None] & around[:, :, None]
    return unknown.any(1) | ~batch.pose_known[:, None, None, None]


def centres_of(batch: Batch, head: PoseHead) -> Tensor:
    """Centre of each individual (n, individuals, 2), pixels; NaN where it is outside."""
    if head.centre is not None:
        return batch.xy[:, :, head.keypoints.index(head.centre)]
    height, width = batch.image.shape[2:]
    x, y = batch.middle.unbind(2)
    inside = (x >= -0.5) & (y >= -0.5) & (x <= width - 0.5) & (y <= height - 0.5)
    return torch.where(inside[..., None], batch.middle, torch.nan)


def _home_loss(home: Tensor, cells: Tensor, centre: Tensor, grid: _Grid) -> Tensor:
    """Error (cells, per keypoint) of the ways to the own centre, in the cells about keypoints."""
    individuals, keypoints = cells.shape[1:3]
    home = home.reshape(-1, keypoints, 2, len(grid.rows), len(grid.columns))
    total, count = home.sum() * 0, home.new_zeros(())
    dx, dy = grid.from_nearest(cells)
    for one in range(individuals):
        mine = torch.nan_to_num(cells[:, one], nan=1e5)
        from_x = mine[..., 0, None, None] - grid.columns
        from_y = mine[..., 1, None, None] - grid.rows[:, None]
        close = from_x.square() + from_y.square() <= CLOSE_CELLS**2
        close &= (from_x == dx) & (from_y == dy)  # nearer to it than to another's
        close &= torch.isfinite(centre[:, one]).all(1)[:, None, None, None]
        to = torch.nan_to_num(centre[:, one])[..., None, None, None]
        off_x = home[:, :, 0] - (to[:, 0] - grid.columns)
        off_y = home[:, :, 1] - (to[:, 1] - grid.rows[:, None])
        off = torch.stack([off_x, off_y], 2)
        error = functional.smooth_l1_loss(off, torch.zeros_like(off), reduction="none").sum(2)
        total, count = total + torch.where(close, error, 0.0).sum(), count + close.sum()
    return total / count.clamp(min=1)


def mask_loss(
    maps: Mapping[str, Tensor], batch: Batch, head: SegmentationHead, stride: int
) -> Tensor:
    """Cross entropy plus 1 - soft Dice (Milletari et al. 2016, arXiv:1606.04797); and of votes."""
    known = (batch.mask != 255)[:, None]
    share = torch.cat(
        [(batch.mask == number + 1)[:, None] for number in range(len(head.classes))], 1
    ).to(torch.float32)
    share = functional.avg_pool2d(share, stride)
    known = functional.avg_pool2d(known.to(torch.float32), stride).expand_as(share) > 0.99
    logits = maps["mask"]
    entropy = functional.binary_cross_entropy_with_logits(logits, share, reduction="none")
    loss = _mean_where(entropy, known)
    yes = torch.sigmoid(logits) * known
    both, all_of_it = (yes * share).sum((0, 2, 3)), (yes + share * known).sum((0, 2, 3))
    loss = loss + (1 - (2 * both + 1) / (all_of_it + 1)).mean()
    if head.per_individual:
        loss = loss + 0.1 * _vote_loss(maps["vote"], batch, stride)
    return loss


def _vote_loss(vote: Tensor, batch: Batch, stride: int) -> Tensor:
    """Error of the ways (cells) from each cell of an individual to its middle."""
    owner = batch.owner[:, stride // 2 :: stride, stride // 2 :: stride].long()
    middle = (batch.middle + 0.5) / stride - 0.5
    n_individuals = middle.shape[1]
    total, count = vote.sum() * 0, vote.new_zeros(())
    columns = torch.arange(owner.shape[2], dtype=torch.float32, device=vote.device)
    rows = torch.arange(owner.shape[1], dtype=torch.float32, device=vote.device)[:, None]
    for one in range(n_individuals):
        mine = (owner == one + 1) & torch.isfinite(middle[:, one]).all(1)[:, None, None]
        way_x = (middle[:, one, 0, None, None] - columns).expand_as(vote[:, 0])
        way_y = (middle[:, one, 1, None, None] - rows).expand_as(vote[:, 1])
        target = torch.stack([way_x, way_y], 1)
        error = functional.smooth_l1_loss(
            vote, torch.nan_to_num(target), reduction="none", beta=1.0
        ).sum(1)
        total, count = total + torch.where(mine, error, 0.0).sum(), count + mine.sum()
    return total / count.clamp(min=1)
