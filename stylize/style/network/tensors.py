"""Pictures as tensors."""

import numpy as np
import torch

from stylize.style.pictures import Picture


def to_tensor(picture: Picture) -> torch.Tensor:
    """``(H, W, 3)`` uint8 to float32 ``(1, 3, H, W)``, values 0..255."""
    return torch.from_numpy(np.array(picture, order="C")).permute(2, 0, 1).unsqueeze(0).float()
