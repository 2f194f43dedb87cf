"""A blend of two styles as one network."""

import copy

import torch

from stylize.style.network.style_network import StyleNet


def can_interpolate(first: StyleNet, second: StyleNet) -> bool:
    """Whether both were tuned from one network, so that what lies between their weights paints what lies between.

    That is so of all networks of the same family and size but those of ``fast_neural_style``, which were trained each
    from its own random start.
    """
    return first.size == second.size and getattr(first.size, "family", "") != "johnson"


@torch.no_grad()
def interpolate(first: StyleNet, second: StyleNet, share: float) -> StyleNet:
    """The network at ``share`` (0..1) of the way from ``first`` to ``second``; shares no tensor with them.

    Averages of weights that were tuned from one start stay good: Wortsman et al., "Model soups", 2022.
    """
    blended = copy.deepcopy(first)
    others = second.state_dict()
    for name, tensor in blended.state_dict().items():
        tensor.lerp_(others[name], share)
    return blended
