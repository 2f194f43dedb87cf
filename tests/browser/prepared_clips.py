"""Clips that are brought to some stage before a test looks at them, by the jobs that automation would run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import dagster as dg

from dagster_project.cli.home import prepare_home
from dagster_project.cli.interrupts import Interrupts
from dagster_project.cli.restyle import upload
from dagster_project.cli.runs import LocalRuns
from dagster_project.definitions import build_defs
from dagster_project.partitions import cell_key, clips, styles
from dagster_project.settings import Settings
from stylize.names import clip_key
from stylize.records.content import current_content
from stylize.records.records import Registration
from stylize.store.keys import registration_key
from stylize.video.source.plan import MAX_SEGMENTS
from tests.clips import AAC, BT709, run_ffmpeg, sound, x264

FRAMES_PER_SEGMENT = 24


class SourceClips:
    """A camera that glides over a photograph: small enough to be painted in a moment, large enough to be looked at."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def make(self, photograph: str, *, num_frames: int) -> Path:
        """The path of a clip called like one of scikit-image's photographs."""
        import skimage.data
        from PIL import Image

        picture = self._directory / f"{photograph}.png"
        Image.fromarray(getattr(skimage.data, photograph)()).save(picture)
        path = picture.with_suffix(".mp4")
        still = ("-loop", "1", "-framerate", "24", "-i", picture)
        glide = f"scale=400:-2,crop=256:144:n:60,{BT709}"
        run_ffmpeg(*still, *sound(seconds=str(num_frames / 24)), *x264(frames=num_frames, filters=glide), *AAC, path)
        return path


class ClipDesk:
    """The steps of the graph, run one by one in this process and recorded on the instance of a home."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        settings = Settings(home=home)
        self._store = prepare_home(settings)
        self._instance = instance
        self._runs = LocalRuns(build_defs(settings), instance, Interrupts())

    def load_style(self, style: str) -> None:
        self._instance.add_dynamic_partitions(str(styles.name), [style])
        self._runs.run("load_style_job", partition_key=style)

    def split(self, source: Path) -> str:
        """Read and split a clip; returns its key. Its upload is taken away: the upload sensor shall leave it alone."""
        clip, landed = clip_key(source.name), upload(self._store, source)
        Registration(landing_key=landed).write(self._store, registration_key(clip))
        self._instance.add_dynamic_partitions(str(clips.name), [clip])
        config = {"source_video": {"frames_per_segment": FRAMES_PER_SEGMENT}}
        self._runs.run("read_clip_job", partition_key=clip, config=config)
        self._runs.run("read_audio_job", partition_key=clip)
        self._runs.run("split_frames_job", partition_range=(cell_key(clip, 0), cell_key(clip, MAX_SEGMENTS - 1)))
        self._store.delete(landed)
        return clip

    def choose_look(self, clip: str) -> None:
        self._runs.run("choose_look_job", partition_key=clip)

    def style(self, clip: str, segment: int) -> None:
        self._runs.run("style_segment_job", partition_key=cell_key(clip, segment))

    def chunk(self, clip: str, index: int) -> Path:
        """The file of one lossless chunk."""
        return Path(self._store.location(current_content(self._store, clip).frames_chunk(index)))


def swap_bytes(file: Path) -> None:
    """Damage a file as a bad disk does; once more, and it is whole again."""
    file.write_bytes(file.read_bytes()[::-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubledClips:
    """What an operator finds in the morning.

    Attributes:
        undecided: split into two segments, but nobody chose its look.
        damaged: of three segments the middle one cannot be read.
        outage: of three segments the last two could not be read.
        outage_chunks: their files, which :func:`swap_bytes` brings back.
    """

    undecided: str
    damaged: str
    outage: str
    outage_chunks: tuple[Path, ...]

    @classmethod
    def make(cls, desk: ClipDesk, sources: SourceClips) -> Self:
        """What can be styled is styled here; what cannot is left to automation, which fails."""
        desk.load_style("starry-night")
        undecided = desk.split(sources.make("coffee", num_frames=2 * FRAMES_PER_SEGMENT))
        damaged = desk.split(sources.make("astronaut", num_frames=3 * FRAMES_PER_SEGMENT))
        outage = desk.split(sources.make("rocket", num_frames=3 * FRAMES_PER_SEGMENT))
        for clip, segments in ((damaged, (0, 2)), (outage, (0,))):
            desk.choose_look(clip)
            for segment in segments:
                desk.style(clip, segment)
        outage_chunks = (desk.chunk(outage, 1), desk.chunk(outage, 2))
        for chunk in (desk.chunk(damaged, 1), *outage_chunks):
            swap_bytes(chunk)
        return cls(undecided=undecided, damaged=damaged, outage=outage, outage_chunks=outage_chunks)
