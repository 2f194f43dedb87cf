"""The style network: the published topology, at every size of picture."""

import pytest
import torch
import torch.nn.functional as F

from stylize.style.network.network import (
    REFERENCE_SIZE,
    RETIRED_SIZE,
    NetworkSize,
    TransformerNet,
    repaint,
)

SMALL = NetworkSize(widths=(4, 6, 8), blocks=2)


def published_forward(weights: dict[str, torch.Tensor], blocks: int, x: torch.Tensor) -> torch.Tensor:
    """The published TransformerNet written out on plain tensors, sharing nothing with the code under test."""

    def convolve(name: str, x: torch.Tensor, stride: int = 1) -> torch.Tensor:
        kernel = weights[f"{name}.conv2d.weight"]
        margin = kernel.shape[-1] // 2
        rows = torch.arange(-margin, x.shape[-2] + margin)
        columns = torch.arange(-margin, x.shape[-1] + margin)
        rows, columns = ((n - 1) - ((n - 1) - i.abs()).abs() for i, n in ((rows, x.shape[-2]), (columns, x.shape[-1])))
        padded = x[..., rows, :][..., columns]
        return F.conv2d(padded, kernel, weights[f"{name}.conv2d.bias"], stride=stride)

    def normalise(name: str, x: torch.Tensor) -> torch.Tensor:
        centred = x - x.mean(dim=(2, 3), keepdim=True)
        deviation = (centred.square().mean(dim=(2, 3), keepdim=True) + 1e-5).sqrt()
        gain, offset = (weights[f"{name}.{key}"].view(1, -1, 1, 1) for key in ("weight", "bias"))
        return centred / deviation * gain + offset

    def double(x: torch.Tensor) -> torch.Tensor:
        return x.repeat_interleave(2, dim=-1).repeat_interleave(2, dim=-2)

    x = normalise("in1", convolve("conv1", x)).clamp(min=0)
    x = normalise("in2", convolve("conv2", x, stride=2)).clamp(min=0)
    x = normalise("in3", convolve("conv3", x, stride=2)).clamp(min=0)
    for number in range(1, blocks + 1):
        y = normalise(f"res{number}.in1", convolve(f"res{number}.conv1", x)).clamp(min=0)
        x = x + normalise(f"res{number}.in2", convolve(f"res{number}.conv2", y))
    x = normalise("in4", convolve("deconv1", double(x))).clamp(min=0)
    x = normalise("in5", convolve("deconv2", double(x))).clamp(min=0)
    return convolve("deconv3", x)


@pytest.mark.parametrize("size", [REFERENCE_SIZE, RETIRED_SIZE, SMALL], ids=["reference", "default", "small"])
def test_the_network_computes_what_was_published(size: NetworkSize) -> None:
    torch.manual_seed(1)
    network = TransformerNet(size).eval()
    for parameter in network.parameters():  # normalisation starts as the identity, which would hide a mix-up
        parameter.data += 0.1 * torch.randn_like(parameter)
    pictures = torch.rand(2, 3, 24, 36) * 255
    with torch.no_grad():
        expected = published_forward(network.state_dict(), size.blocks, pictures)
        assert torch.allclose(network(pictures), expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())


@pytest.mark.parametrize(
    ("size", "parameters", "multiply_adds"), [(REFERENCE_SIZE, 1_679_235, 153_792), (RETIRED_SIZE, 350_787, 37_728)]
)
def test_the_two_sizes_have_the_published_and_the_designed_cost(
    size: NetworkSize, parameters: int, multiply_adds: int
) -> None:
    assert sum(parameter.numel() for parameter in TransformerNet(size).parameters()) == parameters
    assert size.multiply_adds == multiply_adds


@pytest.mark.parametrize("side", [*range(1, 18), 30, 31, 33])
def test_pictures_of_every_size_keep_their_size(side: int) -> None:
    network = TransformerNet(SMALL).eval()
    with torch.no_grad():
        for height, width in ((side, 21), (21, side), (side, side)):
            repainted = repaint(network, torch.rand(1, 3, height, width) * 255)
            assert repainted.shape == (1, 3, height, width)
            assert torch.isfinite(repainted).all()


def test_padding_leaves_a_picture_that_needs_none_alone() -> None:
    network = TransformerNet(SMALL).eval()
    pictures = torch.rand(1, 3, 20, 28) * 255
    with torch.no_grad():
        assert torch.equal(repaint(network, pictures), network(pictures))


def test_padding_lies_at_the_bottom_and_right_and_repeats_the_edge() -> None:
    network = TransformerNet(SMALL).eval()
    picture = torch.rand(1, 3, 18, 21) * 255
    padded = torch.cat([picture, picture[..., -1:].expand(-1, -1, -1, 3)], dim=-1)
    padded = torch.cat([padded, padded[..., -1:, :].expand(-1, -1, 2, -1)], dim=-2)
    with torch.no_grad():
        assert torch.equal(repaint(network, picture), network(padded)[..., :18, :21])
