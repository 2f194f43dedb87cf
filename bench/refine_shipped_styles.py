"""Make the styles that lie in ``styles/``: weights, cards, pictures, from the table ``bench/shipped_styles.toml``.

    python -m bench.refine_shipped_styles --data FOLDER                      all that are not there as the table says
    python -m bench.refine_shipped_styles --data FOLDER --styles scream      these

FOLDER has ``paintings/`` and ``clips/``: frames of the clips, and the photographs inside scikit-image's wheel, are what
is repainted meanwhile; the coffee cup is kept for the metrics and the sample. Interrupted, it goes on where it was. A
style takes some minutes: ``OMP_NUM_THREADS`` says on how many cores, and is part of what makes the same bits.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import skimage.data
from PIL import Image

from stylize import code_versions
from stylize.errors import StyleError
from stylize.sandbox.limits import DecodeLimits
from stylize.style.checkpoint import checkpoint_digest
from stylize.style.controls.quality import QUALITIES, Quality
from stylize.style.library import (
    CARD_FILE,
    MODEL_FILE,
    PAINTING_FILE,
    SAMPLE_FILE,
    StyleCard,
)
from stylize.style.network.any_painting import networks_digest, networks_for
from stylize.style.network.style_network import StyleNet
from stylize.style.pictures import Picture, encode_jpeg, read_style_image, side_by_side
from stylize.style.refining.metrics import pan_error
from stylize.style.refining.photographs import Photographs, gather_photographs
from stylize.style.refining.refine import RefineProgress, preview, refine_style
from stylize.style.refining.refine_checkpoint import Checkpoints
from stylize.style.refining.refine_recipe import RefineRecipe
from stylize.style.style_file import save_style_file

ROOT: Final = Path(__file__).parents[1]
TABLE: Final = ROOT / "bench" / "shipped_styles.toml"
PACKAGED: Final = ("astronaut", "chelsea", "rocket")
"""Of the photographs inside scikit-image's wheel."""

HELD_OUT: Final = "coffee"
SAMPLE_QUALITY: Final[Quality] = "standard"
SAMPLE_HEIGHT: Final = 300
PAINTING_HEIGHT: Final = 320
TOLD: Final = ("stroke_side", "stroke_weight", "face_weight", "seed")
"""What the table may say of the recipe, besides the iterations."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A row of the table: a painting, and what its style is to be."""

    slug: str
    file: str
    title: str
    painting: str
    artist: str
    year: str
    description: str
    suits: str
    style_scale: float
    source: str
    license: str
    border: float
    iterations: int = RefineRecipe().iterations
    told: dict[str, Any] = field(default_factory=dict)

    def recipe(self, painting: Path, iterations: int | None, photographs: Photographs) -> dict[str, Any]:
        """All that makes the weights, as the card says it; ``iterations`` instead of the table's unless None."""
        wanted = self.iterations if iterations is None else iterations
        common = {
            "script": "bench/refine_shipped_styles.py",
            "iterations": wanted,
            "painting_sha256": checkpoint_digest(painting),
            "painting_border": self.border,
            "networks_sha256": networks_digest(),
        }
        if not wanted:
            return common
        refined = RefineRecipe(**self.told, iterations=wanted).to_dict()
        version, names = code_versions.REFINE, photographs.names
        return refined | common | {"version": version, "photographs": names, "held_out": HELD_OUT}


def read_table(path: Path) -> dict[str, Subject]:
    """The rows by name.

    Raises:
        TypeError: a row lacks a field, or has one too many.
    """
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    subjects = {}
    for slug, row in table["styles"].items():
        told = {name: row.pop(name) for name in TOLD if name in row}
        subjects[slug] = Subject(slug=slug, told=told, **(table["defaults"] | row))
    return subjects


def gather(data: Path) -> Photographs:
    """What is repainted meanwhile."""
    needed = RefineRecipe().needed_side
    with tempfile.TemporaryDirectory() as scratch:
        found = gather_photographs([data / "clips"], Path(scratch), needed=needed, limits=DecodeLimits())
    for name in PACKAGED:
        found.add(getattr(skimage.data, name)(), name, needed=needed)
    return found


def without_border(picture: Picture, border: float) -> Picture:
    """The picture without ``border`` (a part of its size) on each side."""
    height, width = picture.shape[:2]
    top, left = round(border * height), round(border * width)
    return np.ascontiguousarray(picture[top : height - top, left : width - left])


def is_present(folder: Path, recipe: dict[str, Any]) -> bool:
    """Whether the style lies there as this recipe makes it."""
    try:
        return StyleCard.read(folder).recipe == json.loads(json.dumps(recipe))
    except StyleError:
        return False


