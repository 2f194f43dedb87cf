"""The other operations that read an uploaded file, run in the sandbox: sound digests, and joining the delivered file.

:mod:`scan` and :mod:`split`, which decode, bring their own sandboxed entry.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from stylize.sandbox.limits import DecodeLimits
from stylize.sandbox.sandbox import run_sandboxed
from stylize.sandbox.sandbox_child import Channel
from stylize.video.delivery.mux import stitch
from stylize.video.delivery.report import StitchReport
from stylize.video.pixels.pixels import delivered_picture
from stylize.video.source.manifest import VideoManifest
from stylize.video.source.open import quoted
from stylize.video.source.tracks import TrackDigest, read_tracks

SLOWEST_DISK_BYTES_PER_SECOND = 10_000_000


def scan_tracks(source: Path, *, limits: DecodeLimits) -> tuple[TrackDigest, ...]:
    """:func:`read_tracks` in a child process.

    Raises:
        ProbeError: the file may not be opened.
        DecodeError: it is damaged, or reading it crashes or stalls.
    """
    arguments = {"source": str(source.absolute()), "limits": asdict(limits)}
    found = run_sandboxed(read_tracks_here, arguments, subject=quoted(source), limits=limits)
    return tuple(TrackDigest.from_dict(track) for track in found)


def read_tracks_here(arguments: dict[str, Any], _channel: Channel) -> list[dict[str, Any]]:
    """What the child does for :func:`scan_tracks`."""
    tracks = read_tracks(Path(arguments["source"]), DecodeLimits(**arguments["limits"]))
    return [track.to_dict() for track in tracks]


def stitch_untrusted(
    chunks: Sequence[Path],
    manifest: VideoManifest,
    source: Path,
    output: Path,
    *,
    limits: DecodeLimits,
    on_progress: Callable[[int], None] | None = None,
) -> StitchReport:
    """:func:`stitch` in a child process; ``on_progress`` gets the number of frames written so far.

    Raises:
        MuxError: chunks do not fit together or are not the manifest's frames, or the muxer refuses.
        ProbeError: the source may not be opened.
        DecodeError: reading it crashes or stalls.
    """
    arguments = {
        "chunks": [str(chunk.absolute()) for chunk in chunks],
        "manifest": manifest.to_json(),
        "source": str(source.absolute()),
        "output": str(output.absolute()),
        "limits": asdict(limits),
    }
    # Putting the index in front rewrites the file in one silent go at the end.
    size_bytes = source.stat().st_size + sum(chunk.stat().st_size for chunk in chunks)
    patient = replace(limits, stall_seconds=limits.stall_seconds + size_bytes / SLOWEST_DISK_BYTES_PER_SECOND)
    report = run_sandboxed(stitch_here, arguments, subject=quoted(source), limits=patient, on_progress=on_progress)
    return StitchReport.from_dict(report)


def stitch_here(arguments: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """What the child does for :func:`stitch_untrusted`."""
    manifest = VideoManifest.from_json(arguments["manifest"])
    report = stitch(
        [Path(chunk) for chunk in arguments["chunks"]],
        manifest,
        Path(arguments["source"]),
        Path(arguments["output"]),
        picture=delivered_picture(manifest.video),
        limits=DecodeLimits(**arguments["limits"]),
        on_progress=channel.progress,
    )
    return report.to_dict()
