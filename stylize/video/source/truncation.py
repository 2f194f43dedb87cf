"""Find files that end before their own structure says: a decoder plays such a file to the cut and reports nothing."""

import os
from pathlib import Path
from typing import BinaryIO

_TS_PACKET_BYTES = 188
_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"
_FLV_TAGS = (8, 9, 18)  # audio, video, script
_MP4_STARTS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_MP4_MEDIA = (b"moov", b"mdat", b"moof")  # other boxes may be cut without loss


class _BrokenStructureError(Exception):
    """The chain of parts breaks off at a byte that begins no part."""

    def __init__(self, position: int) -> None:
        self.position = position


def structural_fault(path: Path) -> str | None:
    """Follow the outermost structure of an MP4/MOV, Matroska/WebM, AVI, FLV or MPEG-TS file to its end.

    Returns:
        What is wrong, as a clause for a message. None for whole files, for structures without a declared size (live
        recordings) and for other media containers.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            missing = _declared_end(file, size) - size
        except _BrokenStructureError as broken:
            return f"its structure breaks off at byte {broken.position} of {size}"
    return f"{missing} bytes are missing at its end" if missing > 0 else None


def _declared_end(file: BinaryIO, size: int) -> int:
    """Where the structure says that the file ends, in bytes; 0 where it does not say."""
    head = file.read(12)
    if head[:4] == _EBML:
        return _matroska_end(file)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        unknown = head[4:8] in (b"\0\0\0\0", b"\xff\xff\xff\xff")
        return 0 if unknown else 8 + int.from_bytes(head[4:8], "little")
    if head[:4] == b"FLV\x01":
        return _flv_end(file, size)
    if head[4:8] in _MP4_STARTS:
        return _mp4_end(file, size)
    if head[:1] == b"G" and file.seek(_TS_PACKET_BYTES) and file.read(1) == b"G":
        return -(-size // _TS_PACKET_BYTES) * _TS_PACKET_BYTES
    return 0


def _mp4_end(file: BinaryIO, size: int) -> int:
    """End of the last box that holds media or an index of it.

    What follows a plain MP4 may be anything; in a fragmented one it hides fragments that players then leave out.
    """
    position = end = 0
    fragmented = False
    while position < size:
        file.seek(position)
        header = file.read(16)
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1 and len(header) == 16:
            length = int.from_bytes(header[8:16], "big")
        if length == 0 and kind == b"mdat":  # "to the end of the file"
            break
        if length < 8 or not kind.isalnum():
            if fragmented:
                raise _BrokenStructureError(position)
            break
        position += length
        fragmented |= kind == b"moof"
        end = position if kind in _MP4_MEDIA else end
    return end


def _flv_end(file: BinaryIO, size: int) -> int:
    """End of the last tag; each has 11 bytes of head, and 4 bytes of size behind it."""
    file.seek(5)
    position = int.from_bytes(file.read(4), "big") + 4
    while position < size:
        file.seek(position)
        head = file.read(4)
        if len(head) == 4 and head[0] & 0x1F not in _FLV_TAGS:
            raise _BrokenStructureError(position)
        position += 11 + int.from_bytes(head[1:4], "big") + 4
    return position


def _matroska_end(file: BinaryIO) -> int:
    """End of the Segment element, which holds everything; 0 where it is of unknown size or not where it must be."""
    file.seek(len(_EBML))
    header_size = _ebml_size(file)
    if header_size is None:
        return 0
    file.seek(header_size, os.SEEK_CUR)
    if file.read(4) != _SEGMENT:
        return 0
    size = _ebml_size(file)
    return 0 if size is None else file.tell() + size


def _ebml_size(file: BinaryIO) -> int | None:
    """Read a variable-length size; None where it is unknown (all ones) or malformed."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    num_bytes = 9 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & (0xFF >> num_bytes)]) + file.read(num_bytes - 1), "big")
    return None if value == (1 << 7 * num_bytes) - 1 else value
