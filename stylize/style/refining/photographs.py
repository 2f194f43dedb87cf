"""The photographs that networks learn to repaint: from folders of pictures, and from videos.

Videos go through the project's own safe decoding. What cannot be used is left out with a note, as long as something
remains.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stylize.errors import StyleError, StylizeError
from stylize.sandbox.limits import DecodeLimits
from stylize.style.pictures import PICTURE_SUFFIXES, Picture, read_picture, resized
from stylize.video.chunks.lossless import read_chunk
from stylize.video.chunks.split import split
from stylize.video.pixels.pixels import rgb_pictures
from stylize.video.source.plan import Chunk
from stylize.video.source.scan import scan

FRAMES_PER_CLIP = 12

MAX_PHOTOGRAPHS = 96
"""More would only take memory (about 1 MB each): refining sees a thousand crops or two."""

LARGEST_SHORTER_SIDE = 540
"""In pixels. A crop of 200 out of a photograph of 24 megapixels shows a piece of wall."""

MIN_SHORTER_SIDE = 64
"""In pixels. What is smaller is an icon, not a photograph, and is left out."""


@dataclass(slots=True)
class Photographs:
    """What was gathered, in order.

    Attributes:
        pictures: to take crops from.
        names: one per picture, for records.
        notes: what was left out or changed, in words.
    """

    pictures: list[Picture] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, picture: Picture, name: str, *, needed: int) -> None:
        """Take in a picture, brought to a size from which crops of ``needed`` pixels can be taken."""
        height, width = picture.shape[:2]
        shorter = min(height, width)
        if shorter < MIN_SHORTER_SIDE:
            self.notes.append(f"{name!r} is left out: {width}x{height} is too small for a photograph")
            return
        if shorter < needed:
            self.notes.append(f"{name!r} is enlarged: {width}x{height} is smaller than a crop of {needed} pixels")
        wished = min(max(shorter, needed), max(LARGEST_SHORTER_SIDE, needed))
        self.pictures.append(picture if shorter == wished else resized(picture, wished))
        self.names.append(name)

    def thinned(self, limit: int = MAX_PHOTOGRAPHS) -> "Photographs":
        """At most ``limit`` of them, evenly chosen."""
        kept = spread(len(self.pictures), limit)
        return Photographs([self.pictures[i] for i in kept], [self.names[i] for i in kept], self.notes)


def gather_photographs(places: Sequence[Path], folder: Path, *, needed: int, limits: DecodeLimits) -> Photographs:
    """Photographs from folders of pictures and videos, from single pictures and from single videos.

    Args:
        places: folders (not searched in depth) and files.
        folder: existing, for temporary files.
        needed: the shorter side that every picture must have, in pixels; smaller ones are enlarged.
        limits: caps on the videos.

    Raises:
        StyleError: a place does not exist, a single picture cannot be read, or nothing remains.
        VideoError: a single video cannot be read.
    """
    found = Photographs()
    for place in places:
        if place.is_dir():
            _add_folder(found, place, folder, needed=needed, limits=limits)
        elif place.is_file():
            _add_file(found, place, folder, needed=needed, limits=limits)
        else:
            raise StyleError(f"{str(place)!r}: there is no such file or folder; expected photographs or a video")
    if not found.pictures:
        reasons = "; ".join(found.notes) or "no pictures and no videos there"
        raise StyleError(f"no photographs in {', '.join(map(str, places))}: {reasons}")
    return found.thinned()


def sample_frames(source: Path, folder: Path, *, count: int, limits: DecodeLimits) -> list[Picture]:
    """``count`` frames of a video (fewer if it is shorter), evenly spaced, upright RGB.

    Raises:
        ProbeError: it is not a video that can be processed.
        DecodeError: it is damaged.
    """
    manifest = scan(source, limits=limits)
    positions = spread(manifest.video.num_frames, count)
    chunks = [Chunk(index=index, start=start, stop=start + 1) for index, start in enumerate(positions)]
    pictures: list[Picture] = []
    for _, file in split(source, manifest, chunks, folder, limits=limits):
        pictures.extend(rgb_pictures(read_chunk(file), manifest.video))
        file.unlink()
    return pictures


def spread(total: int, count: int) -> list[int]:
    """``count`` of the indices ``[0, total)`` (all if there are fewer), evenly spaced, from the middle of each part."""
    if total <= count:
        return list(range(total))
    return [int((index + 0.5) * total / count) for index in range(count)]


def _add_folder(found: Photographs, place: Path, folder: Path, *, needed: int, limits: DecodeLimits) -> None:
    files = [path for path in sorted(place.iterdir()) if path.is_file() and not path.name.startswith(".")]
    for path in _thinned(files):
        try:
            _add_file(found, path, folder, needed=needed, limits=limits)
        except StylizeError as error:
            found.notes.append(f"left out: {error}")


def _thinned(files: list[Path]) -> Iterable[Path]:
    return (files[index] for index in spread(len(files), MAX_PHOTOGRAPHS))


def _add_file(found: Photographs, path: Path, folder: Path, *, needed: int, limits: DecodeLimits) -> None:
    if path.suffix.lower() in PICTURE_SUFFIXES:
        found.add(read_picture(path), path.name, needed=needed)
        return
    for index, frame in enumerate(sample_frames(path, folder, count=FRAMES_PER_CLIP, limits=limits)):
        found.add(frame, f"{path.name} #{index}", needed=needed)
