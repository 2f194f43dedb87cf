"""Read pictures as people see them: upright, on white, in the colours of an sRGB screen, 8 bits.

Whatever cannot be shown that way is refused with its reason; nothing about a picture is silently ignored. Needs no
torch, so that a child process can do it quickly.
"""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps

from stylize.errors import StyleError

Picture = npt.NDArray[np.uint8]
"""RGB, shape ``(H, W, 3)``, values 0..255."""

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
EXPECTED = "expected a JPEG, PNG, WebP, TIFF or BMP picture"

MAX_PIXELS = 80_000_000
"""Of an accepted picture. A file of a few kilobytes can claim any size; this one takes 240 MB."""

MIN_STYLE_IMAGE_SIDE = 128
"""Shorter side, in pixels: with fewer there are no brush strokes to learn."""

MAX_STYLE_IMAGE_SIDE = 2048
"""Shorter side, in pixels, to which a larger style image is reduced: refining uses less."""

MAX_ASPECT = 20
"""Longer side over shorter side of a style image."""

ONE_COLOUR_LEVELS = 2.0
"""Standard deviation, of 255, up to which a picture counts as one colour: scans of blank paper have some noise."""

_MODE_OF_PROFILE = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}


def read_style_image(path: Path) -> Picture:
    """The picture of a painting, reduced to a shorter side of ``MAX_STYLE_IMAGE_SIDE`` pixels if it is larger.

    Raises:
        StyleError: it cannot be read, is too small or too narrow, or is all one colour.
    """
    picture = read_picture(path)
    height, width = picture.shape[:2]
    shorter, longer = sorted((height, width))
    if shorter < MIN_STYLE_IMAGE_SIDE:
        raise StyleError(
            f"{path.name!r} is {width}x{height}: a style image needs at least {MIN_STYLE_IMAGE_SIDE} pixels each way,"
            " 640 or more are better"
        )
    if longer > MAX_ASPECT * shorter:
        raise StyleError(
            f"{path.name!r} is {width}x{height}: expected at most {MAX_ASPECT} times as long as wide; crop it"
        )
    if picture.reshape(-1, 3).std(axis=0).max() <= ONE_COLOUR_LEVELS:
        raise StyleError(f"{path.name!r} is all one colour: there is no style in it; expected a picture of a painting")
    return resized(picture, MAX_STYLE_IMAGE_SIDE) if shorter > MAX_STYLE_IMAGE_SIDE else picture