def make(subject: Subject, args: argparse.Namespace, photographs: Photographs) -> None:
    """Make one style, and put its folder in place when it is complete."""
    file, folder = args.data / "paintings" / subject.file, args.output / subject.slug
    recipe = subject.recipe(file, args.iterations, photographs)
    if is_present(folder, recipe):
        sys.stdout.write(f"{subject.slug}: is there\n")
        return
    painting = without_border(read_style_image(file), subject.border)
    started = time.perf_counter()
    checkpoints: dict[Quality, Path] = {
        quality: args.output / f".{subject.slug}-{quality}.refining" for quality in QUALITIES
    }
    networks = (
        refine_style(
            painting=painting,
            photographs=photographs.pictures,
            recipe=RefineRecipe(**subject.told, iterations=recipe["iterations"]),
            on_progress=show_progress,
            checkpoints={quality: Checkpoints.in_file(path) for quality, path in checkpoints.items()},
        )
        if recipe["iterations"]
        else networks_for(painting)
    )
    metrics = {f"pan_error_{quality}": float(f"{_pan_error(network):.4g}") for quality, network in networks.items()}
    card = StyleCard(
        name=subject.slug,
        title=subject.title,
        painting=subject.painting,
        artist=subject.artist,
        year=subject.year,
        source=subject.source,
        license=subject.license,
        description=subject.description,
        suits=subject.suits,
        style_scale=subject.style_scale,
        recipe=recipe,
        metrics=metrics,
        folder=folder,
    )
    place(card, networks, painting)
    for path in checkpoints.values():
        path.unlink(missing_ok=True)
    pans = ", ".join(f"{name} {value * 1e3:.2f}e-3" for name, value in metrics.items())
    sys.stdout.write(f"{subject.slug}: {time.perf_counter() - started:.0f} s, {pans}\n")


def _pan_error(network: StyleNet) -> float:
    return pan_error(network, getattr(skimage.data, HELD_OUT)())


def show_progress(now: RefineProgress) -> None:
    """A line every 50 iterations."""
    if now.iteration % 50 == 0 or now.iteration == 1:
        sys.stdout.write(f"  {now.iteration:5}/{now.iterations}  {now.describe()}\n")
        sys.stdout.flush()


def place(card: StyleCard, networks: dict[Quality, StyleNet], painting: Picture) -> None:
    """Build the folder under a hidden name beside its place, then swap it in."""
    building, replaced = (card.folder.with_name(f".{card.name}.{word}") for word in ("new", "old"))
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    photograph = getattr(skimage.data, HELD_OUT)()
    pair = side_by_side(photograph, preview(networks[SAMPLE_QUALITY], photograph), height=SAMPLE_HEIGHT)
    sample = encode_jpeg(pair, quality=88)
    save_style_file(networks, building / MODEL_FILE, card=card.to_document(), sample_jpeg=sample)
    (building / SAMPLE_FILE).write_bytes(sample)
    (building / PAINTING_FILE).write_bytes(encode_jpeg(_of_height(painting, PAINTING_HEIGHT), quality=88))
    text = json.dumps(card.to_document(), indent=2, ensure_ascii=False) + "\n"
    (building / CARD_FILE).write_text(text, encoding="utf-8")
    shutil.rmtree(replaced, ignore_errors=True)
    if card.folder.exists():
        card.folder.rename(replaced)
    building.rename(card.folder)
    shutil.rmtree(replaced, ignore_errors=True)
    StyleCard.read(card.folder)


def _of_height(picture: Picture, height: int) -> Picture:
    width = round(picture.shape[1] * height / picture.shape[0])
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the chosen styles one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with paintings/ and clips/")
    parser.add_argument("--styles", nargs="+", metavar="NAME", help="styles of the table; default: all")
    parser.add_argument("--iterations", type=int, help="for each quality, instead of the table's; 0: do not refine")
    parser.add_argument("--table", type=Path, default=TABLE, help="the table of styles")
    parser.add_argument("--output", type=Path, default=ROOT / "styles", help="where the folders of styles lie")
    args = parser.parse_args(arguments)
    subjects = read_table(args.table)
    if unknown := sorted({*(args.styles or [])} - subjects.keys()):
        parser.error(f"{unknown[0]!r} is not in {args.table.name}: expected {', '.join(subjects)}")
    args.output.mkdir(parents=True, exist_ok=True)
    photographs = gather(args.data)
    for name in args.styles or subjects:
        make(subjects[name], args, photographs)


if __name__ == "__main__":
    main()
