"""Networks of every family, with random weights."""

import torch
from torch import nn

from stylize.style.controls.quality import Quality
from stylize.style.network.any_painting import FAST_SIZE
from stylize.style.network.network import ANY_PAINTING_SIZE, SLIM_SIZE, NetworkSize, TransformerNet
from stylize.style.network.quarter_network import QuarterNet, QuarterSize
from stylize.style.network.style_network import StyleNet

OF_QUALITIES: dict[Quality, NetworkSize | QuarterSize] = {
    "best": ANY_PAINTING_SIZE,
    "standard": SLIM_SIZE,
    "fast": FAST_SIZE,
}


def random_network(size: NetworkSize | QuarterSize, seed: int = 3) -> StyleNet:
    """Its pictures spread over all levels, and those of ``fast_neural_style`` beyond on both sides."""
    torch.manual_seed(seed)
    network = QuarterNet(size).eval() if isinstance(size, QuarterSize) else TransformerNet(size).eval()
    with torch.no_grad():
        if isinstance(network, QuarterNet):
            network.equalize_pixels_()
            network.conv1.conv2d.weight.div_(255)
        elif network.size.family == "johnson":
            network.deconv3.conv2d.weight.mul_(200)
            network.get_parameter("deconv3.conv2d.bias").fill_(127)
        else:
            network.conv1.conv2d.weight.div_(255)
    return network


def with_uneven_norms(network: StyleNet) -> StyleNet:
    """As created their gains and offsets are ones and zeros, which would hide a mix-up."""
    with torch.no_grad():
        for norm in network.modules():
            if isinstance(norm, nn.InstanceNorm2d):
                norm.weight.add_(torch.rand_like(norm.weight) * 0.2)
                norm.bias.add_(torch.rand_like(norm.bias) * 0.2)
    return network
