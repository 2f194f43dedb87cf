"""Gather the parts of a delivery, assemble them, and prove the result: all of ``final_video`` but publishing."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.delivery_preview import render_preview
from resources.deployment import DecoderResource
from resources.progress import Progress, cumulative
from stylize import code_versions
from stylize.errors import VerificationError
from stylize.records.content import original_file, read_manifest, read_plan, read_tracks
from stylize.records.records import ClipSettings, Delivery, SegmentRecord, SourceRecord, digest_of
from stylize.store.keys import ContentKeys, latest_delivery_key, source_record_key
from stylize.store.media_store import MediaStore
from stylize.video.source.manifest import VideoManifest
from stylize.video.source.plan import SegmentPlan

if TYPE_CHECKING:
    from stylize.video.delivery.report import StitchReport
    from stylize.video.delivery.verify import Verification
    from stylize.video.pixels.pixels import DeliveredPicture


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that a delivery is made of, complete and consistent."""

    clip: str
    source: SourceRecord
    manifest: VideoManifest
    plan: SegmentPlan
    segments: tuple[SegmentRecord, ...]
    settings: ClipSettings

    @property
    def delivery(self) -> str:
        """SHA-256 that names the delivery: the same upload, content, look and code give the same one."""
        return delivery_digest(self.source, self.settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """A finished file that is not published yet, and what reading it back showed.

    ``preview`` shows it beside its source; None where that could not be made.
    """

    file: Path
    preview: Path | None
    picture: "DeliveredPicture"
    report: "StitchReport"
    verification: "Verification"


def delivery_digest(source: SourceRecord, settings: ClipSettings) -> str:
    """SHA-256 over all that decides what a delivery holds."""
    parts = [source.landing_key, source.sha256, settings.look, settings.media_container, code_versions.DELIVER]
    return digest_of(parts)


def find_delivery(store: MediaStore, clip: str, delivery: str) -> Delivery | None:
    """The latest delivery of ``clip`` if it is ``delivery`` and all its objects are there."""
    latest = Delivery.find(store, latest_delivery_key(clip))
    if latest is None or latest.delivery != delivery:
        return None
    complete = all(store.stat(key) for key in (latest.video_key, latest.table_key, latest.receipt_key))
    return latest if complete else None


def gather_parts(store: MediaStore, clip: str) -> Parts:
    """Collect the styled segments of the content that was read last.

    Raises:
        VerificationError: a segment is missing, or segments differ in their look.
    """
    source = SourceRecord.read(store, source_record_key(clip))
    keys = ContentKeys(clip, source.sha256)
    plan = read_plan(store, keys)
    found = {segment.index: SegmentRecord.find(store, keys.styled_segment(segment.index)) for segment in plan.segments}
    segments = tuple(record for record in found.values() if record is not None)
    _refuse(clip, [index for index, record in found.items() if record is None], "not styled yet")
    settings = segments[0].settings
    _refuse(
        clip,
        [record.segment for record in segments if record.settings != settings],
        f"styled in another look than segment {segments[0].segment}",
    )
    if settings is None or [chunk.index for record in segments for chunk in record.chunks] != [
        chunk.index for chunk in plan.chunks
    ]:
        raise VerificationError(
            f"clip {clip!r}: the styled chunks are not those of the plan; materialize styled_frames"
        )
    return Parts(
        clip=clip,
        source=source,
        manifest=read_manifest(store, keys),
        plan=plan,
        segments=segments,
        settings=settings,
    )


def _refuse(clip: str, segments: list[int], problem: str) -> None:
    if segments:
        names = ", ".join(f"{clip}|{segment:03d}" for segment in segments[:5])
        more = f" and {len(segments) - 5} more" if len(segments) > 5 else ""
        raise VerificationError(f"{names}{more}: {problem}; materialize styled_frames for these partitions")


def assemble(
    store: MediaStore, parts: Parts, folder: Path, *, decoder: DecoderResource, progress: Progress
) -> Assembled:
    """Join the chunks into ``folder`` and read the result back.

    Raises:
        ObjectMissingError: a chunk, or the upload, is gone.
        IntegrityError: a stored chunk is damaged.
        MuxError: the chunks do not fit together.
    """
    from stylize.video.delivery.verify import verify_delivery
    from stylize.video.pixels.pixels import delivered_picture
    from stylize.video.untrusted import stitch_untrusted

    keys = ContentKeys(parts.clip, parts.source.sha256)
    file = folder / f"{parts.clip}.{parts.settings.media_container}"
    with ExitStack() as stack:
        original = stack.enter_context(original_file(store, keys, folder))
        chunks = [
            stack.enter_context(store.as_file(chunk.key, folder, sha256=chunk.sha256))
            for record in parts.segments
            for chunk in record.chunks
        ]
        advance = stack.enter_context(progress.track("deliver", total=parts.plan.num_frames))
        report = stitch_untrusted(
            chunks, parts.manifest, original, file, limits=decoder.limits, on_progress=cumulative(advance)
        )
        preview = render_preview(original, file, parts.manifest.video.stream_index)  # while the original is at hand
    picture = delivered_picture(parts.manifest.video)
    tracks = read_tracks(store, keys)
    verification = verify_delivery(file, parts.manifest, tracks, picture, report)
    if verification.is_flat and _source_is_flat(store, parts, folder):
        verification = verify_delivery(file, parts.manifest, tracks, picture, report, source_is_flat=True)
    return Assembled(file=file, preview=preview, picture=picture, report=report, verification=verification)


def _source_is_flat(store: MediaStore, parts: Parts, folder: Path) -> bool:
    """Whether the first frame of every segment is of one colour, as in a clip that is black all through."""
    from stylize.video.chunks.lossless import read_chunk
    from stylize.video.delivery.verify import is_single_color
    from stylize.video.pixels.pixels import rgb_pictures

    keys = ContentKeys(parts.clip, parts.source.sha256)
    for segment in parts.plan.segments:
        chunk = SegmentRecord.read(store, keys.frames_segment(segment.index)).chunks[0]
        with store.as_file(chunk.key, folder, sha256=chunk.sha256) as file:
            if not is_single_color(next(rgb_pictures(read_chunk(file), parts.manifest.video))):
                return False
    return True
