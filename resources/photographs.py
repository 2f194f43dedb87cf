"""What a style is trained with besides its painting: a loss network and photographs."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_project.errors import ObjectMissingError, StyleError
from dagster_project.video.limits import DecodeLimits
from resources.content import current_content, read_manifest, read_plan
from resources.media_store import MediaStore, ObjectInfo
from resources.records import ChunkObject, SegmentRecord
from resources.store_layout import LOSS_NETWORKS, PHOTOGRAPHS

if TYPE_CHECKING:
    from dagster_project.style_transfer.features import LossFeatures
    from dagster_project.style_transfer.photographs import Photographs
    from dagster_project.style_transfer.pictures import Picture

NAMES = {"vgg16": "vgg16", "squeezenet": "squeezenet1_0"}
"""What users call the loss networks, and what they are called on style cards."""

MAX_CLIPS = 24
CHUNKS_PER_CLIP = 4
PACKAGED_PHOTOGRAPHS = ("astronaut", "chelsea", "rocket", "coffee")
"""Of scikit-image, those that lie inside its wheel. The last one is what previews and metrics are made of."""


def find_loss_network(store: MediaStore, wish: str, scratch: Path) -> "LossFeatures":
    """The loss network that ``wish`` names.

    Args:
        store: may hold files in ``models/features/``.
        wish: ``vgg16`` or ``squeezenet``; a file on this machine; or ``auto``: the first one in the store, else
            VGG-16.
        scratch: for copies.

    Raises:
        StyleError: it is not to be had; the message says where to put which file.
    """
    from dagster_project.style_transfer.loss_networks import SUFFIXES, load_loss_network

    if wish.endswith(SUFFIXES) or "/" in wish:
        return load_loss_network(Path(wish).expanduser())
    if wish not in (*NAMES, "auto"):
        raise StyleError(f"unknown loss network {wish!r}: expected auto, {', '.join(NAMES)}, or a file of weights")
    for info in store.list(LOSS_NETWORKS):
        if info.key.endswith(SUFFIXES):
            with store.as_file(info.key, scratch) as file:
                features = load_loss_network(file)
            if wish == "auto" or features.name == NAMES[wish]:
                return features
    if wish == "squeezenet":
        raise StyleError(f"there are no SqueezeNet features: {_where_to_put_them(store)}")
    return _download(store, scratch)


def _download(store: MediaStore, scratch: Path) -> "LossFeatures":
    """VGG-16 from torchvision, kept in the store: the next pod need not download it again."""
    from dagster_project.style_transfer.loss_networks import download_vgg16, save_loss_network

    try:
        features = download_vgg16()
    except StyleError as error:
        raise StyleError(f"no loss network to train with: {error}. {_where_to_put_them(store)}") from error
    file = scratch / "vgg16.safetensors"
    save_loss_network(features, file)
    store.put(f"{LOSS_NETWORKS}{file.name}", file)
    return features


def _where_to_put_them(store: MediaStore) -> str:
    return f"put a file of weights into {store.location(LOSS_NETWORKS)}, or name one by --features (docs/training.md)"


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
    from dagster_project.style_transfer.photographs import gather_photographs

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
    from dagster_project.style_transfer.photographs import Photographs

    found = Photographs()
    for clip in clips:
        for index, picture in enumerate(_clip_frames(store, clip, scratch)):
            found.add(picture, f"{clip} #{index}", needed=needed)
    return found.thinned()


def _clip_frames(store: MediaStore, clip: str, scratch: Path) -> "Iterator[Picture]":
    """The first frame of a few lossless chunks, evenly chosen from those that are stored."""
    from dagster_project.style_transfer.photographs import spread
    from dagster_project.video.lossless import read_chunk
    from dagster_project.video.pixels import to_rgb

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
    from dagster_project.style_transfer.photographs import Photographs

    try:
        import skimage.data
    except ImportError as error:
        raise StyleError(
            f"there are no photographs to train with: put some into {store.location(PHOTOGRAPHS)}, name a folder or a"
            " video by --content, or install the extra 'demo'"
        ) from error
    found = Photographs()
    for name in PACKAGED_PHOTOGRAPHS:
        found.add(getattr(skimage.data, name)(), name, needed=needed)
    return found
