"""Make the pictures by which people choose: docs/images/gallery-*.jpg, and the one at the top of the README.

Run by hand after the shipped styles have changed: ``python -m bench.make_gallery``, two minutes.
"""

from pathlib import Path
from typing import Final

import numpy as np
import skimage.data
from PIL import Image

from stylize.frame_transform import Picture
from stylize.style.controls.quality import Quality
from stylize.style.engines.engine import StyleTransform, choose_engine
from stylize.style.library import StyleCard, list_styles
from stylize.style.style_sheet import style_sheet

ROOT: Final = Path(__file__).parents[1]
IMAGES: Final = ROOT / "docs" / "images"
QUALITY: Final[Quality] = "best"
HERO: Final = ("starry-night", "great-wave", "scream", "red-vineyard", "composition-vii")
FRAME: Final = 960, 720
"""Photographs are shown to the networks at this size, a film at 720p: the strokes have the width of a delivery's."""


def photographs() -> dict[str, Picture]:
    """A person and a landscape."""
    astronaut = Image.fromarray(skimage.data.astronaut()).crop((0, 0, 512, 384))
    rocket = Image.fromarray(skimage.data.rocket()).crop((40, 7, 600, 427))
    shots = {"person": astronaut, "night": rocket}
    return {name: np.asarray(shot.resize(FRAME, Image.Resampling.LANCZOS)) for name, shot in shots.items()}


def painted(card: StyleCard, frames: dict[str, Picture]) -> dict[str, Picture]:
    """Every photograph in one style."""
    choice = choose_engine(width=FRAME[0], height=FRAME[1])
    transform = StyleTransform.from_checkpoint(card.model_path, choice, quality=QUALITY)
    return dict(zip(frames, transform(np.stack(list(frames.values()))), strict=True))


def main() -> None:
    """Paint everything, write three pictures."""
    frames = photographs()
    in_style = {card.name: painted(card, frames) for card in list_styles(ROOT / "styles")}
    for shot, frame in frames.items():
        pictures = {"the photograph": frame} | {name: pictures[shot] for name, pictures in in_style.items()}
        Image.fromarray(style_sheet(pictures)).save(IMAGES / f"gallery-{shot}.jpg", quality=86)
    hero = {}
    for shot, frame in frames.items():
        hero |= {f"{shot}": frame} | {f"{name} {shot}": in_style[name][shot] for name in HERO}
    rows = [np.concatenate([_small(hero[name]) for name in hero if name.endswith(shot)], axis=1) for shot in frames]
    Image.fromarray(np.concatenate(rows)).save(IMAGES / "before-after.jpg", quality=88)


def _small(picture: Picture) -> Picture:
    return np.asarray(Image.fromarray(picture).resize((320, 240), Image.Resampling.LANCZOS))


if __name__ == "__main__":
    main()
