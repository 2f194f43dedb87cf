"""The photographs that networks learn to repaint when they are refined."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stylize.errors import ObjectMissingError, StyleError
from stylize.records.content import current_content, read_manifest, read_plan
from stylize.records.records import ChunkObject, SegmentRecord
from stylize.sandbox.limits import DecodeLimits
from stylize.store.keys import PHOTOGRAPHS
from stylize.store.media_store import MediaStore, ObjectInfo

if TYPE_CHECKING:
    from stylize.style.pictures import Picture
    from stylize.style.refining.photographs import Photographs

MAX_CLIPS = 24
CHUNKS_PER_CLIP = 4
PACKAGED_PHOTOGRAPHS = ("astronaut", "chelsea", "rocket", "coffee")
"""Of scikit-image, those that lie inside its wheel. The last one is what previews and metrics are made of."""


def find_photographs(
    store: MediaStore,
    places: Sequence[Path],
    *,
    clips: Iterable[str],
    needed: int,
    scratch: Path,
    limits: DecodeLimits,
) -> "Photographs":
    """Photographs from ``places``, or else from ``models/content/``, from stored clips, or from scikit-image.

    Args:
        store: where the defaults lie.
        places: folders, pictures and videos on this machine.
        clips: names of the clips whose frames may be used.
        needed: shorter side that every photograph must have, in pixels.
        scratch: for copies.
        limits: caps on videos.

    Raises:
        StyleError: there are none.
    """
    from stylize.style.refining.photographs import gather_photographs

    if places:
        return gather_photographs(places, scratch, needed=needed, limits=limits)
    stored = [info for info in store.list(PHOTOGRAPHS) if not Path(info.key).name.startswith(".")]
    if stored:
        folder = _copied(store, stored, scratch)
        return gather_photographs([folder], scratch, needed=needed, limits=limits)
    found = _clip_photographs(store, sorted(clips)[:MAX_CLIPS], scratch, needed=needed)
    if len(found.pictures) > 1:
        return found
    return _packaged_photographs(store, needed=needed)


def _copied(store: MediaStore, objects: list[ObjectInfo], scratch: Path) -> Path:
    """A folder with the objects under their own names, which messages then use."""
    folder = scratch / "photographs"
    folder.mkdir()
    for info in objects:
        store.download(info.key, folder / info.key.removeprefix(PHOTOGRAPHS).replace("/", "-"))
    return folder


def _clip_photographs(store: MediaStore, clips: list[str], scratch: Path, *, needed: int) -> "Photographs":
    from stylize.style.refining.photographs import Photographs

    found = Photographs()
    for clip in clips:
        for index, picture in enumerate(_clip_frames(store, clip, scratch)):
            found.add(picture, f"{clip} #{index}", needed=needed)
    return found.thinned()


def _clip_frames(store: MediaStore, clip: str, scratch: Path) -> "Iterator[Picture]":
    """The first frame of a few lossless chunks, evenly chosen from those that are stored."""
    from stylize.style.refining.photographs import spread
    from stylize.video.chunks.lossless import read_chunk
    from stylize.video.pixels.pixels import to_rgb

    try:
        keys = current_content(store, clip)
        track = read_manifest(store, keys).video
        records = [
            SegmentRecord.find(store, keys.frames_segment(part.index)) for part in read_plan(store, keys).segments
        ]
    except ObjectMissingError:
        return
    chunks: list[ChunkObject] = [chunk for record in records if record for chunk in record.chunks]
    for index in spread(len(chunks), CHUNKS_PER_CLIP):
        if store.stat(chunks[index].key) is None:
            continue
        with store.as_file(chunks[index].key, scratch, sha256=chunks[index].sha256) as file:
            yield to_rgb(next(read_chunk(file)), track)


def _packaged_photographs(store: MediaStore, *, needed: int) -> "Photographs":
    from stylize.style.refining.photographs import Photographs

    try:
        import skimage.data
    except ImportError as error:
        raise StyleError(
            f"there are no photographs to refine with: put some into {store.location(PHOTOGRAPHS)}, name a folder or a"
            " video by --content, or install the extra 'demo'"
        ) from error
    found = Photographs()
    for name in PACKAGED_PHOTOGRAPHS:
        found.add(getattr(skimage.data, name)(), name, needed=needed)
    return found
