"""Frame transforms besides the style networks: named by a setting, and then chosen for a clip like a style.

The graph knows no more about what is done to frames than :class:`stylize.frame_transform.FrameTransform`. A
setting names more of them (``STYLIZE_FRAME_TRANSFORMS=blur=my_package.privacy:Blur``); where a style has the key of its
checkpoint, such a transform has the place of its code.
"""

import pkgutil
from collections.abc import Callable

from stylize.errors import StyleError
from stylize.frame_transform import FrameTransform

KEY_PREFIX = "python:"
"""Of model keys that are no keys of the store."""

Factory = Callable[..., FrameTransform]
"""Called with ``device`` (``cpu`` or ``cuda``), ``width`` and ``height`` (of the frames, in pixels), all by name."""


def other_transform_key(target: str) -> str:
    """What stands in the place of a checkpoint's key for ``package.module:callable``."""
    return KEY_PREFIX + target


def is_other_transform(model_key: str) -> bool:
    """Whether a model key names code rather than a checkpoint."""
    return model_key.startswith(KEY_PREFIX)


def make_other_transform(model_key: str, *, device: str, width: int, height: int) -> FrameTransform:
    """Import what ``model_key`` names and make the transform for frames of ``width`` x ``height`` pixels.

    Raises:
        StyleError: it cannot be imported, or is no factory.
    """
    target = model_key.removeprefix(KEY_PREFIX)
    try:
        factory: Factory = pkgutil.resolve_name(target)
    except (ImportError, AttributeError, ValueError) as error:
        raise StyleError(
            f"frame transform {target!r} cannot be imported ({error}): STYLIZE_FRAME_TRANSFORMS expects"
            " name=package.module:callable, installed wherever frames are styled"
        ) from error
    return factory(device=device, width=width, height=height)
