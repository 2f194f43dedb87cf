"""Repaint frames on a GPU: passes of a constant shape, copies that overlap with computing, and a CUDA graph.

Nothing is compiled at run time. A graph is recorded only once a clip has shown that it is long, because a short one
would be finished before the recording is.
"""

from dataclasses import dataclass

import numpy as np
import torch

from stylize.frame_transform import Picture
from stylize.style.engines.inference_network import InferenceNet
from stylize.style.engines.strips import to_levels
from stylize.style.network.network import repaint
from stylize.style.network.style_network import StyleNet

PASSES_BEFORE_GRAPH = 8
"""Recording takes about as long as a few passes, and first runs must not be recorded: libraries set themselves up."""


@dataclass(frozen=True, slots=True)
class _RecordedPass:
    """A pass as one launch; it reads ``frames`` and writes ``painted``, always the same memory."""

    graph: torch.cuda.CUDAGraph
    frames: torch.Tensor
    painted: torch.Tensor


class CudaEngine:
    """One network on the current GPU; passes of one shape at a time."""

    def __init__(self, network: StyleNet) -> None:
        """Take a network from :func:`torch_engine.prepare`."""
        self._network = InferenceNet(network)
        self._uploads, self._downloads = torch.cuda.Stream(), torch.cuda.Stream()
        self._shape: tuple[int, ...] = ()
        self._num_passes = 0
        self._recorded: _RecordedPass | None = None

    @torch.inference_mode()
    def paint(self, frames: Picture, *, at_once: int) -> Picture:
        """See :class:`memory_ladder.Engine`.

        A last pass that is short is filled up: the shape decides which kernels run, and so the last bits. While one
        pass is computed, the next frames are sent up and the ones before are fetched.
        """
        if not len(frames):
            return frames.copy()
        num_passes = -(-len(frames) // at_once)
        sent = torch.empty((num_passes * at_once, *frames.shape[1:]), dtype=torch.uint8, pin_memory=True)
        sent[: len(frames)].copy_(torch.from_numpy(np.array(frames, order="C")))
        sent[len(frames) :] = sent[len(frames) - 1]
        fetched = torch.empty_like(sent, pin_memory=True)
        alive = [self._pass(mine, out) for mine, out in zip(sent.split(at_once), fetched.split(at_once), strict=True)]
        torch.cuda.synchronize()
        del alive  # until here the streams used these; the allocator knows nothing of that
        return fetched[: len(frames)].numpy()

    def release(self) -> None:
        """See :class:`memory_ladder.Engine`."""
        self._shape, self._num_passes, self._recorded = (), 0, None
        torch.cuda.empty_cache()

    def _pass(self, sent: torch.Tensor, fetched: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Queue one pass and its copies; return what must live until they are done."""
        compute = torch.cuda.current_stream()
        with torch.cuda.stream(self._uploads):
            frames = sent.to("cuda", non_blocking=True)
        compute.wait_stream(self._uploads)
        painted = self._compute(frames)
        self._downloads.wait_stream(compute)
        with torch.cuda.stream(self._downloads):
            fetched.copy_(painted, non_blocking=True)
        return frames, painted

    def _compute(self, frames: torch.Tensor) -> torch.Tensor:
        if frames.shape != self._shape:
            self._shape, self._num_passes, self._recorded = frames.shape, 0, None
        self._num_passes += 1
        if self._num_passes == PASSES_BEFORE_GRAPH:
            self._recorded = self._record(frames)
        if self._recorded is None:
            return self._repaint(frames)
        self._recorded.frames.copy_(frames)
        self._recorded.graph.replay()
        return self._recorded.painted.clone()

    def _record(self, frames: torch.Tensor) -> _RecordedPass | None:
        """Record a pass; None where that fails, e.g. for lack of memory: a graph keeps its maps to itself."""
        graph, example = torch.cuda.CUDAGraph(), frames.clone()
        try:
            # Other threads decode and encode meanwhile; what they allocate is no error.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                painted = self._repaint(example)
        except RuntimeError:
            return None
        return _RecordedPass(graph, example, painted)

    def _repaint(self, frames: torch.Tensor) -> torch.Tensor:
        """``permute`` of interleaved RGB is already torch's channels_last layout."""
        return to_levels(repaint(self._network, frames.permute(0, 3, 1, 2).to(self._network.dtype)))
