"""One backbone with its heads, and the graph that an ONNX file computes with them."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from tracker.learning.backbones import Features, conv, make_backbone
from tracker.learning.decode import decode_one, decode_several, individual_masks
from tracker.learning.recipe import PoseHead, Recipe, ReconstructionHead, RegressionHead

Maps = Mapping[str, Tensor]
"""What the heads give, by name; see each head."""

RARE = -4.0
"""First bias of what is true of few cells (logit): as in nearly every cell of a target."""


class PoseMaps(nn.Module):
    """`likelihood` (n, K, h, w), logits; `offset` (n, 2K, h, w), cells, x before y.

    For several individuals also `centre` (n, 1, h, w), logits, and `home` (n, 2K, h, w), cells
    from a keypoint to the centre of the individual that it belongs to. `radius` (K,) says how
    far off (cells) that may be; it is measured after training.
    """

    radius: Tensor

    def __init__(self, settings: PoseHead, n_in: int, radius_cells: float) -> None:
        super().__init__()
        self.n = len(settings.keypoints)
        self.several = settings.max_individuals > 1
        self.maps = nn.Conv2d(n_in, 3 * self.n, 1)
        if self.several:
            self.register_buffer("radius", torch.full((self.n,), radius_cells))
            self.wider = conv(n_in, 2 * n_in)
            self.individuals = nn.Conv2d(2 * n_in, 1 + 2 * self.n, 1)
            with torch.no_grad():
                self.individuals.get_parameter("bias")[:1] = RARE
        with torch.no_grad():
            self.maps.get_parameter("bias")[: self.n] = RARE

    def forward(self, features: Features) -> dict[str, Tensor]:
        """Return the maps."""
        maps = self.maps(features.fine)
        found = {"likelihood": maps[:, : self.n], "offset": maps[:, self.n :]}
        if self.several:
            maps = self.individuals(self.wider(features.fine))
            found |= {"centre": maps[:, :1], "home": WAY_CELLS * maps[:, 1:]}
        return found


WAY_CELLS = 8.0
"""Unit of ways inside the network, so that their weights are of the size of the others."""


class Segmentation(nn.Module):
    """`mask` (n, classes, h, w), logits.

    Per individual also `vote` (n, 2, h, w), cells to its centre.
    """

    def __init__(self, n_classes: int, n_in: int, *, per_individual: bool) -> None:
        super().__init__()
        self.n = n_classes
        self.per_individual = per_individual
        self.maps = nn.Conv2d(n_in, n_classes + 2 * per_individual, 1)

    def forward(self, features: Features) -> dict[str, Tensor]:
        """Return the maps."""
        maps = self.maps(features.fine)
        votes = {"vote": WAY_CELLS * maps[:, self.n :]} if self.per_individual else {}
        return {"mask": maps[:, : self.n], **votes}


class _Pooled(nn.Module):
    """Numbers for the whole image, from mean and maximum of the deep features."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2 * n_in, 32), nn.ReLU(), nn.Linear(32, n_out))

    def forward(self, features: Features) -> Tensor:
        """Return (n, n_out)."""
        flat = features.deep.flatten(2)
        numbers: Tensor = self.layers(torch.cat([flat.mean(2), flat.amax(2)], 1))
        return numbers


class Classification(nn.Module):
    """`class` (n, classes), logits, divided by a temperature that is fitted after training.

    Guo et al. 2017 (arXiv:1706.04599), section 4.2, one temperature per class.
    """

    temperature: Tensor

    def __init__(self, n_classes: int, n_in: int) -> None:
        super().__init__()
        self.pooled = _Pooled(n_in, n_classes)
        self.register_buffer("temperature", torch.ones(n_classes))

    def forward(self, features: Features) -> dict[str, Tensor]:
        """Return the logits."""
        return {"class": self.pooled(features) / self.temperature}


class Regression(nn.Module):
    """`quantity` and `log_variance` (n, quantities), both of values of mean 0 and spread 1.

    The variance is learnt with the value, as in Kendall and Gal 2017 (arXiv:1703.04977, eq. 8).
    """

    middle: Tensor
    spread: Tensor

    def __init__(self, settings: RegressionHead, n_in: int) -> None:
        super().__init__()
        self.n = len(settings.quantities)
        self.pooled = _Pooled(n_in, 2 * self.n)
        self.register_buffer("middle", torch.zeros(self.n))
        self.register_buffer("spread", torch.ones(self.n))

    def forward(self, features: Features) -> dict[str, Tensor]:
        """Return the numbers."""
        numbers = self.pooled(features)
        log_variance = numbers[:, self.n :].clamp(-10, 10)
        return {"quantity": numbers[:, : self.n], "log_variance": log_variance}


