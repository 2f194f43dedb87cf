"""``free`` boxes, which players skip: they make another file, or a huge one, of the same film."""

import struct
from pathlib import Path


def with_note(video: Path, note: str) -> bytes:
    """The film of ``video`` as another file: ``note`` stands in a box at the end."""
    payload = note.encode()
    return video.read_bytes() + struct.pack(">I4s", 8 + len(payload), b"free") + payload


def pad(video: Path, target: Path, padding_bytes: int) -> Path:
    """Write the film of ``video``, whose index comes last, with so many bytes before its index; returns ``target``.

    The padding is a hole in the file and has a 64-bit size, as boxes of 4 GiB must.
    """
    media, index = _split_at_index(video.read_bytes())
    with target.open("wb") as file:
        file.write(media)
        file.write(struct.pack(">I4sQ", 1, b"free", padding_bytes))
        file.seek(len(media) + padding_bytes)
        file.write(index)
    return target


def _split_at_index(content: bytes) -> tuple[bytes, bytes]:
    at = 0
    while content[at + 4 : at + 8] != b"moov":
        (length,) = struct.unpack(">I", content[at : at + 4])
        at += length
    return content[:at], content[at:]
