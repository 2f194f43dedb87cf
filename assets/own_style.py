"""A clip's own style: what its frames look like before anybody paints them.

A look with a style weight below 1 goes that part of the way from it to the painting. It is made once, by whichever step
comes first, and kept as a style file beside the styled chunks: all steps paint with the same bits.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from assets.source_pictures import spread_pictures
from stylize.errors import PreconditionError
from stylize.records.content import read_manifest
from stylize.records.records import ClipSettings, SegmentRecord
from stylize.store.keys import ContentKeys
from stylize.store.media_store import MediaStore
from stylize.video.source.plan import Segment

NUM_FRAMES: Final = 3
"""That are looked at: in the middle of each third of the clip."""


def find_own_style(
    store: MediaStore,
    keys: ContentKeys,
    settings: ClipSettings,
    ensure_split: Callable[[Segment], SegmentRecord],
    folder: Path,
) -> str | None:
    """Where the clip's own style lies, which is made if it does not; None for a look that has nothing of it."""
    if settings.style_weight == 1:
        return None
    key = keys.own_style(settings.look)
    if store.stat(key) is None:
        from stylize.style.network.any_painting import networks_for
        from stylize.style.style_file import save_style_file

        file = folder / "own-style.safetensors"
        clip = 0, read_manifest(store, keys).video.num_frames
        networks = networks_for(*spread_pictures(store, keys, clip, NUM_FRAMES, ensure_split, folder))
        save_style_file(networks, file, card={"title": keys.clip}, sample_jpeg=b"")
        with suppress(PreconditionError):  # another step was first, and machines may differ in the last bits
            store.put(key, file, if_absent=True)
    return key
