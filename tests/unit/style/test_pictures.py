"""Pictures of every kind are read as people see them, and what cannot be is refused with its reason."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from stylize.errors import StyleError
from stylize.style.pictures import (
    MAX_STYLE_IMAGE_SIDE,
    MIN_STYLE_IMAGE_SIDE,
    Picture,
    read_picture,
    read_style_image,
    resized,
    side_by_side,
)
from stylize.style.untrusted_pictures import read_untrusted_style_image

RED, WHITE = (255, 0, 0), (255, 255, 255)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
EXIF_ORIENTATION = 0x0112


def scene(width: int = 192, height: int = 128) -> Picture:
    """Red on the left, a blue top right, and a gray ramp below."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : width // 2] = RED
    picture[: height // 2, width // 2 :] = (0, 0, 255)
    picture[height // 2 :, width // 2 :] = np.linspace(0, 255, width - width // 2)[None, :, None]
    return picture


def swapped_profile() -> bytes:
    """sRGB with the colorants of red and green exchanged: what the file calls red, people see as green."""
    table = 128 + 4 + 12 * int.from_bytes(SRGB[128:132], "big")
    names = SRGB[:table].replace(b"rXYZ", b"tmp_").replace(b"gXYZ", b"rXYZ").replace(b"tmp_", b"gXYZ")
    return names + SRGB[table:]


def assert_like(picture: Picture, expected: Picture, tolerance: int = 0) -> None:
    assert picture.shape == expected.shape
    assert picture.dtype == np.uint8
    assert np.abs(picture.astype(int) - expected).max() <= tolerance


@pytest.mark.parametrize(
    ("ending", "options"),
    [
        (".png", {}),
        (".bmp", {}),
        (".tiff", {"compression": "tiff_lzw"}),
        (".webp", {"lossless": True}),
        (".jpg", {"quality": 100, "subsampling": 0}),
    ],
)
def test_every_file_format_gives_its_pixels(ending: str, options: dict, tmp_path: Path) -> None:
    path = tmp_path / f"scene{ending}"
    Image.fromarray(scene()).save(path, **options)
    assert_like(read_picture(path), scene(), tolerance=6 if ending == ".jpg" else 0)


def test_the_content_counts_and_not_the_ending(tmp_path: Path) -> None:
    path = tmp_path / "really-a-png.jpg"
    Image.fromarray(scene()).save(path, format="PNG")
    assert_like(read_picture(path), scene())


def test_gray_and_black_and_white_pictures_become_rgb(tmp_path: Path) -> None:
    gray = Image.fromarray(scene()).convert("L")
    for mode in ("L", "1"):
        gray.convert(mode).save(tmp_path / "gray.png")
        expected = np.asarray(gray.convert(mode).convert("RGB"))
        assert_like(read_picture(tmp_path / "gray.png"), expected)


@pytest.mark.parametrize("ending", [".png", ".tiff"])
def test_sixteen_bits_are_scaled_and_not_clipped(ending: str, tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (4, 1))
    path = tmp_path / f"ramp{ending}"
    Image.fromarray(ramp).save(path)
    assert_like(read_picture(path)[..., 0], np.tile(np.arange(256, dtype=np.uint8), (4, 1)), tolerance=1)


def test_a_scan_in_which_white_is_zero_is_not_shown_as_its_negative(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (4, 1))
    path = tmp_path / "negative.tiff"
    Image.fromarray(ramp).save(path, tiffinfo={262: 0})
    assert_like(read_picture(path)[..., 0], np.tile(np.arange(255, -1, -1, dtype=np.uint8), (4, 1)), tolerance=1)


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    palette = Image.fromarray(scene()).quantize(64)
    palette.save(tmp_path / "palette.png")
    assert_like(read_picture(tmp_path / "palette.png"), np.asarray(palette.convert("RGB")))


def test_what_is_transparent_is_white_and_what_is_half_transparent_is_mixed(tmp_path: Path) -> None:
    alpha = np.zeros((128, 192), np.uint8)
    alpha[64:], alpha[:32] = 255, 128
    Image.fromarray(np.dstack([scene(), alpha])).save(tmp_path / "alpha.png")
    picture = read_picture(tmp_path / "alpha.png")
    assert_like(picture[64:], scene()[64:])
    assert tuple(picture[40, 10]) == WHITE
    assert tuple(picture[10, 10]) == pytest.approx((255, 127, 127), abs=1)


def test_a_transparent_palette_colour_and_transparent_gray_are_white(tmp_path: Path) -> None:
    flags = np.array([[0, 1], [1, 0]], np.uint8).repeat(64, axis=0).repeat(64, axis=1)
    palette = Image.fromarray(flags).convert("P")
    palette.putpalette([*RED, 0, 0, 0])
    palette.save(tmp_path / "hole.png", transparency=0)
    gray = Image.fromarray(flags * 90 + 10).convert("LA")
    gray.putalpha(Image.fromarray(flags * 255))
    gray.save(tmp_path / "gray-hole.png")
    for name in ("hole.png", "gray-hole.png"):
        picture = read_picture(tmp_path / name)
        assert tuple(picture[0, 0]) == WHITE
        assert picture[0, 127, 0] in (0, 100)


def test_inks_are_shown_as_colours(tmp_path: Path) -> None:
    cmyk = Image.new("CMYK", (128, 128), (0, 255, 255, 0))
    for ending in (".jpg", ".tiff"):
        cmyk.save(tmp_path / f"red{ending}")
        assert tuple(read_picture(tmp_path / f"red{ending}")[60, 60]) == pytest.approx(RED, abs=3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_upright_however_the_camera_was_held(orientation: int, tmp_path: Path) -> None:
    turns: dict[int, Callable[[Picture], Picture]] = {
        1: lambda p: p, 2: lambda p: p[:, ::-1], 3: lambda p: p[::-1, ::-1], 4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2), 6: lambda p: np.rot90(p, -1), 7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
        8: lambda p: np.rot90(p),
    }  # fmt: skip
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    Image.fromarray(scene()).save(tmp_path / "held.png", exif=exif)
    assert_like(read_picture(tmp_path / "held.png"), turns[orientation](scene()))


def test_colours_are_what_the_profile_means_by_the_numbers(tmp_path: Path) -> None:
    Image.fromarray(scene()).save(tmp_path / "swapped.png", icc_profile=swapped_profile())
    assert tuple(read_picture(tmp_path / "swapped.png")[10, 10]) == pytest.approx((0, 255, 0), abs=4)
    Image.fromarray(scene()).save(tmp_path / "srgb.png", icc_profile=SRGB)
    assert_like(read_picture(tmp_path / "srgb.png"), scene(), tolerance=2)
    opaque = np.dstack([scene(), np.full((128, 192), 255, np.uint8)])
    Image.fromarray(opaque).save(tmp_path / "alpha.png", icc_profile=swapped_profile())
    assert tuple(read_picture(tmp_path / "alpha.png")[10, 10]) == pytest.approx((0, 255, 0), abs=4)


def test_a_colour_profile_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    Image.fromarray(scene()).save(tmp_path / "broken.png", icc_profile=b"no profile")
    with pytest.raises(StyleError, match=r"'broken\.png' has a colour profile that cannot be used.*sRGB"):
        read_picture(tmp_path / "broken.png")


def _not_an_image(path: Path) -> None:
    path.write_text("This is not a picture.\n" * 100)


def _empty(path: Path) -> None:
    path.touch()


def _cut_jpeg(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    content = BytesIO()
    Image.fromarray(noise).save(content, "JPEG")
    path.write_bytes(content.getvalue()[:20_000])


def _cut_png(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    content = BytesIO()
    Image.fromarray(noise).save(content, "PNG")
    path.write_bytes(content.getvalue()[:-5_000])


def _bomb(path: Path) -> None:
    header = b"IHDR" + (60_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    PngImagePlugin.putchunk(file := BytesIO(), header[:4], header[4:])
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + file.getvalue() + b"\0\0\0\0IDAT")


def _large(path: Path) -> None:
    Image.new("1", (9_000, 9_000)).save(path, "PNG")


def _animation(path: Path) -> None:
    frames = [Image.new("RGB", (128, 128), colour) for colour in ("red", "blue")]
    frames[0].save(path, "WEBP", save_all=True, append_images=frames[1:])


def _gif(path: Path) -> None:
    Image.fromarray(scene()).save(path, "GIF")


def _floats(path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).random((128, 128)).astype(np.float32)).save(path, "TIFF")


@pytest.mark.parametrize(
    ("write", "complaint"),
    [
        (_not_an_image, "is not a picture that can be read; expected a JPEG"),
        (_empty, "is not a picture"),
        (_gif, "is not a picture"),
        (_cut_jpeg, "is damaged or cut off"),
        (_cut_png, "is damaged or cut off"),
        (_bomb, "at most 80,000,000 pixels"),
        (_large, "9000x9000"),
        (_animation, "holds 2 pictures"),
        (_floats, "32-bit pixels"),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_what_is_no_usable_picture_is_refused_by_name(
    write: Callable[[Path], None], complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "picture.jpg"
    write(path)
    with pytest.raises(StyleError, match=complaint) as refusal:
        read_picture(path)
    assert "'picture.jpg'" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_missing_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StyleError, match=r"none\.jpg.*no such file"):
        read_picture(tmp_path / "none.jpg")


@pytest.mark.parametrize(
    ("picture", "complaint"),
    [
        (scene(300, MIN_STYLE_IMAGE_SIDE - 1), "300x127: a style image needs at least 128 pixels"),
        (scene(3_000, 140), "at most 20 times as long as wide"),
        (np.full((200, 200, 3), (10, 20, 30), np.uint8), "all one colour"),
    ],
    ids=["small", "narrow", "one colour"],
)
def test_a_picture_without_a_style_in_it_is_refused(picture: Picture, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "style.png"
    Image.fromarray(picture).save(path)
    with pytest.raises(StyleError, match=complaint):
        read_style_image(path)


def test_a_fully_transparent_picture_is_all_one_colour(tmp_path: Path) -> None:
    Image.fromarray(np.dstack([scene(), np.zeros((128, 192), np.uint8)])).save(tmp_path / "nothing.png")
    with pytest.raises(StyleError, match="all one colour"):
        read_style_image(tmp_path / "nothing.png")


def test_a_large_style_image_is_reduced_and_keeps_its_shape(tmp_path: Path) -> None:
    Image.fromarray(scene(4_000, 3_000)).save(tmp_path / "large.png")
    picture = read_style_image(tmp_path / "large.png")
    assert picture.shape == (MAX_STYLE_IMAGE_SIDE, round(MAX_STYLE_IMAGE_SIDE * 4 / 3), 3)


def test_an_untrusted_image_is_read_in_another_process_with_the_same_result(tmp_path: Path) -> None:
    path = tmp_path / "0123.png"
    Image.fromarray(scene()).save(path)
    assert_like(read_untrusted_style_image(path, tmp_path, name="wave.png"), scene())
    _cut_png(path)
    with pytest.raises(StyleError, match=r"'wave\.png' is damaged or cut off"):
        read_untrusted_style_image(path, tmp_path, name="wave.png")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0123.png"]


def test_pictures_are_resized_to_their_shorter_side_and_shown_side_by_side() -> None:
    assert resized(scene(192, 128), 64).shape == (64, 96, 3)
    assert resized(scene(40, 100), 80).shape == (200, 80, 3)
    assert side_by_side(scene(), scene(), height=64).shape == (64, 192, 3)
