"""Rows whose verdict is known beforehand: a table that gets them wrong measures something else."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from bench.looks_data import LooksData
from bench.looks_rows import Painting
from bench.networks.any_painting_2017 import Published
from stylize.style.engines.engine import EngineChoice, StyleTransform
from stylize.style.library import MODEL_FILE, RETIRED
from stylize.style.looks.motion import Paint
from stylize.style.looks.table import MOTION
from stylize.style.pictures import Picture

BLUR_PIXELS: Final = 2

PAINTINGS: Final = (
    "hokusai_great_wave.jpg",
    "munch_the_scream.jpg",
    "turner_shipwreck_of_the_minotaur.jpg",
    "van_gogh_starry_night.jpg",
    "picabia_udnie.jpg",
    "kandinsky_composition_vii.jpg",
)
"""Of the color transfers and of the untuned network."""

RETIRED_STYLES: Final = {
    "great-wave": PAINTINGS[0],
    "lanterns": None,
    "minotaur": PAINTINGS[2],
    "scream": PAINTINGS[1],
    "starry-night": PAINTINGS[3],
}
"""What they paint like, where there is a file."""

UNTUNED_EXEMPT: Final = (*MOTION, "faces_kept")
"""The untuned network flickers, and loses 5 to 15 of 100 faces: a shipped style may not."""


@dataclass(frozen=True, kw_only=True)
class Control:
    """A row, and what must come out.

    Attributes:
        name: of the row.
        kind: stands in the column of the quality.
        paint: what is measured.
        painting: what it is compared with.
        should_pass: the expected verdict.
        exempt: columns that do not count.
        failing: columns that must be among those that fail.
    """

    name: str
    kind: str
    paint: Paint
    painting: Painting | None
    should_pass: bool = False
    exempt: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()


def controls(data: LooksData, styles: Path, published: Published | None, choice: EngineChoice) -> Iterator[Control]:
    """All that can be made with what is there."""
    paintings = {name: Painting(name, it, data.judge) for name in PAINTINGS if (it := data.painting(name)) is not None}
    first = next(iter(paintings.values()), None)
    unlike = ("nearness",) if data.judge and first else ()
    yield Control(name="unchanged source", kind="control", paint=np.copy, painting=first, failing=unlike)
    yield Control(name="blurred source", kind="control", paint=blur, painting=first, failing=unlike)
    for painting in paintings.values() if data.judge else ():  # nothing else tells them from a style
        yield Control(
            name=f"colors of {Path(painting.name).stem}",
            kind="color transfer",
            paint=painting.transfer_colors,
            painting=painting,
            failing=("nearness",),
        )
    faceless = ("faces_kept",) if any(len(photograph.boxes) for photograph in data.photographs) else ()
    for style, file in RETIRED_STYLES.items():
        path = styles / RETIRED / style / MODEL_FILE
        if path.is_file():
            network = StyleTransform.from_checkpoint(path, choice)
            painting = paintings.get(file or "")
            yield Control(name=style, kind="retired", paint=network, painting=painting, failing=faceless)
    if published is None:
        return
    for painting in paintings.values():
        yield Control(
            name=Path(painting.name).stem,
            kind="untuned any-painting",
            paint=published.painter(painting.picture),
            painting=painting,
            should_pass=True,
            exempt=UNTUNED_EXEMPT,
        )


def blur(frames: Picture) -> Picture:
    """Frames ``(N, H, W, 3)`` under a Gaussian of 2 pixels."""
    blurred = [Image.fromarray(frame).filter(ImageFilter.GaussianBlur(BLUR_PIXELS)) for frame in frames]
    return np.stack([np.asarray(image) for image in blurred])
