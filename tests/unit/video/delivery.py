"""Run a clip through the whole chain with the identity as its style, and ask FFmpeg's program what came out."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import imageio_ffmpeg

from stylize.sandbox.limits import DecodeLimits
from stylize.video.chunks.encode import encode_chunk
from stylize.video.chunks.lossless import read_chunk
from stylize.video.chunks.split import split
from stylize.video.delivery.mux import stitch
from stylize.video.delivery.report import StitchReport
from stylize.video.pixels.pixels import DeliveredPicture, delivered_picture, rgb_pictures
from stylize.video.source.manifest import VideoManifest
from stylize.video.source.plan import plan_segments


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A delivered clip and what it was made from."""

    source: Path
    manifest: VideoManifest
    picture: DeliveredPicture
    chunks: tuple[Path, ...]
    output: Path
    report: StitchReport


Deliver = Callable[[str, str], Delivery]


def deliverer(
    clip: Callable[[str], Path], manifest: Callable[[str], VideoManifest], limits: DecodeLimits, directory: Path
) -> Deliver:
    """Return a function that delivers a clip by name and suffix, each once."""

    @cache
    def chunks_of(name: str) -> tuple[Path, ...]:
        folder = directory / name
        folder.mkdir()
        return style_chunks(clip(name), manifest(name), limits, folder)

    @cache
    def deliver(name: str, suffix: str) -> Delivery:
        source, truth, chunks = clip(name), manifest(name), chunks_of(name)
        picture, output = delivered_picture(truth.video), directory / f"{name}{suffix}"
        report = stitch(chunks, truth, source, output, picture=picture, limits=limits)
        return Delivery(source=source, manifest=truth, picture=picture, chunks=chunks, output=output, report=report)

    return deliver


def style_chunks(source: Path, manifest: VideoManifest, limits: DecodeLimits, folder: Path) -> tuple[Path, ...]:
    """Split, convert and encode every chunk; the style changes nothing."""
    picture, styled = delivered_picture(manifest.video), []
    plan = plan_segments(manifest.video.num_frames)
    for chunk, path in split(source, manifest, plan.chunks, folder, limits=limits):
        styled.append(folder / f"styled_{chunk.index}.mkv")
        num_frames = encode_chunk(rgb_pictures(read_chunk(path), manifest.video), styled[-1], picture)
        assert num_frames == chunk.num_frames
        path.unlink()
    return tuple(styled)


def packet_table(path: Path, selector: str, *options: str) -> list[tuple[Fraction, Fraction, str]]:
    """Packets as FFmpeg's program reads them: start and duration in seconds, and the MD5 of the payload."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-copyts", "-i", str(path), "-map", selector]
    command += ["-c", "copy", *options, "-f", "framemd5", "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (base,) = map(Fraction, re.findall(r"^#tb 0: (\d+/\d+)$", text, re.MULTILINE))
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines() if line and line[0] != "#"]
    return [(int(row[2]) * base, int(row[3]) * base, row[5]) for row in rows]


def samples_md5(path: Path, selector: str = "0:a:0") -> str:
    """MD5 of a track's decoded sound at 24 bits."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-i", str(path), "-map", selector]
    command += ["-c:a", "pcm_s24le", "-f", "md5", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
