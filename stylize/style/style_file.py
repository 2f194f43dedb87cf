"""A style as one file: safetensors whose header also holds its card and a sample picture.

Such a file can be sent to somebody, dropped into ``landing/styles/``, or named by ``--style``. What stands in the
header is shown to people, and decides nothing but how wide strokes are unless a clip asks for another width.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from stylize.style.checkpoint import save_checkpoint
from stylize.style.controls.quality import Quality
from stylize.style.network.style_network import StyleNet

MAX_TEXT_LENGTH = 300
"""Characters of a title or a description that are shown: the file may come from anywhere."""

MAX_HEADER_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleHeader:
    """What a style file says about itself.

    Attributes:
        title: for people, one line; empty if the file does not say.
        description: how it looks, one line; empty if the file does not say.
        card: the whole card, fields as in ``library.CARD_FIELDS``; empty if there is none.
        sample_jpeg: a photograph before and after; empty if there is none.
    """

    title: str = ""
    description: str = ""
    card: dict[str, Any] = field(default_factory=dict)
    sample_jpeg: bytes = b""


def save_style_file(
    networks: StyleNet | Mapping[Quality, StyleNet], path: Path, *, card: Mapping[str, Any], sample_jpeg: bytes
) -> None:
    """Write ``networks`` with their card (JSON values) and their sample; readers never see half a file.

    Networks of all qualities are written in 16 bits: what paints computes with no more, or does not show it.
    """
    encoded = base64.b64encode(sample_jpeg).decode()
    metadata = {"card": json.dumps(card, sort_keys=True, ensure_ascii=False), "sample_jpeg": encoded}
    dtype = torch.float16 if isinstance(networks, Mapping) else torch.float32
    save_checkpoint(networks, path, metadata=metadata, dtype=dtype)


def read_style_header(beginning: bytes) -> StyleHeader:
    """What the first bytes of a file say about the style; an empty header for any other file.

    A safetensors file begins with the length of its header in eight bytes, and the header, which is JSON:
    https://github.com/huggingface/safetensors#format

    Args:
        beginning: of the file; what stands behind ``MAX_HEADER_BYTES`` is never read.
    """
    length = int.from_bytes(beginning[:8], "little")
    if not 0 < length <= min(MAX_HEADER_BYTES, len(beginning) - 8):
        return StyleHeader()
    try:
        metadata = json.loads(beginning[8 : 8 + length])["__metadata__"]
        card = json.loads(metadata["card"])
        sample = base64.b64decode(metadata.get("sample_jpeg", ""), validate=True)
        return StyleHeader(
            title=_one_line(card.get("title")), description=_one_line(card.get("description")), card=card,
            sample_jpeg=sample,
        )  # fmt: skip
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, binascii.Error):
        return StyleHeader()


def _one_line(text: object) -> str:
    if not isinstance(text, str):
        return ""
    printable = "".join(character if character.isprintable() else " " for character in text[: 4 * MAX_TEXT_LENGTH])
    return " ".join(printable.split())[:MAX_TEXT_LENGTH]
