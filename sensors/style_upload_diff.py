"""What a tick of the style upload sensor has to do: a comparison of ``landing/styles/`` with what the last tick saw."""

from collections.abc import Mapping
from dataclasses import dataclass

from stylize.records.style_uploads import StyleUpload, StyleUploads
from stylize.store.media_store import ObjectInfo

MAX_REQUESTS = 10
"""Styles that one tick requests; the next one carries on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is remembered of an upload between two ticks.

    Attributes:
        version: see :func:`version_of`.
        requested: whether its run was requested.
    """

    version: str
    requested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleDiff:
    """What one tick found.

    Attributes:
        ready: complete uploads for which a run shall be requested now.
        settling: names of files that must look the same at the next tick before they count as complete.
        held: names of complete files that wait for the next tick, because enough others were requested.
        seen: what the next tick has to know, by style.
        summary: one line on all of it, for people.
    """

    ready: tuple[StyleUpload, ...]
    settling: tuple[str, ...]
    held: tuple[str, ...]
    seen: Mapping[str, Seen]
    summary: str


def diff_style_uploads(
    uploads: StyleUploads, *, before: Mapping[str, Seen], max_requests: int = MAX_REQUESTS
) -> StyleDiff:
    """Compare what lies in ``landing/styles/`` now with what the last tick saw.

    Args:
        uploads: all of them; never the result of a listing that failed.
        before: ``seen`` of the last tick.
        max_requests: how many runs may be requested now.
    """
    seen: dict[str, Seen] = {}
    ready, settling, held = [], [], []
    for style, upload in uploads.by_style.items():
        version, known = version_of(upload.info), before.get(style)
        if known is None or known.version != version:
            settling.append(upload.name)
            seen[style] = Seen(version=version)
        elif known.requested:
            seen[style] = known
        elif len(ready) < max_requests:
            ready.append(upload)
            seen[style] = Seen(version=version, requested=True)
        else:
            held.append(upload.name)
            seen[style] = known
    return StyleDiff(
        ready=tuple(ready),
        settling=tuple(settling),
        held=tuple(held),
        seen=seen,
        summary=_summary(uploads, ready=ready, settling=settling, held=held),
    )


def version_of(info: ObjectInfo) -> str:
    """What tells one version of an upload from another: its key, ETag and size."""
    return f"{info.key} {info.etag} {info.size_bytes}"


def _summary(uploads: StyleUploads, *, ready: list[StyleUpload], settling: list[str], held: list[str]) -> str:
    parts = [f"{len(uploads.by_style)} styles in landing/styles/"]
    if ready:
        parts.append(f"requested: {', '.join(upload.style for upload in ready)}")
    if settling:
        parts.append(f"still settling: {', '.join(settling)}")
    if held:
        parts.append(f"waiting for the next tick: {', '.join(held)}")
    if uploads.ambiguous:
        clashes = (f"{' and '.join(names)} are both {style!r}" for style, names in uploads.ambiguous.items())
        parts.append(f"left alone until all but one are renamed or removed: {'; '.join(clashes)}")
    if uploads.unusable:
        parts.append(f"not usable as styles: {', '.join(uploads.unusable)}")
    if len(parts) == 1:
        parts.append("nothing new")
    return "; ".join(parts) + "."
