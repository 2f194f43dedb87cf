"""One network for all styles: its normalizations are linear functions of the style's 100 numbers.

Conditional instance normalization of Dumoulin et al., "A learned representation for artistic style", 2017, with the
style prediction of Ghiasi et al., 2017. Put the numbers of one style in, and what is left is an ordinary network whose
normalizations are fixed: that is what engines run and style files hold. Since everything is linear in the numbers, a
blend of styles is the blend of their numbers.
"""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from stylize.style.network.network import CALM_EPSILON, calm_norm
from stylize.style.network.style_network import StyleNet
from stylize.style.network.style_prediction import VECTOR_SIZE


class ConditionalNorm(nn.Module):
    """Instance normalization whose gain and offset come from ``vectors``, ``(N, 100)``, set before a pass."""

    def __init__(self, channels: int) -> None:
        """Begin as plain instance normalization, whatever the style."""
        super().__init__()
        self.styling = nn.Linear(VECTOR_SIZE, 2 * channels)
        nn.init.normal_(self.styling.weight, std=0.02)
        with torch.no_grad():
            self.styling.bias.copy_(torch.cat([torch.ones(channels), torch.zeros(channels)]))
        self.vectors = torch.empty(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(N, channels, H, W)`` to the same shape."""
        gain, offset = self.styling(self.vectors)[..., None, None].chunk(2, dim=1)
        return torch.addcmul(offset, F.instance_norm(x, eps=CALM_EPSILON), gain)


class ConditionalNet(nn.Module):
    """A network with the normalizations of any style.

    Attributes:
        network: its normalizations replaced by :class:`ConditionalNorm`; takes values 0..1 and gives 0..255.
    """

    def __init__(self, network: StyleNet) -> None:
        """Take the topology and the convolutions of ``network``, which this object owns from now on."""
        super().__init__()
        self.network = network
        for name, norm in _norms(network):
            network.set_submodule(name, ConditionalNorm(norm.num_features))

    @property
    def norms(self) -> dict[str, ConditionalNorm]:
        """By their names in the network."""
        return {name: norm for name, norm in self.network.named_modules() if isinstance(norm, ConditionalNorm)}

    def forward(self, pictures: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
        """Repaint ``(N, 3, H, W)``, values 0..1, each in the style of its row of ``(N, 100)``; values 0..1."""
        for norm in self.norms.values():
            norm.vectors = vectors
        return self.network(pictures) / 255

    @torch.no_grad()
    def with_style(self, vector: torch.Tensor) -> StyleNet:
        """The network of one style, RGB 0..255 in and out, in evaluation mode; shares no tensor with this one."""
        network = copy.deepcopy(self.network)
        for name, norm in self.norms.items():
            fixed = calm_norm(norm.styling.out_features // 2)
            gain, offset = norm.styling(vector).chunk(2)
            fixed.weight.copy_(gain)
            fixed.bias.copy_(offset)
            network.set_submodule(name, fixed)
        network.conv1.conv2d.weight /= 255
        return network.eval().requires_grad_(False)


def _norms(network: nn.Module) -> list[tuple[str, nn.InstanceNorm2d]]:
    return [(name, norm) for name, norm in network.named_modules() if isinstance(norm, nn.InstanceNorm2d)]
