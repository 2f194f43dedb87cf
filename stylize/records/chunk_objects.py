"""Chunks in the store: the unit of publishing, of reuse and of resume."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from stylize.errors import PreconditionError
from stylize.records.records import ChunkObject, SegmentRecord
from stylize.store.media_store import MediaStore
from stylize.video.source.plan import Chunk


def published_chunk(
    store: MediaStore, key: str, chunk: Chunk, *, record: SegmentRecord | None = None
) -> ChunkObject | None:
    """The chunk that lies at ``key``, to be reused; None if it must be made.

    An object is complete by construction (publishing is one step). If ``record`` names another digest for it, it is
    damaged: it is removed, to be made again.
    """
    info = store.stat(key)
    if info is None:
        return None
    found = ChunkObject(
        index=chunk.index,
        start=chunk.start,
        stop=chunk.stop,
        key=key,
        sha256=store.digest(key),
        size_bytes=info.size_bytes,
    )
    promised = {known.key: known for known in record.chunks} if record else {}
    if key in promised and promised[key] != found:
        store.delete(key)
        return None
    return found


def published_chunks(
    store: MediaStore, chunks: Iterable[Chunk], keys: Mapping[int, str], *, record: SegmentRecord | None
) -> dict[int, ChunkObject]:
    """Those of ``chunks`` that lie at their ``keys`` and can be reused, by chunk index; see :func:`published_chunk`."""
    found = {chunk.index: published_chunk(store, keys[chunk.index], chunk, record=record) for chunk in chunks}
    return {index: stored for index, stored in found.items() if stored is not None}


def publish_chunk(store: MediaStore, key: str, chunk: Chunk, file: Path) -> ChunkObject:
    """Publish ``file`` as the chunk at ``key``; if another writer was first, its chunk counts."""
    try:
        stored = store.put(key, file, if_absent=True)
    except PreconditionError:
        theirs = published_chunk(store, key, chunk)
        if theirs is None:
            raise
        return theirs
    return ChunkObject(
        index=chunk.index,
        start=chunk.start,
        stop=chunk.stop,
        key=key,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
    )
