"""Find the cuts of a film while its frames pass: what lies between two of them is one shot."""

from av.filter import Graph
from av.video.frame import VideoFrame

SCORE_KEY = "lavfi.scd.score"
MIN_SCORE = 10.0
"""Of 100; the default of FFmpeg's ``scdet``. Its score is the change of the picture less the change one frame before,
so that a fast pan, which goes on changing, scores little."""

MIN_FRAMES = 12
"""A cut that comes sooner after another is a flash or a strobe: cutting there would make shots of a few frames."""

SIZE = "192:108"
"""Frames are compared at this size, whatever their shape: cuts show in it, noise and grain do not."""


class ShotFinder:
    """Compares every frame with the one before it by FFmpeg's filter ``scdet``; holds one small frame at a time."""

    def __init__(self) -> None:
        """No frame seen yet."""
        self._graph: Graph | None = None
        self._num_frames = 0
        self._starts = [0]

    @property
    def starts(self) -> tuple[int, ...]:
        """The first frame of every shot so far; the first shot starts at frame 0."""
        return tuple(self._starts)

    def add(self, frame: VideoFrame) -> None:
        """Look at the next frame; all must have one size and pixel format."""
        graph = self._graph = self._graph or _comparison(frame)
        graph.vpush(frame)
        score = float(graph.vpull().metadata[SCORE_KEY])
        if score >= MIN_SCORE and self._num_frames - self._starts[-1] >= MIN_FRAMES:
            self._starts.append(self._num_frames)
        self._num_frames += 1


def _comparison(frame: VideoFrame) -> Graph:
    graph = Graph()
    graph.threads = 1
    graph.link_nodes(
        graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base),
        graph.add("scale", f"{SIZE}:flags=area"),
        graph.add("scdet", f"threshold={MIN_SCORE}"),
        graph.add("buffersink"),
    ).configure()
    return graph
