"""Read the pictures that customers upload in a child process: a decoder that crashes or hangs ends there."""

from pathlib import Path
from typing import Any

import numpy as np

from stylize.errors import DecodeError, StyleError
from stylize.sandbox.limits import DecodeLimits
from stylize.sandbox.sandbox import run_sandboxed
from stylize.sandbox.sandbox_child import Channel
from stylize.style.pictures import Picture, read_style_image

LIMITS = DecodeLimits(stall_seconds=120, total_seconds=120, memory_bytes=4 * 2**30)


def read_untrusted_style_image(path: Path, folder: Path, *, name: str) -> Picture:
    """:func:`read_style_image` in a child process.

    Args:
        path: the file.
        folder: where the child may write; what it leaves there is removed.
        name: what messages call the file.

    Raises:
        StyleError: it is no picture that can be used as style image.
    """
    decoded = folder / "style-image.npy"
    arguments = {"source": str(path.absolute()), "decoded": str(decoded.absolute())}
    try:
        run_sandboxed(read_style_image_here, arguments, subject=repr(name), limits=LIMITS)
        return np.load(decoded, allow_pickle=False)
    except (StyleError, DecodeError) as error:
        raise StyleError(str(error).replace(repr(path.name), repr(name))) from error
    finally:
        decoded.unlink(missing_ok=True)


def read_style_image_here(arguments: dict[str, Any], _channel: Channel) -> None:
    """What the child does for :func:`read_untrusted_style_image`."""
    np.save(arguments["decoded"], read_style_image(Path(arguments["source"])), allow_pickle=False)
