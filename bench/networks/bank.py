"""What the networks for all styles learn from: photographs, and thousands of styles."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import numpy as np
import skimage.data
import torch
import torch.nn.functional as F
from PIL import Image

from stylize.style.network.style_prediction import INPUT_SIDE, load_predictor, predict_style
from stylize.style.pictures import Picture, resized

MIN_CROP_PIXELS: Final = 100
FRAMES_BETWEEN: Final = 30
"""Frames of clips that are passed over; in clips of a few seconds a quarter of it."""


@dataclass(frozen=True)
class Bank:
    """Styles: first those of whole paintings, then of all kinds of crops.

    Attributes:
        vectors: ``(N, 100)``.
        num_paintings: how many are whole.
    """

    vectors: torch.Tensor
    num_paintings: int

    def draw(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """``(count, 100)``: three in ten are whole paintings, a third is mixed with another, a little beyond it too."""
        whole = torch.randint(self.num_paintings, (count,), generator=generator)
        first = torch.randint(len(self.vectors), (count,), generator=generator)
        first = torch.where(torch.rand(count, generator=generator) < 0.3, whole, first)
        second = torch.randint(len(self.vectors), (count,), generator=generator)
        share = 1.1 * torch.rand(count, 1, generator=generator)
        share = share * (torch.rand(count, 1, generator=generator) < 0.35)
        return torch.lerp(self.vectors[first], self.vectors[second], share)


def gather_photographs(data: Path) -> list[Picture]:
    """Frames of all clips in ``data/clips``, and photographs of scikit-image; its coffee is kept for measuring."""
    names = ("astronaut", "chelsea", "rocket")
    photographs = [getattr(skimage.data, name)() for name in names] + [skimage.data.stereo_motorcycle()[0]]
    for path in sorted((data / "clips").iterdir()):
        with av.open(str(path)) as clip:
            frames = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]
        photographs += frames[:: FRAMES_BETWEEN if len(frames) > 100 else FRAMES_BETWEEN // 4]
    return photographs


def gather_styles(data: Path, photographs: list[Picture], count: int, seed: int = 0) -> Bank:
    """``count`` styles: the paintings in ``data/paintings``; crops of them, of photographs and of random textures."""
    numbers, predictor = np.random.default_rng(seed), load_predictor()
    paths = sorted((data / "paintings").glob("*.jpg"))
    paintings = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
    vectors = [predict_style(predictor, painting) for painting in paintings]
    while len(vectors) < count:
        kind = numbers.random()
        if kind < 0.7:
            picture = paintings[numbers.integers(len(paintings))]
        elif kind < 0.85:
            picture = photographs[numbers.integers(len(photographs))]
        else:
            picture = random_texture(numbers)
        vectors.append(predict_style(predictor, _recolored(_crop(picture, numbers), numbers)))
    return Bank(torch.stack(vectors), len(paintings))


def _crop(picture: Picture, numbers: np.random.Generator) -> Picture:
    """A square of a quarter of the shorter side or more."""
    shorter = min(picture.shape[:2])
    side = int(numbers.integers(min(shorter, max(MIN_CROP_PIXELS, shorter // 4)), shorter + 1))
    top, left = (int(numbers.integers(0, length - side + 1)) for length in picture.shape[:2])
    return resized(np.ascontiguousarray(picture[top : top + side, left : left + side]), INPUT_SIDE)


def _recolored(picture: Picture, numbers: np.random.Generator) -> Picture:
    """Now and then with channels swapped, inverted, in another gamma, or paler."""
    if numbers.random() < 0.35:
        picture = picture[..., numbers.permutation(3)]
    if numbers.random() < 0.12:
        picture = 255 - picture
    if numbers.random() < 0.15:
        picture = (255 * (picture / 255) ** (2 ** numbers.uniform(-1, 1))).astype(np.uint8)
    if numbers.random() < 0.1:
        gray = picture.mean(axis=2, keepdims=True)
        picture = (gray + (picture - gray) * numbers.uniform(0, 0.5)).astype(np.uint8)
    return picture


def random_texture(numbers: np.random.Generator) -> Picture:
    """Soft or hard-edged blots of three to six colors."""
    palette = numbers.random((int(numbers.integers(3, 7)), 3))
    heights = _blots(numbers, 6, 64) + 0.5 * _blots(numbers, 20, 128)
    ranks = np.argsort(np.argsort(heights.ravel())).reshape(heights.shape) / heights.size * (len(palette) - 1)
    lower = np.floor(ranks).astype(int).clip(0, len(palette) - 2)
    share = (ranks - lower)[..., None]
    share = share if numbers.random() < 0.5 else (share > 0.5)
    return (255 * (palette[lower] * (1 - share) + palette[lower + 1] * share)).astype(np.uint8)


def _blots(numbers: np.random.Generator, fewest: int, most: int) -> np.ndarray:
    size = tuple(int(number) for number in numbers.integers(fewest, most, 2))
    noise = torch.from_numpy(numbers.standard_normal((1, 1, *size)).astype(np.float32))
    return F.interpolate(noise, (INPUT_SIDE, INPUT_SIDE), mode="bicubic")[0, 0].numpy()
