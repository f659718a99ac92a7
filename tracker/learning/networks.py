"""The network: an encoder down to stride 32 and a decoder back up to stride 4.

Plain 3 x 3 convolutions with few channels where the image is large: on a CPU these take
a fraction of the time of the separable ones of mobile networks. Per keypoint there are
three maps: where it is likely to be, and how far (x, y) from the cell's centre.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tracker.learning.recipe import NetworkSettings

STRIDE = 4
"""Input pixels per cell of the maps."""

GRAIN = 32
"""Height and width of the input come in multiples of this (px)."""


def _conv(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()
    )


def _stage(n_in: int, n_out: int, depth: int) -> nn.Sequential:
    further = [_conv(n_out, n_out) for _ in range(depth - 1)]
    return nn.Sequential(_conv(n_in, n_out, 2), *further)


class PoseNetwork(nn.Module):
    """Maps of likelihood and offset for each keypoint.

    Args:
        keypoints: How many.
        settings: Its size.
    """

    def __init__(self, keypoints: int, settings: NetworkSettings) -> None:
        super().__init__()
        w2, w4, w8, w16, w32 = settings.widths
        depth = settings.depth
        self.keypoints = keypoints
        self.channels = settings.channels
        self.stem = nn.Sequential(_conv(settings.channels, w2, 2), _stage(w2, w4, 2))
        self.down8 = _stage(w4, w8, depth + 1)
        self.down16 = _stage(w8, w16, depth + 1)
        self.down32 = _stage(w16, w32, depth)
        self.up16 = nn.Conv2d(w32, w16, 1)
        self.up8 = nn.Conv2d(w16, w8, 1)
        self.up4 = nn.Conv2d(w8, w4, 1)
        self.skip16 = nn.Conv2d(w16, w16, 1)
        self.skip8 = nn.Conv2d(w8, w8, 1)
        self.skip4 = nn.Conv2d(w4, w4, 1)
        self.mix8 = _conv(w8, w8)
        self.mix4 = _conv(w4, w4)
        self.head = nn.Conv2d(w4, 3 * keypoints, 1)
        # At first nothing is likely anywhere, as in nearly every cell of a target.
        with torch.no_grad():
            self.head.get_parameter("bias")[:keypoints] = -4.0

    def forward(self, image: Tensor) -> Tensor:
        """Return the maps.

        Args:
            image: float32 (n, channels, height, width), grey values from 0 to 255.

        Returns:
            float32 (n, 3 * keypoints, height / 4, width / 4): first the likelihoods
            (logits), then x and y offset of each keypoint in cells.
        """
        at4 = self.stem(image * (1 / 255) - 0.5)
        at8 = self.down8(at4)
        at16 = self.down16(at8)
        at32 = self.down32(at16)
        at16 = functional.relu(self.skip16(at16) + _twice(self.up16(at32)))
        at8 = self.mix8(functional.relu(self.skip8(at8) + _twice(self.up8(at16))))
        at4 = self.mix4(functional.relu(self.skip4(at4) + _twice(self.up4(at8))))
        maps: Tensor = self.head(at4)
        return maps


def _twice(maps: Tensor) -> Tensor:
    return functional.interpolate(maps, scale_factor=2.0, mode="nearest")


class PoseGraph(nn.Module):
    """What an ONNX file computes: uint8 pixels in, finished keypoints out.

    Args:
        network: Gives the maps.
    """

    def __init__(self, network: PoseNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return xy, float32 (n, 1, keypoints, 2), and confidence, float32 (n, 1, keypoints).

        Args:
            image: uint8 (n, channels, height, width).
        """
        return decode(self.network(image.to(torch.float32)), self.network.keypoints)


def decode(maps: Tensor, keypoints: int) -> tuple[Tensor, Tensor]:
    """Return the best place of each keypoint.

    Args:
        maps: As from `PoseNetwork`.
        keypoints: How many.

    Returns:
        xy, float32 (n, 1, keypoints, 2), pixels of the input; and confidence, float32
        (n, 1, keypoints), from 0 to 1.
    """
    width = maps.shape[3]
    likelihood = maps[:, :keypoints].flatten(2)
    offsets = maps[:, keypoints:].reshape(maps.shape[0], keypoints, 2, -1)
    best = likelihood.argmax(2, keepdim=True)
    confidence = torch.sigmoid(likelihood.gather(2, best)).squeeze(2)
    offset = offsets.gather(3, best.unsqueeze(2).expand(-1, -1, 2, 1)).squeeze(3)
    row = torch.div(best, width, rounding_mode="floor")
    cell = torch.cat([best - row * width, row], 2).to(torch.float32)
    xy = (cell + 0.5 + offset) * STRIDE - 0.5
    return xy.unsqueeze(1), confidence.unsqueeze(1)


def loss_of(maps: Tensor, xy: Tensor, known: Tensor, spread_cells: float = 1.0) -> Tensor:
    """Return the loss of one batch: focal loss of the likelihoods plus error of the offsets.

    The focal loss is that of CenterNet (Zhou et al. 2019, arXiv:1904.07850, eq. 1, alpha 2,
    beta 4). Offsets count within 1.5 cells of the keypoint.

    Args:
        maps: As from `PoseNetwork`.
        xy: float32 (n, keypoints, 2), pixels of the input; NaN where it is not in the image.
        known: bool (n, keypoints); False where nobody knows where the keypoint is: no loss.
        spread_cells: Sigma of the target around a keypoint, in cells.
    """
    n_keypoints = xy.shape[1]
    likelihood, offsets = maps[:, :n_keypoints], maps[:, n_keypoints:]
    height, width = maps.shape[2:]
    offsets = offsets.reshape(maps.shape[0], n_keypoints, 2, height, width)
    there = torch.isfinite(xy).all(2)
    cells = (torch.nan_to_num(xy, nan=-1e4) + 0.5) / STRIDE - 0.5
    columns = torch.arange(width, dtype=torch.float32)
    rows = torch.arange(height, dtype=torch.float32)
    dx = (cells[..., 0, None] - columns)[:, :, None, :].expand(-1, -1, height, -1)
    dy = (cells[..., 1, None] - rows)[:, :, :, None].expand(-1, -1, -1, width)
    near = torch.exp(-(dx**2 + dy**2) / (2 * spread_cells**2))
    peak = (dx.abs() <= 0.5) & (dy.abs() <= 0.5) & there[:, :, None, None]
    log_yes, log_no = functional.logsigmoid(likelihood), functional.logsigmoid(-likelihood)
    yes = log_yes.exp()
    focal = torch.where(peak, (1 - yes) ** 2 * log_yes, (1 - near) ** 4 * yes**2 * log_no)
    focal = (focal * known[:, :, None, None]).sum()
    close = (dx**2 + dy**2 <= 1.5**2) & there[:, :, None, None]
    distance = functional.smooth_l1_loss(
        offsets, torch.stack([dx, dy], 2), reduction="none", beta=0.1
    )
    offset = (distance * close[:, :, None]).sum() / close.sum().clamp(min=1)
    return offset - focal / peak.sum().clamp(min=1)
