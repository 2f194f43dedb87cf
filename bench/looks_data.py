"""What the table of looks is measured on: photographs, clips, pans, letters, paintings. Prepared once for all rows."""

import itertools
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import av
import numpy as np
import skimage.data
from PIL import Image

from stylize.style.checkpoint import checkpoint_digest
from stylize.style.looks.legibility import text_card
from stylize.style.looks.motion import PAN_SIZES, FollowedClip, follow, sized_pan
from stylize.style.looks.nearness import TextureJudge
from stylize.style.looks.photographs import Photograph
from stylize.style.pictures import Picture, read_picture

HEIGHT, MAX_WIDTH = 720, 1280
CLIP_HEIGHT = 360
CLIP_FRAMES: Final = 9
"""Neighbors, from a third of each clip on: 8 pairs."""

SCENERY: Final = ("coffee", "rocket", "chelsea")
"""Of scikit-image, beside the photographs of people."""

PAN_OVER: Final = "coffee"
"""The photograph of all pans, of scikit-image: no style is trained with it."""

FEATURES: Final = "squeezenet1_0_features.safetensors"
FOLDERS: Final = {
    "photographs": "faces_kept, face_structure, color_change_faces",
    "clips": "warping_error",
    "paintings": "nearness, and the controls that need a painting",
    "features": "nearness",
}


@dataclass
class LooksData:
    """All of it, each part read when it is first needed.

    Attributes:
        folder: with ``photographs``, ``clips``, ``paintings`` and ``features``, or some of them.
    """

    folder: Path

    @property
    def missing(self) -> list[str]:
        """What the folder lacks, and which columns stay empty without it."""
        return [f"{name} ({columns})" for name, columns in FOLDERS.items() if not self._files(name)]

    @cached_property
    def photographs(self) -> list[Photograph]:
        """Those of the folder, and scenery."""
        pictures = {path.stem: read_picture(path) for path in self._files("photographs")}
        pictures |= {name: np.asarray(getattr(skimage.data, name)()) for name in SCENERY}
        fitted = {name: fit(picture) for name, picture in pictures.items()}
        return [Photograph.of(name, picture, self.judge) for name, picture in fitted.items()]

    @cached_property
    def clips(self) -> list[FollowedClip]:
        """With their motion."""
        return [follow(read_frames(path)) for path in self._files("clips")]

    @cached_property
    def pans(self) -> dict[str, Picture]:
        """Frames by the name of their size."""
        photograph = np.asarray(getattr(skimage.data, PAN_OVER)())
        return {name: sized_pan(photograph, width=width, height=height) for name, (width, height) in PAN_SIZES.items()}

    @cached_property
    def card(self) -> Picture:
        """Letters."""
        return text_card()

    @cached_property
    def judge(self) -> TextureJudge | None:
        """Of textures, if there are features."""
        path = self.folder / "features" / FEATURES
        return TextureJudge(path) if path.is_file() else None

    @cached_property
    def painting_files(self) -> dict[str, str]:
        """Names of the paintings by the SHA-256 (hex) of their files."""
        return {checkpoint_digest(path): path.name for path in self._files("paintings")}

    def painting(self, file: str | None) -> Picture | None:
        """A picture of the folder's paintings, if there is such a file."""
        path = self.folder / "paintings" / file if file else None
        return read_picture(path) if path is not None and path.is_file() else None

    def _files(self, name: str) -> list[Path]:
        folder = self.folder / name
        return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def fit(picture: Picture) -> Picture:
    """The picture 720 pixels high, or 1280 wide; sides are multiples of 4."""
    image = Image.fromarray(picture)
    scale = min(HEIGHT / image.height, MAX_WIDTH / image.width)
    width, height = (int(side * scale) // 4 * 4 for side in image.size)
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))


def read_frames(path: Path) -> Picture:
    """Neighboring frames of a clip, from a third of it on, 360 pixels high: ``(N, H, W, 3)``."""
    with av.open(path) as container:
        num_frames = sum(packet.size > 0 for packet in container.demux(video=0))
    with av.open(path) as container:
        wanted = itertools.islice(container.decode(video=0), num_frames // 3, num_frames // 3 + CLIP_FRAMES)
        images = [frame.to_image() for frame in wanted]
    width = round(images[0].width * CLIP_HEIGHT / images[0].height / 4) * 4
    return np.stack([np.asarray(image.resize((width, CLIP_HEIGHT), Image.Resampling.BOX)) for image in images])