def read_picture(path: Path, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture file: turned upright (EXIF), composited on white (alpha), in sRGB (ICC profile), 8 bits.

    Args:
        path: JPEG, PNG, WebP, TIFF or BMP by content, whatever its name.
        max_pixels: columns times rows that are accepted; checked before anything is decoded.

    Raises:
        StyleError: there is no such file, it is no picture or several, damaged, too large, or of a kind whose colours
            are not known.
    """
    if not path.is_file():
        raise StyleError(f"{str(path)!r}: there is no such file; {EXPECTED}")
    try:
        with _opened(path, max_pixels) as image:
            return np.array(_as_shown(image, path.name))
    except (StyleError, MemoryError):
        raise
    except Exception as error:  # Pillow's plugins raise whatever the damage leads to
        reason = (str(error).splitlines() or [type(error).__name__])[0].replace(str(path), path.name)
        raise StyleError(f"{path.name!r} is damaged or cut off ({reason}); {EXPECTED}") from error


def resized(picture: Picture, shorter_side: int) -> Picture:
    """``picture`` with its shorter side ``shorter_side`` pixels long, shape kept, antialiased."""
    height, width = picture.shape[:2]
    scale = shorter_side / min(height, width)
    size = (max(shorter_side, round(width * scale)), max(shorter_side, round(height * scale)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))


def encode_jpeg(picture: Picture, *, quality: int = 90) -> bytes:
    """A picture as JPEG file."""
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "JPEG", quality=quality)
    return content.getvalue()


def side_by_side(before: Picture, after: Picture, *, height: int) -> Picture:
    """Two pictures of one size, the second to the right of the first, both ``height`` pixels high."""
    pair = Image.fromarray(np.concatenate([before, after], axis=1))
    width = round(pair.width * height / pair.height)
    return np.asarray(pair.resize((width, height), Image.Resampling.LANCZOS))


def joined(pictures: Sequence[Picture], *, height: int, gap: int = 8) -> Picture:
    """Pictures from left to right, each ``height`` pixels high, on white with ``gap`` columns between them."""
    images = [Image.fromarray(picture) for picture in pictures]
    images = [
        image.resize((round(image.width * height / image.height), height), Image.Resampling.LANCZOS) for image in images
    ]
    row = Image.new("RGB", (sum(image.width for image in images) + gap * (len(images) - 1), height), "white")
    left = 0
    for image in images:
        row.paste(image, (left, 0))
        left += image.width + gap
    return np.asarray(row)


def _opened(path: Path, max_pixels: int) -> Image.Image:
    """The picture's header, checked."""
    too_large = f"{path.name!r}: expected a picture of at most {max_pixels:,} pixels; scale it down"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(path, formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise StyleError(too_large) from error
    except Image.UnidentifiedImageError as error:
        raise StyleError(f"{path.name!r} is not a picture that can be read; {EXPECTED}") from error
    if image.width * image.height > max_pixels:
        image.close()
        raise StyleError(f"{too_large}, this one has {image.width}x{image.height}")
    num_pictures = getattr(image, "n_frames", 1)
    if num_pictures > 1 and image.format != "MPO":  # a phone's JPEG with a preview behind it is one picture to people
        image.close()
        raise StyleError(f"{path.name!r} holds {num_pictures} pictures: expected one; save the one that you mean")
    return image


def _as_shown(image: Image.Image, name: str) -> Image.Image:
    """Upright RGB in sRGB on white."""
    upright = ImageOps.exif_transpose(image)
    upright = _eight_bits(upright, image, name) if upright.mode[0] in "IF" else upright
    if not upright.has_transparency_data:
        return _in_srgb(upright, name)
    opaque = upright.convert("LA" if upright.mode in ("LA", "La") else "RGBA")
    alpha = opaque.getchannel("A")
    colours = opaque.convert("L" if opaque.mode == "LA" else "RGB")
    colours.info["icc_profile"] = image.info.get("icc_profile")
    shown = Image.new("RGB", upright.size, "white")
    shown.paste(_in_srgb(colours, name), mask=alpha)
    return shown


def _eight_bits(upright: Image.Image, image: Any, name: str) -> Image.Image:
    """16-bit gray to 8 bits. Pillow's own conversion clips at 255 instead of scaling."""
    if not upright.mode.startswith("I;16"):
        raise StyleError(f"{name!r} has 32-bit pixels of unknown range; expected 8 or 16 bits per channel")
    tags = image.tag_v2 if image.format == "TIFF" else {}
    largest = 2 ** tags.get(258, (16,))[0] - 1  # BitsPerSample: scanners write 12 as well
    values = np.asarray(upright).astype(np.float64) * (255 / largest)
    if tags.get(262) == 0:  # PhotometricInterpretation: white is zero, which Pillow leaves to us at this depth
        values = 255 - values
    transparent = image.info.get("transparency")
    if transparent is not None:
        values[np.asarray(upright) == transparent] = 255
    gray = Image.fromarray(np.rint(np.clip(values, 0, 255)).astype(np.uint8))
    gray.info["icc_profile"] = image.info.get("icc_profile")
    return gray


def _in_srgb(image: Image.Image, name: str) -> Image.Image:
    """Colours as the embedded profile means them; without one RGB is sRGB."""
    embedded = image.info.get("icc_profile")
    if not embedded and image.mode != "LAB":
        return image.convert("RGB")
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(embedded) if embedded else ImageCms.createProfile("LAB"))
        described: Any = profile.profile
        space = described.xcolor_space.strip()
        pixels = _pixels_for(_MODE_OF_PROFILE.get(space), image)
        if pixels is None:
            raise StyleError(f"{name!r} has {image.mode} pixels with a colour profile for {space}; convert it to sRGB")
        converted = ImageCms.profileToProfile(
            pixels,
            profile,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError) as error:
        raise StyleError(f"{name!r} has a colour profile that cannot be used ({error}); convert it to sRGB") from error
    return converted if converted is not None else image.convert("RGB")


def _pixels_for(mode: str | None, image: Image.Image) -> Image.Image | None:
    """The pixels in the form that a profile describes; None if that would lose colours."""
    if image.mode == mode:
        return image
    gray = ("1", "L")
    if (mode == "RGB" and image.mode not in ("CMYK", "LAB")) or (mode == "L" and image.mode in gray):
        return image.convert(mode)
    return None
