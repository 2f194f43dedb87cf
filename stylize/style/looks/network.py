"""What one photograph tells of a network that was just made: the columns of the table that need no data beside it."""

from typing import Final

import numpy as np
import torch

from stylize.style.engines.strips import to_levels
from stylize.style.looks.motion import PAN_SIZES, pan_error, sized_pan
from stylize.style.looks.photographs import Photograph, measure_photographs
from stylize.style.looks.table import LooksRow
from stylize.style.network.network import repaint
from stylize.style.network.style_network import StyleNet
from stylize.style.pictures import Picture

PAN: Final = "360p"


def measure_network(network: StyleNet, photograph: Picture, *, name: str, quality: str) -> LooksRow:
    """The row of a style, as far as a photograph ``(H, W, 3)`` that it was not refined on can tell."""
    width, height = PAN_SIZES[PAN]
    pan = sized_pan(photograph, width=width, height=height)
    return LooksRow(
        name=name,
        quality=quality,
        pan_error_360p=pan_error(lambda frames: _paint(network, frames), pan),
        **measure_photographs([Photograph.of(name, photograph, None)], [_paint(network, photograph[None])[0]]),
    )


@torch.inference_mode()
def _paint(network: StyleNet, frames: Picture) -> Picture:
    """Frame by frame, where the network is."""
    device = next(network.parameters()).device
    pictures = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)
    painted = [to_levels(repaint(network, picture.to(device).float())) for picture in pictures.split(1)]
    return torch.cat(painted).cpu().numpy()
