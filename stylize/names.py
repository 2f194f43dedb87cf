"""How the names of files become keys of clips and of styles."""

import hashlib
import re
from pathlib import PurePosixPath

MAX_SLUG_LENGTH = 60


def clip_key(name: str) -> str:
    """The partition key of the clip that is uploaded as ``name``.

    ``holiday.mp4`` becomes ``holiday``. Any other name, which a slug cannot spell without loss, gets eight digits of
    its SHA-256 as well, so that different names never share a key. The characters ``| , [ ]`` break partition keys.
    """
    path = PurePosixPath(name)
    slug = slugify(str(path.with_suffix("")))
    if f"{slug}.mp4" == name:
        return slug
    return f"{slug}-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def slugify(text: str) -> str:
    """Lower-case letters, digits and hyphens only, at most 60 of them; ``clip`` where nothing is left."""
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:MAX_SLUG_LENGTH].strip("-")
    return slug or "clip"
