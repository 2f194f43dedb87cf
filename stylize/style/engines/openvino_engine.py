"""Repaint frames on the CPU with OpenVINO: the fastest of what runs from wheels alone.

Two streams at 640x360, CPU time a frame, medians of three processes: in float32 182 ms with the shipped network and 649
with the reference network, where torch takes 337 and 1,099; in bfloat16, on the same CPU with AVX-512, 96 and 340,
where torch takes 160 and 527. In float32 it takes two thirds of torch's memory or less. A model for another size of
frames is ready in 0.15 s. With one thread per stream a frame's result is the same bit for bit, whatever else is
computed beside it; with two it is not, so there are several streams instead.
"""

from functools import cache

import numpy as np
import openvino

from stylize.frame_transform import Picture
from stylize.style.engines.openvino_graph import build_model
from stylize.style.network.style_network import StyleNet


@cache
def _core() -> openvino.Core:
    """The one of this process.

    With each, OpenVINO loads its plugin for CPUs anew, which gives the calling thread a larger stack for signals (AMX
    needs it), and with the last model of each it takes that back. Where two go in another order than that in which they
    came, the thread is left with a stack that is gone, and the next signal, SIGTERM say, is a segmentation fault.
    """
    return openvino.Core()


class OpenVinoEngine:
    """One network, compiled for one size of frames at a time."""

    def __init__(self, network: StyleNet, *, threads_per_stream: int) -> None:
        """Compile nothing yet: the size is that of the first frames. The precision is that of the network."""
        self._network = network
        self._threads_per_stream = threads_per_stream
        self._compiled_for: tuple[int, int, int] | None = None
        self._streams: openvino.AsyncInferQueue | None = None

    def paint(self, frames: Picture, *, at_once: int) -> Picture:
        """See :class:`memory_ladder.Engine`; frames are computed one by one in ``at_once`` parallel streams."""
        painted = np.empty_like(frames, order="C")
        streams = self._streams_for(frames.shape[1], frames.shape[2], at_once)
        streams.set_callback(lambda request, index: np.copyto(painted[index], request.get_output_tensor().data[0]))
        for index, frame in enumerate(frames):
            streams.start_async({0: np.ascontiguousarray(frame[None])}, index)
        streams.wait_all()
        return painted

    def release(self) -> None:
        """See :class:`memory_ladder.Engine`."""
        self._streams = self._compiled_for = None

    def _streams_for(self, height: int, width: int, num_streams: int) -> openvino.AsyncInferQueue:
        key = height, width, num_streams
        if self._streams is None or self._compiled_for != key:
            self.release()
            compiled = _core().compile_model(
                build_model(self._network, height=height, width=width),
                "CPU",
                {
                    "NUM_STREAMS": num_streams,
                    "INFERENCE_NUM_THREADS": num_streams * self._threads_per_stream,
                    "INFERENCE_PRECISION_HINT": "dynamic",  # that of the model, whatever the processor could do
                    # Two runs on one machine would be pinned to the same cores.
                    "ENABLE_CPU_PINNING": False,
                },
            )
            self._streams, self._compiled_for = openvino.AsyncInferQueue(compiled, num_streams), key
        return self._streams
