"""Repaint frames on the CPU with torch: what is left where OpenVINO is missing or lacks the precision."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from stylize.frame_transform import Picture
from stylize.style.engines.allocator import keep_freed_memory
from stylize.style.engines.inference_network import InferenceNet
from stylize.style.engines.strips import to_levels
from stylize.style.network.kernels import with_equal_sums, with_exact_sums
from stylize.style.network.network import MULTIPLE, UpsampleConvLayer, repaint
from stylize.style.network.quarter_network import QuarterNet
from stylize.style.network.style_network import StyleNet

DTYPES: dict[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def prepare(network: StyleNet, *, device: str, precision: str) -> StyleNet:
    """``network`` itself, moved: its convolutions take and give interleaved channels, which is how frames lie.

    Normalisations keep float32: torch holds their statistics in the type of their weights. With float32 on a GPU, TF32
    is off from then on, in the whole process.
    """
    if isinstance(network, QuarterNet):
        network.equalize_pixels_()  # the 16 bits of a style file round it away
    if precision != "fp32":
        _round_together(network, DTYPES[precision])
    elif device == "cuda":
        # Else a GPU would read 10 of the 23 bits of a value; who asks for float32 wants to know what it gives.
        torch.backends.cudnn.allow_tf32 = False
    prepared = network.to(device, DTYPES[precision]).eval().requires_grad_(False)
    for norm in prepared.modules():
        if isinstance(norm, nn.InstanceNorm2d):
            norm.float()
    return convert_conv2d_weight_memory_format(prepared, torch.channels_last)


def _round_together(network: StyleNet, dtype: torch.dtype) -> None:
    """Round the weights whose sums must be exact; see :mod:`stylize.style.network.kernels`."""
    for layer in network.modules():
        if isinstance(layer, UpsampleConvLayer):
            layer.conv2d.weight.data = with_exact_sums(layer.conv2d.weight.data, dtype)
    if isinstance(network, QuarterNet):
        last = network.conv2.conv2d
        last.weight.data = with_equal_sums(last.weight.data, MULTIPLE**2, dtype)


class TorchCpuEngine:
    """Several streams of one frame each; torch's results do not depend on the number of threads."""

    def __init__(self, network: StyleNet, *, threads_per_stream: int) -> None:
        """Take a network from :func:`prepare`."""
        keep_freed_memory()
        self._network = InferenceNet(network)
        self._threads_per_stream = threads_per_stream

    def paint(self, frames: Picture, *, at_once: int) -> Picture:
        """See :class:`memory_ladder.Engine`."""
        painted = np.empty_like(frames, order="C")

        def paint_one(index: int) -> None:
            painted[index] = self._paint_one(frames[index])

        with ThreadPoolExecutor(
            at_once, initializer=torch.set_num_threads, initargs=(self._threads_per_stream,)
        ) as pool:
            for _ in pool.map(paint_one, range(len(frames))):
                pass
        return painted

    def release(self) -> None:
        """See :class:`memory_ladder.Engine`; nothing is kept between frames."""

    @torch.inference_mode()
    def _paint_one(self, frame: Picture) -> Picture:
        """The copy accepts what torch does not: views that run backwards, and arrays that may not be written."""
        picture = torch.from_numpy(np.array(frame[None], order="C")).permute(0, 3, 1, 2)
        return to_levels(repaint(self._network, picture.to(self._network.dtype)))[0].numpy()
