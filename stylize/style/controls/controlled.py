"""The artist's controls around one or two networks, as one transform of frames."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from stylize.errors import StyleError
from stylize.frame_transform import FrameTransform, Picture, SteadyTransform
from stylize.style.controls.color_mixing import keep_chroma, mix
from stylize.style.controls.controls import Controls
from stylize.style.controls.guided_upsampling import enlarge_painted, resize


class ControlledTransform:
    """Paints as ``controls`` say: a :class:`stylize.frame_transform.FrameTransform`.

    A frame is reduced or enlarged to the size at which the brush has the chosen width, painted in both styles, mixed,
    brought back to its size with its detail, given its own colours, and mixed with itself. Everything after the
    networks is done frame by frame in 32-bit floating point, so that a frame's result does not depend on its batch
    where the networks' does not.
    """

    def __init__(self, first: FrameTransform, controls: Controls, second: FrameTransform | None = None) -> None:
        """Apply ``controls`` to what ``first`` paints, or to the mixture of both.

        Args:
            first: paints frames of any size.
            controls: its ``share`` is that of ``second``.
            second: the other style, on the same device.
        """
        self._networks = [first] if second is None or controls.share == 0 else [first, second]
        self._controls = controls
        self.batch_size = min(network.batch_size for network in self._networks)
        self.device = first.device
        parts = [network.digest for network in self._networks] + [json.dumps(controls.to_dict(), sort_keys=True)]
        self.digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def memory_rung(self) -> str:
        """Of the first network; the second is given the same frames."""
        return self._networks[0].memory_rung

    @torch.inference_mode()
    def __call__(self, frames: Picture) -> Picture:
        """Paint RGB frames ``(N, H, W, 3)``; the result has the same shape and dtype.

        At strength 0 it is a copy, and no network runs.

        Raises:
            StyleError: the networks cannot use these frames.
        """
        if self._controls.strength == 0:
            return frames.copy()
        shown = self._shown(frames)
        painted = [network(shown) for network in self._networks]
        if shown is frames and self._controls.shows_paint_alone:
            return painted[0]
        finished = np.empty_like(frames, order="C")
        for index, frame in enumerate(frames):
            finished[index] = self._finish(frame, shown[index], [pictures[index] for pictures in painted])
        return finished

    def measure_shot(self, frames: Picture) -> list[Any]:
        """See :class:`stylize.frame_transform.SteadyTransform`: of each network, in order."""
        shown = self._shown(frames)
        return [statistics for network in self._steady_networks() for statistics in network.measure_shot(shown)]

    def freeze_shot(self, statistics: Sequence[Any]) -> None:
        """See :class:`stylize.frame_transform.SteadyTransform`."""
        for network, own in zip(self._steady_networks(), statistics, strict=True):
            network.freeze_shot([own])

    def _steady_networks(self) -> list[SteadyTransform]:
        networks = [network for network in self._networks if isinstance(network, SteadyTransform)]
        if len(networks) < len(self._networks):
            raise StyleError("steady_shots needs a style network: this frame transform paints every frame for itself")
        return networks

    def _shown(self, frames: Picture) -> Picture:
        """What the networks are given."""
        _, height, width, _ = frames.shape
        size = self._controls.working_size(width=width, height=height)
        return frames if size == (height, width) else self._resize(frames, size)

    def _resize(self, frames: Picture, size: tuple[int, int]) -> Picture:
        resized = np.empty((len(frames), *size, 3), np.uint8)
        for index, frame in enumerate(frames):
            resized[index] = _to_picture(resize(self._to_tensor(frame), size))
        return resized

    def _finish(self, frame: Picture, shown: Picture, painted: list[Picture]) -> Picture:
        """Everything after the networks, for one frame."""
        source, result = self._to_tensor(frame), self._to_tensor(painted[0])
        if len(painted) > 1:
            result = mix(result, self._to_tensor(painted[1]), self._controls.share)
        height, width = frame.shape[:2]
        if shown.shape[0] < height:
            result = enlarge_painted(result, self._to_tensor(shown), source)
        elif shown.shape[0] > height:
            result = resize(result, (height, width))
        if self._controls.keep_colors:
            result = keep_chroma(result, source)
        return _to_picture(mix(source, result, self._controls.strength))

    def _to_tensor(self, picture: Picture) -> torch.Tensor:
        """``(1, 3, H, W)``, 0..255; the copy accepts what torch does not: read-only arrays and views."""
        interleaved = torch.from_numpy(np.array(picture, order="C")).to(self.device)
        return interleaved.permute(2, 0, 1)[None].to(torch.float32, memory_format=torch.contiguous_format)


def _to_picture(tensor: torch.Tensor) -> Picture:
    """``(1, 3, H, W)`` to ``(H, W, 3)``, rounded and clipped to 0..255."""
    return tensor.round().clamp_(0, 255)[0].permute(1, 2, 0).to(torch.uint8).cpu().numpy()