class Reconstruction(nn.Module):
    """`image` (n, 1, height / 8, width / 8): the image again, through a narrow code, -0.5 to 0.5.

    It learns from the deep features and teaches them nothing, so that seeing does not suffer.
    """

    limit: Tensor

    def __init__(self, settings: ReconstructionHead, n_in: int, deep_stride: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(n_in, settings.code, 1)]
        n = settings.code
        while deep_stride > RECONSTRUCTION_STRIDE:
            layers += [conv(n, 32), nn.Upsample(scale_factor=2.0, mode="nearest")]
            n, deep_stride = 32, deep_stride // 2
        self.layers = nn.Sequential(*layers, conv(n, 32), nn.Conv2d(32, 1, 1))
        self.shrink = RECONSTRUCTION_STRIDE // deep_stride  # of a shallow U-Net
        self.register_buffer("limit", torch.ones(()))

    def forward(self, features: Features) -> dict[str, Tensor]:
        """Return the image."""
        deep = features.deep.detach()
        if self.shrink > 1:
            deep = nn.functional.avg_pool2d(deep, self.shrink)
        return {"image": self.layers(deep)}


RECONSTRUCTION_STRIDE = 8
"""Input pixels per pixel of the reconstructed image."""


class Network(nn.Module):
    """Backbone and heads of a recipe. All its outputs are maps or logits, to be trained on."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        heads = recipe.heads
        self.recipe = recipe
        self.backbone = make_backbone(recipe.backbone, recipe.input.channels)
        self.stride = self.backbone.stride
        fine, deep = self.backbone.fine_channels, self.backbone.deep_channels
        made: dict[str, nn.Module] = {}
        if heads.pose:
            made["pose"] = PoseMaps(heads.pose, fine, first_radius_cells(recipe, self.stride))
        if heads.segmentation:
            made["segmentation"] = Segmentation(
                len(heads.segmentation.classes),
                fine,
                per_individual=heads.segmentation.per_individual,
            )
        if heads.classification:
            made["classification"] = Classification(len(heads.classification.classes), deep)
        if heads.regression:
            made["regression"] = Regression(heads.regression, deep)
        if heads.reconstruction:
            made["reconstruction"] = Reconstruction(
                heads.reconstruction, deep, self.backbone.deep_stride
            )
        self.heads = nn.ModuleDict(made)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return the outputs of all heads by name, for float32 (n, channels, h, w), 0 to 255."""
        features = self.backbone(image)
        return {name: maps for head in self.heads.values() for name, maps in head(features).items()}


class Graph(nn.Module):
    """What an ONNX file computes: uint8 pixels in, finished numbers out.

    Args:
        network: In evaluation mode.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return what `ModelCard` promises, in the order of `ModelCard.outputs`.

        Args:
            image: uint8 (n, channels, height, width); n is 1 in a network file.
        """
        grey = image.to(torch.float32)
        maps = self.network(grey)
        return tuple(answer for _, answer in self._answers(grey, maps))

    def _answers(self, image: Tensor, maps: Maps) -> list[tuple[str, Tensor]]:
        heads, stride = self.network.recipe.heads, self.network.stride
        found: list[tuple[str, Tensor]] = []
        centres = None
        if heads.pose and heads.pose.max_individuals > 1:
            radius = self.network.heads["pose"].get_buffer("radius")
            mirror = self.network.recipe.mirror_order
            several = decode_several(maps, heads.pose.max_individuals, stride, radius, mirror)
            found += [("xy", several.xy), ("confidence", several.confidence)]
            centres = several.centre
        elif heads.pose:
            xy, confidence = decode_one(maps, stride)
            found += [("xy", xy), ("confidence", confidence)]
        if heads.segmentation:
            found.append(("mask", _as_bytes(torch.sigmoid(maps["mask"]))))
            if heads.segmentation.per_individual:
                owned = individual_masks(maps, centres)
                found.append(("individual_mask", _as_bytes(owned)))
        if heads.classification:
            found.append(("probability", torch.sigmoid(maps["class"])))
        if heads.regression:
            head = self.network.heads["regression"]
            middle, spread = head.get_buffer("middle"), head.get_buffer("spread")
            found.append(("quantity", maps["quantity"] * spread + middle))
            found.append(("quantity_sd", torch.exp(0.5 * maps["log_variance"]) * spread))
        if heads.reconstruction:
            limit = self.network.heads["reconstruction"].get_buffer("limit")
            found.append(("novelty", reconstruction_error(image, maps["image"]) / limit))
        return found


def _as_bytes(probability: Tensor) -> Tensor:
    return torch.round(probability * 255).to(torch.uint8)


def first_radius_cells(recipe: Recipe, stride: int) -> float:
    """How far off (cells) a keypoint's way to its centre may be, before that is measured."""
    low, high = recipe.augmentation.size_px
    return max(LEAST_RADIUS_CELLS, 0.25 * float((low * high) ** 0.5) / stride)


LEAST_RADIUS_CELLS = 2.0
"""No way home is taken to be more exact (cells): a centre is found as a whole cell, or the next."""


def small_image(image: Tensor) -> Tensor:
    """What is reconstructed: grey, `RECONSTRUCTION_STRIDE` times smaller, -0.5 to 0.5."""
    grey = image.mean(1, keepdim=True) * (1 / 255) - 0.5
    return nn.functional.avg_pool2d(grey, RECONSTRUCTION_STRIDE)


def reconstruction_error(image: Tensor, again: Tensor) -> Tensor:
    """Root mean square difference (n,) from what was reconstructed, 0 to about 1."""
    difference = again - small_image(image)
    return torch.sqrt((difference * difference).flatten(1).mean(1))
